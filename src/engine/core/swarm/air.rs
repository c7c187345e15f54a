//! Sparing the air of Wi-Fi cells.
//!
//! A copy that comes from a wire crosses the air of a cell once; one between two of its stations
//! crosses it twice, and what a busy access point drops has crossed it for nothing. So the source
//! has the air *spared* where somebody is wireless: chunks are given to wired owners alone, and
//! nobody asks wireless peers. Where no wire but the source's takes part, everybody asks the source,
//! each from another place on, so that one copy is out early.
//!
//! That is wrong where the wire is narrower than the air, or where wires call themselves wireless.
//! So the source tries: it makes a wireless student an owner for a moment. If the class gets on
//! much faster, the air has room, and everybody helps again.

use std::time::Duration;

use super::cluster::Bond;
use super::lanes::Lanes;
use super::set::{Peer, Set};
use crate::core::ids::{ChunkIndex, LinkId};
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::LinkKind;

/// How often the source looks at the class.
const LOOK: Duration = Duration::from_millis(20);
/// Progress is measured over no less time, ...
const WINDOW: Duration = Duration::from_millis(100);
/// ... over no more, ...
const LONGEST: Duration = Duration::from_secs(5);
/// ... until three of four students have told so often what they have, ...
const REPORTS: u32 = 1;
/// ... and a chunk for each of them has come, but no less than this; or until twice as many would
/// have come, had the air been spared as before.
const CHUNKS: u32 = 16;
/// While progress grows by this factor from one window to the next, it is not measured yet.
const STEADY: f64 = 1.5;
/// So many wireless students are made owners to try.
const PROBES: usize = 1;
/// A try has at most so many windows.
const TRIES: u32 = 4;
/// It has to speed the class up by this factor.
const BETTER: f64 = 1.4;
/// Chunks that are given to try, where each is at somebody already.
const TRY_CHUNKS: usize = 8;
/// The first pause between tries, in windows; each is twice as long as the one before.
const PAUSE: u32 = 16;
/// Helping has failed when it was slower than sparing for so many windows.
const SLOWER: u32 = 4;
/// When nothing has come from wires for so long, wireless peers are asked, ...
const DRY: Duration = Duration::from_secs(2);
/// ... for so long, or until something comes from a wire.
const DRY_FOR: Duration = Duration::from_secs(10);
/// From so many peers at a time a wireless student fetches.
const FLOWS: usize = 2;

/// What a set knows about sparing the air.
#[derive(Debug, Default)]
pub struct Air {
    /// At a receiver: the source has said that the air is to be spared.
    spare: bool,
    /// At a receiver that asks the source like others: where it begins.
    begin: Option<u32>,
    /// At a receiver: wireless peers are asked until then, as nothing came from wires.
    dry: Moment,
    /// At the source: peers may have come or gone.
    pub stale: bool,
    /// At the source: when it last looked.
    looked: Moment,
    /// At the source: how many were told where to begin.
    begun: u32,
    /// At the source: chunks that came to wireless students, as they say.
    grown: u32,
    trial: Trial,
}

/// What the source is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Nothing is to be spared.
    #[default]
    Off,
    /// The air is spared, and progress measured.
    Spare,
    /// The air is spared but for a few owners; so many windows have passed.
    Try(u32),
    /// Everybody helps; it was slower than sparing in so many windows.
    Help(u32),
}

/// The comparison at the source.
#[derive(Debug)]
struct Trial {
    phase: Phase,
    /// Progress while the air is spared, in chunks a second.
    pace: f64,
    /// The most of it.
    best: f64,
    /// Since when progress is measured, and what it was then.
    since: Moment,
    grown: u32,
    /// Windows until the next try, and the pause after it.
    left: u32,
    pause: u32,
    /// How many were tried.
    tries: usize,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            phase: Phase::Off,
            pace: 0.0,
            best: 0.0,
            since: Moment(0),
            grown: 0,
            left: 0,
            pause: PAUSE,
            tries: 0,
        }
    }
}

