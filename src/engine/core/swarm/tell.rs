//! Telling peers what is here: owned chunks at once, others in batches.

use std::time::Duration;

use super::air::wireless;
use super::bitmap::clean;
use super::cluster::Bond;
use super::lanes::Lanes;
use super::rate::below;
use super::set::{Peer, Set};
use super::types::SwarmOutput;
use crate::core::ids::{ChunkIndex, LinkId};
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::ranges::Ranges;

/// What a batch costs one link beside its ranges, in bytes on the wire.
const MESSAGE_COST: usize = 300;
/// Telling everybody a batch would take at most this part of the uplink; only givers are told that often, ...
const SHARE: f64 = 0.01;
const SOONEST: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(2);
/// ... and all others so many times more rarely: they fetch from owners, and need it for repair alone, ...
const RARELY: u32 = 4;
/// ... but where only so many chunks for each peer are missing here, so many times as often: the last chunks are had of whoever has
/// them, since few owners have any left. Not where air is spared: each batch takes some.
const MISSING: usize = 2;

/// Chunks that are to be told in a batch.
#[derive(Debug, Default)]
pub struct News {
    chunks: Vec<u32>,
    due: Option<Moment>,
}

impl News {
    pub const fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes on the heap.
    pub const fn heap(&self) -> usize {
        self.chunks.capacity() * 4
    }

    fn add(&mut self, lanes: &mut Lanes, chunk: u32, pause: Duration) {
        self.chunks.push(chunk);
        // Peers that speak one after the other need not tell each other the same.
        let spread = f64::from(below(&mut lanes.rng, 512)) / 1024.0 + 0.75;
        let due = lanes.now + pause.mul_f64(spread);
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// What is there is told soon.
    pub fn hurry(&mut self, lanes: &mut Lanes) {
        if self.due.is_some() {
            let spread = Duration::from_millis(u64::from(below(&mut lanes.rng, 100)));
            self.due = self.due.min(Some(lanes.now + spread));
        }
    }

    fn take(&mut self) -> Vec<u32> {
        self.due = None;
        let mut chunks = std::mem::take(&mut self.chunks);
        chunks.sort_unstable();
        chunks
    }
}

impl Set {
    fn have_message(&self, chunks: Ranges, owner: bool) -> Control {
        Control::Have {
            session: self.session,
            set: self.id,
            chunks,
            owner,
            all: self.have.is_full(),
        }
    }

    /// Tells one peer everything, even if it is nothing: that the set is open here.
    pub fn tell_all(&self, lanes: &mut Lanes, link: LinkId) {
        if self.have.is_full() {
            lanes.control(link, self.have_message(Ranges::default(), false));
            return;
        }
        let mut rest = self.have.ranges().0;
        loop {
            let more = rest.split_off(rest.len().min(Ranges::MAX / 2));
            lanes.control(link, self.have_message(Ranges(rest), false));
            if more.is_empty() {
                return;
            }
            rest = more;
        }
    }

    /// Tells everybody who lacks it that this device owns a chunk, the source with the next batch; says how many are waited for.
    pub fn tell_owned(&mut self, lanes: &mut Lanes, chunk: u32) -> u32 {
        // Where some are wireless, the source compares how fast the class gets on.
        let source_too = self.peers.values().any(wireless);
        let mut told = 0;
        let mut unanswered: Vec<LinkId> = Vec::new();
        for (&link, peer) in &self.peers {
            let near = peer.bond == Bond::Near;
            let told_now = if peer.source {
                source_too
            } else {
                !peer.have.get(chunk)
            };
            if near && peer.takes_part() && told_now {
                let chunks = Ranges(vec![(chunk, chunk)]);
                lanes.control(link, self.have_message(chunks, true));
                if self.waited_for(peer) {
                    told += 1;
                    unanswered.push(link);
                }
            }
        }
        for link in unanswered {
            self.unanswered.entry(link).or_insert(lanes.now);
        }
        if !source_too {
            self.tell_givers(lanes, chunk);
        }
        told
    }

    /// A chunk goes into the next batches.
    pub fn tell_later(&mut self, lanes: &mut Lanes, chunk: u32) {
        self.tell_givers(lanes, chunk);
        let missing = (self.sizes.count - self.have.ones()) as usize;
        let pause = pause(lanes, self.peers.len());
        let pause = if missing > MISSING * self.peers.len() || self.is_sparing() {
            pause * RARELY
        } else {
            (pause / RARELY).max(SOONEST)
        };
        self.news.add(lanes, chunk, pause);
    }

