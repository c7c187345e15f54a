//! Chunks in memory that were just made, received or read.
//!
//! A chunk that this machine owns is asked for by every other one: it is read once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::buffers;
use crate::core::ids::{ChunkIndex, SetId};

/// Bytes that are kept, unless set otherwise.
pub const DEFAULT_CACHE: usize = 32 * 1024 * 1024;

/// The most recently used chunks, up to a number of bytes. Shared by reference.
#[derive(Debug)]
pub struct ChunkCache {
    limit: usize,
    inner: Mutex<Inner>,
}

type Key = (SetId, ChunkIndex);

#[derive(Debug, Default)]
struct Inner {
    /// When each was last used, and its bytes.
    chunks: HashMap<Key, (u64, Arc<[u8]>)>,
    by_use: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

impl ChunkCache {
    /// An empty cache of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::default(),
        }
    }

    /// A chunk, if it is here.
    pub fn get(&self, set: SetId, chunk: ChunkIndex) -> Option<Arc<[u8]>> {
        let mut inner = self.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let (used, bytes) = inner.chunks.get_mut(&(set, chunk))?;
        let before = std::mem::replace(used, clock);
        let bytes = bytes.clone();
        inner.by_use.remove(&before);
        inner.by_use.insert(clock, (set, chunk));
        Some(bytes)
    }

    /// Keeps a verified chunk, at the cost of those that were not used for longest.
    pub fn put(&self, set: SetId, chunk: ChunkIndex, bytes: Arc<[u8]>) {
        if bytes.len() > self.limit {
            return;
        }
        let mut inner = self.lock();
        inner.remove((set, chunk));
        while inner.bytes + bytes.len() > self.limit {
            let Some((_, oldest)) = inner.by_use.pop_first() else {
                break;
            };
            inner.remove(oldest);
        }
        inner.clock += 1;
        let clock = inner.clock;
        inner.bytes += bytes.len();
        inner.by_use.insert(clock, (set, chunk));
        inner.chunks.insert((set, chunk), (clock, bytes));
    }

    /// Forgets all chunks of a set.
    pub fn forget(&self, set: SetId) {
        let mut inner = self.lock();
        let keys: Vec<_> = inner
            .chunks
            .keys()
            .filter(|(of, _)| *of == set)
            .copied()
            .collect();
        for key in keys {
            inner.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ChunkCache {
    fn default() -> Self {
        Self::new(DEFAULT_CACHE)
    }
}

impl Inner {
    fn remove(&mut self, key: Key) {
        if let Some((used, bytes)) = self.chunks.remove(&key) {
            self.by_use.remove(&used);
            self.bytes -= bytes.len();
            buffers::give_back(bytes);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SET: SetId = SetId([1; 16]);

    #[test]
    fn the_least_recently_used_chunks_make_room() {
        let cache = ChunkCache::new(100);
        for n in 0..4 {
            cache.put(SET, ChunkIndex(n), vec![0; 25].into());
        }
        assert!(cache.get(SET, ChunkIndex(0)).is_some());
        cache.put(SET, ChunkIndex(4), vec![0; 30].into());
        let here = |n| cache.get(SET, ChunkIndex(n)).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(here), [true, false, false, true, true]);
        cache.put(SET, ChunkIndex(0), vec![1; 20].into());
        assert_eq!(cache.lock().bytes, 75);
        cache.put(SET, ChunkIndex(9), vec![0; 101].into());
        assert!(cache.get(SET, ChunkIndex(9)).is_none());
        cache.forget(SET);
        let inner = cache.lock();
        assert_eq!((inner.bytes, inner.by_use.len()), (0, 0));
    }
}
