//! The source: each chunk goes to exactly one owner, who passes it on (after Mutualcast, Li, Chou
//! and Zhang 2005).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::bitmap::Bitmap;
use super::cluster::Bond;
use super::lanes::Lanes;
use super::owner::Owner;
use super::rate::Smooth;
use super::set::{Peer, Sending, Set};
use crate::core::ids::LinkId;
use crate::core::time::Moment;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::LinkKind;

/// Chunks an owner may have that it has not passed on; ...
const BACKLOG: usize = 2;
/// ... in a large class more, as the last of those whom a chunk goes to are often busy when the next is to begin, ...
const LARGE_BACKLOG: u32 = 3;
/// ... where all of them are passed on in this time: so long others wait for the last, and ask for no more meanwhile; ...
const IN_HAND: Duration = Duration::from_secs(2);
/// ... but one at its end: all wait for what owners still have when the source is done.
const LAST_BACKLOG: usize = 1;
/// A class of more than so many peers is large, ...
const LARGE: usize = 16;
/// ... and its end begins where so many chunks are left for each peer.
const LAST: usize = 3;
/// Owners fed at a time.
const STREAMS: usize = 48;
/// A chunk is given to another owner at most once in so many median paces.
const AGAIN: u32 = 4;
/// What it is taken to take while that is not known; longer where this device itself would need longer for all copies.
const PASSED_FIRST: Duration = Duration::from_millis(500);
/// Nobody but its owner has a chunk after so many times the usual, and the usual time in which owners pass a chunk on: it is
/// given to another.
const UNPROVEN: u32 = 2;
/// The same while nothing is known of what is usual, and where the others have told nothing since: batches come every two seconds
/// at the latest, where there is news.
const UNPROVEN_FIRST: Duration = Duration::from_secs(3);
/// Never before this.
const UNPROVEN_FLOOR: Duration = Duration::from_millis(200);
/// An owner of whom some chunk has spread gets longer: batches may be late, and giving again costs the source.
const TRUSTED: u32 = 4;
/// An owner whose chunks do not spread is passed over for so long, and twice as long each time.
const DOUBT: Duration = Duration::from_secs(2);
/// After this time in the session a late joiner may own chunks.
const PROBATION: Duration = Duration::from_secs(2);

/// A chunk that is passed on, as its owner says.
#[derive(Debug, Clone, Copy)]
struct Unproven {
    owner: LinkId,
    chunk: u32,
    since: Moment,
}

/// What becomes of a request to the source itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// It is served when nothing else is to be given.
    Granted,
    /// The chunk is on its way there as its owner's.
    Coming,
    /// Too many at a time.
    Refused,
}

/// The books of the source, or of a device that feeds a cluster below.
#[derive(Debug)]
pub struct Giving {
    /// Those who are given chunks.
    pub to: Bond,
    /// Chunks that are at some other device, or on the way to their owner.
    taken: Bitmap,
    /// Chunks that some other device says it has.
    claimed: Bitmap,
    /// Chunks that are out: their owner has said so, or two devices have. One word alone is not
    /// enough, or a single liar could stop the giving.
    out: Bitmap,
    /// Chunks that somebody says he has who was not given them, ...
    spread: Bitmap,
    /// ... and those of which two say so: one may be a liar.
    proven: Bitmap,
    /// What owners say is passed on, until others confirm it. An owner whose chunks are wrong has
    /// nothing to send soon, and would seem the quickest.
    unproven: VecDeque<Unproven>,
    /// From an owner's word to that of two others.
    proof: Smooth,
    /// No chunk below is free.
    next: u32,
    owners: BTreeMap<LinkId, Owner>,
    /// Chunks on their way to their owners, in the order in which they were given.
    streams: VecDeque<(LinkId, Sending)>,
    /// Usual time in which an owner passes a chunk on.
    median: Option<Duration>,
    measured: Moment,
    one_copy: bool,
    /// While the air is spared: the only wireless peers that are given chunks.
    pub spare: Option<Vec<LinkId>>,
}

