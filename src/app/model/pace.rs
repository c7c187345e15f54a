//! How fast something comes, and how long the rest of it will take.

/// Milliseconds between two looks: shorter ones say more about chance than about the network.
const LOOK: u64 = 500;
/// Milliseconds after which an older speed hardly counts.
const MEMORY: f64 = 4_000.0;

/// The speed at which a number of bytes grows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    last: Option<(u64, u64)>,
    /// Bytes a second.
    rate: Option<f64>,
}

impl Pace {
    /// So many bytes are there at a moment, in milliseconds of any clock that only goes forward.
    pub fn look(&mut self, now: u64, bytes: u64) {
        let Some((then, before)) = self.last else {
            self.last = Some((now, bytes));
            return;
        };
        let passed = now.saturating_sub(then);
        if passed < LOOK {
            return;
        }
        self.last = Some((now, bytes));
        let fresh = bytes.saturating_sub(before) as f64 * 1000.0 / passed as f64;
        let weight = 1.0 - (-(passed as f64) / MEMORY).exp();
        self.rate = Some(match self.rate {
            None => fresh,
            Some(rate) => rate + (fresh - rate) * weight,
        });
    }

    /// Seconds until so many more bytes are there; `None` while nobody can say.
    pub fn left(&self, bytes: u64) -> Option<u32> {
        seconds(bytes, self.rate.unwrap_or(0.0))
    }
}

/// Seconds that bytes take at a number of bytes a second; `None` where it would be more than a day.
pub fn seconds(bytes: u64, rate: f64) -> Option<u32> {
    const DAY: f64 = 86_400.0;
    let seconds = (bytes as f64 / rate).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (rate >= 1.0 && seconds <= DAY).then_some(seconds as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_foretold() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(1000), None);
        for tick in 0..20 {
            pace.look(tick * 500, tick * 5_000);
        }
        assert_eq!(pace.left(100_000), Some(10));
        assert_eq!(pace.left(0), Some(0));
    }

    #[test]
    fn what_stands_still_is_not_foretold_for_long() {
        let mut pace = Pace::default();
        pace.look(0, 0);
        pace.look(1_000, 10_000);
        let soon = pace.left(50_000);
        assert_eq!(soon, Some(5));
        for second in 2..60 {
            pace.look(second * 1_000, 10_000);
        }
        assert_eq!(pace.left(50_000), None);
    }

    #[test]
    fn many_looks_at_once_are_one() {
        let mut pace = Pace::default();
        for ms in 0..100 {
            pace.look(ms, ms * 1_000_000);
        }
        assert_eq!(pace.left(1), None);
    }
}
