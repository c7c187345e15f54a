//! The feed: logs of the teacher and of students, their relay, catch-up and meaning.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::session::Session;
use super::shared::Shared;
use crate::api::WarningKind;
use crate::core::ids::{AuthorId, DeviceId, Epoch, LinkId, SealingKey, Seq};
use crate::core::io::{CommandError, Disk, Kept};
use crate::core::limits::{self, Bucket};
use crate::core::log::{Log, Taken, by_time};
use crate::core::sealed;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now};
use crate::core::wire::control::Control;
use crate::core::wire::statements::{
    Audience, Authority, Entry, EntryKind, PolicyBody, TextPolicy,
};

/// The logs of a session.
pub(super) struct Feed {
    /// The author that the session's authority comes from.
    pub teacher: AuthorId,
    pub logs: BTreeMap<AuthorId, Log>,
    pub policy: PolicyBody,
    pub muted: BTreeSet<DeviceId>,
    buckets: BTreeMap<AuthorId, Bucket>,
    asked: BTreeMap<AuthorId, Moment>,
    alarmed: BTreeSet<AuthorId>,
    pub digest_due: Option<Moment>,
    digest_wait: std::time::Duration,
    /// What is applied now was kept by an earlier run.
    pub replaying: bool,
    /// Entries that came from their author, to be passed on to all but that link at a moment, in that order.
    later: VecDeque<(Moment, LinkId, Vec<Signed>)>,
}

impl Feed {
    pub fn new(teacher: AuthorId) -> Self {
        Self {
            teacher,
            logs: BTreeMap::new(),
            policy: PolicyBody::default(),
            muted: BTreeSet::new(),
            buckets: BTreeMap::new(),
            asked: BTreeMap::new(),
            alarmed: BTreeSet::new(),
            digest_due: None,
            digest_wait: limits::DIGEST_MIN,
            replaying: false,
            later: VecDeque::new(),
        }
    }

    /// When something waits to be told to others.
    pub fn next_timeout(&self) -> Option<Moment> {
        let later = self.later.front().map(|(due, ..)| *due);
        later.into_iter().chain(self.digest_due).min()
    }

    /// The highest number of a log that is here without a gap.
    pub fn head(&self, author: AuthorId) -> Seq {
        self.logs.get(&author).map_or(Seq(0), Log::head)
    }

    fn heads(&self) -> BTreeMap<AuthorId, Seq> {
        self.logs
            .iter()
            .map(|(author, log)| (*author, log.head()))
            .collect()
    }

    pub fn bucket(&mut self, author: AuthorId) -> &mut Bucket {
        let new = || Bucket::new(limits::TEXT_BURST, limits::TEXT_EVERY);
        self.buckets.entry(author).or_insert_with(new)
    }
}

impl Session {
    /// Writes an entry of the own log: onto the disk, into the feed, and to the neighbours.
    pub(super) fn write<T: Serialize>(
        &mut self,
        shared: &mut Shared,
        now: Now,
        kind: EntryKind,
        audience: Audience,
        body: &T,
    ) -> Result<(), CommandError> {
        let (author, epoch) = match &self.own {
            Some(_) => (self.feed.teacher, self.teacher.epoch),
            None => (shared.id.into(), Epoch(0)),
        };
        let log = self.feed.logs.entry(author).or_default();
        let (seq, previous) = (log.head().next(), log.head_hash());
        let json = serde_json::to_vec(body).expect("bodies have string keys and serialise");
        let body = match self.readers(shared, &audience) {
            None => RawValue::from_string(String::from_utf8(json).expect("JSON is UTF-8")),
            Some(readers) => {
                let context = sealed::entry_context(self.id, author, seq);
                let fill = &mut |bytes: &mut [u8]| shared.rng.fill(bytes);
                let sealed = sealed::seal(&json, &readers, &context, fill);
                to_raw_value(&sealed.map_err(|_| CommandError::NotJoined)?)
            }
        };
        let body = body.expect("what was just serialised is JSON");
        let time = now.wall;
        let entry = Entry {
            session: self.id,
            author,
            epoch,
            seq,
            previous,
            audience,
            kind,
            time,
            body,
        };
        let key = self.own.as_ref().map_or(&shared.device, |own| &own.key);
        let signed = Signed::seal(Domain::Entry, &entry, key);
        if signed.body.len() > limits::ENTRY_BODY {
            let (size, limit) = (signed.body.len() as u64, limits::ENTRY_BODY as u64);
            return Err(CommandError::TooLong {
                what: "the entry",
                size,
                limit,
            });
        }
        let log = self.feed.logs.entry(author).or_default();
        let (mut entries, mut bytes) = (1, signed.body.len());
        let is_last = matches!(
            entry.kind,
            EntryKind::Grant
                | EntryKind::Withdraw
                | EntryKind::Policy
                | EntryKind::Mute
                | EntryKind::Revoke
                | EntryKind::End
        );
        if self.own.is_some() && !is_last {
            entries += limits::LAST_ENTRIES;
            bytes += limits::LAST_BYTES;
        }
        if !log.has_room(entries, bytes) {
            return Err(CommandError::LogFull);
        }
        log.take(seq, previous, signed.clone());
        shared.disk(Disk::Entry {
            session: self.id,
            entry: signed.clone(),
        });
        self.apply(shared, now, &entry);
        self.pass_on(shared, now, &[signed], None);
        Ok(())
    }

