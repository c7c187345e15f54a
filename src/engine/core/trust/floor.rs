//! Trusted time of one institution: what is certainly past. Reasons stand in [`super`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::core::ids::PublicKey;
use crate::core::time::UnixTime;

/// What is certainly past, by one institution and its teachers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Floor {
    /// The latest time the institution itself has signed.
    #[serde(default)]
    institution: UnixTime,
    /// The latest time on which two teachers and the local clock agreed.
    #[serde(default)]
    teachers: UnixTime,
    /// The latest day each teacher has claimed, at most [`Floor::MAX_CLAIMS`].
    #[serde(default)]
    claims: BTreeMap<PublicKey, UnixTime>,
}

impl Floor {
    /// How many teachers' claims are kept; two would do if none of them were wrong.
    pub const MAX_CLAIMS: usize = 16;
    const DAY: u64 = 86_400;

    /// What is certainly past.
    pub fn time(&self) -> UnixTime {
        self.institution.max(self.teachers)
    }

    /// The institution signed `time`. Returns whether that changed anything.
    pub fn raise(&mut self, time: UnixTime) -> bool {
        let changed = time > self.institution;
        self.institution = self.institution.max(time);
        changed
    }

    /// A teacher whose certificate ends at `end` signed `time`. Returns whether anything changed,
    /// which is at most once a day and teacher, so that it can be kept on disk.
    pub fn claim(
        &mut self,
        teacher: PublicKey,
        time: UnixTime,
        end: UnixTime,
        local: UnixTime,
    ) -> bool {
        let day = UnixTime(time.min(end).0 / Self::DAY * Self::DAY);
        let before = (self.claims.get(&teacher).copied(), self.teachers);
        if self.claims.contains_key(&teacher) || self.make_room(day) {
            let claim = self.claims.entry(teacher).or_default();
            *claim = (*claim).max(day);
        }
        let mut latest: Vec<UnixTime> = self.claims.values().copied().collect();
        latest.sort_unstable();
        if let [.., second, _] = latest[..] {
            let local = UnixTime(local.0 / Self::DAY * Self::DAY);
            self.teachers = self.teachers.max(second.min(local));
        }
        before != (self.claims.get(&teacher).copied(), self.teachers)
    }

    /// Takes over whatever `other` has that is later.
    pub fn merge(&mut self, other: &Self) {
        self.institution = self.institution.max(other.institution);
        self.teachers = self.teachers.max(other.teachers);
        for (teacher, day) in &other.claims {
            if self.claims.contains_key(teacher) || self.make_room(*day) {
                let claim = self.claims.entry(*teacher).or_default();
                *claim = (*claim).max(*day);
            }
        }
    }

    /// Drops the earliest claim if there are too many; false if `day` is itself the earliest.
    fn make_room(&mut self, day: UnixTime) -> bool {
        if self.claims.len() < Self::MAX_CLAIMS {
            return true;
        }
        let earliest = self
            .claims
            .iter()
            .min_by_key(|(_, day)| **day)
            .map(|(key, day)| (*key, *day));
        match earliest {
            Some((key, kept)) if kept < day => self.claims.remove(&key).is_some(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const FAR: UnixTime = UnixTime(u64::MAX);

    fn day(number: u64) -> UnixTime {
        UnixTime(number * DAY)
    }

    #[test]
    fn the_institution_raises_the_floor_and_nothing_lowers_it() {
        let mut floor = Floor::default();
        assert!(floor.raise(day(10)));
        assert!(!floor.raise(day(9)));
        assert_eq!(floor.time(), day(10));
    }

    #[test]
    fn one_teacher_alone_moves_nothing_whatever_the_clock_says() {
        let mut floor = Floor::default();
        assert!(floor.claim(PublicKey([1; 32]), day(90_000), FAR, day(90_000)));
        assert_eq!(floor.time(), UnixTime(0));
    }

    #[test]
    fn two_teachers_and_the_local_clock_move_it_to_what_all_three_reach() {
        let mut floor = Floor::default();
        floor.claim(PublicKey([1; 32]), day(500), FAR, day(400));
        floor.claim(PublicKey([2; 32]), day(300), FAR, day(400));
        assert_eq!(floor.time(), day(300));
        floor.claim(PublicKey([2; 32]), day(500), FAR, day(400));
        assert_eq!(floor.time(), day(400));
    }

    #[test]
    fn a_teacher_counts_only_to_the_end_of_the_own_certificate() {
        let mut floor = Floor::default();
        floor.claim(PublicKey([1; 32]), day(500), day(200), day(400));
        floor.claim(PublicKey([2; 32]), day(500), FAR, day(400));
        assert_eq!(floor.time(), day(200));
    }

    #[test]
    fn ticks_of_one_day_change_nothing_after_the_first() {
        let mut floor = Floor::default();
        let teacher = PublicKey([1; 32]);
        assert!(floor.claim(teacher, UnixTime(DAY + 5), FAR, day(2)));
        assert!(!floor.claim(teacher, UnixTime(DAY + 10), FAR, day(2)));
        assert!(floor.claim(teacher, UnixTime(2 * DAY), FAR, day(2)));
    }

    #[test]
    fn claims_are_bounded_and_keep_the_latest() {
        let mut floor = Floor::default();
        for number in 0..40u8 {
            floor.claim(
                PublicKey([number; 32]),
                day(u64::from(number)),
                FAR,
                day(100),
            );
        }
        assert_eq!(floor.claims.len(), Floor::MAX_CLAIMS);
        assert_eq!(floor.time(), day(38));
    }
}
