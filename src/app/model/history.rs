//! Earlier sessions of this computer, to read.

use std::path::{Path, PathBuf};

use handout_engine::api::{
    ItemId, ItemView, PostContent, Progress, PublicKey, SessionId, SessionState, SessionView,
    TextPolicy,
};
use handout_engine::archive::{Archive, PastFeed, PastSession};

use gtk::prelude::*;
use gtk::subclass::prelude::*;

use super::participant::Participant;
use super::session::Session;
use crate::error::AppError;
use crate::format;
use gettextrs::gettext;

/// What is remembered in one data folder.
#[derive(Debug, Clone)]
pub struct History {
    folder: PathBuf,
}

impl History {
    /// The history of the engine that keeps its data there.
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.to_owned(),
        }
    }

    /// Every session, the newest first.
    pub fn list(&self) -> Result<Vec<PastSession>, AppError> {
        Ok(Archive::open(&self.folder)?.sessions()?)
    }

    /// The last session that was taught here, if it was interrupted and can go on.
    pub fn interrupted(&self) -> Option<PastSession> {
        let listed = self
            .list()
            .inspect_err(|error| tracing::warn!("no history: {error}"));
        let last = listed.ok()?.into_iter().find(|past| past.own)?;
        last.open.then_some(last)
    }

    /// Where the newest saved version of an item is.
    pub fn received(&self, session: SessionId, item: ItemId) -> Option<PathBuf> {
        let archive = Archive::open(&self.folder);
        let found = archive.and_then(|archive| archive.received(session, item));
        found.unwrap_or_else(|error| {
            tracing::warn!("no history: {error}");
            None
        })
    }

    /// The text of a snippet or announcement, the address of a link.
    pub fn text(&self, session: SessionId, item: ItemId) -> Option<String> {
        let archive = Archive::open(&self.folder).ok()?;
        let past = archive.sessions().ok()?;
        let past = past.into_iter().find(|past| past.session == session)?;
        let posts = archive.feed(&past).ok()?.posts;
        posts.into_iter().rev().find_map(|post| match post.content {
            PostContent::Snippet { item: of, text, .. }
            | PostContent::Announcement { item: of, text, .. }
            | PostContent::Link {
                item: of,
                url: text,
                ..
            } if of == item => Some(text),
            _ => None,
        })
    }

    /// A session with everything that was posted in it.
    pub fn open(&self, past: &PastSession) -> Result<Session, AppError> {
        let feed = Archive::open(&self.folder)?.feed(past)?;
        Ok(session(past, &feed))
    }
}

/// What is said of a session in the list.
pub fn facts(past: &PastSession) -> String {
    let role = if past.own {
        gettext("Taught here")
    } else {
        past.teacher.clone()
    };
    format::joined(&[role, format::clock(past.started.0)])
}

/// The session as an object that nothing changes any more.
fn session(past: &PastSession, feed: &PastFeed) -> Session {
    // Of sessions that an older program taught it is not remembered who was there: they are shown as others see them.
    let taught = past.own && !feed.students.is_empty();
    let mut view = SessionView {
        pin: None,
        session: past.session,
        title: past.title.clone(),
        teacher: past.teacher.clone(),
        institution: String::new(),
        teacher_key: PublicKey([0; 32]),
        fingerprint: String::new(),
        state: if taught {
            SessionState::Teaching
        } else {
            SessionState::Ended
        },
        texts: TextPolicy::Nothing,
        present: 0,
    };
    let session = Session::new(&view);
    session.set_past(true);
    view.state = SessionState::Ended;
    session.update(&view);
    for post in &feed.posts {
        let mut post = post.clone();
        if post.author.teacher {
            post.author.own = taught;
        } else if post.author.name.is_empty() {
            post.author.name = gettext("A student");
        }
        session.post(&post);
        let PostContent::Files {
            item,
            version,
            bytes,
            ..
        } = post.content
        else {
            continue;
        };
        if let Some(row) = session.row(item) {
            row.set_past(past.own);
        }
        let saved = feed
            .saved
            .iter()
            .find(|(known, at, _)| (*known, *at) == (item, version));
        if let Some((_, _, path)) = saved {
            session.item(&ItemView {
                session: past.session,
                item,
                version,
                progress: Progress::Saved {
                    path: path.exists().then(|| path.clone()),
                },
                bytes,
                total: bytes,
                rate: 0,
            });
        }
    }
    if taught {
        recall(&session, feed);
    }
    session
}

