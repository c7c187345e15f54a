//! Who is there and who has what, put together from the engine's events.

use std::collections::BTreeMap;

use handout_engine::api::{
    DeliveryView, DeviceId, Event, ItemId, MemberView, Post, PostContent, Presence, Progress,
    Version,
};

/// One thing that was handed out.
#[derive(Debug, Clone)]
pub struct Item {
    /// The item.
    pub id: ItemId,
    /// Its version.
    pub version: Version,
    /// Title.
    pub title: String,
    /// Bytes of one copy; `None` for what has no files.
    pub bytes: Option<u64>,
}

/// How many students are how far with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Have all of it.
    pub saved: usize,
    /// Are receiving it.
    pub receiving: usize,
    /// Will not get it.
    pub failed: usize,
    /// Have nothing of it yet.
    pub waiting: usize,
    /// Verified bytes at all of them.
    pub bytes: u64,
}

impl Counts {
    /// Everybody.
    pub const fn all(&self) -> usize {
        self.saved + self.receiving + self.failed + self.waiting
    }
}

/// The whole picture.
#[derive(Debug, Default)]
pub struct Board {
    items: Vec<Item>,
    members: BTreeMap<DeviceId, MemberView>,
    deliveries: BTreeMap<(ItemId, DeviceId), DeliveryView>,
    /// Versions that are handed out and not in the feed yet: an entry has to be on the disk first.
    coming: BTreeMap<ItemId, Version>,
}

impl Board {
    /// Takes in what the engine told.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Posted(post) => self.posted(post),
            Event::Member(member) if !member.teacher && !member.own => {
                self.members.insert(member.device, member.clone());
            }
            Event::Delivery(delivery) => {
                let key = (delivery.item, delivery.device);
                self.deliveries.insert(key, delivery.clone());
            }
            _ => (),
        }
    }

    /// Files are handed out: until the feed has this version, nobody has everything.
    pub fn handed_out(&mut self, item: ItemId, version: Version) {
        if self.item(item).is_none_or(|known| known.version < version) {
            self.coming.insert(item, version);
        }
    }

    /// Takes in something of the feed.
    fn posted(&mut self, post: &Post) {
        let item = match &post.content {
            PostContent::Files {
                item,
                version,
                title,
                bytes,
                ..
            } => Item {
                id: *item,
                version: *version,
                title: title.clone(),
                bytes: Some(*bytes),
            },
            PostContent::Snippet { item, title, .. }
            | PostContent::Announcement { item, title, .. } => plain(*item, title),
            PostContent::Link { item, title, url } => {
                plain(*item, if title.is_empty() { url } else { title })
            }
            PostContent::Withdrawn { item, .. } => {
                self.items.retain(|known| known.id != *item);
                self.coming.remove(item);
                return;
            }
            PostContent::Text { .. } | PostContent::Ended => return,
        };
        self.coming
            .retain(|id, version| *id != item.id || *version > item.version);
        match self.items.iter_mut().find(|known| known.id == item.id) {
            Some(known) => *known = item,
            None => self.items.push(item),
        }
    }

    /// What is handed out, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The item of an id.
    pub fn item(&self, id: ItemId) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The students.
    pub fn members(&self) -> impl Iterator<Item = &MemberView> {
        self.members.values()
    }

    /// A student.
    pub fn member(&self, device: DeviceId) -> Option<&MemberView> {
        self.members.get(&device)
    }

    /// How far a student is with an item's newest version.
    pub fn delivery(&self, item: &Item, device: DeviceId) -> Option<&DeliveryView> {
        self.deliveries
            .get(&(item.id, device))
            .filter(|delivery| delivery.version >= item.version)
    }

    /// How many students are how far with an item. Who is away and has not got it does not count.
    pub fn counts(&self, item: &Item) -> Counts {
        let mut counts = Counts::default();
        for member in self.members.values() {
            let delivery = self.delivery(item, member.device);
            counts.bytes += delivery.map_or(0, |delivery| delivery.bytes);
            match delivery.map(|delivery| &delivery.progress) {
                Some(Progress::Saved { .. }) => counts.saved += 1,
                _ if member.presence == Presence::Away => (),
                Some(Progress::Failed { .. }) => counts.failed += 1,
                Some(Progress::Receiving) => counts.receiving += 1,
                _ => counts.waiting += 1,
            }
        }
        counts
    }

    /// The only student of a name or roll number.
    pub fn student(&self, who: &str) -> Option<&MemberView> {
        let mut found = self.members().filter(|member| is(member, who));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The students for whom an item failed: all, or those of a name or roll number.
    pub fn failed(&self, item: ItemId, who: &str) -> Vec<DeviceId> {
        self.standing(item, who, |progress| {
            matches!(progress, Some(Progress::Failed { .. }))
        })
    }

    /// The students who have not got an item: all, or those of a name or roll number.
    pub fn lacking(&self, item: ItemId, who: &str) -> Vec<DeviceId> {
        self.standing(item, who, |progress| {
            !matches!(progress, Some(Progress::Saved { .. }))
        })
    }

    fn standing(
        &self,
        item: ItemId,
        who: &str,
        fits: impl Fn(Option<&Progress>) -> bool,
    ) -> Vec<DeviceId> {
        let Some(item) = self.item(item) else {
            return Vec::new();
        };
        self.members()
            .filter(|member| who.is_empty() || is(member, who))
            .filter(|member| fits(self.delivery(item, member.device).map(|it| &it.progress)))
            .map(|member| member.device)
            .collect()
    }

    /// How many students have every file set; without any, how many are there.
    pub fn have_everything(&self) -> usize {
        self.members
            .values()
            .filter(|member| self.has_everything(member))
            .count()
    }

    fn has_everything(&self, member: &MemberView) -> bool {
        if !self.coming.is_empty() {
            return false;
        }
        let mut sets = self
            .items
            .iter()
            .filter(|item| item.bytes.is_some())
            .peekable();
        if sets.peek().is_none() {
            return member.presence != Presence::Away;
        }
        sets.all(|item| {
            self.delivery(item, member.device)
                .is_some_and(|delivery| matches!(delivery.progress, Progress::Saved { .. }))
        })
    }
}

