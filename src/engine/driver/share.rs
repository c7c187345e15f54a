//! Sharing: files are listed, then read, hashed and handed on in one pass.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::disk::{Content, DiskSide, Entry, lock};
use super::pool::Order;
use crate::core::ids::{SessionId, SetId};
use crate::core::io::Input;
use crate::core::layout::Layout;
use crate::core::wire::statements::FailReason;
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
