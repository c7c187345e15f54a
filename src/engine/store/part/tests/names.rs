//! Final names.

use super::*;
use crate::core::names::{SafePath, settle_collisions};

#[test]
fn a_file_of_somebody_else_is_kept() {
    let (made, dir) = (mixed(), dir());
    fs::write(dir.path().join("c.txt"), "mine").unwrap();
    let set = made.open(dir.path());
    made.write_all(&set);
    assert!(settle(&set).complete);
    let saved = saved_files(dir.path());
    assert_eq!(saved["c.txt"], b"mine");
    assert!(saved["c (2).txt"] == made.files[5].1);
}

#[test]
fn receiving_the_same_files_twice_leaves_one_copy() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    settle(&set);
    let other = made.open_spec(ReceiveSpec {
        set: SetId([2; 16]),
        ..made.spec(dir.path())
    });
    made.write_all(&other);
    let settled = settle(&other);
    assert_eq!(settled.saved.len(), made.files.len());
    assert_eq!(saved_files(dir.path()).len(), made.files.len());
}

#[test]
fn a_new_version_replaces_what_is_unchanged_and_fetches_only_what_differs() {
    let old = Made::new(&[("keep.bin", 4 * STEP), ("edit.txt", 500), ("same.txt", 20)]);
    let dir = dir();
    let first = old.open(dir.path());
    old.write_all(&first);
    settle(&first);
    fs::write(dir.path().join("edit.txt"), "my notes").unwrap();

    let mut new = Made::new(&[("keep.bin", 4 * STEP), ("edit.txt", 600), ("same.txt", 20)]);
    new.files[0].1[2 * STEP] ^= 1;
    let spec = ReceiveSpec {
        set: SetId([2; 16]),
        version: Version(2),
        previous: first.saved_copies(),
        ..new.spec(dir.path())
    };
    let second = new.open_spec(spec);
    let search = Search::new(&new.spec(dir.path()).files, first.locals(true)).unwrap();
    let step = search.step(&second).unwrap().unwrap();
    assert_eq!((step.upto, step.found), (5, vec![(0, 1), (3, 3)]));
    assert_eq!(search.step(&second).unwrap(), None);
    new.write(&second, [2, 4]);
    assert!(settle(&second).complete);
    let saved = saved_files(dir.path());
    assert!(saved["keep.bin"] == new.files[0].1);
    assert_eq!(saved["edit.txt"], b"my notes");
    assert!(saved["edit (version 2).txt"] == new.files[1].1);
    assert!(saved["same.txt"] == new.files[2].1);
    assert_eq!(saved.len(), 4);
    // The first version no longer claims what was replaced.
    first.pool.close_all(first.owner);
    assert_eq!(first.read_chunk(ChunkIndex(2)), ChunkRead::Lost);
}

#[cfg(unix)]
#[test]
fn received_files_are_not_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    for saved in settle(&set).saved {
        assert_eq!(
            fs::metadata(saved.path).unwrap().permissions().mode() & 0o111,
            0
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_stops_its_files_and_no_others() {
    let (made, dir, outside) = (mixed(), dir(), dir());
    std::os::unix::fs::symlink(outside.path(), dir.path().join("lab")).unwrap();
    let set = made.open(dir.path());
    made.write_all(&set);
    let settled = set.settle();
    assert!(!settled.complete);
    assert_eq!(settled.faults.len(), 4);
    assert_eq!(settled.faults[0].reason, FailReason::NotWritable);
    assert_eq!(settled.saved.len(), 2);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::remove_file(dir.path().join("lab")).unwrap();
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[cfg(unix)]
#[test]
fn a_hidden_folder_that_is_a_link_is_refused() {
    let (made, dir, outside) = (mixed(), dir(), dir());
    std::os::unix::fs::symlink(outside.path(), dir.path().join(STORE_FOLDER)).unwrap();
    let fault = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap_err();
    assert_eq!(fault.reason, FailReason::NotWritable);
}

#[test]
fn names_that_no_manifest_has_are_refused_here_too() {
    let (mut made, dir) = (mixed(), dir());
    made.files[0].0 = "../escape".into();
    let fault = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap_err();
    assert_eq!(fault.reason, FailReason::BadManifest);
}

#[test]
fn a_thousand_small_files_are_saved() {
    let names: Vec<String> = (0..1000)
        .map(|n| format!("many/{}/{n} ünï.c", n % 7))
        .collect();
    let files: Vec<_> = (0..)
        .zip(&names)
        .map(|(n, name)| (name.as_str(), n * 3 % 700))
        .collect();
    let (made, dir) = (Made::new(&files), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn long_names_that_are_shortened_to_one_are_settled_in_time() {
    let name = |number: u32| SafePath::parse(&format!("{}{number:05}", "s".repeat(250))).unwrap();
    let mut paths: Vec<_> = (0..10_000).map(|number| name(number / 2)).collect();
    let began = std::time::Instant::now();
    settle_collisions(&mut paths);
    let folded: BTreeSet<_> = paths.iter().map(SafePath::folded).collect();
    assert_eq!(folded.len(), paths.len());
    // Each against all before it would take minutes.
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
