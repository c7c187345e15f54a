//! Checkpoints, and the final names of whole files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::{ChunkRead, ReceiveSet, State};
use crate::core::ids::{ChunkIndex, FileIndex, Hash};
use crate::core::tree::file_hash;
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
/// So often what the disk lost is fetched again before it counts as broken.
const MOST_LOSSES: u32 = 3;

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
    /// that costs nothing. What was written since the checkpoint before is read again, so that a disk that
    /// loses bytes is found out before a file gets its name, and a large one need not be read at its end.
    pub fn settle(&self) -> Settled {
        let _one = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settled = Settled::default();
        let named = self.checkpoint().and_then(|written| {
            self.check(written, &mut settled);
            self.name_files(&mut settled)
        });
        if let Err(fault) = named {
            settled.faults.push(fault);
        }
        if let Some(fault) = self.count_losses(&settled) {
            settled.faults.push(fault);
        }
        settled.complete = self.is_saved();
        settled
    }

    /// Gives the chunks that are on the disk now and were not checked yet.
    fn checkpoint(&self) -> Result<BTreeSet<u32>, DiskFault> {
        let (upto, dirty, unsynced, unchecked) = {
            let mut state = self.lock();
            let dirty = std::mem::take(&mut state.dirty);
            (
                state.journal.end(),
                dirty,
                std::mem::take(&mut state.unsynced),
                std::mem::take(&mut state.unchecked),
            )
        };
        if dirty.is_empty() {
            return Ok(unchecked);
        }
        let result = self.sync_parts(&dirty).and_then(|()| {
            self.sync_above()?;
            let file = {
                let mut state = self.lock();
                let record = Record::Checkpoint(upto);
                state
                    .journal
                    .append(&record)
                    .doing("write", &self.journal_path())?;
                state.journal.file()
            };
            files::sync(&file).doing("write", &self.journal_path())
        });
        if result.is_err() {
            let mut state = self.lock();
            state.dirty.extend(dirty);
            state.unsynced += unsynced;
            state.unchecked.extend(&unchecked);
        }
        result.map(|()| unchecked)
    }

    /// Reads chunks that were just written. One that cannot be read now is left to the naming of its files.
    fn check(&self, chunks: BTreeSet<u32>, settled: &mut Settled) {
        for chunk in chunks.into_iter().map(ChunkIndex) {
            let sources = self.sources(&self.lock(), chunk);
            // What was saved belongs to the person, who may have changed it: the rest of the chunk cannot be told from its hash.
            let is_ours = sources.iter().all(|(_, saved)| saved.is_none());
            let read = is_ours.then(|| self.read_chunk(chunk));
            let bytes = match read {
                Some(ChunkRead::Bytes(bytes)) => Some(bytes),
                // Not held: somebody who wanted to send it has found out first, and told.
                Some(ChunkRead::Lost | ChunkRead::NotHeld) => {
                    settled.lost.push(chunk);
                    continue;
                }
                Some(ChunkRead::Failed(_)) => continue,
                None => None,
            };
            let mut rest = bytes.as_deref().unwrap_or_default();
            let mut state = self.lock();
            state.checked.insert(chunk.0);
            for (segment, _) in sources.iter().filter(|_| is_ours && sources.len() > 1) {
                let (here, after) = rest.split_at(segment.len as usize);
                rest = after;
                let is_whole = self.layout.file_size(segment.file) == here.len() as u64;
                state.files[segment.file.0 as usize].hash = is_whole.then(|| Hash::of(here));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn checkpoint_for_test(&self) {
        let written = self.checkpoint().expect("the disk works");
        self.check(written, &mut Settled::default());
    }

    /// Writes part files to the disk, and their names.
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
            files::sync(&file).doing("write", &path)?;
        }
        let is_listed = |&number: &u32| self.lock().files[number as usize].listed;
        if !dirty.iter().all(is_listed) {
            files::sync_folder(&self.parts).doing("write", &self.parts)?;
            let mut state = self.lock();
            for &number in dirty {
                state.files[number as usize].listed = true;
            }
        }
        Ok(())
    }

    /// Writes the names of the folders above the journal to the disk, once.
    fn sync_above(&self) -> Result<(), DiskFault> {
        let above = std::mem::take(&mut self.lock().above);
        for folder in &above {
            let synced = files::sync_folder(folder).doing("write", folder);
            // What is above the receive folder may be closed to this person.
            if synced.is_err() && folder.starts_with(&self.folder) {
                self.lock().above = above;
                return synced;
            }
        }
        Ok(())
    }

    /// Writes the names of the folders that files are saved in to the disk, unless they are among `listed`.
    fn sync_folders(
        &self,
        placed: impl Iterator<Item = PathBuf>,
        listed: &mut BTreeSet<PathBuf>,
    ) -> Result<(), DiskFault> {
        let (mut folders, mut new) = (BTreeSet::new(), BTreeSet::new());
        for path in placed {
            let above = path.ancestors().skip(1);
            for folder in above.take_while(|folder| *folder != self.folder) {
                if listed.contains(folder) || !new.insert(folder.to_owned()) {
                    break;
                }
                folders.extend(folder.parent().map(Path::to_owned));
            }
        }
        for folder in folders {
            files::sync_folder(&folder).doing("write", &folder)?;
        }
        listed.append(&mut new);
        Ok(())
    }

    /// Writes the names of files that were saved to the disk.
    pub(super) fn sync_names(
        &self,
        saved: &[Placed],
        listed: &mut BTreeSet<PathBuf>,
    ) -> Result<(), DiskFault> {
        let paths = || saved.iter().map(|placed| self.folder.join(&placed.path));
        self.sync_folders(paths(), listed)?;
        let folders = paths().filter_map(|path| path.parent().map(Path::to_owned));
        for folder in folders.collect::<BTreeSet<_>>() {
            files::sync_folder(&folder).doing("write", &folder)?;
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
        let recovered = self.lock().recovered;
        if recovered {
            // An earlier run may have died before it synced that it had cut a file.
            self.sync_parts(&batch.iter().copied().collect())?;
        }
        let mut hashed = Vec::new();
        for &number in batch {
            match self.hash_part(FileIndex(number)) {
                Ok(Some(hash)) => hashed.push((number, hash)),
                Ok(None) => settled.lost.extend(self.lose_file(FileIndex(number))),
                Err(fault) => settled.faults.push(fault),
            }
        }
        let hashed = self.intact(hashed, settled);
        if !self.check_root(&hashed, settled)? {
            return Ok(());
        }
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
        let journal = self.lock().journal.file();
        files::sync(&journal).doing("write", &self.journal_path())?;
        // A file must not be moved into a folder that may be lost.
        self.sync_above()?;
        let mut listed = self.lock().listed.clone();
        let paths = namings.iter().map(|naming| &naming.placed.path);
        self.sync_folders(paths.map(|path| self.folder.join(path)), &mut listed)?;
        let mut done = Vec::new();
        for naming in namings {
            match self.give_name(naming) {
                Ok(placed) => done.push(placed),
                Err(fault) => settled.faults.push(fault),
            }
        }
        // The names must be on the disk before the journal says so.
        self.sync_names(&done, &mut listed)?;
        self.lock().listed = listed;
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

    /// The whole hash of a part file; `None` where it is not as long as it must be. Read only if some of it was not checked by
    /// this run of the program, or it has a border of two chunks that small files share.
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
            files::set_len(&file, size).doing("write", &path)?;
            files::sync(&file).doing("write", &path)?;
        }
        if let Some(hash) = self.hash_checked(number.0) {
            return Ok(Some(hash));
        }
        hash_file(&file).map(Some).doing("read", &path)
    }

    fn hash_checked(&self, number: u32) -> Option<Hash> {
        let state = self.lock();
        let hash = || {
            let of_chunks = self.expected(&state, number);
            of_chunks.or(state.files[number as usize].hash)
        };
        self.is_checked(&state, number).then(hash).flatten()
    }

    fn is_checked(&self, state: &State, number: u32) -> bool {
        let chunks = self.layout.file_chunks(FileIndex(number));
        (chunks.start.0..chunks.end.0).all(|chunk| state.checked.contains(chunk))
    }

    /// Before the last files get their names: all whole-file hashes must make the root of the
    /// final page. Says whether they do, or are not all there yet; where the disk lost something, that
    /// is missing from now on.
    fn check_root(&self, hashed: &[(u32, Hash)], settled: &mut Settled) -> Result<bool, DiskFault> {
        let mut root = blake3::Hasher::new();
        let expected = {
            let state = self.lock();
            let mut new = hashed.iter().copied().peekable();
            for (number, file) in (0..).zip(&state.files) {
                let hash = match (&file.saved, new.next_if(|(next, _)| *next == number)) {
                    (Some(placed), _) => placed.hash,
                    (None, Some((_, hash))) => hash,
                    (None, None) => return Ok(true),
                };
                root.update(hash.as_bytes());
            }
            state.root
        };
        if hashed.is_empty() || expected == Some(Hash(*root.finalize().as_bytes())) {
            return Ok(true);
        }
        // Either the disk lost something after it was verified, or the manifest contradicts itself.
        let numbers = hashed.iter().map(|(number, _)| *number);
        if self.damaged(numbers, settled).is_empty() {
            return Err(self.bad_manifest("the files do not have the hash that the teacher signed"));
        }
        Ok(false)
    }

    /// Leaves out the files of which the disk has lost something since it was written: what is missing is fetched again. The
    /// hash of a file comes out of those of its chunks; where small files share a chunk it is read once more, unless it was checked.
    fn intact(&self, mut hashed: Vec<(u32, Hash)>, settled: &mut Settled) -> Vec<(u32, Hash)> {
        let suspects: Vec<u32> = {
            let state = self.lock();
            let suspect = |&(number, hash): &(u32, Hash)| match self.expected(&state, number) {
                Some(expected) => expected != hash,
                None => !self.is_checked(&state, number),
            };
            let suspects = hashed.iter().filter(|file| suspect(file));
            suspects.map(|(number, _)| *number).collect()
        };
        let damaged = self.damaged(suspects.into_iter(), settled);
        hashed.retain(|(number, _)| !damaged.contains(number));
        hashed
    }

    /// The hash of a whole file by those of its chunks; `None` where it shares its only one.
    fn expected(&self, state: &State, number: u32) -> Option<Hash> {
        let chunks = self.layout.file_chunks(FileIndex(number));
        let alone = match chunks.end.0 - chunks.start.0 {
            0 => true,
            1 => self.layout.segments(chunks.start).len() == 1,
            // One that is smaller than a chunk has a border of two in it.
            _ => self.layout.file_size(FileIndex(number)) >= u64::from(self.layout.chunk_size()),
        };
        let hashes = state
            .hashes
            .get(chunks.start.0 as usize..chunks.end.0 as usize);
        hashes.filter(|_| alone).map(file_hash)
    }

    /// Reads every chunk of these files; gives those in which something is not what it was, or cannot be read.
    fn damaged(&self, files: impl Iterator<Item = u32>, settled: &mut Settled) -> BTreeSet<u32> {
        let mut looked = BTreeMap::new();
        let mut damaged = BTreeSet::new();
        for number in files {
            let chunks = self.layout.file_chunks(FileIndex(number));
            for chunk in chunks.start.0..chunks.end.0 {
                let whole = *looked.entry(chunk).or_insert_with(|| {
                    match self.read_chunk(ChunkIndex(chunk)) {
                        ChunkRead::Bytes(_) => true,
                        // Not held: somebody who wanted to send it has found out first, and told.
                        ChunkRead::Lost | ChunkRead::NotHeld => {
                            settled.lost.push(ChunkIndex(chunk));
                            false
                        }
                        ChunkRead::Failed(fault) => {
                            settled.faults.push(fault);
                            false
                        }
                    }
                });
                if !whole {
                    damaged.insert(number);
                }
            }
        }
        damaged
    }

    /// What the disk lost is fetched again, but not for ever.
    fn count_losses(&self, settled: &Settled) -> Option<DiskFault> {
        if settled.lost.is_empty() {
            return None;
        }
        let chunks = settled.lost.len();
        tracing::warn!(
            chunks,
            "the disk lost what was written; it is fetched again"
        );
        let losses = {
            let mut state = self.lock();
            state.losses += 1;
            state.losses
        };
        let text = "bytes that were written could not be read back, again and again: the disk may be broken";
        let (path, reason) = (self.parts.clone(), FailReason::DiskError);
        (losses > MOST_LOSSES).then(|| DiskFault::because(reason, "read", path, text))
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
                Target::Replace(_) => files::rename(&part, &to),
                // It may have been written a moment ago, by somebody who did not sync it.
                Target::Same(_) => files::open_plain(&to)
                    .and_then(|same| files::sync(&same))
                    .and_then(|()| files::remove(&part)),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // Somebody was faster.
                    naming = self.find_place(naming.placed.file, naming.placed.hash)?;
                    self.record([Record::Naming(naming.placed.clone())])?;
                    let journal = self.lock().journal.file();
                    files::sync(&journal).doing("write", &self.journal_path())?;
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