    /// Whom an entry is sealed to, `None` where everybody reads it.
    fn readers(&self, shared: &Shared, audience: &Audience) -> Option<Vec<SealingKey>> {
        match audience {
            Audience::All => None,
            // The author reads the own words again, also after a restart.
            Audience::Teacher => Some(vec![self.teacher.sealing, shared.sealing_key()]),
            Audience::Devices(devices) => {
                let key = |device| self.members.known.get(device).map(|k| k.token.sealing);
                Some(devices.iter().filter_map(key).collect())
            }
        }
    }

    /// Sends new entries to the few neighbours, and lets the digests follow soon. Short ones of one's own go to everybody at
    /// once: each hop may wait behind the queue of a busy port.
    fn pass_on(&mut self, shared: &mut Shared, now: Now, entries: &[Signed], from: Option<LinkId>) {
        let all = self.member_links();
        let size: usize = entries.iter().map(|entry| entry.body.len()).sum();
        let to = if from.is_none() && size * all.len() <= limits::TOLD_DIRECTLY {
            all
        } else {
            self.neighbours(shared, from)
        };
        self.send_entries(shared, &to, entries);
        self.feed.digest_wait = limits::DIGEST_MIN;
        let soon = now.moment + limits::DIGEST_MIN;
        self.feed.digest_due = Some(self.feed.digest_due.map_or(soon, |due| due.min(soon)));
    }

    fn send_entries(&self, shared: &mut Shared, to: &[LinkId], entries: &[Signed]) {
        let mut start = 0;
        while start < entries.len() {
            let mut size = 0;
            let fitting = entries[start..]
                .iter()
                .take_while(|entry| {
                    size += entry.body.len();
                    size <= limits::BYTES_PER_MESSAGE
                })
                .count()
                .max(1);
            let part = entries[start..start + fitting].to_vec();
            shared.send_all(
                to,
                &Control::Entries {
                    session: self.id,
                    entries: part,
                },
            );
            start += fitting;
        }
    }

    /// Entries came: check, keep, apply, pass on.
    pub(super) fn on_entries(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        entries: Vec<Signed>,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        let mut news = Vec::new();
        for signed in entries {
            let Some((author, taken)) = self.take_entry(shared, now, signed) else {
                continue;
            };
            match taken {
                Taken::Added(added) => {
                    self.feed.asked.remove(&author);
                    for signed in added {
                        if let Ok(entry) = signed.peek::<Entry>() {
                            let keep = Disk::Entry {
                                session: self.id,
                                entry: signed.clone(),
                            };
                            shared.disk(keep);
                            self.apply(shared, now, &entry);
                        }
                        news.push(signed);
                    }
                }
                Taken::Waiting | Taken::Full => self.lack(shared, now, link, author),
                Taken::Known | Taken::Over => {}
                Taken::Conflict => self.alarm(shared, author),
            }
        }
        if news.is_empty() {
            return;
        }
        if self.told_everybody(link, &news) {
            let due = now.moment + limits::AFTER_AUTHOR;
            self.feed.later.push_back((due, link, news));
        } else {
            self.pass_on(shared, now, &news, Some(link));
        }
    }

    /// Whether entries come from their author, and are so short that it told all its links.
    fn told_everybody(&self, link: LinkId, news: &[Signed]) -> bool {
        let teacher = self.teacher_link() == Some(link);
        let device = self
            .peers
            .get(&link)
            .map(|peer| AuthorId::from(peer.device));
        let by = |entry: Entry| {
            Some(entry.author) == device || (teacher && entry.author == self.feed.teacher)
        };
        let size: usize = news.iter().map(|entry| entry.body.len()).sum();
        size * self.member_links().len() <= limits::TOLD_DIRECTLY
            && news.iter().all(|signed| signed.peek().is_ok_and(by))
    }

