#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::core::layout::MIN_CHUNK_SIZE;

mod crash;
mod names;
mod search;

const STEP: usize = MIN_CHUNK_SIZE as usize;

/// What a teacher has: files with bytes that differ everywhere.
struct Made {
    files: Vec<(String, Vec<u8>)>,
    layout: Layout,
}

impl Made {
    fn new(files: &[(&str, usize)]) -> Self {
        let bytes = |seed: usize, len| {
            let mut bytes = vec![0; len];
            let mut random = blake3::Hasher::new()
                .update(&seed.to_le_bytes())
                .finalize_xof();
            random.fill(&mut bytes);
            bytes
        };
        let files: Vec<_> = files
            .iter()
            .map(|&(path, len)| (path.to_owned(), bytes(len, len)))
            .collect();
        let sizes = files.iter().map(|(_, bytes)| bytes.len() as u64);
        Self {
            layout: Layout::new(MIN_CHUNK_SIZE, sizes).unwrap(),
            files,
        }
    }

    fn spec(&self, folder: &Path) -> ReceiveSpec {
        let file = |(path, bytes): &(String, Vec<u8>)| FileEntry {
            path: path.clone(),
            size: bytes.len() as u64,
        };
        ReceiveSpec {
            set: SetId([1; 16]),
            version: Version(1),
            chunk_size: MIN_CHUNK_SIZE,
            files: self.files.iter().map(file).collect(),
            folder: folder.to_owned(),
            previous: Vec::new(),
            reserve: 0,
        }
    }

    fn chunk(&self, chunk: u32) -> Vec<u8> {
        let part = |segment: Segment| {
            let start = usize::try_from(segment.offset).unwrap();
            self.files[segment.file.0 as usize].1[start..start + segment.len as usize].to_vec()
        };
        self.layout
            .segments(ChunkIndex(chunk))
            .into_iter()
            .flat_map(part)
            .collect()
    }

    fn hashes(&self) -> Vec<Hash> {
        (0..self.layout.chunks())
            .map(|n| chunk_hash(&self.layout, ChunkIndex(n), &self.chunk(n)))
            .collect()
    }

    fn root(&self) -> Hash {
        let hashes: Vec<u8> = self
            .files
            .iter()
            .flat_map(|(_, bytes)| Hash::of(bytes).0)
            .collect();
        Hash::of(&hashes)
    }

    /// A set with all hashes and the root known.
    fn open(&self, folder: &Path) -> ReceiveSet {
        self.open_spec(self.spec(folder))
    }

    fn open_spec(&self, spec: ReceiveSpec) -> ReceiveSet {
        let set = ReceiveSet::open(spec, &FilePool::new()).unwrap();
        set.add_hashes(ChunkIndex(0), &self.hashes()).unwrap();
        set.set_root(self.root());
        set
    }

    fn write(&self, set: &ReceiveSet, chunks: impl IntoIterator<Item = u32>) {
        for chunk in chunks {
            assert_eq!(
                set.write_chunk(ChunkIndex(chunk), &self.chunk(chunk)),
                Written::Stored
            );
        }
    }

    fn write_all(&self, set: &ReceiveSet) {
        self.write(set, 0..self.layout.chunks());
    }

    fn assert_saved(&self, folder: &Path) {
        for (path, bytes) in &self.files {
            assert!(
                fs::read(folder.join(path)).unwrap() == *bytes,
                "{path} differs"
            );
        }
    }
}

fn settle(set: &ReceiveSet) -> Settled {
    let settled = set.settle();
    assert_eq!(settled.faults, []);
    settled
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Every file below a folder but those of our own, with its bytes.
fn saved_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(STORE_FOLDER) {
                folders.push(path);
            } else if path.is_file() {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                all.insert(name, fs::read(path).unwrap());
            }
        }
    }
    all
}

fn mixed() -> Made {
    Made::new(&[
        ("lab/a.txt", 100),
        ("lab/big.bin", 3 * STEP + 77),
        ("lab/empty", 0),
        ("lab/sub/b.txt", STEP - 1),
        ("exact.bin", STEP),
        ("c.txt", 5000),
    ])
}

