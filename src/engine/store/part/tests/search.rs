//! Finding chunks in files that were received before.

use super::*;

/// Files saved in a folder, as another set would have left them.
fn received(folder: &Path, files: &[(&str, &[u8])]) -> Vec<Local> {
    let save = |&(wire, bytes): &(&str, &[u8])| {
        let path = folder.join(wire);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        Local {
            wire: wire.to_owned(),
            path,
            earlier: false,
        }
    };
    files.iter().map(save).collect()
}

/// Every chunk that is found.
fn found(made: &Made, set: &ReceiveSet, folder: &Path, locals: Vec<Local>) -> Vec<(u32, u32)> {
    let Some(search) = Search::new(&made.spec(folder).files, locals) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    while let Some(step) = search.step(set).unwrap() {
        all.extend(step.found);
    }
    assert_eq!(set.held(), all);
    all
}

#[test]
fn small_files_are_found_one_by_one_also_where_another_was_added_before_them() {
    let names: Vec<String> = (0..40).map(|n| format!("src/{n:02}.c")).collect();
    let files: Vec<_> = (0..)
        .zip(&names)
        .map(|(n, name)| (name.as_str(), 4000 + n))
        .collect();
    let (made, dir, before) = (Made::new(&files), dir(), dir());
    // All but the very first one.
    let known: Vec<_> = made.files[1..]
        .iter()
        .map(|(name, bytes)| (name.as_str(), &bytes[..]))
        .collect();
    let locals = received(before.path(), &known);
    let set = made.open(dir.path());
    let last = made.layout.chunks() - 1;
    assert_eq!(found(&made, &set, dir.path(), locals), [(1, last)]);
    made.write(&set, [0]);
    assert!(settle(&set).complete);
    made.assert_saved(dir.path());
}

#[test]
fn a_file_is_found_in_another_folder_and_not_by_its_name_alone() {
    let made = Made::new(&[("lab/data.bin", 3 * STEP + 7), ("lab/notes.txt", 600)]);
    let [dir, before] = [dir(), dir()];
    let other = vec![0; 3 * STEP + 7];
    let files: [(&str, &[u8]); 4] = [
        ("elsewhere/data.bin", &made.files[0].1),
        ("nowhere/data.bin", &other[..50]),
        ("lab/data.bin", &other[..STEP]),
        ("notes.txt", b"others"),
    ];
    let locals = received(before.path(), &files);
    let set = made.open(dir.path());
    assert_eq!(found(&made, &set, dir.path(), locals), [(0, 3)]);
}

#[test]
fn only_chunks_whose_hashes_are_known_are_looked_for() {
    let (made, dir, before) = (Made::new(&[("data.bin", 4 * STEP)]), dir(), dir());
    let set = ReceiveSet::open(made.spec(dir.path()), &FilePool::new()).unwrap();
    let locals = received(before.path(), &[("data.bin", &made.files[0].1)]);
    let search = Search::new(&made.spec(dir.path()).files, locals).unwrap();
    assert_eq!(search.step(&set).unwrap(), None);
    set.add_hashes(ChunkIndex(0), &made.hashes()[..3]).unwrap();
    let step = search.step(&set).unwrap().unwrap();
    assert_eq!((step.upto, step.found), (3, vec![(0, 2)]));
    assert_eq!(search.step(&set).unwrap(), None);
}

#[test]
fn a_file_that_has_nothing_is_given_up() {
    let (made, dir, before) = (Made::new(&[("data.bin", 400 * STEP)]), dir(), dir());
    let mut bytes = vec![0; 400 * STEP];
    // Too late to be found: 200 chunks were read in vain before.
    bytes[200 * STEP..].copy_from_slice(&made.files[0].1[200 * STEP..]);
    let locals = received(before.path(), &[("data.bin", &bytes)]);
    let set = made.open(dir.path());
    assert!(found(&made, &set, dir.path(), locals).is_empty());
}

#[cfg(unix)]
#[test]
fn links_are_not_read() {
    let (made, dir, before) = (Made::new(&[("data.bin", 2 * STEP)]), dir(), dir());
    let mut locals = received(before.path(), &[("real/data.bin", &made.files[0].1)]);
    let link = before.path().join("data.bin");
    std::os::unix::fs::symlink(&locals[0].path, &link).unwrap();
    locals[0].path = link;
    let set = made.open(dir.path());
    assert!(found(&made, &set, dir.path(), locals).is_empty());
}
