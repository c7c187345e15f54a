//! Who sends which chunk to whom: a directed two-hop swarm.
//!
//! The source pushes each chunk to exactly one *owner* ([`give`]), the owner tells everybody
//! ([`tell`]), and everybody fetches it, from the owner first and from the least loaded holder
//! otherwise, within a budget of bytes over all sources ([`ask`]). Owners serve their destinations
//! in turn ([`serve`]). Repair goes by what is usual here, never by fixed times alone.
//!
//! No clock, no bytes, no threads: lengths and results go in, messages and records to send come
//! out. One [`Swarm`] serves all sessions, sets and links of an engine.

mod air;
mod ask;
#[cfg(any(test, feature = "sim"))]
mod audit;
mod bitmap;
mod cluster;
mod give;
mod hear;
mod lanes;
mod late;
mod owner;
mod rate;
mod serve;
mod set;
mod tell;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::time::Duration;

use lanes::Lanes;
use set::{Member, Set};

pub use cluster::{Bond, CLUSTER, Clusters, FLAT};
pub use types::{BadPeer, ChunkSizes, SetProgress, SetSpec, SwarmLimits, SwarmOutput};

use super::ids::{ChunkIndex, DeviceId, LinkId, SessionId, SetId};
use super::io::ChunkOutcome;
use super::time::Moment;
use super::wire::control::Control;
use super::wire::frame::RecordHeader;
use super::wire::ranges::Ranges;
use super::wire::statements::LinkKind;

/// How often repairs and batches are looked at while something is under way.
const TICK: Duration = Duration::from_millis(20);

type SetKey = (SessionId, SetId);

/// The swarm of one engine: all sessions, sets and links.
#[derive(Debug)]
pub struct Swarm {
    lanes: Lanes,
    sets: BTreeMap<SetKey, Set>,
    /// All sets, those that go first in front.
    order: Vec<SetKey>,
    members: BTreeMap<SessionId, BTreeMap<LinkId, Member>>,
    clusters: BTreeMap<SessionId, Clusters>,
    tick: Option<Moment>,
}

impl Swarm {
    /// A swarm without links and sets. The seed decides choices among equals.
    pub fn new(rng_seed: u64, limits: SwarmLimits) -> Self {
        Self {
            lanes: Lanes::new(rng_seed, limits.upload_limit),
            sets: BTreeMap::new(),
            order: Vec::new(),
            members: BTreeMap::new(),
            clusters: BTreeMap::new(),
            tick: None,
        }
    }

    /// Changes the limits.
    pub fn set_limits(&mut self, now: Moment, limits: SwarmLimits) {
        self.lanes.set_limit(limits.upload_limit);
        self.act(now, None);
    }

    /// How this device is connected itself.
    pub fn connected(&mut self, kind: LinkKind) {
        self.lanes.kind = kind;
        for set in self.sets.values_mut() {
            set.air.stale = true;
        }
    }

    /// The peer on that link is a verified member of the session, and this device is one too.
    pub fn peer_entered(
        &mut self,
        now: Moment,
        session: SessionId,
        link: LinkId,
        peer: DeviceId,
        teacher: bool,
        kind: LinkKind,
    ) {
        self.lanes.now = now;
        let member = Member {
            device: peer,
            teacher,
            kind,
            entered: now,
        };
        let members = self.members.entry(session).or_default();
        if members.insert(link, member).is_some() {
            return;
        }
        self.lanes.links.entry(link).or_default();
        for set in self.sets.values_mut().filter(|s| s.session == session) {
            set.enter(&mut self.lanes, link, member);
        }
        self.act(now, None);
    }

    /// The members of a session are spread over clusters like this: see [`Clusters`]. Without a
    /// word they are in one.
    pub fn spread(&mut self, now: Moment, session: SessionId, clusters: Clusters) {
        self.lanes.now = now;
        if self.clusters.insert(session, clusters) == Some(clusters) {
            return;
        }
        for set in self.sets.values_mut().filter(|s| s.session == session) {
            set.spread(clusters);
        }
        self.act(now, None);
    }

