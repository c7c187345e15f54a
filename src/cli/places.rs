//! The folders that are used when none are named.

use std::env;
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Name of our folder inside the user's folders.
const OWN: &str = "handout";

/// Where keys and history are kept by default.
pub fn data_dir() -> Result<PathBuf, Failure> {
    if let Some(dir) = absolute("XDG_DATA_HOME") {
        return Ok(dir.join(OWN));
    }
    if cfg!(windows)
        && let Some(dir) = absolute("APPDATA")
    {
        return Ok(dir.join(OWN));
    }
    Ok(home()?.join(".local/share").join(OWN))
}

/// Where received files go by default: `Handout` in the user's download folder.
pub fn receive_dir() -> Result<PathBuf, Failure> {
    let home = home()?;
    let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let downloads = std::fs::read_to_string(config.join("user-dirs.dirs"))
        .ok()
        .and_then(|dirs| download_dir(&dirs, &home))
        .unwrap_or_else(|| home.join("Downloads"));
    Ok(downloads.join("Handout"))
}

/// The download folder of an xdg-user-dirs file.
fn download_dir(dirs: &str, home: &Path) -> Option<PathBuf> {
    let value = dirs
        .lines()
        .find_map(|line| line.trim().strip_prefix("XDG_DOWNLOAD_DIR="))?;
    let value = value.trim().trim_matches('"');
    let path = match value.strip_prefix("$HOME") {
        Some(rest) => home.join(rest.trim_start_matches('/')),
        None => PathBuf::from(value),
    };
    path.is_absolute().then_some(path)
}

/// The user's home folder.
fn home() -> Result<PathBuf, Failure> {
    absolute("HOME")
        .or_else(|| absolute("USERPROFILE"))
        .ok_or_else(|| {
            Failure::failed("there is no home folder: HOME is not set")
                .hint("name the folders with --data-dir and --save")
        })
}

/// An environment variable that holds an absolute path.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_download_folder_is_read_from_user_dirs() {
        let home = Path::new("/home/asha");
        let dirs = "# made by xdg-user-dirs-update\nXDG_DOWNLOAD_DIR=\"$HOME/Téléchargements\"\n";
        let expected = Some(PathBuf::from("/home/asha/Téléchargements"));
        assert_eq!(download_dir(dirs, home), expected);
        let absolute = "XDG_DOWNLOAD_DIR=\"/srv/dl\"";
        assert_eq!(download_dir(absolute, home), Some(PathBuf::from("/srv/dl")));
        assert_eq!(download_dir("XDG_DOWNLOAD_DIR=\"here\"", home), None);
        assert_eq!(download_dir("", home), None);
    }
}
