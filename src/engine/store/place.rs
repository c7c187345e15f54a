//! Where a finished file goes.
//!
//! Never over a file that is there, with one exception: a new version replaces the copy that we
//! saved of an earlier one, if its bytes are still what we saved; else it is saved beside it as
//! `name (version 2)`. A file that already has exactly these bytes counts as saved. Links are
//! neither made nor followed below the receive folder.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::fault::{DiskFault, Doing as _};
use super::hash::hash_file;
use crate::core::ids::Hash;
use crate::core::names::{SafePath, numbered, versioned};
use crate::core::wire::statements::FailReason;
use crate::platform::files::{create_folder, open_plain};

/// How many numbers are tried before giving up on a name.
const NUMBERS: u32 = 10_000;

/// A copy of an earlier version that was saved here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCopy {
    /// Its path in the set.
    pub wire: String,
    /// Where it was saved, below the receive folder, `/` between the parts.
    pub path: String,
    /// The hash of its bytes then.
    pub hash: Hash,
}

/// What to do with a finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Give it this name, which was free a moment ago.
    Free(String),
    /// Put it in the place of our own copy, which is unchanged.
    Replace(String),
    /// Nothing: that file already has these bytes.
    Same(String),
}

/// A file that wants a place.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) path: &'a SafePath,
    pub(super) size: u64,
    pub(super) hash: Hash,
    /// Number of the version.
    pub(super) version: u32,
    /// The copy of an earlier version.
    pub(super) previous: Option<&'a SavedCopy>,
}

/// Finds the place for a file below `root`, making the folders above it.
pub(super) fn find(root: &Path, wanted: &Wanted<'_>) -> Result<Target, DiskFault> {
    let mut name = wanted.path.file_name().to_owned();
    if let Some(copy) = wanted.previous {
        let path = root.join(&copy.path);
        match look(&path)? {
            Some(meta) if meta.is_file() && has_hash(&path, &meta, copy.hash)? => {
                let target = copy.path.clone();
                return Ok(if copy.hash == wanted.hash {
                    Target::Same(target)
                } else {
                    Target::Replace(target)
                });
            }
            Some(_) => name = versioned(&name, wanted.version),
            // The person moved or removed it.
            None => {}
        }
    }
    let folder = make_folders(root, wanted.path)?;
    for number in 1..=NUMBERS {
        let name = if number == 1 {
            name.clone()
        } else {
            numbered(&name, number)
        };
        let relative = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        let path = root.join(&relative);
        match look(&path)? {
            None => return Ok(Target::Free(relative)),
            Some(meta)
                if meta.is_file()
                    && meta.len() == wanted.size
                    && has_hash(&path, &meta, wanted.hash)? =>
            {
                return Ok(Target::Same(relative));
            }
            Some(_) => {}
        }
    }
    let text = "too many files of that name are there already";
    Err(DiskFault::because(
        FailReason::NotWritable,
        "save",
        root.join(wanted.path.as_str()),
        text,
    ))
}

/// Makes the folders above a file and returns where they are. Where a file has the name of a
/// folder, the folder gets a number.
fn make_folders(root: &Path, path: &SafePath) -> Result<String, DiskFault> {
    let mut relative = String::new();
    let parts = path.parts().count() - 1;
    'parts: for part in path.parts().take(parts) {
        let base = relative.len();
        for number in 1..=NUMBERS {
            relative.truncate(base);
            if base > 0 {
                relative.push('/');
            }
            relative.push_str(&if number == 1 {
                part.to_owned()
            } else {
                numbered(part, number)
            });
            let here = root.join(&relative);
            match create_folder(&here) {
                Ok(()) => continue 'parts,
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(DiskFault::new("make the folder", here, &error));
                }
                Err(_) => {}
            }
            match look(&here)? {
                Some(meta) if meta.is_dir() => continue 'parts,
                Some(meta) if meta.is_symlink() => {
                    let text = "it is a link, and nothing is saved through links; rename it";
                    let reason = FailReason::NotWritable;
                    return Err(DiskFault::because(reason, "save into", here, text));
                }
                _ => {}
            }
        }
        let text = "too many files of that name are there already";
        let here = root.join(&relative);
        return Err(DiskFault::because(
            FailReason::NotWritable,
            "make the folder",
            here,
            text,
        ));
    }
    Ok(relative)
}

/// What is at `path`, links themselves and not what they lead to.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, DiskFault> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(DiskFault::new("look at", path, &error)),
    }
}

/// Whether the file has this hash, and did not change while it was read.
fn has_hash(path: &Path, before: &Metadata, hash: Hash) -> Result<bool, DiskFault> {
    let Ok(file) = open_plain(path) else {
        // It cannot be read, so it cannot be known to be ours.
        return Ok(false);
    };
    let same = hash_file(&file).doing("read", path)? == hash;
    let after = look(path)?;
    Ok(same
        && after.is_some_and(|after| {
            after.len() == before.len() && after.modified().ok() == before.modified().ok()
        }))
}