    /// The peer on that link is no longer in the session.
    pub fn peer_left(&mut self, now: Moment, session: SessionId, link: LinkId) {
        self.lanes.now = now;
        if let Some(members) = self.members.get_mut(&session) {
            members.remove(&link);
        }
        for set in self.sets.values_mut().filter(|s| s.session == session) {
            set.leave(&mut self.lanes, link);
        }
        self.act(now, None);
    }

    /// A link is gone.
    pub fn link_down(&mut self, now: Moment, link: LinkId) {
        self.lanes.now = now;
        for members in self.members.values_mut() {
            members.remove(&link);
        }
        self.members.retain(|_, members| !members.is_empty());
        for set in self.sets.values_mut() {
            set.leave(&mut self.lanes, link);
        }
        self.lanes.remove(link);
        self.act(now, None);
    }

    /// The bulk lane of a link is up or down: records flow only while it is up.
    pub fn bulk(&mut self, now: Moment, link: LinkId, up: bool) {
        self.lanes.now = now;
        if !up {
            // What was on its way is lost; the peer will ask again.
            self.lanes.remove(link);
            for set in self.sets.values_mut() {
                set.bulk_down(&mut self.lanes, link);
            }
        }
        self.lanes.links.entry(link).or_default().bulk = up;
        for set in self.sets.values_mut() {
            set.unblock(link);
            set.search_again();
        }
        self.act(now, None);
    }

    /// Starts to offer or to receive a set.
    pub fn open_set(&mut self, now: Moment, spec: SetSpec) {
        self.lanes.now = now;
        let key = (spec.session, spec.set);
        if self.sets.contains_key(&key) {
            return;
        }
        let mut set = Set::new(now, spec);
        if let Some(clusters) = self.clusters.get(&key.0) {
            set.spread(*clusters);
        }
        for (&link, &member) in self.members.get(&key.0).into_iter().flatten() {
            set.enter(&mut self.lanes, link, member);
        }
        if set.have.is_full() {
            set.complete = true;
            if !set.is_source() {
                let (session, set) = key;
                let complete = SwarmOutput::Complete { session, set };
                self.lanes.out.push_back(complete);
            }
        }
        set.check_one_copy(&mut self.lanes);
        let priority = set.priority;
        self.sets.insert(key, set);
        let later = |other: &SetKey| self.sets.get(other).is_some_and(|s| s.priority > priority);
        let at = self.order.iter().position(later);
        self.order.insert(at.unwrap_or(self.order.len()), key);
        self.act(now, None);
    }

    /// Hashes of the chunks below `upto` are known: these can be verified, or given away.
    pub fn hashes_known(&mut self, now: Moment, session: SessionId, set: SetId, upto: u32) {
        if let Some(set) = self.sets.get_mut(&(session, set)) {
            set.hashes = set.hashes.max(upto.min(set.sizes.count));
            set.wanted_again();
        }
        self.act(now, None);
    }

    /// The peer knows hashes of the chunks below `upto` only: it is given no chunk beyond. Without
    /// a word it is taken to know all that are known here.
    pub fn peer_hashes(&mut self, now: Moment, link: LinkId, key: (SessionId, SetId), upto: u32) {
        if let Some(set) = self.sets.get_mut(&key)
            && let Some(peer) = set.peers.get_mut(&link)
        {
            peer.hashes = upto;
        }
        self.act(now, Some(key));
    }

    /// At the source: these devices are served before all others, whatever the chunk.
    pub fn serve_first(&mut self, session: SessionId, set: SetId, devices: &[DeviceId]) {
        if let Some(set) = self.sets.get_mut(&(session, set)) {
            set.first.extend(devices);
        }
    }