pub fn wireless(peer: &Peer) -> bool {
    peer.member.kind == LinkKind::Wireless
}

impl Set {
    /// At a receiver: whether wireless peers are left alone now. Where no wire is left there is
    /// nothing to spare for.
    pub fn spares(&self, now: Moment) -> bool {
        let wired = |peer: &Peer| peer.takes_part() && !peer.banned && !wireless(peer);
        self.air.spare && now >= self.air.dry && self.peers.values().any(wired)
    }

    /// Whether a peer is asked only when others have nothing; `spares` says that wireless ones are
    /// left alone.
    pub fn asked_last(&self, peer: &Peer, spares: bool) -> bool {
        let direct = spares && self.air.begin.is_some();
        (spares && wireless(peer)) || (peer.source && !direct) || peer.bond != Bond::Near
    }

    /// Whether a peer may be asked while others have something: those who are not, for as long as nothing is said of the air, are
    /// not searched for each chunk.
    pub fn is_sought(&self, peer: &Peer) -> bool {
        self.direct || self.air.spare || !self.asked_last(peer, false)
    }

    /// Whether no other peer is to be asked at the same time: where many flows come to one station,
    /// each has a small window, and a lost packet stops it for long.
    pub fn has_enough_flows(&self, spares: bool) -> bool {
        let asked = || self.peers.values().filter(|peer| !peer.asked.is_empty());
        spares && self.air.begin.is_some() && asked().count() >= FLOWS
    }

    /// Where a search among the chunks of `low..high` begins that no peer owns, if the source has
    /// said it.
    pub fn begin(&self, now: Moment, low: u32, high: u32) -> Option<u32> {
        let begin = self.air.begin.filter(|_| self.spares(now))?;
        let width = high.saturating_sub(low).max(1);
        Some(if begin < high {
            begin
        } else {
            low + begin % width
        })
    }

    /// At a receiver that has found nobody to ask since a moment: when wires have brought nothing
    /// for long, wireless peers are asked.
    pub fn starves(&mut self, lanes: &Lanes, since: Moment) {
        if !self.spares(lanes.now) || lanes.now.since(since) <= DRY {
            return;
        }
        let wanted = |peer: &Peer| {
            let have = &peer.have;
            let found = have.first_wanted(&self.have, &self.asked, self.low, self.hashes, self.low);
            found.is_some()
        };
        let mut peers = self.peers.values();
        if peers.any(|peer| wireless(peer) && peer.takes_part() && !peer.banned && wanted(peer)) {
            self.air.dry = lanes.now + DRY_FOR;
            self.wanted_again();
        }
    }

    /// Something came from a peer.
    pub fn watered(&mut self, link: LinkId) {
        if self.air.dry > Moment(0) && self.peers.get(&link).is_some_and(|peer| !wireless(peer)) {
            self.air.dry = Moment(0);
        }
    }

    /// Whether an owner waits for a peer's copy before it takes more: wireless ones take their time.
    pub fn waited_for(&self, peer: &Peer) -> bool {
        !(peer.source || self.air.spare && wireless(peer))
    }

    /// The teacher is linked anew: it says what holds now.
    pub fn air_unknown(&mut self) {
        (self.air.spare, self.air.begin) = (false, None);
    }

    /// The teacher has said whether the air is to be spared.
    pub fn air_told(&mut self, lanes: &mut Lanes, link: LinkId, spare: bool, begin: Option<u32>) {
        if !self
            .peers
            .get(&link)
            .is_some_and(|peer| peer.member.teacher)
            || self.is_source()
        {
            return;
        }
        self.air.begin = begin.map(|chunk| chunk.min(self.sizes.count.saturating_sub(1)));
        if std::mem::replace(&mut self.air.spare, spare) != spare {
            if spare {
                self.leave_wireless(lanes);
            } else {
                self.help(lanes);
            }
        }
        self.wanted_again();
    }