impl Giving {
    pub fn new(to: Bond, chunks: u32) -> Self {
        Self {
            to,
            taken: Bitmap::new(chunks),
            claimed: Bitmap::new(chunks),
            out: Bitmap::new(chunks),
            spread: Bitmap::new(chunks),
            proven: Bitmap::new(chunks),
            unproven: VecDeque::new(),
            proof: Smooth::default(),
            next: 0,
            owners: BTreeMap::new(),
            streams: VecDeque::new(),
            median: None,
            measured: Moment(0),
            one_copy: false,
            spare: None,
        }
    }

    /// The books of a feeder: nothing is to be given yet.
    pub fn feeding(to: Bond, chunks: u32) -> Self {
        let mut giving = Self::new(to, chunks);
        giving.taken.set_range(0, chunks.saturating_sub(1));
        giving.next = chunks;
        giving
    }

    /// A chunk is to be given.
    pub fn offer(&mut self, chunk: u32) {
        self.free_again(chunk);
    }

    /// Whether a chunk below `upto` is to be given.
    pub fn has_free(&self, upto: u32) -> bool {
        let free = self.taken.first_clear(self.next);
        free.is_some_and(|chunk| chunk < upto)
    }

    /// How many chunks from the first on are given away.
    pub const fn passed(&self) -> u32 {
        self.next
    }

    pub fn busy(&self) -> bool {
        !self.streams.is_empty()
            || !self.unproven.is_empty()
            || self.owners.values().any(|o| !o.backlog.is_empty())
    }

    /// A peer says for the first time that it has a chunk.
    pub fn claims(&mut self, link: LinkId, chunk: u32) {
        let second = !self.claimed.set(chunk);
        let mut given = false;
        if let Some(owner) = self.owners.get_mut(&link) {
            given = owner.chunks.get(chunk);
            for given in &mut owner.backlog {
                given.arrived |= given.chunk == chunk;
            }
        }
        if !given && !self.spread.set(chunk) {
            self.proven.set(chunk);
        }
        if second || given {
            self.out.set(chunk);
            self.taken.set(chunk);
        }
    }

    /// True once, when every chunk is at some other device.
    pub fn one_copy_out(&mut self) -> bool {
        self.out.is_full() && !std::mem::replace(&mut self.one_copy, true)
    }

    fn free_again(&mut self, chunk: u32) {
        if self.taken.clear(chunk) {
            self.next = self.next.min(chunk);
        }
    }

    /// Gives chunks again that did not spread though their owner says that it passed them on.
    fn prove(&mut self, peers: &BTreeMap<LinkId, Peer>, now: Moment) {
        let others = may_own(peers, self).filter(|(_, peer)| peer.takes_part());
        let others: Vec<(LinkId, Moment)> = others
            .map(|(&link, peer)| (link, peer.batches[1]))
            .collect();
        // Of three or more one may be a liar.
        let enough = match others.len().saturating_sub(1) {
            0 => 0,
            1 | 2 => 1,
            _ => 2,
        };
        let pace = self.median.unwrap_or_default();
        let usual = self.proof.get().map(|usual| usual * UNPROVEN + pace);
        let short = usual.map_or(UNPROVEN_FIRST, |usual| usual.max(UNPROVEN_FLOOR));
        let long = short * TRUSTED;
        let mut failed: Vec<u32> = Vec::new();
        self.unproven.retain(|one| {
            let proven = match enough {
                0 => true,
                1 => self.spread.get(one.chunk),
                _ => self.proven.get(one.chunk),
            };
            let waited = now.since(one.since);
            let mut owner = self.owners.get_mut(&one.owner);
            let trusted = owner.as_ref().is_some_and(|owner| owner.trusted);
            if !proven && waited <= if trusted { long } else { short } {
                return true;
            }
            // Who has said nothing since has no word against the owner: a machine may be busy with something else.
            let told = |&&(link, batch): &&(LinkId, Moment)| link != one.owner && batch > one.since;
            let heard = others.iter().filter(told).count() >= enough;
            if !proven && !heard && waited <= UNPROVEN_FIRST {
                return true;
            }
            if proven {
                self.proof.add(waited);
            } else {
                failed.push(one.chunk);
            }
            if let Some(owner) = &mut owner {
                owner.trusted = proven;
                if proven {
                    owner.faults = 0;
                } else {
                    owner.faults += 1;
                    owner.doubted = now + DOUBT * (1 << owner.faults.min(5));
                }
            }
            false
        });
        for chunk in failed {
            self.free_again(chunk);
        }
    }

