//! The disk's side of the engine: every set that is received or shared, its chunks in memory, and
//! the threads that read and write them.
//!
//! Receiving is in [`super::receive`], sending in [`super::serve`], hashing in [`super::share`].

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use super::history::History;
use super::pool::Pool;
use super::serve::Reading;
use super::share::Prepared;
use crate::api::Config;
use crate::core::ids::{ItemId, LinkId, SessionId, SetId};
use crate::core::io::Input;
use crate::core::layout::Layout;
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::statements::FailReason;
use crate::net::assembly::ChunkLengths;
use crate::net::bulk::Outgoing;
use crate::platform::files::is_network;
use crate::store::cache::ChunkCache;
use crate::store::part::{Local, ReceiveSet, Search};
use crate::store::pool::FilePool;
use crate::store::source::SourceSet;

/// Threads for reading and writing chunks.
const THREADS: usize = 4;
/// Threads for what takes long: hashing whole sets, syncing, naming.
const LONG_THREADS: usize = 2;
/// Sets closed before they were whole whose places are remembered.
const UNFINISHED: usize = 4;
/// Bytes of chunks that stay in memory.
const CACHE: usize = 8 * 1024 * 1024;

/// Where inputs for the core go.
pub type Tell = Arc<dyn Fn(Input) + Send + Sync>;
/// Where records go that can be sent.
pub type SendRecord = Box<dyn Fn(LinkId, Outgoing) + Send + Sync>;

/// Folders and limits.
#[derive(Debug)]
pub struct Places {
    /// Where received files go from now on.
    pub receive: Mutex<Receiving>,
    /// Where the sessions' own copies of shared files go.
    pub copies: PathBuf,
}

impl Places {
    /// What a configuration says.
    pub fn of(config: &Config) -> Self {
        Self {
            receive: Mutex::new(Receiving {
                folder: config.receive_dir.clone(),
                reserve: config.free_space_reserve,
            }),
            copies: config.data_dir.join("copies"),
        }
    }
}

/// Where received files go.
#[derive(Debug, Clone)]
pub struct Receiving {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of its disk that stay free.
    pub reserve: u64,
}

/// The disk's side of the engine.
pub struct DiskSide {
    pub(super) places: Places,
    pub(super) tell: Tell,
    remote: AtomicBool,
    pub(crate) history: Arc<History>,
    pub(super) jobs: Pool,
    pub(super) long_jobs: Pool,
    pub(super) files: Arc<FilePool>,
    pub(super) cache: ChunkCache,
    pub(super) stopping: AtomicBool,
    pub(super) prepared: Mutex<HashMap<SetId, Prepared>>,
    pub(super) reading: Mutex<Reading>,
    sets: RwLock<HashMap<SetId, Arc<Entry>>>,
    /// Where the files of the last sets are that were closed before they were whole, with their
    /// items.
    pub(super) unfinished: Mutex<VecDeque<(ItemId, Vec<Local>)>>,
    /// One at a time may have a set's part files open or settle them.
    turns: Mutex<HashMap<SetId, Arc<Mutex<()>>>>,
    send: OnceLock<SendRecord>,
    scans: AtomicU64,
}

/// A set that is received or shared.
pub struct Entry {
    pub(super) session: SessionId,
    /// The item that is received; none for a set of the own session.
    pub(super) item: Option<ItemId>,
    pub(super) layout: Layout,
    pub(super) content: OnceLock<Content>,
    /// Where else on this machine its chunks may be.
    pub(super) search: OnceLock<Search>,
    /// Chunks were written since the last settling.
    pub(super) dirty: AtomicBool,
    /// A settling is under way or about to be.
    pub(super) settling: AtomicBool,
    pub(super) settled: Mutex<Option<Instant>>,
    /// It was told to be saved, or failed.
    pub(super) over: AtomicBool,
}

/// What is behind a set.
pub enum Content {
    /// It is received, or was and is served.
    Receive(Arc<ReceiveSet>),
    /// It is this machine's own.
    Source(Arc<SourceSet>),
}

