//! A file of checked records that is only ever added to.
//!
//! Layout: 16 bytes that name the kind of file; then records: length of the payload (4 bytes, little
//! endian), kind (1 byte), payload, and the first 8 bytes of the BLAKE3 hash of the record's offset
//! in the file (8 bytes, little endian) and all that precedes. Reading ends at the first record that
//! is not whole; what follows it was never finished and is overwritten.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::platform::files::{open_part, set_len, sync, write_all_at};

/// Most bytes of one record's payload.
pub(super) const MAX_RECORD: usize = 1 << 20;
const MAGIC: usize = 16;
const HEAD: usize = 5;
const CHECK: usize = 8;

/// An open file of records, which one process at a time may have.
#[derive(Debug)]
pub(super) struct RecordFile {
    file: Arc<File>,
    end: u64,
}

impl RecordFile {
    /// Opens or makes the file and hands every whole record to `each`: the offset at which it
    /// ends, its kind, its payload.
    ///
    /// A file of another kind is emptied. [`io::ErrorKind::WouldBlock`] while another process has
    /// it open.
    pub(super) fn open(
        path: &Path,
        magic: &[u8; MAGIC],
        each: impl FnMut(u64, u8, &[u8]),
    ) -> io::Result<Self> {
        let file = open_part(path)?;
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // Some file systems have no locks.
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => {}
        }
        let end = match read_all(&file, magic, each) {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => 0,
            Err(error) => return Err(error),
        };
        // What was never finished must not be taken for a record later: a power cut may leave what is written from here on,
        // and not that the file was cut off before.
        if file.metadata()?.len() > end {
            set_len(&file, end)?;
            sync(&file)?;
        }
        let end = if end == 0 {
            write_all_at(&file, magic, 0)?;
            MAGIC as u64
        } else {
            end
        };
        Ok(Self {
            file: Arc::new(file),
            end,
        })
    }

    /// The offset at which the last record ends.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Adds a record. When that fails, the next one takes its place.
    pub(super) fn append(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let bytes = encode(self.end, kind, payload);
        write_all_at(&self.file, &bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The file, to sync it while others go on.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Forgets every record.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        set_len(&self.file, MAGIC as u64)?;
        self.end = MAGIC as u64;
        sync(&self.file)
    }
}

fn encode(offset: u64, kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("records are at most 1 MiB");
    let mut bytes = Vec::with_capacity(HEAD + payload.len() + CHECK);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    let check = check(offset, &bytes);
    bytes.extend_from_slice(&check);
    bytes
}

fn check(offset: u64, record: &[u8]) -> [u8; CHECK] {
    let hash = blake3::Hasher::new()
        .update(&offset.to_le_bytes())
        .update(record)
        .finalize();
    let mut check = [0; CHECK];
    check.copy_from_slice(&hash.as_bytes()[..CHECK]);
    check
}

/// Returns the offset at which the last whole record ends.
fn read_all(
    file: &File,
    magic: &[u8; MAGIC],
    mut each: impl FnMut(u64, u8, &[u8]),
) -> io::Result<u64> {
    let mut input = BufReader::with_capacity(64 * 1024, file);
    input.seek(SeekFrom::Start(0))?;
    let mut start = [0; MAGIC];
    if !fill(&mut input, &mut start)? || start != *magic {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut end = MAGIC as u64;
    let mut record = vec![0; HEAD];
    loop {
        record.resize(HEAD, 0);
        if !fill(&mut input, &mut record)? {
            return Ok(end);
        }
        let len = u32::from_le_bytes([record[0], record[1], record[2], record[3]]) as usize;
        if len > MAX_RECORD {
            return Ok(end);
        }
        record.resize(HEAD + len + CHECK, 0);
        if !fill(&mut input, &mut record[HEAD..])? {
            return Ok(end);
        }
        let (body, checked) = record.split_at(HEAD + len);
        if checked != check(end, body) {
            return Ok(end);
        }
        end += record.len() as u64;
        each(end, body[4], &body[HEAD..]);
    }
}

/// Whether there was enough to fill the buffer.
fn fill(input: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: &[u8; 16] = b"test of records\n";

    fn open(path: &Path) -> (RecordFile, Vec<(u8, Vec<u8>)>) {
        let mut records = Vec::new();
        let file = RecordFile::open(path, KIND, |_, kind, payload| {
            records.push((kind, payload.to_vec()));
        });
        (file.unwrap(), records)
    }

    #[test]
    fn one_process_at_a_time_has_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        let first = open(&path);
        let second = RecordFile::open(&path, KIND, |_, _, _| {});
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        open(&path);
    }

    #[test]
    fn a_file_of_another_kind_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records");
        std::fs::write(&path, "something else that is quite long").unwrap();
        assert_eq!(open(&path).1, []);
        assert_eq!(std::fs::read(&path).unwrap(), KIND);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn whole_records_survive_a_cut_or_a_flipped_bit_anywhere(
            records in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 1..8),
            place in any::<prop::sample::Index>(),
            flip in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("records");
            let mut ends = vec![16];
            let (mut file, _) = open(&path);
            for (kind, payload) in &records {
                file.append(*kind, payload).unwrap();
                ends.push(usize::try_from(file.end()).unwrap());
            }
            drop(file);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = 16 + place.index(bytes.len() - 16);
            if flip { bytes[at] ^= 4 } else { bytes.truncate(at) }
            std::fs::write(&path, &bytes).unwrap();
            let whole = ends.iter().filter(|end| **end <= at).count() - 1;
            let (mut file, read) = open(&path);
            prop_assert_eq!(&read[..], &records[..whole]);
            // And it goes on from there.
            file.append(7, b"next").unwrap();
            drop(file);
            let (_, again) = open(&path);
            prop_assert_eq!(again.len(), whole + 1);
            prop_assert_eq!(&again[whole], &(7, b"next".to_vec()));
        }
    }
}