    /// At a receiver: what is missing is asked of the source alone, while it sends.
    pub fn ask_source_first(&mut self, now: Moment, session: SessionId, set: SetId) {
        if let Some(set) = self.sets.get_mut(&(session, set)) {
            set.direct = true;
            set.wanted_again();
        }
        self.act(now, None);
    }

    /// Stops to offer or to receive a set.
    pub fn close_set(&mut self, now: Moment, session: SessionId, set: SetId) {
        self.lanes.now = now;
        let key = (session, set);
        if let Some(mut set) = self.sets.remove(&key) {
            set.close(&mut self.lanes);
        }
        self.order.retain(|other| *other != key);
        self.act(now, None);
    }

    /// A message of a member: `Have`, `Lost`, `Request`, `Cancel`, `Reject`, `Credit`, `Ready`, `Air`
    /// or `Leave`; others, and those about sets that are not open here, are ignored.
    pub fn control(&mut self, now: Moment, link: LinkId, message: &Control) {
        self.lanes.now = now;
        let key = match message {
            Control::Leave { session, set: None } => {
                return self.peer_left(now, *session, link);
            }
            Control::Have { session, set, .. }
            | Control::Lost { session, set, .. }
            | Control::Request { session, set, .. }
            | Control::Cancel { session, set, .. }
            | Control::Reject { session, set, .. }
            | Control::Credit { session, set, .. }
            | Control::Ready { session, set, .. }
            | Control::Air { session, set, .. }
            | Control::Leave {
                session,
                set: Some(set),
            } => (*session, *set),
            _ => return,
        };
        if let Some(set) = self.sets.get_mut(&key)
            && set.peers.contains_key(&link)
        {
            set.hear(&mut self.lanes, link, message);
            self.act(now, Some(key));
        }
    }

    /// A record has left for the network; or, `sent` being false, it could not be read or sent.
    pub fn record_sent(
        &mut self,
        now: Moment,
        link: LinkId,
        header: &RecordHeader,
        len: u32,
        sent: bool,
    ) {
        self.lanes.now = now;
        self.lanes.sent(link, len);
        for set in self.sets.values_mut() {
            set.unblock(link);
        }
        let key = (header.session, header.set);
        if let Some(set) = self.sets.get_mut(&key) {
            if sent {
                set.sent(&mut self.lanes, header, len);
            } else {
                set.not_sent(&mut self.lanes, link, header);
            }
        }
        self.act(now, Some(key));
    }

    /// A record has come.
    pub fn record_received(&mut self, now: Moment, link: LinkId, header: &RecordHeader, len: u32) {
        self.lanes.now = now;
        self.lanes.down.add(now, len);
        let key = (header.session, header.set);
        if let Some(set) = self.sets.get_mut(&key) {
            set.received(&mut self.lanes, link, header.chunk.0, len, header.owner);
        }
        if self.lanes.awaited == 0 {
            self.lanes.down.pause();
        }
        self.act(now, Some(key));
    }

    /// All of a chunk came on `link` and was dealt with.
    pub fn chunk_done(
        &mut self,
        now: Moment,
        link: LinkId,
        session: SessionId,
        set: SetId,
        chunk: ChunkIndex,
        outcome: ChunkOutcome,
    ) {
        self.lanes.now = now;
        let key = (session, set);
        if let Some(set) = self.sets.get_mut(&key) {
            set.done(&mut self.lanes, link, chunk.0, outcome);
        }
        self.act(now, Some(key));
    }

    /// Chunks were found on this machine and are verified now. To be called before
    /// [`Swarm::hashes_known`] lets them be asked for.
    pub fn chunks_found(&mut self, now: Moment, session: SessionId, set: SetId, chunks: &Ranges) {
        self.lanes.now = now;
        let key = (session, set);
        if let Some(set) = self.sets.get_mut(&key) {
            set.found(&mut self.lanes, chunks);
        }
        self.act(now, Some(key));
    }

