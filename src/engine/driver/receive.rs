//! Receiving: chunks are verified and written, whole files get their names.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::disk::{Content, DiskSide, Entry, Receiving, lock};
use super::pool::Order;
use crate::core::ids::{ChunkIndex, Hash, ItemId, SessionId, SetId, Version};
use crate::core::io::{ChunkOutcome, Input};
use crate::core::layout::Layout;
use crate::core::names::SafePath;
use crate::core::wire::statements::{FailReason, FileEntry};
use crate::net::event::ArrivedChunk;
use crate::store::database::SetRecord;
use crate::store::part::{Local, Names, ReceiveSet, ReceiveSpec, Search, Written};

/// Pause between two settlings of a set, unless it is complete: each syncs the disk.
const SETTLE_PAUSE: Duration = Duration::from_millis(250);

/// What [`DiskSide::open`] makes a place for.
pub struct Wanted {
    /// The session.
    pub session: SessionId,
    /// The session's title.
    pub folder: String,
    /// The set.
    pub set: SetId,
    /// The item and its version.
    pub item: (ItemId, Version),
    /// Size of a chunk in bytes.
    pub chunk_size: u32,
    /// The files.
    pub files: Vec<FileEntry>,
}

impl DiskSide {
    /// Makes or finds the place of a set. Answered by `SetOpened` or `SetFailed`.
    pub fn open(self: &Arc<Self>, wanted: Wanted) {
        let (session, set) = (wanted.session, wanted.set);
        let sizes = wanted.files.iter().map(|file| file.size);
        match Layout::new(wanted.chunk_size, sizes) {
            Ok(layout) => self.add(set, Entry::new(session, Some(wanted.item.0), layout)),
            Err(error) => {
                let reason = FailReason::BadManifest;
                return self.fail(set, session, reason, error.to_string());
            }
        }
        let this = self.clone();
        self.jobs
            .submit(set, Order::Alone, move || this.open_now(wanted));
    }

    fn open_now(&self, wanted: Wanted) {
        let (session, set) = (wanted.session, wanted.set);
        let Some(entry) = self.entry(set) else { return };
        let Receiving { folder, reserve } = self.receiving();
        let folder = folder.join(folder_name(&wanted.folder));
        let previous = self.history.previous(session, wanted.item, &folder);
        let search = self.look_around(set, wanted.item.0, &wanted.files);
        let spec = ReceiveSpec {
            set,
            version: wanted.item.1,
            chunk_size: wanted.chunk_size,
            files: wanted.files,
            // Without them a new version is saved beside the old one.
            previous: previous.unwrap_or_else(|error| {
                tracing::warn!("{error}");
                Vec::new()
            }),
            folder,
            reserve,
        };
        let record = SetRecord {
            id: set,
            session,
            item: wanted.item.0,
            version: wanted.item.1,
            folder: spec.folder.clone(),
        };
        // Whoever had the part files open before a retry must be done with them.
        let turn = self.turn(set);
        let _turn = lock(&turn);
        match ReceiveSet::open(spec, &self.files) {
            Ok(receive) => {
                let have = receive.held();
                if let Some(search) = search.filter(|_| !is_whole(&receive)) {
                    let _ = entry.search.set(search);
                    (self.tell)(Input::Searching { session, set });
                }
                let _ = entry.content.set(Content::Receive(Arc::new(receive)));
                (self.tell)(Input::SetOpened { session, set, have });
                // Only a later version needs it, and it takes a sync: chunks may come meanwhile.
                if let Err(error) = self.history.received(&record) {
                    tracing::warn!("{error}");
                }
            }
            Err(fault) => self.fail(set, session, fault.reason, fault.to_string()),
        }
    }

