//! Wi-Fi: the stations of a cell and its access point share one channel.
//!
//! One sender at a time has the air, for at most [`TURN`]. The access point has every other turn,
//! the stations have the rest one after the other. (With plain 802.11 DCF the point is but one of
//! them: stations that send to each other then drown it, and nearly all of it is dropped. So this is
//! kind to a swarm; and collisions cost nothing.) What goes from one station to another crosses
//! twice: up, and down out of the queue of the access point, which drops what it has no room for.

use std::collections::VecDeque;

use super::{Event, LATENCY, World, nanos};
use crate::sim::node::Node;

/// The most that is sent in one turn, in bytes.
const TURN: u32 = 16 * 1024;
/// What an access point holds for its stations, in bytes.
const QUEUE: u32 = 128 * 1024;

/// How often TCP's wait is doubled at most.
const MOST_DOUBLINGS: u32 = 5;

/// Who has the air.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// The access point, to the receiver of a flow; `lost` bytes were dropped before it.
    Point { flow: usize, bytes: u32, lost: u32 },
    /// The sender of a flow, to the access point.
    Station { flow: usize, bytes: u32, life: u32 },
}

/// A cell.
#[derive(Debug)]
pub(super) struct Cell {
    /// Bytes of TCP payload that the air carries in a second.
    rate: f64,
    /// Stations that want the air, in turn.
    line: VecDeque<usize>,
    /// The access point had the last turn.
    point_last: bool,
    /// What the access point has to send: flow, bytes, and bytes dropped before them.
    queue: VecDeque<(usize, u32, u32)>,
    queued: u32,
    busy: bool,
    /// When the air is through with control bytes, in nanoseconds.
    free: f64,
    crossed: f64,
}

impl<N: Node> World<N> {
    /// Makes a cell; gives its number.
    pub fn add_cell(&mut self, rate: f64) -> usize {
        self.cells.push(Cell {
            rate,
            line: VecDeque::new(),
            point_last: false,
            queue: VecDeque::new(),
            queued: 0,
            busy: false,
            free: 0.0,
            crossed: 0.0,
        });
        self.cells.len() - 1
    }

    /// Makes a host a station of a cell: its line counts no more.
    pub fn enter_cell(&mut self, host: usize, cell: usize) {
        self.hosts[host].cell = Some(cell);
    }

    /// Bytes that have crossed the air of a cell, payload and the rest.
    pub fn crossed(&self, cell: usize) -> f64 {
        self.cells[cell].crossed
    }

    /// A station has something to send.
    pub(super) fn want_air(&mut self, host: usize, cell: usize) {
        let sender = &mut self.hosts[host];
        if !sender.sending && !sender.waiting.is_empty() {
            sender.sending = true;
            self.cells[cell].line.push_back(host);
            self.next_turn(cell);
        }
    }

    /// A piece for a station has come to its access point, without the `lost` bytes of it.
    pub(super) fn reach_point(&mut self, cell: usize, flow: usize, bytes: u32, lost: u32) {
        let known = &mut self.cells[cell];
        let taken = (bytes - lost).min(QUEUE - known.queued);
        let lost = bytes - taken;
        self.lost += u64::from(lost);
        if taken == 0 {
            let bytes = 0;
            self.schedule(self.now + LATENCY, Event::Came { flow, bytes, lost });
            return;
        }
        known.queued += taken;
        let mut rest = taken;
        while rest > TURN {
            known.queue.push_back((flow, TURN, 0));
            rest -= TURN;
        }
        known.queue.push_back((flow, rest, lost));
        self.next_turn(cell);
    }

    fn next_turn(&mut self, cell: usize) {
        while !self.cells[cell].busy {
            let known = &mut self.cells[cell];
            let point = !known.queue.is_empty() && (!known.point_last || known.line.is_empty());
            known.point_last = point;
            let turn = if point {
                let piece = known.queue.pop_front();
                piece.map(|(flow, bytes, lost)| (bytes, Turn::Point { flow, bytes, lost }))
            } else if let Some(host) = known.line.pop_front() {
                self.piece(host)
            } else {
                return;
            };
            if let Some((bytes, turn)) = turn {
                let known = &mut self.cells[cell];
                known.busy = true;
                known.crossed += f64::from(bytes);
                let start = known.free.max(self.now as f64);
                let end = start + f64::from(bytes) * 1e9 / known.rate;
                self.schedule(nanos(end), Event::Aired { cell, turn });
            }
        }
    }

    /// What a station sends next.
    fn piece(&mut self, host: usize) -> Option<(u32, Turn)> {
        let life = self.hosts[host].life;
        while let Some(flow) = self.hosts[host].waiting.pop_front() {
            self.flows[flow].in_line = false;
            let bytes = self.flows[flow].ready().min(TURN);
            if bytes > 0 && self.hosts[host].alive {
                return Some((bytes, Turn::Station { flow, bytes, life }));
            }
        }
        self.hosts[host].sending = false;
        None
    }

    /// A turn is over.
    pub(super) fn aired(&mut self, cell: usize, turn: Turn) {
        self.cells[cell].busy = false;
        match turn {
            Turn::Point { flow, bytes, lost } => {
                let known = &mut self.cells[cell];
                known.queued -= bytes;
                self.schedule(self.now + LATENCY, Event::Came { flow, bytes, lost });
            }
            Turn::Station { flow, bytes, life } => {
                if self.hosts[self.flows[flow].from].life == life {
                    self.left(flow, bytes, self.now as f64);
                }
            }
        }
        self.next_turn(cell);
    }

    /// How often TCP has doubled its wait for a flow through which nothing comes. Not modelled where
    /// both ends have a wire: with it, 200 students at gigabit take 1.48 of the bound.
    pub(super) fn doublings(&self, flow: usize) -> u32 {
        let flow = &self.flows[flow];
        let station = [flow.from, flow.to]
            .iter()
            .any(|&host| self.hosts[host].cell.is_some());
        if station {
            flow.bad_luck.saturating_sub(2).min(MOST_DOUBLINGS)
        } else {
            0
        }
    }

    /// Small packets take their time of the air; gives how long, in nanoseconds.
    pub(super) fn charge_air(&mut self, cell: usize, bytes: f64) -> f64 {
        let known = &mut self.cells[cell];
        let time = bytes * 1e9 / known.rate;
        known.crossed += bytes;
        known.free = known.free.max(self.now as f64) + time;
        time
    }
}
