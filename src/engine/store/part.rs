//! A set that is received: verified chunks in part files, until each file is whole.
//!
//! Everything of a set is in `.handout/<set>/` inside the receive folder, so that the last step of
//! each file is a rename within one file system: a part file for each file, and the journal.
//! [`ReceiveSet::write_chunk`] may be called from several threads at once; [`ReceiveSet::settle`] is to be
//! called every second or two, and at the end.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::bits::Bits;
use super::fault::{DiskFault, Doing as _};
use super::journal::{Journal, Placed, Record};
use super::place::SavedCopy;
use super::pool::FilePool;
use crate::buffers;
use crate::core::ids::{ChunkIndex, FileIndex, Hash, SetId, Version};
use crate::core::layout::{Layout, Segment};
use crate::core::names::SafePath;
use crate::core::tree::chunk_hash;
use crate::core::wire::statements::{FailReason, FileEntry};
use crate::platform::files;

mod open;
mod search;
mod settle;

pub use search::{Local, Names, Search};
pub use settle::{SavedFile, Settled};

/// Bytes of the disk that stay free, unless set otherwise.
pub const DEFAULT_RESERVE: u64 = 512 * 1024 * 1024;
/// Chunks after which [`ReceiveSet::wants_settling`].
const SETTLE_CHUNKS: u32 = 64;

/// So much of the free space beyond the reserve is written before it is looked at again, ...
const SPACE_SHARE: u64 = 16;
/// ... and at most so many bytes.
const MOST_UNLOOKED: u64 = 16 * 1024 * 1024;

/// What is to be received, and where.
#[derive(Debug, Clone)]
pub struct ReceiveSpec {
    /// The set.
    pub set: SetId,
    /// The version of the item that it is.
    pub version: Version,
    /// Size of a chunk in bytes.
    pub chunk_size: u32,
    /// The files with safe and unique paths, from a checked manifest.
    pub files: Vec<FileEntry>,
    /// The folder that the files go to; made when missing.
    pub folder: PathBuf,
    /// Copies of the item's earlier versions that were saved in the same folder.
    pub previous: Vec<SavedCopy>,
    /// Bytes of the disk that stay free.
    pub reserve: u64,
}

/// A set that is received, or was and is served.
#[derive(Debug)]
pub struct ReceiveSet {
    set: SetId,
    version: Version,
    layout: Layout,
    paths: Vec<SafePath>,
    folder: PathBuf,
    parts: PathBuf,
    previous: Vec<SavedCopy>,
    reserve: u64,
    pool: Arc<FilePool>,
    owner: u64,
    state: Mutex<State>,
    /// A chunk is no longer being written.
    written: Condvar,
    /// One [`ReceiveSet::settle`] at a time.
    settling: Mutex<()>,
}

#[derive(Debug)]
struct State {
    journal: Journal,
    /// Hashes from the first chunk on.
    hashes: Vec<Hash>,
    root: Option<Hash>,
    /// Chunks that are verified and can be read.
    held: Bits,
    /// Chunks that this run of the program wrote, synced, read again and found as they must be. Those are not read that share
    /// their bytes with a saved file, which its reader may have changed.
    checked: Bits,
    /// Chunks that the next [`ReceiveSet::settle`] is to check.
    unchecked: BTreeSet<u32>,
    /// Chunks that a thread is writing.
    writing: BTreeSet<u32>,
    /// Threads that wait until one of them is written.
    waiting: usize,
    files: Vec<FileState>,
    /// Whole files that have no final name yet.
    ready: BTreeSet<u32>,
    /// Part files with data that was not synced.
    dirty: BTreeSet<u32>,
    /// Folders that list those above the journal, which may not be on the disk yet.
    above: BTreeSet<PathBuf>,
    /// Folders of files with final names that are on the disk themselves.
    listed: BTreeSet<PathBuf>,
    /// Chunks written since the last checkpoint began.
    unsynced: u32,
    /// Some of it was written by an earlier run of the program.
    recovered: bool,
    /// How often the disk had lost something when it was looked at.
    losses: u32,
}