    fn measure(&mut self, now: Moment) {
        self.measured = now;
        let mut paces: Vec<Duration> = self.owners.values().filter_map(|o| o.pace.get()).collect();
        paces.sort_unstable();
        // One or two say nothing about what is usual.
        self.median = (paces.len() >= 3).then(|| paces[paces.len() / 2]);
        for owner in self.owners.values_mut() {
            if owner.backlog.is_empty() && now.since(owner.last) > PROBATION {
                owner.pace.fade(0.8);
                owner.last = now;
            }
        }
    }
}

impl Set {
    /// Chooses owners for the next chunks.
    pub fn give(&mut self, lanes: &mut Lanes) {
        self.keep_air(lanes);
        let mut givings = std::mem::take(&mut self.givings);
        for giving in &mut givings {
            self.give_next(lanes, giving);
        }
        self.givings = givings;
    }

    fn give_next(&self, lanes: &mut Lanes, giving: &mut Giving) {
        if lanes.now.since(giving.measured) > Duration::from_millis(20) {
            giving.measure(lanes.now);
        }
        let mut queued = self.queued(lanes, giving);
        loop {
            let Some(chunk) = giving.taken.first_clear(giving.next) else {
                giving.next = self.sizes.count;
                return;
            };
            giving.next = chunk;
            if chunk >= self.hashes || giving.streams.len() >= STREAMS {
                return;
            }
            let peers = || may_own(&self.peers, giving);
            let class = peers().count();
            let salt = lanes.rng.number();
            let left = (self.sizes.count - chunk) as usize;
            let quick = |pace: Duration| pace <= IN_HAND / LARGE_BACKLOG;
            let most = match class {
                ..=LARGE => BACKLOG,
                _ if left <= class * LAST => LAST_BACKLOG,
                _ if giving.median.is_some_and(quick) => LARGE_BACKLOG as usize,
                _ => BACKLOG,
            };
            let mut best: Option<((Duration, usize, bool, u64), LinkId)> = None;
            let (mut has, mut lacks) = (0, false);
            for (&link, peer) in peers() {
                let late = peer.member.entered.since(self.opened) > PROBATION
                    && lanes.now.since(peer.member.entered) < PROBATION;
                let fit = peer.takes_part() && !peer.banned && !late && lanes.bulk(link);
                if peer.takes_part() && !peer.have.get(chunk) {
                    lacks = true;
                } else if peer.takes_part() {
                    has += 1;
                }
                if !fit || chunk >= peer.hashes || peer.have.get(chunk) {
                    continue;
                }
                let owner = giving.owners.get(&link);
                let backlog = owner.map_or(0, |owner| owner.backlog.len());
                // Nothing is to wait for an owner that has something to do while others have not.
                let early = backlog > 0 && queued >= lanes.allowance();
                let unfit = |owner: &Owner| owner.unfit(lanes.now, giving.median);
                if backlog >= most || early || owner.is_some_and(unfit) {
                    continue;
                }
                let radio = peer.member.kind == LinkKind::Wireless;
                // Those below are given chunks by others as well: how long they take tells of it.
                let wait = match owner {
                    Some(owner) if giving.to != Bond::Near => {
                        owner.latest(lanes.now).mul_f64(backlog as f64 + 1.0)
                    }
                    _ => Duration::ZERO,
                };
                let key = (wait, backlog, radio, super::rate::mix(link.0 ^ salt));
                if best.is_none_or(|(least, _)| key < least) {
                    best = Some((key, link));
                }
            }
            // What two of a cluster below have needs no feeding.
            if giving.to != Bond::Near && has > 1 {
                giving.taken.set(chunk);
                continue;
            }
            let Some((_, link)) = best else {
                if lacks || has < class.clamp(1, 2) {
                    return;
                }
                // All of them have it, more than one or the only one: it needs no owner.
                giving.taken.set(chunk);
                giving.out.set(chunk);
                continue;
            };
            giving.taken.set(chunk);
            let owner = giving
                .owners
                .entry(link)
                .or_insert_with(|| Owner::new(self.sizes.count, lanes.now));
            owner.give(chunk, lanes.now);
            let sending = Sending {
                chunk,
                offset: 0,
                owner: true,
            };
            giving.streams.push_back((link, sending));
            queued += u64::from(self.sizes.of(chunk));
        }
    }