    /// Finds files on this machine that are like those of a set.
    fn look_around(&self, set: SetId, item: ItemId, files: &[FileEntry]) -> Option<Search> {
        let names = Names::of(files);
        let mut locals = self
            .history
            .locals((set, item), &names)
            .unwrap_or_else(|error| {
                tracing::warn!("{error}");
                Vec::new()
            });
        // The history has files that were saved, and only of sets that are complete.
        for (other, entry) in self.entries() {
            if other != set
                && let Some(receive) = entry.receive()
            {
                locals.extend(receive.locals(entry.item == Some(item)));
            }
        }
        for (of, unfinished) in lock(&self.unfinished).iter() {
            let like = unfinished.iter().filter(|local| names.contain(&local.wire));
            locals.extend(like.map(|local| Local {
                earlier: *of == item,
                ..local.clone()
            }));
        }
        Search::new(files, locals)
    }

    /// Looks on this machine for the chunks of a set whose hashes are known by now.
    fn search(self: &Arc<Self>, set: SetId, entry: &Arc<Entry>) {
        let (Some(search), Some(receive)) = (entry.search.get(), entry.receive()) else {
            return;
        };
        let session = entry.session;
        while !self.stopping.load(Ordering::Relaxed) && self.entry(set).is_some() {
            match search.step(receive) {
                Ok(Some(step)) => {
                    let (upto, found) = (step.upto, &step.found);
                    tracing::debug!("set {set}: of the chunks below {upto}, {found:?} were here");
                    if !step.found.is_empty() {
                        entry.dirty.store(true, Ordering::Relaxed);
                    }
                    (self.tell)(Input::ChunksFound {
                        session,
                        set,
                        upto: step.upto,
                        found: step.found,
                    });
                    self.settle_if_due(set, entry, receive);
                }
                Ok(None) => return,
                Err(fault) => return self.fail(set, session, fault.reason, fault.to_string()),
            }
        }
    }

    fn settle_if_due(self: &Arc<Self>, set: SetId, entry: &Arc<Entry>, receive: &ReceiveSet) {
        if receive.wants_settling() && (rested(entry) || is_whole(receive)) {
            self.settle_soon(set, entry);
        }
    }

    /// Hands over verified hashes.
    pub fn hashes(self: &Arc<Self>, set: SetId, first: ChunkIndex, hashes: Vec<Hash>) {
        let this = self.clone();
        self.jobs.submit(set, Order::Alone, move || {
            let Some(entry) = this.entry(set) else { return };
            let Some(receive) = entry.receive() else {
                return;
            };
            if let Err(fault) = receive.add_hashes(first, &hashes) {
                this.fail(set, entry.session, fault.reason, fault.to_string());
            } else if entry.search.get().is_some() {
                // Beside what comes from the network.
                let here = this.clone();
                this.long_jobs
                    .submit(set, Order::Alone, move || here.search(set, &entry));
            }
        });
    }

    /// Hands over the hash of the final page.
    pub fn set_root(self: &Arc<Self>, set: SetId, root: Hash) {
        let this = self.clone();
        self.jobs.submit(set, Order::Alone, move || {
            let Some(entry) = this.entry(set) else { return };
            if let Some(receive) = entry.receive() {
                receive.set_root(root);
                this.settle_soon(set, &entry);
            }
        });
    }

    /// Verifies and writes a chunk. Answered by `Chunk`.
    pub fn store(self: &Arc<Self>, arrived: ArrivedChunk) {
        let this = self.clone();
        let set = arrived.header.set;
        self.jobs
            .submit(set, Order::Together, move || this.store_now(arrived));
    }

