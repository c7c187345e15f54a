//! Sets of chunk numbers as inclusive ranges: `[[0,3],[7,7]]` in JSON.

use serde::{Deserialize, Serialize};

use crate::core::ids::ChunkIndex;

/// Chunk numbers as sorted inclusive ranges. At most [`Ranges::MAX`] of them on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ranges(pub Vec<(u32, u32)>);

impl Ranges {
    /// The most ranges that one message may carry.
    pub const MAX: usize = 8_192;

    /// The ranges that hold exactly these sorted numbers.
    pub fn from_sorted(numbers: impl IntoIterator<Item = ChunkIndex>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for ChunkIndex(number) in numbers {
            match ranges.last_mut() {
                Some((_, end)) if *end == number => {}
                Some((_, end)) if end.checked_add(1) == Some(number) => *end = number,
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges)
    }

    /// The numbers below `limit`, in order. Reversed ranges are empty; what lies beyond the limit
    /// is cut, so that a lie costs at most `limit` steps a range.
    pub fn iter(&self, limit: u32) -> impl Iterator<Item = ChunkIndex> + '_ {
        self.0
            .iter()
            .take(Self::MAX)
            .flat_map(move |&(start, end)| start..end.saturating_add(1).min(limit))
            .map(ChunkIndex)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_their_ranges() {
        let numbers = [0, 1, 2, 5, 7, 8].map(ChunkIndex);
        let ranges = Ranges::from_sorted(numbers);
        assert_eq!(ranges.0, [(0, 2), (5, 5), (7, 8)]);
        assert_eq!(ranges.iter(100).collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn a_lying_range_is_cut_at_the_limit() {
        assert_eq!(Ranges(vec![(3, u32::MAX)]).iter(6).count(), 3);
        assert_eq!(Ranges(vec![(9, 2)]).iter(100).count(), 0);
    }
}
