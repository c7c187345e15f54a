//! What is remembered: entries, sessions, saved copies, trust. Written in order by one thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use super::disk::lock;
use crate::core::ids::{ItemId, SessionId};
use crate::core::trust::TrustChange;
use crate::store::keys::KeyStore;
use crate::store::part::ReceiveSet;
use crate::store::place::SavedCopy;

type Saved = HashMap<(SessionId, ItemId, PathBuf), Vec<SavedCopy>>;

/// The memory of the engine.
pub struct History {
    saved: Mutex<Saved>,
    queue: Mutex<Option<Sender<Note>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Something to remember.
#[derive(Debug)]
pub enum Note {
    /// A change of what is trusted.
    Trust(TrustChange),
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

impl History {
    /// Starts the thread that writes. `report` is told, in words, what could not be kept.
    pub fn start(keys: KeyStore, report: impl Fn(String) + Send + 'static) -> io::Result<Self> {
        let (queue, notes) = channel();
        let thread = thread::Builder::new()
            .name("handout-history".to_owned())
            .spawn(move || {
                for note in notes {
                    if let Err(text) = keep(&keys, note) {
                        report(text);
                    }
                }
            })?;
        Ok(Self {
            saved: Mutex::default(),
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Remembers something, soon.
    pub fn note(&self, note: Note) {
        if let Some(queue) = &*lock(&self.queue) {
            let _ = queue.send(note);
        }
    }

    /// The copies of an item's earlier versions that were saved in a folder.
    pub fn previous(&self, session: SessionId, item: ItemId, folder: &Path) -> Vec<SavedCopy> {
        let key = (session, item, folder.to_owned());
        lock(&self.saved).get(&key).cloned().unwrap_or_default()
    }

    /// A version of an item was saved.
    pub fn saved(&self, session: SessionId, item: ItemId, folder: &Path, set: &ReceiveSet) {
        let key = (session, item, folder.to_owned());
        lock(&self.saved).insert(key, set.saved_copies());
    }

    /// Writes what waits, and ends.
    pub fn stop(&self) {
        *lock(&self.queue) = None;
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn keep(keys: &KeyStore, note: Note) -> Result<(), String> {
    match note {
        Note::Trust(change) => keys
            .commit_trust(&[change])
            .map(drop)
            .map_err(|error| format!("Cannot keep what was learnt about keys: {error}")),
    }
}
