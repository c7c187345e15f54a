//! The journal of a set that is received: it alone says which chunks are there.
//!
//! Data before bit: a chunk's record is written after its bytes, but counts as doubtful until a
//! checkpoint record, which is written only after the data was synced to the disk. After a crash
//! the doubtful chunks are hashed again, and no others.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::bits::Bits;
use super::records::RecordFile;
use crate::core::ids::Hash;

const MAGIC: &[u8; 16] = b"Handout journal\n";
/// Hashes in one record at most.
const HASHES: usize = 8192;

/// A place that a file got in the receive folder, or is about to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Number of the file.
    pub file: u32,
    /// Where, below the receive folder, `/` between the parts.
    pub path: String,
    /// BLAKE3 hash of the whole file.
    pub hash: Hash,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// What the journal is about: a hash over chunk size and file list.
    About(Hash),
    /// Hashes of the chunks from this one on, from a checked manifest.
    Hashes(u32, Vec<Hash>),
    /// A chunk was verified and written.
    Written(u32),
    /// The data of every record that ends at or before this offset is on the disk.
    Checkpoint(u64),
    /// A chunk is no longer there.
    Dropped(u32),
    /// A file is about to get this name.
    Naming(Placed),
    /// A file has this name.
    Saved(Placed),
}

/// What a journal says when it is opened.
#[derive(Debug)]
pub(super) struct Replay {
    /// What it is about; `None` in a new one.
    pub about: Option<Hash>,
    /// Hashes of chunks, from the first on.
    pub hashes: Vec<Hash>,
    /// Chunks that are on the disk.
    pub certain: Bits,
    /// Chunks that may be, with the ends of their records.
    pub doubtful: BTreeMap<u32, u64>,
    /// Names that may have been given, by file.
    pub naming: BTreeMap<u32, Placed>,
    /// Names that were given, by file.
    pub saved: BTreeMap<u32, Placed>,
}

impl Replay {
    /// What an empty journal says.
    pub(super) fn empty(chunks: u32) -> Self {
        Self {
            about: None,
            hashes: Vec::new(),
            certain: Bits::new(chunks),
            doubtful: BTreeMap::new(),
            naming: BTreeMap::new(),
            saved: BTreeMap::new(),
        }
    }

    fn take(&mut self, end: u64, record: Record) {
        match record {
            Record::About(about) => self.about = Some(about),
            Record::Hashes(first, hashes) => {
                let known = self.hashes.len();
                if (first as usize) <= known {
                    self.hashes
                        .extend(hashes.into_iter().skip(known - first as usize));
                }
            }
            Record::Written(chunk) => {
                if !self.certain.contains(chunk) {
                    self.doubtful.insert(chunk, end);
                }
            }
            Record::Checkpoint(upto) => {
                let certain = &mut self.certain;
                self.doubtful.retain(|&chunk, &mut written| {
                    if written <= upto {
                        certain.insert(chunk);
                    }
                    written > upto
                });
            }
            Record::Dropped(chunk) => {
                self.certain.remove(chunk);
                self.doubtful.remove(&chunk);
            }
            Record::Naming(placed) => {
                self.naming.insert(placed.file, placed);
            }
            Record::Saved(placed) => {
                self.saved.insert(placed.file, placed);
            }
        }
    }
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    records: RecordFile,
}

impl Journal {
    /// Opens or makes the journal of a set of `chunks`. What cannot be read at its end is cut off.
    pub(super) fn open(path: &Path, chunks: u32) -> io::Result<(Self, Replay)> {
        let mut replay = Replay::empty(chunks);
        let records = RecordFile::open(path, MAGIC, |end, kind, payload| {
            // A kind of a later version says nothing here.
            if let Some(record) = Record::decode(kind, payload) {
                replay.take(end, record);
            }
        })?;
        Ok((Self { records }, replay))
    }

    /// Adds a record, not yet synced.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        let (kind, payload) = record.encode();
        self.records.append(kind, &payload)
    }

    /// Adds the hashes of the chunks from `first` on.
    pub(super) fn append_hashes(&mut self, first: u32, hashes: &[Hash]) -> io::Result<()> {
        let mut first = first;
        for some in hashes.chunks(HASHES) {
            self.append(&Record::Hashes(first, some.to_vec()))?;
            first += u32::try_from(some.len()).expect("a record has at most 8,192 hashes");
        }
        Ok(())
    }

    /// Where the last record ends: what a checkpoint may cover.
    pub(super) const fn end(&self) -> u64 {
        self.records.end()
    }

    /// The file, to sync it while others go on.
    pub(super) fn file(&self) -> Arc<File> {
        self.records.file()
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.records.clear()
    }
}