/// Fills a session that was taught here with what is remembered of its students.
fn recall(session: &Session, feed: &PastFeed) {
    let imp = session.imp();
    imp.tally.borrow_mut().close();
    for student in &feed.students {
        session.member_changed(&student.member);
    }
    for student in session.people().iter::<Participant>().flatten() {
        student.set_past(true);
    }
    for delivery in &feed.deliveries {
        session.delivery(delivery);
    }
    for (time, event) in feed.events() {
        imp.report.borrow_mut().apply(&event, time);
    }
    imp.students.set(session.people().n_items());
    session.notify_students();
    for post in &feed.posts {
        if let PostContent::Files { item, .. } = post.content {
            session.count_item(Some(item));
        }
    }
}

#[cfg(test)]
mod tests {
    use handout_engine::api::{
        AuthorId, AuthorView, DeliveryView, DeviceId, MemberView, Person, Post, Presence, Seq,
        UnixTime, Version,
    };
    use handout_engine::archive::PastStudent;

    use super::*;

    fn files(item: u8) -> Post {
        Post {
            session: SessionId([1; 16]),
            author: AuthorView {
                id: AuthorId([2; 32]),
                name: "Dr. Joshi".into(),
                roll: String::new(),
                teacher: true,
                own: true,
            },
            seq: Seq(1),
            time: UnixTime(0),
            private: false,
            again: true,
            content: PostContent::Files {
                item: ItemId([item; 16]),
                version: Version(1),
                title: "lab3.zip".into(),
                files: 1,
                bytes: 10,
            },
        }
    }

    fn past(own: bool) -> PastSession {
        PastSession {
            session: SessionId([1; 16]),
            title: "DBMS".into(),
            teacher: "Dr. Joshi".into(),
            own,
            started: UnixTime(0),
            ended: None,
            open: false,
        }
    }

    #[test]
    fn what_was_saved_can_be_opened_and_the_rest_is_not_waited_for() {
        let feed = PastFeed {
            posts: vec![files(1), files(2), files(3)],
            saved: vec![
                (ItemId([1; 16]), Version(1), std::env::temp_dir()),
                (ItemId([2; 16]), Version(1), "/nowhere/at/all".into()),
            ],
            ..PastFeed::default()
        };
        let session = session(&past(false), &feed);
        assert!(session.past() && !session.live() && !session.may_write());
        let state = |item| {
            session
                .row(ItemId([item; 16]))
                .map(|row| (row.state_text(), row.openable()))
        };
        assert_eq!(state(1), Some(("Saved".into(), true)));
        assert_eq!(
            state(2),
            Some(("No longer where it was saved".into(), false))
        );
        assert_eq!(state(3), Some(("Not received".into(), false)));
    }

    #[test]
    fn a_teacher_reads_what_was_shared() {
        let feed = PastFeed {
            posts: vec![files(1)],
            ..PastFeed::default()
        };
        let session = session(&past(true), &feed);
        let row = session.row(ItemId([1; 16]));
        assert_eq!(row.map(|row| row.state_text()), Some("Shared".into()));
        assert_eq!(facts(&past(true)).split(" · ").next(), Some("Taught here"));
    }

    #[test]
    fn a_teacher_reads_who_received_what() {
        let student = |n: u8| PastStudent {
            member: MemberView {
                session: SessionId([1; 16]),
                device: DeviceId([n; 32]),
                person: Person {
                    name: format!("Student {n}"),
                    ..Person::default()
                },
                teacher: false,
                own: false,
                presence: Presence::Away,
                duplicate_roll: false,
                muted: false,
            },
            joined: UnixTime(10),
            seen: UnixTime(20),
        };
        let saved = DeliveryView {
            session: SessionId([1; 16]),
            item: ItemId([1; 16]),
            version: Version(1),
            device: DeviceId([1; 32]),
            progress: Progress::Saved { path: None },
            bytes: 10,
            total: 10,
        };
        let feed = PastFeed {
            posts: vec![files(1)],
            students: vec![student(1), student(2)],
            deliveries: vec![saved],
            ..PastFeed::default()
        };
        let session = session(&past(true), &feed);
        assert!(session.teaching() && session.past() && !session.live());
        assert_eq!(session.students(), 2);
        let row = session.row(ItemId([1; 16])).expect("the item's row");
        assert_eq!(row.state_text(), "1 of 2 has it");
        assert!(row.delivering() && !row.withdrawable());
        let people = session.people();
        let states = people.iter::<Participant>().flatten();
        let states: Vec<_> = states.map(|student| student.state_text()).collect();
        assert_eq!(states, ["Complete", "Not received"]);
        assert!(session.table().contains("Student 2"));
    }
}
