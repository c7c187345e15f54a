//! Links: which there are, and what is queued for each.
//!
//! A link is a control lane and, while that lives, a bulk lane. It has one number; the side that
//! dialled the control lane also dials the bulk lane.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use smol::Task;

use super::assembly::{AssemblyLimits, ChunkLengths, Key};
use super::bulk::{self, Outgoing};
use super::control;
use super::event::{NetEvent, Permit, Room, Sink, warning};
use super::gate::Gate;
use super::lane::{Lane, LaneError};
use super::runtime::Spawner;
use super::tls::Tls;
use crate::api::{LinkReport, WarningKind};
use crate::core::ids::{DeviceId, DialId, LinkId};
use crate::core::io::Input;
use crate::core::wire::control::{Greeting, Lane as LaneKind};
use crate::core::wire::statements::LinkKind;
use crate::core::wire::{FEATURES, MAJOR, MINOR};

/// Control frames that may wait for one slow reader, in bytes.
pub const MAX_QUEUED: usize = 8 * 1024 * 1024;
/// What a frame takes while it waits besides its own bytes: its place in the queue, and what the allocator keeps.
const FRAME_COST: usize = 64;

/// Bytes that a frame takes while it waits.
pub const fn cost(bytes: &Vec<u8>) -> usize {
    bytes.capacity() + FRAME_COST
}
/// Connections beyond this are refused, whoever makes them: the system's open files are finite.
pub const MAX_LINKS: usize = 1_000;
/// Frames that may wait for the core from one link, and from all.
const ROOM_LINK: usize = 16;
const ROOM_ALL: usize = 256;
/// Whole chunks that may wait for the disk.
pub const ROOM_CHUNKS: usize = 8;

/// The times of links; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From connecting to being connected.
    pub dial: Duration,
    /// From being connected to the other side's greeting: two answers, each of which may stand a second or more in the queue of a
    /// slow line.
    pub answer: Duration,
    /// From accepting to the other side's greeting.
    pub handshake: Duration,
    /// Silence after which a ping is sent.
    pub ping: Duration,
    /// Silence after which a link is dead.
    pub dead: Duration,
    /// Pause before a lost bulk lane is dialled again, doubled up to 50 times that.
    pub redial: Duration,
    /// For the last frames of a link that is closed.
    pub close: Duration,
    /// For the last frames of all links when the program ends.
    pub goodbye: Duration,
    /// The program ends earlier when nothing has left and no link has ended for this long: whoever
    /// is still there does not answer.
    pub quiet: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(3),
            answer: Duration::from_secs(10),
            handshake: Duration::from_secs(3),
            ping: Duration::from_secs(7),
            dead: Duration::from_secs(15),
            redial: Duration::from_millis(200),
            close: Duration::from_secs(2),
            goodbye: Duration::from_millis(1_500),
            quiet: Duration::from_millis(500),
        }
    }
}

/// What all links of a device have in common.
pub struct Links {
    /// The own device.
    pub device: DeviceId,
    /// Encryption with the device's key.
    pub tls: Tls,
    /// Where events go.
    pub sink: Sink,
    /// Starts tasks.
    pub spawner: Spawner,
    /// Times.
    pub timing: Timing,
    /// Rations connections before they are authenticated.
    pub gate: Gate,
    /// Tells how long chunks are.
    pub chunks: Arc<dyn ChunkLengths>,
    /// Bounds of unfinished chunks.
    pub assembly: AssemblyLimits,
    /// Bytes of unfinished chunks of all links.
    pub assembling: Arc<AtomicUsize>,
    /// Room for chunks that wait for the disk.
    pub chunk_room: Room,
    /// TCP port on which links are accepted, 0 for none.
    pub port: AtomicU16,
    /// How this machine is connected.
    pub kind: RwLock<LinkKind>,
    room: Room,
    started: Instant,
    next: AtomicU64,
    live: Mutex<BTreeMap<LinkId, Live>>,
    /// Handshakes, dials and closings that are under way.
    loose: Mutex<Vec<Task<()>>>,
    ended: (Sender<()>, Receiver<()>),
}

