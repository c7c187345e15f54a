//! Names are hostile input: which paths are accepted from the wire, and how a local path becomes
//! one that everybody accepts.
//!
//! One policy on every system, so that a set that one student can save, all can:
//! a path is refused rather than repaired when it comes **from** the wire ([`SafePath::parse`]), and
//! repaired rather than refused when it goes **to** the wire ([`SafePath::clean`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use characters::{is_forbidden, is_invisible, is_joiner};

mod characters;

/// Longest name of one file or folder, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;
/// Longest whole path, in bytes, so that it still fits below any student's own folder.
pub const MAX_PATH_BYTES: usize = 1024;
/// Most parts of a path, its file name included.
pub const MAX_DEPTH: usize = 16;
/// What a cleaned path has at most, so that a number can be added to it.
const ROOM_FOR_A_NUMBER: usize = MAX_PATH_BYTES - 16;
/// The hidden folder of our own bookkeeping, which no set may write to.
pub const STORE_FOLDER: &str = ".handout";

/// Why a path from the wire is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A part is empty: a leading, trailing or doubled slash, or nothing at all.
    #[error("the path {0:?} has an empty part")]
    Empty(String),
    /// A part is `.` or `..`.
    #[error("the path {0:?} leads out of its folder")]
    Dots(String),
    /// A character that is invisible, a control character, or forbidden on some system.
    #[error("the name {name:?} has the character {character:?}, which is not allowed")]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// The name ends in a dot or in white space.
    #[error("the name {0:?} ends in a dot or a space")]
    Trailing(String),
    /// The name means a device on Windows.
    #[error("the name {0:?} is a device on Windows")]
    Device(String),
    /// The name is that of our own bookkeeping.
    #[error("the name {0:?} is reserved for Handout itself")]
    Reserved(String),
    /// The name or the path is too long.
    #[error("a name or path of {bytes} bytes is too long: at most {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many folders inside each other.
    #[error("the path has more than {MAX_DEPTH} parts")]
    TooDeep,
}

/// A relative path that is safe to create on every system: normalised (NFC), `/` between its parts,
/// every part acceptable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafePath(String);

