//! Hosts, links and the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use super::flow::{Flow, SEGMENT, Transit};
use super::node::{Node, NodeInput, NodeOutput};
use crate::core::ids::{ChunkIndex, LinkId, SetId};
use crate::core::io::ChunkOutcome;
use crate::core::rng::Rng;
use crate::core::swarm::ChunkSizes;
use crate::core::time::Moment;
use crate::core::wire::frame::RecordHeader;

mod air;
mod links;

/// What a switch port holds, in bytes.
const PORT_QUEUE: f64 = 128.0 * 1024.0;
/// What a control message costs beside its JSON: frame, encryption, TCP, IP, Ethernet.
const MESSAGE_COST: u32 = 5 + 22 + 66;
/// One acknowledgement of 66 bytes for four packets.
const ACK_SHARE: f64 = 66.0 / (4.0 * SEGMENT as f64);
/// Hashing, decrypting, writing: nanoseconds a byte.
const WORK: f64 = 1.0;
/// Way from a host to another, in nanoseconds.
const LATENCY: u64 = 50_000;
/// Until TCP sends again what was lost where nothing comes through, in nanoseconds.
const RESEND: u64 = 200_000_000;

/// A host's line, and who it is.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Sending rate in bytes of TCP payload a second.
    pub up: f64,
    /// Receiving rate in bytes of TCP payload a second.
    pub down: f64,
    /// What it sends is wrong.
    pub poison: bool,
}

struct Host<N> {
    node: N,
    line: Line,
    /// The Wi-Fi cell that it is a station of.
    cell: Option<usize>,
    alive: bool,
    /// Counts the starts of its program: what was meant for an earlier one is lost.
    life: u32,
    /// The part of a cut network that it is in.
    island: usize,
    /// Flows that want to send, in turn.
    waiting: VecDeque<usize>,
    sending: bool,
    /// When its switch port is through with what it holds, in nanoseconds.
    port_free: f64,
    /// When its uplink is through with control bytes, in nanoseconds.
    up_free: f64,
    /// When the next timeout is due, in nanoseconds.
    timer: u64,
    /// Chunks under way: bytes that came, and whether all were right.
    parts: BTreeMap<(LinkId, SetId, ChunkIndex), (u32, bool)>,
    stored: BTreeMap<SetId, Vec<bool>>,
    heard: u64,
    sent: u64,
    received: u64,
}

enum Event<M, O> {
    Left {
        flow: usize,
        bytes: u32,
        start: f64,
        life: u32,
    },
    Came {
        flow: usize,
        bytes: u32,
        lost: u32,
    },
    Resend {
        flow: usize,
        bytes: u32,
    },
    Aired {
        cell: usize,
        turn: air::Turn,
    },
    Message {
        host: usize,
        link: LinkId,
        /// Apart, so that the many other events stay small.
        message: Box<M>,
    },
    Checked {
        host: usize,
        life: u32,
        link: LinkId,
        header: RecordHeader,
        good: bool,
    },
    Own {
        host: usize,
        life: u32,
        own: O,
    },
    Timer {
        host: usize,
    },
    Plan {
        number: usize,
    },
    Down {
        host: usize,
        link: LinkId,
    },
    Silent {
        link: LinkId,
    },
}

/// Something a scenario does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Two hosts are linked.
    Connect(usize, usize),
    /// A host vanishes; the others notice after a while.
    Die(usize, Duration),
}

/// The network and everything on it.
pub struct World<N: Node> {
    now: u64,
    hosts: Vec<Host<N>>,
    /// Two flows a link: `2 * link` and `2 * link + 1`.
    flows: Vec<Flow>,
    cells: Vec<air::Cell>,
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    slots: Vec<Option<Event<N::Message, N::Own>>>,
    free: Vec<usize>,
    serial: u64,
    plans: Vec<Plan>,
    sizes: BTreeMap<SetId, ChunkSizes>,
    /// Messages that wait for a cut network to heal, in order: receiver, link, message.
    held: Vec<(usize, LinkId, N::Message)>,
    rng: Rng,
    /// Part of the packets that is lost anywhere.
    pub loss: f64,
    /// A running hash over all events: the same seed gives the same.
    pub trace: u64,
    /// Number of events so far.
    pub events: u64,
    /// Bytes that found a port's queue full, or were lost on the way.
    pub lost: u64,
    /// Control messages and their bytes on the wire.
    pub control: (u64, u64),
    /// What should never happen and did.
    pub violations: Vec<String>,
}

