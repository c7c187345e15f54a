//! Whole files only: made beside their place, then renamed.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::KeyError;
use crate::platform::files;

/// Longest file that is read: far above any real one.
const MAX_FILE: u64 = 4 << 20;

/// Whether a file may take the place of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Never: it is an error.
    Nothing,
    /// The old one goes.
    Older,
}

/// Makes a folder with mode 0700, and those above it, unless it is there.
pub(super) fn make_folder(path: &Path) -> Result<(), KeyError> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent).map_err(KeyError::io("make the folder", parent))?;
    }
    files::create_private_folder(path).map_err(KeyError::io("make the folder", path))
}

/// Writes a file with mode 0600, whole or not at all, and to the disk before it returns.
pub(super) fn write(path: &Path, bytes: &[u8], over: Over) -> Result<(), KeyError> {
    let (temporary, file) = beside(path)?;
    let done = fill(file, bytes).and_then(|()| match over {
        Over::Nothing => files::rename_no_replace(&temporary, path),
        Over::Older => fs::rename(&temporary, path),
    });
    if let Err(source) = done {
        // The temporary file may be gone already; there is nothing more to do about it.
        let _ = fs::remove_file(&temporary);
        return Err(if source.kind() == io::ErrorKind::AlreadyExists {
            KeyError::Exists {
                path: path.to_owned(),
            }
        } else {
            KeyError::io("write", path)(source)
        });
    }
    // A folder that cannot be synced (a memory stick, a network disk) still has the file.
    let _ = files::sync_folder(&folder(path));
    Ok(())
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A new file beside `path`, with a name that nobody else uses.
fn beside(path: &Path) -> Result<(PathBuf, File), KeyError> {
    let random = getrandom::u64()?;
    let temporary = folder(path).join(format!(".handout-{random:016x}.tmp"));
    let file = files::create_private(&temporary).map_err(KeyError::io("write", path))?;
    Ok((temporary, file))
}

/// Reads a whole file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyError::io("read", path)(source)),
    };
    let length = file.metadata().map_err(KeyError::io("read", path))?.len();
    let too_long = || KeyError::NotHandout {
        from: path.display().to_string(),
        detail: "it is far too long".into(),
    };
    if length > MAX_FILE {
        return Err(too_long());
    }
    // Room for all of it at once, so that no half of a secret stays behind in freed memory.
    let room = usize::try_from(length).map_err(|_| too_long())? + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(KeyError::io("read", path))?;
    Ok(Some(bytes))
}

/// Reads a whole file that must be there.
pub(super) fn read_existing(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    read(path)?.ok_or_else(|| KeyError::io("read", path)(io::ErrorKind::NotFound.into()))
}

/// Files in `folder` whose names end in `.json`, and not in `.something.json`; sorted.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(KeyError::io("read the folder", folder)(source)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(KeyError::io("read the folder", folder))?
            .path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if path.extension().is_some_and(|ext| ext == "json") && !stem.contains('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Holds `<path>.lock` while `f` runs, so that two programs do not read and write in turns.
pub(super) fn locked<T>(
    path: &Path,
    f: impl FnOnce() -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let lock = path.with_extension("lock");
    let file = files::open_part(&lock).map_err(KeyError::io("open", &lock))?;
    // Where the system has no locks, two programs at once are rare enough.
    let _ = file.lock();
    f()
}
