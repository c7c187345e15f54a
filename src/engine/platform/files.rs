//! Files: what the standard library does not offer, or not everywhere.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
mod linux;
mod portable;
#[cfg(all(test, unix))]
pub(crate) mod recorded;

#[cfg(all(target_os = "linux", not(test)))]
use linux as system;
#[cfg(not(any(target_os = "linux", all(test, unix))))]
use portable as system;
#[cfg(all(test, unix))]
use recorded as system;

/// Gives a file its final name, in one step and never over anything that is there:
/// [`io::ErrorKind::AlreadyExists`] then. Both names must be on one file system.
pub fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    system::rename_no_replace(from, to)
}

/// Gives a file another name, in the place of what had it. Both names must be on one file system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    system::rename(from, to)
}

/// Takes the name of a file away.
pub fn remove(path: &Path) -> io::Result<()> {
    system::remove(path)
}

/// Makes a folder in one that is there: [`io::ErrorKind::AlreadyExists`] where anything has its name.
pub fn create_folder(path: &Path) -> io::Result<()> {
    system::create_folder(path, &fs::DirBuilder::new())
}

/// Bytes that an ordinary user can still write to the file system of `path`; `None` where the
/// system does not say.
pub fn free_space(path: &Path) -> io::Result<Option<u64>> {
    system::free_space(path)
}

/// Whether `path` is on another machine's disk, or on something else where shared memory and locks
/// of files are not to be relied on. `false` where the system does not say.
pub fn is_remote(path: &Path) -> bool {
    system::is_remote(path)
}

/// Whether `path` is on another machine's disk for certain. `false` where the system does not say.
pub fn is_network(path: &Path) -> bool {
    system::is_network(path)
}

/// Writes everything of the file system that `file` is on to the disk. Cheaper than file by file
/// when there are many. [`io::ErrorKind::Unsupported`] where there is no such call.
pub fn sync_file_system(file: &File) -> io::Result<()> {
    system::sync_file_system(file)
}

/// Writes the bytes of a file and its length to the disk; what it is called is the folder's.
pub fn sync(file: &File) -> io::Result<()> {
    system::sync(file)
}

/// Writes the entries of a folder to the disk, so that a rename in it survives a power cut.
/// Nothing where folders cannot be synced.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    system::sync_folder(path)
}

/// Opens a plain file for reading. Links are not followed, and a pipe or device is refused
/// without waiting for it.
pub fn open_plain(path: &Path) -> io::Result<File> {
    system::open_plain(path, OpenOptions::new().read(true))
}

/// Opens or makes a plain file for reading and writing, keeping what is in it. Links are not
/// followed.
pub fn open_part(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    system::open_plain(
        path,
        options.read(true).write(true).create(true).truncate(false),
    )
}

/// Opens a plain file that is there for reading and writing. Links are not followed.
pub fn open_existing(path: &Path) -> io::Result<File> {
    system::open_plain(path, OpenOptions::new().read(true).write(true))
}

/// Makes a new file that only its owner can read and write, where the system knows owners.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder that only its owner can enter, where the system knows owners. One that is there
/// already is left as it is; anything else under that name, a link too, is an error.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match system::create_folder(path, &builder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::symlink_metadata(path)?.is_dir() {
                Ok(())
            } else {
                Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "it is not a folder",
                ))
            }
        }
        other => other,
    }
}

/// Fills `buffer` from the bytes of `file` at `offset`; several threads may share the file.
pub fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    system::read_exact_at(file, buffer, offset)
}

/// Makes a file so long, in bytes: it ends there, or is zero from where it ended.
pub fn set_len(file: &File, length: u64) -> io::Result<()> {
    system::set_len(file, length)
}

/// Writes all of `bytes` to `file` at `offset`; several threads may share the file.
pub fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    system::write_all_at(file, bytes, offset)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The functions that exist twice.
    struct System {
        rename_no_replace: fn(&Path, &Path) -> io::Result<()>,
        sync_folder: fn(&Path) -> io::Result<()>,
        open_plain: fn(&Path, &mut OpenOptions) -> io::Result<File>,
        read_exact_at: fn(&File, &mut [u8], u64) -> io::Result<()>,
        write_all_at: fn(&File, &[u8], u64) -> io::Result<()>,
    }

    macro_rules! system {
        ($from:ident) => {
            System {
                rename_no_replace: $from::rename_no_replace,
                sync_folder: $from::sync_folder,
                open_plain: $from::open_plain,
                read_exact_at: $from::read_exact_at,
                write_all_at: $from::write_all_at,
            }
        };
    }

    const BOTH: [System; 2] = [system!(linux), system!(portable)];

    #[test]
    fn a_rename_never_replaces() {
        for system in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
            fs::write(&from, "new").unwrap();
            fs::write(&to, "old").unwrap();
            let error = (system.rename_no_replace)(&from, &to).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&to).unwrap(), "old");
            fs::remove_file(&to).unwrap();
            (system.rename_no_replace)(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), "new");
            assert!(!from.exists());
            (system.sync_folder)(dir.path()).unwrap();
        }
    }

    #[test]
    fn bytes_go_where_they_belong() {
        for system in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let file = open_part(&dir.path().join("part")).unwrap();
            (system.write_all_at)(&file, b"world", 6).unwrap();
            (system.write_all_at)(&file, b"hello ", 0).unwrap();
            let mut all = [0; 11];
            (system.read_exact_at)(&file, &mut all, 0).unwrap();
            assert_eq!(&all, b"hello world");
            let error = (system.read_exact_at)(&file, &mut all, 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn links_and_pipes_are_not_opened() {
        for system in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let [file, link, pipe] = ["file", "link", "pipe"].map(|name| dir.path().join(name));
            fs::write(&file, "x").unwrap();
            std::os::unix::fs::symlink(&file, &link).unwrap();
            let (cwd, kind) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
            rustix::fs::mknodat(cwd, &pipe, kind, rustix::fs::Mode::RUSR, 0).unwrap();
            let open = |path: &Path| (system.open_plain)(path, OpenOptions::new().read(true));
            assert!(open(&file).is_ok());
            for path in [&link, &pipe, dir.path()] {
                assert!(open(path).is_err(), "{}", path.display());
            }
        }
    }

    #[test]
    fn free_space_is_known_here() {
        assert!(free_space(Path::new("/")).unwrap().unwrap() > 0);
        assert_eq!(portable::free_space(Path::new("/")).unwrap(), None);
        assert!(!portable::is_remote(Path::new("/")));
    }

    #[test]
    fn private_means_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let [file, folder] = ["file", "folder"].map(|name| dir.path().join(name));
        create_private(&file).unwrap();
        create_private_folder(&folder).unwrap();
        create_private_folder(&folder).unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(create_private(&file).is_err());
        assert!(create_private_folder(&file).is_err());
    }
}