impl Record {
    fn encode(&self) -> (u8, Vec<u8>) {
        match self {
            Self::About(hash) => (1, hash.0.to_vec()),
            Self::Hashes(first, hashes) => {
                let mut payload = first.to_le_bytes().to_vec();
                payload.extend(hashes.iter().flat_map(|hash| hash.0));
                (2, payload)
            }
            Self::Written(chunk) => (3, chunk.to_le_bytes().to_vec()),
            Self::Checkpoint(upto) => (4, upto.to_le_bytes().to_vec()),
            Self::Dropped(chunk) => (5, chunk.to_le_bytes().to_vec()),
            Self::Naming(placed) => (6, placed.encode()),
            Self::Saved(placed) => (7, placed.encode()),
        }
    }

    fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?));
        Some(match kind {
            1 => Self::About(Hash::from_slice(payload)?),
            2 => {
                let (first, hashes) = payload.split_at_checked(4)?;
                let hashes: Vec<_> = hashes
                    .chunks_exact(Hash::LEN)
                    .filter_map(Hash::from_slice)
                    .collect();
                Self::Hashes(number(first)?, hashes)
            }
            3 => Self::Written(number(payload)?),
            4 => Self::Checkpoint(u64::from_le_bytes(payload.try_into().ok()?)),
            5 => Self::Dropped(number(payload)?),
            6 => Self::Naming(Placed::decode(payload)?),
            7 => Self::Saved(Placed::decode(payload)?),
            _ => return None,
        })
    }
}

impl Placed {
    fn encode(&self) -> Vec<u8> {
        [
            &self.file.to_le_bytes(),
            &self.hash.0[..],
            self.path.as_bytes(),
        ]
        .concat()
    }

    fn decode(payload: &[u8]) -> Option<Self> {
        let (file, rest) = payload.split_at_checked(4)?;
        let (hash, path) = rest.split_at_checked(Hash::LEN)?;
        Some(Self {
            file: u32::from_le_bytes(file.try_into().ok()?),
            hash: Hash::from_slice(hash)?,
            path: String::from_utf8(path.to_vec()).ok()?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replayed(records: &[Record]) -> Replay {
        let mut replay = Replay::empty(100);
        for (end, record) in (10..).step_by(10).zip(records) {
            replay.take(end, record.clone());
        }
        replay
    }

    #[test]
    fn a_checkpoint_covers_only_what_was_written_before_its_sync() {
        let replay = replayed(&[
            Record::Written(1),
            Record::Written(2),
            Record::Written(3),
            Record::Checkpoint(20),
            Record::Written(4),
        ]);
        assert_eq!(replay.certain.ranges(), [(1, 2)]);
        assert_eq!(replay.doubtful.keys().copied().collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_dropped_chunk_is_gone_until_it_is_written_again() {
        let replay = replayed(&[
            Record::Written(1),
            Record::Written(2),
            Record::Checkpoint(20),
            Record::Dropped(1),
            Record::Dropped(2),
            Record::Written(2),
        ]);
        assert!(replay.certain.ranges().is_empty());
        assert_eq!(replay.doubtful.keys().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn hashes_with_a_gap_are_not_taken() {
        let hash = |n| Hash([n; 32]);
        let replay = replayed(&[
            Record::Hashes(0, vec![hash(0), hash(1)]),
            Record::Hashes(1, vec![hash(9), hash(2)]),
            Record::Hashes(7, vec![hash(7)]),
        ]);
        assert_eq!(replay.hashes, [hash(0), hash(1), hash(2)]);
    }

    fn placed() -> impl Strategy<Value = Placed> {
        (any::<u32>(), "\\PC{0,40}", any::<[u8; 32]>()).prop_map(|(file, path, hash)| Placed {
            file,
            path,
            hash: Hash(hash),
        })
    }

    fn record() -> impl Strategy<Value = Record> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|hash| Record::About(Hash(hash))),
            (any::<u32>(), prop::collection::vec(any::<[u8; 32]>(), 0..4))
                .prop_map(|(n, all)| Record::Hashes(n, all.into_iter().map(Hash).collect())),
            any::<u32>().prop_map(Record::Written),
            any::<u64>().prop_map(Record::Checkpoint),
            any::<u32>().prop_map(Record::Dropped),
            placed().prop_map(Record::Naming),
            placed().prop_map(Record::Saved),
        ]
    }

    proptest! {
        #[test]
        fn every_record_is_read_back(record in record()) {
            let (kind, payload) = record.encode();
            prop_assert_eq!(Record::decode(kind, &payload), Some(record));
        }

        #[test]
        fn no_payload_is_too_strange(kind: u8, payload in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Record::decode(kind, &payload);
        }
    }
}
