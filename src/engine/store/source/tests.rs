#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;
use crate::core::layout::MIN_CHUNK_SIZE;
use crate::store::scan::scan;

const STEP: usize = MIN_CHUNK_SIZE as usize;

struct Shared {
    dir: TempDir,
    set: SourceSet,
}

impl Shared {
    fn new(copy: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = dir.path().join("lab");
        fs::create_dir(&lab).unwrap();
        fs::write(lab.join("big.bin"), vec![1; 2 * STEP + 9]).unwrap();
        fs::write(lab.join("a.txt"), "text").unwrap();
        fs::write(lab.join("empty"), "").unwrap();
        fs::write(lab.join("b.txt"), vec![2; STEP - 2]).unwrap();
        let files = scan(&[lab]).unwrap().files;
        let copy = copy.then(|| dir.path().join("copy"));
        let set = SourceSet::new(files, MIN_CHUNK_SIZE, copy, &FilePool::new()).unwrap();
        Self { dir, set }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("lab").join(name)
    }

    fn hash(&self) -> Result<Option<Hash>, SourceError> {
        self.set.hash(|_| ControlFlow::Continue(()))
    }
}

#[test]
fn every_chunk_is_hashed_in_order_and_read_again() {
    let shared = Shared::new(false);
    let mut seen = Vec::new();
    let root = shared.set.hash(|hashed| {
        assert_eq!(hashed.chunk.0 as usize, seen.len());
        let hash = chunk_hash(shared.set.layout(), hashed.chunk, &hashed.bytes);
        assert_eq!(hash, hashed.hash);
        // Sending starts while hashing goes on.
        assert_eq!(shared.set.read_chunk(hashed.chunk).unwrap(), hashed.bytes);
        seen.push(hashed.hash);
        ControlFlow::Continue(())
    });
    assert_eq!(seen.len(), 3 + 2);
    let whole: Vec<u8> = ["a.txt", "b.txt", "big.bin", "empty"]
        .iter()
        .flat_map(|name| Hash::of(&fs::read(shared.path(name)).unwrap()).0)
        .collect();
    assert_eq!(root, Ok(Some(Hash::of(&whole))));
    assert_eq!(
        shared.set.read_chunk(ChunkIndex(5)),
        Err(SourceError::NotHashed(ChunkIndex(5)))
    );
}

#[test]
fn hashing_stops_when_it_is_told_to() {
    let shared = Shared::new(false);
    let mut count = 0;
    let stopped = shared.set.hash(|_| {
        count += 1;
        if count == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(stopped, Ok(None));
    assert!(shared.set.read_chunk(ChunkIndex(2)).is_err());
    assert!(shared.hash().unwrap().is_some());
}

#[test]
fn a_file_that_changes_before_or_while_it_is_hashed_is_named() {
    for name in ["a.txt", "big.bin", "empty"] {
        let shared = Shared::new(false);
        fs::write(shared.path(name), "other text").unwrap();
        let error = shared.hash().unwrap_err();
        assert_eq!(
            error,
            SourceError::Changed(fs::canonicalize(shared.path(name)).unwrap())
        );
        assert!(
            error
                .to_string()
                .contains("changed while it was being shared")
        );
    }
    // After its own chunks were read, but before the end.
    let shared = Shared::new(false);
    let result = shared.set.hash(|hashed| {
        if hashed.chunk.0 == 4 {
            let file = File::options()
                .append(true)
                .open(shared.path("big.bin"))
                .unwrap();
            file.set_len(5).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(result, Err(SourceError::Changed(path)) if path.ends_with("big.bin")));
}

#[test]
fn a_file_that_changes_later_is_never_served() {
    let shared = Shared::new(false);
    shared.hash().unwrap();
    fs::write(shared.path("big.bin"), vec![3; 2 * STEP + 9]).unwrap();
    let error = shared.set.read_chunk(ChunkIndex(0)).unwrap_err();
    assert!(matches!(error, SourceError::Changed(path) if path.ends_with("big.bin")));
    assert!(shared.set.read_chunk(ChunkIndex(3)).is_ok());
}

#[test]
fn a_file_that_is_gone_is_named() {
    let shared = Shared::new(false);
    fs::remove_file(shared.path("b.txt")).unwrap();
    let error = shared.hash().unwrap_err();
    assert!(matches!(&error, SourceError::Unreadable(fault) if fault.path.ends_with("b.txt")));
}

#[test]
fn a_copy_outlives_its_source() {
    let shared = Shared::new(true);
    let mut chunks = Vec::new();
    let collect = |hashed: Hashed| {
        chunks.push(hashed.bytes);
        ControlFlow::Continue(())
    };
    assert!(shared.set.hash(collect).unwrap().is_some());
    fs::remove_dir_all(shared.dir.path().join("lab")).unwrap();
    shared.set.pool.close_all(shared.set.owners[0]);
    for (chunk, bytes) in (0..).map(ChunkIndex).zip(chunks) {
        assert_eq!(shared.set.read_chunk(chunk).unwrap(), bytes);
    }
    shared.set.remove_copy().unwrap();
    assert!(!shared.dir.path().join("copy").exists());
}

#[test]
fn whole_copies_stand_in_for_the_files_after_a_restart() {
    let shared = Shared::new(true);
    assert_eq!(shared.set.copies(), None);
    let hashes = |set: &SourceSet| {
        let mut hashes = Vec::new();
        let collect = |hashed: Hashed| {
            hashes.push(hashed.hash);
            ControlFlow::Continue(())
        };
        let root = set.hash(collect).unwrap();
        (hashes, root)
    };
    let first = hashes(&shared.set);
    let copies = shared.set.copies().unwrap();
    let again = SourceSet::new(copies, MIN_CHUNK_SIZE, None, &FilePool::new()).unwrap();
    assert_eq!(hashes(&again), first);
    assert_eq!(first.0.len(), 5);
}
