//! One set: what is here, what each peer has, what is asked of whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::air::Air;
use super::bitmap::Bitmap;
use super::cluster::{Bond, Clusters};
use super::give::Giving;
use super::lanes::Lanes;
use super::rate::{Meter, Smooth};
use super::tell::News;
use super::types::{ChunkSizes, SetSpec, SwarmOutput};
use crate::core::ids::{ChunkIndex, DeviceId, LinkId, SessionId, SetId};
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::LinkKind;

/// A member of the session at the other end of a link.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub device: DeviceId,
    pub teacher: bool,
    pub kind: LinkKind,
    pub entered: Moment,
}

/// A chunk that a peer was asked for, or pushes.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub chunk: u32,
    pub size: u32,
    pub got: u32,
    pub at: Moment,
    /// Last time that bytes of it came.
    pub moved: Moment,
    /// Pushed by the source: this device becomes its owner.
    pub owner: bool,
    /// Late: its bytes no longer count for the budget.
    pub overdue: bool,
    /// A second source was asked too.
    pub doubled: bool,
}

/// A chunk that is being sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending {
    pub chunk: u32,
    pub offset: u32,
    pub owner: bool,
}

/// A peer as one set sees it.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each named below
pub struct Peer {
    pub member: Member,
    /// In which cluster it is.
    pub bond: Bond,
    /// It has spoken about this set.
    pub open: bool,
    /// It does not want the set.
    pub left: bool,
    /// The set comes from it: it is told everything, and asked last.
    pub source: bool,
    /// It sent a wrong chunk.
    pub banned: bool,
    pub have: Bitmap,
    /// Chunks it owns that may not be asked for yet.
    pub fresh: VecDeque<u32>,
    /// What is asked of it.
    pub asked: Vec<Asked>,
    /// The last requests to it that were given up as late, and when each was made.
    pub given_up: VecDeque<(u32, Moment)>,
    /// It is left alone until then.
    pub hold: Moment,
    /// When bytes last came from it.
    pub heard: Moment,
    /// How often it has let requests run out, since the last chunk from it.
    pub strikes: u32,
    /// What it asked for.
    pub queue: VecDeque<Sending>,
    /// It stands in the line of those served.
    pub in_line: bool,
    /// It would, could it take more at present.
    pub blocked: bool,
    /// Hashes that it knows, as far as was said.
    pub hashes: u32,
    /// When it last told in a batch what it has, and when before that: what it had at some moment is in the second batch after.
    pub batches: [Moment; 2],
    /// At the source: it knows that the air is spared.
    pub spares: bool,
    /// At the source: how often it told what it has, since that was looked at.
    pub reports: u32,
}

impl Peer {
    fn new(member: Member, bond: Bond, chunks: u32) -> Self {
        Self {
            member,
            bond,
            open: false,
            left: false,
            source: member.teacher,
            banned: false,
            have: Bitmap::new(chunks),
            fresh: VecDeque::new(),
            asked: Vec::new(),
            given_up: VecDeque::new(),
            hold: Moment(0),
            heard: Moment(0),
            strikes: 0,
            queue: VecDeque::new(),
            in_line: false,
            blocked: false,
            hashes: u32::MAX,
            batches: [Moment(0); 2],
            spares: false,
            reports: 0,
        }
    }

    /// Whether it takes part in this set.
    pub const fn takes_part(&self) -> bool {
        self.open && !self.left
    }
}

/// An owned chunk that others still fetch.
#[derive(Debug, Clone, Copy)]
pub struct PassingOn {
    pub chunk: u32,
    pub from: LinkId,
    pub copies: u32,
    /// How many were told of it that are waited for.
    pub told: u32,
    pub since: Moment,
    /// How long all copies take when nothing else is sent.
    pub patience: Duration,
}

