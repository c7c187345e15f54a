//! One author's log: numbered entries, each with the hash of the one before.

use std::collections::BTreeMap;

use super::ids::{AuthorId, Hash, Seq};
use super::limits;
use super::signed::Signed;
use super::time::UnixTime;
use super::wire::statements::Entry;

/// The entries of one author, as far as they are here. Signatures are checked before they come in.
#[derive(Debug, Default)]
pub struct Log {
    /// Entries 1 to head, without a gap.
    entries: Vec<Signed>,
    head_hash: Option<Hash>,
    /// Bytes of their signed bodies.
    bytes: usize,
    /// An entry came for which there was no room: nothing can follow.
    over: bool,
    /// Entries that came before an earlier one.
    pending: BTreeMap<Seq, (Signed, Option<Hash>)>,
    /// Bytes of their signed bodies.
    pending_bytes: usize,
}

/// What became of an entry.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It, and perhaps some that waited for it, are in the log now: the new ones in order.
    Added(Vec<Signed>),
    /// It waits for an earlier one.
    Waiting,
    /// It was here already.
    Known,
    /// Another entry has its number, or it does not follow the one before: somebody is cheating.
    Conflict,
    /// Too many wait already.
    Full,
    /// The log is as long as it may be.
    Over,
}

impl Log {
    /// The highest number without a gap, 0 for none.
    pub fn head(&self) -> Seq {
        Seq(self.entries.len() as u64)
    }

    /// The hash that the next entry has to name.
    pub fn head_hash(&self) -> Option<Hash> {
        self.head_hash
    }

    /// The entry with this number.
    pub fn get(&self, seq: Seq) -> Option<&Signed> {
        let index = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.entries.get(index)
    }

    /// Whether there is room for so many entries with so many bytes of signed bodies together.
    pub fn has_room(&self, entries: u64, bytes: usize) -> bool {
        !self.over
            && self.head().0 + entries <= limits::LOG_ENTRIES
            && self.bytes + bytes <= limits::LOG_BYTES
    }

    /// Whether it has ended because there was no room for what followed.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether an entry with exactly this body stands or waits here: no signature check is needed.
    pub fn knows(&self, seq: Seq, entry: &Signed) -> bool {
        self.get(seq) == Some(entry)
            || self
                .pending
                .get(&seq)
                .is_some_and(|(waiting, _)| waiting == entry)
    }

    /// Bytes on the heap, roughly.
    #[cfg(any(test, feature = "sim"))]
    pub fn heap(&self) -> usize {
        let waiting = self.pending.values().map(|(entry, _)| entry);
        let all = self.entries.iter().chain(waiting);
        all.map(|entry| entry.body.len() + 128).sum()
    }

    /// The entries from `from` on, in order.
    pub fn from(&self, from: Seq) -> &[Signed] {
        let start = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX);
        self.entries.get(start..).unwrap_or_default()
    }

    /// Takes an entry whose signature was checked.
    pub fn take(&mut self, seq: Seq, previous: Option<Hash>, entry: Signed) -> Taken {
        if let Some(known) = self.get(seq) {
            return if known.body == entry.body {
                Taken::Known
            } else {
                Taken::Conflict
            };
        }
        if seq != self.head().next() {
            if seq == Seq(0) {
                return Taken::Conflict;
            }
            if self.over {
                return Taken::Over;
            }
            self.stop_waiting(seq);
            let bytes = self.pending_bytes + entry.body.len();
            if self.pending.len() >= limits::PENDING_ENTRIES || bytes > limits::PENDING_BYTES {
                return Taken::Full;
            }
            self.pending_bytes = bytes;
            self.pending.insert(seq, (entry, previous));
            return Taken::Waiting;
        }
        if previous != self.head_hash {
            return Taken::Conflict;
        }
        if !self.push(&entry) {
            return Taken::Over;
        }
        let mut added = vec![entry];
        while let Some((waiting, previous)) = self.stop_waiting(self.head().next()) {
            if previous != self.head_hash || !self.push(&waiting) {
                break;
            }
            added.push(waiting);
        }
        Taken::Added(added)
    }

    fn stop_waiting(&mut self, seq: Seq) -> Option<(Signed, Option<Hash>)> {
        let waiting = self.pending.remove(&seq)?;
        self.pending_bytes -= waiting.0.body.len();
        Some(waiting)
    }

    /// Puts an entry at the end; false where there is no room for it, and never will be.
    fn push(&mut self, entry: &Signed) -> bool {
        self.over |= !self.has_room(1, entry.body.len());
        if !self.over {
            self.bytes += entry.body.len();
            self.head_hash = Some(entry.hash());
            self.entries.push(entry.clone());
        }
        !self.over
    }
}