    /// Passes on what waited for others to have it from its author.
    pub(super) fn pass_on_later(&mut self, shared: &mut Shared, now: Now) {
        while let Some((due, ..)) = self.feed.later.front()
            && *due <= now.moment
            && let Some((_, link, entries)) = self.feed.later.pop_front()
        {
            self.pass_on(shared, now, &entries, Some(link));
        }
    }

    fn take_entry(
        &mut self,
        shared: &mut Shared,
        now: Now,
        signed: Signed,
    ) -> Option<(AuthorId, Taken)> {
        if signed.body.len() > limits::ENTRY_BODY {
            return None;
        }
        let entry = signed.peek::<Entry>().ok()?;
        let author = entry.author;
        let long = signed.body.len() > limits::STUDENT_ENTRY_BODY;
        if entry.session != self.id || (long && author != self.feed.teacher) {
            return None;
        }
        if self
            .feed
            .logs
            .get(&author)
            .is_some_and(|log| log.knows(entry.seq, &signed))
        {
            return Some((author, Taken::Known));
        }
        if author != self.feed.teacher {
            self.student_may_write(now, &entry)?;
        }
        let key = self.author_key(shared, now, &entry)?;
        signed.verify(Domain::Entry, &key).ok()?;
        let device = DeviceId(author.0);
        if author != self.feed.teacher {
            self.set_presence_heard(shared, now, device);
        }
        let log = self.feed.logs.entry(author).or_default();
        Some((author, log.take(entry.seq, entry.previous, signed)))
    }

    /// What this machine kept in an earlier run, in the order in which it was written.
    pub(super) fn replay_all(&mut self, shared: &mut Shared, now: Now, kept: Kept) {
        self.items.opened = kept.sets;
        // Grants bring the keys with which tokens are checked, and tokens the names of authors.
        for signed in &kept.entries {
            if let Ok(entry) = signed.peek::<Entry>()
                && entry.kind == EntryKind::Grant
            {
                self.author_key(shared, now, &entry);
            }
        }
        for token in kept.tokens {
            self.remember(shared, now, token);
        }
        for signed in by_time(kept.entries, Some(self.feed.teacher)) {
            self.replay(shared, now, signed);
        }
    }

    /// An entry that this machine kept in an earlier run: checked again, neither kept nor passed on
    /// again.
    pub(super) fn replay(&mut self, shared: &mut Shared, now: Now, signed: Signed) {
        let Ok(entry) = signed.peek::<Entry>() else {
            return;
        };
        if entry.session != self.id {
            return;
        }
        let Some(key) = self.author_key(shared, now, &entry) else {
            return;
        };
        if signed.verify(Domain::Entry, &key).is_err() {
            return;
        }
        let log = self.feed.logs.entry(entry.author).or_default();
        if let Taken::Added(added) = log.take(entry.seq, entry.previous, signed) {
            self.feed.replaying = true;
            for entry in added
                .iter()
                .filter_map(|signed| signed.peek::<Entry>().ok())
            {
                self.apply(shared, now, &entry);
            }
            self.feed.replaying = false;
        }
    }

    /// The key that signs an entry; a grant brings the key of its epoch with it.
    fn author_key(&mut self, shared: &mut Shared, now: Now, entry: &Entry) -> Option<[u8; 32]> {
        if entry.author != self.feed.teacher {
            return Some(entry.author.0);
        }
        if entry.kind == EntryKind::Grant && !self.keys.contains_key(&entry.epoch) {
            let authority: Authority = serde_json::from_str(entry.body.get()).ok()?;
            self.take_authority(shared, now, &authority);
        }
        self.keys.get(&entry.epoch).map(|key| key.0)
    }

    /// What every hop checks of a student's entry before it checks the signature.
    fn student_may_write(&mut self, now: Now, entry: &Entry) -> Option<()> {
        let device = DeviceId(entry.author.0);
        let known = self.members.known.contains_key(&device);
        let kind = matches!(
            entry.kind,
            EntryKind::Text | EntryKind::Question | EntryKind::Other(_)
        ) || entry.kind == EntryKind::Status
            || entry.kind == EntryKind::Item;
        let audience = match (self.feed.policy.texts, &entry.audience) {
            (TextPolicy::Nothing, _) => false,
            (TextPolicy::Teacher, audience) => *audience == Audience::Teacher,
            (TextPolicy::All, _) => true,
        };
        let muted = self.feed.muted.contains(&device);
        let head = self.feed.head(entry.author);
        // Catching up on an old log is no flood, as long as it could have come about at the usual rate.
        let old =
            entry.time.0.saturating_add(60) < now.wall.0 && self.is_within_age(now, entry.seq);
        let fits = entry.seq.0 <= limits::STUDENT_ENTRIES && entry.seq > head;
        let ok = known && kind && audience && !muted && fits;
        (ok && (old || self.feed.bucket(entry.author).take(now.moment))).then_some(())
    }