impl SafePath {
    /// Checks a path from the wire. Both slashes separate.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(NameError::TooLong {
                bytes: text.len(),
                limit: MAX_PATH_BYTES,
            });
        }
        let path = Self::checked(text)?;
        if path.0.len() > MAX_PATH_BYTES {
            return Err(NameError::TooLong {
                bytes: path.0.len(),
                limit: MAX_PATH_BYTES,
            });
        }
        Ok(path)
    }

    /// Checks everything of a path but its whole length, which the number of a settled collision
    /// may have brought over the limit.
    pub(crate) fn checked(text: &str) -> Result<Self, NameError> {
        let mut path = String::with_capacity(text.len());
        for (depth, part) in text.split(['/', '\\']).enumerate() {
            if depth == MAX_DEPTH {
                return Err(NameError::TooDeep);
            }
            if depth > 0 {
                path.push('/');
            }
            let part: String = part.nfc().collect();
            check_part(&part, text)?;
            path.push_str(&part);
        }
        Ok(Self(path))
    }

    /// Makes a path for the wire out of the parts of a local one. What the policy refuses becomes
    /// `_`, what is too long is shortened with its extension kept; so every local name has one.
    ///
    /// Different local names may become the same: see [`settle_collisions`].
    pub fn clean<'a>(parts: impl IntoIterator<Item = &'a OsStr>) -> Self {
        let mut parts: Vec<String> = parts
            .into_iter()
            .map(|part| clean_part(&part.to_string_lossy()))
            .collect();
        if parts.is_empty() {
            parts.push("_".to_owned());
        }
        if parts.len() > MAX_DEPTH {
            let name = parts.pop().unwrap_or_default();
            let folded = parts.split_off(MAX_DEPTH - 2).join("_");
            parts.push(clean_part(&folded));
            parts.push(name);
        }
        let slashes = parts.len() - 1;
        if parts.iter().map(String::len).sum::<usize>() + slashes > ROOM_FOR_A_NUMBER {
            let share = (ROOM_FOR_A_NUMBER - slashes) / parts.len();
            for part in &mut parts {
                *part = clean_part(&fit(part, "", share));
            }
        }
        Self(parts.join("/"))
    }

    /// The path as it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, the file name last. There is at least one.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The name of the file.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folders above the file, empty where there are none.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The same path with ` (number)` before the extension. A path at the limit gets past
    /// [`MAX_PATH_BYTES`] by it, [`SafePath::clean`] leaves room.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let name = numbered(self.file_name(), number);
        let folder = self.folder();
        Self(if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        })
    }

    /// The form in which two paths are the same file on a system that ignores case.
    pub fn folded(&self) -> String {
        self.0
            .chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .nfc()
            .collect()
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// `name` with ` (number)` before its extension, shortened where it would be too long.
pub fn numbered(name: &str, number: u32) -> String {
    fit(name, &count(number), MAX_NAME_BYTES)
}

/// `name` with ` (version n)` before its extension, shortened where it would be too long.
pub fn versioned(name: &str, version: u32) -> String {
    fit(name, &format!(" (version {version})"), MAX_NAME_BYTES)
}

/// Renames files of one set that would be the same file on some system, or a file and a folder at
/// once: the later one in the list gets ` (2)`, ` (3)`, … before its extension.
///
/// Depends on the list alone, so teacher and students come to the same names; a list that was
/// settled once stays as it is.
pub fn settle_collisions(paths: &mut [SafePath]) {
    let mut folders = BTreeSet::new();
    let mut originals = BTreeSet::new();
    for path in paths.iter() {
        let folded = path.folded();
        for (end, _) in folded.match_indices('/') {
            if !folders.contains(&folded[..end]) {
                folders.insert(folded[..end].to_owned());
            }
        }
        originals.insert(folded);
    }
    let mut used = BTreeSet::new();
    let mut next = BTreeMap::new();
    for path in paths {
        let folded = path.folded();
        if !folders.contains(&folded) && used.insert(folded) {
            continue;
        }
        let mut free = |key: &str| {
            !(folders.contains(key) || originals.contains(key)) && used.insert(key.into())
        };
        let other = FIRST_NUMBERS
            .iter()
            .find_map(|first| find_number(path, *first, &mut next, &mut free));
        if let Some(other) = other {
            *path = other;
        }
    }
}

/// The first number of each length.
const FIRST_NUMBERS: [u32; 6] = [2, 10, 100, 1_000, 10_000, 100_000];

/// A path with a number of one length that is free. `next` has where the search goes on, so that many equal names do not cost a
/// square; neither do long names that become equal when they are shortened to get a number.
fn find_number(
    path: &SafePath,
    first: u32,
    next: &mut BTreeMap<String, u32>,
    free: &mut impl FnMut(&str) -> bool,
) -> Option<SafePath> {
    let number = next.entry(path.numbered(first).folded()).or_insert(first);
    while number.ilog10() == first.ilog10() {
        let other = path.numbered(*number);
        *number += 1;
        if free(&other.folded()) {
            return Some(other);
        }
    }
    None
}

fn count(number: u32) -> String {
    format!(" ({number})")
}

fn check_part(part: &str, path: &str) -> Result<(), NameError> {
    if part.is_empty() {
        return Err(NameError::Empty(path.to_owned()));
    }
    if part == "." || part == ".." {
        return Err(NameError::Dots(path.to_owned()));
    }
    if part.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong {
            bytes: part.len(),
            limit: MAX_NAME_BYTES,
        });
    }
    if let Some((_, character)) = bad_characters(part).next() {
        return Err(NameError::Character {
            name: part.to_owned(),
            character,
        });
    }
    if ends_badly(part) {
        return Err(NameError::Trailing(part.to_owned()));
    }
    if is_device(part) {
        return Err(NameError::Device(part.to_owned()));
    }
    if part.eq_ignore_ascii_case(STORE_FOLDER) {
        return Err(NameError::Reserved(part.to_owned()));
    }
    Ok(())
}

