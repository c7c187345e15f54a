//! Links that come and go, what is said over them, and networks that are cut in parts.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Event, Flow, LATENCY, MESSAGE_COST, PORT_QUEUE, RESEND, World, nanos};
use crate::core::ids::{LinkId, SetId};
use crate::core::time::Moment;
use crate::sim::node::{Node, NodeInput};

impl<N: Node> World<N> {
    /// Lays a link between two hosts; its number is the same at both ends.
    pub(in crate::sim) fn connect(&mut self, a: usize, b: usize) -> LinkId {
        let link = LinkId(self.flows.len() as u64 / 2);
        self.flows.push(Flow::new(a.min(b), a.max(b)));
        self.flows.push(Flow::new(a.max(b), a.min(b)));
        link
    }

    /// A host closes a link: what it said before still comes.
    pub(in crate::sim) fn close(&mut self, host: usize, link: LinkId) {
        let flow = self.flow(host, link);
        if self.flows[flow].closed() {
            return;
        }
        self.flows[flow].close();
        let (peer, told) = (self.flows[flow].to, self.flows[flow].told);
        self.schedule(self.now + LATENCY, Event::Down { host, link });
        let at = told.max(self.now + LATENCY);
        self.schedule(at, Event::Down { host: peer, link });
    }

    /// Both ends give a link up that nothing has come over.
    pub(super) fn hang_up(&mut self, link: LinkId) {
        let first = Self::first_flow(link);
        for flow in [first, first + 1] {
            if !self.flows[flow].closed() {
                let host = self.flows[flow].from;
                self.schedule(self.now, Event::Down { host, link });
            }
        }
    }

    /// Has something of the node's own kind happen to it, unless its program ends before.
    pub(in crate::sim) fn later(&mut self, after: Duration, host: usize, own: N::Own) {
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.own_at(self.now.saturating_add(after), host, own);
    }

    /// The same at a time in nanoseconds.
    pub(in crate::sim) fn own_at(&mut self, at: u64, host: usize, own: N::Own) {
        let life = self.hosts[host].life;
        self.schedule(at, Event::Own { host, life, own });
    }

    /// Cuts the network in parts: who has another number is out of reach. Links between parts are
    /// given up after `dead`, unless all is well again by then. Numbers that are all alike heal it.
    pub fn cut(&mut self, islands: impl Fn(usize) -> usize, dead: Duration) {
        for (at, host) in self.hosts.iter_mut().enumerate() {
            host.island = islands(at);
        }
        let dead = u64::try_from(dead.as_nanos()).unwrap_or(u64::MAX);
        for first in (0..self.flows.len()).step_by(2) {
            let flow = &self.flows[first];
            if !self.reaches(flow.from, flow.to) {
                let link = LinkId(first as u64 / 2);
                let at = self.now.saturating_add(dead);
                self.schedule(at, Event::Silent { link });
            }
        }
        for (host, link, message) in std::mem::take(&mut self.held) {
            let flow = self.flow(host, link) ^ 1;
            if self.reaches(host, self.flows[flow].from) {
                let at = self.flows[flow].told.max(self.now + RESEND);
                self.flows[flow].told = at;
                let message = Box::new(message);
                let event = Event::Message {
                    host,
                    link,
                    message,
                };
                self.schedule(at, event);
            } else {
                self.held.push((host, link, message));
            }
        }
    }

    /// Whether packets get from one host to another.
    pub(in crate::sim) fn reaches(&self, from: usize, to: usize) -> bool {
        self.hosts[from].island == self.hosts[to].island
    }

    /// Starts the program of a dead host anew; its disk is as it was.
    pub(in crate::sim) fn revive(&mut self, host: usize, start: impl FnOnce(&mut N)) {
        for flow in self.flows.iter_mut().filter(|flow| flow.from == host) {
            flow.close();
        }
        let known = &mut self.hosts[host];
        known.life += 1;
        known.alive = true;
        known.sending = false;
        known.waiting.clear();
        known.parts.clear();
        known.timer = u64::MAX;
        start(&mut known.node);
    }

    /// The program on a host.
    pub(in crate::sim) fn node_mut(&mut self, host: usize) -> &mut N {
        &mut self.hosts[host].node
    }

    /// What a host sends is wrong from now on, or right again.
    pub(in crate::sim) fn poison(&mut self, host: usize, poison: bool) {
        self.hosts[host].line.poison = poison;
    }

    /// Number of chunks of a set; 0 if it is nowhere.
    pub(in crate::sim) fn chunks(&self, set: SetId) -> usize {
        let chunks = self.sizes.get(&set).map_or(0, |sizes| sizes.count);
        chunks as usize
    }

