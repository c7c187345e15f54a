//! The receiver: what to ask of whom, within the budget.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::cluster::Bond;
use super::lanes::Lanes;
use super::rate::{below, mix};
use super::set::{Asked, PassingOn, Peer, Set};
use super::types::{BadPeer, SwarmOutput};
use crate::core::ids::{ChunkIndex, LinkId};
use crate::core::io::ChunkOutcome;
use crate::core::wire::control::Control;
use crate::core::wire::ranges::Ranges;

/// How many requests one source may have open while nothing came from it yet.
const COLD_REQUESTS: usize = 2;
/// Late requests are never counted as such before this.
pub const LATE_FLOOR: Duration = Duration::from_millis(100);
/// Requests to the source itself, which has more important things to send.
const OF_SOURCE: usize = 2;

/// What a source is sought for.
#[derive(Clone, Copy)]
pub enum Seek {
    /// A chunk that it owns.
    Owned,
    /// A chunk that nobody is asked for.
    Wanted,
    /// Any chunk.
    Any,
}

impl Set {
    /// Asks for chunks while there is budget; true if more could be asked than was found.
    pub fn ask(&mut self, lanes: &mut Lanes) {
        if self.complete || self.is_source() || lanes.now < self.paused {
            return;
        }
        let mut requests: BTreeMap<LinkId, Vec<u32>> = BTreeMap::new();
        while lanes.awaited < lanes.budget(self.sizes.chunk_size) {
            let found = self.pick_owned(lanes).or_else(|| self.pick_held(lanes));
            let Some((link, chunk)) = found else { break };
            self.starving = None;
            self.expect(lanes, link, chunk, false);
            requests.entry(link).or_default().push(chunk);
        }
        if lanes.awaited < lanes.budget(0) / 2 {
            let since = *self.starving.get_or_insert(lanes.now);
            self.starves(lanes, since);
            let patience = self
                .usual()
                .clamp(Duration::from_millis(20), LATE_FLOOR * 2);
            if lanes.now.since(since) > patience {
                self.ask_sources(lanes, &mut requests);
            }
        } else {
            self.starving = None;
        }
        for (link, mut chunks) in requests {
            chunks.sort_unstable();
            let (session, set) = (self.session, self.id);
            let chunks = Ranges::from_sorted(chunks.into_iter().map(ChunkIndex));
            lanes.control(
                link,
                Control::Request {
                    session,
                    set,
                    chunks,
                },
            );
        }
    }

