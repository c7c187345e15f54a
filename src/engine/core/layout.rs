//! The chunk space of a set: which bytes of which files each chunk has.
//!
//! Files of at least one chunk come first, in the order of the list, each from a chunk boundary on,
//! with a last chunk that is as short as the file makes it. Then all smaller files, in the order of
//! the list, as one stream that is cut into chunks: ten thousand tiny files cost few chunks. Empty
//! files take no bytes.

use std::ops::Range;

use super::ids::{ChunkIndex, FileIndex};
use super::swarm::{CLUSTER, FLAT};

/// Smallest chunk, in bytes.
pub const MIN_CHUNK_SIZE: u32 = 16 * 1024;
/// Largest chunk, in bytes.
pub const MAX_CHUNK_SIZE: u32 = 1024 * 1024;
/// Most chunks of a set: 4 TB at the largest chunk size.
pub const MAX_CHUNKS: u32 = 4_000_000;
/// Most files of a set.
pub const MAX_FILES: u32 = 20_000;

/// What a chunk costs beside its bytes, in bytes: messages about it, and work that they could be sent in.
const CHUNK_COST: u64 = 350;

/// The chunk size for a set of `total` bytes that goes to `peers` devices: the power of two nearest
/// to `√(350 · total / peers)`, from 16 KiB to 1 MiB. Above [`FLAT`] peers each is in a cluster, and
/// those of one cluster count.
///
/// The time over the bound grows by `peers · chunk / total`, as nobody can pass on what has not come
/// whole, and by [`CHUNK_COST`]` / chunk`. The sum is least here. There are at most 300,000 chunks
/// before the largest size is reached, which keeps every set below [`MAX_CHUNKS`].
pub fn chunk_size(total: u64, peers: u32) -> u32 {
    let least = u64::from(MIN_CHUNK_SIZE);
    let most = u64::from(MAX_CHUNK_SIZE);
    let peers = if peers as usize > FLAT {
        CLUSTER as u64
    } else {
        u64::from(peers.max(1))
    };
    let square = (total / peers).saturating_mul(CHUNK_COST);
    let wanted = square.isqrt().clamp(least, most);
    let below = 1_u64 << wanted.ilog2();
    let nearest = if wanted * wanted > 2 * below * below {
        2 * below
    } else {
        below
    };
    u32::try_from(nearest).unwrap_or(MAX_CHUNK_SIZE)
}

/// Whether a set may have chunks of this size: a power of two from 16 KiB to 1 MiB.
pub const fn is_chunk_size(size: u32) -> bool {
    size.is_power_of_two() && size >= MIN_CHUNK_SIZE && size <= MAX_CHUNK_SIZE
}

/// Why files have no chunk space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Not a size that chunks may have.
    #[error("{0} is no chunk size: it must be a power of two from 16 KiB to 1 MiB")]
    ChunkSize(u32),
    /// Too many files.
    #[error("a set has at most {MAX_FILES} files")]
    TooManyFiles,
    /// Too many chunks.
    #[error(
        "the files are too large for one set: at most {MAX_CHUNKS} chunks of {chunk_size} bytes"
    )]
    TooManyChunks {
        /// The chunk size.
        chunk_size: u32,
    },
}

/// A run of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The file.
    pub file: FileIndex,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes, at most a chunk.
    pub len: u32,
}

/// The chunk space of one set. Needs 24 bytes a file, whatever the number of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    chunk_size: u32,
    /// Per file: its size, and its first chunk (large) or its place in the stream (small).
    places: Vec<(u64, u64)>,
    /// First chunk and number of each large file, ascending.
    large: Vec<(u32, u32)>,
    /// Place in the stream and number of each small file that is not empty, ascending.
    small: Vec<(u64, u32)>,
    /// The chunk at which the stream of small files starts.
    stream_chunk: u32,
    /// Bytes in the stream of small files.
    stream_len: u64,
    chunks: u32,
    total: u64,
}

impl Layout {
    /// Lays out files of these sizes, in bytes and in the order of the set.
    pub fn new(chunk_size: u32, sizes: impl IntoIterator<Item = u64>) -> Result<Self, LayoutError> {
        if !is_chunk_size(chunk_size) {
            return Err(LayoutError::ChunkSize(chunk_size));
        }
        let step = u64::from(chunk_size);
        let too_many = LayoutError::TooManyChunks { chunk_size };
        let mut layout = Self {
            chunk_size,
            places: Vec::new(),
            large: Vec::new(),
            small: Vec::new(),
            stream_chunk: 0,
            stream_len: 0,
            chunks: 0,
            total: 0,
        };
        let mut chunks = 0_u64;
        for (number, size) in (0_u32..).zip(sizes) {
            if number == MAX_FILES {
                return Err(LayoutError::TooManyFiles);
            }
            if size >= step {
                layout.places.push((size, chunks));
                layout
                    .large
                    .push((u32::try_from(chunks).map_err(|_| too_many)?, number));
                chunks += size.div_ceil(step);
            } else {
                layout.places.push((size, layout.stream_len));
                if size > 0 {
                    layout.small.push((layout.stream_len, number));
                }
                layout.stream_len += size;
            }
            if chunks > u64::from(MAX_CHUNKS) {
                return Err(too_many);
            }
            layout.total += size;
        }
        let all = chunks + layout.stream_len.div_ceil(step);
        if all > u64::from(MAX_CHUNKS) {
            return Err(too_many);
        }
        layout.stream_chunk = u32::try_from(chunks).map_err(|_| too_many)?;
        layout.chunks = u32::try_from(all).map_err(|_| too_many)?;
        Ok(layout)
    }