/// One link.
struct Live {
    peer: DeviceId,
    remote: SocketAddr,
    dialled: bool,
    control: Sender<Vec<u8>>,
    shared: Arc<LinkState>,
    bulk: Option<BulkLane>,
    bulk_count: u64,
    tasks: Vec<Task<()>>,
    bulk_task: Option<Task<()>>,
}

/// The bulk lane of a link.
struct BulkLane {
    number: u64,
    queue: Sender<Outgoing>,
    forget: Sender<Key>,
}

/// What the tasks of one link share.
pub struct LinkState {
    /// Bytes of control frames that are queued.
    pub queued: AtomicUsize,
    /// Milliseconds from the start of the engine to the last sign of life.
    heard: AtomicU64,
    /// The link is closing: nothing that comes is told any more.
    pub closing: AtomicBool,
    /// Room for what comes on this link.
    pub room: Room,
}

impl Links {
    /// No links yet.
    pub fn new(
        device: DeviceId,
        tls: Tls,
        sink: Sink,
        spawner: Spawner,
        chunks: Arc<dyn ChunkLengths>,
        (timing, gate, assembly): (Timing, Gate, AssemblyLimits),
    ) -> Arc<Self> {
        Arc::new(Self {
            device,
            tls,
            sink,
            spawner,
            timing,
            gate,
            chunks,
            assembly,
            assembling: Arc::default(),
            chunk_room: Room::new(ROOM_CHUNKS),
            port: AtomicU16::new(0),
            kind: RwLock::default(),
            room: Room::new(ROOM_ALL),
            started: Instant::now(),
            next: AtomicU64::new(1),
            live: Mutex::default(),
            loose: Mutex::default(),
            ended: async_channel::bounded(1),
        })
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<LinkId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the driver something that the core takes as it is.
    pub fn tell(&self, input: Input) {
        (self.sink)(NetEvent::Input(input, Permit::default()));
    }

    /// Keeps a task that belongs to no link until it is done.
    pub fn keep(&self, task: Task<()>) {
        let mut loose = self.loose.lock().unwrap_or_else(PoisonError::into_inner);
        loose.retain(|task| !task.is_finished());
        loose.push(task);
    }

    /// The own greeting for a lane.
    pub fn greeting(&self, lane: LaneKind) -> Greeting {
        Greeting {
            major: MAJOR,
            minor: MINOR,
            features: FEATURES,
            lane,
            port: self.port.load(Ordering::Relaxed),
            link: *self.kind.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Number of links.
    pub fn count(&self) -> usize {
        self.live().len()
    }

    /// Makes a link of a control lane over which the other side has greeted. `first` is queued
    /// before anything else.
    pub fn bring_up(
        self: &Arc<Self>,
        lane: Lane,
        remote: SocketAddr,
        dial: Option<DialId>,
        greeting: Greeting,
        first: Option<Vec<u8>>,
    ) {
        let link = LinkId(self.next.fetch_add(1, Ordering::Relaxed));
        let peer = lane.peer;
        let (control, queue) = async_channel::unbounded();
        let shared = Arc::new(LinkState {
            queued: AtomicUsize::new(0),
            heard: AtomicU64::new(self.uptime()),
            closing: AtomicBool::new(false),
            room: self.room.part(ROOM_LINK),
        });
        let live = Live {
            peer,
            remote,
            dialled: dial.is_some(),
            control,
            shared: shared.clone(),
            bulk: None,
            bulk_count: 0,
            tasks: Vec::new(),
            bulk_task: None,
        };
        self.live().insert(link, live);
        if let Some(bytes) = first {
            self.send(link, bytes);
        }
        tracing::debug!("link {link} to {peer} at {remote} is up");
        self.tell(Input::LinkUp {
            link,
            peer,
            remote,
            dial,
            greeting,
        });
        let (reader, writer) = futures_lite::io::split(lane.stream);
        let mut tasks = vec![
            self.spawner
                .spawn(control::read(self.clone(), link, shared.clone(), reader)),
            self.spawner.spawn(control::write(
                self.clone(),
                link,
                shared.clone(),
                queue,
                writer,
            )),
            self.spawner
                .spawn(control::watch(self.clone(), link, shared)),
        ];
        if dial.is_some() {
            tasks.push(
                self.spawner
                    .spawn(bulk::dial(self.clone(), link, peer, remote)),
            );
        }
        // It may have been closed meanwhile: then the tasks end here.
        if let Some(live) = self.live().get_mut(&link) {
            live.tasks = tasks;
        }
    }

    /// Queues a control frame. A link whose other side reads too slowly ends.
    pub fn send(&self, link: LinkId, bytes: Vec<u8>) {
        let length = cost(&bytes);
        let queued = self.live().get(&link).map(|live| {
            let before = live.shared.queued.fetch_add(length, Ordering::Relaxed);
            // Closed when the link is closing: nothing more is sent then.
            let _ = live.control.try_send(bytes);
            before + length
        });
        if queued.is_some_and(|bytes| bytes > MAX_QUEUED) {
            self.end(link, "the other side reads too slowly");
        }
    }

    /// Queues a record; gives it back where the link has no bulk lane.
    pub fn send_record(&self, link: LinkId, record: Outgoing) -> Result<(), Outgoing> {
        let live = self.live();
        let bulk = live.get(&link).and_then(|live| live.bulk.as_ref());
        match bulk {
            Some(bulk) => bulk
                .queue
                .try_send(record)
                .map_err(async_channel::TrySendError::into_inner),
            None => Err(record),
        }
    }

    /// Drops what came of a chunk on a link.
    pub fn forget(&self, link: LinkId, key: Key) {
        if let Some(bulk) = self.live().get(&link).and_then(|live| live.bulk.as_ref()) {
            let _ = bulk.forget.try_send(key);
        }
    }

    /// Ends a link once its queued frames have left, or at the latest after a short time.
    pub fn close(self: &Arc<Self>, link: LinkId) {
        let bulk = {
            let mut links = self.live();
            let Some(live) = links.get_mut(&link) else {
                return;
            };
            live.shared.closing.store(true, Ordering::Relaxed);
            live.control.close();
            (live.bulk.take(), live.bulk_task.take())
        };
        drop(bulk);
        let links = Arc::downgrade(self);
        let wait = self.spawner.sleep(self.timing.close);
        self.keep(self.spawner.spawn(async move {
            wait.await;
            if let Some(links) = links.upgrade() {
                links.end(link, "closed");
            }
        }));
    }

    /// Ends a link at once.
    pub fn end(&self, link: LinkId, why: &str) {
        let Some(live) = self.live().remove(&link) else {
            return;
        };
        tracing::debug!(
            "link {link} to {} at {} ends: {why}",
            live.peer,
            live.remote
        );
        self.tell(Input::LinkDown { link });
        let _ = self.ended.0.try_send(());
        // Dropping the tasks closes the connections; queued records come back as not sent.
        drop(live);
    }

    /// The newest accepted link of a device, best one without a bulk lane.
    pub fn link_for_bulk(&self, peer: DeviceId) -> Option<LinkId> {
        let live = self.live();
        let of_peer = |live: &&Live| live.peer == peer && !live.dialled;
        let mut all = live.iter().rev().filter(|(_, live)| of_peer(live));
        let newest = all.clone().next();
        all.find(|(_, live)| live.bulk.is_none())
            .or(newest)
            .map(|(&link, _)| link)
    }

    /// Keeps the task of a bulk lane that was accepted, in place of an earlier one.
    pub fn keep_bulk(&self, link: LinkId, task: Task<()>) {
        let earlier = self
            .live()
            .get_mut(&link)
            .and_then(|live| live.bulk_task.replace(task));
        drop(earlier);
    }

    /// A bulk lane is up: records go to `queue`. Gives its number; none if the link is gone.
    pub fn bulk_up(
        &self,
        link: LinkId,
        queue: Sender<Outgoing>,
        forget: Sender<Key>,
    ) -> Option<u64> {
        let (number, replaced) = {
            let mut links = self.live();
            let live = links.get_mut(&link)?;
            if live.shared.closing.load(Ordering::Relaxed) {
                return None;
            }
            live.bulk_count += 1;
            let number = live.bulk_count;
            let lane = BulkLane {
                number,
                queue,
                forget,
            };
            (number, live.bulk.replace(lane).is_some())
        };
        if replaced {
            self.tell(Input::Bulk { link, up: false });
        }
        self.tell(Input::Bulk { link, up: true });
        Some(number)
    }

    /// The bulk lane of that number is down.
    pub fn bulk_down(&self, link: LinkId, number: u64) {
        let was_current = self.live().get_mut(&link).is_some_and(|live| {
            let current = live.bulk.as_ref().is_some_and(|lane| lane.number == number);
            if current {
                live.bulk = None;
            }
            current
        });
        if was_current {
            self.tell(Input::Bulk { link, up: false });
        }
    }

    /// How many links there are, and how many bytes of control frames wait for them.
    fn unsaid(&self) -> (usize, usize) {
        let live = self.live();
        let queued = live
            .values()
            .map(|live| live.shared.queued.load(Ordering::Relaxed));
        (live.len(), queued.sum())
    }

    /// Milliseconds since the start.
    pub fn uptime(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Tells that a connection from `from` was refused.
    pub fn refuse(&self, from: SocketAddr, reason: &impl ToString) {
        let reason = reason.to_string();
        tracing::debug!("refused {from}: {reason}");
        (self.sink)(NetEvent::Refused { from, reason });
    }

    /// Tells that a handshake with `at` failed.
    pub fn refuse_lane(&self, at: SocketAddr, error: &LaneError) {
        self.refuse(at, error);
        if let LaneError::OtherVersion { .. } = error {
            let text = format!("Cannot connect to {}: {error}.", at.ip());
            (self.sink)(warning(WarningKind::OtherVersion, text));
        }
    }

    /// What is connected.
    pub fn report(&self) -> Vec<LinkReport> {
        self.live()
            .values()
            .map(|live| LinkReport {
                device: live.peer,
                remote: live.remote,
                dialled: live.dialled,
                bulk: live.bulk.is_some(),
            })
            .collect()
    }

    /// The addresses of everybody who is linked.
    pub fn addresses(&self) -> Vec<(DeviceId, IpAddr)> {
        let live = self.live();
        live.values()
            .map(|live| (live.peer, live.remote.ip()))
            .collect()
    }

    /// Closes every link and waits until they are gone: as long as something still leaves, and at
    /// most [`Timing::goodbye`].
    pub async fn close_all(self: &Arc<Self>) {
        let all: Vec<LinkId> = self.live().keys().copied().collect();
        for link in all {
            self.close(link);
        }
        let gone = async {
            let mut left = self.unsaid();
            while left.0 > 0 {
                let one_ended = async { self.ended.1.recv().await.is_ok() };
                let quiet = async {
                    self.spawner.sleep(self.timing.quiet).await;
                    false
                };
                let before = left;
                let one_ended = futures_lite::future::or(one_ended, quiet).await;
                left = self.unsaid();
                if !one_ended && left == before {
                    break;
                }
            }
        };
        let late = async {
            self.spawner.sleep(self.timing.goodbye).await;
        };
        futures_lite::future::or(gone, late).await;
        let rest = std::mem::take(&mut *self.live());
        drop(rest);
        let loose = std::mem::take(&mut *self.loose.lock().unwrap_or_else(PoisonError::into_inner));
        drop(loose);
    }
}

impl LinkState {
    /// The other side lives.
    pub fn heard(&self, now: u64) {
        self.heard.store(now, Ordering::Relaxed);
    }

    /// How long the other side has been silent.
    pub fn silence(&self, now: u64) -> Duration {
        Duration::from_millis(now.saturating_sub(self.heard.load(Ordering::Relaxed)))
    }
}