impl<N: Node> World<N> {
    /// A network without hosts.
    pub fn new(seed: u64) -> Self {
        Self {
            now: 0,
            hosts: Vec::new(),
            flows: Vec::new(),
            cells: Vec::new(),
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            serial: 0,
            plans: Vec::new(),
            sizes: BTreeMap::new(),
            held: Vec::new(),
            rng: Rng::from_number(seed),
            loss: 0.0,
            trace: 0,
            events: 0,
            lost: 0,
            control: (0, 0),
            violations: Vec::new(),
        }
    }

    /// Tells the sizes of the chunks of a set; `source` has all of them.
    pub fn add_set(&mut self, set: SetId, sizes: ChunkSizes, source: usize) {
        let all = vec![true; sizes.count as usize];
        self.hosts[source].stored.insert(set, all);
        self.sizes.insert(set, sizes);
    }

    /// Puts a host on the network.
    pub fn add(&mut self, node: N, line: Line) -> usize {
        self.hosts.push(Host {
            node,
            line,
            cell: None,
            alive: true,
            life: 0,
            island: 0,
            waiting: VecDeque::new(),
            sending: false,
            port_free: 0.0,
            up_free: 0.0,
            timer: u64::MAX,
            parts: BTreeMap::new(),
            stored: BTreeMap::new(),
            heard: 0,
            sent: 0,
            received: 0,
        });
        self.hosts.len() - 1
    }

    /// Has something done at a moment.
    pub fn plan(&mut self, at: Moment, plan: Plan) {
        self.plans.push(plan);
        let number = self.plans.len() - 1;
        self.schedule(at.0 * 1_000, Event::Plan { number });
    }

    /// The program on a host.
    pub fn node(&self, host: usize) -> &N {
        &self.hosts[host].node
    }

    /// Payload bytes that a host has sent, and received.
    pub fn bytes(&self, host: usize) -> (u64, u64) {
        (self.hosts[host].sent, self.hosts[host].received)
    }

    /// Whether a host still runs.
    pub fn alive(&self, host: usize) -> bool {
        self.hosts[host].alive
    }

    /// When the last record came to a host.
    pub fn heard(&self, host: usize) -> Moment {
        Moment(self.hosts[host].heard / 1_000)
    }

    /// The present moment.
    pub const fn now(&self) -> Moment {
        Moment(self.now / 1_000)
    }

    /// Lets one thing happen; false if nothing is left.
    pub fn step(&mut self) -> bool {
        let Some(Reverse((at, _, slot))) = self.heap.pop() else {
            return false;
        };
        let Some(event) = self.slots[slot].take() else {
            return true;
        };
        self.free.push(slot);
        self.now = at;
        self.events += 1;
        self.note(at);
        match event {
            Event::Left {
                flow,
                bytes,
                start,
                life,
            } => {
                if self.hosts[self.flows[flow].from].life == life {
                    self.left(flow, bytes, start);
                }
            }
            Event::Came { flow, bytes, lost } => self.came(flow, bytes, lost),
            Event::Aired { cell, turn } => self.aired(cell, turn),
            Event::Resend { flow, bytes } => {
                self.flows[flow].resend(bytes);
                self.queue(flow);
            }
            Event::Message {
                host,
                link,
                message,
            } => self.message(host, link, *message),
            Event::Checked {
                host,
                life,
                link,
                header,
                good,
            } => {
                if self.hosts[host].life == life {
                    self.checked(host, link, header, good);
                }
            }
            Event::Own { host, life, own } => {
                if self.hosts[host].life == life {
                    self.tell(host, NodeInput::Own(own));
                }
            }
            Event::Timer { host } => {
                if self.hosts[host].timer == at {
                    self.hosts[host].timer = u64::MAX;
                    self.tell(host, NodeInput::Timeout);
                }
            }
            Event::Plan { number } => self.carry_out(self.plans[number]),
            Event::Down { host, link } => {
                let flow = self.flow(host, link);
                self.flows[flow].close();
                self.held.retain(|(_, held, _)| *held != link);
                self.tell(host, NodeInput::LinkDown { link });
            }
            Event::Silent { link } => {
                let Flow { from, to, .. } = self.flows[Self::first_flow(link)];
                if !self.reaches(from, to) {
                    self.hang_up(link);
                }
            }
        }
        true
    }