    /// A chunk that was claimed can no longer be read.
    pub fn chunk_lost(&mut self, now: Moment, session: SessionId, set: SetId, chunk: ChunkIndex) {
        self.lanes.now = now;
        let key = (session, set);
        if let Some(set) = self.sets.get_mut(&key) {
            set.lose(&mut self.lanes, chunk.0);
        }
        self.act(now, Some(key));
    }

    /// When [`Swarm::timeout`] has to be called at the latest; `None` while nothing is under way.
    pub const fn next_timeout(&self) -> Option<Moment> {
        self.tick
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Moment) {
        self.lanes.now = now;
        if self.tick.is_some_and(|tick| tick <= now) {
            self.tick = None;
            self.lanes.park();
            for set in self.sets.values_mut() {
                set.tell_news(&mut self.lanes);
                set.report_ready(&mut self.lanes);
                set.give_again(&self.lanes);
                set.mend(&mut self.lanes);
                set.unblock_all();
                set.search_again();
            }
        }
        self.act(now, None);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<SwarmOutput> {
        self.lanes.out.pop_front()
    }

    /// How far a set is on this device.
    pub fn progress(&self, session: SessionId, set: SetId) -> Option<SetProgress> {
        let set = self.sets.get(&(session, set))?;
        Some(SetProgress {
            have_chunks: set.have.ones(),
            chunks: set.sizes.count,
            have_bytes: set.have_bytes,
            bytes: set.sizes.total(),
            rate: set.rate.average(),
        })
    }

    /// How many chunks of a set the peer on a link has, as it says.
    pub fn peer_chunks(&self, session: SessionId, set: SetId, link: LinkId) -> Option<u32> {
        let peer = self.sets.get(&(session, set))?.peers.get(&link)?;
        Some(peer.have.ones())
    }

    /// At the source: how far a set is, in chunks that are given away or that some peer has, and how many leave in a second.
    pub fn given(&self, session: SessionId, set: SetId) -> Option<(u32, f64)> {
        let set = self
            .sets
            .get(&(session, set))
            .filter(|set| set.is_source())?;
        let passed = set.givings.first().map_or(0, give::Giving::passed);
        let had = set.peers.values().map(|peer| peer.have.ones()).max();
        let rate = self.lanes.up_rate() / f64::from(set.sizes.chunk_size);
        Some((passed.max(had.unwrap_or(0)), rate))
    }

    /// How many chunks of so many bytes leave in a time, as fast as records last did.
    pub fn leaves_within(&self, time: Duration, size: u32) -> u32 {
        let chunks = rate::bytes_in(self.lanes.up_rate(), time) / u64::from(size.max(1));
        u32::try_from(chunks).unwrap_or(u32::MAX)
    }

    /// Bytes on the heap that grow with sets and peers, roughly.
    pub fn heap(&self) -> usize {
        self.sets.values().map(Set::heap).sum()
    }

    /// Does what is possible now. `touched` is the set that may have changed, `None` for any.
    fn act(&mut self, now: Moment, touched: Option<SetKey>) {
        self.lanes.now = now;
        for key in &self.order {
            if touched.is_some_and(|touched| touched != *key) && !self.behind(key) {
                continue;
            }
            if let Some(set) = self.sets.get_mut(key) {
                set.give(&mut self.lanes);
                set.ask(&mut self.lanes);
            }
        }
        'more: while self.lanes.room() {
            for key in &self.order {
                if let Some(set) = self.sets.get_mut(key)
                    && set.send_one(&mut self.lanes)
                {
                    continue 'more;
                }
            }
            break;
        }
        if self.tick.is_none() && (self.lanes.busy() || self.sets.values().any(Set::busy)) {
            self.tick = Some(now + TICK);
        }
    }

    /// Whether a set may use what another one leaves.
    fn behind(&self, key: &SetKey) -> bool {
        self.sets.get(key).is_some_and(|set| !set.complete)
    }
}