#[derive(Debug)]
struct FileState {
    /// Chunks that are missing in the part file.
    missing: u32,
    /// The name of its part file is on the disk.
    listed: bool,
    /// Its hash, where it is a part of one checked chunk.
    hash: Option<Hash>,
    /// Where it was saved.
    saved: Option<Placed>,
}

/// What became of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is verified and written, now or before.
    Stored,
    /// Its length or hash is wrong; nothing was written.
    Bad,
    /// Its hash is not known yet; nothing was written.
    NoHash,
    /// The disk did not take it.
    Failed(DiskFault),
}

/// A chunk that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkRead {
    /// Its bytes, verified just now.
    Bytes(Arc<[u8]>),
    /// It is not here.
    NotHeld,
    /// It was here, but its bytes are gone or changed: it is no longer claimed.
    Lost,
    /// The disk did not give it; that may pass.
    Failed(DiskFault),
}

impl ReceiveSet {
    /// Which set it is.
    pub const fn set(&self) -> SetId {
        self.set
    }

    /// The chunk space.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The chunks that are verified here, as sorted inclusive ranges.
    pub fn held(&self) -> Vec<(u32, u32)> {
        self.lock().held.ranges()
    }

    /// How many chunks have their hashes, from the first on.
    pub fn hashed_chunks(&self) -> u32 {
        count(self.lock().hashes.len())
    }

    /// Takes hashes out of checked pages: those of the chunks from `first` on, without a gap to the
    /// ones before. What is known already is passed over.
    pub fn add_hashes(&self, first: ChunkIndex, hashes: &[Hash]) -> Result<(), DiskFault> {
        let mut state = self.lock();
        let known = count(state.hashes.len());
        let end = first.0.saturating_add(count(hashes.len()));
        if first.0 > known || end > self.layout.chunks() {
            let text = "the hashes do not follow the ones before";
            return Err(self.bad_manifest(text));
        }
        let skip = (known - first.0) as usize;
        if skip >= hashes.len() {
            return Ok(());
        }
        let new = &hashes[skip..];
        state
            .journal
            .append_hashes(known, new)
            .doing("write", &self.journal_path())?;
        state.hashes.extend_from_slice(new);
        Ok(())
    }

    /// Takes the hash over the whole-file hashes out of the final page. No file gets its final
    /// name before: only then it is certain that the source did not change while it was read.
    pub fn set_root(&self, root: Hash) {
        self.lock().root = Some(root);
    }

    /// Checks a chunk against its hash and writes it.
    pub fn write_chunk(&self, chunk: ChunkIndex, bytes: &[u8]) -> Written {
        let Some(&hash) = self.lock().hashes.get(chunk.0 as usize) else {
            return Written::NoHash;
        };
        if bytes.len() != self.layout.chunk_len(chunk) as usize
            || chunk_hash(&self.layout, chunk, bytes) != hash
        {
            return Written::Bad;
        }
        let Some(segments) = self.begin_writing(chunk) else {
            return Written::Stored;
        };
        let result = self.write_segments(&segments, bytes);
        let mut state = self.lock();
        state.writing.remove(&chunk.0);
        if state.waiting > 0 {
            self.written.notify_all();
        }
        let result = result.and_then(|()| {
            state
                .journal
                .append(&Record::Written(chunk.0))
                .doing("write", &self.journal_path())
        });
        if let Err(fault) = result {
            return Written::Failed(fault);
        }
        state.held.insert(chunk.0);
        state.unsynced += 1;
        for segment in segments {
            let number = segment.file.0;
            let file = &mut state.files[number as usize];
            file.missing -= 1;
            let (whole, saved) = (file.missing == 0, file.saved.is_some());
            if !saved {
                state.dirty.insert(number);
                state.unchecked.insert(chunk.0);
            }
            if whole && !saved {
                state.ready.insert(number);
            }
        }
        Written::Stored
    }