/// The folder or file that a person would open for files saved at these places: the one file, the
/// one folder that has them all, or else the receive folder.
pub fn main_path<'a>(root: &Path, saved: impl IntoIterator<Item = &'a str>) -> PathBuf {
    let mut saved = saved.into_iter();
    let Some(first) = saved.next() else {
        return root.to_owned();
    };
    let top = first.split('/').next().unwrap_or(first);
    let mut only = true;
    for other in saved {
        only = false;
        if other.split('/').next() != Some(top) {
            return root.to_owned();
        }
    }
    if only && !first.contains('/') {
        root.join(first)
    } else {
        root.join(top)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted<'a>(path: &'a SafePath, text: &str) -> Wanted<'a> {
        let (size, hash) = (text.len() as u64, Hash::of(text.as_bytes()));
        Wanted {
            path,
            size,
            hash,
            version: 2,
            previous: None,
        }
    }

    fn safe(path: &str) -> SafePath {
        SafePath::parse(path).unwrap()
    }

    #[test]
    fn a_free_name_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = safe("a/b/c.txt");
        let target = find(dir.path(), &wanted(&path, "new")).unwrap();
        assert_eq!(target, Target::Free("a/b/c.txt".into()));
        assert!(dir.path().join("a/b").is_dir());
    }

    #[test]
    fn somebody_elses_file_is_never_the_target() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("c.txt"), "mine").unwrap();
        fs::create_dir(dir.path().join("c (2).txt")).unwrap();
        let path = safe("c.txt");
        let target = find(dir.path(), &wanted(&path, "new")).unwrap();
        assert_eq!(target, Target::Free("c (3).txt".into()));
    }

    #[test]
    fn a_file_with_the_same_bytes_counts_as_saved() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("c.txt"), "same").unwrap();
        let path = safe("c.txt");
        let target = find(dir.path(), &wanted(&path, "same")).unwrap();
        assert_eq!(target, Target::Same("c.txt".into()));
    }

    #[test]
    fn an_unchanged_copy_of_ours_is_replaced_and_an_edited_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("c (2).txt");
        fs::write(&ours, "old").unwrap();
        let path = safe("c.txt");
        let copy = SavedCopy {
            wire: "c.txt".into(),
            path: "c (2).txt".into(),
            hash: Hash::of(b"old"),
        };
        let wanted = Wanted {
            previous: Some(&copy),
            ..wanted(&path, "new")
        };
        let target = find(dir.path(), &wanted).unwrap();
        assert_eq!(target, Target::Replace("c (2).txt".into()));
        fs::write(&ours, "edited").unwrap();
        let target = find(dir.path(), &wanted).unwrap();
        assert_eq!(target, Target::Free("c (version 2).txt".into()));
        fs::write(dir.path().join("c (version 2).txt"), "something").unwrap();
        let target = find(dir.path(), &wanted).unwrap();
        assert_eq!(target, Target::Free("c (version 2) (2).txt".into()));
        fs::remove_file(&ours).unwrap();
        assert_eq!(
            find(dir.path(), &wanted).unwrap(),
            Target::Free("c.txt".into())
        );
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_saved_through_a_link() {
        use std::os::unix::fs::symlink;
        let [dir, outside] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        symlink(outside.path(), dir.path().join("a")).unwrap();
        symlink(outside.path().join("new"), dir.path().join("b.txt")).unwrap();
        let path = safe("a/b.txt");
        let fault = find(dir.path(), &wanted(&path, "new")).unwrap_err();
        assert_eq!(fault.reason, FailReason::NotWritable);
        // A dangling link is something that is there.
        let path = safe("b.txt");
        let target = find(dir.path(), &wanted(&path, "new")).unwrap();
        assert_eq!(target, Target::Free("b (2).txt".into()));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_gives_the_folder_a_number() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "file").unwrap();
        for name in ["a/x", "a/y"] {
            let path = safe(name);
            let target = find(dir.path(), &wanted(&path, "new")).unwrap();
            assert_eq!(target, Target::Free(name.replace('a', "a (2)")));
        }
    }

    #[test]
    fn a_person_opens_the_one_file_or_the_one_folder() {
        let root = Path::new("/r");
        assert_eq!(main_path(root, ["a.zip"]), root.join("a.zip"));
        assert_eq!(main_path(root, ["a/b", "a/c/d"]), root.join("a"));
        assert_eq!(main_path(root, ["a/b"]), root.join("a"));
        assert_eq!(main_path(root, ["a", "b"]), root);
        assert_eq!(main_path(root, []), root);
    }
}