    /// Size of all chunks but short ones, in bytes.
    pub const fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Number of chunks.
    pub const fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Number of files, empty ones too.
    pub fn files(&self) -> usize {
        self.places.len()
    }

    /// Bytes in all files.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Size of a file in bytes; 0 for a number beyond the list.
    pub fn file_size(&self, file: FileIndex) -> u64 {
        self.places
            .get(file.0 as usize)
            .map_or(0, |&(size, _)| size)
    }

    /// Bytes in a chunk; 0 for a number beyond the last chunk.
    pub fn chunk_len(&self, chunk: ChunkIndex) -> u32 {
        let step = u64::from(self.chunk_size);
        let left = if chunk.0 >= self.chunks {
            0
        } else if chunk.0 >= self.stream_chunk {
            self.stream_len - u64::from(chunk.0 - self.stream_chunk) * step
        } else {
            let (first, file) = self.large_of(chunk);
            self.file_size(FileIndex(file)) - u64::from(chunk.0 - first) * step
        };
        u32::try_from(left.min(step)).unwrap_or(self.chunk_size)
    }

    /// The runs of bytes that a chunk has, in its order; none for a number beyond the last chunk.
    pub fn segments(&self, chunk: ChunkIndex) -> Vec<Segment> {
        let len = self.chunk_len(chunk);
        if len == 0 {
            return Vec::new();
        }
        if chunk.0 < self.stream_chunk {
            let (first, file) = self.large_of(chunk);
            let offset = u64::from(chunk.0 - first) * u64::from(self.chunk_size);
            return vec![Segment {
                file: FileIndex(file),
                offset,
                len,
            }];
        }
        let start = u64::from(chunk.0 - self.stream_chunk) * u64::from(self.chunk_size);
        let end = start + u64::from(len);
        let from = self.small.partition_point(|&(place, _)| place <= start) - 1;
        self.small[from..]
            .iter()
            .take_while(|&&(place, _)| place < end)
            .map(|&(place, file)| {
                let file = FileIndex(file);
                let first = start.max(place);
                let last = end.min(place + self.file_size(file));
                let len = u32::try_from(last - first).expect("a part of a chunk is no longer");
                Segment {
                    file,
                    offset: first - place,
                    len,
                }
            })
            .collect()
    }

    /// The chunks that a file has bytes in; empty for an empty file or a number beyond the list.
    pub fn file_chunks(&self, file: FileIndex) -> Range<ChunkIndex> {
        let Some(&(size, place)) = self.places.get(file.0 as usize) else {
            return ChunkIndex(0)..ChunkIndex(0);
        };
        let step = u64::from(self.chunk_size);
        let (first, last) = if size == 0 {
            (0, 0)
        } else if size >= step {
            (place, place + size.div_ceil(step))
        } else {
            let base = u64::from(self.stream_chunk);
            (base + place / step, base + (place + size).div_ceil(step))
        };
        let index = |n| ChunkIndex(u32::try_from(n).expect("chunks were counted in u32"));
        index(first)..index(last)
    }

    /// Where a chunk's bytes stand in their file, if that has other chunks as well.
    pub fn offset_in_larger(&self, chunk: ChunkIndex) -> Option<u64> {
        if chunk.0 >= self.stream_chunk {
            return None;
        }
        let (first, file) = self.large_of(chunk);
        let step = u64::from(self.chunk_size);
        let several = self.file_size(FileIndex(file)) > step;
        several.then(|| u64::from(chunk.0 - first) * step)
    }

