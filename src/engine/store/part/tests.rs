#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::core::layout::MIN_CHUNK_SIZE;
use crate::core::names::STORE_FOLDER;

mod crash;
mod names;
#[cfg(unix)]
mod power;
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
    assert!(settled.faults.is_empty(), "it is only fetched again");
    assert!(saved_files(dir.path()).is_empty());
    made.write(&set, [1]);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn bytes_that_the_disk_lost_are_found_while_the_rest_is_still_coming() {
    let made = Made::new(&[("big.bin", 3 * STEP), ("a.txt", 20), ("b.txt", STEP - 1)]);
    let dir = dir();
    let set = made.open(dir.path());
    made.write(&set, [0, 1, 3]);
    for (file, byte) in [(0, STEP + 5), (1, 7)] {
        let path = set.part_path(FileIndex(file));
        let mut part = fs::read(&path).unwrap();
        part[byte] ^= 1;
        fs::write(&path, part).unwrap();
    }
    let settled = set.settle();
    assert_eq!(settled.lost, [ChunkIndex(1), ChunkIndex(3)]);
    assert!(settled.faults.is_empty(), "it is only fetched again");
    assert_eq!(set.held(), [(0, 0)]);
    made.write(&set, 1..made.layout.chunks());
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn a_saved_file_that_a_person_changed_does_not_hold_up_what_shares_a_chunk_with_it() {
    for restarted in [false, true] {
        let made = Made::new(&[("a.txt", STEP / 2), ("b.txt", STEP - 1)]);
        let dir = dir();
        let mut set = made.open(dir.path());
        made.write(&set, [0]);
        assert_eq!(settle(&set).saved.len(), 1);
        fs::write(dir.path().join("a.txt"), "my own words").unwrap();
        if restarted {
            drop(set);
            set = made.open(dir.path());
        } else {
            assert_eq!(set.read_chunk(ChunkIndex(0)), ChunkRead::Lost);
        }
        made.write_all(&set);
        let settled = settle(&set);
        assert!(settled.complete && settled.lost.is_empty());
        assert_eq!(fs::read(dir.path().join("b.txt")).unwrap(), made.files[1].1);
        assert_eq!(fs::read(dir.path().join("a.txt")).unwrap(), b"my own words");
    }
}

/// One byte of the first file goes bad between two runs, while another file is not there yet. `here` are the chunks that are,
/// the bad one first.
#[track_caller]
fn found_before_its_name(sizes: &[(&str, usize)], here: &[u32], missing: u32) {
    let (made, dir) = (Made::new(sizes), dir());
    let set = made.open(dir.path());
    made.write(&set, here.iter().copied());
    set.checkpoint_for_test();
    let path = set.part_path(FileIndex(0));
    drop(set);
    let mut part = fs::read(&path).unwrap();
    part[5] ^= 1;
    fs::write(&path, part).unwrap();
    let set = made.open(dir.path());
    let settled = set.settle();
    assert_eq!(settled.lost, [ChunkIndex(here[0])]);
    assert!(settled.faults.is_empty(), "it is only fetched again");
    assert!(settled.saved.iter().all(|file| file.file != FileIndex(0)));
    made.write(&set, [here[0], missing]);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn a_larger_file_with_a_bad_byte_of_an_earlier_run_gets_no_name() {
    found_before_its_name(&[("a.bin", 2 * STEP), ("b.bin", STEP)], &[0, 1], 2);
}

#[test]
fn a_small_file_with_a_bad_byte_of_an_earlier_run_gets_no_name() {
    // Small files come after the large ones.
    found_before_its_name(&[("a.txt", 100), ("b.txt", 100), ("c.bin", STEP)], &[1], 0);
}

#[test]
fn a_disk_that_loses_what_is_written_again_and_again_is_given_up() {
    let made = Made::new(&[("big.bin", 3 * STEP)]);
    let dir = dir();
    let set = made.open(dir.path());
    made.write_all(&set);
    let mut given_up = None;
    for time in 0..10 {
        let mut part = fs::read(set.part_path(FileIndex(0))).unwrap();
        part[STEP + 5] ^= 1;
        fs::write(set.part_path(FileIndex(0)), part).unwrap();
        if let Some(fault) = set.settle().faults.pop() {
            given_up = Some((time, fault.reason));
            break;
        }
        made.write(&set, [1]);
    }
    assert_eq!(given_up, Some((3, FailReason::DiskError)));
    assert!(saved_files(dir.path()).is_empty());
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
    let pool = set.pool.clone();
    made.write(&set, [0]);
    let unlooked = || pool.space.load(Ordering::Relaxed);
    let first = unlooked();
    assert!(first <= MOST_UNLOOKED);
    // Another set takes of the same: it has no share of its own.
    let elsewhere = self::dir();
    let other = ReceiveSet::open(made.spec(elsewhere.path()), &pool).unwrap();
    other.add_hashes(ChunkIndex(0), &made.hashes()).unwrap();
    made.write(&other, [0]);
    assert_eq!(unlooked(), first - made.chunk(0).len() as u64);
    // What may be written without a look is used up.
    pool.space.store(0, Ordering::Relaxed);
    set.reserve = u64::MAX;
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
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for folder in [file.clone(), file.join("Lab"), file.join("Lab/Monday")] {
        let fault = ReceiveSet::open(mixed().spec(&folder), &FilePool::new()).unwrap_err();
        // It helps to choose another folder.
        assert_eq!(fault.reason, FailReason::NotWritable);
        assert!(
            fault.to_string().contains(file.to_str().unwrap()),
            "{fault}"
        );
    }
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