    pub fn expect(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32, owner: bool) {
        let size = self.sizes.of(chunk);
        let doubled = !self.asked.set(chunk);
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.asked.push(Asked {
                chunk,
                size,
                got: 0,
                at: lanes.now,
                moved: lanes.now,
                owner,
                overdue: false,
                doubled,
            });
            lanes.expect(link, size);
        }
    }

    /// The links that can be asked now, those with the least load first.
    pub fn sources(&self, lanes: &mut Lanes, seek: Seek) -> impl Iterator<Item = LinkId> + use<> {
        let salt = lanes.rng.number();
        let budget = lanes.budget(self.sizes.chunk_size);
        let mut list: Vec<Reverse<(u64, u64, LinkId)>> = Vec::new();
        let spares = self.spares(lanes.now);
        let few = self.has_enough_flows(spares);
        let direct = self.sends_directly(lanes);
        let links: Vec<LinkId> = match seek {
            Seek::Owned => self.owners.iter().copied().collect(),
            Seek::Wanted => self.unsearched.iter().copied().collect(),
            Seek::Any => self.peers.keys().copied().collect(),
        };
        for link in links {
            let Some(peer) = self.peers.get(&link).filter(|p| p.open && !p.banned) else {
                continue;
            };
            if few && peer.asked.is_empty() || direct.is_some_and(|source| source != link) {
                continue;
            }
            let asked_last = match seek {
                _ if direct.is_some() => false,
                // Whom the source gives chunks passes them on, wireless or not.
                Seek::Owned => peer.source || peer.bond != Bond::Near,
                Seek::Wanted | Seek::Any => self.asked_last(peer, spares),
            };
            if asked_last {
                continue;
            }
            let Some(lane) = lanes.links.get(&link) else {
                continue;
            };
            let held = peer.hold > lanes.now;
            let late = || peer.asked.iter().any(|asked| asked.overdue);
            let cold =
                peer.asked.len() >= COLD_REQUESTS && lane.asked * 2 > budget && direct.is_none();
            // Whoever was late before is tried again with one chunk at a time.
            let doubtful = peer.strikes > 0 && !peer.asked.is_empty();
            if lane.bulk && !cold && !held && !doubtful && !late() {
                list.push(Reverse((lane.asked, mix(link.0 ^ salt), link)));
            }
        }
        let mut list = BinaryHeap::from(list);
        std::iter::from_fn(move || list.pop().map(|Reverse((_, _, link))| link))
    }

    /// The source, while it alone is asked because it sends directly and has everything.
    fn sends_directly(&self, lanes: &Lanes) -> Option<LinkId> {
        let fit = |&(link, peer): &(&LinkId, &Peer)| {
            peer.member.teacher
                && peer.have.is_full()
                && peer.open
                && !peer.banned
                && peer.hold <= lanes.now
                && lanes.bulk(*link)
        };
        let source = || self.peers.iter().find(fit).map(|(&link, _)| link);
        self.direct.then(source).flatten()
    }

    /// A chunk from its owner.
    fn pick_owned(&mut self, lanes: &mut Lanes) -> Option<(LinkId, u32)> {
        if !self.search_owned {
            return None;
        }
        for link in self.sources(lanes, Seek::Owned) {
            let peer = self.peers.get_mut(&link)?;
            let mut found = None;
            while let Some(&chunk) = peer.fresh.front()
                && found.is_none()
            {
                if self.have.get(chunk) || self.asked.get(chunk) || !peer.have.get(chunk) {
                    peer.fresh.pop_front();
                } else if chunk < self.hashes {
                    found = peer.fresh.pop_front();
                } else {
                    break;
                }
            }
            if peer.fresh.is_empty() {
                self.owners.remove(&link);
            }
            if let Some(chunk) = found {
                return Some((link, chunk));
            }
        }
        self.search_owned = false;
        None
    }

    /// A chunk from any holder.
    fn pick_held(&mut self, lanes: &mut Lanes) -> Option<(LinkId, u32)> {
        if !self.search || self.unsearched.is_empty() {
            return None;
        }
        let high = self.hashes.min(self.horizon);
        let width = high.saturating_sub(self.low);
        let chance = below(&mut lanes.rng, width);
        let begin = self.begin(lanes.now, self.low, high);
        let start = begin.unwrap_or(self.low + chance);
        for link in self.sources(lanes, Seek::Wanted) {
            let peer = self.peers.get_mut(&link)?;
            let (mine, asked) = (&self.have, &self.asked);
            let found = peer.have.first_wanted(mine, asked, self.low, high, start);
            if let Some(chunk) = found {
                return Some((link, chunk));
            }
            self.unsearched.remove(&link);
        }
        self.search = false;
        None
    }

    /// Nobody else has anything: the source is asked, for something of its own to each.
    fn ask_sources(&mut self, lanes: &mut Lanes, requests: &mut BTreeMap<LinkId, Vec<u32>>) {
        let sources: Vec<LinkId> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.source || peer.bond != Bond::Near)
            .filter(|(_, peer)| peer.open && !peer.banned)
            .filter(|(_, peer)| peer.hold <= lanes.now && peer.asked.len() < OF_SOURCE)
            .map(|(&link, _)| link)
            .filter(|&link| lanes.bulk(link))
            .collect();
        for link in sources {
            let width = self.hashes.saturating_sub(self.low);
            let start = self.low + below(&mut lanes.rng, width);
            let Some(peer) = self.peers.get(&link) else {
                continue;
            };
            let (low, high) = (self.low, self.hashes);
            let found = peer
                .have
                .first_wanted(&self.have, &self.asked, low, high, start);
            if let Some(chunk) = found {
                self.expect(lanes, link, chunk, false);
                requests.entry(link).or_default().push(chunk);
            }
        }
    }

    /// Bytes of a chunk have come; `own` where the sender says that this device is its owner.
    pub fn received(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32, bytes: u32, own: bool) {
        let Some(peer) = self.peers.get(&link) else {
            return;
        };
        if chunk >= self.sizes.count {
            return;
        }
        // Nobody else gives chunks: what others push takes no request away from anybody.
        let own = own && (peer.member.teacher || peer.bond == Bond::Above);
        self.rate.add(lanes.now, bytes);
        self.watered(link);
        let unasked = |peer: &Peer| peer.asked.iter().all(|one| one.chunk != chunk);
        if own && !self.have.get(chunk) && self.peers.get(&link).is_some_and(unasked) {
            self.cancel_elsewhere(lanes, chunk, link);
            self.expect(lanes, link, chunk, true);
        }
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        peer.source |= own && peer.bond == Bond::Near;
        peer.heard = lanes.now;
        if let Some(asked) = peer.asked.iter_mut().find(|one| one.chunk == chunk) {
            let bytes = bytes.min(asked.size - asked.got);
            asked.got += bytes;
            asked.moved = lanes.now;
            asked.owner |= own;
            lanes.unexpect(link, bytes, asked.overdue);
            if asked.got == asked.size {
                // What is pushed was never waited for: it says nothing about requests.
                if !asked.owner {
                    self.service.add(lanes.now.since(asked.at));
                }
                self.search_again();
            }
        } else {
            self.came_late(lanes.now, link, chunk);
        }
    }

    fn cancel_elsewhere(&mut self, lanes: &mut Lanes, chunk: u32, but: LinkId) {
        let others: Vec<LinkId> = self
            .peers
            .iter()
            .filter(|&(&link, peer)| link != but && peer.asked.iter().any(|one| one.chunk == chunk))
            .map(|(&link, _)| link)
            .collect();
        for link in others {
            self.cancel(lanes, link, chunk);
        }
    }

    /// Takes one request back.
    pub fn cancel(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32) {
        if let Some(asked) = self.take_asked(link, chunk) {
            self.forget(lanes, link, &asked);
            let (session, set) = (self.session, self.id);
            let chunks = Ranges(vec![(chunk, chunk)]);
            lanes.control(
                link,
                Control::Cancel {
                    session,
                    set,
                    chunks,
                },
            );
        }
    }

    /// The peer will not send a chunk that it was asked for.
    pub fn refused(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32, missing: bool) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        if missing {
            peer.have.clear(chunk);
        } else {
            peer.hold = lanes.now + Duration::from_millis(50);
        }
        // What is pushed comes all the same.
        let mut asked = peer.asked.iter();
        if asked.any(|one| one.chunk == chunk && !one.owner)
            && let Some(asked) = self.take_asked(link, chunk)
        {
            self.forget(lanes, link, &asked);
        }
    }

    fn take_asked(&mut self, link: LinkId, chunk: u32) -> Option<Asked> {
        let asked = &mut self.peers.get_mut(&link)?.asked;
        let at = asked.iter().position(|one| one.chunk == chunk)?;
        Some(asked.swap_remove(at))
    }

    /// A whole chunk was dealt with.
    pub fn done(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32, outcome: ChunkOutcome) {
        if chunk >= self.sizes.count {
            return;
        }
        let asked = self.take_asked(link, chunk);
        self.search_again();
        if let Some(asked) = &asked {
            lanes.unexpect(link, asked.size - asked.got, asked.overdue);
        }
        match outcome {
            ChunkOutcome::Stored => {
                self.asked.clear(chunk);
                if asked.as_ref().is_none_or(|asked| asked.doubled) {
                    self.cancel_elsewhere(lanes, chunk, link);
                }
                if let Some(peer) = self.peers.get_mut(&link) {
                    peer.strikes = 0;
                }
                if self.stored(chunk) {
                    let owner = asked.is_some_and(|asked| asked.owner);
                    self.pass_on(lanes, link, chunk, owner);
                }
            }
            ChunkOutcome::Bad => {
                self.free(chunk);
                self.ban(lanes, link, BadPeer::WrongChunk);
            }
            ChunkOutcome::NotWritten => {
                self.free(chunk);
                self.paused = lanes.now + Duration::from_millis(200);
            }
        }
    }

    fn free(&mut self, chunk: u32) {
        let mut peers = self.peers.values();
        if !peers.any(|peer| peer.asked.iter().any(|one| one.chunk == chunk)) {
            self.asked.clear(chunk);
        }
        self.wanted_again();
    }

    fn pass_on(&mut self, lanes: &mut Lanes, from: LinkId, chunk: u32, owner: bool) {
        let far = self.is_far(from);
        if owner || far || self.peers.get(&from).is_some_and(|peer| peer.source) {
            self.feed(chunk);
        }
        if owner {
            let size = self.sizes.of(chunk);
            let told = self.tell_owned(lanes, chunk);
            self.passing_on.push(PassingOn {
                chunk,
                from,
                copies: 0,
                told,
                since: lanes.now,
                patience: lanes.time_to_send(u64::from(told) * u64::from(size)),
            });
            self.report_ready(lanes);
        } else if far {
            self.tell_owned(lanes, chunk);
        } else {
            self.tell_later(lanes, chunk);
        }
        self.check_complete(lanes);
    }

    pub fn ban(&mut self, lanes: &mut Lanes, link: LinkId, why: BadPeer) {
        self.drop_asked(lanes, link, true);
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        // What was under way when it was found out is no news.
        if peer.banned {
            return;
        }
        peer.banned = why == BadPeer::WrongChunk;
        lanes.out.push_back(SwarmOutput::BadPeer {
            link,
            peer: peer.member.device,
            session: self.session,
            set: self.id,
            why,
        });
    }
}
