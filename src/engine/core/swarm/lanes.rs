//! What all sets share: the links, the uplink's allowance, the downlink's budget.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::rate::{BusyMeter, Meter, Smooth, bytes_in};
use super::types::SwarmOutput;
use crate::core::ids::LinkId;
use crate::core::rng::Rng;
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::statements::LinkKind;

/// How long what is handed to the kernel may take to leave, ...
const IN_KERNEL: Duration = Duration::from_millis(20);
/// ... and on a slow line: that a record has left is heard some 30 ms later, by the confirmation and a beat of the network's thread.
/// With less on its way the line runs dry, and seems slower than it is; then it gets still less.
const IN_KERNEL_SLOW: Duration = Duration::from_millis(60);
/// A line is slow that takes so long for no more than this, in bytes.
const SLOW_BYTES: u64 = 96 * 1024;
/// How much of the downlink's time is asked for ahead.
const ASKED_AHEAD: Duration = Duration::from_millis(100);
/// Nor is more than so much of a slow line's time asked for, however many could send: it stands in a port's queue, and every answer
/// waits behind it.
const MOST_AHEAD: Duration = Duration::from_secs(1);
/// A record that takes longer is no longer in front of the others on the network interface: it
/// waits for its receiver.
const STUCK: Duration = Duration::from_millis(30);

/// One link as all sets see it.
#[derive(Debug, Default)]
pub struct Lane {
    /// Records can be sent and received.
    pub bulk: bool,
    /// Bytes asked of the peer that have not come.
    pub asked: u64,
    /// Records on their way into the network: when they were handed over, and their bytes.
    sending: VecDeque<(Moment, u32)>,
    /// The peer takes records slower than others: its bytes do not count for the allowance.
    parked: bool,
    took: Smooth,
}

impl Lane {
    fn in_flight(&self) -> u64 {
        self.sending.iter().map(|&(_, size)| u64::from(size)).sum()
    }
}

/// What every set needs while it acts.
#[derive(Debug)]
pub struct Lanes {
    /// The time of the input that is handled.
    pub now: Moment,
    /// For choices among equals.
    pub rng: Rng,
    /// How this device is connected.
    pub kind: LinkKind,
    /// What is to be done, in order.
    pub out: VecDeque<SwarmOutput>,
    /// All links.
    pub links: BTreeMap<LinkId, Lane>,
    /// Receiving rate.
    pub down: Meter,
    /// Bytes asked of all peers that have not come, without those that are overdue.
    pub awaited: u64,
    up: BusyMeter,
    active: u64,
    handed: u32,
    limit: Option<u64>,
    tokens: f64,
    filled: Moment,
}

impl Lanes {
    pub fn new(seed: u64, limit: Option<u64>) -> Self {
        Self {
            now: Moment(0),
            rng: Rng::from_number(seed),
            kind: LinkKind::Unknown,
            out: VecDeque::new(),
            links: BTreeMap::new(),
            down: Meter::default(),
            awaited: 0,
            up: BusyMeter::default(),
            active: 0,
            handed: 0,
            limit,
            tokens: 0.0,
            filled: Moment(0),
        }
    }

    /// Sets the limit of the sending rate in bytes per second.
    pub const fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    pub fn control(&mut self, link: LinkId, message: Control) {
        self.out.push_back(SwarmOutput::Control { link, message });
    }

