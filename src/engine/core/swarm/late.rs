//! The receiver: what to do about requests that are late, and at the end.

use std::time::Duration;

use super::ask::{LATE_FLOOR, Seek};
use super::bitmap::Bitmap;
use super::lanes::Lanes;
use super::set::{Asked, Set};
use super::types::BadPeer;
use crate::core::ids::LinkId;
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::ranges::Ranges;

/// A request this many times older than usual is late.
const LATE: u32 = 3;
/// All bytes came and nobody said what became of the chunk: some came twice, and others are missing.
const SETTLED: Duration = Duration::from_secs(10);
/// After so many runs of late requests a peer is reported.
const STRIKES: u32 = 4;
/// Requests to one peer that were given up and are remembered.
const GIVEN_UP: usize = 8;

impl Set {
    /// Looks for requests that are late beside the usual, and asks elsewhere.
    pub fn mend(&mut self, lanes: &mut Lanes) {
        if self.is_source() || self.asked.is_empty() {
            return;
        }
        let late = self.late();
        let mut cancel: Vec<(LinkId, u32)> = Vec::new();
        let mut struck: Vec<LinkId> = Vec::new();
        let links: Vec<LinkId> = self.peers.keys().copied().collect();
        for link in links {
            let quiet = |asked: &Asked| {
                let patience = if asked.got < asked.size {
                    late
                } else {
                    SETTLED
                };
                lanes.now.since(asked.moved) > patience
            };
            let asked = self.peers.get(&link).map(|peer| &peer.asked);
            if !asked.is_some_and(|asked| asked.iter().any(quiet)) {
                continue;
            }
            let others = self.held_by_others(lanes, link);
            let Some(peer) = self.peers.get_mut(&link) else {
                continue;
            };
            let mut idle = false;
            for asked in peer.asked.iter_mut().filter(|asked| quiet(asked)) {
                // Nothing at all came since: it is the peer, not its load.
                idle |= lanes.now.since(peer.heard) > late && asked.got < asked.size;
                if !asked.overdue {
                    asked.overdue = true;
                    let missing = u64::from(asked.size - asked.got);
                    lanes.awaited = lanes.awaited.saturating_sub(missing);
                }
                let given_up = lanes.now.since(asked.moved) > late * 4;
                if others
                    .as_ref()
                    .is_some_and(|others| others.get(asked.chunk))
                    || given_up
                {
                    cancel.push((link, asked.chunk));
                }
            }
            if idle {
                struck.push(link);
            }
        }
        for link in struck {
            self.strike(lanes, link);
        }
        for (link, chunk) in cancel {
            self.learn_from_late(lanes.now, link, chunk);
            self.cancel(lanes, link, chunk);
        }
        self.double(lanes);
    }

    /// A request is given up. Where nothing has come in the time that is taken for usual while nothing is known, the first one says what
    /// is: else each would be given up before it can, for as long as that takes.
    fn learn_from_late(&mut self, now: Moment, link: LinkId, chunk: u32) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let Some(one) = peer.asked.iter().find(|one| one.chunk == chunk) else {
            return;
        };
        if self.service.get().is_none() {
            self.service.add(now.since(one.at));
        }
        if peer.given_up.len() == GIVEN_UP {
            peer.given_up.pop_front();
        }
        peer.given_up.push_back((chunk, one.at));
    }

    /// Bytes came that are not asked for there any more: where nobody else was quicker, that was given up too soon. Were what comes in
    /// time all that counts, what is usual would stay as short as it was while the lines were free, and each request would be given up
    /// from then on.
    pub fn came_late(&mut self, now: Moment, link: LinkId, chunk: u32) {
        let most = self.late() * 2;
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        if let Some(at) = peer.given_up.iter().position(|&(one, _)| one == chunk)
            && let Some((_, asked)) = peer.given_up.remove(at)
            && !self.have.get(chunk)
        {
            self.service.add(now.since(asked).min(most));
        }
    }

    /// How old a request is that is late.
    fn late(&self) -> Duration {
        (self.usual() * LATE).max(LATE_FLOOR)
    }

    fn strike(&mut self, lanes: &mut Lanes, link: LinkId) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        if peer.hold > lanes.now {
            return;
        }
        peer.strikes += 1;
        let pause = Duration::from_millis(200) * (1 << peer.strikes.min(5));
        peer.hold = lanes.now + pause;
        if peer.strikes == STRIKES && !peer.source {
            self.ban(lanes, link, BadPeer::FalseHave);
        }
    }

    /// What is asked of `link` and could come from another; `None` if nothing is asked of it.
    fn held_by_others(&self, lanes: &Lanes, link: LinkId) -> Option<Bitmap> {
        let asked = &self.peers.get(&link)?.asked;
        if asked.is_empty() {
            return None;
        }
        let mut held = Bitmap::new(self.sizes.count);
        let spares = self.spares(lanes.now);
        for one in asked {
            let elsewhere = self.peers.iter().any(|(&other, peer)| {
                other != link
                    && !(spares && self.asked_last(peer, spares))
                    && peer.have.get(one.chunk)
                    && !peer.banned
                    && peer.hold <= lanes.now
                    && lanes.bulk(other)
            });
            if elsewhere {
                held.set(one.chunk);
            }
        }
        Some(held)
    }

    /// At the end: the last chunks are asked of a second holder, once each, while there is room on the line: on a full one what is
    /// waited for comes all the same, behind what is asked for twice.
    fn double(&mut self, lanes: &mut Lanes) {
        let missing = self.sizes.count - self.have.ones();
        if missing == 0 || missing != self.asked.ones() {
            return;
        }
        let usual = self.usual();
        let mut slow: Vec<(LinkId, u32)> = Vec::new();
        for (&link, peer) in &self.peers {
            for asked in &peer.asked {
                let waited = lanes.now.since(asked.at) > usual;
                if waited && !asked.doubled && asked.got < asked.size / 2 {
                    slow.push((link, asked.chunk));
                }
            }
        }
        for (link, chunk) in slow {
            if lanes.awaited > lanes.comes_soon().max(u64::from(self.sizes.chunk_size)) {
                return;
            }
            let other = self.sources(lanes, Seek::Any).find(|&other| {
                other != link
                    && lanes.load(other) == 0
                    && self.peers.get(&other).is_some_and(|p| p.have.get(chunk))
            });
            let Some(other) = other else { continue };
            if let Some(peer) = self.peers.get_mut(&link) {
                let mut asked = peer.asked.iter_mut();
                if let Some(first) = asked.find(|one| one.chunk == chunk) {
                    first.doubled = true;
                }
            }
            self.expect(lanes, other, chunk, false);
            let (session, set) = (self.session, self.id);
            let chunks = Ranges(vec![(chunk, chunk)]);
            lanes.control(
                other,
                Control::Request {
                    session,
                    set,
                    chunks,
                },
            );
        }
    }
}
