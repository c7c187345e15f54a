//! Finding or making the place of a set, and what is there already.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use super::{FileState, ReceiveSet, ReceiveSpec, State, count, journal_path};
use crate::core::ids::{ChunkIndex, FileIndex, Hash};
use crate::core::layout::Layout;
use crate::core::names::{STORE_FOLDER, SafePath};
use crate::core::tree::chunk_hash;
use crate::core::wire::statements::FailReason;
use crate::platform::files;
use crate::store::bits::Bits;
use crate::store::fault::{DiskFault, Doing as _};
use crate::store::hash::hash_file;
use crate::store::journal::{Journal, Placed, Record, Replay};
use crate::store::place;
use crate::store::pool::FilePool;

impl ReceiveSet {
    /// Opens the place of a set, or makes it, and finds out which chunks are there: what the
    /// journal is certain of, and of the rest what has the right hash.
    ///
    /// Fails with `DiskFull` where what is missing does not fit beside the reserve, with
    /// `NotWritable` also while another program receives the same set into the same folder, and
    /// with `BadManifest` for files that no checked manifest has.
    pub fn open(spec: ReceiveSpec, pool: &Arc<FilePool>) -> Result<Self, DiskFault> {
        let bad = |text: String| {
            DiskFault::because(FailReason::BadManifest, "receive into", &spec.folder, text)
        };
        let layout = Layout::new(spec.chunk_size, spec.files.iter().map(|file| file.size))
            .map_err(|error| bad(error.to_string()))?;
        let mut paths = Vec::new();
        for file in &spec.files {
            // Only the number of a settled collision may bring a path over the limit of the wire.
            let path = SafePath::checked(&file.path).map_err(|error| bad(error.to_string()))?;
            paths.push(path);
        }
        let about = about(&spec);
        let (parts, above) = make_folders(&spec)?;
        let journal = journal_path(&parts);
        let (mut journal, mut replay) =
            Journal::open(&journal, layout.chunks()).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => {
                    let text = "another program is receiving the same files into this folder";
                    let reason = FailReason::NotWritable;
                    DiskFault::because(reason, "receive into", &spec.folder, text)
                }
                _ => DiskFault::new("open", &journal, &error),
            })?;
        if replay.about != Some(about) {
            if replay.about.is_some() {
                journal.clear().doing("write", &journal_path(&parts))?;
                replay = Replay::empty(layout.chunks());
            }
            journal
                .append(&Record::About(about))
                .doing("write", &journal_path(&parts))?;
        }
        let files = (0..layout.files())
            .map(|_| FileState {
                missing: 0,
                listed: false,
                hash: None,
                saved: None,
            })
            .collect();
        let this = Self {
            set: spec.set,
            version: spec.version,
            state: Mutex::new(State {
                journal,
                hashes: Vec::new(),
                root: None,
                held: Bits::new(layout.chunks()),
                checked: Bits::new(layout.chunks()),
                unchecked: BTreeSet::new(),
                writing: BTreeSet::new(),
                files,
                ready: BTreeSet::new(),
                dirty: BTreeSet::new(),
                above,
                listed: BTreeSet::new(),
                unsynced: 0,
                recovered: false,
                losses: 0,
                waiting: 0,
            }),
            layout,
            paths,
            folder: spec.folder,
            parts,
            previous: spec.previous,
            reserve: spec.reserve,
            owner: pool.owner(),
            pool: pool.clone(),
            written: Condvar::new(),
            settling: Mutex::new(()),
        };
        this.recover(replay)?;
        this.check_room()?;
        Ok(this)
    }

    /// Brings the state in line with the journal and with what is really on the disk.
    fn recover(&self, mut replay: Replay) -> Result<(), DiskFault> {
        replay.hashes.truncate(self.layout.chunks() as usize);
        let (hashes, doubtful) = (replay.hashes.len(), std::mem::take(&mut replay.doubtful));
        let mut state = self.lock();
        state.hashes = std::mem::take(&mut replay.hashes);
        state.held = replay.certain.clone();
        for &chunk in doubtful.keys() {
            state.held.insert(chunk);
        }
        let mut found = Vec::new();
        for number in 0..count(self.layout.files()) {
            let mut saved = replay.saved.remove(&number);
            if saved.is_none() {
                saved = self.find_saved(&mut replay, number)?;
                found.extend(saved.clone());
            }
            self.check_length(&mut state, FileIndex(number), saved.as_ref())?;
            state.files[number as usize].saved = saved;
        }
        // Their names may have been given just before the program died, and the disk may not have them yet.
        let State {
            journal, listed, ..
        } = &mut *state;
        self.sync_names(&found, listed)?;
        for placed in found {
            journal
                .append(&Record::Saved(placed))
                .doing("write", &self.journal_path())?;
        }
        for chunk in (0..self.layout.chunks()).filter(|chunk| *chunk as usize >= hashes) {
            state.held.remove(chunk);
        }
        let held = state.held.clone();
        state.recovered = (0..self.layout.chunks()).any(|chunk| held.contains(chunk));
        drop(state);
        // Their data may never have reached the disk: only its hash tells.
        for &chunk in doubtful.keys().filter(|chunk| held.contains(**chunk)) {
            let sources = self.sources(&self.lock(), ChunkIndex(chunk));
            let read = self.read_segments(ChunkIndex(chunk), &sources);
            let mut state = self.lock();
            if read.is_ok_and(|bytes| {
                chunk_hash(&self.layout, ChunkIndex(chunk), &bytes) == state.hashes[chunk as usize]
            }) {
                let unsaved = sources.iter().filter(|(_, saved)| saved.is_none());
                state
                    .dirty
                    .extend(unsaved.map(|(segment, _)| segment.file.0));
                state.unsynced += 1;
            } else {
                state.held.remove(chunk);
            }
        }
        let mut state = self.lock();
        for chunk in replay
            .certain
            .ranges()
            .into_iter()
            .flat_map(|(first, last)| first..=last)
        {
            if !state.held.contains(chunk) {
                state.drop_record(chunk);
            }
        }
        for chunk in doubtful.into_keys() {
            if !state.held.contains(chunk) {
                state.drop_record(chunk);
            }
        }
        self.count_missing(&mut state);
        Ok(())
    }

    /// Where a file was saved whose name was about to be given. It was if the part file is gone, and the file has the whole
    /// hash.
    fn find_saved(&self, replay: &mut Replay, file: u32) -> Result<Option<Placed>, DiskFault> {
        let Some(naming) = replay.naming.remove(&file) else {
            return Ok(None);
        };
        if place::look(&self.part_path(FileIndex(file)))?.is_some() {
            return Ok(None);
        }
        let path = self.folder.join(&naming.path);
        let Ok(named) = files::open_plain(&path) else {
            return Ok(None);
        };
        let whole = hash_file(&named).doing("read", &path)? == naming.hash;
        Ok(whole.then_some(naming))
    }

    /// Gives up the chunks of a file that it is too short for, or that is no longer there.
    fn check_length(
        &self,
        state: &mut State,
        file: FileIndex,
        saved: Option<&Placed>,
    ) -> Result<(), DiskFault> {
        let chunks = self.layout.file_chunks(file);
        let mut held = (chunks.start.0..chunks.end.0)
            .filter(|&chunk| state.held.contains(chunk))
            .peekable();
        if held.peek().is_none() {
            return Ok(());
        }
        let held: Vec<u32> = held.collect();
        let path = match saved {
            Some(placed) => self.folder.join(&placed.path),
            None => self.part_path(file),
        };
        let length = place::look(&path)?
            .filter(fs::Metadata::is_file)
            .map_or(0, |meta| meta.len());
        if saved.is_some() && length != self.layout.file_size(file) {
            for chunk in held {
                state.held.remove(chunk);
            }
            return Ok(());
        }
        for chunk in held {
            let segments = self.layout.segments(ChunkIndex(chunk));
            let here = segments.iter().find(|segment| segment.file == file);
            if here.is_some_and(|segment| segment.offset + u64::from(segment.len) > length) {
                state.held.remove(chunk);
            }
        }
        Ok(())
    }

    fn count_missing(&self, state: &mut State) {
        for number in 0..count(self.layout.files()) {
            let chunks = self.layout.file_chunks(FileIndex(number));
            let missing = (chunks.start.0..chunks.end.0)
                .filter(|&chunk| !state.held.contains(chunk))
                .count();
            let file = &mut state.files[number as usize];
            file.missing = count(missing);
            if missing == 0 && file.saved.is_none() {
                state.ready.insert(number);
            }
        }
    }

    fn check_room(&self) -> Result<(), DiskFault> {
        let missing: u64 = {
            let state = self.lock();
            let chunks = (0..self.layout.chunks()).filter(|&chunk| !state.held.contains(chunk));
            chunks
                .map(|chunk| u64::from(self.layout.chunk_len(ChunkIndex(chunk))))
                .sum()
        };
        if missing == 0 {
            Ok(())
        } else {
            self.check_space(missing).map(drop)
        }
    }
}

