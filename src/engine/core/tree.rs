//! Hashes of chunks that make the hashes of whole files.
//!
//! BLAKE3 is a tree. The hash of a chunk is the node that it has in the tree of its file, so that
//! the hash of the file comes out of those of its chunks, and no byte is hashed or read twice. A
//! chunk that is no part of a larger file has the hash of its bytes.

use std::convert::Infallible;

use blake3::hazmat::{self, ChainingValue, HasherExt as _, Mode};

use super::ids::{ChunkIndex, Hash};
use super::layout::Layout;

/// The hash of a chunk's bytes, which must be as many as the chunk has.
pub fn chunk_hash(layout: &Layout, chunk: ChunkIndex, bytes: &[u8]) -> Hash {
    match layout.offset_in_larger(chunk) {
        Some(offset) => {
            let fed: Result<_, Infallible> = piece_hash(offset, |hasher| {
                hasher.update(bytes);
                Ok(())
            });
            let Ok(hash) = fed;
            hash
        }
        None => Hash::of(bytes),
    }
}

/// The node of a piece of a file that has several, all of the same power of two of bytes but the last one. `feed` gives the
/// hasher the bytes from `offset` on.
pub fn piece_hash<E>(
    offset: u64,
    feed: impl FnOnce(&mut blake3::Hasher) -> Result<(), E>,
) -> Result<Hash, E> {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    feed(&mut hasher)?;
    Ok(Hash(hasher.finalize_non_root()))
}

/// The BLAKE3 hash of a file of at least one chunk, from the hashes of all its chunks.
pub fn file_hash(chunks: &[Hash]) -> Hash {
    match chunks {
        [] => Hash::of(&[]),
        [only] => *only,
        _ => {
            let (left, right) = halves(chunks);
            let root = hazmat::merge_subtrees_root(&node(left), &node(right), Mode::Hash);
            Hash(*root.as_bytes())
        }
    }
}

fn node(chunks: &[Hash]) -> ChainingValue {
    if let [only] = chunks {
        return only.0;
    }
    let (left, right) = halves(chunks);
    hazmat::merge_subtrees_non_root(&node(left), &node(right), Mode::Hash)
}

/// The left side of a tree is the largest power of two that leaves something for the right one.
fn halves(chunks: &[Hash]) -> (&[Hash], &[Hash]) {
    chunks.split_at(chunks.len().next_power_of_two() / 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::ids::FileIndex;
    use crate::core::layout::MIN_CHUNK_SIZE;

    const STEP: usize = MIN_CHUNK_SIZE as usize;

    fn random(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    /// The hash of a file, by way of its chunks.
    fn by_chunks(bytes: &[u8]) -> Hash {
        let layout = Layout::new(MIN_CHUNK_SIZE, [3, bytes.len() as u64, 5]).unwrap();
        let chunks = layout.file_chunks(FileIndex(1));
        let hashes: Vec<_> = (chunks.start.0..)
            .zip(bytes.chunks(STEP))
            .map(|(chunk, bytes)| chunk_hash(&layout, ChunkIndex(chunk), bytes))
            .collect();
        assert_eq!(hashes.len(), (chunks.end.0 - chunks.start.0) as usize);
        file_hash(&hashes)
    }

    #[test]
    fn chunks_make_the_hash_of_their_file_at_every_border() {
        let bytes = random(17 * STEP + 1);
        for whole in 1..=17 {
            for beside in [-1, 0, 1, 1_023, 1_024, 1_025] {
                let len = (whole * STEP).checked_add_signed(beside).unwrap();
                if len >= STEP && len <= bytes.len() {
                    let bytes = &bytes[..len];
                    assert_eq!(by_chunks(bytes), Hash::of(bytes), "{len} bytes");
                }
            }
        }
    }

    #[test]
    fn the_place_in_a_larger_file_counts_and_that_in_the_set_does_not() {
        let layout = |sizes: &[u64]| Layout::new(MIN_CHUNK_SIZE, sizes.iter().copied()).unwrap();
        let (bytes, step) = (random(STEP), STEP as u64);
        let hash = |sizes: &[u64], chunk| chunk_hash(&layout(sizes), ChunkIndex(chunk), &bytes);
        assert_ne!(hash(&[2 * step], 0), hash(&[2 * step], 1));
        assert_eq!(hash(&[2 * step], 1), hash(&[step, 2 * step], 2));
        assert_eq!(hash(&[step], 0), Hash::of(&bytes));
        assert_eq!(hash(&[step / 2, step / 2], 0), Hash::of(&bytes));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn chunks_make_the_hash_of_their_file(len in STEP..80 * STEP) {
            let bytes = random(len);
            prop_assert_eq!(by_chunks(&bytes), Hash::of(&bytes));
        }
    }
}