    /// What was asked of wireless peers, and has not begun to come, is asked of wires.
    fn leave_wireless(&mut self, lanes: &mut Lanes) {
        let mut cancel: Vec<(LinkId, u32)> = Vec::new();
        for (&link, peer) in self.peers.iter().filter(|(_, peer)| wireless(peer)) {
            let begun = peer.asked.iter().filter(|one| !one.owner && one.got == 0);
            cancel.extend(begun.map(|one| (link, one.chunk)));
        }
        for (link, chunk) in cancel {
            self.cancel(lanes, link, chunk);
        }
    }

    /// What is here is told soon: others may need it.
    pub fn help(&mut self, lanes: &mut Lanes) {
        self.news.hurry(lanes);
    }

    /// Whether the air is spared: at a receiver, whether the source has said so.
    pub const fn is_sparing(&self) -> bool {
        self.air.spare || matches!(self.air.trial.phase, Phase::Spare | Phase::Try(_))
    }

    /// At the source: a student says what it has.
    pub fn reported(&mut self, link: LinkId, chunks: &Ranges, all: bool) {
        if !self.is_source() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&link).filter(|peer| wireless(peer)) else {
            return;
        };
        peer.reports += 1;
        let grown = if all {
            self.sizes.count - peer.have.ones()
        } else {
            let ranges = super::bitmap::clean(chunks, self.sizes.count);
            let new = ranges.flat_map(|(first, last)| first..=last);
            let new = new.filter(|&chunk| !peer.have.get(chunk)).count();
            u32::try_from(new).unwrap_or(0)
        };
        // Only differences count, and who loses chunks and has them again makes it grow for ever.
        self.air.grown = self.air.grown.wrapping_add(grown);
    }

    /// At the source: chooses whether the air is spared, and tells everybody.
    pub fn keep_air(&mut self, lanes: &mut Lanes) {
        if !self.is_source() {
            return;
        }
        let stale = std::mem::take(&mut self.air.stale);
        if !stale && lanes.now.since(self.air.looked) < LOOK {
            return;
        }
        self.air.looked = lanes.now;
        let (mut wired, mut radio) = (0, 0);
        for peer in self.peers.values().filter(|peer| peer.takes_part()) {
            if wireless(peer) {
                radio += 1;
            } else {
                wired += 1;
            }
        }
        let own = lanes.kind != LinkKind::Wireless;
        let worth = self.clusters.count() == 1 && radio > 0 && (own || wired > 0);
        let phase = self.air.trial.phase;
        if !worth {
            self.air.trial.phase = Phase::Off;
        } else if phase == Phase::Off {
            self.air.trial = Trial::default();
            self.enter_phase(lanes, Phase::Spare);
        } else if self.window_over(lanes.now) {
            // Helping can less than double what wires give.
            let may_try = own && radio > wired && radio > 1;
            self.compare(lanes, may_try);
        }
        if stale || phase != self.air.trial.phase {
            self.tell_air(lanes, own);
        }
    }

    fn enter_phase(&mut self, lanes: &Lanes, phase: Phase) {
        self.air.trial.phase = phase;
        self.air.trial.since = lanes.now;
        self.air.trial.grown = self.air.grown;
        for peer in self.peers.values_mut() {
            peer.reports = 0;
        }
    }

    /// Whether enough has been heard to say how fast the class gets on.
    fn window_over(&self, now: Moment) -> bool {
        let passed = now.since(self.air.trial.since);
        if passed < WINDOW {
            return false;
        }
        let open = |peer: &&Peer| wireless(peer) && peer.takes_part() && !peer.have.is_full();
        let open = self.peers.values().filter(open);
        let (told, all) = open.fold((0, 0), |(told, all), peer| {
            (told + u32::from(peer.reports >= REPORTS), all + 1)
        });
        let trial = &self.air.trial;
        let known = !matches!(trial.phase, Phase::Off | Phase::Spare);
        let expected = trial.pace * passed.as_secs_f64();
        let enough = CHUNKS.max(all);
        let late = known && expected > f64::from(2 * enough);
        let heard = told * 4 >= all * 3 && self.air.grown.wrapping_sub(trial.grown) >= enough;
        heard || late || passed > LONGEST
    }

    fn compare(&mut self, lanes: &mut Lanes, may_try: bool) {
        let passed = lanes.now.since(self.air.trial.since).as_secs_f64();
        let pace = f64::from(self.air.grown.wrapping_sub(self.air.trial.grown)) / passed;
        let trial = &mut self.air.trial;
        let next = match trial.phase {
            Phase::Off | Phase::Spare => {
                let grows = pace > trial.pace * STEADY || pace == 0.0;
                trial.pace = if grows {
                    pace
                } else {
                    f64::midpoint(trial.pace, pace)
                };
                trial.best = pace.max(trial.best * 0.9);
                trial.left = trial.left.saturating_sub(1);
                if !grows && trial.left == 0 && may_try {
                    Phase::Try(0)
                } else {
                    Phase::Spare
                }
            }
            Phase::Try(_) if pace > trial.best * BETTER => Phase::Help(0),
            Phase::Try(windows) if windows + 1 < TRIES => Phase::Try(windows + 1),
            Phase::Help(_) if pace >= trial.pace => Phase::Help(0),
            Phase::Help(windows) if windows + 1 < SLOWER => Phase::Help(windows + 1),
            Phase::Try(_) | Phase::Help(_) => {
                (trial.left, trial.pause) = (trial.pause, trial.pause.saturating_mul(2));
                Phase::Spare
            }
        };
        if next == Phase::Try(0) {
            trial.tries += 1;
            self.offer_some();
        }
        self.enter_phase(lanes, next);
    }

    /// Where every chunk was given already, the rarest are given again: who lacks them needs them
    /// all the same.
    fn offer_some(&mut self) {
        let Some(giving) = self.givings.first_mut() else {
            return;
        };
        if giving.has_free(self.hashes) {
            return;
        }
        let held = |chunk: u32| {
            let holders = self.peers.values().filter(|peer| peer.have.get(chunk));
            holders.count()
        };
        let mut chunks: Vec<(usize, u32)> = (0..self.hashes).map(|c| (held(c), c)).collect();
        chunks.sort_unstable();
        for (_, chunk) in chunks.into_iter().take(TRY_CHUNKS) {
            giving.offer(chunk);
        }
    }

    /// The wireless students that are made owners now: others at each try.
    fn probes(&self, lanes: &Lanes) -> Vec<LinkId> {
        if !matches!(self.air.trial.phase, Phase::Try(_)) {
            return Vec::new();
        }
        let fit = |(link, peer): &(&LinkId, &Peer)| {
            wireless(peer) && peer.takes_part() && !peer.banned && lanes.bulk(**link)
        };
        let fit: Vec<LinkId> = self.peers.iter().filter(fit).map(|(&l, _)| l).collect();
        let turn = fit.iter().cycle().skip(self.air.trial.tries);
        turn.take(PROBES.min(fit.len())).copied().collect()
    }

    /// Tells everybody who may not know it.
    fn tell_air(&mut self, lanes: &mut Lanes, own: bool) {
        let spare = self.is_sparing();
        let probes = self.probes(lanes);
        for (&link, peer) in &mut self.peers {
            if !peer.takes_part() {
                continue;
            }
            if std::mem::replace(&mut peer.spares, spare) == spare {
                continue;
            }
            let direct = own && spare && wireless(peer);
            let begin = direct.then(|| {
                // Evenly over the set, however many come.
                let part = self.air.begun.reverse_bits();
                self.air.begun += 1;
                let begin = (u64::from(part) * u64::from(self.sizes.count)) >> 32;
                ChunkIndex(u32::try_from(begin).unwrap_or(0))
            });
            let (session, set) = (self.session, self.id);
            lanes.control(
                link,
                Control::Air {
                    session,
                    set,
                    spare,
                    begin,
                },
            );
        }
        if let Some(giving) = self.givings.first_mut() {
            giving.spare = spare.then_some(probes);
        }
    }
}