    fn note(&mut self, number: u64) {
        self.trace = (self.trace ^ number)
            .wrapping_mul(0x0100_0000_01B3)
            .rotate_left(17);
    }

    fn schedule(&mut self, at: u64, event: Event<N::Message, N::Own>) {
        self.serial += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(event);
        self.heap
            .push(Reverse((at.max(self.now), self.serial, slot)));
    }

    pub(super) fn carry_out(&mut self, plan: Plan) {
        match plan {
            Plan::Connect(a, b) => {
                let link = self.connect(a, b);
                self.tell(a, NodeInput::LinkUp { link, peer: b });
                self.tell(b, NodeInput::LinkUp { link, peer: a });
            }
            Plan::Die(host, noticed) => {
                self.hosts[host].alive = false;
                let later = u64::try_from(noticed.as_nanos()).unwrap_or(0);
                for flow in 0..self.flows.len() {
                    if self.flows[flow].from != host || self.flows[flow].closed() {
                        continue;
                    }
                    let (link, host) = (LinkId(flow as u64 / 2), self.flows[flow].to);
                    self.schedule(self.now + later, Event::Down { host, link });
                }
            }
        }
    }

    /// Gives a node an input and does what it wants.
    pub(super) fn tell(&mut self, host: usize, input: NodeInput<N::Message, N::Own>) {
        if !self.hosts[host].alive {
            return;
        }
        let now = self.now();
        self.hosts[host].node.handle(now, input);
        while let Some(output) = self.hosts[host].node.poll() {
            match output {
                NodeOutput::Message { link, message } => self.send(host, link, message),
                NodeOutput::Record {
                    link,
                    header,
                    length,
                } => {
                    self.check_record(host, &header);
                    self.hosts[host].sent += u64::from(length);
                    let flow = self.flow(host, link);
                    self.flows[flow].push(Transit { header, length });
                    self.queue(flow);
                }
                NodeOutput::Forget { link, set, chunk } => {
                    self.hosts[host].parts.remove(&(link, set, chunk));
                }
                NodeOutput::Want(want) => N::want(self, host, want),
            }
        }
        if let Some(at) = self.hosts[host].node.next_timeout() {
            let at = (at.0 * 1_000).max(self.now);
            if at < self.hosts[host].timer {
                self.hosts[host].timer = at;
                self.schedule(at, Event::Timer { host });
            }
        }
    }

    /// A flow has something to send: it waits for its turn.
    fn queue(&mut self, flow: usize) {
        let host = self.flows[flow].from;
        if !self.hosts[host].alive {
            return;
        }
        if !self.flows[flow].in_line && self.flows[flow].ready() > 0 {
            self.flows[flow].in_line = true;
            self.hosts[host].waiting.push_back(flow);
        }
        self.send_next(host);
    }

    fn send_next(&mut self, host: usize) {
        if let Some(cell) = self.hosts[host].cell {
            return self.want_air(host, cell);
        }
        if self.hosts[host].sending {
            return;
        }
        while let Some(flow) = self.hosts[host].waiting.pop_front() {
            self.flows[flow].in_line = false;
            let bytes = self.flows[flow].ready();
            if bytes == 0 {
                continue;
            }
            let sender = &mut self.hosts[host];
            let start = sender.up_free.max(self.now as f64);
            let end = start + f64::from(bytes) * 1e9 / sender.line.up;
            sender.sending = true;
            let life = sender.life;
            let event = Event::Left {
                flow,
                bytes,
                start,
                life,
            };
            self.schedule(nanos(end), event);
            return;
        }
    }