    /// Bytes that are given away and can leave as soon as there is room.
    fn queued(&self, lanes: &Lanes, giving: &Giving) -> u64 {
        let sharing = giving.streams.len();
        let may = giving
            .streams
            .iter()
            .filter(|(link, _)| lanes.can_send(*link, sharing));
        may.map(|(_, sending)| u64::from(self.sizes.of(sending.chunk) - sending.offset))
            .sum()
    }

    /// The next record to an owner, earliest chunk first: it is passed on the earlier.
    pub fn next_given(&mut self, lanes: &Lanes) -> Option<(LinkId, Sending, u32)> {
        let sharing = self.givings.iter().map(|g| g.streams.len()).sum();
        let may = |(link, _): &(LinkId, Sending)| lanes.can_send(*link, sharing);
        let first = |giving: &Giving| giving.streams.iter().position(may);
        let mut givings = self.givings.iter_mut();
        let (giving, at) = givings.find_map(|g| first(g).map(|at| (g, at)))?;
        let (link, sending) = &mut giving.streams[at];
        let size = self.sizes.of(sending.chunk);
        let length = (size - sending.offset).min(lanes.record());
        let record = (*link, *sending, length);
        sending.offset += length;
        if sending.offset >= size {
            giving.streams.remove(at);
        }
        Some(record)
    }

    /// A peer asks the source itself: what nobody was given is given to it.
    pub fn ask_source(&mut self, link: LinkId, chunk: u32, now: Moment) -> Asking {
        // Who said that it has the chunk may have it again; it does not become its owner by that, as
        // a liar who asks would own much and pass on nothing.
        let said = self.peers.get(&link).is_some_and(|p| p.have.get(chunk));
        let Some(giving) = self.giving_to(link) else {
            return Asking::Granted;
        };
        let backlog = giving.owners.get(&link).map(|owner| &owner.backlog);
        if backlog.is_some_and(|b| b.iter().any(|given| given.chunk == chunk)) {
            return Asking::Coming;
        }
        if said || giving.taken.get(chunk) {
            return Asking::Granted;
        }
        let chunks = self.sizes.count;
        let waiting = self.peers.get(&link).map_or(0, |peer| peer.queue.len());
        let first = self.is_first(link);
        let Some(giving) = self.giving_to(link) else {
            return Asking::Granted;
        };
        if waiting >= 2 * BACKLOG && giving.spare.is_none() && !first {
            return Asking::Refused;
        }
        giving.taken.set(chunk);
        giving
            .owners
            .entry(link)
            .or_insert_with(|| Owner::new(chunks, now))
            .chunks
            .set(chunk);
        Asking::Granted
    }

    /// An owner has passed these chunks on. What it was not given, or was given too long ago, says nothing. (Were there a count
    /// instead, one chunk that never came to it would set the two apart for good: it would idle until each next one is late.)
    pub fn ready(&mut self, link: LinkId, chunks: &Ranges, now: Moment) {
        let Some(giving) = self.giving_to(link) else {
            return;
        };
        let Some(owner) = giving.owners.get_mut(&link) else {
            return;
        };
        let passed = |chunk: u32| {
            chunks
                .0
                .iter()
                .any(|&(first, last)| (first..=last).contains(&chunk))
        };
        let passed = owner.take(passed, now);
        owner.passed(&passed, now);
        let unproven = passed.iter().map(|given| Unproven {
            owner: link,
            chunk: given.chunk,
            since: now,
        });
        giving.unproven.extend(unproven);
    }

    /// A chunk could not be sent to its owner, or the owner did not take it.
    pub fn give_failed(&mut self, link: LinkId, chunk: u32, now: Moment) {
        let Some(giving) = self.giving_to(link) else {
            return;
        };
        giving
            .streams
            .retain(|(to, sending)| *to != link || sending.chunk != chunk);
        let Some(owner) = giving.owners.get_mut(&link) else {
            return;
        };
        owner.take(|given| given == chunk, now);
        if owner.chunks.clear(chunk) && !giving.out.get(chunk) {
            giving.free_again(chunk);
        }
    }

