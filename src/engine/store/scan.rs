//! Listing what a teacher shares.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::core::layout::MAX_FILES;
use crate::core::names::{STORE_FOLDER, SafePath, settle_collisions};
use crate::core::wire::statements::FileEntry;
use crate::platform::files::open_plain;

/// Folders inside each other that are looked into; a file system that contains itself ends here.
const DEEPEST: usize = 128;

/// A file that can be shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path in the set.
    pub path: SafePath,
    /// Where it is.
    pub local: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed last, where the system says.
    pub modified: Option<SystemTime>,
}

/// Something that is not shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is.
    pub local: PathBuf,
    /// Why.
    pub why: SkipReason,
}

/// Why something is not shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A symbolic link inside a folder: links are not followed.
    Link,
    /// A device, pipe or socket.
    Special,
    /// Our own bookkeeping.
    Own,
    /// Folders too deep inside each other.
    TooDeep,
    /// It cannot be read; with what the system said.
    Unreadable(String),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not shared: {}", self.local.display(), self.why)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => write!(f, "it is a link; share what it leads to instead"),
            Self::Special => write!(f, "it is neither a file nor a folder"),
            Self::Own => write!(f, "it is Handout's own folder"),
            Self::TooDeep => write!(f, "it is too deep in folders"),
            Self::Unreadable(text) => write!(f, "it cannot be read ({text})"),
        }
    }
}

/// What there is to share.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files, with safe and unique paths, in the order of the set.
    pub files: Vec<SourceFile>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
}

impl SourceFile {
    /// Whether a file still has the size and the time that it had when it was scanned.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        let meta = fs::metadata(&self.local)?;
        Ok(meta.is_file() && meta.len() == self.size && meta.modified().ok() == self.modified)
    }

    /// The file as a manifest lists it.
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            path: self.path.to_string(),
            size: self.size,
        }
    }
}

impl Scan {
    /// The files as a manifest lists them.
    pub fn entries(&self) -> Vec<FileEntry> {
        self.files.iter().map(SourceFile::entry).collect()
    }

    /// Sum of the sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// More files than a set can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are more than {MAX_FILES} files: share an archive of them, or fewer folders at once"
)]
pub struct TooManyFiles;

/// Lists files and folders, in the given order and each folder by name.
///
/// A path that is named here may be a link; inside folders, links are not followed. Folders without
/// files leave no trace. Blocks for as long as the disk takes.
pub fn scan(paths: &[PathBuf]) -> Result<Scan, TooManyFiles> {
    let mut scan = Scan::default();
    for path in paths {
        let parts = [top_name(path)];
        match fs::metadata(path) {
            Ok(meta) => scan.add(path, &meta, &parts)?,
            Err(error) => scan.skip(path, unreadable(&error)),
        }
    }
    let mut safe: Vec<SafePath> = scan.files.iter().map(|file| file.path.clone()).collect();
    settle_collisions(&mut safe);
    for (file, path) in scan.files.iter_mut().zip(safe) {
        file.path = path;
    }
    Ok(scan)
}

impl Scan {
    fn add(
        &mut self,
        local: &Path,
        meta: &Metadata,
        parts: &[OsString],
    ) -> Result<(), TooManyFiles> {
        if meta.is_dir() {
            return self.add_folder(local, parts);
        }
        if !meta.is_file() {
            self.skip(local, SkipReason::Special);
            return Ok(());
        }
        // A link may have been named: what it leads to is opened.
        let target = fs::canonicalize(local).unwrap_or_else(|_| local.to_owned());
        if let Err(error) = open_plain(&target) {
            self.skip(local, unreadable(&error));
            return Ok(());
        }
        if self.files.len() >= MAX_FILES as usize {
            return Err(TooManyFiles);
        }
        self.files.push(SourceFile {
            path: SafePath::clean(parts.iter().map(OsString::as_os_str)),
            local: target,
            size: meta.len(),
            modified: meta.modified().ok(),
        });
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path, parts: &[OsString]) -> Result<(), TooManyFiles> {
        if parts
            .last()
            .is_some_and(|name| name == OsStr::new(STORE_FOLDER))
        {
            self.skip(folder, SkipReason::Own);
            return Ok(());
        }
        if parts.len() > DEEPEST {
            self.skip(folder, SkipReason::TooDeep);
            return Ok(());
        }
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.skip(folder, unreadable(&error));
                return Ok(());
            }
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let local = entry.path();
            // Of the entry itself: a link is not followed.
            match entry.metadata() {
                Ok(meta) if meta.is_symlink() => self.skip(&local, SkipReason::Link),
                Ok(meta) => {
                    let mut parts = parts.to_vec();
                    parts.push(entry.file_name());
                    self.add(&local, &meta, &parts)?;
                }
                Err(error) => self.skip(&local, unreadable(&error)),
            }
        }
        Ok(())
    }

    fn skip(&mut self, local: &Path, why: SkipReason) {
        self.skipped.push(Skipped {
            local: local.to_owned(),
            why,
        });
    }
}

