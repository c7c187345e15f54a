//! Compares copies with originals: by the hash of every file, not by what anybody claims.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// The files of a set: hash and size of each, sorted. Names are not compared, because a receiver
/// makes some of them safe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copies {
    files: Vec<([u8; 32], u64)>,
}

impl Copies {
    /// Number of files.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Sum of their sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, size)| size).sum()
    }

    /// What `other` lacks, in words.
    pub fn difference(&self, other: &Self) -> String {
        let lost = self
            .files
            .iter()
            .filter(|file| !other.files.contains(file))
            .count();
        let extra = other
            .files
            .iter()
            .filter(|file| !self.files.contains(file))
            .count();
        format!(
            "{lost} of {} files are missing or differ, {extra} are not the teacher's",
            self.files()
        )
    }
}

/// The files below what is handed out.
pub fn originals(paths: &[PathBuf]) -> Result<Copies, Failure> {
    let mut copies = Copies::default();
    for path in paths {
        add(path, &mut copies)?;
    }
    copies.files.sort_unstable();
    Ok(copies)
}

/// The files below what a student saved.
pub fn copies(saved: &Path) -> Result<Copies, Failure> {
    originals(&[saved.to_owned()])
}

/// Adds a file, or what is below a folder; links are not followed.
fn add(path: &Path, to: &mut Copies) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let kind = fs::symlink_metadata(path).map_err(failed)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            add(&entry.map_err(failed)?.path(), to)?;
        }
    } else if kind.is_file() {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(File::open(path).map_err(failed)?)
            .map_err(failed)?;
        to.files.push((hasher.finalize().into(), hasher.count()));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a/x", "one"),
            ("a/y", ""),
            ("b/x", "one"),
            ("b/z", ""),
            ("c/x", "onf"),
            ("c/y", ""),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let copy = |name| copies(&folder.path().join(name)).unwrap();
        assert_eq!(copy("a"), copy("b"));
        assert_ne!(copy("a"), copy("c"));
        assert!(copy("a").difference(&copy("c")).starts_with("1 of 2 files"));
        assert_eq!((copy("a").files(), copy("a").bytes()), (2, 3));
    }
}
