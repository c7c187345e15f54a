//! What is told outside the window: which notification something makes, and what can be done from it.

use std::time::{Duration, Instant};

use gettextrs::gettext;

use crate::format;
use crate::i18n::{gettext_f, ngettext_f};
use crate::model::feed_row::{FeedKind, FeedRow};

/// Items that come within this time are told together, if there are more than [`MOST`].
const BURST: Duration = Duration::from_mins(1);
/// Items of one session that are told one by one.
const MOST: usize = 3;
/// Characters of a text that a notification shows.
const EXCERPT: usize = 200;

/// What can be done from a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Open what was received.
    Open,
    /// Show it in the file manager.
    ShowInFiles,
    /// Copy a text or an address.
    Copy,
    /// Open an address.
    OpenLink,
    /// Receive it again.
    Retry,
    /// Look at an unknown teacher.
    Review,
    /// Type the PIN of a session.
    EnterPin,
}

impl Deed {
    /// What the button says.
    pub fn label(self) -> String {
        match self {
            Self::Open => gettext("Open"),
            Self::ShowInFiles => gettext("Show in Files"),
            Self::Copy => gettext("Copy"),
            Self::OpenLink => gettext("Open Link"),
            Self::Retry => gettext("Try Again"),
            Self::Review => gettext("Review…"),
            Self::EnterPin => gettext("Enter PIN…"),
        }
    }

    /// The application's action for it; its target is [`News::target`].
    pub const fn action(self) -> &'static str {
        match self {
            Self::Open => "app.news-open",
            Self::ShowInFiles => "app.news-show",
            Self::Copy => "app.news-copy",
            Self::OpenLink => "app.news-link",
            Self::Retry => "app.news-retry",
            Self::Review => "app.news-review",
            Self::EnterPin => "app.news-pin",
        }
    }
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it is about: later news of the same replace it.
    pub target: String,
    /// The first line.
    pub title: String,
    /// The rest.
    pub body: String,
    /// What can be done, the likeliest first.
    pub deeds: Vec<Deed>,
}

impl News {
    /// Something was posted; files are told of once they are here.
    pub fn posted(session: &str, title: &str, row: &FeedRow) -> Option<Self> {
        let deeds = match row.kind() {
            FeedKind::Files | FeedKind::Notice => return None,
            FeedKind::Message | FeedKind::Announcement => Vec::new(),
            FeedKind::Snippet => vec![Deed::Copy],
            FeedKind::Link => vec![Deed::OpenLink, Deed::Copy],
        };
        let message = row.kind() == FeedKind::Message;
        let part = match row.item() {
            Some(item) if !message => item.to_string(),
            _ => MESSAGES.to_owned(),
        };
        let head = if message { row.author() } else { row.title() };
        let head = if head.trim().is_empty() {
            row.spoken()
        } else {
            head
        };
        Some(Self {
            target: format!("{session}/{part}"),
            title: format::joined(&[head, title.to_owned()]),
            body: row.body().chars().take(EXCERPT).collect(),
            deeds,
        })
    }

    /// Files are here.
    pub fn saved(session: &str, title: &str, row: &FeedRow) -> Option<Self> {
        Some(Self {
            target: format!("{session}/{}", row.item()?),
            title: gettext_f("{title} is here", &[("title", &row.title())]),
            body: title.to_owned(),
            deeds: vec![Deed::Open, Deed::ShowInFiles],
        })
    }

    /// Files cannot be received.
    pub fn failed(session: &str, row: &FeedRow) -> Option<Self> {
        Some(Self {
            target: format!("{session}/{}", row.item()?),
            title: gettext_f("{title} was not received", &[("title", &row.title())]),
            body: row.state_text(),
            deeds: vec![Deed::Retry],
        })
    }

    /// A teacher is there whom nobody vouches for.
    pub fn unknown(session: &str, title: &str, teacher: &str) -> Self {
        Self {
            target: format!("{session}/teacher"),
            title: gettext_f("{teacher} has started a session", &[("teacher", teacher)]),
            body: format::joined(&[
                title.to_owned(),
                gettext("This teacher is new to this computer."),
            ]),
            deeds: vec![Deed::Review],
        }
    }

    /// A session admits those who know its PIN.
    pub fn pin(session: &str, title: &str, teacher: &str) -> Self {
        Self {
            target: format!("{session}/teacher"),
            title: gettext_f("{teacher} has started a session", &[("teacher", teacher)]),
            body: format::joined(&[title.to_owned(), gettext("It asks for a PIN.")]),
            deeds: vec![Deed::EnterPin],
        }
    }

    fn session(&self) -> &str {
        self.target.split('/').next().unwrap_or_default()
    }

    /// Whether a person has to decide something.
    fn asks(&self) -> bool {
        self.deeds
            .iter()
            .any(|deed| matches!(deed, Deed::Review | Deed::EnterPin))
    }

    fn is_message(&self) -> bool {
        self.target.ends_with(MESSAGES)
    }
}

/// The last part of the target of all messages of a session: one notification for them.
const MESSAGES: &str = "messages";
/// That of many items told together.
const ITEMS: &str = "items";

/// What becomes of the notifications.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Show this one, in the place of one with the same target.
    Show(News),
    /// Take that one back.
    Withdraw(String),
}

