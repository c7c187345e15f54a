//! A simulated machine's disk: what it keeps over a restart, and how long things take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::machine::Want;
use crate::core::ids::{ChunkIndex, DeviceId, Hash, ItemId, PublicKey, SessionId, SetId};
use crate::core::io::{Disk, Earlier, EarlierSet, Input, Kept as Remembered};
use crate::core::layout::Layout;
use crate::core::machine::chunk_sizes;
use crate::core::signed::Signed;
use crate::core::trust::TrustStore;
use crate::core::wire::statements::{FileEntry, Page, PageContent, Status};

/// Making or finding the place of a set.
const OPEN: Duration = Duration::from_millis(1);
/// Syncing and renaming the files of a set.
const RENAME: Duration = Duration::from_millis(2);
/// Reading and hashing a byte at the source, in nanoseconds: 5.5 GB/s.
const HASHING: f64 = 1.0 / 5.5;
/// Hashes that are handed on together.
const HASHES: u32 = 256;

/// What one machine keeps.
#[derive(Default)]
pub struct Store {
    /// What is known of keys.
    pub trust: TrustStore,
    /// Entries, in the order in which they came.
    pub entries: Vec<(SessionId, Signed)>,
    /// Sessions that ended.
    pub ended: Vec<(SessionId, PublicKey)>,
    /// Files that are shared.
    pub sources: BTreeMap<SetId, Vec<FileEntry>>,
    /// Signed final pages of sets that were read to their ends.
    pub finished: BTreeMap<SetId, Signed>,
    tokens: BTreeMap<(SessionId, DeviceId), Signed>,
    statuses: BTreeMap<(SessionId, DeviceId, ItemId), Signed>,
    sets: BTreeMap<SetId, Kept>,
}

/// A set that is received.
struct Kept {
    session: SessionId,
    have: Vec<bool>,
    missing: u32,
    /// Hashes that are known, from the first chunk on.
    known: u32,
    root: bool,
    saved: bool,
}

/// What follows from something done with the disk.
#[derive(Default)]
pub struct Done {
    /// To be done by the network.
    pub wants: Vec<Want>,
    /// To be told to the core at once.
    pub input: Option<Input>,
    /// What should not have happened.
    pub wrong: Option<String>,
}

impl Store {
    /// A disk on which nothing is but what is known of keys.
    pub fn new(trust: TrustStore) -> Self {
        Self {
            trust,
            ..Self::default()
        }
    }

    /// Does what the core asks of the disk.
    pub fn carry_out(&mut self, disk: Disk) -> Done {
        let mut done = Done::default();
        match disk {
            Disk::Open {
                session,
                set,
                chunk_size,
                files,
                ..
            } => match Layout::new(chunk_size, files.iter().map(|file| file.size)) {
                Ok(layout) => done.wants.push(self.open(session, set, &layout)),
                Err(error) => done.wrong = Some(format!("a set cannot be laid out: {error}")),
            },
            Disk::Hashes { set, first, hashes } => {
                if let Some(kept) = self.sets.get_mut(&set) {
                    if kept.known != first.0 {
                        done.wrong = Some(format!("hashes from {first} follow {}", kept.known));
                    }
                    kept.known += u32::try_from(hashes.len()).unwrap_or(u32::MAX);
                }
            }
            Disk::Final { set, .. } => {
                if let Some(kept) = self.sets.get_mut(&set) {
                    kept.root = true;
                    done.wants.extend(kept.save_if_complete(set));
                }
            }
            Disk::Hash {
                session,
                set,
                chunk_size,
            } => self.hash(session, set, chunk_size, &mut done),
            Disk::Restore { session } => {
                let kept = self.kept(session);
                done.input = Some(Input::Restored { session, kept });
            }
            Disk::Finished { set, page } => _ = self.finished.insert(set, page),
            Disk::Token {
                session,
                device,
                token,
            } => _ = self.tokens.insert((session, device), token),
            Disk::Status(status) => {
                if let Ok(told) = status.peek::<Status>() {
                    let key = (told.session, told.device, told.item);
                    self.statuses.insert(key, status);
                }
            }
            Disk::Entry { session, entry } => self.entries.push((session, entry)),
            Disk::Trust(change) => self.trust.apply(change),
            Disk::Session {
                session,
                teacher_key,
                ended: true,
                ..
            } => self.ended.push((session, teacher_key)),
            Disk::Close { .. } | Disk::Session { .. } | Disk::Attendance { .. } => {}
        }
        done
    }

