//! Few open files, whatever the number of files and sets.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::ids::FileIndex;

/// How many files stay open, over all sets of a pool.
pub const OPEN_FILES: usize = 64;

/// What all sets share: open files, the least recently used ones being closed. Shared by reference.
#[derive(Debug, Default)]
pub struct FilePool {
    open: Mutex<Open>,
    owners: AtomicU64,
    /// Bytes that all sets together may write until the free space is looked at again.
    pub(super) space: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<(u64, FileIndex), (u64, Arc<File>)>,
    clock: u64,
}

impl FilePool {
    /// An empty pool.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A number for a set that uses the pool, never given twice.
    pub(super) fn owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    /// The open file, or the one that `open` opens.
    pub(super) fn get<E>(
        &self,
        owner: u64,
        file: FileIndex,
        open: impl FnOnce() -> Result<File, E>,
    ) -> Result<Arc<File>, E> {
        let mut pool = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        pool.clock += 1;
        let clock = pool.clock;
        if let Some((used, handle)) = pool.files.get_mut(&(owner, file)) {
            *used = clock;
            return Ok(handle.clone());
        }
        // Opening under the lock: otherwise two threads could open one part file twice.
        let handle = Arc::new(open()?);
        if pool.files.len() >= OPEN_FILES
            && let Some(&oldest) = pool
                .files
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| key)
        {
            pool.files.remove(&oldest);
        }
        pool.files.insert((owner, file), (clock, handle.clone()));
        Ok(handle)
    }

    /// Closes a file, once its last user is done with it.
    pub(super) fn close(&self, owner: u64, file: FileIndex) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .files
            .remove(&(owner, file));
    }

    /// Closes all files of a set.
    pub(super) fn close_all(&self, owner: u64) {
        let mut pool = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        pool.files.retain(|(of, _), _| *of != owner);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_file_is_closed() {
        let pool = FilePool::new();
        let mut opened = 0;
        let mut get = |file| {
            let open = || {
                opened += 1;
                tempfile::tempfile()
            };
            pool.get(0, FileIndex(file), open).unwrap();
            opened
        };
        for file in 0..64 {
            get(file);
        }
        assert_eq!(get(0), 64);
        assert_eq!(get(64), 65);
        assert_eq!(get(0), 65);
        assert_eq!(get(1), 66);
        pool.close_all(0);
        assert_eq!(pool.open.lock().unwrap().files.len(), 0);
    }
}