impl State {
    fn drop_record(&mut self, chunk: u32) {
        // If that fails, the next start finds it out again.
        let _ = self.journal.append(&Record::Dropped(chunk));
    }
}

/// A hash over everything that chunk numbers depend on.
fn about(spec: &ReceiveSpec) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(spec.set.as_bytes())
        .update(&spec.chunk_size.to_le_bytes());
    for file in &spec.files {
        hasher.update(&file.size.to_le_bytes());
        hasher.update(file.path.as_bytes()).update(&[0]);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Makes the receive folder and the hidden one of the set in it; a link in the place of the hidden
/// ones is refused. Gives the hidden one, and the folders that list those above what is in it.
fn make_folders(spec: &ReceiveSpec) -> Result<(PathBuf, BTreeSet<PathBuf>), DiskFault> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let missing: Vec<&Path> = spec.folder.ancestors().take_while(is_missing).collect();
    for folder in missing.iter().rev() {
        match files::create_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !folder.is_dir() {
                    let (reason, text) = (FailReason::NotWritable, "a file has its name");
                    return Err(DiskFault::because(reason, "make the folder", *folder, text));
                }
            }
            made => made.doing("make the folder", folder)?,
        }
    }
    // Those as well that were there: another set, or a program that died, may have made them a moment ago.
    let above = spec.folder.ancestors().skip(1);
    let above = above.filter(|path| !path.as_os_str().is_empty());
    let mut above: BTreeSet<PathBuf> = above.map(Path::to_owned).collect();
    let hidden: &Path = &spec.folder.join(STORE_FOLDER);
    files::create_private_folder(hidden).doing("make the folder", hidden)?;
    let parts = hidden.join(spec.set.to_string());
    files::create_private_folder(&parts).doing("make the folder", &parts)?;
    above.extend([spec.folder.clone(), hidden.to_owned()]);
    Ok((parts, above))
}
