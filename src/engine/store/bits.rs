//! A set of chunk numbers.

/// One bit for each of a fixed number of chunks.
#[derive(Debug, Clone)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: u32,
}

impl Bits {
    /// No bit of `len` is set.
    pub(super) fn new(len: u32) -> Self {
        Self {
            words: vec![0; len.div_ceil(64) as usize],
            len,
        }
    }

    /// Whether a bit is set; never beyond the end.
    pub(super) fn contains(&self, bit: u32) -> bool {
        bit < self.len && self.words[bit as usize / 64] >> (bit % 64) & 1 == 1
    }

    /// Sets a bit; nothing beyond the end. Returns whether it was new.
    pub(super) fn insert(&mut self, bit: u32) -> bool {
        let new = bit < self.len && !self.contains(bit);
        if new {
            self.words[bit as usize / 64] |= 1 << (bit % 64);
        }
        new
    }

    /// Clears a bit. Returns whether it was set.
    pub(super) fn remove(&mut self, bit: u32) -> bool {
        let was = self.contains(bit);
        if was {
            self.words[bit as usize / 64] &= !(1 << (bit % 64));
        }
        was
    }

    /// The set bits as sorted inclusive ranges.
    pub(super) fn ranges(&self) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for bit in (0..self.len).filter(|&bit| self.contains(bit)) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == bit => *last = bit,
                _ => ranges.push((bit, bit)),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_and_ranged() {
        let mut bits = Bits::new(130);
        for bit in [0, 1, 2, 63, 64, 129, 129, 130, 9999] {
            bits.insert(bit);
        }
        assert_eq!(bits.ranges(), [(0, 2), (63, 64), (129, 129)]);
        assert!(bits.remove(1));
        assert!(!bits.remove(1));
        assert!(!bits.contains(130));
    }
}
