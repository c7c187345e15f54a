//! A hostile machine on the network of a class, for `tests/hostile`: `hostile ATTACK KEY=VALUE…`.
//!
//! Speaks the real protocol, but does what no honest device does. Refuses to start where it sees an
//! interface that no test made. Prints JSON lines: `ready` when the attack begins, `did` with what
//! it has done so far, each second. Ends when it is interrupted.
//!
//! | attack | keys | does |
//! |---|---|---|
//! | `packets` | `to`, `rate` | sends small datagrams of every kind of nonsense |
//! | `announcements` | `to`, `rate` | sends announcements of sessions with signatures that are none |
//! | `asks` | `to`, `rate` | asks for sessions, as if to be dialled back |
//! | `fake` | `to`, `name`, `title`, `institution` | announces a session of its own: self-signed, or (`institution=heard`) under a certificate of the institution that is heard, which never signed it |
//! | `replay` | `to` | takes announcements from the air and sends them again: as they were, altered, cut off, with more behind them |
//! | `connect` | `to`, `rate`, `from`, `addresses` | opens connections and says nothing |
//! | `garbage` | `to`, `rate`, `from`, `addresses` | opens connections and sends bytes that are no handshake |
//! | `trickle` | `to`, `rate`, `from`, `addresses` | begins a handshake and goes on by a byte a second |
//! | `frames` | `to` | proves a device key, then sends frames that cannot be, one connection for each |
//! | `forge` | `to` | joins, then sends entries it may not write, altered, replayed and out of order |
//! | `talk` | `to`, `age` | joins, then writes as many messages as the links carry, dated back by `age` seconds |
//! | `lie` | `to` | joins, says that it has everything, and gives nothing |
//! | `poison` | `to` | joins, says that it has everything, and gives other bytes |
//! | `leech` | `to` | joins, asks everybody for everything again and again, and gives nothing |
//! | `names` | `title`, `students`, `honest`, `outside` | teaches, and shares files whose names try to leave the folder or to mislead |
//! | `manifests` | `title`, `students`, `honest` | teaches, and shares sets whose manifests lie |
//! | `disk` | `title`, `students`, `honest` | teaches, and shares more than any disk has, and more sets than anybody takes |
//! | `entries` | `title`, `students`, `honest` | teaches, and writes entries that contradict each other or are no entries |

mod connections;
mod datagrams;
mod frames;
mod lies;
mod member;
mod sets;
mod teacher;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::net::IpAddr;
use std::str::FromStr;

use serde_json::{Value, json};

/// What went wrong before the attack began.
type Failure = Box<dyn Error>;

/// The words after the attack's name.
pub struct Words(BTreeMap<String, String>);

impl Words {
    /// The value of a key.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<T, Failure>
    where
        T::Err: Error + 'static,
    {
        let value = self.0.get(key).ok_or(format!("{key}=… is missing"))?;
        Ok(value.parse()?)
    }

    /// The value of a key, or another one where it is not given.
    pub fn or<T: FromStr>(&self, key: &str, other: T) -> Result<T, Failure>
    where
        T::Err: Error + 'static,
    {
        self.0
            .get(key)
            .map_or(Ok(other), |value| Ok(value.parse()?))
    }
}

/// Prints a line.
pub fn tell(event: &str, more: Value) {
    let mut line = json!({ "event": event });
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    let mut out = std::io::stdout().lock();
    // Whoever listened is gone: so is the test.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

/// Test networks have these names and no others; see `tests/lab/lib/net.py`.
fn only_made_interfaces() -> Result<(), Failure> {
    for interface in if_addrs::get_if_addrs()? {
        let made = interface.name == "lo" || interface.name.starts_with("eth");
        let test = match interface.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[..2] == [10, 60],
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        if !made || !test {
            return Err(format!(
                "{} ({}) is no network of a test: nothing is sent",
                interface.name,
                interface.ip()
            )
            .into());
        }
    }
    Ok(())
}

fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let attack = arguments.next().ok_or("which attack?")?;
    let words = arguments
        .map(|word| match word.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!("{word}: not of the form key=value")),
        })
        .collect::<Result<_, _>>()?;
    let words = Words(words);
    only_made_interfaces()?;
    match attack.as_str() {
        "packets" | "announcements" | "asks" => datagrams::flood(&attack, &words),
        "fake" => datagrams::fake(&words),
        "replay" => datagrams::replay(&words),
        "connect" | "garbage" | "trickle" => connections::flood(&attack, &words),
        "frames" => frames::send(&words),
        "names" | "manifests" | "disk" | "entries" => teacher::teach(&attack, &words),
        "forge" | "talk" | "lie" | "poison" | "leech" => member::attack(&attack, &words),
        other => Err(format!("there is no attack {other}").into()),
    }
}

fn main() {
    if let Err(error) = run() {
        eprintln!("hostile: {error}");
        std::process::exit(1);
    }
}
