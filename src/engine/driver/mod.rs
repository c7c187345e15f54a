//! Brings the core together with network and disk: one task owns the core, takes what happens, and
//! carries out what the core wants.
//!
//! [`run`] has it run among the tasks of the network: what takes long here holds up the network
//! too. [`disk`] has the sets and their threads, [`history`] what is
//! remembered, [`events`] what people are told.

pub mod disk;
pub mod events;
pub mod history;
mod outputs;
pub mod pool;
mod receive;
mod refusals;
mod requests;
mod serve;
pub mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_channel::Receiver;
use futures_lite::future::{block_on, or, yield_now};

use crate::api::{Event, Warning, WarningKind};
use crate::core::ids::{DeviceId, ItemId, LinkId, Version};
use crate::core::io::Input;
use crate::core::machine::Core;
use crate::core::time::{Moment, Now, UnixTime};
use crate::net::Net;
use crate::net::event::NetEvent;
use disk::DiskSide;
use events::EventQueue;
use refusals::Refusals;
pub use requests::Request;

/// Between two looks at sets that were written to.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// Inputs that are handled before anything else is looked at.
const BATCH: usize = 256;
/// Addresses of members that room is kept for, at most.
const MEMBERS: usize = 4_096;

/// Something that happened outside the core.
#[derive(Debug)]
pub enum Happening {
    /// On the network.
    Net(NetEvent),
    /// On the disk.
    Disk(Input),
    /// Something people should know.
    Warning(Warning),
}

/// Everything that the core's task owns or shares.
pub struct Driver {
    /// The rules.
    pub core: Core,
    /// The network.
    pub net: Arc<Net>,
    /// The disk.
    pub disk: Arc<DiskSide>,
    /// What people are told.
    pub events: Arc<EventQueue>,
    /// What happens.
    pub happenings: Receiver<Happening>,
    /// What people want.
    pub requests: Receiver<Request>,
    /// State of the driver's own.
    pub state: State,
}

/// What the driver keeps for itself.
pub struct State {
    started: Instant,
    port: u16,
    udp_port: u16,
    ready_told: bool,
    refusals: Refusals,
    peers: BTreeMap<LinkId, (DeviceId, IpAddr)>,
    member_addresses: BTreeSet<IpAddr>,
    other_versions: BTreeSet<String>,
    settle_due: Option<Instant>,
    posted: Option<(ItemId, Version)>,
}

impl State {
    /// Nothing has happened yet.
    pub fn new(udp_port: u16, tcp_port: u16) -> Self {
        Self {
            started: Instant::now(),
            port: tcp_port,
            udp_port,
            ready_told: false,
            refusals: Refusals::default(),
            peers: BTreeMap::new(),
            member_addresses: BTreeSet::new(),
            other_versions: BTreeSet::new(),
            settle_due: None,
            posted: None,
        }
    }

    fn now(&self) -> Now {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Now {
            moment: Moment(micros),
            wall: UnixTime(wall.map_or(0, |since| since.as_secs())),
        }
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.started + Duration::from_micros(moment.0)
    }
}

#[allow(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Next {
    Happened(Happening),
    Asked(Request),
    Due,
    /// Every handle is gone.
    Alone,
}

/// Runs the engine until it is asked to stop, or nobody holds a handle any more.
pub fn run(driver: Driver) {
    // Beside the tasks of the network: to hand everything to another thread and back would cost
    // more than most of it takes.
    let net = driver.net.clone();
    let work = net.spawner().spawn(driver.live());
    let (mut driver, reply) = block_on(work);
    driver.stop();
    // Whoever waits learns it by the closed channel as well.
    drop(reply);
}

