//! For tests: what the system offers, and a record of what a thread changes on the disk with it.
//!
//! Nothing is recorded, and everything is as ever, where a thread did not ask for it by [`start`]. While it is recorded,
//! nothing is really synced: what a power cut leaves is made out of the record.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(not(target_os = "linux"))]
use super::portable as system;

/// Something that was done to the disk. Paths are below the folder that is recorded, files have numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// A folder was made.
    Folder(PathBuf),
    /// An empty file was made.
    Create(PathBuf, usize),
    /// Bytes were written at an offset.
    Write(usize, u64, Vec<u8>),
    /// A file was made so long.
    Length(usize, u64),
    /// A file got another name, in the place of what had it.
    Rename(PathBuf, PathBuf),
    /// A file lost its name.
    Remove(PathBuf),
    /// The bytes of a file are on the disk.
    Sync(usize),
    /// What a folder lists is on the disk.
    SyncFolder(PathBuf),
    /// Everything is on the disk.
    SyncAll,
}

/// A folder before the record begins: its folders, and its files with their numbers and bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) files: Vec<(PathBuf, usize, Vec<u8>)>,
}

struct Record {
    root: PathBuf,
    before: Before,
    ops: Vec<Op>,
    /// The numbers of files by what the system calls them.
    numbers: BTreeMap<(u64, u64), usize>,
    files: usize,
    /// After so many operations the program has died: no other one is done.
    dies: usize,
}

thread_local! {
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

/// Begins to record what this thread changes below a folder, in the place of an earlier record.
pub(crate) fn start(root: &Path) {
    let mut record = Record {
        root: root.to_owned(),
        before: Before::default(),
        ops: Vec::new(),
        numbers: BTreeMap::new(),
        files: 0,
        dies: usize::MAX,
    };
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            let meta = fs::symlink_metadata(root.join(&path)).unwrap();
            if meta.is_dir() {
                record.before.folders.push(path.clone());
                folders.push(path);
            } else {
                let number = record.add(&meta);
                let bytes = fs::read(root.join(&path)).unwrap();
                record.before.files.push((path, number, bytes));
            }
        }
    }
    RECORD.set(Some(record));
}

/// Ends the record.
pub(crate) fn stop() -> (Before, Vec<Op>) {
    let record = RECORD.take().expect("it was started");
    (record.before, record.ops)
}

/// How many operations there were so far.
pub(crate) fn count() -> usize {
    RECORD.with_borrow(|record| record.as_ref().map_or(0, |record| record.ops.len()))
}

/// The program dies when there were so many operations: from then on each fails and nothing changes. It lives again when it is
/// told to die later.
pub(crate) fn die_after(ops: usize) {
    RECORD.with_borrow_mut(|record| record.as_mut().unwrap().dies = ops);
}

/// Whether it has died.
pub(crate) fn is_dead() -> bool {
    RECORD.with_borrow(|record| record.as_ref().is_some_and(|r| r.ops.len() >= r.dies))
}

impl Record {
    fn add(&mut self, meta: &fs::Metadata) -> usize {
        self.numbers.insert((meta.dev(), meta.ino()), self.files);
        self.files += 1;
        self.files - 1
    }

    fn number(&self, file: &File) -> Option<usize> {
        let meta = file.metadata().unwrap();
        self.numbers.get(&(meta.dev(), meta.ino())).copied()
    }

    fn below(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }
}

/// Does what changes the disk and notes it; `op` is `None` for what is outside of the recorded folder.
fn note<T>(
    op: impl FnOnce(&mut Record, &T) -> Option<Op>,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    if is_dead() {
        return Err(io::Error::other("the program has died"));
    }
    let done = work()?;
    RECORD.with_borrow_mut(|record| {
        if let Some(record) = record
            && let Some(op) = op(record, &done)
        {
            record.ops.push(op);
        }
    });
    Ok(done)
}

/// Syncs unless it is recorded.
fn note_sync(
    op: impl FnOnce(&Record) -> Option<Op>,
    sync: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    if RECORD.with_borrow(Option::is_some) {
        note(|record, ()| op(record), || Ok(()))
    } else {
        sync()
    }
}

pub(super) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    let op =
        |record: &mut Record, (): &()| Some(Op::Rename(record.below(from)?, record.below(to)?));
    note(op, || system::rename_no_replace(from, to))
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let op =
        |record: &mut Record, (): &()| Some(Op::Rename(record.below(from)?, record.below(to)?));
    note(op, || system::rename(from, to))
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    let op = |record: &mut Record, (): &()| Some(Op::Remove(record.below(path)?));
    note(op, || system::remove(path))
}

pub(super) fn create_folder(path: &Path, builder: &DirBuilder) -> io::Result<()> {
    let op = |record: &mut Record, (): &()| Some(Op::Folder(record.below(path)?));
    note(op, || system::create_folder(path, builder))
}

pub(super) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok() || RECORD.with_borrow(Option::is_none) {
        return system::open_plain(path, options);
    }
    let op = |record: &mut Record, file: &File| {
        let number = record.add(&file.metadata().unwrap());
        Some(Op::Create(record.below(path)?, number))
    };
    note(op, || system::open_plain(path, options))
}

pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let op = |record: &mut Record, (): &()| {
        Some(Op::Write(record.number(file)?, offset, bytes.to_vec()))
    };
    note(op, || system::write_all_at(file, bytes, offset))
}

pub(super) fn set_len(file: &File, length: u64) -> io::Result<()> {
    let op = |record: &mut Record, (): &()| Some(Op::Length(record.number(file)?, length));
    note(op, || system::set_len(file, length))
}

pub(super) fn sync(file: &File) -> io::Result<()> {
    note_sync(
        |record| Some(Op::Sync(record.number(file)?)),
        || system::sync(file),
    )
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    note_sync(
        |record| Some(Op::SyncFolder(record.below(path)?)),
        || system::sync_folder(path),
    )
}

pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    note_sync(|_| Some(Op::SyncAll), || system::sync_file_system(file))
}

pub(super) fn free_space(path: &Path) -> io::Result<Option<u64>> {
    system::free_space(path)
}

pub(super) fn is_remote(path: &Path) -> bool {
    system::is_remote(path)
}

pub(super) fn is_network(path: &Path) -> bool {
    system::is_network(path)
}

pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    system::read_exact_at(file, buffer, offset)
}