/// A set and everything known of it.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each named below
pub struct Set {
    pub session: SessionId,
    pub id: SetId,
    pub priority: u64,
    pub sizes: ChunkSizes,
    pub opened: Moment,
    /// Chunks below have a known hash.
    pub hashes: u32,
    pub have: Bitmap,
    pub have_bytes: u64,
    /// The first chunk that is missing here.
    pub low: u32,
    /// Chunks that are asked for somewhere.
    pub asked: Bitmap,
    pub peers: BTreeMap<LinkId, Peer>,
    /// The highest chunk that any peer has, and one.
    pub horizon: u32,
    /// Chunks to be announced with the next batch.
    pub news: News,
    /// The same for those who give chunks.
    pub news_to_givers: News,
    /// Links with something to send, served in turn.
    pub line: VecDeque<LinkId>,
    /// How many others have something to send that cannot take it now.
    pub blocked: usize,
    /// At the source, and where clusters are fed: who was given what.
    pub givings: Vec<Giving>,
    /// How the members of the session are spread.
    pub clusters: Clusters,
    pub passing_on: Vec<PassingOn>,
    /// Peers that were told of chunks that this device owns and have said nothing since then.
    pub unanswered: BTreeMap<LinkId, Moment>,
    /// From a request to the whole chunk.
    pub service: Smooth,
    /// Something changed since a search for a chunk found nothing.
    pub search: bool,
    /// The same for a chunk of an owner.
    pub search_owned: bool,
    /// Peers that may have a wanted chunk: all others were searched in vain since chunks became wanted and they told news. With these
    /// two a large class is not looked through for each chunk.
    pub unsearched: BTreeSet<LinkId>,
    /// Peers that are known to own chunks which may not be asked for yet, or were not.
    pub owners: BTreeSet<LinkId>,
    /// Since when nothing could be asked though there was budget.
    pub starving: Option<Moment>,
    pub paused: Moment,
    pub rate: Meter,
    pub complete: bool,
    /// Whether the air is spared.
    pub air: Air,
    /// At the source: who is served before all others.
    pub first: BTreeSet<DeviceId>,
    /// At a receiver: the source sends directly, and it alone is asked while it does.
    pub direct: bool,
}

impl Set {
    pub fn new(now: Moment, spec: SetSpec) -> Self {
        let chunks = spec.sizes.count;
        let mut have = Bitmap::new(chunks);
        if spec.source {
            have.set_range(0, chunks.saturating_sub(1));
        }
        let mut set = Self {
            session: spec.session,
            id: spec.set,
            priority: spec.priority,
            opened: now,
            hashes: spec.hashes.min(chunks),
            have_bytes: 0,
            low: 0,
            asked: Bitmap::new(chunks),
            peers: BTreeMap::new(),
            horizon: 0,
            news: News::default(),
            news_to_givers: News::default(),
            line: VecDeque::new(),
            blocked: 0,
            givings: Vec::from_iter(spec.source.then(|| Giving::new(Bond::Near, chunks))),
            clusters: Clusters::ONE,
            passing_on: Vec::new(),
            unanswered: BTreeMap::new(),
            service: Smooth::default(),
            search: true,
            unsearched: BTreeSet::new(),
            owners: BTreeSet::new(),
            search_owned: true,
            starving: None,
            paused: Moment(0),
            rate: Meter::default(),
            complete: false,
            air: Air::default(),
            first: BTreeSet::new(),
            direct: false,
            sizes: spec.sizes,
            have,
        };
        for (first, last) in super::bitmap::clean(&spec.have, chunks) {
            set.have.set_range(first, last);
        }
        set.have_bytes = if set.have.is_full() {
            set.sizes.total()
        } else {
            let here = |&chunk: &u32| set.have.get(chunk);
            let sizes = (0..chunks).filter(here).map(|c| u64::from(set.sizes.of(c)));
            sizes.sum()
        };
        set.low = set.have.first_clear(0).unwrap_or(chunks);
        set
    }

    pub fn is_source(&self) -> bool {
        self.givings.first().is_some_and(|g| g.to == Bond::Near)
    }

    pub fn enter(&mut self, lanes: &mut Lanes, link: LinkId, member: Member) {
        let (bond, chunks) = (self.bond(member), self.sizes.count);
        self.peers
            .entry(link)
            .or_insert_with(|| Peer::new(member, bond, chunks));
        self.air.stale = true;
        if member.teacher {
            self.air_unknown();
        }
        self.tell_all(lanes, link);
    }

    /// Takes a peer out; what was asked of it is free again.
    pub fn leave(&mut self, lanes: &mut Lanes, link: LinkId) {
        self.unblock(link);
        self.drop_asked(lanes, link, false);
        self.unsearched.remove(&link);
        self.owners.remove(&link);
        self.unanswered.remove(&link);
        if let Some(peer) = self.peers.remove(&link) {
            self.take_back(link, &peer.have);
            self.air.stale = true;
            if peer.source && self.is_sparing() {
                self.help(lanes);
            }
        }
        self.line.retain(|&waiting| waiting != link);
    }