    pub fn bulk(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|lane| lane.bulk)
    }

    pub fn load(&self, link: LinkId) -> u64 {
        self.links.get(&link).map_or(0, |lane| lane.asked)
    }

    pub fn expect(&mut self, link: LinkId, bytes: u32) {
        self.awaited += u64::from(bytes);
        self.links.entry(link).or_default().asked += u64::from(bytes);
    }

    /// Bytes have come, or are no longer expected; `overdue` ones were not awaited any more.
    pub fn unexpect(&mut self, link: LinkId, bytes: u32, overdue: bool) {
        if !overdue {
            self.awaited = self.awaited.saturating_sub(u64::from(bytes));
        }
        if let Some(lane) = self.links.get_mut(&link) {
            lane.asked = lane.asked.saturating_sub(u64::from(bytes));
        }
    }

    /// How many bytes may be asked for at a time, over all sources, in chunks of so many bytes.
    pub fn budget(&self, chunk: u32) -> u64 {
        let (peak, steady) = (self.down.peak(), self.down.steady());
        let chunks = (self.links.len() as u64 / 2).clamp(LEAST_CHUNKS, LEAST_OF_MANY);
        let many = COLD_BUDGET.max(chunks * u64::from(chunk));
        // At least one chunk more than fits into the time. A line that brings little because others are slow to answer brings as much
        // as it takes, mostly: asked for less, it would go on to bring little.
        let fit = |rate: f64| bytes_in(rate.max(self.up.rate()), MOST_AHEAD) + u64::from(chunk);
        let floor = steady.map_or(many, |rate| many.min(fit(rate)));
        let floor = floor.max(4 * u64::from(record_size(peak)));
        self.comes_soon().max(floor)
    }

    /// How many bytes the line brings in a moment.
    pub fn comes_soon(&self) -> u64 {
        let peak = self.down.peak();
        let line = self.down.steady().map_or(peak, |rate| peak.min(2.0 * rate));
        bytes_in(line, ASKED_AHEAD)
    }

    /// Size of a record at the present sending rate, in bytes.
    pub fn record(&self) -> u32 {
        record_size(self.up.rate())
    }

    /// Sending rate while there was something to send, in bytes per second.
    pub const fn up_rate(&self) -> f64 {
        self.up.rate()
    }

    /// How long so many bytes take to leave when nothing else does; nothing while the sending rate
    /// is unknown.
    pub fn time_to_send(&self, bytes: u64) -> Duration {
        let rate = self.up.rate();
        let seconds = if rate > 0.0 { bytes as f64 / rate } else { 0.0 };
        Duration::from_secs_f64(seconds.min(60.0))
    }

    /// Bytes that may be on their way into the network at a time.
    pub fn allowance(&self) -> u64 {
        let rate = self.up.rate();
        let slow = bytes_in(rate, IN_KERNEL_SLOW).min(SLOW_BYTES);
        let least = 2 * u64::from(self.record());
        bytes_in(rate, IN_KERNEL).max(slow).max(least)
    }

    /// Whether another record may be handed over.
    pub fn room(&mut self) -> bool {
        if let Some(limit) = self.limit {
            let most = (limit as f64 * 0.05).max(65_536.0);
            let gained = limit as f64 * self.now.since(self.filled).as_secs_f64();
            self.tokens = (self.tokens + gained).min(most);
            self.filled = self.now;
            if self.tokens <= 0.0 {
                return false;
            }
        }
        self.active < self.allowance()
    }

    /// Whether this link may take another record, when `sharing` links have something to send.
    pub fn can_send(&self, link: LinkId, sharing: usize) -> bool {
        let Some(lane) = self.links.get(&link).filter(|lane| lane.bulk) else {
            return false;
        };
        if lane.sending.is_empty() {
            return true;
        }
        if lane.parked {
            return false;
        }
        let share = self.allowance() / sharing.max(1) as u64;
        lane.in_flight() < share.max(2 * u64::from(self.record()))
    }

    /// A record is handed over.
    pub fn sending(&mut self, link: LinkId, length: u32) {
        let slow = self.slow_above();
        let Some(lane) = self.links.get_mut(&link) else {
            return;
        };
        if lane.sending.is_empty() {
            lane.parked = lane.took.get().is_some_and(|took| took > slow);
        }
        lane.sending.push_back((self.now, length));
        self.handed += 1;
        self.up.begin(self.now);
        if !lane.parked {
            self.active += u64::from(length);
        }
        if self.limit.is_some() {
            self.tokens -= f64::from(length);
        }
    }

    /// A record has left.
    pub fn sent(&mut self, link: LinkId, length: u32) {
        let Some(lane) = self.links.get_mut(&link) else {
            return;
        };
        let Some((since, _)) = lane.sending.pop_front() else {
            return;
        };
        self.handed -= 1;
        let took = self.now.since(since);
        lane.took.add(took);
        let parked = lane.parked;
        if parked {
            lane.parked = !lane.sending.is_empty();
        } else {
            self.active = self.active.saturating_sub(u64::from(length));
        }
        self.up.add(self.now, length, self.handed == 0);
    }

    /// How long a record takes at most that only waits for this device's own line.
    fn slow_above(&self) -> Duration {
        let leaves = self.allowance() as f64 / self.up.rate().max(1.0);
        STUCK.max(Duration::from_secs_f64((leaves * 1.5).min(1.0)))
    }

    /// Takes links out of the allowance whose receivers do not keep up.
    pub fn park(&mut self) {
        let slow = self.slow_above();
        for lane in self.links.values_mut().filter(|lane| !lane.parked) {
            if let Some(&(since, _)) = lane.sending.front()
                && self.now.since(since) > slow
            {
                lane.parked = true;
                self.active = self.active.saturating_sub(lane.in_flight());
            }
        }
    }

    /// Whether records are on their way out.
    pub const fn busy(&self) -> bool {
        self.handed > 0
    }

    /// A link is gone with everything on it.
    pub fn remove(&mut self, link: LinkId) {
        if let Some(lane) = self.links.remove(&link) {
            self.handed -= u32::try_from(lane.sending.len()).unwrap_or(0);
            if !lane.parked {
                self.active = self.active.saturating_sub(lane.in_flight());
            }
        }
    }
}

