//! What a disk may hold after the power was cut, made out of a record of what was done to it.
//!
//! Of a file, what was written since its last sync may be there, or not, or in part, in any order; its length may have grown
//! before its bytes came. Of the names, either a file system with a log has the first so many, and all up to the last
//! sync of anything (ext4, XFS, Btrfs); or each one is there or not by itself, until its own folder is synced, which is all that
//! POSIX promises. One name is given or not, never half.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::core::rng::Rng;
use crate::platform::files::recorded::{Before, Op};

/// So much of a file is written at once, in bytes.
const SECTOR: usize = 512;

/// What a name in a folder leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder(usize),
    File(usize),
}

/// Folders by number, the first one is the top: what they list.
type Tree = Vec<BTreeMap<String, Node>>;

/// A change of names that happens at once: of which folder, which name, and what it leads to from then on.
#[derive(Debug, Clone)]
struct Change {
    names: Vec<(usize, String, Option<Node>)>,
    /// A folder of it was synced.
    synced: bool,
}

#[derive(Debug, Clone)]
enum Written {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Clone, Default)]
struct Bytes {
    /// As of the last sync.
    certain: Vec<u8>,
    /// Since then.
    written: Vec<Written>,
}

/// A disk that is written to.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    /// The names before the record, and none in the folders that were made since.
    before: Tree,
    /// The names as programs see them.
    now: Tree,
    changes: Vec<Change>,
    /// So many changes are certain where a log holds them.
    logged: usize,
    files: Vec<Bytes>,
    /// How many operations were done.
    done: usize,
}

/// What a disk holds.
#[derive(Debug)]
pub(super) struct Image {
    tree: Tree,
    files: Vec<Vec<u8>>,
}

impl Disk {
    /// A disk with this on it for certain.
    pub(super) fn new(before: &Before) -> Self {
        let mut disk = Self {
            before: Vec::new(),
            now: vec![BTreeMap::new()],
            changes: Vec::new(),
            logged: 0,
            files: Vec::new(),
            done: 0,
        };
        for folder in &before.folders {
            disk.make_folder(folder);
        }
        for (path, number, bytes) in &before.files {
            disk.make_file(path, *number);
            disk.files[*number].certain.clone_from(bytes);
        }
        disk.changes.clear();
        disk.before = disk.now.clone();
        disk
    }

    /// A disk after all that was recorded.
    pub(super) fn after(before: &Before, ops: &[Op]) -> Self {
        let mut disk = Self::new(before);
        for op in ops {
            disk.apply(op);
        }
        disk
    }

    /// How many operations were done.
    pub(super) fn done(&self) -> usize {
        self.done
    }

    /// Does what was recorded.
    pub(super) fn apply(&mut self, op: &Op) {
        self.done += 1;
        let at = |offset: u64| usize::try_from(offset).unwrap();
        match op {
            Op::Folder(path) => self.make_folder(path),
            Op::Create(path, number) => self.make_file(path, *number),
            Op::Write(number, offset, bytes) => self.files[*number]
                .written
                .push(Written::Bytes(at(*offset), bytes.clone())),
            Op::Length(number, length) => self.files[*number]
                .written
                .push(Written::Length(at(*length))),
            Op::Rename(from, to) => {
                let (from, to) = (self.place(from), self.place(to));
                let node = self.now[from.0][&from.1];
                self.change(vec![(from.0, from.1, None), (to.0, to.1, Some(node))]);
            }
            Op::Remove(path) => {
                let (folder, name) = self.place(path);
                self.change(vec![(folder, name, None)]);
            }
            Op::Sync(number) => {
                self.sync_file(*number);
                self.logged = self.changes.len();
            }
            Op::SyncFolder(path) => {
                let folder = self.folder(path);
                for change in &mut self.changes {
                    change.synced |= change.names.iter().any(|(of, ..)| *of == folder);
                }
                self.logged = self.changes.len();
            }
            Op::SyncAll => {
                (0..self.files.len()).for_each(|number| self.sync_file(number));
                self.changes
                    .iter_mut()
                    .for_each(|change| change.synced = true);
                self.logged = self.changes.len();
            }
        }
    }

    fn folder(&self, path: &Path) -> usize {
        path.iter().fold(0, |folder, name| {
            match self.now[folder][name.to_str().unwrap()] {
                Node::Folder(number) => number,
                Node::File(_) => panic!("{} is no folder", path.display()),
            }
        })
    }

    fn place(&self, path: &Path) -> (usize, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (self.folder(path.parent().unwrap()), name)
    }

