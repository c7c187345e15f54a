//! Earlier sessions of this computer, to read.

use std::path::{Path, PathBuf};

use handout_engine::api::{
    ItemView, PostContent, Progress, PublicKey, SessionState, SessionView, TextPolicy,
};
use handout_engine::archive::{Archive, PastFeed, PastSession};

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
    let session = Session::new(&SessionView {
        session: past.session,
        title: past.title.clone(),
        teacher: past.teacher.clone(),
        institution: String::new(),
        teacher_key: PublicKey([0; 32]),
        fingerprint: String::new(),
        state: SessionState::Ended,
        texts: TextPolicy::Nothing,
        present: 0,
    });
    session.set_past(true);
    for post in &feed.posts {
        let mut post = post.clone();
        if post.author.teacher {
            // Who received it is not remembered: it is shown as others see it.
            post.author.own = false;
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
    session
}

#[cfg(test)]
mod tests {
    use handout_engine::api::{
        AuthorId, AuthorView, ItemId, Post, Seq, SessionId, UnixTime, Version,
    };

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
            saved: Vec::new(),
        };
        let session = session(&past(true), &feed);
        let row = session.row(ItemId([1; 16]));
        assert_eq!(row.map(|row| row.state_text()), Some("Shared".into()));
        assert_eq!(facts(&past(true)).split(" · ").next(), Some("Taught here"));
    }
}
