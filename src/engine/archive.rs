//! Earlier sessions, as they are remembered on this machine: to read, with or without a running engine.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use x25519_dalek::StaticSecret;

use crate::api::{
    AuthorId, AuthorView, DeviceId, ItemId, Post, PostContent, SessionId, UnixTime, Version,
};
use crate::core::machine::{item_content, seal_context};
use crate::core::sealed;
use crate::core::signed::Signed;
use crate::core::wire::statements::{
    Audience, Entry, EntryKind, ItemBody, SealedBody, TextBody, WithdrawBody,
};
use crate::engine::EngineError;
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
}

/// What was posted in a session, and what of it was saved here.
#[derive(Debug, Clone, Default)]
pub struct PastFeed {
    /// Everything that this machine can read, in order.
    pub posts: Vec<Post>,
    /// The newest saved version of each item, with the folder or the file to open.
    pub saved: Vec<(ItemId, Version, PathBuf)>,
}

/// Who reads: what is sealed to others stays closed.
struct Reader {
    device: DeviceId,
    sealing: StaticSecret,
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
        Ok(Self {
            database: Database::open(&data_dir.join("history.sqlite"))?.database,
            reader: Reader {
                device: device.id(),
                sealing: device.sealing_secret().clone(),
            },
        })
    }

    /// Every session, the newest first.
    pub fn sessions(&self) -> Result<Vec<PastSession>, EngineError> {
        let kept = self.database.sessions()?.into_iter();
        let past = kept.map(|one| PastSession {
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
        let posts = self.reader.posts(session, &entries);
        let mut saved = Vec::new();
        for post in &posts {
            if let PostContent::Files { item, version, .. } = post.content
                && let Some(path) = self.saved(session.session, item, version)?
            {
                saved.retain(|(known, _, _)| *known != item);
                saved.push((item, version, path));
            }
        }
        Ok(PastFeed { posts, saved })
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
    fn posts(&self, session: &PastSession, entries: &[Signed]) -> Vec<Post> {
        let entries: Vec<Entry> = entries.iter().filter_map(|one| one.peek().ok()).collect();
        let grant = entries.iter().find(|one| one.kind == EntryKind::Grant);
        let teacher = grant.map(|entry| entry.author);
        let mut posts = Vec::new();
        let mut latest = (None, UnixTime(0));
        for entry in &entries {
            // They come log by log.
            if latest.0 != Some(entry.author) {
                latest = (Some(entry.author), UnixTime(0));
            }
            latest.1 = latest.1.max(entry.time);
            let by_teacher = Some(entry.author) == teacher;
            if let Some(content) = self.content(entry, by_teacher) {
                let view = self.view(session, entry, by_teacher, content);
                posts.push((latest.1, !by_teacher, view));
            }
        }
        posts.sort_by_key(|(time, student, _)| (*time, *student));
        posts.into_iter().map(|(_, _, post)| post).collect()
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
        let context = seal_context(entry.session, entry.author, entry.seq);
        let opened = sealed::open(&sealed, &self.sealing, &context).ok()?;
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
            content,
        }
    }
}
