//! One bit for each chunk of a set.

use crate::core::ids::ChunkIndex;
use crate::core::wire::ranges::Ranges;

/// Which chunks of a set something is true of. Its size follows the signed header of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    len: u32,
    ones: u32,
}

impl Bitmap {
    /// All bits clear.
    pub fn new(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize],
            len,
            ones: 0,
        }
    }

    /// Number of bits.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Number of bits that are set.
    pub const fn ones(&self) -> u32 {
        self.ones
    }

    /// Whether no bit is clear.
    pub const fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// Whether no bit is set.
    pub const fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// One bit; clear beyond the end.
    pub fn get(&self, bit: u32) -> bool {
        bit < self.len && self.words[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Sets a bit; says whether it was clear.
    pub fn set(&mut self, bit: u32) -> bool {
        if bit >= self.len || self.get(bit) {
            return false;
        }
        self.words[bit as usize / 64] |= 1 << (bit % 64);
        self.ones += 1;
        true
    }

    /// Clears a bit; says whether it was set.
    pub fn clear(&mut self, bit: u32) -> bool {
        if !self.get(bit) {
            return false;
        }
        self.words[bit as usize / 64] &= !(1 << (bit % 64));
        self.ones -= 1;
        true
    }

    /// Sets the bits of an inclusive range, cut at the end; says how many were clear.
    pub fn set_range(&mut self, first: u32, last: u32) -> u32 {
        if first > last || first >= self.len {
            return 0;
        }
        let last = last.min(self.len - 1);
        let before = self.ones;
        for word in first / 64..=last / 64 {
            let low = if word == first / 64 { first % 64 } else { 0 };
            let high = if word == last / 64 { last % 64 } else { 63 };
            let mask = (u64::MAX << low) & (u64::MAX >> (63 - high));
            let slot = &mut self.words[word as usize];
            self.ones += (mask & !*slot).count_ones();
            *slot |= mask;
        }
        self.ones - before
    }

    /// The set bits as ranges.
    pub fn ranges(&self) -> Ranges {
        if self.is_full() && self.len > 0 {
            return Ranges(vec![(0, self.len - 1)]);
        }
        let bits = self.words.iter().zip(0_u32..).flat_map(|(&word, number)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    ChunkIndex(number * 64 + bit)
                })
            })
        });
        Ranges::from_sorted(bits)
    }

    /// The first clear bit at or after `from`.
    pub fn first_clear(&self, from: u32) -> Option<u32> {
        (from / 64..self.len.div_ceil(64)).find_map(|number| {
            let mut free = !self.words[number as usize];
            if number == from / 64 {
                free &= u64::MAX << (from % 64);
            }
            let bit = number * 64 + free.trailing_zeros();
            (free != 0 && bit < self.len).then_some(bit)
        })
    }

    /// The first bit from `start` round to it again, within `low..high`, that is set here and clear
    /// in both others. All three have one length.
    pub fn first_wanted(
        &self,
        mine: &Self,
        asked: &Self,
        low: u32,
        high: u32,
        start: u32,
    ) -> Option<u32> {
        let high = high.min(self.len);
        if low >= high {
            return None;
        }
        let start = start.clamp(low, high - 1);
        let search = |from: u32, to: u32| {
            (from / 64..to.div_ceil(64)).find_map(|number| {
                let at = number as usize;
                let mut free = self.words[at] & !mine.words[at] & !asked.words[at];
                if number == from / 64 {
                    free &= u64::MAX << (from % 64);
                }
                let bit = number * 64 + free.trailing_zeros();
                (free != 0 && bit < to).then_some(bit)
            })
        };
        search(start, high).or_else(|| search(low, start))
    }

    /// Bytes on the heap.
    pub const fn heap(&self) -> usize {
        self.words.len() * 8
    }
}

/// The ranges of a message that are in order and below `limit`: what a lie can cost is one pass.
pub fn clean(ranges: &Ranges, limit: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
    let mut next = 0;
    ranges
        .0
        .iter()
        .take(Ranges::MAX)
        .filter_map(move |&(first, last)| {
            let last = last.min(limit.checked_sub(1)?);
            (first >= next && first <= last).then(|| {
                next = last + 1;
                (first, last)
            })
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_sets_the_same_bits_as_one_by_one(len in 1_u32..300, a: u16, b: u16) {
            let (first, last) = (u32::from(a) % 320, u32::from(b) % 320);
            let (mut fast, mut slow) = (Bitmap::new(len), Bitmap::new(len));
            let new = fast.set_range(first, last);
            let count = (first..=last).filter(|&bit| slow.set(bit)).count();
            prop_assert_eq!(new as usize, count);
            prop_assert_eq!(&fast, &slow);
            prop_assert_eq!(fast.first_clear(0), (0..len).find(|&bit| !slow.get(bit)));
            let mut again = Bitmap::new(len);
            for (first, last) in clean(&fast.ranges(), len) {
                again.set_range(first, last);
            }
            prop_assert_eq!(again, fast);
        }

        #[test]
        fn the_search_finds_what_a_walk_finds(bits: Vec<(bool, bool, bool)>, start: u16) {
            let len = u32::try_from(bits.len()).unwrap_or(0);
            let (mut theirs, mut mine, mut asked) =
                (Bitmap::new(len), Bitmap::new(len), Bitmap::new(len));
            for (&(a, b, c), bit) in bits.iter().zip(0..) {
                if a { theirs.set(bit); }
                if b { mine.set(bit); }
                if c { asked.set(bit); }
            }
            let start = u32::from(start) % len.max(1);
            let wanted = |bit: &u32| theirs.get(*bit) && !mine.get(*bit) && !asked.get(*bit);
            let expected = (start..len).find(wanted).or_else(|| (0..start).find(wanted));
            prop_assert_eq!(theirs.first_wanted(&mine, &asked, 0, len, start), expected);
        }
    }

    #[test]
    fn overlapping_and_reversed_ranges_are_left_out() {
        let lie = Ranges(vec![(0, 9), (5, 20), (12, 11), (12, u32::MAX)]);
        assert_eq!(clean(&lie, 16).collect::<Vec<_>>(), [(0, 9), (12, 15)]);
        assert_eq!(clean(&lie, 0).count(), 0);
    }
}
