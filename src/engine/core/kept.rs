//! What an earlier run of the program left of a session.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{Hash, SetId};
use super::signed::Signed;
use super::wire::statements::FileEntry;

/// What the disk has kept of a session.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Its entries, each log in order.
    pub entries: Vec<Signed>,
    /// The tokens of its members.
    pub tokens: Vec<Signed>,
    /// Its sets that have a place on this disk.
    pub sets: BTreeSet<SetId>,
    /// The final statuses of its students, where it was taught here.
    pub statuses: Vec<Signed>,
}

/// What an interrupted session left on its teacher's machine.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// Its feed and its members.
    pub kept: Kept,
    /// Its sets whose files are as they were: same place, size and time of change.
    pub sources: BTreeMap<SetId, EarlierSet>,
}

/// A set that can be read again.
#[derive(Debug, Clone)]
pub struct EarlierSet {
    /// The files, in the order of the set.
    pub files: Vec<FileEntry>,
    /// The hash over the whole-file hashes, if everything had been read.
    pub root: Option<Hash>,
}
