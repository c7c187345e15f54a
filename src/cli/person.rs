//! Who is sitting here, when nobody said so.

use std::env;
use std::fs;

use handout_engine::api::Person;

/// The person of this login at this machine.
pub fn person(name: Option<&str>, roll: Option<&str>) -> Person {
    let name = name.map_or_else(full_name, str::to_owned);
    Person {
        name: cut(&name, 64),
        roll: cut(roll.unwrap_or_default(), 32),
        machine: cut(&machine(), 64),
    }
}

/// The login's full name, or the login.
fn full_name() -> String {
    let login = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|variable| env::var(variable).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "student".to_owned());
    fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|accounts| gecos(&accounts, &login))
        .unwrap_or(login)
}

/// The full name of a login in the text of an accounts file.
fn gecos(accounts: &str, login: &str) -> Option<String> {
    let account = accounts
        .lines()
        .find(|line| line.split(':').next() == Some(login))?;
    let name = account.split(':').nth(4)?.split(',').next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The machine's name.
fn machine() -> String {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|file| fs::read_to_string(file).ok())
        .or_else(|| env::var("COMPUTERNAME").ok())
        .or_else(|| env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "computer".to_owned())
}

/// At most `limit` bytes of a text, whole characters.
fn cut(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_comes_from_the_accounts_file() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nasha:x:1000:1000:Asha Rawat,,,:/home/asha:/bin/sh\nci:x:9:9::/:/bin/sh\n";
        assert_eq!(gecos(accounts, "asha").as_deref(), Some("Asha Rawat"));
        assert_eq!(gecos(accounts, "ci"), None);
        assert_eq!(gecos(accounts, "nobody"), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("éééé", 5), "éé");
        assert_eq!(cut("abc", 64), "abc");
    }
}