impl Driver {
    /// Deals with what happens until the end; gives who asked for it.
    async fn live(mut self) -> (Self, Option<requests::Reply<()>>) {
        let (happenings, requests) = (self.happenings.clone(), self.requests.clone());
        let net = self.net.clone();
        loop {
            let happened = async {
                match happenings.recv().await {
                    Ok(happening) => Next::Happened(happening),
                    Err(_) => std::future::pending().await,
                }
            };
            let asked = async {
                match requests.recv().await {
                    Ok(request) => Next::Asked(request),
                    Err(_) => Next::Alone,
                }
            };
            let due = self.next_due();
            let rings = async {
                match due {
                    Some(due) => net.spawner().reactor().sleep_until(due).await,
                    None => std::future::pending().await,
                }
                Next::Due
            };
            match or(asked, or(happened, rings)).await {
                Next::Happened(happening) => self.happened(happening),
                Next::Asked(Request::Shutdown(done)) => return (self, Some(done)),
                Next::Asked(request) => self.asked(request),
                Next::Due => self.due(),
                Next::Alone => return (self, None),
            }
            for _ in 0..BATCH {
                let Ok(happening) = happenings.try_recv() else {
                    break;
                };
                self.happened(happening);
            }
            let settle = self.state.settle_due;
            if settle.is_some_and(|due| due <= Instant::now()) {
                self.settle();
            }
            yield_now().await;
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let core = self.core.next_timeout();
        let core = core.map(|moment| self.state.instant(moment));
        [core, self.state.settle_due].into_iter().flatten().min()
    }

    fn due(&mut self) {
        let now = self.state.now();
        if self
            .core
            .next_timeout()
            .is_some_and(|due| due <= now.moment)
        {
            self.input(Input::Timeout);
        }
    }

    fn settle(&mut self) {
        let any = self.disk.settle_all();
        self.state.settle_due = any.then(|| Instant::now() + SETTLE_EVERY);
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            // The permit is given back once the core has dealt with it.
            Happening::Net(NetEvent::Input(input, _permit)) => self.net_input(input),
            Happening::Net(NetEvent::Chunk(chunk)) => {
                self.disk.store(chunk);
                self.settle_soon();
            }
            Happening::Net(NetEvent::Refused { from, reason }) => {
                self.state.refusals.add(from, reason);
            }
            Happening::Net(NetEvent::Warning(warning)) | Happening::Warning(warning) => {
                self.warn(warning);
            }
            Happening::Disk(input) => {
                if matches!(input, Input::ChunksFound { .. }) {
                    self.settle_soon();
                }
                self.input(input);
            }
        }
    }

    fn settle_soon(&mut self) {
        self.state
            .settle_due
            .get_or_insert_with(|| Instant::now() + SETTLE_EVERY);
    }

    fn warn(&mut self, warning: Warning) {
        // A device of another version calls again and again.
        let again = warning.kind == WarningKind::OtherVersion
            && !self.state.other_versions.insert(warning.text.clone());
        if !again {
            self.events.push(Event::Warning(warning));
        }
    }

    fn net_input(&mut self, input: Input) {
        match &input {
            Input::Interfaces { interfaces, port } if !self.state.ready_told => {
                self.state.ready_told = true;
                self.events.push(Event::Ready {
                    device: self.core.device(),
                    port: *port,
                    interfaces: interfaces.iter().map(|one| one.name.clone()).collect(),
                });
            }
            Input::LinkUp {
                link, peer, remote, ..
            } => _ = self.state.peers.insert(*link, (*peer, remote.ip())),
            Input::LinkDown { link } => _ = self.state.peers.remove(link),
            _ => {}
        }
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.core.handle(self.state.now(), input);
        self.carry_out();
    }

    /// Keeps room for new connections of a member, whose address is known by a link.
    fn know_member(&mut self, device: DeviceId) {
        let mut links = self.state.peers.values();
        let Some(&(_, address)) = links.find(|(peer, _)| *peer == device) else {
            return;
        };
        if self.state.member_addresses.len() < MEMBERS
            && self.state.member_addresses.insert(address)
        {
            self.net.add_member(address);
        }
    }

    fn stop(&mut self) {
        let now = self.state.now();
        // What cannot be said any more is not worth an error.
        let _ = self.core.command(now, crate::core::io::Command::Shutdown);
        self.carry_out();
        self.net.stop();
        self.disk.stop();
        while let Ok(happening) = self.happenings.try_recv() {
            if let Happening::Disk(input) = happening {
                self.core.handle(self.state.now(), input);
                self.carry_out();
            }
        }
        self.events.close();
    }
}