/// The budget while nothing was measured, in bytes: what a port's queue holds.
const COLD_BUDGET: u64 = 128 * 1024;

/// Chunks that may be asked for at a time, however slow the line: with fewer, some owners have
/// nothing to send while others have a queue.
const LEAST_CHUNKS: u64 = 16;
/// With many links it is half of their number, up to so many.
const LEAST_OF_MANY: u64 = 32;

/// Size of a record in bytes: 16 to 64 KiB by rate.
fn record_size(rate: f64) -> u32 {
    match rate {
        slow if slow < 6e6 => 16 * 1024,
        middle if middle < 24e6 => 32 * 1024,
        _ => 64 * 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends for ten seconds over a line of so many bytes a second, to others in turn; what left is heard of so many milliseconds
    /// later. Gives the part of the line that was used in the second half.
    fn used(line: f64, others: u64, later: u64) -> f64 {
        let mut lanes = Lanes::new(1, None);
        for number in 0..others {
            lanes.links.entry(LinkId(number)).or_default().bulk = true;
        }
        let (mut free, mut sent, mut turn) = (0.0_f64, 0, 0);
        let mut heard: VecDeque<(u64, LinkId, u32)> = VecDeque::new();
        for now in 0..10_000_u64 {
            lanes.now = Moment(now * 1_000);
            while heard.front().is_some_and(|&(at, ..)| at <= now) {
                let (_, link, length) = heard.pop_front().expect("it was just looked at");
                lanes.sent(link, length);
                sent += if now < 5_000 { 0 } else { u64::from(length) };
            }
            while lanes.room() && lanes.can_send(LinkId(turn % others), 1) {
                let length = lanes.record();
                lanes.sending(LinkId(turn % others), length);
                free = free.max(now as f64 / 1_000.0) + f64::from(length) / line;
                let at = bytes_in(1_000.0, Duration::from_secs_f64(free)) + later;
                heard.push_back((at, LinkId(turn % others), length));
                turn += 1;
            }
        }
        sent as f64 / (5.0 * line)
    }

    #[test]
    fn a_line_is_kept_full_though_what_left_is_heard_of_later() {
        // The beat of the network's thread, and some 14 ms for the confirmation.
        for (line, later) in [(1e6, 30), (2e6, 30), (20e6, 12)] {
            let used = used(line, 24, later);
            assert!(used > 0.95, "{used:.2} of {line} bytes a second");
        }
    }
}