    /// Reads a chunk for somebody else and verifies it first.
    pub fn read_chunk(&self, chunk: ChunkIndex) -> ChunkRead {
        // Once more where a file got its final name in between.
        for last in [false, true] {
            let (hash, sources) = {
                let state = self.lock();
                if !state.held.contains(chunk.0) {
                    return ChunkRead::NotHeld;
                }
                (
                    state.hashes.get(chunk.0 as usize).copied(),
                    self.sources(&state, chunk),
                )
            };
            match self.read_segments(chunk, &sources) {
                Ok(bytes) if hash == Some(chunk_hash(&self.layout, chunk, &bytes)) => {
                    return ChunkRead::Bytes(bytes);
                }
                Err(error) if may_pass(error.kind()) => {
                    return ChunkRead::Failed(DiskFault::new("read", &self.folder, &error));
                }
                Ok(_) | Err(_) => {}
            }
            let mut state = self.lock();
            if last || self.sources(&state, chunk) == sources {
                self.lose(&mut state, chunk);
                return ChunkRead::Lost;
            }
        }
        ChunkRead::Lost
    }

    /// Whether enough was written since the last [`ReceiveSet::settle`] that it is time for one.
    pub fn wants_settling(&self) -> bool {
        let unsynced = self.lock().unsynced;
        unsynced >= SETTLE_CHUNKS || self.wants_names()
    }

    /// Whether [`ReceiveSet::settle`] would give whole files their names.
    pub fn wants_names(&self) -> bool {
        let state = self.lock();
        state.root.is_some() && !state.ready.is_empty()
    }

    /// Whether every file has its final name.
    pub fn is_saved(&self) -> bool {
        self.lock().files.iter().all(|file| file.saved.is_some())
    }

    /// Where the files were saved so far, for the next version.
    pub fn saved_copies(&self) -> Vec<SavedCopy> {
        let state = self.lock();
        let saved = state.files.iter().filter_map(|file| file.saved.as_ref());
        saved
            .map(|placed| SavedCopy {
                wire: self.paths[placed.file as usize].to_string(),
                path: placed.path.clone(),
                hash: placed.hash,
            })
            .collect()
    }