    /// First chunk and number of the large file that `chunk` is of.
    fn large_of(&self, chunk: ChunkIndex) -> (u32, u32) {
        self.large[self.large.partition_point(|&(first, _)| first <= chunk.0) - 1]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: u64 = MIN_CHUNK_SIZE as u64;

    fn segment(file: u32, offset: u64, len: u64) -> Segment {
        Segment {
            file: FileIndex(file),
            offset,
            len: u32::try_from(len).unwrap(),
        }
    }

    #[test]
    fn chunk_sizes_follow_the_rule() {
        let gib = 1 << 30;
        assert_eq!(chunk_size(gib, 50), 64 << 10);
        assert_eq!(chunk_size(gib, 200), 32 << 10);
        assert_eq!(chunk_size(gib, 1000), chunk_size(gib, 50));
        assert_eq!(chunk_size(gib, 1), 512 << 10);
        assert_eq!(chunk_size(100 * gib, 50), MAX_CHUNK_SIZE);
        assert_eq!(chunk_size(32 << 20, 24), 16 << 10);
        assert_eq!(chunk_size(128 << 20, 24), 32 << 10);
        assert_eq!(chunk_size(0, 0), MIN_CHUNK_SIZE);
        assert_eq!(chunk_size(u64::MAX, 1), MAX_CHUNK_SIZE);
    }

    #[test]
    fn large_files_come_first_and_small_ones_share_chunks() {
        let sizes = [10, STEP, 0, STEP - 1, 2 * STEP + 5, 7];
        let layout = Layout::new(MIN_CHUNK_SIZE, sizes).unwrap();
        assert_eq!(layout.chunks(), 1 + 3 + 2);
        assert_eq!(layout.total(), sizes.iter().sum::<u64>());
        assert_eq!(layout.segments(ChunkIndex(0)), [segment(1, 0, STEP)]);
        assert_eq!(layout.segments(ChunkIndex(3)), [segment(4, 2 * STEP, 5)]);
        assert_eq!(layout.chunk_len(ChunkIndex(3)), 5);
        assert_eq!(
            layout.segments(ChunkIndex(4)),
            [segment(0, 0, 10), segment(3, 0, STEP - 10)]
        );
        assert_eq!(
            layout.segments(ChunkIndex(5)),
            [segment(3, STEP - 10, 9), segment(5, 0, 7)]
        );
        assert_eq!(
            layout.file_chunks(FileIndex(3)),
            ChunkIndex(4)..ChunkIndex(6)
        );
        assert!(layout.file_chunks(FileIndex(2)).is_empty());
    }

    #[test]
    fn numbers_beyond_the_end_have_nothing() {
        let layout = Layout::new(MIN_CHUNK_SIZE, [1]).unwrap();
        assert_eq!(layout.chunk_len(ChunkIndex(1)), 0);
        assert!(layout.segments(ChunkIndex(u32::MAX)).is_empty());
        assert!(layout.file_chunks(FileIndex(9)).is_empty());
    }

    #[test]
    fn limits_are_refused() {
        assert!(Layout::new(MIN_CHUNK_SIZE, vec![1; 20_000]).is_ok());
        assert_eq!(
            Layout::new(MIN_CHUNK_SIZE, vec![1; 20_001]),
            Err(LayoutError::TooManyFiles)
        );
        let most = u64::from(MAX_CHUNKS) * STEP;
        assert_eq!(
            Layout::new(MIN_CHUNK_SIZE, [most]).unwrap().chunks(),
            MAX_CHUNKS
        );
        assert!(Layout::new(MIN_CHUNK_SIZE, [most + 1]).is_err());
        assert!(Layout::new(MIN_CHUNK_SIZE, [most, 1]).is_err());
        assert!(Layout::new(MIN_CHUNK_SIZE, [u64::MAX, u64::MAX]).is_err());
        assert!(Layout::new(MIN_CHUNK_SIZE + 1, [1]).is_err());
        assert!(Layout::new(2 * MAX_CHUNK_SIZE, [1]).is_err());
    }

    fn sizes() -> impl Strategy<Value = Vec<u64>> {
        let size = prop_oneof![
            0..4 * STEP,
            Just(0),
            Just(STEP),
            Just(STEP - 1),
            Just(STEP + 1),
            0..100_u64
        ];
        prop::collection::vec(size, 0..40)
    }

    proptest! {
        #[test]
        fn every_byte_of_every_file_is_in_exactly_one_chunk(sizes in sizes()) {
            let layout = Layout::new(MIN_CHUNK_SIZE, sizes.iter().copied()).unwrap();
            let mut reached = vec![0_u64; sizes.len()];
            for chunk in (0..layout.chunks()).map(ChunkIndex) {
                let segments = layout.segments(chunk);
                let len: u64 = segments.iter().map(|s| u64::from(s.len)).sum();
                prop_assert_eq!(len, u64::from(layout.chunk_len(chunk)));
                prop_assert!(len > 0 && len <= STEP);
                for segment in segments {
                    let file = segment.file.0 as usize;
                    prop_assert_eq!(segment.offset, reached[file]);
                    reached[file] += u64::from(segment.len);
                    prop_assert!(layout.file_chunks(segment.file).contains(&chunk));
                }
            }
            prop_assert_eq!(reached, sizes);
        }

        #[test]
        fn the_chunks_of_a_file_all_have_bytes_of_it(sizes in sizes()) {
            let layout = Layout::new(MIN_CHUNK_SIZE, sizes.iter().copied()).unwrap();
            for file in (0..u32::try_from(sizes.len()).unwrap()).map(FileIndex) {
                let range = layout.file_chunks(file);
                let mut sum = 0;
                for chunk in (range.start.0..range.end.0).map(ChunkIndex) {
                    let here = layout.segments(chunk).into_iter().find(|s| s.file == file);
                    prop_assert!(here.is_some());
                    sum += here.map_or(0, |s| u64::from(s.len));
                }
                prop_assert_eq!(sum, layout.file_size(file));
            }
        }
    }
}
