//! Rates and durations as they were measured here.

use std::time::Duration;

use crate::core::rng::Rng;
use crate::core::time::Moment;

/// A duration smoothed over its latest samples.
#[derive(Debug, Clone, Copy, Default)]
pub struct Smooth(Option<f64>);

impl Smooth {
    /// Takes a sample in; an eighth of it counts.
    pub fn add(&mut self, sample: Duration) {
        let sample = sample.as_secs_f64();
        self.0 = Some(self.0.map_or(sample, |old| old + (sample - old) / 8.0));
    }

    /// The smoothed value, if there was a sample.
    pub fn get(&self) -> Option<Duration> {
        self.0.map(Duration::from_secs_f64)
    }

    /// Shrinks the value, so that what was slow once gets another chance.
    pub fn fade(&mut self, factor: f64) {
        self.0 = self.0.map(|old| old * factor);
    }
}

/// Receiving rate: its average, and the highest of the last seconds, which is what the line can.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    start: Option<Moment>,
    bytes: u64,
    records: u32,
    average: f64,
    peaks: [f64; 2],
    steady: f64,
    steadies: [f64; 2],
    seconds: f64,
    turned: Moment,
}

/// Seconds over which the steady rate is averaged.
const STEADY: f64 = 2.0;
const WINDOW: Duration = Duration::from_millis(20);
const WINDOW_RECORDS: u32 = 4;
const PEAK_LIFE: Duration = Duration::from_secs(3);

impl Meter {
    /// Counts bytes that came at `now`.
    pub fn add(&mut self, now: Moment, bytes: u32) {
        let Some(start) = self.start else {
            // What came before the first moment is not known.
            (self.start, self.bytes, self.records) = (Some(now), 0, 0);
            return;
        };
        self.bytes += u64::from(bytes);
        self.records += 1;
        let passed = now.since(start);
        if passed < WINDOW || self.records < WINDOW_RECORDS {
            return;
        }
        let seconds = passed.as_secs_f64();
        let sample = self.bytes as f64 / seconds;
        let weight = (seconds / 0.5).min(1.0);
        self.average += (sample - self.average) * weight.max(0.05);
        self.steady += (sample - self.steady) * (seconds / STEADY).min(1.0);
        self.seconds += seconds;
        if now.since(self.turned) > PEAK_LIFE {
            self.turned = now;
            self.peaks = [0.0, self.peaks[0]];
            self.steadies = [0.0, self.steadies[0]];
        }
        self.peaks[0] = self.peaks[0].max(sample);
        self.steadies[0] = self.steadies[0].max(self.steady);
        (self.start, self.bytes, self.records) = (Some(now), 0, 0);
    }

    /// Nothing is expected: a pause is not slowness.
    pub fn pause(&mut self) {
        self.start = None;
    }

    /// Bytes per second over about the last half second.
    pub const fn average(&self) -> f64 {
        self.average
    }

    /// Bytes per second over about two seconds, at the best of the last ones. What waited for a lost packet comes all at once, and
    /// makes a peak of a slow line. Nothing until enough was measured.
    pub fn steady(&self) -> Option<f64> {
        let best = self.steadies[0].max(self.steadies[1]);
        (self.seconds > 2.0 * STEADY).then_some(best)
    }

    /// Bytes per second at the best of the last seconds.
    pub const fn peak(&self) -> f64 {
        self.peaks[0].max(self.peaks[1])
    }
}

/// Sending rate over the time in which there was something to send.
#[derive(Debug, Clone, Default)]
pub struct BusyMeter {
    since: Option<Moment>,
    busy: Duration,
    bytes: u64,
    records: u32,
    rate: f64,
}

const BUSY_WINDOW: Duration = Duration::from_millis(50);
const BUSY_RECORDS: u32 = 8;

impl BusyMeter {
    /// Something is on its way from now on.
    pub fn begin(&mut self, now: Moment) {
        self.since.get_or_insert(now);
    }

    /// Bytes have left; `idle` says that nothing else is on its way.
    pub fn add(&mut self, now: Moment, bytes: u32, idle: bool) {
        if let Some(since) = self.since {
            self.busy += now.since(since);
        }
        self.since = (!idle).then_some(now);
        self.bytes += u64::from(bytes);
        self.records += 1;
        let enough = self.busy >= BUSY_WINDOW && self.records >= BUSY_RECORDS;
        if enough || (self.rate == 0.0 && self.records >= BUSY_RECORDS) {
            let sample = self.bytes as f64 / self.busy.as_secs_f64().max(1e-6);
            // Waiting for slow receivers looks like a slow line: the rate falls slowly.
            let weight = match self.rate {
                0.0 => 1.0,
                rate if sample > rate => 0.5,
                _ => 0.1,
            };
            self.rate += (sample - self.rate) * weight;
            self.records = 0;
            (self.bytes, self.busy) = (0, Duration::ZERO);
        }
    }

    /// Bytes per second while busy; 0 while unknown.
    pub const fn rate(&self) -> f64 {
        self.rate
    }
}

/// `rate` bytes per second for `time`, in whole bytes.
pub fn bytes_in(rate: f64, time: Duration) -> u64 {
    whole(rate * time.as_secs_f64())
}

/// The whole part of a number of bytes; nothing below 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn whole(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}

/// Spreads the bits of a number over all of its places, for an order among equals.
pub const fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number below `limit`; 0 if the limit is 0.
pub fn below(rng: &mut Rng, limit: u32) -> u32 {
    u32::try_from(rng.below(limit as usize)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u32 = 1024;

    /// A line of 100 KiB/s for so many seconds; what would come in one second waits for a lost packet, each four seconds.
    fn slow_line(seconds: u64) -> Meter {
        let mut meter = Meter::default();
        for tenth in 0..seconds * 10 {
            let parts = match tenth % 40 {
                0..30 => 1,
                39 => 10,
                _ => 0,
            };
            for part in 0..parts {
                let now = Moment(tenth * 100_000 + part * 100);
                meter.add(now, 10 * KIB);
            }
        }
        meter
    }

    #[test]
    fn what_waited_and_comes_at_once_is_a_peak_and_no_steady_rate() {
        let meter = slow_line(20);
        assert!(meter.peak() > 200_000.0, "{}", meter.peak());
        let steady = meter.steady().expect("twenty seconds were measured");
        assert!((80_000.0..180_000.0).contains(&steady), "{steady}");
    }

    #[test]
    fn a_steady_rate_takes_four_seconds() {
        assert_eq!(slow_line(3).steady(), None);
        assert!(slow_line(6).steady().is_some());
    }
}
