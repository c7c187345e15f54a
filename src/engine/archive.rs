//! Earlier sessions, as they are remembered on this machine: to read, with or without a running engine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use x25519_dalek::StaticSecret;

use crate::api::{
    AuthorId, AuthorView, DeliveryView, DeviceId, Event, ItemId, MemberView, Person, Post,
    PostContent, Presence, SessionId, UnixTime, Version,
};
use crate::core::log::by_time;
use crate::core::machine::{delivery, item_content};
use crate::core::sealed;
use crate::core::signed::Signed;
use crate::core::wire::statements::{
    Audience, Entry, EntryKind, ItemBody, SealedBody, Status, TextBody, Token, WithdrawBody,
};
use crate::engine::clock;
use crate::error::EngineError;
use crate::store::database::{Database, Role};
use crate::store::keys::KeyStore;

/// What is remembered here.
#[derive(Debug)]
pub struct Archive {
    database: Database,
    reader: Reader,
}

/// A session that was taught or joined here, or still is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastSession {
    /// The session.
    pub session: SessionId,
    /// What it was called.
    pub title: String,
    /// The teacher's name.
    pub teacher: String,
    /// Whether it was taught here.
    pub own: bool,
    /// When it was first seen here.
    pub started: UnixTime,
    /// When it ended, where that was seen.
    pub ended: Option<UnixTime>,
    /// It was taught here, did not end, and can go on (or still does).
    pub open: bool,
}

/// What was posted in a session, and what of it was saved here. What students wrote to the teacher alone is there if the teacher's
/// key needs no passphrase.
#[derive(Debug, Clone, Default)]
pub struct PastFeed {
    /// Everything that this machine can read, in order.
    pub posts: Vec<Post>,
    /// The newest saved version of each item, with the folder or the file to open.
    pub saved: Vec<(ItemId, Version, PathBuf)>,
    /// Who was there, where the session was taught here.
    pub students: Vec<PastStudent>,
    /// How each item ended for each student of whom that is known, where the session was taught here.
    pub deliveries: Vec<DeliveryView>,
}

/// A student of a session that was taught here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastStudent {
    /// The student.
    pub member: MemberView,
    /// When the student came for the first time.
    pub joined: UnixTime,
    /// When the student was there last, as far as is known.
    pub seen: UnixTime,
}

impl PastFeed {
    /// Students are known by name where their teacher reads.
    fn name_authors(&mut self) {
        for student in &self.students {
            let author = AuthorId::from(student.member.device);
            for post in self
                .posts
                .iter_mut()
                .filter(|post| post.author.id == author)
            {
                post.author.name.clone_from(&student.member.person.name);
                post.author.roll.clone_from(&student.member.person.roll);
            }
        }
    }

    /// All of it as the events of a running session, with their times of the local clock, for a [`Report`](crate::report::Report).
    pub fn events(&self) -> Vec<(UnixTime, Event)> {
        let mut events: Vec<_> = self
            .posts
            .iter()
            .map(|post| (post.time, Event::Posted(post.clone())))
            .collect();
        for student in &self.students {
            let mut here = student.member.clone();
            here.presence = Presence::Relayed;
            events.push((student.joined, Event::Member(here)));
        }
        for delivery in &self.deliveries {
            events.push((UnixTime(0), Event::Delivery(delivery.clone())));
        }
        for student in &self.students {
            events.push((student.seen, Event::Member(student.member.clone())));
        }
        events
    }
}

/// Who reads: what is sealed to others stays closed.
struct Reader {
    device: DeviceId,
    /// The device's key, and those of teachers that need no passphrase.
    sealing: Vec<StaticSecret>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.device).finish()
    }
}

impl Archive {
    /// Opens what the engine of this data folder has kept. Blocks for some milliseconds.
    pub fn open(data_dir: &Path) -> Result<Self, EngineError> {
        let keys = KeyStore::open(&data_dir.join("keys"))?;
        let device = keys.device();
        let mut sealing = vec![device.sealing_secret().clone()];
        // A key that cannot be read keeps nobody from reading what needs no key.
        let teachers = keys.teachers().unwrap_or_default();
        let open = teachers.iter().filter(|info| !info.protected);
        let open = open.filter_map(|info| keys.unlock_teacher(&info.key, None).ok());
        sealing.extend(open.map(|teacher| teacher.sealing_secret().clone()));
        Ok(Self {
            database: Database::open(&data_dir.join("history.sqlite"))?.database,
            reader: Reader {
                device: device.id(),
                sealing,
            },
        })
    }

    /// Every session, the newest first.
    pub fn sessions(&self) -> Result<Vec<PastSession>, EngineError> {
        let now = clock();
        let kept = self.database.sessions()?.into_iter();
        let past = kept.map(|one| PastSession {
            open: one.can_go_on(now),
            session: one.id,
            title: one.title,
            teacher: one.teacher,
            own: one.role == Role::Teacher,
            started: one.started,
            ended: one.ended,
        });
        Ok(past.collect())
    }

    /// What was posted in a session.
    pub fn feed(&self, session: &PastSession) -> Result<PastFeed, EngineError> {
        let entries = self.database.entries(session.session)?;
        let posts = self.reader.posts(session, entries);
        let mut saved = Vec::new();
        for post in &posts {
            if let PostContent::Files { item, version, .. } = post.content
                && let Some(path) = self.saved(session.session, item, version)?
            {
                saved.retain(|(known, _, _)| *known != item);
                saved.push((item, version, path));
            }
        }
        let mut feed = PastFeed {
            posts,
            saved,
            ..PastFeed::default()
        };
        if session.own {
            let own = feed.posts.iter().filter(|post| post.author.teacher);
            let last = own.map(|post| post.time).max();
            feed.students = self.students(session, last.unwrap_or(UnixTime(0)))?;
            feed.name_authors();
            feed.deliveries = self.deliveries(session, &feed)?;
        }
        Ok(feed)
    }