fn unreadable(error: &io::Error) -> SkipReason {
    SkipReason::Unreadable(error.to_string())
}

/// The name that a shared path gets at the top of the set.
fn top_name(path: &Path) -> OsString {
    let named = path.file_name().map(OsStr::to_owned);
    let found = || {
        fs::canonicalize(path)
            .ok()?
            .file_name()
            .map(OsStr::to_owned)
    };
    named
        .or_else(found)
        .unwrap_or_else(|| OsString::from("files"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(scan: &Scan) -> Vec<String> {
        scan.files
            .iter()
            .map(|file| file.path.to_string())
            .collect()
    }

    #[test]
    fn files_and_folders_are_listed_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("lab");
        fs::create_dir_all(top.join("b/empty")).unwrap();
        for name in ["b/2.c", "b/10.c", "a.txt", "z"] {
            fs::write(top.join(name), name).unwrap();
        }
        fs::write(dir.path().join("one.zip"), "").unwrap();
        let scan = scan(&[top.clone(), dir.path().join("one.zip"), top.join("a.txt")]).unwrap();
        let expected = [
            "lab/a.txt",
            "lab/b/10.c",
            "lab/b/2.c",
            "lab/z",
            "one.zip",
            "a.txt",
        ];
        assert_eq!(names(&scan), expected);
        assert_eq!(scan.skipped, []);
        assert_eq!(scan.bytes(), 5 + 6 + 5 + 1 + 5);
    }

    #[test]
    fn what_cannot_be_shared_is_reported_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let scan = scan(std::slice::from_ref(&missing)).unwrap();
        assert!(scan.files.is_empty());
        let text = scan.skipped[0].to_string();
        assert!(text.contains(missing.to_str().unwrap()) && text.contains("cannot be read"));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_are_passed_over_but_a_named_link_is_shared() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("lab");
        fs::create_dir_all(top.join(STORE_FOLDER)).unwrap();
        fs::write(top.join(STORE_FOLDER).join("journal"), "x").unwrap();
        fs::write(top.join("real"), "x").unwrap();
        symlink("/etc", top.join("etc")).unwrap();
        symlink("real", top.join("same")).unwrap();
        symlink(&top, top.join("loop")).unwrap();
        let (cwd, kind) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
        rustix::fs::mknodat(cwd, top.join("pipe"), kind, rustix::fs::Mode::RUSR, 0).unwrap();
        let scan = scan(&[top.clone(), top.join("same")]).unwrap();
        assert_eq!(names(&scan), ["lab/real", "same"]);
        let why: Vec<_> = scan
            .skipped
            .iter()
            .map(|skipped| skipped.why.clone())
            .collect();
        let link = SkipReason::Link;
        let expected = [
            SkipReason::Own,
            link.clone(),
            link.clone(),
            SkipReason::Special,
            link,
        ];
        assert_eq!(why, expected);
    }

    #[cfg(unix)]
    #[test]
    fn a_thousand_hostile_names_make_a_thousand_paths() {
        use std::os::unix::ffi::OsStrExt as _;
        let dir = tempfile::tempdir().unwrap();
        let hostile: [&[u8]; 10] = [
            b"dot.",
            b"co:lon",
            b"new\nline",
            "\u{202e}bidi".as_bytes(),
            b"CON",
            "😀".as_bytes(),
            b"\xff\xfe raw",
            b"back\\slash",
            b"space ",
            b"q?*<>|\"",
        ];
        for n in 0..1000 {
            let kind = hostile[n % hostile.len()];
            // With the number behind, before, or (as long as can be) inside.
            let mut name = kind.to_vec();
            match n % 3 {
                0 => name.extend_from_slice(format!("{n}").as_bytes()),
                1 => name = [format!("{n}").as_bytes(), kind].concat(),
                _ => {
                    let long = format!("{n}-{}", "x".repeat(250 - kind.len()));
                    name = [kind, long.as_bytes()].concat();
                    name.truncate(255);
                }
            }
            fs::write(dir.path().join(OsStr::from_bytes(&name)), "x").unwrap();
        }
        let scan = scan(&[dir.path().to_owned()]).unwrap();
        assert_eq!((scan.files.len(), scan.skipped.len()), (1000, 0));
        let folded: std::collections::BTreeSet<_> =
            scan.files.iter().map(|file| file.path.folded()).collect();
        assert_eq!(folded.len(), 1000);
        for file in &scan.files {
            assert_eq!(SafePath::parse(file.path.as_str()).as_ref(), Ok(&file.path));
        }
    }
}