impl Entry {
    pub(super) fn new(session: SessionId, item: Option<ItemId>, layout: Layout) -> Self {
        Self {
            session,
            item,
            layout,
            content: OnceLock::new(),
            search: OnceLock::new(),
            dirty: AtomicBool::new(false),
            settling: AtomicBool::new(false),
            settled: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn receive(&self) -> Option<&Arc<ReceiveSet>> {
        match self.content.get() {
            Some(Content::Receive(set)) => Some(set),
            _ => None,
        }
    }
}

impl DiskSide {
    /// Starts the threads.
    pub fn start(places: Places, history: Arc<History>, tell: Tell) -> io::Result<Arc<Self>> {
        let this = Arc::new(Self {
            places,
            tell,
            history,
            jobs: Pool::start("disk", THREADS)?,
            long_jobs: Pool::start("hash", LONG_THREADS)?,
            files: FilePool::new(),
            cache: ChunkCache::new(CACHE),
            stopping: AtomicBool::new(false),
            prepared: Mutex::default(),
            reading: Mutex::default(),
            sets: RwLock::default(),
            unfinished: Mutex::default(),
            turns: Mutex::default(),
            send: OnceLock::new(),
            scans: AtomicU64::new(0),
            remote: AtomicBool::new(false),
        });
        this.tidy_copies();
        this.look_at_places();
        Ok(this)
    }

    /// Where received files go.
    pub fn receiving(&self) -> Receiving {
        lock(&self.places.receive).clone()
    }

    /// Has what is received from now on go elsewhere. What has begun stays where it is.
    pub fn receive_in(self: &Arc<Self>, receiving: Receiving) {
        *lock(&self.places.receive) = receiving;
        self.look_at_places();
    }

    /// Whether that was seen to be on another machine's disk.
    pub fn receives_remotely(&self) -> bool {
        self.remote.load(Ordering::Relaxed)
    }

    /// Looks where received files go. A server that does not answer holds up this job alone.
    pub fn look_at_places(self: &Arc<Self>) {
        let this = self.clone();
        self.jobs
            .submit(self.no_set(), super::pool::Order::Alone, move || {
                let remote = is_network(&this.receiving().folder);
                this.remote.store(remote, Ordering::Relaxed);
            });
    }

    /// Says where records go; once, before the first one.
    pub fn set_sender(&self, send: SendRecord) {
        // A second one would be a mistake without consequence.
        let _ = self.send.set(send);
    }

    pub(super) fn send(&self, link: LinkId, record: Outgoing) {
        match self.send.get() {
            Some(send) => send(link, record),
            None => (self.tell)(record.outcome(link, false)),
        }
    }

    /// A key for a job that belongs to no set.
    pub(super) fn no_set(&self) -> SetId {
        let number = u128::from(self.scans.fetch_add(1, Ordering::Relaxed));
        SetId(number.to_be_bytes())
    }

    pub(super) fn entry(&self, set: SetId) -> Option<Arc<Entry>> {
        let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
        sets.get(&set).cloned()
    }

    pub(super) fn entries(&self) -> Vec<(SetId, Arc<Entry>)> {
        let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
        sets.iter()
            .map(|(&set, entry)| (set, entry.clone()))
            .collect()
    }

    pub(super) fn add(&self, set: SetId, entry: Entry) {
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        sets.insert(set, Arc::new(entry));
    }

    pub(super) fn turn(&self, set: SetId) -> Arc<Mutex<()>> {
        let mut turns = lock(&self.turns);
        turns.entry(set).or_default().clone()
    }

    /// Stops with a set, keeping what is there.
    pub fn close(self: &Arc<Self>, set: SetId) {
        let entry = {
            let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
            sets.remove(&set)
        };
        self.cache.forget(set);
        let Some(entry) = entry else { return };
        match (entry.content.get(), entry.item) {
            (Some(Content::Source(source)), _) => {
                let source = source.clone();
                self.jobs.submit(set, super::pool::Order::Alone, move || {
                    if let Err(fault) = source.remove_copy() {
                        tracing::warn!("{fault}");
                    }
                });
            }
            (Some(Content::Receive(receive)), Some(item)) if !receive.is_saved() => {
                let mut unfinished = lock(&self.unfinished);
                unfinished.truncate(UNFINISHED - 1);
                unfinished.push_front((item, receive.locals(true)));
            }
            _ => {}
        }
    }

    pub(super) fn fail(&self, set: SetId, session: SessionId, reason: FailReason, text: String) {
        if let Some(entry) = self.entry(set)
            && entry.over.swap(true, Ordering::Relaxed)
        {
            return;
        }
        tracing::warn!("set {set}: {text}");
        (self.tell)(Input::SetFailed {
            session,
            set,
            reason,
            text,
        });
    }

    /// Finishes what was begun: files that are whole get their names. The chunks of others are
    /// written and not synced, which takes long on a busy disk: the journal tells which of them a
    /// power cut may have taken.
    pub fn stop(self: &Arc<Self>) {
        self.stopping.store(true, Ordering::Relaxed);
        self.jobs.stop();
        for (set, entry) in self.entries() {
            if entry.receive().is_some_and(|receive| receive.wants_names()) {
                self.settle_soon(set, &entry);
            }
        }
        self.long_jobs.stop();
        // Own copies stay: an interrupted session goes on with them. The next start removes what is not needed.
        self.history.stop();
        // The files are let go: another engine may go on with them.
        self.sets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl fmt::Debug for DiskSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskSide")
    }
}

impl ChunkLengths for DiskSide {
    fn length(&self, header: &RecordHeader) -> Option<u32> {
        let entry = self.entry(header.set)?;
        let wanted = entry.session == header.session && entry.item.is_some();
        let length = entry.layout.chunk_len(header.chunk);
        (wanted && length > 0).then_some(length)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
