//! The hash of a whole file, which several threads compute where it is large.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::core::ids::Hash;
use crate::core::tree::{file_hash, piece_hash};
use crate::platform::files::read_exact_at;

/// The parts of a file that are hashed at the same time, in bytes: subtrees of its BLAKE3 tree.
const PIECE: u64 = 32 * 1024 * 1024;
/// Read at a time, in bytes.
const BUFFER: usize = 256 * 1024;
/// More threads than this gain nothing: the memory is the limit.
const MOST_THREADS: usize = 4;

/// The BLAKE3 hash of a whole file, read in small pieces.
pub(super) fn hash_file(file: &File) -> io::Result<Hash> {
    let length = file.metadata()?.len();
    let pieces = usize::try_from(length.div_ceil(PIECE)).unwrap_or(usize::MAX);
    if pieces <= 1 {
        let mut hasher = blake3::Hasher::new();
        feed(&mut hasher, file, 0, length)?;
        return Ok(Hash(*hasher.finalize().as_bytes()));
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return Ok(done);
            }
            let start = piece as u64 * PIECE;
            let end = length.min(start + PIECE);
            let hash = piece_hash(start, |hasher| feed(hasher, file, start, end))?;
            done.push((piece, hash));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let done = thread::scope(|scope| {
        let others = 1..threads.min(MOST_THREADS).min(pieces);
        let others: Vec<_> = others.map(|_| scope.spawn(some)).collect();
        let mut done: io::Result<Vec<(usize, Hash)>> = some();
        for other in others {
            let theirs = other
                .join()
                .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            done = done.and_then(|mut all| {
                all.append(&mut theirs?);
                Ok(all)
            });
        }
        done
    });
    let mut done = done?;
    done.sort_unstable_by_key(|&(piece, _)| piece);
    let hashes: Vec<Hash> = done.into_iter().map(|(_, hash)| hash).collect();
    Ok(file_hash(&hashes))
}

/// Gives a hasher the bytes of a file from `start` to `end`.
fn feed(hasher: &mut blake3::Hasher, file: &File, start: u64, end: u64) -> io::Result<()> {
    let longest = usize::try_from(end - start).unwrap_or(BUFFER);
    let mut buffer = vec![0; BUFFER.min(longest)];
    let mut at = start;
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(BUFFER);
        let here = &mut buffer[..BUFFER.min(left)];
        read_exact_at(file, here, at)?;
        hasher.update(here);
        at += here.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_same_hash_however_many_threads_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let piece = usize::try_from(PIECE).unwrap();
        let mut bytes = vec![0; 3 * piece + 1];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        for length in [0, 1, piece, piece + 1, 2 * piece, 3 * piece, 3 * piece + 1] {
            let path = folder.path().join("file");
            std::fs::write(&path, &bytes[..length]).unwrap();
            let file = File::open(&path).unwrap();
            assert_eq!(
                hash_file(&file).unwrap(),
                Hash::of(&bytes[..length]),
                "{length} bytes"
            );
        }
    }
}