    fn store_now(self: &Arc<Self>, arrived: ArrivedChunk) {
        let (set, chunk) = (arrived.header.set, arrived.header.chunk);
        let entry = self.entry(set);
        let receive = entry.as_ref().and_then(|entry| entry.receive());
        let written = receive.map(|receive| receive.write_chunk(chunk, &arrived.bytes));
        let outcome = match &written {
            Some(Written::Stored) => {
                self.cache.put(set, chunk, arrived.bytes);
                ChunkOutcome::Stored
            }
            Some(Written::Bad) => ChunkOutcome::Bad,
            Some(Written::NoHash | Written::Failed(_)) | None => ChunkOutcome::NotWritten,
        };
        (self.tell)(Input::Chunk {
            link: arrived.link,
            session: arrived.header.session,
            set,
            chunk,
            outcome,
        });
        drop(arrived.permit);
        let (Some(entry), Some(receive)) = (&entry, receive) else {
            return;
        };
        match written {
            Some(Written::Failed(fault)) => {
                self.fail(set, entry.session, fault.reason, fault.to_string());
            }
            Some(Written::Stored) => {
                entry.dirty.store(true, Ordering::Relaxed);
                self.settle_if_due(set, entry, receive);
            }
            _ => {}
        }
    }

    /// Settles every set that was written to; to be called every second or two. Tells whether
    /// there was one.
    pub fn settle_all(self: &Arc<Self>) -> bool {
        let mut any = false;
        for (set, entry) in self.entries() {
            if entry.dirty.load(Ordering::Relaxed) {
                any = true;
                self.settle_soon(set, &entry);
            }
        }
        any
    }

    pub(super) fn settle_soon(self: &Arc<Self>, set: SetId, entry: &Arc<Entry>) {
        if entry.settling.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, entry) = (self.clone(), entry.clone());
        self.long_jobs
            .submit(set, Order::Alone, move || this.settle(set, &entry));
    }

    fn settle(self: &Arc<Self>, set: SetId, entry: &Arc<Entry>) {
        // Before it begins: what is written meanwhile needs another one.
        entry.settling.store(false, Ordering::Release);
        entry.dirty.store(false, Ordering::Relaxed);
        let Some(receive) = entry.receive() else {
            return;
        };
        let session = entry.session;
        let settled = {
            let turn = self.turn(set);
            let _turn = lock(&turn);
            receive.settle()
        };
        *lock(&entry.settled) = Some(Instant::now());
        for chunk in settled.lost {
            self.lost(session, set, chunk);
        }
        for file in settled.saved {
            (self.tell)(Input::FileSaved {
                session,
                set,
                file: file.file,
                path: file.path,
            });
        }
        if let Some(fault) = settled.faults.into_iter().next() {
            entry.dirty.store(true, Ordering::Relaxed);
            self.fail(set, session, fault.reason, fault.to_string());
        } else if settled.complete && !entry.over.swap(true, Ordering::Relaxed) {
            let path = receive.main_path();
            if let Err(error) = self.history.saved(set, receive) {
                tracing::warn!("{error}");
            }
            (self.tell)(Input::SetSaved { session, set, path });
        }
    }

    pub(super) fn lost(&self, session: SessionId, set: SetId, chunk: ChunkIndex) {
        (self.tell)(Input::ChunkLost {
            session,
            set,
            chunk,
        });
    }
}

fn rested(entry: &Entry) -> bool {
    lock(&entry.settled).is_none_or(|at| at.elapsed() >= SETTLE_PAUSE)
}

fn is_whole(receive: &ReceiveSet) -> bool {
    let all = receive.layout().chunks();
    receive.held() == [(0, all.saturating_sub(1))]
}

/// The folder of a session: its title as one name that every system takes.
fn folder_name(title: &str) -> PathBuf {
    let flat = title.replace(['/', '\\'], "_");
    PathBuf::from(SafePath::clean([OsStr::new(&flat)]).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_one_folder_whatever_its_title() {
        assert_eq!(folder_name("Networks 3/4"), PathBuf::from("Networks 3_4"));
        for title in ["..", "/etc", "a\\..\\b", "con", ""] {
            let folder = folder_name(title);
            assert_eq!(folder.components().count(), 1, "{title:?} is {folder:?}");
            assert!(folder.is_relative() && !folder.ends_with(".."));
        }
    }
}
