//! Records become chunks again: for one link, in bounded memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::buffers;
use crate::core::ids::{ChunkIndex, SessionId, SetId};
use crate::core::wire::frame::RecordHeader;

/// Tells how long a chunk is; none where it is not wanted (any more), so that its records are
/// passed over.
pub trait ChunkLengths: Send + Sync {
    /// The length in bytes of the chunk that a record is of.
    fn length(&self, header: &RecordHeader) -> Option<u32>;
}

/// The most bytes of unfinished chunks.
#[derive(Debug, Clone, Copy)]
pub struct AssemblyLimits {
    /// From one link.
    pub link: usize,
    /// From all links together.
    pub all: usize,
}

impl Default for AssemblyLimits {
    fn default() -> Self {
        Self {
            link: 8 * 1024 * 1024,
            all: 48 * 1024 * 1024,
        }
    }
}

/// Which chunk.
pub type Key = (SessionId, SetId, ChunkIndex);

struct Unfinished {
    key: Key,
    bytes: Arc<[u8]>,
    filled: usize,
}

/// The unfinished chunks of one link. The oldest one is given up for a new one that finds no room:
/// it was cancelled, or the other side sends more than it was asked for.
pub struct Assembly {
    unfinished: VecDeque<Unfinished>,
    held: usize,
    held_by_all: Arc<AtomicUsize>,
    limits: AssemblyLimits,
}

impl Assembly {
    /// Nothing yet; `held_by_all` counts over all links.
    pub fn new(held_by_all: Arc<AtomicUsize>, limits: AssemblyLimits) -> Self {
        Self {
            unfinished: VecDeque::new(),
            held: 0,
            held_by_all,
            limits,
        }
    }

    /// Where the payload of a record goes. None where it does not continue what came, does not fit
    /// its chunk, or finds no room: then the payload is to be passed over.
    ///
    /// `chunk` is the length of the chunk in bytes.
    pub fn place(&mut self, header: &RecordHeader, length: usize, chunk: u32) -> Option<&mut [u8]> {
        let key = key(header);
        let offset = header.offset as usize;
        let end = offset.checked_add(length)?;
        if end > chunk as usize || length == 0 {
            self.forget(&key);
            return None;
        }
        let at = self.unfinished.iter().position(|one| one.key == key);
        let fits = at.is_some_and(|at| {
            let one = &self.unfinished[at];
            one.bytes.len() == chunk as usize && (one.filled == offset || offset == 0)
        });
        if !fits {
            self.forget(&key);
            if offset != 0 {
                return None;
            }
            self.begin(key, chunk as usize)?;
        }
        let one = self.unfinished.iter_mut().find(|one| one.key == key)?;
        one.filled = end;
        Arc::get_mut(&mut one.bytes)?.get_mut(offset..end)
    }

    /// The chunk, if the record was its last.
    pub fn finish(&mut self, header: &RecordHeader) -> Option<Arc<[u8]>> {
        let key = key(header);
        let done = |one: &Unfinished| one.key == key && one.filled == one.bytes.len();
        let at = self.unfinished.iter().position(done)?;
        let one = self.unfinished.remove(at)?;
        self.give_back(one.bytes.len());
        Some(one.bytes)
    }

    fn begin(&mut self, key: Key, length: usize) -> Option<()> {
        while self.held + length > self.limits.link
            || self.held_by_all.load(Ordering::Relaxed) + length > self.limits.all
        {
            let oldest = self.unfinished.pop_front()?;
            self.give_back(oldest.bytes.len());
        }
        self.held += length;
        self.held_by_all.fetch_add(length, Ordering::Relaxed);
        self.unfinished.push_back(Unfinished {
            key,
            bytes: buffers::take(length),
            filled: 0,
        });
        Some(())
    }

    /// Drops what came of a chunk.
    pub fn forget(&mut self, key: &Key) {
        if let Some(at) = self.unfinished.iter().position(|one| one.key == *key)
            && let Some(one) = self.unfinished.remove(at)
        {
            self.give_back(one.bytes.len());
        }
    }

    fn give_back(&mut self, length: usize) {
        self.held -= length;
        self.held_by_all.fetch_sub(length, Ordering::Relaxed);
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        self.held_by_all.fetch_sub(self.held, Ordering::Relaxed);
    }
}

fn key(header: &RecordHeader) -> Key {
    (header.session, header.set, header.chunk)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn record(chunk: u32, offset: u32) -> RecordHeader {
        RecordHeader {
            session: SessionId([1; 16]),
            set: SetId([2; 16]),
            chunk: ChunkIndex(chunk),
            offset,
            owner: false,
        }
    }

    fn assembly(link: usize) -> (Assembly, Arc<AtomicUsize>) {
        let all = Arc::new(AtomicUsize::new(0));
        let limits = AssemblyLimits {
            link,
            all: 64 * KIB,
        };
        (Assembly::new(all.clone(), limits), all)
    }

    #[test]
    fn records_of_several_chunks_become_chunks() {
        let (mut assembly, all) = assembly(64 * KIB);
        for (chunk, offset) in [(0, 0), (1, 0), (0, 3), (1, 3)] {
            let header = record(chunk, offset);
            let place = assembly.place(&header, 3, 6).unwrap();
            place.fill(u8::try_from(chunk).unwrap() + 1);
            let done = assembly.finish(&header);
            assert_eq!(done.is_some(), offset == 3);
            if let Some(bytes) = done {
                assert_eq!(*bytes, [u8::try_from(chunk).unwrap() + 1; 6]);
            }
        }
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_chunk_may_start_again_but_not_in_the_middle() {
        let (mut assembly, _) = assembly(64 * KIB);
        assert!(assembly.place(&record(0, 3), 3, 6).is_none());
        assert!(assembly.place(&record(0, 0), 3, 6).is_some());
        assert!(assembly.place(&record(0, 0), 3, 6).is_some());
        assert!(
            assembly.place(&record(0, 3), 4, 6).is_none(),
            "beyond the chunk"
        );
        assert!(assembly.place(&record(0, 3), 3, 6).is_none(), "given up");
    }

    #[test]
    fn memory_is_bounded_by_giving_up_the_oldest() {
        let (mut assembly, all) = assembly(32 * KIB);
        for chunk in 0..100 {
            assert!(assembly.place(&record(chunk, 0), 1, 16 * 1024).is_some());
            assert!(all.load(Ordering::Relaxed) <= 32 * KIB);
        }
        assert!(assembly.place(&record(99, 1), 1, 16 * 1024).is_some());
        assert!(assembly.place(&record(0, 1), 1, 16 * 1024).is_none());
        drop(assembly);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn links_share_what_all_may_hold() {
        let all = Arc::new(AtomicUsize::new(0));
        let limits = AssemblyLimits {
            link: 64 * KIB,
            all: 64 * KIB,
        };
        let mut greedy = Assembly::new(all.clone(), limits);
        for chunk in 0..4 {
            assert!(greedy.place(&record(chunk, 0), 1, 16 * 1024).is_some());
        }
        let mut other = Assembly::new(all, limits);
        assert!(other.place(&record(0, 0), 1, 16 * 1024).is_none());
        drop(greedy);
        assert!(other.place(&record(0, 0), 1, 16 * 1024).is_some());
    }
}