#[test]
fn a_set_is_received_in_any_order_and_saved() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, (0..made.layout.chunks()).rev());
    let settled = settle(&set);
    assert!(settled.complete);
    assert_eq!(settled.saved.len(), made.files.len());
    made.assert_saved(dir.path());
    assert_eq!(saved_files(dir.path()).len(), made.files.len());
    assert_eq!(set.main_path(), dir.path());
    // What was saved is served from there.
    for chunk in 0..made.layout.chunks() {
        let ChunkRead::Bytes(bytes) = set.read_chunk(ChunkIndex(chunk)) else {
            panic!()
        };
        assert!(bytes[..] == made.chunk(chunk)[..]);
    }
}

#[test]
fn no_file_appears_before_the_final_page_or_before_it_is_whole() {
    let (made, dir) = (mixed(), dir());
    let set = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap();
    set.add_hashes(ChunkIndex(0), &made.hashes()).unwrap();
    made.write_all(&set);
    assert!(settle(&set).saved.is_empty());
    assert!(saved_files(dir.path()).is_empty());
    set.set_root(made.root());
    assert!(set.wants_settling());
    assert!(settle(&set).complete);

    let dir = self::dir();
    let set = made.open(dir.path());
    made.write(&set, [0, 1, 2]);
    settle(&set);
    assert!(!saved_files(dir.path()).contains_key("lab/big.bin"));
    made.write(&set, [3]);
    settle(&set);
    assert!(saved_files(dir.path()).contains_key("lab/big.bin"));
    assert!(!set.is_saved());
}

#[test]
fn wrong_chunks_leave_no_trace() {
    let (made, dir) = (mixed(), dir());
    let set = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap();
    assert_eq!(
        set.write_chunk(ChunkIndex(0), &made.chunk(0)),
        Written::NoHash
    );
    set.add_hashes(ChunkIndex(0), &made.hashes()[..2]).unwrap();
    assert_eq!(
        set.write_chunk(ChunkIndex(2), &made.chunk(2)),
        Written::NoHash
    );
    let mut wrong = made.chunk(0);
    wrong[9] ^= 1;
    assert_eq!(set.write_chunk(ChunkIndex(0), &wrong), Written::Bad);
    assert_eq!(set.write_chunk(ChunkIndex(0), &[]), Written::Bad);
    assert_eq!(set.write_chunk(ChunkIndex(0), &made.chunk(1)), Written::Bad);
    assert_eq!(set.read_chunk(ChunkIndex(0)), ChunkRead::NotHeld);
    assert_eq!(set.read_chunk(ChunkIndex(u32::MAX)), ChunkRead::NotHeld);
    assert_eq!(set.held(), []);
    assert_eq!(
        fs::read_dir(&set.parts).unwrap().count(),
        1,
        "the journal alone"
    );
}

#[test]
fn hashes_with_a_gap_or_beyond_the_end_are_refused() {
    let (made, dir) = (mixed(), dir());
    let set = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap();
    let hashes = made.hashes();
    assert!(set.add_hashes(ChunkIndex(1), &hashes[1..]).is_err());
    assert!(
        set.add_hashes(ChunkIndex(0), &[&hashes[..], &hashes[..1]].concat())
            .is_err()
    );
    set.add_hashes(ChunkIndex(0), &hashes[..3]).unwrap();
    set.add_hashes(ChunkIndex(0), &hashes).unwrap();
    assert_eq!(set.hashed_chunks(), made.layout.chunks());
}

#[test]
fn a_chunk_that_changed_on_the_disk_is_no_longer_claimed() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    settle(&set);
    fs::write(dir.path().join("exact.bin"), vec![7; STEP]).unwrap();
    let exact = made.layout.file_chunks(FileIndex(4)).start;
    assert_eq!(set.read_chunk(exact), ChunkRead::Lost);
    assert_eq!(set.read_chunk(exact), ChunkRead::NotHeld);
    // It stays saved: what the person does with the file is no reason to fetch it again.
    assert!(set.is_saved());
    fs::remove_file(dir.path().join("lab/big.bin")).unwrap();
    set.pool.close_all(set.owner);
    assert_eq!(set.read_chunk(ChunkIndex(0)), ChunkRead::Lost);
    drop(set);
    let set = made.open(dir.path());
    assert!(set.is_saved());
    assert_eq!(set.held(), [(4 + 1, made.layout.chunks() - 1)]);
    assert!(settle(&set).saved.is_empty());
    assert!(!dir.path().join("lab/big.bin").exists());
}

