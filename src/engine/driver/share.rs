//! Sharing: files are listed, then read, hashed and handed on in one pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::disk::{Content, DiskSide, Entry, lock};
use super::history::{History, Note};
use super::pool::Order;
use crate::core::ids::{Hash, SessionId, SetId};
use crate::core::io::{Earlier, EarlierSet, Input, Kept};
use crate::core::layout::Layout;
use crate::core::signed::Signed;
use crate::core::wire::statements::{self, FailReason, ItemBody, ItemContent};
use crate::store::database::DatabaseError;
use crate::store::scan::{Scan, SourceFile, TooManyFiles, scan};
use crate::store::source::{SourceError, SourceSet};

/// Hashes are handed on this often, and the first one at once.
const HAND_ON: Duration = Duration::from_millis(20);
/// All hashing has this place in the queue of long jobs, so that one set is hashed after the other
/// and a thread stays free for what is received.
const HASHING: SetId = SetId([0xff; 16]);

/// Files that are about to be shared.
pub struct Prepared {
    /// The files, as they were scanned.
    pub files: Vec<SourceFile>,
    /// Copy them into the session's own store.
    pub copy: bool,
}

impl DiskSide {
    /// Lists files and folders.
    pub async fn scan(&self, paths: Vec<PathBuf>) -> Result<Scan, TooManyFiles> {
        let (tx, rx) = async_channel::bounded(1);
        self.jobs.submit(self.no_set(), Order::Alone, move || {
            // Nobody waits any more if the caller was dropped.
            let _ = tx.try_send(scan(&paths));
        });
        rx.recv().await.unwrap_or_else(|_| Ok(Scan::default()))
    }

    /// Keeps files until the core asks for their hashes.
    pub fn prepare(&self, set: SetId, prepared: Prepared) {
        lock(&self.prepared).insert(set, prepared);
    }

    /// The core did not take them.
    pub fn unprepare(&self, set: SetId) {
        lock(&self.prepared).remove(&set);
    }

    /// All of a set was read and its final page signed.
    pub fn finished(&self, set: SetId, page: Signed) {
        self.history.note(Note::Finished(set, page));
    }

    /// What an own session that was interrupted left; its files are prepared where they are as they were.
    pub async fn earlier(&self, session: SessionId) -> Result<Earlier, DatabaseError> {
        let (tx, rx) = async_channel::bounded(1);
        let history = self.history.clone();
        self.jobs.submit(self.no_set(), Order::Alone, move || {
            // Nobody waits any more if the caller was dropped.
            let _ = tx.try_send(earlier(&history, session));
        });
        let (kept, found) = rx.recv().await.unwrap_or_else(|_| Ok(Default::default()))?;
        let mut sources = BTreeMap::new();
        for (set, files, root) in found {
            let entries = files.iter().map(SourceFile::entry).collect();
            let source = EarlierSet {
                files: entries,
                root,
            };
            sources.insert(set, source);
            self.prepare(set, Prepared { files, copy: false });
        }
        Ok(Earlier { kept, sources })
    }

    /// Removes the own copies that no session which can go on may need again.
    pub fn tidy_copies(self: &Arc<Self>) {
        let this = self.clone();
        self.jobs.submit(self.no_set(), Order::Alone, move || {
            let copies = fs::read_dir(&this.places.copies)
                .into_iter()
                .flatten()
                .flatten();
            let copies: Vec<PathBuf> = copies.map(|entry| entry.path()).collect();
            if copies.is_empty() {
                return;
            }
            let mut needed = BTreeSet::new();
            for session in this.history.open_sessions().unwrap_or_default() {
                let kept = this.history.kept(session).unwrap_or_default();
                needed.extend(sets(&kept.entries).map(|set| set.to_string()));
            }
            for copy in copies {
                let name = copy.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| !needed.contains(name))
                    && let Err(error) = fs::remove_dir_all(&copy)
                {
                    tracing::warn!("cannot remove {}: {error}", copy.display());
                }
            }
        });
    }

    /// Hashes a set. Answered by `Hashed`s or `SetFailed`.
    pub fn hash(self: &Arc<Self>, session: SessionId, set: SetId, chunk_size: u32) {
        let Some(Prepared { files, copy }) = lock(&self.prepared).remove(&set) else {
            let text = "its files are not known any more: share them again".to_owned();
            return self.fail(set, session, FailReason::DiskError, text);
        };
        let copy = copy.then(|| self.places.copies.join(set.to_string()));
        let layout = Layout::new(chunk_size, files.iter().map(|file| file.size));
        let source = SourceSet::new(files, chunk_size, copy, &self.files);
        let (layout, source) = match (layout, source) {
            (Ok(layout), Ok(source)) => (layout, Arc::new(source)),
            (Err(error), _) | (_, Err(error)) => {
                return self.fail(set, session, FailReason::DiskError, error.to_string());
            }
        };
        let entry = Entry::new(session, None, layout);
        let _ = entry.content.set(Content::Source(source.clone()));
        self.history
            .note(Note::Sources(set, source.files().to_vec()));
        self.add(set, entry);
        let this = self.clone();
        self.long_jobs.submit(HASHING, Order::Alone, move || {
            this.hash_now(session, set, &source);
        });
    }

    fn hash_now(&self, session: SessionId, set: SetId, source: &SourceSet) {
        let mut hashes = Vec::new();
        let mut handed_on: Option<Instant> = None;
        let root = source.hash(|hashed| {
            if self.stopping.load(Ordering::Relaxed) || self.entry(set).is_none() {
                return ControlFlow::Break(());
            }
            hashes.push(hashed.hash);
            self.cache.put(set, hashed.chunk, hashed.bytes);
            if handed_on.is_none_or(|at| at.elapsed() >= HAND_ON) {
                (self.tell)(Input::Hashed {
                    session,
                    set,
                    hashes: std::mem::take(&mut hashes),
                    root: None,
                });
                handed_on = Some(Instant::now());
            }
            ControlFlow::Continue(())
        });
        if let Some(copies) = source.copies() {
            self.history.note(Note::Sources(set, copies));
        }
        match root {
            Ok(Some(root)) => (self.tell)(Input::Hashed {
                session,
                set,
                hashes,
                root: Some(root),
            }),
            Ok(None) => {}
            Err(error) => {
                let reason = match &error {
                    SourceError::Copy(fault) => fault.reason,
                    _ => FailReason::DiskError,
                };
                self.fail(set, session, reason, error.to_string());
            }
        }
    }
}

/// Sets that can be read again: their files, and the hash over the whole-file hashes if all were read.
type Readable = Vec<(SetId, Vec<SourceFile>, Option<Hash>)>;

/// The sets of which entries tell.
fn sets(entries: &[Signed]) -> impl Iterator<Item = SetId> {
    entries.iter().filter_map(|signed| {
        let entry = signed.peek::<statements::Entry>().ok()?;
        match serde_json::from_str::<ItemBody>(entry.body.get())
            .ok()?
            .content
        {
            ItemContent::Files { set } => Some(set.id),
            _ => None,
        }
    })
}

fn earlier(history: &History, session: SessionId) -> Result<(Kept, Readable), DatabaseError> {
    let kept = history.kept(session)?;
    history.interrupted(session, &kept.entries)?;
    let mut found = Vec::new();
    for set in sets(&kept.entries) {
        let (files, root) = history.source(set)?;
        if !files.is_empty()
            && files
                .iter()
                .all(|file| file.is_unchanged().unwrap_or(false))
        {
            found.push((set, files, root));
        }
    }
    Ok((kept, found))
}