    /// A chunk goes into the next batch to those who give.
    fn tell_givers(&mut self, lanes: &mut Lanes, chunk: u32) {
        // The source compares how fast the class gets on.
        let peers = if self.is_sparing() {
            1
        } else {
            self.peers.len()
        };
        let pause = pause(lanes, peers);
        self.news_to_givers.add(lanes, chunk, pause);
    }

    /// Sends the batches that are due.
    pub fn tell_news(&mut self, lanes: &mut Lanes) {
        for givers in [true, false] {
            let news = if givers {
                &self.news_to_givers
            } else {
                &self.news
            };
            if news.due.is_some_and(|due| due <= lanes.now) {
                self.flush_news(lanes, givers);
            }
        }
    }

    /// Sends a batch now: to those who give, who must hear what has spread, or to the others.
    fn flush_news(&mut self, lanes: &mut Lanes, givers: bool) {
        let news = if givers {
            &mut self.news_to_givers
        } else {
            &mut self.news
        };
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for chunk in news.take() {
            match ranges.last_mut() {
                // What lies between is here as well: one range says it shorter.
                Some((_, last)) if self.have_between(*last, chunk) => *last = chunk,
                _ => ranges.push((chunk, chunk)),
            }
        }
        let all = self.have.is_full();
        let told = |peer: &Peer| {
            let gives = peer.source || peer.bond == Bond::Above;
            gives == givers && peer.takes_part() && (all || peer.bond != Bond::Apart)
        };
        for (&link, peer) in self.peers.iter().filter(|(_, peer)| told(peer)) {
            let lacks = |&(first, last): &(u32, u32)| {
                givers || (first..=last).any(|chunk| !peer.have.get(chunk))
            };
            let chunks: Vec<_> = if all {
                Vec::new()
            } else {
                let lacking = ranges.iter().copied().filter(lacks);
                lacking.take(Ranges::MAX / 2).collect()
            };
            if all || !chunks.is_empty() {
                lanes.control(link, self.have_message(Ranges(chunks), false));
            }
        }
    }

    /// Chunks that were found on this machine, verified: nobody has to send them. Also who has not
    /// spoken of the set yet is told at once, before it gives any of them.
    pub fn found(&mut self, lanes: &mut Lanes, chunks: &Ranges) {
        let mut new = Vec::new();
        for (first, last) in clean(chunks, self.sizes.count) {
            new.extend((first..=last).filter(|&chunk| self.stored(chunk)));
        }
        let new = Ranges::from_sorted(new.into_iter().map(ChunkIndex));
        for part in new.0.chunks(Ranges::MAX / 2) {
            for (&link, _) in self.peers.iter().filter(|(_, peer)| !peer.left) {
                lanes.control(link, self.have_message(Ranges(part.to_vec()), false));
            }
        }
        self.check_complete(lanes);
    }

    /// Says once that every chunk is here.
    pub fn check_complete(&mut self, lanes: &mut Lanes) {
        if self.have.is_full() && !self.complete {
            self.complete = true;
            self.flush_news(lanes, true);
            self.flush_news(lanes, false);
            lanes.out.push_back(SwarmOutput::Complete {
                session: self.session,
                set: self.id,
            });
        }
    }

    fn have_between(&self, first: u32, last: u32) -> bool {
        last - first <= 64 && (first..last).all(|chunk| self.have.get(chunk))
    }

    /// Chunks that were claimed and are gone.
    pub fn lose(&mut self, lanes: &mut Lanes, chunk: u32) {
        if !self.have.clear(chunk) {
            return;
        }
        self.have_bytes -= u64::from(self.sizes.of(chunk));
        self.low = self.low.min(chunk);
        self.complete = false;
        self.wanted_again();
        let chunks = Ranges::from_sorted([ChunkIndex(chunk)]);
        let (session, set) = (self.session, self.id);
        for (&link, peer) in &mut self.peers {
            peer.queue.retain(|sending| sending.chunk != chunk);
            let chunks = chunks.clone();
            lanes.control(
                link,
                Control::Lost {
                    session,
                    set,
                    chunks,
                },
            );
        }
    }
}

/// Between batches to so many peers.
fn pause(lanes: &Lanes, peers: usize) -> Duration {
    let rate = lanes.up_rate().max(lanes.down.peak());
    let worth = if rate > 0.0 { rate } else { 1e7 } * SHARE;
    let pause = (peers * MESSAGE_COST) as f64 / worth.max(1e3);
    Duration::from_secs_f64(pause).clamp(SOONEST, LATEST)
}
