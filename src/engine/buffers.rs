//! Buffers for chunks, used again and again.
//!
//! A chunk is read, received or sent by one of many threads and dropped by another. The system's
//! allocator keeps memory for each thread, and so holds several times what is in use: buffers that
//! nobody uses any more are handed out again instead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of buffers that are kept unused.
const KEPT: usize = 4 * 1024 * 1024;
/// Smaller ones are left to the allocator.
const SMALLEST: usize = 64 * 1024;

/// Buffers that nobody uses, up to [`KEPT`] bytes.
static UNUSED: Buffers = Buffers(Mutex::new(Vec::new()));

/// A buffer with one owner, to be filled whole before it is shared: what is in it is old.
pub fn take(len: usize) -> Arc<[u8]> {
    UNUSED.take(len)
}

/// Gives a buffer back; it is used again if nobody else has it, and dropped here otherwise.
pub fn give_back(buffer: Arc<[u8]>) {
    UNUSED.give_back(buffer);
}

struct Buffers(Mutex<Vec<Arc<[u8]>>>);

impl Buffers {
    fn unused(&self) -> MutexGuard<'_, Vec<Arc<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, len: usize) -> Arc<[u8]> {
        let used = {
            let mut unused = self.unused();
            let at = unused.iter().rposition(|buffer| buffer.len() == len);
            at.map(|at| unused.remove(at))
        };
        used.unwrap_or_else(|| std::iter::repeat_n(0, len).collect())
    }

    fn give_back(&self, mut buffer: Arc<[u8]>) {
        if buffer.len() < SMALLEST || Arc::get_mut(&mut buffer).is_none() {
            return;
        }
        let mut unused = self.unused();
        unused.push(buffer);
        let mut kept: usize = unused.iter().map(|buffer| buffer.len()).sum();
        // Those of a size that is no longer used go first.
        while kept > KEPT {
            kept -= unused.remove(0).len();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LEN: usize = SMALLEST;

    #[test]
    fn a_buffer_that_nobody_uses_is_handed_out_again() {
        let buffers = Buffers(Mutex::default());
        let first = buffers.take(LEN);
        let place = first.as_ptr();
        let reader = first.clone();
        buffers.give_back(first);
        assert_ne!(buffers.take(LEN).as_ptr(), place, "somebody still reads it");
        buffers.give_back(reader);
        assert_ne!(buffers.take(LEN + 1).as_ptr(), place, "of another size");
        let mut again = buffers.take(LEN);
        assert_eq!(again.as_ptr(), place);
        assert!(Arc::get_mut(&mut again).is_some());
    }

    #[test]
    fn no_more_is_kept_than_is_worth_it() {
        let buffers = Buffers(Mutex::default());
        let many: Vec<_> = (0..2 * KEPT / LEN).map(|_| buffers.take(LEN)).collect();
        for one in many {
            buffers.give_back(one);
        }
        buffers.give_back(buffers.take(SMALLEST - 1));
        assert_eq!(buffers.unused().len(), KEPT / LEN);
        buffers.give_back(buffers.take(2 * KEPT));
        assert!(buffers.unused().is_empty());
    }
}