    /// The folder or file that a person would open.
    pub fn main_path(&self) -> PathBuf {
        let state = self.lock();
        let saved = state.files.iter().filter_map(|file| file.saved.as_ref());
        super::place::main_path(&self.folder, saved.map(|placed| placed.path.as_str()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a chunk for writing; `None` where it is there already. Waits while another thread
    /// writes it. The segments are those of files without a final name: what was saved belongs to
    /// the person.
    fn begin_writing(&self, chunk: ChunkIndex) -> Option<Vec<Segment>> {
        let mut state = self.lock();
        while state.writing.contains(&chunk.0) {
            state.waiting += 1;
            state = self
                .written
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.held.contains(chunk.0) {
            return None;
        }
        state.writing.insert(chunk.0);
        Some(self.layout.segments(chunk))
    }

    fn write_segments(&self, segments: &[Segment], bytes: &[u8]) -> Result<(), DiskFault> {
        self.take_space(bytes.len() as u64)?;
        let mut rest = bytes;
        for segment in segments {
            let (here, after) = rest.split_at(segment.len as usize);
            rest = after;
            if self.lock().files[segment.file.0 as usize].saved.is_some() {
                continue;
            }
            let path = self.part_path(segment.file);
            let file = self
                .pool
                .get(self.owner, segment.file, || files::open_part(&path))
                .doing("open", &path)?;
            write_sparse(&file, here, segment.offset).doing("write", &path)?;
        }
        Ok(())
    }

    /// The segments of a chunk and where their bytes are.
    fn sources(&self, state: &State, chunk: ChunkIndex) -> Vec<(Segment, Option<PathBuf>)> {
        let saved = |segment: &Segment| state.files[segment.file.0 as usize].saved.as_ref();
        let segments = self.layout.segments(chunk).into_iter();
        segments
            .map(|s| (s, saved(&s).map(|placed| self.folder.join(&placed.path))))
            .collect()
    }

    fn read_segments(
        &self,
        chunk: ChunkIndex,
        sources: &[(Segment, Option<PathBuf>)],
    ) -> io::Result<Arc<[u8]>> {
        let mut bytes = buffers::take(self.layout.chunk_len(chunk) as usize);
        let mut rest = Arc::get_mut(&mut bytes).expect("a new buffer has one owner");
        for (segment, saved) in sources {
            let (here, after) = rest.split_at_mut(segment.len as usize);
            rest = after;
            let file = self.pool.get(self.owner, segment.file, || match saved {
                Some(path) => files::open_plain(path),
                None => files::open_existing(&self.part_path(segment.file)),
            })?;
            files::read_exact_at(&file, here, segment.offset)?;
        }
        Ok(bytes)
    }

    /// Stops claiming a chunk whose bytes are not what they were. Files without a final name want
    /// it again.
    fn lose(&self, state: &mut State, chunk: ChunkIndex) {
        if !state.held.remove(chunk.0) {
            return;
        }
        state.checked.remove(chunk.0);
        state.unchecked.remove(&chunk.0);
        // If that fails, the next start finds it out again.
        let _ = state.journal.append(&Record::Dropped(chunk.0));
        for segment in self.layout.segments(chunk) {
            self.pool.close(self.owner, segment.file);
            let file = &mut state.files[segment.file.0 as usize];
            file.missing += 1;
            file.hash = None;
            state.ready.remove(&segment.file.0);
        }
    }

    /// Refuses to write `bytes` more where the reserve would be touched. The disk is not asked for
    /// each chunk: others who fill it meanwhile take some of the reserve. All sets share what may be written until then: what
    /// each of many had for itself would be more than the disk.
    fn take_space(&self, bytes: u64) -> Result<(), DiskFault> {
        let taken = self
            .pool
            .space
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if taken.is_ok() {
            return Ok(());
        }
        let beyond = self.check_space(bytes)?;
        let next = (beyond / SPACE_SHARE).min(MOST_UNLOOKED);
        self.pool.space.store(next, Ordering::Relaxed);
        Ok(())
    }

    /// Refuses to write `bytes` more where the reserve would be touched; how much could be written
    /// beyond them.
    fn check_space(&self, bytes: u64) -> Result<u64, DiskFault> {
        let Some(free) = files::free_space(&self.parts).doing("look at", &self.parts)? else {
            return Ok(u64::MAX);
        };
        let needed = bytes.saturating_add(self.reserve);
        if free >= needed {
            return Ok(free - needed);
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let text = format!(
            "{} MiB are needed and {} MiB stay reserved, but only {} MiB are free",
            mib(bytes),
            mib(self.reserve),
            free >> 20
        );
        Err(DiskFault::because(
            FailReason::DiskFull,
            "receive into",
            &self.folder,
            text,
        ))
    }

    fn bad_manifest(&self, text: &str) -> DiskFault {
        DiskFault::because(FailReason::BadManifest, "receive into", &self.folder, text)
    }

    fn part_path(&self, file: FileIndex) -> PathBuf {
        self.parts.join(format!("{file}.part"))
    }

    fn journal_path(&self) -> PathBuf {
        journal_path(&self.parts)
    }
}

impl Drop for ReceiveSet {
    fn drop(&mut self) {
        self.pool.close_all(self.owner);
    }
}

/// Writes bytes that are not all zero. Zeros beyond the end of the file become a hole: a sparse file
/// stays sparse where its chunks come in order. Never shortens the file, so that several threads may
/// write to it.
fn write_sparse(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let hole = bytes.iter().all(|&byte| byte == 0) && file.metadata()?.len() <= offset;
    if hole && let Some(last) = bytes.len().checked_sub(1) {
        return files::write_all_at(file, &[0], offset + last as u64);
    }
    files::write_all_at(file, bytes, offset)
}

/// Whether an error while reading says nothing about the bytes that are to be read.
const fn may_pass(kind: io::ErrorKind) -> bool {
    !matches!(
        kind,
        io::ErrorKind::NotFound
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied
    )
}

fn journal_path(parts: &Path) -> PathBuf {
    parts.join("journal")
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("chunks and files were counted in u32")
}

#[cfg(test)]
mod tests;