    fn make_folder(&mut self, path: &Path) {
        let (above, name) = self.place(path);
        let number = self.now.len();
        self.now.push(BTreeMap::new());
        self.before.push(BTreeMap::new());
        self.change(vec![(above, name, Some(Node::Folder(number)))]);
    }

    fn make_file(&mut self, path: &Path, number: usize) {
        let (folder, name) = self.place(path);
        if self.files.len() <= number {
            self.files.resize(number + 1, Bytes::default());
        }
        self.change(vec![(folder, name, Some(Node::File(number)))]);
    }

    fn change(&mut self, names: Vec<(usize, String, Option<Node>)>) {
        let change = Change {
            names,
            synced: false,
        };
        change.make(&mut self.now);
        self.changes.push(change);
    }

    fn sync_file(&mut self, number: usize) {
        let file = &mut self.files[number];
        for written in std::mem::take(&mut file.written) {
            written.make(&mut file.certain);
        }
    }

    /// What the disk may hold if the power is cut now.
    pub(super) fn cut(&self, rng: &mut Rng) -> Image {
        let files = self.files.iter().map(|file| file.cut(rng)).collect();
        let mut tree = self.before.clone();
        // A disk on which each name is by itself, or one with a log that has them up to here.
        let alone = rng.below(2) == 0;
        let upto = self.logged + rng.below(self.changes.len() - self.logged + 1);
        let kept = rng.below(3);
        for (number, change) in self.changes.iter().enumerate() {
            let there = if alone {
                change.synced || kept == 2 || (kept == 1 && rng.below(2) == 0)
            } else {
                number < upto
            };
            if there {
                change.make(&mut tree);
            }
        }
        Image { tree, files }
    }
}

impl Change {
    fn make(&self, tree: &mut Tree) {
        for (folder, name, node) in &self.names {
            match node {
                Some(node) => tree[*folder].insert(name.clone(), *node),
                None => tree[*folder].remove(name),
            };
        }
    }
}

impl Written {
    fn make(&self, file: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => file.resize(*length, 0),
        }
    }
}

impl Bytes {
    /// What may be in the file.
    fn cut(&self, rng: &mut Rng) -> Vec<u8> {
        let mut file = self.certain.clone();
        let all = {
            let mut all = file.clone();
            self.written
                .iter()
                .for_each(|written| written.make(&mut all));
            all
        };
        match rng.below(5) {
            // Nothing, or everything.
            0 => return file,
            1 => return all,
            // The new length alone.
            2 => {
                file.resize(all.len(), 0);
                return file;
            }
            _ => {}
        }
        let in_order = rng.below(2) == 0;
        let upto = rng.below(self.written.len() + 1);
        for (number, written) in self.written.iter().enumerate() {
            // In order up to here, and the next in part; or each by itself.
            let fate = match in_order {
                true if number < upto => 0,
                true if number > upto => 1,
                true => 2,
                false => rng.below(3),
            };
            match (fate, written) {
                (0, _) => written.make(&mut file),
                (2, Written::Bytes(at, bytes)) => torn(*at, bytes, rng, &mut file),
                _ => {}
            }
        }
        if file.len() < all.len() && rng.below(2) == 0 {
            // It has its length before its bytes: zeros, or what was on the disk there.
            let fill = if rng.below(4) == 0 { 0xa5 } else { 0 };
            file.resize(all.len(), fill);
        }
        file
    }
}

/// A write of which a part came through: its beginning, or some of its sectors.
fn torn(at: usize, bytes: &[u8], rng: &mut Rng, file: &mut Vec<u8>) {
    if rng.below(2) == 0 {
        let whole = rng.below(bytes.len() + 1);
        return Written::Bytes(at, bytes[..whole].to_vec()).make(file);
    }
    let mut start = 0;
    while start < bytes.len() {
        // Sectors are those of the file.
        let end = bytes.len().min(start + SECTOR - (at + start) % SECTOR);
        if rng.below(2) == 0 {
            Written::Bytes(at + start, bytes[start..end].to_vec()).make(file);
        }
        start = end;
    }
}

impl Image {
    /// Puts it into an empty folder.
    pub(super) fn put(&self, into: &Path) {
        let mut folders = vec![(0, into.to_owned())];
        while let Some((number, path)) = folders.pop() {
            for (name, node) in &self.tree[number] {
                let path = path.join(name);
                match node {
                    Node::Folder(number) => {
                        fs::create_dir(&path).unwrap();
                        folders.push((*number, path));
                    }
                    Node::File(number) => fs::write(&path, &self.files[*number]).unwrap(),
                }
            }
        }
    }
}
