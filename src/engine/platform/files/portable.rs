//! Files with the standard library alone.
// Linux takes a part of these only.
#![allow(dead_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(crate) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // No hard links on this file system: claim the name with an empty file, then replace
        // that one of ours.
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).open(to)?;
            fs::rename(from, to).inspect_err(|_| {
                // The claim is ours; if it cannot be removed, an empty file stays.
                let _ = fs::remove_file(to);
            })
        }
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(crate) fn create_folder(path: &Path, builder: &fs::DirBuilder) -> io::Result<()> {
    builder.create(path)
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn free_space(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn is_remote(_: &Path) -> bool {
    false
}

pub(crate) fn is_network(_: &Path) -> bool {
    false
}

pub(crate) fn sync_file_system(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn sync(file: &File) -> io::Result<()> {
    file.sync_data()
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(crate) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(not_plain()),
        _ => {}
    }
    only_plain(options.open(path)?)
}

/// The file again, if it is a plain one.
pub(crate) fn only_plain(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(not_plain())
    }
}

/// How anything but a plain file is refused.
pub(crate) fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")
}

pub(crate) fn set_len(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)
}

/// A file has one position for all threads: one of them at a time.
static POSITION: Mutex<()> = Mutex::new(());

pub(crate) fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let _one = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

pub(crate) fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let _one = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}
