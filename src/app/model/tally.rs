//! Who has what: the counting behind the delivery bars and the roster, without any object or widget.

use std::collections::HashMap;

use handout_engine::api::{
    DeliveryView, DeviceId, FailReason, ItemId, Presence, Progress, Version,
};

use super::pace::Pace;

/// How many students are how far with one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Students that count: present, or gone with the item.
    pub students: u32,
    /// Have all of it, verified.
    pub saved: u32,
    /// Are receiving it.
    pub receiving: u32,
    /// Will not get it as things are.
    pub failed: u32,
    /// Seconds until all who are receiving it have it, where it can be foretold.
    pub left: Option<u32>,
}

/// How one student stands with everything that was shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing was shared yet.
    #[default]
    Here,
    /// Not heard of lately.
    Away,
    /// Something is still to come, nothing is coming now.
    Waiting,
    /// Receiving; percent of all that is being received.
    Receiving(u8),
    /// Has everything.
    Complete,
    /// The session is over, and something did not come.
    Missing,
    /// Something failed.
    Failed(FailReason),
}

/// Where one student is with one item.
#[derive(Debug, Clone)]
struct Mark {
    version: Version,
    progress: Progress,
    bytes: u64,
    total: u64,
}

/// How one student stands with one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Will not get it as things are.
    Failed(FailReason),
    /// Receiving; percent.
    Receiving(u8),
    /// Nothing has come yet.
    Waiting,
    /// Has all of it, verified.
    Saved,
    /// Not there, and has not got all of it.
    Away,
    /// The session is over, and it did not come.
    Missing,
}

/// All students, all items, and the marks between them.
#[derive(Debug, Default)]
pub struct Tally {
    students: HashMap<DeviceId, Presence>,
    items: HashMap<ItemId, Version>,
    marks: HashMap<DeviceId, HashMap<ItemId, Mark>>,
    paces: HashMap<ItemId, Pace>,
    /// The session is over: nothing comes any more.
    closed: bool,
}

impl Tally {
    /// The session is over: everybody counts, and nothing comes any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// A student came or changed.
    pub fn student(&mut self, device: DeviceId, presence: Presence) {
        self.students.insert(device, presence);
    }

    /// An item was shared, or has a new version.
    pub fn item(&mut self, item: ItemId, version: Version) {
        self.items.insert(item, version);
    }

    /// An item is no longer offered: nobody waits for it.
    pub fn withdraw(&mut self, item: ItemId) {
        self.items.remove(&item);
    }

    /// A student is this far with an item, at a moment in milliseconds.
    pub fn delivery(&mut self, view: &DeliveryView, now: u64) {
        let mark = Mark {
            version: view.version,
            progress: view.progress.clone(),
            bytes: view.bytes,
            total: view.total,
        };
        self.marks
            .entry(view.device)
            .or_default()
            .insert(view.item, mark);
        let (done, _) = self.volume(view.item);
        self.paces.entry(view.item).or_default().look(now, done);
    }

    /// Bytes of an item that are there, and that are still to come, at all who have begun.
    fn volume(&self, item: ItemId) -> (u64, u64) {
        let marks = self.students.keys();
        let marks = marks.filter_map(|device| self.current(*device, item));
        let begun = marks
            .filter(|mark| matches!(mark.progress, Progress::Receiving | Progress::Saved { .. }));
        begun.fold((0, 0), |(done, left), mark| {
            let missing = mark.total.saturating_sub(mark.bytes);
            (done + mark.bytes, left + missing)
        })
    }

    /// Students that are there.
    pub fn present(&self) -> u32 {
        count(self.students.values().filter(|p| **p != Presence::Away))
    }

