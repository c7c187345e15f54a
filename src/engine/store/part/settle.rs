//! Checkpoints, and the final names of whole files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::{ChunkRead, ReceiveSet};
use crate::core::ids::{ChunkIndex, FileIndex, Hash};
use crate::core::wire::statements::FailReason;
use crate::platform::files;
use crate::store::fault::{DiskFault, Doing as _};
use crate::store::hash::hash_file;
use crate::store::journal::{Placed, Record};
use crate::store::place::{self, Target, Wanted};

/// From so many part files on, the whole file system is synced at once: 0.03 s for 2,500 files instead
/// of 0.5 s. Where another program writes much, this waits for that too, about a second.
const SYNC_ALL: usize = 16;
/// How many files get their names between two writes of the journal, each of which is synced.
const BATCH: usize = 4_096;

/// What a [`ReceiveSet::settle`] did.
#[derive(Debug, Default)]
pub struct Settled {
    /// Files that got their final names.
    pub saved: Vec<SavedFile>,
    /// Chunks that turned out not to be there: they are wanted again.
    pub lost: Vec<ChunkIndex>,
    /// What did not work; it is tried again by the next settle.
    pub faults: Vec<DiskFault>,
    /// Every file has its final name.
    pub complete: bool,
}

/// A file under its final name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// Number of the file.
    pub file: FileIndex,
    /// Where it is.
    pub path: PathBuf,
    /// The hash of its bytes.
    pub hash: Hash,
}

/// A whole part file and the name it is to get.
struct Naming {
    placed: Placed,
    target: Target,
}

impl ReceiveSet {
    /// Makes what was written certain, and gives whole files their final names.
    ///
    /// The data is synced to the disk, then a checkpoint is written to the journal; a crash after
    /// that costs nothing. Reads every finished file once more, for its whole hash.
    pub fn settle(&self) -> Settled {
        let _one = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settled = Settled::default();
        if let Err(fault) = self
            .checkpoint()
            .and_then(|()| self.name_files(&mut settled))
        {
            settled.faults.push(fault);
        }
        settled.complete = self.is_saved();
        settled
    }

    fn checkpoint(&self) -> Result<(), DiskFault> {
        let (upto, dirty, unsynced) = {
            let mut state = self.lock();
            let dirty = std::mem::take(&mut state.dirty);
            (
                state.journal.end(),
                dirty,
                std::mem::take(&mut state.unsynced),
            )
        };
        if dirty.is_empty() {
            return Ok(());
        }
        let result = self.sync_parts(&dirty).and_then(|()| {
            if !self.lock().folder_synced {
                files::sync_folder(&self.parts).doing("write", &self.parts)?;
                self.lock().folder_synced = true;
            }
            let file = {
                let mut state = self.lock();
                let record = Record::Checkpoint(upto);
                state
                    .journal
                    .append(&record)
                    .doing("write", &self.journal_path())?;
                state.journal.file()
            };
            file.sync_data().doing("write", &self.journal_path())
        });
        if result.is_err() {
            let mut state = self.lock();
            state.dirty.extend(dirty);
            state.unsynced += unsynced;
        }
        result
    }

    #[cfg(test)]
    pub(super) fn checkpoint_for_test(&self) {
        self.checkpoint().expect("the disk works");
    }