    /// Everything of the set ends.
    pub fn close(&mut self, lanes: &mut Lanes) {
        let links: Vec<LinkId> = self.peers.keys().copied().collect();
        for link in links {
            self.drop_asked(lanes, link, true);
            lanes.control(
                link,
                Control::Leave {
                    session: self.session,
                    set: Some(self.id),
                },
            );
        }
    }

    /// No record comes or goes on a link any more.
    pub fn bulk_down(&mut self, lanes: &mut Lanes, link: LinkId) {
        self.drop_asked(lanes, link, true);
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.queue.clear();
            let had = peer.have.clone();
            self.take_back(link, &had);
        }
    }

    /// Frees what was asked of a peer, telling it or not.
    pub fn drop_asked(&mut self, lanes: &mut Lanes, link: LinkId, tell: bool) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let asked = std::mem::take(&mut peer.asked);
        if asked.is_empty() {
            return;
        }
        let mut chunks: Vec<u32> = asked.iter().map(|asked| asked.chunk).collect();
        for one in &asked {
            self.forget(lanes, link, one);
        }
        if tell {
            chunks.sort_unstable();
            let chunks = Ranges::from_sorted(chunks.into_iter().map(ChunkIndex));
            let (session, set) = (self.session, self.id);
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

    /// Settles the books of a request that was taken out of its peer's list.
    pub fn forget(&mut self, lanes: &mut Lanes, link: LinkId, asked: &Asked) {
        lanes.unexpect(link, asked.size - asked.got.min(asked.size), asked.overdue);
        if !asked.doubled || !self.asked_elsewhere(asked.chunk, link) {
            self.asked.clear(asked.chunk);
        }
        self.wanted_again();
        lanes.out.push_back(SwarmOutput::Forget {
            link,
            session: self.session,
            set: self.id,
            chunk: ChunkIndex(asked.chunk),
        });
    }

    /// Chunks are wanted that were not.
    pub fn wanted_again(&mut self) {
        let sought = self.peers.iter().filter(|(_, peer)| self.is_sought(peer));
        self.unsearched = sought.map(|(&link, _)| link).collect();
        self.search_again();
    }

    /// Another source may be asked now.
    pub const fn search_again(&mut self) {
        (self.search, self.search_owned) = (true, true);
    }

    fn asked_elsewhere(&self, chunk: u32, but: LinkId) -> bool {
        self.peers
            .iter()
            .any(|(&link, peer)| link != but && peer.asked.iter().any(|one| one.chunk == chunk))
    }

    /// A chunk is verified and written here.
    pub fn stored(&mut self, chunk: u32) -> bool {
        if !self.have.set(chunk) {
            return false;
        }
        self.have_bytes += u64::from(self.sizes.of(chunk));
        if chunk == self.low {
            self.low = self.have.first_clear(chunk).unwrap_or(self.sizes.count);
        }
        true
    }

    /// Whether anything of this set is under way, so that time matters.
    pub fn busy(&self) -> bool {
        !self.news.is_empty()
            || !self.news_to_givers.is_empty()
            || !self.passing_on.is_empty()
            || !self.asked.is_empty()
            || !self.line.is_empty()
            || self.blocked > 0
            || self.givings.iter().any(Giving::busy)
            || (!self.complete && !self.asked.is_full() && self.wants_something())
    }

    /// Whether some peer could give a chunk that is missing here.
    fn wants_something(&self) -> bool {
        self.low < self.hashes
            && self.peers.values().any(|peer| {
                peer.takes_part() && !peer.banned && (peer.member.teacher || !peer.have.is_empty())
            })
    }

    /// The usual time from a request to the whole chunk.
    pub fn usual(&self) -> Duration {
        self.service.get().unwrap_or(Duration::from_millis(250))
    }

    /// Bytes on the heap, roughly.
    pub fn heap(&self) -> usize {
        let peer = |peer: &Peer| {
            peer.have.heap()
                + peer.fresh.capacity() * 4
                + peer.asked.capacity() * size_of::<Asked>()
                + peer.given_up.capacity() * size_of::<(u32, Moment)>()
                + peer.queue.capacity() * size_of::<Sending>()
        };
        self.peers.values().map(peer).sum::<usize>()
            + 2 * self.have.heap()
            + self.news.heap()
            + self.news_to_givers.heap()
            + self.line.capacity() * 8
    }
}
