//! Looking for the chunks of a set on this machine: in files that were received before.
//!
//! The hash of a chunk says nothing about where its bytes may be, so each file of the set is
//! compared, chunk by chunk at the same place, with the one file here that is most like it by name
//! and size. So what did not change in an earlier version is found, and the same file of another
//! set, whatever its chunks were; small files are found one by one, also where others were added
//! before them. What stands at another place than before in a large file is not found.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{ReceiveSet, Written};
use crate::core::ids::{ChunkIndex, FileIndex};
use crate::core::layout::Segment;
use crate::core::wire::statements::FileEntry;
use crate::platform::files;
use crate::store::fault::DiskFault;

/// Chunks looked for in one [`Search::step`], which the rest of the engine waits for.
const STEP: u32 = 32;
/// A file is given up when so many more of its chunks were read in vain than were found.
const IN_VAIN: u32 = 128;

/// A file on this machine that may have bytes of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its path in the manifest that it was received by.
    pub wire: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it belongs to an earlier version of the same item.
    pub earlier: bool,
}

/// The names by which files of a set are looked for.
#[derive(Debug)]
pub struct Names(HashSet<String>);

impl Names {
    /// Those of the files of a set.
    pub fn of(files: &[FileEntry]) -> Self {
        let named = files.iter().filter(|file| file.size > 0);
        Self(named.map(|file| base(&file.path).to_owned()).collect())
    }

    /// Whether a file of this path could be worth a look.
    pub fn contain(&self, wire: &str) -> bool {
        self.0.contains(base(wire))
    }
}

/// A search for the chunks of one set.
#[derive(Debug)]
pub struct Search(Mutex<State>);

#[derive(Debug)]
struct State {
    /// For each file of the set, the one to compare it with.
    tries: Vec<Option<Try>>,
    /// All chunks below were looked for.
    next: u32,
    /// The file that was read last.
    open: Option<(FileIndex, File)>,
}

#[derive(Debug)]
struct Try {
    path: PathBuf,
    found: u32,
    missed: u32,
}

/// What a [`Search::step`] found.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// All chunks below were looked for by now.
    pub upto: u32,
    /// Those that were found, verified and written, as sorted inclusive ranges.
    pub found: Vec<(u32, u32)>,
}

impl Search {
    /// A search for the chunks of these files, in those of `locals` that are most like them;
    /// `None` where there are none.
    pub fn new(files: &[FileEntry], locals: impl IntoIterator<Item = Local>) -> Option<Self> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, file) in files.iter().enumerate().filter(|(_, file)| file.size > 0) {
            by_name.entry(base(&file.path)).or_default().push(number);
        }
        let mut best: Vec<Option<(u8, PathBuf)>> = vec![None; files.len()];
        for local in locals {
            let Some(numbers) = by_name.get(base(&local.wire)) else {
                continue;
            };
            let size = match fs::symlink_metadata(&local.path) {
                Ok(meta) if meta.is_file() => meta.len(),
                _ => continue,
            };
            for &number in numbers {
                let likeness = likeness(&files[number], &local, size);
                let so_far = best[number].as_ref().map_or(0, |(likeness, _)| *likeness);
                if likeness > so_far {
                    best[number] = Some((likeness, local.path.clone()));
                }
            }
        }
        let tries = best.into_iter().map(|best| {
            best.map(|(_, path)| Try {
                path,
                found: 0,
                missed: 0,
            })
        });
        let tries: Vec<_> = tries.collect();
        tries.iter().any(Option::is_some).then(|| {
            Self(Mutex::new(State {
                tries,
                next: 0,
                open: None,
            }))
        })
    }

    /// Looks for some more chunks whose hashes are known; `None` where there are none for now.
    pub fn step(&self, set: &ReceiveSet) -> Result<Option<Step>, DiskFault> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = set.hashed_chunks().min(state.next.saturating_add(STEP));
        if state.next >= end {
            return Ok(None);
        }
        let mut found: Vec<(u32, u32)> = Vec::new();
        for chunk in state.next..end {
            if !state.take(set, ChunkIndex(chunk))? {
                continue;
            }
            match found.last_mut() {
                Some((_, last)) if *last + 1 == chunk => *last = chunk,
                _ => found.push((chunk, chunk)),
            }
        }
        state.next = end;
        Ok(Some(Step { upto: end, found }))
    }
}

impl State {
    /// Whether a chunk that was missing was found and is written now.
    fn take(&mut self, set: &ReceiveSet, chunk: ChunkIndex) -> Result<bool, DiskFault> {
        let segments = set.layout.segments(chunk);
        let tried = |segment: &Segment| self.tries[segment.file.0 as usize].is_some();
        if set.holds(chunk) || !segments.iter().all(tried) {
            return Ok(false);
        }
        let mut bytes = vec![0; set.layout.chunk_len(chunk) as usize];
        let mut rest = &mut bytes[..];
        let mut read = true;
        for segment in &segments {
            let (here, after) = rest.split_at_mut(segment.len as usize);
            rest = after;
            read = read && self.read(segment, here);
        }
        let found = read
            && match set.write_chunk(chunk, &bytes) {
                Written::Stored => true,
                Written::Failed(fault) => return Err(fault),
                Written::Bad | Written::NoHash => false,
            };
        for segment in &segments {
            let place = &mut self.tries[segment.file.0 as usize];
            if let Some(tried) = place {
                tried.found += u32::from(found);
                tried.missed += u32::from(!found);
                if tried.missed > tried.found.saturating_add(IN_VAIN) {
                    *place = None;
                }
            }
        }
        Ok(found)
    }

    /// Reads what stands at a segment's place in the file that its own is compared with. What
    /// cannot be read is not there.
    fn read(&mut self, segment: &Segment, into: &mut [u8]) -> bool {
        if self.open.as_ref().map(|(file, _)| *file) != Some(segment.file) {
            let tried = self.tries[segment.file.0 as usize].as_ref();
            let opened = tried.and_then(|tried| files::open_plain(&tried.path).ok());
            self.open = opened.map(|file| (segment.file, file));
        }
        let open = self.open.as_ref();
        open.is_some_and(|(_, file)| files::read_exact_at(file, into, segment.offset).is_ok())
    }
}

/// How like a local file of this size is to one of the set; 0 for not at all.
fn likeness(file: &FileEntry, local: &Local, size: u64) -> u8 {
    match (local.wire == file.path, local.earlier, size == file.size) {
        (true, true, true) => 5,
        (true, true, false) => 4,
        (true, false, true) => 3,
        (false, _, true) => 2,
        (true, false, false) => 1,
        (false, _, false) => 0,
    }
}

/// The last part of a path.
fn base(wire: &str) -> &str {
    wire.rsplit('/').next().unwrap_or(wire)
}

impl ReceiveSet {
    fn holds(&self, chunk: ChunkIndex) -> bool {
        self.lock().held.contains(chunk.0)
    }

    /// Where each file of the set is on this machine, whole or not.
    pub fn locals(&self, earlier: bool) -> Vec<Local> {
        let state = self.lock();
        let files = (0..).zip(&self.paths).zip(&state.files);
        files
            .map(|((number, wire), file)| Local {
                wire: wire.to_string(),
                path: match &file.saved {
                    Some(placed) => self.folder.join(Path::new(&placed.path)),
                    None => self.part_path(FileIndex(number)),
                },
                earlier,
            })
            .collect()
    }
}