/// The notifications that are shown now.
#[derive(Debug, Default)]
pub struct Tray {
    shown: Vec<(String, Instant)>,
    /// Messages since somebody looked, by session.
    messages: Vec<(String, u32)>,
}

impl Tray {
    /// Something happened while nobody looked: what to do about it.
    pub fn add(&mut self, now: Instant, session_title: &str, mut news: News) -> Vec<Change> {
        let session = news.session().to_owned();
        if news.is_message() {
            let count = self.another_message(&session);
            if count > 1 {
                let args = [("title", session_title)];
                news.title = ngettext_f(
                    "{n} message in {title}",
                    "{n} messages in {title}",
                    count,
                    &args,
                );
            }
        }
        self.shown.retain(|(target, _)| *target != news.target);
        self.shown.push((news.target.clone(), now));
        if news.is_message() || news.asks() {
            return vec![Change::Show(news)];
        }
        let lately: Vec<String> = self
            .shown
            .iter()
            .filter(|(target, at)| {
                let of = target.strip_prefix(&session).unwrap_or_default();
                of.starts_with('/')
                    && ![MESSAGES, ITEMS, "teacher"].contains(&&of[1..])
                    && now.saturating_duration_since(*at) < BURST
            })
            .map(|(target, _)| target.clone())
            .collect();
        if lately.len() <= MOST {
            return vec![Change::Show(news)];
        }
        let count = u32::try_from(lately.len()).unwrap_or(u32::MAX);
        let together = News {
            target: format!("{session}/{ITEMS}"),
            title: ngettext_f("{n} new item", "{n} new items", count, &[]),
            body: format::joined(&[session_title.to_owned(), news.title]),
            deeds: Vec::new(),
        };
        self.shown.push((together.target.clone(), now));
        let mut changes: Vec<_> = lately.into_iter().map(Change::Withdraw).collect();
        changes.push(Change::Show(together));
        changes
    }

    fn another_message(&mut self, session: &str) -> u32 {
        if let Some((_, count)) = self.messages.iter_mut().find(|(of, _)| of == session) {
            *count += 1;
            return *count;
        }
        self.messages.push((session.to_owned(), 1));
        1
    }

    /// One was acted upon, or what it tells of is gone.
    pub fn handled(&mut self, target: &str) -> Option<Change> {
        let before = self.shown.len();
        self.shown.retain(|(shown, _)| shown != target);
        (self.shown.len() < before).then(|| Change::Withdraw(target.to_owned()))
    }

    /// Somebody looks at the window: all of it is seen there.
    pub fn all_seen(&mut self) -> Vec<Change> {
        self.messages.clear();
        let shown = std::mem::take(&mut self.shown);
        shown
            .into_iter()
            .map(|(target, _)| Change::Withdraw(target))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(session: &str, n: u32) -> News {
        News {
            target: format!("{session}/{n}"),
            title: format!("lab{n}.zip is here"),
            body: "DBMS".into(),
            deeds: vec![Deed::Open, Deed::ShowInFiles],
        }
    }

    fn message(text: &str) -> News {
        News {
            target: "s/messages".into(),
            title: "Dr. Joshi".into(),
            body: text.into(),
            deeds: Vec::new(),
        }
    }

    #[test]
    fn a_few_items_are_told_one_by_one_and_many_together() {
        let (mut tray, now) = (Tray::default(), Instant::now());
        for n in 1..=3 {
            assert_eq!(
                tray.add(now, "DBMS", item("s", n)),
                [Change::Show(item("s", n))]
            );
        }
        // Another session has its own count.
        assert_eq!(
            tray.add(now, "Maths", item("t", 1)),
            [Change::Show(item("t", 1))]
        );
        let changes = tray.add(now, "DBMS", item("s", 4));
        let Some(Change::Show(together)) = changes.last() else {
            panic!("nothing is shown");
        };
        assert_eq!(
            (together.target.as_str(), together.title.as_str()),
            ("s/items", "4 new items")
        );
        assert!(changes.contains(&Change::Withdraw("s/1".into())));
        let later = now + BURST * 2;
        assert_eq!(
            tray.add(later, "DBMS", item("s", 5)),
            [Change::Show(item("s", 5))]
        );
    }

    #[test]
    fn messages_of_a_session_share_one_notification_that_counts() {
        let (mut tray, now) = (Tray::default(), Instant::now());
        assert_eq!(
            tray.add(now, "DBMS", message("one")),
            [Change::Show(message("one"))]
        );
        let [Change::Show(second)] = &tray.add(now, "DBMS", message("two"))[..] else {
            panic!("not one notification");
        };
        assert_eq!(
            (second.title.as_str(), second.body.as_str()),
            ("2 messages in DBMS", "two")
        );
        assert_eq!(tray.all_seen(), [Change::Withdraw("s/messages".into())]);
        assert_eq!(
            tray.add(now, "DBMS", message("three")),
            [Change::Show(message("three"))]
        );
    }

    #[test]
    fn what_was_handled_is_taken_back_once() {
        let (mut tray, now) = (Tray::default(), Instant::now());
        tray.add(now, "DBMS", item("s", 1));
        assert_eq!(tray.handled("s/1"), Some(Change::Withdraw("s/1".into())));
        assert_eq!(tray.handled("s/1"), None);
        assert_eq!(tray.all_seen(), []);
    }
}