    /// Everybody with one item.
    pub fn counts(&self, item: ItemId) -> Counts {
        let mut counts = Counts::default();
        for (device, presence) in &self.students {
            let away = *presence == Presence::Away && !self.closed;
            let saved = match self.current(*device, item).map(|mark| &mark.progress) {
                Some(Progress::Saved { .. }) => {
                    counts.saved += 1;
                    true
                }
                _ if away => false,
                Some(Progress::Receiving) if !self.closed => {
                    counts.receiving += 1;
                    false
                }
                Some(Progress::Failed { .. }) => {
                    counts.failed += 1;
                    false
                }
                _ => false,
            };
            counts.students += u32::from(saved || !away);
        }
        if counts.receiving > 0 {
            let (_, left) = self.volume(item);
            counts.left = self.paces.get(&item).and_then(|pace| pace.left(left));
        }
        counts
    }

    /// One student with everything.
    pub fn standing(&self, device: DeviceId) -> Standing {
        if self.students.get(&device) == Some(&Presence::Away) && !self.closed {
            return Standing::Away;
        }
        let (mut saved, mut coming) = (0, None::<(u64, u64)>);
        for item in self.items.keys() {
            let Some(mark) = self.current(device, *item) else {
                continue;
            };
            match &mark.progress {
                Progress::Failed { reason, .. } => return Standing::Failed(*reason),
                Progress::Saved { .. } => saved += 1,
                Progress::Receiving => {
                    let (bytes, total) = coming.unwrap_or_default();
                    coming = Some((bytes + mark.bytes, total + mark.total));
                }
                Progress::Preparing | Progress::Waiting => {}
            }
        }
        match coming {
            _ if self.closed && saved < self.items.len() => Standing::Missing,
            _ if self.items.is_empty() && !self.closed => Standing::Here,
            Some((bytes, total)) => Standing::Receiving(percent(bytes, total)),
            None if saved == self.items.len() => Standing::Complete,
            None => Standing::Waiting,
        }
    }

    /// One student with one item.
    pub fn share(&self, device: DeviceId, item: ItemId) -> Share {
        let away = self.students.get(&device) == Some(&Presence::Away);
        let mark = self.current(device, item);
        match mark.map(|mark| (&mark.progress, mark)) {
            Some((Progress::Saved { .. }, _)) => Share::Saved,
            _ if away && !self.closed => Share::Away,
            Some((Progress::Failed { reason, .. }, _)) => Share::Failed(*reason),
            _ if self.closed => Share::Missing,
            Some((Progress::Receiving, mark)) => Share::Receiving(percent(mark.bytes, mark.total)),
            _ => Share::Waiting,
        }
    }

    /// The mark for the version that is offered now.
    fn current(&self, device: DeviceId, item: ItemId) -> Option<&Mark> {
        let mark = self.marks.get(&device)?.get(&item)?;
        (self.items.get(&item) == Some(&mark.version)).then_some(mark)
    }
}

/// Whole percent, never 100 before all of it is there.
pub fn percent(bytes: u64, total: u64) -> u8 {
    let whole = u128::from(bytes) * 100 / u128::from(total.max(1));
    u8::try_from(whole.min(100)).unwrap_or(100)
}

fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use handout_engine::api::SessionId;

    use super::*;

    const ITEM: ItemId = ItemId([1; 16]);

    fn device(n: u8) -> DeviceId {
        DeviceId([n; 32])
    }

    fn at(n: u8, version: u32, progress: Progress, bytes: u64) -> DeliveryView {
        DeliveryView {
            session: SessionId([0; 16]),
            item: ITEM,
            version: Version(version),
            device: device(n),
            progress,
            bytes,
            total: 1000,
        }
    }

    fn class(n: u8) -> Tally {
        let mut tally = Tally::default();
        (0..n).for_each(|n| tally.student(device(n), Presence::Linked));
        tally.item(ITEM, Version(1));
        tally
    }

    fn failed() -> Progress {
        Progress::Failed {
            reason: FailReason::DiskFull,
            text: String::new(),
        }
    }

    #[test]
    fn every_student_is_counted_once() {
        let mut tally = class(5);
        tally.delivery(&at(0, 1, Progress::Receiving, 10), 0);
        tally.delivery(&at(0, 1, Progress::Saved { path: None }, 1000), 0);
        tally.delivery(&at(1, 1, Progress::Receiving, 500), 0);
        tally.delivery(&at(2, 1, failed(), 0), 0);
        let counts = tally.counts(ITEM);
        assert_eq!((counts.students, counts.saved), (5, 1));
        assert_eq!((counts.receiving, counts.failed), (1, 1));
    }

    #[test]
    fn who_left_counts_only_with_the_item() {
        let mut tally = class(3);
        tally.delivery(&at(0, 1, Progress::Saved { path: None }, 1000), 0);
        tally.delivery(&at(1, 1, Progress::Receiving, 500), 0);
        (0..2).for_each(|n| tally.student(device(n), Presence::Away));
        let counts = tally.counts(ITEM);
        assert_eq!((counts.students, counts.saved, counts.receiving), (2, 1, 0));
        assert_eq!(tally.present(), 1);
        assert_eq!(tally.standing(device(1)), Standing::Away);
    }

    #[test]
    fn a_new_version_starts_from_nothing() {
        let mut tally = class(1);
        tally.delivery(&at(0, 1, Progress::Saved { path: None }, 1000), 0);
        assert_eq!(tally.standing(device(0)), Standing::Complete);
        tally.item(ITEM, Version(2));
        assert_eq!(tally.counts(ITEM).saved, 0);
        assert_eq!(tally.standing(device(0)), Standing::Waiting);
    }

    #[test]
    fn a_failure_outweighs_what_is_coming() {
        let mut tally = class(1);
        assert_eq!(tally.standing(device(0)), Standing::Waiting);
        tally.delivery(&at(0, 1, Progress::Receiving, 455), 0);
        assert_eq!(tally.standing(device(0)), Standing::Receiving(45));
        tally.item(ItemId([2; 16]), Version(1));
        let mut view = at(0, 1, failed(), 0);
        view.item = ItemId([2; 16]);
        tally.delivery(&view, 0);
        assert_eq!(
            tally.standing(device(0)),
            Standing::Failed(FailReason::DiskFull)
        );
        tally.withdraw(ItemId([2; 16]));
        assert_eq!(tally.standing(device(0)), Standing::Receiving(45));
    }

    #[test]
    fn one_student_with_one_item() {
        let mut tally = class(2);
        assert_eq!(tally.share(device(0), ITEM), Share::Waiting);
        tally.delivery(&at(0, 1, Progress::Receiving, 455), 0);
        assert_eq!(tally.share(device(0), ITEM), Share::Receiving(45));
        tally.student(device(0), Presence::Away);
        assert_eq!(tally.share(device(0), ITEM), Share::Away);
        tally.delivery(&at(0, 1, Progress::Saved { path: None }, 1000), 0);
        assert_eq!(tally.share(device(0), ITEM), Share::Saved);
        tally.delivery(&at(1, 1, failed(), 0), 0);
        assert_eq!(
            tally.share(device(1), ITEM),
            Share::Failed(FailReason::DiskFull)
        );
    }

    #[test]
    fn the_time_that_is_left_follows_from_what_came() {
        let mut tally = class(2);
        tally.delivery(&at(0, 1, Progress::Receiving, 0), 0);
        tally.delivery(&at(1, 1, Progress::Receiving, 0), 0);
        assert_eq!(tally.counts(ITEM).left, None);
        tally.delivery(&at(0, 1, Progress::Receiving, 500), 1_000);
        assert_eq!(
            tally.counts(ITEM).left,
            Some(3),
            "1500 bytes at 500 a second"
        );
        tally.delivery(&at(0, 1, Progress::Saved { path: None }, 1000), 2_000);
        tally.delivery(&at(1, 1, Progress::Saved { path: None }, 1000), 2_000);
        assert_eq!(tally.counts(ITEM).left, None);
    }

    #[test]
    fn percent_is_whole_and_bounded() {
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
        assert_eq!(percent(5, 1), 100);
    }
}
