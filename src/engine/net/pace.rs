//! The beat of a program that moves a little of many things at a time.
//!
//! Many lanes that each move a few packets at a time would wake this program for every packet. So
//! while bulk data moves, but not so much that there is always something to do, the network's first
//! thread sleeps for a while after each round and finds then what has gathered.

use std::time::{Duration, Instant};

/// Bytes that should move from one beat to the next.
const WORTH: f64 = 32.0 * 1024.0;
/// Bytes a second, in and out, above which there is no beat: one thread may be too slow for them.
const MANY: f64 = 64e6;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(16);
/// Without bulk data for so long there is no beat.
const CALM: Duration = Duration::from_millis(32);
/// The rate is measured over at least so long.
const WINDOW: Duration = Duration::from_millis(10);

/// Measures how much bulk data moves.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    bytes: u64,
    /// Bytes a second.
    rate: f64,
    pause: Duration,
    /// When bulk data moved last.
    last: Option<Instant>,
}

impl Pace {
    /// Nothing has moved yet.
    pub const fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
            rate: 0.0,
            pause: SHORTEST,
            last: None,
        }
    }

    /// So many bytes have moved since the last call: for how long to rest now, `None` for until
    /// something happens.
    pub fn beat(&mut self, now: Instant, moved: u64) -> Option<Duration> {
        if moved > 0 {
            if self.last.is_none() {
                (self.since, self.bytes, self.pause) = (now, 0, SHORTEST);
            }
            self.last = Some(now);
        }
        let calm = |last: Instant| now.saturating_duration_since(last) > CALM;
        if self.last.is_none_or(calm) {
            (self.last, self.rate) = (None, 0.0);
            return None;
        }
        self.bytes += moved;
        let passed = now.saturating_duration_since(self.since);
        if passed >= WINDOW {
            #[allow(clippy::cast_precision_loss)] // far below 2^52
            let sample = self.bytes as f64 / passed.as_secs_f64();
            self.rate = f64::midpoint(self.rate, sample);
            (self.since, self.bytes) = (now, 0);
            let worth = Duration::from_secs_f64((WORTH / self.rate.max(1.0)).min(1.0));
            self.pause = (self.pause + worth.clamp(SHORTEST, LONGEST)) / 2;
        }
        (!self.many()).then_some(self.pause)
    }

    /// Whether more moves than one thread may be able to deal with.
    pub fn many(&self) -> bool {
        self.rate > MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves `rate` bytes a second for a second, in rounds of a millisecond.
    fn after(pace: &mut Pace, start: Instant, rate: u64) -> Option<Duration> {
        let step = |number| start + Duration::from_millis(number);
        (1..=1_000)
            .map(|number| pace.beat(step(number), rate / 1_000))
            .last()
            .flatten()
    }

    #[test]
    fn the_beat_follows_the_rate_and_ends_with_it() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.beat(start, 0), None);
        let slow = after(&mut pace, start, 2_000_000);
        assert!(slow.is_some_and(|pause| pause > LONGEST / 2));
        let later = start + Duration::from_secs(2);
        let fast = after(&mut pace, later, 30_000_000);
        assert!(fast.is_some_and(|pause| pause < LONGEST / 4));
        assert_eq!(pace.beat(later + Duration::from_secs(2), 0), None);
    }

    #[test]
    fn there_is_no_beat_where_there_is_always_something_to_do() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(after(&mut pace, start, 200_000_000), None);
        assert!(pace.many());
    }
}