/// Whether that is a student's name or roll number.
fn is(member: &MemberView, who: &str) -> bool {
    let person = &member.person;
    person.roll == who || person.name.to_lowercase() == who.to_lowercase()
}

/// An item without files.
fn plain(id: ItemId, title: &str) -> Item {
    Item {
        id,
        version: Version(1),
        title: title.to_owned(),
        bytes: None,
    }
}

#[cfg(test)]
mod tests {
    use handout_engine::api::{AuthorId, AuthorView, FailReason, Person, Seq, SessionId, UnixTime};

    use super::*;

    const SESSION: SessionId = SessionId([1; 16]);

    fn files(item: u8, version: u32) -> Event {
        Event::Posted(Post {
            session: SESSION,
            author: AuthorView {
                id: AuthorId([9; 32]),
                name: "T".into(),
                roll: String::new(),
                teacher: true,
                own: true,
            },
            seq: Seq(1),
            time: UnixTime(0),
            private: false,
            again: false,
            content: PostContent::Files {
                item: ItemId([item; 16]),
                version: Version(version),
                title: "lab3.zip".into(),
                files: 1,
                bytes: 100,
            },
        })
    }

    fn member(device: u8, presence: Presence) -> Event {
        Event::Member(MemberView {
            session: SESSION,
            device: DeviceId([device; 32]),
            person: Person::default(),
            teacher: false,
            own: false,
            presence,
            duplicate_roll: false,
            muted: false,
        })
    }

    fn delivery(device: u8, item: u8, version: u32, progress: Progress) -> Event {
        Event::Delivery(DeliveryView {
            session: SESSION,
            item: ItemId([item; 16]),
            version: Version(version),
            device: DeviceId([device; 32]),
            progress,
            bytes: 10,
            total: 100,
        })
    }

    fn board(events: &[Event]) -> Board {
        let mut board = Board::default();
        for event in events {
            board.apply(event);
        }
        board
    }

    #[test]
    fn a_student_has_everything_when_every_set_is_saved() {
        let saved = || Progress::Saved { path: None };
        let mut board = board(&[
            files(1, 1),
            files(2, 1),
            member(1, Presence::Linked),
            delivery(1, 1, 1, saved()),
        ]);
        assert_eq!(board.have_everything(), 0);
        board.apply(&delivery(1, 2, 1, saved()));
        assert_eq!(board.have_everything(), 1);
        board.apply(&files(2, 2));
        assert_eq!(board.have_everything(), 0, "a new version is not there yet");
    }

    #[test]
    fn nobody_has_what_is_handed_out_and_not_in_the_feed_yet() {
        let (item, version) = (ItemId([1; 16]), Version(1));
        let mut board = board(&[member(1, Presence::Linked)]);
        assert_eq!(board.have_everything(), 1, "nothing is handed out");
        board.handed_out(item, version);
        assert_eq!(board.have_everything(), 0);
        board.apply(&files(1, 1));
        assert_eq!(board.have_everything(), 0, "it has not come");
        board.apply(&delivery(1, 1, 1, Progress::Saved { path: None }));
        assert_eq!(board.have_everything(), 1);
        board.handed_out(item, version);
        assert_eq!(board.have_everything(), 1, "the feed was quicker");
        board.handed_out(item, Version(2));
        assert_eq!(board.have_everything(), 0, "nor has a new version");
    }

    #[test]
    fn those_for_whom_it_failed_are_found_by_name() {
        let failed = || Progress::Failed {
            reason: FailReason::DiskFull,
            text: String::new(),
        };
        let mut asha = member(1, Presence::Linked);
        if let Event::Member(view) = &mut asha {
            (view.person.name, view.person.roll) = ("Asha Rao".into(), "21".into());
        }
        let board = board(&[
            files(1, 1),
            asha,
            member(2, Presence::Linked),
            member(3, Presence::Linked),
            delivery(1, 1, 1, failed()),
            delivery(2, 1, 1, failed()),
        ]);
        let item = ItemId([1; 16]);
        assert_eq!(board.failed(item, "").len(), 2);
        assert_eq!(board.failed(item, "asha rao"), [DeviceId([1; 32])]);
        assert_eq!(board.failed(item, "21"), [DeviceId([1; 32])]);
        assert!(board.failed(item, "22").is_empty());
    }

    #[test]
    fn without_files_being_there_is_everything() {
        let board = board(&[member(1, Presence::Linked), member(2, Presence::Away)]);
        assert_eq!(board.have_everything(), 1);
    }

    #[test]
    fn who_went_away_without_it_is_not_waited_for() {
        let board = board(&[
            files(1, 1),
            member(1, Presence::Away),
            member(2, Presence::Relayed),
            member(3, Presence::Linked),
            delivery(2, 1, 1, Progress::Receiving),
        ]);
        let counts = board.counts(&board.items()[0]);
        let expected = Counts {
            receiving: 1,
            waiting: 1,
            bytes: 10,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
        assert_eq!(counts.all(), 2);
    }
}
