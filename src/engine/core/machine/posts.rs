//! What entries mean here, and what people are told of them.

use serde::de::DeserializeOwned;

use super::session::Session;
use super::shared::Shared;
use crate::api::{AuthorView, Event, Post, PostContent};
use crate::core::ids::{AuthorId, DeviceId};
use crate::core::io::{CommandError, Disk};
use crate::core::limits;
use crate::core::sealed;
use crate::core::signed::Signed;
use crate::core::time::Now;
use crate::core::wire::statements::{
    AgainBody, Audience, EndBody, Entry, EntryKind, ItemBody, ItemContent, MuteBody, PolicyBody,
    SealedBody, TextBody, TextPolicy, WithdrawBody,
};

impl Session {
    /// The body of an entry, opened if it is sealed to this machine.
    fn open<T: DeserializeOwned>(&self, shared: &Shared, entry: &Entry) -> Option<T> {
        if entry.audience == Audience::All {
            return serde_json::from_str(entry.body.get()).ok();
        }
        let sealed: SealedBody = serde_json::from_str(entry.body.get()).ok()?;
        let secret = match (&self.own, &entry.audience) {
            (Some(own), Audience::Teacher) => &own.sealing,
            _ => &shared.sealing,
        };
        let context = sealed::entry_context(self.id, entry.author, entry.seq);
        serde_json::from_slice(&sealed::open(&sealed, secret, &context).ok()?).ok()
    }

    /// An entry means something: do it.
    pub(super) fn apply(&mut self, shared: &mut Shared, now: Now, entry: &Entry) {
        let by_teacher = entry.author == self.feed.teacher;
        match &entry.kind {
            EntryKind::Text | EntryKind::Question => self.apply_text(shared, entry),
            EntryKind::Item | EntryKind::Replace if by_teacher => {
                if let Some(body) = self.open::<ItemBody>(shared, entry) {
                    self.apply_item(shared, now, entry, body);
                }
            }
            EntryKind::Withdraw if by_teacher => {
                if let Some(body) = self.open::<WithdrawBody>(shared, entry) {
                    self.close_item(shared, now, body.item);
                    let content = PostContent::Withdrawn {
                        item: body.item,
                        reason: body.reason,
                    };
                    self.post(shared, entry, content);
                }
            }
            EntryKind::Again if by_teacher => {
                if let Some(body) = self.open::<AgainBody>(shared, entry) {
                    self.asked_again(shared, now, &body);
                }
            }
            EntryKind::Policy if by_teacher => {
                if let Some(body) = self.open::<PolicyBody>(shared, entry) {
                    self.feed.policy = body;
                    self.tell(shared);
                }
            }
            EntryKind::Mute if by_teacher => {
                if let Some(body) = self.open::<MuteBody>(shared, entry) {
                    if body.muted {
                        self.feed.muted.insert(body.device);
                    } else {
                        self.feed.muted.remove(&body.device);
                    }
                    self.tell_member(shared, body.device);
                }
            }
            EntryKind::Revoke if by_teacher => {
                if let Some(list) = self.open::<Signed>(shared, entry)
                    && let Ok(Some(changes)) = shared.trust.accept_revocation(&list)
                {
                    for change in changes {
                        shared.disk(Disk::Trust(change));
                    }
                }
            }
            EntryKind::End if by_teacher && self.open::<EndBody>(shared, entry).is_some() => {
                self.ended = true;
                self.post(shared, entry, PostContent::Ended);
                self.tell(shared);
                self.keep(shared);
            }
            // Carried and kept; no window shows them yet.
            _ => {}
        }
    }

    fn apply_text(&mut self, shared: &mut Shared, entry: &Entry) {
        let Some(body) = self.open::<TextBody>(shared, entry) else {
            return;
        };
        let teacher = entry.author == self.feed.teacher;
        let limit = if teacher {
            limits::TEACHER_TEXT
        } else {
            limits::STUDENT_TEXT
        };
        if body.text.len() <= limit {
            self.post(shared, entry, PostContent::Text { text: body.text });
        }
    }

    fn apply_item(&mut self, shared: &mut Shared, now: Now, entry: &Entry, body: ItemBody) {
        let (item, version) = (body.item, body.version);
        let set = match &body.content {
            ItemContent::Files { set } => Some(set.clone()),
            _ => None,
        };
        let Some(content) = item_content(body) else {
            return;
        };
        self.post(shared, entry, content);
        if let Some(set) = set {
            self.open_item(shared, now, entry.seq, item, version, set);
        } else if self.own.is_some() {
            self.posted.insert(item);
        }
    }

