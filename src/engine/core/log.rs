//! One author's log: numbered entries, each with the hash of the one before.

use std::collections::BTreeMap;

use super::ids::{Hash, Seq};
use super::limits;
use super::signed::Signed;

/// The entries of one author, as far as they are here. Signatures are checked before they come in.
#[derive(Debug, Default)]
pub struct Log {
    /// Entries 1 to head, without a gap.
    entries: Vec<Signed>,
    head_hash: Option<Hash>,
    /// Entries that came before an earlier one.
    pending: BTreeMap<Seq, (Signed, Option<Hash>)>,
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
            if self.pending.len() >= limits::PENDING_ENTRIES && !self.pending.contains_key(&seq) {
                return Taken::Full;
            }
            self.pending.insert(seq, (entry, previous));
            return Taken::Waiting;
        }
        if previous != self.head_hash {
            return Taken::Conflict;
        }
        let mut added = vec![entry.clone()];
        self.push(entry);
        while let Some((waiting, previous)) = self.pending.remove(&self.head().next()) {
            if previous != self.head_hash {
                break;
            }
            added.push(waiting.clone());
            self.push(waiting);
        }
        Taken::Added(added)
    }

    fn push(&mut self, entry: Signed) {
        self.head_hash = Some(entry.hash());
        self.entries.push(entry);
    }
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
}