    /// Lets one thing happen that is due by `end`. If there is none, time goes on to `end`, and
    /// this is false.
    pub(in crate::sim) fn step_until(&mut self, end: Moment) -> bool {
        let end = end.0 * 1_000;
        let due = self.heap.peek().is_some_and(|Reverse((at, ..))| *at <= end);
        if !due {
            self.now = self.now.max(end);
        }
        due && self.step()
    }

    /// Number of hosts.
    pub(in crate::sim) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Whether a packet is lost on its way, by chance.
    pub(in crate::sim) fn is_lost(&mut self) -> bool {
        self.loss > 0.0 && (self.rng.below(1_000_000) as f64 / 1e6) < self.loss
    }

    pub(super) fn send(&mut self, host: usize, link: LinkId, message: N::Message) {
        let flow = self.flow(host, link);
        if self.flows[flow].closed() {
            return;
        }
        let to = self.flows[flow].to;
        let bytes = f64::from(N::size(&message) + MESSAGE_COST);
        self.control.0 += 1;
        self.control.1 += nanos(bytes);
        // A lane keeps its order, also where a small message follows a large one.
        let at = self.small(host, &[to], bytes).max(self.flows[flow].told);
        self.flows[flow].told = at;
        self.schedule(
            at,
            Event::Message {
                host: to,
                link,
                message: Box::new(message),
            },
        );
    }

    pub(super) fn message(&mut self, host: usize, link: LinkId, message: N::Message) {
        self.note(link.0);
        let from = self.flows[self.flow(host, link) ^ 1].from;
        if self.reaches(from, host) {
            self.tell(host, NodeInput::Message { link, message });
        } else {
            self.held.push((host, link, message));
        }
    }

    /// A small packet goes out once, ahead of bulk, and takes its time of the sender's line and of
    /// each receiver's. Gives when the last receiver has it, in nanoseconds.
    pub(in crate::sim) fn small(&mut self, from: usize, to: &[usize], bytes: f64) -> u64 {
        let up = self.charge_up(from, bytes);
        let down = to.iter().map(|&to| self.charge_down(to, bytes));
        let down = down.fold(0.0, f64::max);
        self.now + LATENCY + nanos(up + down)
    }

    /// A piece has left its host for the port of the receiver's downlink, without the `lost` bytes of
    /// it: what finds the queue full is lost as well.
    pub(super) fn reach_port(&mut self, flow: usize, bytes: u32, lost: u32, start: f64) {
        let to = self.flows[flow].to;
        let receiver = &mut self.hosts[to];
        let rate = receiver.line.down / 1e9;
        let latency = LATENCY as f64;
        let first = (start + latency).max(receiver.port_free);
        let arrival = self.now as f64 + latency;
        let done = (first + f64::from(bytes) / rate).max(arrival);
        let over = (done - arrival) * rate - PORT_QUEUE;
        let lost = lost.saturating_add(u32::try_from(nanos(over)).unwrap_or(u32::MAX));
        let lost = lost.min(bytes);
        let receiver = &mut self.hosts[to];
        let done = if receiver.alive && lost < bytes {
            receiver.port_free = (done - f64::from(lost) / rate).max(receiver.port_free);
            receiver.port_free
        } else {
            arrival
        };
        if receiver.alive {
            self.lost += u64::from(lost);
            let bytes = bytes - lost;
            self.schedule(nanos(done), Event::Came { flow, bytes, lost });
        }
    }

    pub(super) fn charge_up(&mut self, host: usize, bytes: f64) -> f64 {
        if let Some(cell) = self.hosts[host].cell {
            return self.charge_air(cell, bytes);
        }
        let now = self.now as f64;
        let sender = &mut self.hosts[host];
        let time = bytes * 1e9 / sender.line.up;
        sender.up_free = sender.up_free.max(now) + time;
        time
    }

    pub(super) fn charge_down(&mut self, host: usize, bytes: f64) -> f64 {
        if let Some(cell) = self.hosts[host].cell {
            return self.charge_air(cell, bytes);
        }
        let now = self.now as f64;
        let receiver = &mut self.hosts[host];
        let time = bytes * 1e9 / receiver.line.down;
        receiver.port_free = receiver.port_free.max(now) + time;
        time
    }

    pub(super) fn first_flow(link: LinkId) -> usize {
        usize::try_from(link.0).unwrap_or(0) * 2
    }

    pub(super) fn flow(&self, from: usize, link: LinkId) -> usize {
        let first = Self::first_flow(link);
        if self.flows[first].from == from {
            first
        } else {
            first + 1
        }
    }
}