    /// A piece is out of its host: it goes through the port of its receiver's downlink.
    fn left(&mut self, flow: usize, bytes: u32, start: f64) {
        let (host, to) = (self.flows[flow].from, self.flows[flow].to);
        self.hosts[host].sending = false;
        if !self.hosts[host].alive {
            return;
        }
        let whole = self.flows[flow].left(bytes);
        let mut lost = 0;
        if self.loss > 0.0 {
            for _ in 0..bytes.div_ceil(SEGMENT) {
                lost += if self.is_lost() { SEGMENT } else { 0 };
            }
        }
        if !self.reaches(host, to) {
            lost = bytes;
        }
        match self.hosts[to].cell {
            Some(cell) => self.reach_point(cell, flow, bytes, lost.min(bytes)),
            None => self.reach_port(flow, bytes, lost, start),
        }
        if let Some(Transit { header, length }) = whole {
            let link = LinkId(flow as u64 / 2);
            self.tell(
                host,
                NodeInput::RecordSent {
                    link,
                    header,
                    length,
                },
            );
        }
        self.queue(flow);
        self.send_next(host);
    }

    fn came(&mut self, flow: usize, bytes: u32, lost: u32) {
        let (from, to) = (self.flows[flow].from, self.flows[flow].to);
        let link = LinkId(flow as u64 / 2);
        self.note(flow as u64 ^ u64::from(bytes) << 32);
        if !self.hosts[to].alive {
            return;
        }
        let records = self.flows[flow].came(bytes, lost);
        let acks = f64::from(bytes) * ACK_SHARE;
        self.charge_up(to, acks);
        self.charge_down(from, acks);
        if lost > 0 {
            let pause = if self.flows[flow].quiet() {
                self.flows[flow].bad_luck += 1;
                if self.flows[flow].bad_luck > 1 {
                    RESEND << self.doublings(flow)
                } else {
                    10_000_000
                }
            } else {
                2 * LATENCY
            };
            self.schedule(self.now + pause, Event::Resend { flow, bytes: lost });
        }
        self.queue(flow);
        for Transit { header, length } in records {
            let poison = self.hosts[from].line.poison;
            let host = &mut self.hosts[to];
            host.heard = self.now;
            host.received += u64::from(length);
            self.tell(
                to,
                NodeInput::RecordReceived {
                    link,
                    header,
                    length,
                },
            );
            self.assemble(to, link, header, length, !poison);
        }
    }

    fn assemble(&mut self, to: usize, link: LinkId, header: RecordHeader, length: u32, good: bool) {
        let Some(sizes) = self.sizes.get(&header.set) else {
            return;
        };
        let size = sizes.of(header.chunk.0);
        let host = &mut self.hosts[to];
        let life = host.life;
        let key = (link, header.set, header.chunk);
        if header.offset == 0 {
            host.parts.insert(key, (0, true));
        }
        // Records of a chunk that was given up in between come without its beginning.
        let Some((got, right)) = host.parts.get_mut(&key) else {
            return;
        };
        *got += length;
        *right &= good;
        if *got >= size {
            let good = *right;
            host.parts.remove(&key);
            let at = self.now + nanos(f64::from(size) * WORK);
            self.schedule(
                at,
                Event::Checked {
                    host: to,
                    life,
                    link,
                    header,
                    good,
                },
            );
        }
    }

    fn checked(&mut self, host: usize, link: LinkId, header: RecordHeader, good: bool) {
        let outcome = if good {
            let chunks = self.sizes.get(&header.set).map_or(0, |sizes| sizes.count);
            let stored = self.hosts[host].stored.entry(header.set);
            let stored = stored.or_insert_with(|| vec![false; chunks as usize]);
            stored[header.chunk.0 as usize] = true;
            ChunkOutcome::Stored
        } else {
            ChunkOutcome::Bad
        };
        let (session, set, chunk) = (header.session, header.set, header.chunk);
        let input = NodeInput::Chunk {
            link,
            session,
            set,
            chunk,
            outcome,
        };
        self.tell(host, input);
    }

    /// Nothing is passed on that was not verified here.
    fn check_record(&mut self, host: usize, header: &RecordHeader) {
        let stored = self.hosts[host].stored.get(&header.set);
        let here = stored.is_some_and(|stored| stored[header.chunk.0 as usize]);
        if !here && !self.hosts[host].line.poison {
            let text = format!("host {host} sends chunk {} it never verified", header.chunk);
            self.violations.push(text);
        }
    }
}

/// Whole nanoseconds (or bytes), nothing below 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn nanos(time: f64) -> u64 {
    time.max(0.0) as u64
}