    /// Tells people of an entry: each is applied once, so each is told once.
    fn post(&self, shared: &mut Shared, entry: &Entry, content: PostContent) {
        let view = self.post_view(shared, entry, content);
        shared.event(Event::Posted(view));
    }

    fn post_view(&self, shared: &Shared, entry: &Entry, content: PostContent) -> Post {
        let teacher = entry.author == self.feed.teacher;
        let known = self.members.known.get(&DeviceId(entry.author.0));
        let name = known
            .map(|known| known.token.name.clone())
            .unwrap_or_default();
        let own = if teacher {
            self.own.is_some()
        } else {
            entry.author == AuthorId::from(shared.id)
        };
        Post {
            session: self.id,
            author: AuthorView {
                id: entry.author,
                name: if teacher {
                    self.teacher.name.clone()
                } else {
                    name
                },
                roll: known
                    .map(|known| known.token.roll.clone())
                    .unwrap_or_default(),
                teacher,
                own,
            },
            seq: entry.seq,
            time: entry.time,
            private: entry.audience != Audience::All,
            again: self.feed.replaying,
            content,
        }
    }

    /// Writes a message: to everybody as the teacher, else as the policy allows.
    pub(super) fn say(
        &mut self,
        shared: &mut Shared,
        now: Now,
        text: &str,
    ) -> Result<(), CommandError> {
        let teacher = self.own.is_some();
        let limit = if teacher {
            limits::TEACHER_TEXT
        } else {
            limits::STUDENT_TEXT
        };
        if text.trim().is_empty() {
            return Err(CommandError::Empty("the message"));
        }
        if text.len() > limit {
            let (size, limit) = (text.len() as u64, limit as u64);
            return Err(CommandError::TooLong {
                what: "the message",
                size,
                limit,
            });
        }
        let body = TextBody {
            text: text.to_owned(),
        };
        if teacher {
            return self.write(shared, now, EntryKind::Text, Audience::All, &body);
        }
        if !self.is_member() || self.members.guest {
            return Err(CommandError::NotJoined);
        }
        let audience = match self.feed.policy.texts {
            TextPolicy::Nothing => return Err(CommandError::NotAllowed),
            TextPolicy::Teacher => Audience::Teacher,
            TextPolicy::All => Audience::All,
        };
        if self.feed.muted.contains(&shared.id) {
            return Err(CommandError::NotAllowed);
        }
        let author = shared.id.into();
        if self.feed.head(author).0 >= limits::STUDENT_ENTRIES {
            return Err(CommandError::LogFull);
        }
        if !self.feed.bucket(author).take(now.moment) {
            return Err(CommandError::TooFast);
        }
        self.write(shared, now, EntryKind::Text, audience, &body)
    }
}

/// What people are told of an item; nothing of one that is over a limit, or of a later version's kind.
pub(crate) fn item_content(body: ItemBody) -> Option<PostContent> {
    let ItemBody {
        item,
        version,
        title,
        content,
    } = body;
    if title.len() > limits::ITEM_TITLE {
        return None;
    }
    match content {
        ItemContent::Files { set } => Some(PostContent::Files {
            item,
            version,
            title,
            files: set.files,
            bytes: set.bytes,
        }),
        ItemContent::Snippet { text, language } if text.len() <= limits::SNIPPET => {
            Some(PostContent::Snippet {
                item,
                title,
                text,
                language,
            })
        }
        ItemContent::Link { url } if url.len() <= limits::URL && is_web(&url) => {
            Some(PostContent::Link { item, title, url })
        }
        ItemContent::Announcement { text } if text.len() <= limits::TEACHER_TEXT => {
            Some(PostContent::Announcement { item, title, text })
        }
        _ => None,
    }
}

/// Whether an address is of the web: others could start programs.
pub(crate) fn is_web(url: &str) -> bool {
    let url = url.to_ascii_lowercase();
    let host = ["http://", "https://"]
        .iter()
        .find_map(|prefix| url.strip_prefix(prefix));
    host.is_some_and(|host| !host.is_empty()) && !url.chars().any(char::is_whitespace)
}