    fn sync_parts(&self, dirty: &BTreeSet<u32>) -> Result<(), DiskFault> {
        if dirty.len() >= SYNC_ALL {
            let path = self.journal_path();
            let file = self.lock().journal.file();
            match files::sync_file_system(&file) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                other => return other.doing("write", &path),
            }
        }
        for &number in dirty {
            let path = self.part_path(FileIndex(number));
            if self.lock().files[number as usize].saved.is_some() {
                continue;
            }
            let open = || files::open_part(&path);
            let file = self
                .pool
                .get(self.owner, FileIndex(number), open)
                .doing("open", &path)?;
            file.sync_data().doing("write", &path)?;
        }
        Ok(())
    }

    fn name_files(&self, settled: &mut Settled) -> Result<(), DiskFault> {
        let ready: Vec<u32> = {
            let state = self.lock();
            if state.root.is_none() {
                return Ok(());
            }
            // What was written since the checkpoint waits for the next one.
            state
                .ready
                .iter()
                .copied()
                .filter(|file| !state.dirty.contains(file))
                .collect()
        };
        for batch in ready.chunks(BATCH) {
            self.name_batch(batch, settled)?;
        }
        Ok(())
    }

    fn name_batch(&self, batch: &[u32], settled: &mut Settled) -> Result<(), DiskFault> {
        let mut hashed = Vec::new();
        for &number in batch {
            match self.hash_part(FileIndex(number)) {
                Ok(Some(hash)) => hashed.push((number, hash)),
                Ok(None) => settled.lost.extend(self.lose_file(FileIndex(number))),
                Err(fault) => settled.faults.push(fault),
            }
        }
        self.check_root(&hashed, settled)?;
        let mut namings = Vec::new();
        for (number, hash) in hashed {
            match self.find_place(number, hash) {
                Ok(naming) => namings.push(naming),
                Err(fault) => settled.faults.push(fault),
            }
        }
        self.record(
            namings
                .iter()
                .map(|naming| Record::Naming(naming.placed.clone())),
        )?;
        self.lock()
            .journal
            .file()
            .sync_data()
            .doing("write", &self.journal_path())?;
        let mut done = Vec::new();
        for naming in namings {
            match self.give_name(naming) {
                Ok(placed) => done.push(placed),
                Err(fault) => settled.faults.push(fault),
            }
        }
        // The names must be on the disk before the journal says so.
        let folders: BTreeSet<PathBuf> = done
            .iter()
            .filter_map(|placed| self.folder.join(&placed.path).parent().map(Path::to_owned))
            .collect();
        for folder in folders {
            files::sync_folder(&folder).doing("write", &folder)?;
        }
        self.record(done.iter().cloned().map(Record::Saved))?;
        let mut state = self.lock();
        for placed in done {
            let file = FileIndex(placed.file);
            self.pool.close(self.owner, file);
            state.ready.remove(&placed.file);
            settled.saved.push(SavedFile {
                file,
                path: self.folder.join(&placed.path),
                hash: placed.hash,
            });
            let number = placed.file as usize;
            state.files[number].saved = Some(placed);
        }
        Ok(())
    }

    /// The whole hash of a part file; `None` where it is not as long as it must be.
    fn hash_part(&self, number: FileIndex) -> Result<Option<Hash>, DiskFault> {
        let path = self.part_path(number);
        let size = self.layout.file_size(number);
        if size > 0 && place::look(&path)?.is_none() {
            return Ok(None);
        }
        let file = files::open_part(&path).doing("open", &path)?;
        let length = file.metadata().doing("look at", &path)?.len();
        if length < size {
            return Ok(None);
        }
        if length > size {
            // Left over from something else under the same number.
            file.set_len(size).doing("write", &path)?;
        }
        hash_file(&file).map(Some).doing("read", &path)
    }

    /// Before the last files get their names: all whole-file hashes must make the root of the
    /// final page.
    fn check_root(&self, hashed: &[(u32, Hash)], settled: &mut Settled) -> Result<(), DiskFault> {
        let mut root = blake3::Hasher::new();
        let expected = {
            let state = self.lock();
            let mut new = hashed.iter().copied().peekable();
            for (number, file) in (0..).zip(&state.files) {
                let hash = match (&file.saved, new.next_if(|(next, _)| *next == number)) {
                    (Some(placed), _) => placed.hash,
                    (None, Some((_, hash))) => hash,
                    (None, None) => return Ok(()),
                };
                root.update(hash.as_bytes());
            }
            state.root
        };
        if hashed.is_empty() || expected == Some(Hash(*root.finalize().as_bytes())) {
            return Ok(());
        }
        // Either the disk lost something after it was verified, or the manifest contradicts itself.
        for &(number, _) in hashed {
            let chunks = self.layout.file_chunks(FileIndex(number));
            for chunk in (chunks.start.0..chunks.end.0).map(ChunkIndex) {
                if self.read_chunk(chunk) == ChunkRead::Lost {
                    settled.lost.push(chunk);
                }
            }
        }
        if settled.lost.is_empty() {
            Err(self.bad_manifest("the files do not have the hash that the teacher signed"))
        } else {
            let path = self.parts.clone();
            let text = "bytes that were written could not be read back; they are fetched again";
            let reason = FailReason::DiskError;
            Err(DiskFault::because(reason, "read", path, text))
        }
    }

    fn find_place(&self, number: u32, hash: Hash) -> Result<Naming, DiskFault> {
        let path = &self.paths[number as usize];
        let wanted = Wanted {
            path,
            size: self.layout.file_size(FileIndex(number)),
            hash,
            version: self.version.0,
            previous: self.previous.iter().find(|copy| copy.wire == path.as_str()),
        };
        let target = place::find(&self.folder, &wanted)?;
        let (Target::Free(at) | Target::Replace(at) | Target::Same(at)) = &target;
        Ok(Naming {
            placed: Placed {
                file: number,
                path: at.clone(),
                hash,
            },
            target,
        })
    }

    /// Moves the part file to its place.
    fn give_name(&self, mut naming: Naming) -> Result<Placed, DiskFault> {
        let part = self.part_path(FileIndex(naming.placed.file));
        loop {
            let to = self.folder.join(&naming.placed.path);
            let result = match naming.target {
                Target::Free(_) => files::rename_no_replace(&part, &to),
                Target::Replace(_) => fs::rename(&part, &to),
                Target::Same(_) => fs::remove_file(&part),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // Somebody was faster.
                    naming = self.find_place(naming.placed.file, naming.placed.hash)?;
                    self.record([Record::Naming(naming.placed.clone())])?;
                    let journal = self.lock().journal.file();
                    journal.sync_data().doing("write", &self.journal_path())?;
                }
                other => return other.doing("save", &to).map(|()| naming.placed),
            }
        }
    }

    fn record(&self, records: impl IntoIterator<Item = Record>) -> Result<(), DiskFault> {
        let mut state = self.lock();
        for record in records {
            state
                .journal
                .append(&record)
                .doing("write", &self.journal_path())?;
        }
        Ok(())
    }

    /// Wants every chunk of a file again, because its part file is gone.
    fn lose_file(&self, file: FileIndex) -> Vec<ChunkIndex> {
        let mut state = self.lock();
        let chunks = self.layout.file_chunks(file);
        let chunks: Vec<_> = (chunks.start.0..chunks.end.0)
            .filter(|&chunk| state.held.contains(chunk))
            .map(ChunkIndex)
            .collect();
        for &chunk in &chunks {
            self.lose(&mut state, chunk);
        }
        chunks
    }
}
