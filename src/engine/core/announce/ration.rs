//! How many signatures are checked, and how many asks answered.
//!
//! Each (address, key) has a budget of its own: whoever floods from one address, or forges under
//! one key, uses up nobody else's. The sum is bounded too, once for session keys that have been
//! verified before and once for all others, so that strangers never keep the known ones out.

use std::collections::BTreeMap;

use crate::core::time::Moment;

/// A bucket that fills with time and is emptied by use; counted in millionths of one use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    level: u64,
    filled: Moment,
    size: u64,
    per_second: u64,
}

const ONE: u64 = 1_000_000;

impl Bucket {
    /// A full bucket of `size` uses that gets `per_second` back.
    pub(super) const fn full(size: u64, per_second: u64, now: Moment) -> Self {
        Self {
            level: size * ONE,
            filled: now,
            size: size * ONE,
            per_second,
        }
    }

    fn fill(&mut self, now: Moment) {
        // A microsecond gives `per_second` millionths.
        let micros = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = micros.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(gained).min(self.size);
        self.filled = self.filled.max(now);
    }

    fn is_full(&mut self, now: Moment) -> bool {
        self.fill(now);
        self.level == self.size
    }

    /// Takes one use, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        self.fill(now);
        let enough = self.level >= ONE;
        if enough {
            self.level -= ONE;
        }
        enough
    }
}

/// Buckets by key, of which only those that are not full take up memory, at most `limit`.
#[derive(Debug)]
pub(super) struct Ration<K> {
    buckets: BTreeMap<K, Bucket>,
    size: u64,
    per_second: u64,
    limit: usize,
}

impl<K: Ord> Ration<K> {
    pub(super) const fn new(size: u64, per_second: u64, limit: usize) -> Self {
        Self {
            buckets: BTreeMap::new(),
            size,
            per_second,
            limit,
        }
    }

    /// Takes one use of `key`, if there is one and there is room to remember it.
    pub(super) fn take(&mut self, key: K, now: Moment) -> bool {
        if self.buckets.len() >= self.limit && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.limit {
                return false;
            }
        }
        let new = Bucket::full(self.size, self.per_second, now);
        self.buckets.entry(key).or_insert(new).take(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_budget_is_used_up_and_comes_back_with_time() {
        let mut ration = Ration::new(2, 1, 10);
        let start = Moment(5);
        assert!(ration.take("a", start) && ration.take("a", start));
        assert!(!ration.take("a", start));
        assert!(ration.take("b", start));
        assert!(!ration.take("a", start + Duration::from_millis(999)));
        assert!(ration.take("a", start + Duration::from_secs(1)));
    }

    #[test]
    fn memory_is_bounded_and_freed_when_budgets_are_full_again() {
        let mut ration = Ration::new(2, 1, 100);
        let start = Moment(0);
        for key in 0..100 {
            assert!(ration.take(key, start));
        }
        assert!(!ration.take(100, start));
        assert!(ration.take(100, start + Duration::from_secs(3)));
        assert_eq!(ration.buckets.len(), 1);
    }
}