    fn kept(&self, session: SessionId) -> Remembered {
        let of = |(of, _): &&(SessionId, Signed)| *of == session;
        let own = |(_, set): &(&SetId, &Kept)| set.session == session;
        let tokens = self.tokens.iter().filter(|((of, _), _)| *of == session);
        let statuses = self.statuses.iter();
        let statuses = statuses.filter(|((of, _, _), _)| *of == session);
        Remembered {
            entries: self
                .entries
                .iter()
                .filter(of)
                .map(|(_, entry)| entry.clone())
                .collect(),
            tokens: tokens.map(|(_, token)| token.clone()).collect(),
            statuses: statuses.map(|(_, status)| status.clone()).collect(),
            sets: self.sets.iter().filter(own).map(|(set, _)| *set).collect(),
        }
    }

    /// What a session that was interrupted left.
    pub fn earlier(&self, session: SessionId) -> Earlier {
        let root = |set: &SetId| match self.finished.get(set)?.peek::<Page>().ok()?.content {
            PageContent::Final { root } => Some(root),
            _ => None,
        };
        let source = |(set, files): (&SetId, &Vec<FileEntry>)| {
            let (files, root) = (files.clone(), root(set));
            (*set, EarlierSet { files, root })
        };
        Earlier {
            kept: self.kept(session),
            sources: self.sources.iter().map(source).collect(),
        }
    }

    fn open(&mut self, session: SessionId, set: SetId, layout: &Layout) -> Want {
        let chunks = layout.chunks();
        let kept = self.sets.entry(set).or_insert_with(|| Kept {
            session,
            have: vec![false; chunks as usize],
            missing: chunks,
            known: 0,
            root: false,
            saved: false,
        });
        (kept.known, kept.root, kept.saved) = (0, false, false);
        let mut have: Vec<(u32, u32)> = Vec::new();
        for (chunk, _) in (0..).zip(&kept.have).filter(|(_, here)| **here) {
            match have.last_mut() {
                Some((_, last)) if *last + 1 == chunk => *last = chunk,
                _ => have.push((chunk, chunk)),
            }
        }
        Want::Later(OPEN, Input::SetOpened { session, set, have })
    }

    fn hash(&mut self, session: SessionId, set: SetId, chunk_size: u32, done: &mut Done) {
        let files = self.sources.get(&set).map_or(&[][..], Vec::as_slice);
        let layout = match Layout::new(chunk_size, files.iter().map(|file| file.size)) {
            Ok(layout) => layout,
            Err(error) => {
                done.wrong = Some(format!("a set cannot be laid out: {error}"));
                return;
            }
        };
        let sizes = chunk_sizes(&layout);
        let mut time = Duration::ZERO;
        let mut first = 0;
        loop {
            let last = (first + HASHES).min(sizes.count);
            let bytes: u64 = (first..last).map(|chunk| u64::from(sizes.of(chunk))).sum();
            time += Duration::from_secs_f64(bytes as f64 * HASHING / 1e9);
            let hash = |chunk: u32| Hash::of(&[set.0.as_slice(), &chunk.to_be_bytes()].concat());
            let input = Input::Hashed {
                session,
                set,
                hashes: (first..last).map(hash).collect(),
                root: (last == sizes.count).then(|| Hash::of(&set.0)),
            };
            done.wants.push(Want::Later(time, input));
            first = last;
            if first == sizes.count {
                break;
            }
        }
        done.wants.insert(0, Want::Source(set, sizes));
    }

    /// A chunk was verified and written.
    pub fn stored(&mut self, set: SetId, chunk: ChunkIndex) -> Done {
        let mut done = Done::default();
        let Some(kept) = self.sets.get_mut(&set) else {
            done.wrong = Some(format!("chunk {chunk} came of a set that is not open"));
            return done;
        };
        if chunk.0 >= kept.known {
            done.wrong = Some(format!("chunk {chunk} was taken, its hash is not known"));
        }
        if !std::mem::replace(&mut kept.have[chunk.0 as usize], true) {
            kept.missing -= 1;
        }
        done.wants.extend(kept.save_if_complete(set));
        done
    }

    /// Bytes of a set's chunks that are here, in parts of one.
    pub fn part(&self, set: SetId) -> f64 {
        self.sets.get(&set).map_or(0.0, |kept| {
            1.0 - f64::from(kept.missing) / kept.have.len().max(1) as f64
        })
    }
}

impl Kept {
    fn save_if_complete(&mut self, set: SetId) -> Option<Want> {
        if !self.root || self.missing > 0 || self.saved {
            return None;
        }
        self.saved = true;
        let (session, path) = (self.session, "/received".into());
        let saved = Input::SetSaved { session, set, path };
        Some(Want::Later(RENAME, saved))
    }
}
