//! Seeded chance: choices that repeat with the seed, and unguessable bytes for ids and nonces.

use std::convert::Infallible;

use spake2::rand_core::{TryCryptoRng, TryRng};

/// A generator handed in with a seed; the same seed gives the same numbers.
///
/// `number` and `below` are `SplitMix64` (Steele, Lea, Flood 2014) and serve jitter and choices.
/// `fill` is BLAKE3 in counter mode over the seed and serves ids, nonces and sealing.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
    key: [u8; 32],
    counter: u64,
}

impl Rng {
    /// A generator from a seed, which in production comes from the system's random source.
    pub fn new(seed: [u8; 32]) -> Self {
        let key = blake3::derive_key("handout 2026 core rng bytes", &seed);
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::derive_key("handout 2026 core rng choices", &seed)[..8]);
        Self {
            state: u64::from_le_bytes(first),
            key,
            counter: 0,
        }
    }

    /// A generator for simulations and tests.
    pub fn from_number(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self::new(bytes)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 where the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.number()) * limit as u128;
        usize::try_from(wide >> 64).expect("the product's upper half is below the limit")
    }

    /// Fills `bytes` unguessably.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.counter += 1;
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&self.counter.to_le_bytes());
        hasher.finalize_xof().fill(bytes);
    }

    /// An unguessable array.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Puts `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

impl TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

// By `fill`: seeded from the system's random source, and BLAKE3 over a secret key and a counter.
impl TryCryptoRng for Rng {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Rng::from_number(7), Rng::from_number(7));
        assert_eq!((a.number(), a.bytes::<16>()), (b.number(), b.bytes::<16>()));
        assert_ne!(Rng::from_number(8).number(), Rng::from_number(7).number());
    }

    #[test]
    fn numbers_stay_below_the_limit() {
        let mut rng = Rng::from_number(1);
        assert!((0..1_000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.below(0), 0);
    }
}