/// Entries of several logs, each log in order, in the order of their times; at one time the teacher's first. No log loses
/// its own order, whatever its clock said.
pub fn by_time(entries: Vec<Signed>, teacher: Option<AuthorId>) -> Vec<Signed> {
    let mut latest: BTreeMap<AuthorId, UnixTime> = BTreeMap::new();
    let mut timed = Vec::with_capacity(entries.len());
    for signed in entries {
        let Ok(entry) = signed.peek::<Entry>() else {
            continue;
        };
        let time = latest.entry(entry.author).or_insert(entry.time);
        *time = entry.time.max(*time);
        timed.push((*time, Some(entry.author) != teacher, signed));
    }
    timed.sort_by_key(|(time, student, _)| (*time, *student));
    timed.into_iter().map(|(_, _, signed)| signed).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Signed {
        Signed {
            body: text.as_bytes().to_vec(),
            signature: [0; 64],
        }
    }

    #[test]
    fn entries_out_of_order_come_out_in_order() {
        let (a, b, c) = (entry("a"), entry("b"), entry("c"));
        let mut log = Log::default();
        assert_eq!(log.take(Seq(3), Some(b.hash()), c.clone()), Taken::Waiting);
        assert_eq!(
            log.take(Seq(1), None, a.clone()),
            Taken::Added(vec![a.clone()])
        );
        assert_eq!(
            log.take(Seq(2), Some(a.hash()), b.clone()),
            Taken::Added(vec![b.clone(), c.clone()])
        );
        assert_eq!(log.head(), Seq(3));
        assert_eq!(log.from(Seq(2)), [b, c.clone()]);
        assert_eq!(log.take(Seq(3), None, c), Taken::Known);
    }

    #[test]
    fn two_entries_with_one_number_are_a_conflict() {
        let mut log = Log::default();
        log.take(Seq(1), None, entry("a"));
        assert_eq!(log.take(Seq(1), None, entry("b")), Taken::Conflict);
        assert_eq!(
            log.take(Seq(2), Some(entry("b").hash()), entry("c")),
            Taken::Conflict
        );
        assert_eq!(log.head(), Seq(1));
    }

    #[test]
    fn few_entries_wait_however_many_come() {
        let mut log = Log::default();
        let waiting = limits::PENDING_ENTRIES as u64;
        for seq in 0..waiting {
            assert_eq!(log.take(Seq(seq + 2), None, entry("x")), Taken::Waiting);
        }
        assert_eq!(log.take(Seq(waiting + 2), None, entry("x")), Taken::Full);
    }

    #[test]
    fn few_bytes_wait_however_long_entries_are() {
        let mut log = Log::default();
        let long = entry(&"x".repeat(limits::ENTRY_BODY));
        let waiting = (limits::PENDING_BYTES / limits::ENTRY_BODY) as u64;
        for seq in 0..waiting {
            assert_eq!(log.take(Seq(seq + 2), None, long.clone()), Taken::Waiting);
        }
        // One that waits already takes no more room.
        assert_eq!(log.take(Seq(2), None, long.clone()), Taken::Waiting);
        assert_eq!(log.take(Seq(waiting + 2), None, long), Taken::Full);
    }

    #[test]
    fn a_log_has_100000_entries_and_not_one_more() {
        assert_eq!(limits::LOG_ENTRIES, 100_000);
        let mut log = Log::default();
        for seq in 1..=100_000 {
            assert!(log.has_room(1, 1));
            let taken = log.take(Seq(seq), log.head_hash(), entry("x"));
            assert!(matches!(taken, Taken::Added(_)));
        }
        assert!(!log.has_room(1, 0));
        let next = Seq(100_001);
        assert_eq!(log.take(next, log.head_hash(), entry("x")), Taken::Over);
        assert!(log.is_over());
        assert_eq!(log.take(next.next(), None, entry("x")), Taken::Over);
        assert_eq!(log.head(), Seq(100_000));
    }

    #[test]
    fn a_log_has_64_mib_and_not_one_byte_more() {
        assert_eq!(limits::LOG_BYTES, 64 << 20);
        let mut log = Log::default();
        for seq in 1..=1_024 {
            let size = (64 << 10) - u64::from(seq == 1_024);
            let body = "x".repeat(usize::try_from(size).unwrap());
            let taken = log.take(Seq(seq), log.head_hash(), entry(&body));
            assert!(matches!(taken, Taken::Added(_)));
        }
        // Two that wait, of which one fits.
        let (last, over) = (entry("x"), entry("y"));
        assert!(log.has_room(1, 1) && !log.has_room(1, 2));
        assert_eq!(
            log.take(Seq(1_026), Some(last.hash()), over),
            Taken::Waiting
        );
        let taken = log.take(Seq(1_025), log.head_hash(), last.clone());
        assert_eq!(taken, Taken::Added(vec![last]));
        assert!(log.is_over() && !log.has_room(1, 0));
        assert_eq!(log.head(), Seq(1_025));
    }
}