#[test]
fn a_part_file_that_vanishes_is_fetched_again() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, 0..4);
    set.pool.close_all(set.owner);
    fs::remove_file(set.part_path(FileIndex(1))).unwrap();
    let settled = set.settle();
    assert!(!settled.complete);
    let settled = [settled, set.settle()];
    let lost: usize = settled.iter().map(|settled| settled.lost.len()).sum();
    assert_eq!(lost, 4);
    made.write_all(&set);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn bytes_that_the_disk_lost_are_found_before_the_last_name_is_given() {
    let made = Made::new(&[("big.bin", 3 * STEP)]);
    let dir = dir();
    let set = made.open(dir.path());
    made.write_all(&set);
    let mut part = fs::read(set.part_path(FileIndex(0))).unwrap();
    part[STEP + 5] ^= 1;
    fs::write(set.part_path(FileIndex(0)), part).unwrap();
    let settled = set.settle();
    assert_eq!(settled.lost, [ChunkIndex(1)]);
    assert!(saved_files(dir.path()).is_empty());
    made.write(&set, [1]);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn a_manifest_that_contradicts_itself_saves_nothing() {
    let made = Made::new(&[("big.bin", 3 * STEP)]);
    let dir = dir();
    let set = made.open(dir.path());
    set.set_root(Hash([0; 32]));
    made.write_all(&set);
    let settled = set.settle();
    assert_eq!(settled.faults[0].reason, FailReason::BadManifest);
    assert!(saved_files(dir.path()).is_empty());
}

#[test]
fn too_little_space_is_seen_before_and_during() {
    let (made, dir) = (mixed(), dir());
    let mut spec = made.spec(dir.path());
    spec.reserve = u64::MAX;
    let fault = ReceiveSet::open(spec, &FilePool::new()).unwrap_err();
    assert_eq!(fault.reason, FailReason::DiskFull);
    assert!(fault.to_string().contains("Free some space"), "{fault}");
    let mut set = made.open(dir.path());
    made.write(&set, [0]);
    assert!(*set.space.get_mut() <= MOST_UNLOOKED);
    // What may be written without a look is used up.
    (set.reserve, set.space) = (u64::MAX, 0.into());
    let Written::Failed(fault) = set.write_chunk(ChunkIndex(1), &made.chunk(1)) else {
        panic!()
    };
    assert_eq!(fault.reason, FailReason::DiskFull);
    assert_eq!(set.held(), [(0, 0)]);
    set.reserve = 0;
    made.write_all(&set);
    assert!(settle(&set).complete);
}

#[test]
fn two_programs_do_not_receive_one_set_into_one_folder() {
    let (made, dir) = (mixed(), dir());
    let _first = made.open(dir.path());
    let fault = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap_err();
    assert_eq!(fault.reason, FailReason::NotWritable);
    assert!(fault.to_string().contains("another program"), "{fault}");
}

#[test]
fn a_folder_that_is_a_file_is_a_fault_with_its_path() {
    let dir = dir();
    let folder = dir.path().join("file");
    fs::write(&folder, "x").unwrap();
    let fault = ReceiveSet::open(mixed().spec(&folder), &FilePool::new()).unwrap_err();
    assert!(
        fault.to_string().contains(folder.to_str().unwrap()),
        "{fault}"
    );
}

#[test]
fn many_threads_write_one_set() {
    let made = Made::new(&[("big.bin", 40 * STEP), ("a", 100), ("b", 200), ("c", 9000)]);
    let dir = dir();
    let set = made.open(dir.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| made.write_all(&set));
        }
        scope.spawn(|| (0..20).for_each(|_| drop(settle(&set))));
    });
    settle(&set);
    assert!(set.is_saved());
    made.assert_saved(dir.path());
}

#[test]
fn a_discarded_set_leaves_only_what_was_saved() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, 0..5);
    settle(&set);
    set.discard().unwrap();
    assert_eq!(saved_files(dir.path()).len(), 3);
    assert!(!dir.path().join(STORE_FOLDER).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn zeros_that_come_in_order_take_no_room() {
    use std::os::unix::fs::MetadataExt as _;
    let mut made = Made::new(&[("sparse.img", 64 * STEP)]);
    made.files[0].1[STEP..].fill(0);
    let dir = dir();
    let set = made.open(dir.path());
    made.write(&set, 0..40);
    made.write(&set, (40..64).rev());
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
    let meta = fs::metadata(dir.path().join("sparse.img")).unwrap();
    assert!(
        meta.blocks() * 512 < 40 * STEP as u64,
        "{} blocks",
        meta.blocks()
    );
}
