//! Crashes, as copies of the folder at some moment that are opened again.

use super::*;

/// A copy of a receive folder, as it would be found after a crash now.
fn copy(from: &Path) -> TempDir {
    let to = dir();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(from.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let relative = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir(to.path().join(&relative)).unwrap();
                folders.push(relative);
            } else {
                fs::copy(entry.path(), to.path().join(relative)).unwrap();
            }
        }
    }
    to
}

fn parts(folder: &Path) -> PathBuf {
    folder.join(STORE_FOLDER).join(SetId([1; 16]).to_string())
}

pub(super) fn held(set: &ReceiveSet) -> Vec<u32> {
    set.held()
        .into_iter()
        .flat_map(|(first, last)| first..=last)
        .collect()
}

#[test]
fn a_set_goes_on_where_it_was() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, [1, 4, 5]);
    drop(set);
    // The hashes are in the journal: nothing else is needed to know what is there.
    let set = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap();
    assert_eq!(held(&set), [1, 4, 5]);
    set.set_root(made.root());
    made.write_all(&set);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn a_journal_that_ends_anywhere_never_claims_what_is_not_there() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, [0, 1]);
    settle(&set);
    made.write(&set, [5, 6]);
    drop(set);
    let journal = fs::read(journal_path(&parts(dir.path()))).unwrap();
    let mut before = 0;
    for cut in (0..=journal.len()).rev().step_by(3) {
        let crashed = copy(dir.path());
        fs::write(journal_path(&parts(crashed.path())), &journal[..cut]).unwrap();
        let set = made.open(crashed.path());
        let held = held(&set);
        assert!(
            [0, 1, 5, 6].starts_with(&held),
            "{held:?} after {cut} bytes"
        );
        assert!(before == 0 || held.len() <= before);
        before = held.len().max(1);
        for chunk in held {
            assert!(matches!(
                set.read_chunk(ChunkIndex(chunk)),
                ChunkRead::Bytes(_)
            ));
        }
        if cut % 8 == 0 {
            made.write_all(&set);
            assert!(settle(&set).complete);
            made.assert_saved(crashed.path());
        }
    }
}

#[test]
fn only_doubtful_chunks_are_hashed_again_and_lost_ones_are_dropped() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, [0]);
    settle(&set);
    made.write(&set, [1, 2, 4]);
    let crashed = copy(dir.path());
    drop(set);
    // The data of chunk 1 never reached the disk; that of chunk 0 is certain, and not looked at.
    let part = parts(crashed.path()).join("1.part");
    let mut bytes = fs::read(&part).unwrap();
    bytes[..2 * STEP].fill(0);
    fs::write(&part, bytes).unwrap();
    let set = made.open(crashed.path());
    assert_eq!(held(&set), [0, 2, 4]);
    // Whoever asks for chunk 0 never gets wrong bytes.
    assert_eq!(set.read_chunk(ChunkIndex(0)), ChunkRead::Lost);
    made.write_all(&set);
    assert!(settle(&set).complete);
    made.assert_saved(crashed.path());
}

#[test]
fn a_part_file_that_is_cut_short_costs_what_was_cut() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    set.checkpoint_for_test();
    let crashed = copy(dir.path());
    drop(set);
    let part = parts(crashed.path()).join("1.part");
    let file = fs::OpenOptions::new().write(true).open(part).unwrap();
    file.set_len(2 * STEP as u64 + 1).unwrap();
    let set = made.open(crashed.path());
    assert_eq!(held(&set), [0, 1, 4, 5, 6]);
}

#[test]
fn a_crash_between_a_name_and_its_record_is_understood() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    settle(&set);
    drop(set);
    let journal = fs::read(journal_path(&parts(dir.path()))).unwrap();
    // Every cut in the last records: the names were given, the journal does not say so yet. A
    // record of a saved file has 49 bytes and its path.
    let paths: usize = made.files.iter().map(|(path, _)| path.len()).sum();
    let first = journal.len() - (49 * made.files.len() + paths);
    for cut in (first..journal.len()).step_by(7) {
        let crashed = copy(dir.path());
        fs::write(journal_path(&parts(crashed.path())), &journal[..cut]).unwrap();
        let set = made.open(crashed.path());
        assert_eq!(held(&set).len(), 7, "cut at {cut}");
        assert!(settle(&set).complete);
        assert_eq!(saved_files(crashed.path()).len(), made.files.len());
    }
}

#[test]
fn a_journal_about_other_files_is_begun_anew() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write_all(&set);
    drop(set);
    let other = Made::new(&[("x", 4 * STEP)]);
    let set = other.open(dir.path());
    assert!(held(&set).is_empty());
    other.write_all(&set);
    assert!(settle(&set).complete);
    other.assert_saved(dir.path());
}

#[test]
fn a_damaged_journal_costs_only_a_new_transfer() {
    let (made, dir) = (mixed(), dir());
    let set = made.open(dir.path());
    made.write(&set, 0..3);
    drop(set);
    let path = journal_path(&parts(dir.path()));
    fs::write(&path, "garbage that is no journal at all").unwrap();
    let set = made.open(dir.path());
    assert!(held(&set).is_empty());
    made.write_all(&set);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}
