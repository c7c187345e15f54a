//! The teacher's files: hashed once, chunk by chunk, and served.
//!
//! One pass reads, hashes and hands each chunk on, so that sending starts with the first one; where
//! the source may vanish, the same pass writes the session's own copy. Whatever is read again later
//! is verified first: a file that changed is never sent.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::fault::{DiskFault, Doing as _};
use super::pool::FilePool;
use super::scan::SourceFile;
use crate::buffers;
use crate::core::ids::{ChunkIndex, FileIndex, Hash};
use crate::core::layout::{Layout, LayoutError, Segment};
use crate::core::tree::{chunk_hash, file_hash};
use crate::core::wire::statements::FailReason;
use crate::platform::files;

/// The files of one set on the machine that shares them.
#[derive(Debug)]
pub struct SourceSet {
    files: Vec<SourceFile>,
    layout: Layout,
    hashes: RwLock<Vec<Hash>>,
    copy: Option<PathBuf>,
    copied: AtomicBool,
    pool: Arc<FilePool>,
    /// Numbers of this set's files in the pool: the sources, and the copies.
    owners: [u64; 2],
}

/// One chunk, read for the first time.
#[derive(Debug, Clone)]
pub struct Hashed {
    /// Its number.
    pub chunk: ChunkIndex,
    /// Its hash.
    pub hash: Hash,
    /// Its bytes, worth keeping in a [`super::cache::ChunkCache`].
    pub bytes: Arc<[u8]>,
}

/// Why a set cannot be shared any longer. The set is to be withdrawn with this as its reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Its bytes are not what they were.
    #[error("the file {} changed while it was being shared: share it again", .0.display())]
    Changed(PathBuf),
    /// It is gone or cannot be read any more.
    #[error("{0} Share it again once it can be read.")]
    Unreadable(DiskFault),
    /// The session's own copy cannot be written.
    #[error(transparent)]
    Copy(DiskFault),
    /// The chunk was not hashed yet, or is beyond the end.
    #[error("chunk {0} was not hashed yet")]
    NotHashed(ChunkIndex),
}

impl SourceSet {
    /// The chunk space of scanned files, to be hashed.
    ///
    /// With `copy`, the files are copied into that folder by the same pass and read from there
    /// afterwards.
    pub fn new(
        files: Vec<SourceFile>,
        chunk_size: u32,
        copy: Option<PathBuf>,
        pool: &Arc<FilePool>,
    ) -> Result<Self, LayoutError> {
        Ok(Self {
            layout: Layout::new(chunk_size, files.iter().map(|file| file.size))?,
            files,
            hashes: RwLock::default(),
            copy,
            copied: AtomicBool::new(false),
            owners: [pool.owner(), pool.owner()],
            pool: pool.clone(),
        })
    }

    /// The chunk space.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The files, in the order of the set.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The session's own copies in the place of the files, once they are whole.
    pub fn copies(&self) -> Option<Vec<SourceFile>> {
        let copy = self
            .copy
            .as_ref()
            .filter(|_| self.copied.load(Ordering::Acquire))?;
        let copied = (0..).zip(&self.files).map(|(number, file)| {
            let local = copy_path(copy, FileIndex(number));
            let modified = fs::metadata(&local).and_then(|known| known.modified());
            SourceFile {
                modified: modified.ok(),
                local,
                ..file.clone()
            }
        });
        Some(copied.collect())
    }

    /// Reads and hashes everything once, in the order of the chunks, handing each to `each`. A
    /// `Break` from there stops early, and the result is `None`.
    ///
    /// Returns the root: the hash over the whole-file hashes. It is returned only if no file
    /// changed from the scan to the end of the pass.
    pub fn hash(
        &self,
        mut each: impl FnMut(Hashed) -> ControlFlow<()>,
    ) -> Result<Option<Hash>, SourceError> {
        self.prepare_copy()?;
        self.hashes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let mut whole = vec![Hash::of(&[]); self.files.len()];
        let mut small = blake3::Hasher::new();
        for chunk in (0..self.layout.chunks()).map(ChunkIndex) {
            let segments = self.layout.segments(chunk);
            let bytes = self.read(chunk, &segments, false)?;
            let hash = chunk_hash(&self.layout, chunk, &bytes);
            self.hashes
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .push(hash);
            let mut rest = &bytes[..];
            for segment in segments {
                let (here, after) = rest.split_at(segment.len as usize);
                rest = after;
                let size = self.layout.file_size(segment.file);
                let is_small = size < u64::from(self.layout.chunk_size());
                if is_small {
                    small.update(here);
                }
                self.write_copy(segment, here)?;
                if segment.offset + u64::from(segment.len) == size {
                    self.check_unchanged(segment.file)?;
                    whole[segment.file.0 as usize] = if is_small {
                        Hash(*small.finalize().as_bytes())
                    } else {
                        self.hash_large(segment.file)
                    };
                    small.reset();
                }
            }
            if each(Hashed { chunk, hash, bytes }).is_break() {
                return Ok(None);
            }
        }
        for number in 0..self.files.len() {
            let number = u32::try_from(number).expect("a set has at most 20,000 files");
            self.check_unchanged(FileIndex(number))?;
        }
        self.copied.store(self.copy.is_some(), Ordering::Release);
        let mut root = blake3::Hasher::new();
        for hash in whole {
            root.update(hash.as_bytes());
        }
        Ok(Some(Hash(*root.finalize().as_bytes())))
    }