/// The characters of `part` that are not allowed where they stand, with their byte positions.
///
/// The joiners U+200C and U+200D are part of how Indic scripts, Persian and many emoji are written:
/// they are allowed between two other characters beyond ASCII, and nowhere else.
fn bad_characters(part: &str) -> impl Iterator<Item = (usize, char)> {
    let joinable = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !is_invisible(c));
    part.char_indices().filter(move |&(at, c)| {
        if is_joiner(c) {
            let before = part[..at].chars().next_back();
            let after = part[at + c.len_utf8()..].chars().next();
            !(joinable(before) && joinable(after))
        } else {
            is_forbidden(c) || is_invisible(c)
        }
    })
}

fn ends_badly(part: &str) -> bool {
    part.ends_with(|c: char| c == '.' || c.is_whitespace())
}

/// Whether Windows takes the name for a device: also with an extension, with spaces before it, in
/// any case, and with superscript digits.
fn is_device(part: &str) -> bool {
    let stem = part
        .split('.')
        .next()
        .unwrap_or(part)
        .trim_end()
        .to_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    let Some(rest) = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"))
    else {
        return false;
    };
    let mut rest = rest.chars();
    matches!(rest.next(), Some('0'..='9' | '¹' | '²' | '³')) && rest.next().is_none()
}

fn clean_part(part: &str) -> String {
    let mut name: String = part.nfc().collect();
    let bad: Vec<(usize, char)> = bad_characters(&name).collect();
    for &(at, c) in bad.iter().rev() {
        name.replace_range(at..at + c.len_utf8(), "_");
    }
    // What could not be read as text.
    name = name.replace(char::REPLACEMENT_CHARACTER, "_");
    if name.len() > MAX_NAME_BYTES {
        name = fit(&name, "", MAX_NAME_BYTES);
    }
    let kept = name
        .trim_end_matches(|c: char| c == '.' || c.is_whitespace())
        .len();
    let tail = "_".repeat(name[kept..].chars().count());
    name.replace_range(kept.., &tail);
    if name.is_empty() {
        name.push('_');
    }
    if is_device(&name) || name.eq_ignore_ascii_case(STORE_FOLDER) {
        name.insert(0, '_');
    }
    // A replaced neighbour can leave a joiner alone, and a shortened text may compose anew.
    if bad_characters(&name).next().is_some() || !is_nfc(&name) {
        clean_part(&name)
    } else {
        name
    }
}

/// `name` with `suffix` before its extension, in at most `limit` bytes: the stem is shortened,
/// between characters.
fn fit(name: &str, suffix: &str, limit: usize) -> String {
    let (stem, extension) = split_extension(name);
    let extension = if extension.len() + suffix.len() + 4 > limit {
        ""
    } else {
        extension
    };
    let stem = if extension.is_empty() { name } else { stem };
    let mut end = stem.len().min(limit - suffix.len() - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = if end < stem.len() {
        // No half of a joined pair, and no space that only now is at the end.
        stem[..end].trim_end_matches(|c: char| is_joiner(c) || c == '.' || c.is_whitespace())
    } else {
        stem
    };
    format!("{stem}{suffix}{extension}")
}

/// The stem and the extension with its dot; `.tar.gz` and the like count as one.
fn split_extension(name: &str) -> (&str, &str) {
    const DOUBLE: [&str; 4] = [".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"];
    let folded = name.to_ascii_lowercase();
    if let Some(double) = DOUBLE.iter().find(|double| folded.ends_with(**double))
        && name.len() > double.len()
    {
        return name.split_at(name.len() - double.len());
    }
    match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests;