    /// An owner is gone: what only it had is given again.
    pub fn take_back(&mut self, link: LinkId, had: &Bitmap) {
        for giving in &mut self.givings {
            take_back(giving, &self.peers, link, had);
        }
    }

    /// Gives chunks again whose owner has fallen behind the others and which nobody else has.
    pub fn give_again(&mut self, lanes: &Lanes) {
        let bytes = u64::from(self.sizes.chunk_size) * self.peers.len() as u64;
        let first = lanes.time_to_send(bytes).max(PASSED_FIRST);
        for giving in &mut self.givings {
            give_again(giving, &self.peers, first, lanes.now);
            giving.prove(&self.peers, lanes.now);
        }
    }

    /// The books in which a peer stands.
    fn giving_to(&mut self, link: LinkId) -> Option<&mut Giving> {
        let bond = self.peers.get(&link)?.bond;
        self.givings.iter_mut().find(|giving| giving.to == bond)
    }
}

/// The peers that books are about.
fn giving_to(
    peers: &BTreeMap<LinkId, Peer>,
    to: Bond,
) -> impl Iterator<Item = (&LinkId, &Peer)> + Clone {
    peers.iter().filter(move |(_, peer)| peer.bond == to)
}

/// Those of them that may own chunks.
fn may_own<'a>(
    peers: &'a BTreeMap<LinkId, Peer>,
    giving: &'a Giving,
) -> impl Iterator<Item = (&'a LinkId, &'a Peer)> + Clone {
    giving_to(peers, giving.to).filter(|(link, peer)| {
        let spared = peer.member.kind == LinkKind::Wireless && !peer.have.is_full();
        let only = giving.spare.as_ref().filter(|_| spared);
        only.is_none_or(|only| only.contains(link))
    })
}

fn take_back(giving: &mut Giving, peers: &BTreeMap<LinkId, Peer>, link: LinkId, had: &Bitmap) {
    giving.streams.retain(|(to, _)| *to != link);
    let owned = giving.owners.remove(&link).map(|owner| owner.chunks);
    // A feeder gives what is its to give, and no more.
    let source = giving.to == Bond::Near;
    for chunk in 0..had.len() {
        let its = (source && had.get(chunk)) || owned.as_ref().is_some_and(|own| own.get(chunk));
        if its && !giving_to(peers, giving.to).any(|(_, peer)| peer.have.get(chunk)) {
            let on_its_way = giving.owners.values().any(|owner| {
                let mut backlog = owner.backlog.iter();
                backlog.any(|given| given.chunk == chunk)
            });
            if !giving.one_copy {
                giving.claimed.clear(chunk);
                giving.out.clear(chunk);
            }
            if !on_its_way {
                giving.free_again(chunk);
            }
        }
    }
}

fn give_again(giving: &mut Giving, peers: &BTreeMap<LinkId, Peer>, first: Duration, now: Moment) {
    let usual = giving.median.unwrap_or(first);
    let patience = (usual * AGAIN).max(Duration::from_millis(100));
    let mut late: Vec<(LinkId, u32, bool)> = Vec::new();
    for (&link, owner) in &mut giving.owners {
        let Some(waited) = owner.waiting(now).filter(|&waited| waited > patience) else {
            continue;
        };
        let first = owner.backlog.pop_front();
        // Who has passed on later ones meanwhile is not slow: some have not asked for this one.
        if owner.ready <= owner.front {
            owner.pace.add(waited);
        }
        owner.front = now;
        late.extend(first.map(|given| (link, given.chunk, given.arrived)));
    }
    for (link, chunk, arrived) in late {
        let others = giving_to(peers, giving.to).filter(|&(&other, _)| other != link);
        // One may be a liar.
        let spread = others.filter(|(_, peer)| peer.have.get(chunk)).count() > 1;
        if !spread && giving_to(peers, giving.to).count() > 1 {
            if !arrived {
                giving
                    .streams
                    .retain(|(to, sending)| *to != link || sending.chunk != chunk);
            }
            giving.free_again(chunk);
        }
    }
}