    /// The hash of a file of at least one chunk, all of which were hashed.
    fn hash_large(&self, file: FileIndex) -> Hash {
        let chunks = self.layout.file_chunks(file);
        let hashes = self.hashes.read().unwrap_or_else(PoisonError::into_inner);
        file_hash(&hashes[chunks.start.0 as usize..chunks.end.0 as usize])
    }

    /// Reads a chunk that was hashed, and verifies it.
    pub fn read_chunk(&self, chunk: ChunkIndex) -> Result<Arc<[u8]>, SourceError> {
        let hash = {
            let hashes = self.hashes.read().unwrap_or_else(PoisonError::into_inner);
            *hashes
                .get(chunk.0 as usize)
                .ok_or(SourceError::NotHashed(chunk))?
        };
        let segments = self.layout.segments(chunk);
        let bytes = self.read(chunk, &segments, self.copied.load(Ordering::Acquire))?;
        if chunk_hash(&self.layout, chunk, &bytes) == hash {
            return Ok(bytes);
        }
        // Name the file that was touched, where that can be seen.
        for segment in &segments {
            self.check_unchanged(segment.file)?;
        }
        let first = segments.first().map_or(0, |segment| segment.file.0);
        Err(SourceError::Changed(
            self.files[first as usize].local.clone(),
        ))
    }

    /// Removes the session's own copy, when the session is over.
    pub fn remove_copy(&self) -> Result<(), DiskFault> {
        self.pool.close_all(self.owners[1]);
        match &self.copy {
            Some(copy) if copy.exists() => fs::remove_dir_all(copy).doing("remove", copy),
            _ => Ok(()),
        }
    }

    fn read(
        &self,
        chunk: ChunkIndex,
        segments: &[Segment],
        copied: bool,
    ) -> Result<Arc<[u8]>, SourceError> {
        let mut bytes = buffers::take(self.layout.chunk_len(chunk) as usize);
        let mut rest = Arc::get_mut(&mut bytes).expect("a new buffer has one owner");
        for segment in segments {
            let (here, after) = rest.split_at_mut(segment.len as usize);
            rest = after;
            let source = &self.files[segment.file.0 as usize].local;
            let path = match &self.copy {
                Some(copy) if copied => &copy_path(copy, segment.file),
                _ => source,
            };
            let result = self
                .pool
                .get(self.owners[usize::from(copied)], segment.file, || {
                    files::open_plain(path)
                })
                .and_then(|file| files::read_exact_at(&file, here, segment.offset));
            match result {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(SourceError::Changed(source.clone()));
                }
                other => other.doing("read", path).map_err(SourceError::Unreadable)?,
            }
        }
        Ok(bytes)
    }

    fn check_unchanged(&self, number: FileIndex) -> Result<(), SourceError> {
        let file = &self.files[number.0 as usize];
        let unchanged = file
            .is_unchanged()
            .doing("read", &file.local)
            .map_err(SourceError::Unreadable)?;
        if unchanged {
            Ok(())
        } else {
            Err(SourceError::Changed(file.local.clone()))
        }
    }

    fn prepare_copy(&self) -> Result<(), SourceError> {
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let prepare = || {
            fs::create_dir_all(copy).doing("make the folder", copy)?;
            let free = files::free_space(copy).doing("look at", copy)?;
            let needed = self
                .layout
                .total()
                .saturating_add(super::part::DEFAULT_RESERVE);
            if free.is_some_and(|free| free < needed) {
                let text = "there is not enough room for the session's own copy of the files";
                let reason = FailReason::DiskFull;
                return Err(DiskFault::because(reason, "copy into", copy, text));
            }
            // Files without bytes have no chunk that would write them.
            for (number, _) in (0..).zip(&self.files).filter(|(_, file)| file.size == 0) {
                let path = copy_path(copy, FileIndex(number));
                File::create(&path).doing("write", &path)?;
            }
            Ok(())
        };
        prepare().map_err(SourceError::Copy)
    }

    fn write_copy(&self, segment: Segment, bytes: &[u8]) -> Result<(), SourceError> {
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let path = copy_path(copy, segment.file);
        let open = || -> io::Result<File> {
            let file = files::open_part(&path)?;
            // What an earlier attempt left.
            file.set_len(segment.offset)?;
            Ok(file)
        };
        self.pool
            .get(self.owners[1], segment.file, open)
            .and_then(|file| files::write_all_at(&file, bytes, segment.offset))
            .doing("write", &path)
            .map_err(SourceError::Copy)
    }
}

impl Drop for SourceSet {
    fn drop(&mut self) {
        for owner in self.owners {
            self.pool.close_all(owner);
        }
    }
}

fn copy_path(copy: &Path, file: FileIndex) -> PathBuf {
    copy.join(format!("{file}.copy"))
}

#[cfg(test)]
mod tests;