    /// Whether a log of a student may have come this far since the session's first start, by the teacher's clock.
    fn is_within_age(&self, now: Now, seq: Seq) -> bool {
        let log = self.feed.logs.get(&self.feed.teacher);
        let time = |seq| log?.get(seq)?.peek::<Entry>().ok().map(|entry| entry.time);
        let latest = match &self.own {
            Some(_) => Some(now.wall),
            None => self
                .heard
                .time(now)
                .or_else(|| time(self.feed.head(self.feed.teacher))),
        };
        let (Some(start), Some(latest)) = (time(Seq(1)), latest) else {
            return false;
        };
        let age = latest.0.saturating_sub(start.0);
        let earned = age / limits::TEXT_EVERY.as_secs();
        seq.0 <= earned.saturating_add(limits::TEXT_BURST.into())
    }

    fn alarm(&mut self, shared: &mut Shared, author: AuthorId) {
        if self.feed.alarmed.insert(author) {
            let who = if author == self.feed.teacher {
                format!("the teacher {}", self.teacher.name)
            } else {
                let known = self.members.known.get(&DeviceId(author.0));
                known.map_or_else(|| author.to_string(), |known| known.token.name.clone())
            };
            let text = format!(
                "two different entries of {who} carry the same number: a key may have been copied. \
                 Nothing was overwritten; tell the administrator."
            );
            shared.warn(WarningKind::Alarm, Some(self.id), text);
        }
    }

    /// Asks for what a log lacks, at most once a second and author.
    pub(super) fn lack(&mut self, shared: &mut Shared, now: Now, link: LinkId, author: AuthorId) {
        let asked = self.feed.asked.get(&author);
        if asked.is_some_and(|asked| now.moment.since(*asked) < limits::DIGEST_MIN) {
            return;
        }
        self.feed.asked.insert(author, now.moment);
        if self.feed.logs.get(&author).is_some_and(Log::is_over) {
            return;
        }
        let from = self.feed.head(author).next();
        shared.send(
            link,
            &Control::Lack {
                session: self.id,
                author,
                from,
            },
        );
    }

    pub(super) fn on_lack(
        &mut self,
        shared: &mut Shared,
        link: LinkId,
        author: AuthorId,
        from: Seq,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        let Some(log) = self.feed.logs.get(&author) else {
            return;
        };
        // A long log comes in several answers: what follows is asked for again.
        let mut size = 0;
        let entries: Vec<_> = log
            .from(from)
            .iter()
            .take_while(|entry| {
                size += entry.body.len();
                size <= 8 * limits::BYTES_PER_MESSAGE
            })
            .cloned()
            .collect();
        self.send_entries(shared, &[link], &entries);
    }

    pub(super) fn send_digest(&self, shared: &mut Shared, links: &[LinkId]) {
        let members = self.members.count();
        let heads = self.feed.heads();
        shared.send_all(
            links,
            &Control::Digest {
                session: self.id,
                heads,
                members,
            },
        );
    }

    pub(super) fn on_digest(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        heads: &BTreeMap<AuthorId, Seq>,
        members: u32,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        if members > self.members.count() {
            self.lack_members(shared, now, link);
        }
        for (author, head) in heads.iter().take(limits::MEMBERS + 1) {
            // What is refused here is not asked for either.
            if *head > self.feed.head(*author) && self.may_be_heard(*author) {
                self.lack(shared, now, link, *author);
                self.feed.digest_wait = limits::DIGEST_MIN;
            }
        }
    }

    fn may_be_heard(&self, author: AuthorId) -> bool {
        let device = DeviceId(author.0);
        let muted = self.feed.muted.contains(&device);
        let silent = muted || self.feed.policy.texts == TextPolicy::Nothing;
        author == self.feed.teacher || (self.members.known.contains_key(&device) && !silent)
    }

    /// Exchanges digests with two others, more rarely the longer nothing changes.
    pub(super) fn digest_if_due(&mut self, shared: &mut Shared, now: Now) {
        if !self.is_member() || self.feed.digest_due.is_none_or(|due| due > now.moment) {
            return;
        }
        let mut links = self.member_links();
        shared.rng.shuffle(&mut links);
        links.truncate(2);
        self.send_digest(shared, &links);
        let wait = self.feed.digest_wait;
        self.feed.digest_wait = (wait * 2).min(limits::DIGEST_MAX);
        let jitter = wait / 4 * u32::try_from(shared.rng.below(100)).unwrap_or(0) / 100;
        self.feed.digest_due = Some(now.moment + wait + jitter);
    }
}