    /// Who was there; until `last` at least, where nobody saw them leave.
    fn students(
        &self,
        session: &PastSession,
        last: UnixTime,
    ) -> Result<Vec<PastStudent>, EngineError> {
        let attended = self.database.attendance(session.session)?;
        let attended: HashMap<_, _> = attended.into_iter().map(|it| (it.device, it)).collect();
        let mut students: Vec<PastStudent> = Vec::new();
        for (device, token) in self.database.tokens(session.session)? {
            let (Ok(token), Some(attended)) = (token.peek::<Token>(), attended.get(&device)) else {
                continue;
            };
            let seen = if attended.present {
                session.ended.unwrap_or(last).max(attended.seen)
            } else {
                attended.seen
            };
            let same = |other: &&mut PastStudent| {
                !token.roll.is_empty() && other.member.person.roll == token.roll
            };
            let mut duplicate_roll = false;
            for other in students.iter_mut().filter(same) {
                other.member.duplicate_roll = true;
                duplicate_roll = true;
            }
            let member = MemberView {
                session: session.session,
                device,
                person: Person {
                    name: token.name,
                    roll: token.roll,
                    machine: token.machine,
                },
                teacher: false,
                own: false,
                presence: Presence::Away,
                duplicate_roll,
                muted: false,
            };
            students.push(PastStudent {
                member,
                joined: attended.joined,
                seen,
            });
        }
        Ok(students)
    }

    fn deliveries(
        &self,
        session: &PastSession,
        feed: &PastFeed,
    ) -> Result<Vec<DeliveryView>, EngineError> {
        let total = |status: &Status| {
            feed.posts.iter().find_map(|post| match post.content {
                PostContent::Files {
                    item,
                    version,
                    bytes,
                    ..
                } if (item, version) == (status.item, status.version) => Some(bytes),
                _ => None,
            })
        };
        let statuses = self.database.statuses(session.session)?.into_iter();
        let statuses = statuses.filter_map(|signed| signed.peek::<Status>().ok());
        Ok(statuses
            .filter_map(|status| Some(delivery(&status, total(&status)?)))
            .collect())
    }

    /// Where the newest saved version of an item is: the file, or the folder of several.
    pub fn received(
        &self,
        session: SessionId,
        item: ItemId,
    ) -> Result<Option<PathBuf>, EngineError> {
        for set in self.database.sets_of_item(session, item)?.iter().rev() {
            if let Some(path) = self.saved(session, item, set.version)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Where a version of an item was saved: the file, or the folder of several.
    fn saved(
        &self,
        session: SessionId,
        item: ItemId,
        version: Version,
    ) -> Result<Option<PathBuf>, EngineError> {
        for set in self.database.sets_of_item(session, item)? {
            if set.version == version {
                let copies = self.database.saved(set.id)?;
                return Ok(match &copies[..] {
                    [] => None,
                    [one] => Some(set.folder.join(&one.path)),
                    _ => Some(set.folder),
                });
            }
        }
        Ok(None)
    }
}

impl Reader {
    /// The posts of a session, in the order of their times; each log stays in its own order.
    fn posts(&self, session: &PastSession, entries: Vec<Signed>) -> Vec<Post> {
        let entry = |signed: &Signed| signed.peek::<Entry>().ok();
        let grant = entries.iter().filter_map(entry);
        let teacher = grant
            .filter(|entry| entry.kind == EntryKind::Grant)
            .map(|entry| entry.author)
            .next();
        let ordered = by_time(entries, teacher);
        let post = |entry: Entry| {
            let by_teacher = Some(entry.author) == teacher;
            let content = self.content(&entry, by_teacher)?;
            Some(self.view(session, &entry, by_teacher, content))
        };
        ordered.iter().filter_map(entry).filter_map(post).collect()
    }

    fn content(&self, entry: &Entry, by_teacher: bool) -> Option<PostContent> {
        match &entry.kind {
            EntryKind::Text | EntryKind::Question => {
                let TextBody { text } = self.open(entry)?;
                Some(PostContent::Text { text })
            }
            EntryKind::Item | EntryKind::Replace if by_teacher => {
                item_content(self.open::<ItemBody>(entry)?)
            }
            EntryKind::Withdraw if by_teacher => {
                let WithdrawBody { item, reason } = self.open(entry)?;
                Some(PostContent::Withdrawn { item, reason })
            }
            EntryKind::End if by_teacher => Some(PostContent::Ended),
            _ => None,
        }
    }

    fn open<T: DeserializeOwned>(&self, entry: &Entry) -> Option<T> {
        if entry.audience == Audience::All {
            return serde_json::from_str(entry.body.get()).ok();
        }
        let sealed: SealedBody = serde_json::from_str(entry.body.get()).ok()?;
        let context = sealed::entry_context(entry.session, entry.author, entry.seq);
        let mut keys = self.sealing.iter();
        let opened = keys.find_map(|key| sealed::open(&sealed, key, &context).ok())?;
        serde_json::from_slice(&opened).ok()
    }

    fn view(
        &self,
        session: &PastSession,
        entry: &Entry,
        by_teacher: bool,
        content: PostContent,
    ) -> Post {
        Post {
            session: session.session,
            author: AuthorView {
                id: entry.author,
                name: if by_teacher {
                    session.teacher.clone()
                } else {
                    String::new()
                },
                roll: String::new(),
                teacher: by_teacher,
                own: (by_teacher && session.own) || entry.author == AuthorId::from(self.device),
            },
            seq: entry.seq,
            time: entry.time,
            private: entry.audience != Audience::All,
            again: true,
            content,
        }
    }
}
