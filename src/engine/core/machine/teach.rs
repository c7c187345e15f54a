//! What people want: commands, most of them the teacher's.

use super::session::{Own, Session, Stage};
use super::shared::Shared;
use super::{Core, items, pages};
use crate::api::{Event, NewPost, Progress, ShareOptions, WarningKind};
use crate::core::ids::{DeviceId, Hash, ItemId, LinkId, PublicKey, SessionId, SetId, Version};
use crate::core::io::{Command, CommandError, Disk};
use crate::core::layout;
use crate::core::limits;
use crate::core::manifest::{self, ManifestWriter};
use crate::core::sealed::MAX_READERS;
use crate::core::signed::{Domain, Signed};
use crate::core::swarm::SetSpec;
use crate::core::time::Now;
use crate::core::trust::verify_authority;
use crate::core::wire::control::{ByeCode, Control};
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::{
    AgainBody, Audience, Authority, EndBody, EntryKind, FileEntry, ItemBody, ItemContent, PageKind,
    PolicyBody, Token, WithdrawBody,
};

impl Core {
    pub(super) fn run(&mut self, now: Now, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Start {
                session,
                title,
                session_key,
                authority,
                sealing,
            } => {
                let own = Own {
                    key: session_key,
                    sealing,
                    announced: 0,
                    ticked: 0,
                    tick_due: now.moment,
                };
                self.start(now, session, title, &authority, own)
            }
            Command::ShareFiles {
                session,
                item,
                set,
                title,
                files,
                options,
            } => {
                let (session, shared) = self.own(session)?;
                session.share(shared, now, item, set, title, &files, &options)
            }
            Command::Post {
                session,
                item,
                post,
            } => {
                let (session, shared) = self.own(session)?;
                session.post_new(shared, now, item, post)
            }
            Command::Withdraw {
                session,
                item,
                reason,
            } => {
                let (session, shared) = self.own(session)?;
                session.withdraw(shared, now, item, reason)
            }
            Command::SetPolicy { session, texts } => {
                self.set_policy(now, session, |policy| policy.texts = texts)
            }
            Command::SetClassLimit { session, upload } => {
                self.set_policy(now, session, |policy| policy.upload = upload)
            }
            Command::SetUploadLimit(limit) => {
                self.upload_limit = limit;
                Ok(())
            }
            Command::Say { session, text } => {
                let (session, shared) = self.live(session)?;
                session.say(shared, now, &text)
            }
            Command::Join(session) => {
                self.live(session)?;
                self.join_session(now, session);
                Ok(())
            }
            Command::Connect(address) => {
                self.dials.want_address(address, None, now.moment, 3);
                Ok(())
            }
            Command::Trust { teacher, trusted } => self.trust(now, teacher, trusted),
            Command::Retry { session, item } => {
                let (session, shared) = self.live(session)?;
                if session.retry(shared, now, item) {
                    Ok(())
                } else {
                    Err(CommandError::NoItem)
                }
            }
            Command::AskAgain {
                session,
                item,
                students,
            } => {
                let (session, shared) = self.own(session)?;
                session.ask_again(shared, now, item, &students)
            }
            Command::End(session) => {
                let (session, shared) = self.own(session)?;
                let body = EndBody::default();
                session.write(shared, now, EntryKind::End, Audience::All, &body)?;
                let (id, teacher) = (session.id, session.teacher.teacher);
                self.discovery.end(id, teacher);
                Ok(())
            }
            Command::Leave(session) => self.leave(now, session),
            Command::Shutdown => {
                self.shut_down(now);
                Ok(())
            }
        }
    }

    fn live(&mut self, id: SessionId) -> Result<(&mut Session, &mut Shared), CommandError> {
        let session = self.sessions.get_mut(&id).ok_or(CommandError::NoSession)?;
        if session.ended {
            return Err(CommandError::Ended);
        }
        Ok((session, &mut self.shared))
    }

    fn own(&mut self, id: SessionId) -> Result<(&mut Session, &mut Shared), CommandError> {
        let (session, shared) = self.live(id)?;
        if session.own.is_none() {
            return Err(CommandError::NotTeacher);
        }
        Ok((session, shared))
    }

    /// Changes something of the own session's policy and keeps the rest.
    fn set_policy(
        &mut self,
        now: Now,
        id: SessionId,
        change: impl FnOnce(&mut PolicyBody),
    ) -> Result<(), CommandError> {
        let (session, shared) = self.own(id)?;
        let mut policy = session.feed.policy;
        change(&mut policy);
        session.write(shared, now, EntryKind::Policy, Audience::All, &policy)
    }

    fn start(
        &mut self,
        now: Now,
        id: SessionId,
        title: String,
        authority: &Authority,
        own: Own,
    ) -> Result<(), CommandError> {
        if title.trim().is_empty() {
            return Err(CommandError::Empty("the session's title"));
        }
        check_length("the session's title", &title, limits::SESSION_TITLE)?;
        let verdict = verify_authority(authority, &self.shared.trust, now.wall)
            .map_err(|error| CommandError::NotAuthorised(error.to_string()))?;
        let teacher = verdict.teacher().clone();
        let own_key = PublicKey(own.key.verifying_key().to_bytes());
        if teacher.session != id
            || teacher.device != self.shared.id
            || teacher.session_key != own_key
        {
            let text = "the grant is not for this device and session";
            return Err(CommandError::NotAuthorised(text.to_owned()));
        }
        let token = Token {
            session: id,
            epoch: teacher.epoch,
            device: self.shared.id,
            name: teacher.name.clone(),
            roll: String::new(),
            machine: super::members::cut(&self.shared.person.machine, limits::PERSON_NAME),
            sealing: self.shared.sealing_key(),
            sequence: now.wall.0,
        };
        let token = Signed::seal(Domain::Token, &token, &own.key);
        let session = Session::new(title, teacher, authority.clone(), Stage::Member, Some(own));
        self.sessions.insert(id, session);
        self.discovery.set_own(id, true);
        self.with(id, |session, shared| {
            session.tell(shared);
            session.keep(shared);
            session.take_token(shared, now, token);
            session.renew_contact(shared, now);
            session.feed.digest_due = Some(now.moment + limits::DIGEST_MIN);
            session.write(shared, now, EntryKind::Grant, Audience::All, authority)?;
            let links: Vec<_> = shared.links.keys().copied().collect();
            for link in links {
                session.greet(shared, link);
            }
            Ok(())
        })
        .unwrap_or(Err(CommandError::NoSession))?;
        self.discovery.start_burst(now.moment);
        Ok(())
    }

    fn trust(&mut self, now: Now, key: PublicKey, trusted: bool) -> Result<(), CommandError> {
        if !trusted {
            if let Some(change) = self.shared.trust.unpin(&key) {
                self.shared.disk(Disk::Trust(change));
            }
            return Ok(());
        }
        let by_key = |session: &&mut Session| session.teacher.teacher == key;
        let mut found = Vec::new();
        for session in self.sessions.values_mut().filter(by_key) {
            if found.is_empty() {
                let change = self
                    .shared
                    .trust
                    .pin(&session.teacher, now.wall)
                    .map_err(|error| CommandError::NotAuthorised(error.to_string()))?;
                self.shared.disk(Disk::Trust(change));
            }
            if session.stage == Stage::Unknown {
                session.stage = Stage::Seen;
                session.tell(&mut self.shared);
            }
            found.push(session.id);
        }
        if found.is_empty() {
            return Err(CommandError::NoSession);
        }
        for id in found {
            self.join_if_wanted(now, id);
        }
        Ok(())
    }

    fn leave(&mut self, now: Now, id: SessionId) -> Result<(), CommandError> {
        let session = self.sessions.get_mut(&id).ok_or(CommandError::NoSession)?;
        if session.own.is_some() {
            return Err(CommandError::NotTeacher);
        }
        session.leave(&mut self.shared, now);
        Ok(())
    }

    fn shut_down(&mut self, now: Now) {
        self.stopping = true;
        for session in self.sessions.values_mut() {
            session.flush_all(&mut self.shared, now);
        }
        let links: Vec<_> = self.shared.links.keys().copied().collect();
        for link in links {
            self.shared
                .close(link, ByeCode::Leaving, "the program ends");
        }
    }
}

fn check_length(what: &'static str, text: &str, limit: usize) -> Result<(), CommandError> {
    if text.len() > limit {
        let (size, limit) = (text.len() as u64, limit as u64);
        return Err(CommandError::TooLong { what, size, limit });
    }
    Ok(())
}

impl Session {
    /// Keeps on the disk what is known of the session.
    pub(super) fn keep(&self, shared: &mut Shared) {
        shared.disk(Disk::Session {
            session: self.id,
            title: self.title.clone(),
            teacher: self.teacher.name.clone(),
            teacher_key: self.teacher.teacher,
            own: self.own.is_some(),
            epoch: self.teacher.epoch,
            ended: self.ended,
        });
    }

    fn leave(&mut self, shared: &mut Shared, now: Now) {
        let links = self.member_links();
        shared.send_all(
            &links,
            &Control::Leave {
                session: self.id,
                set: None,
            },
        );
        for link in links {
            shared.swarm.peer_left(now.moment, self.id, link);
        }
        self.peers.clear();
        self.stage = Stage::Left;
        self.tell(shared);
    }

    /// Sends what waits for its time, because the program ends.
    fn flush_all(&mut self, shared: &mut Shared, now: Now) {
        if self.active() && self.own.is_none() {
            self.flush_statuses(shared, now);
        }
        let links: Vec<LinkId> = self.member_links();
        shared.send_all(
            &links,
            &Control::Leave {
                session: self.id,
                set: None,
            },
        );
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one command")]
    fn share(
        &mut self,
        shared: &mut Shared,
        now: Now,
        item: ItemId,
        id: SetId,
        title: String,
        files: &[FileEntry],
        options: &ShareOptions,
    ) -> Result<(), CommandError> {
        check_length("the title", &title, limits::ITEM_TITLE)?;
        let earlier = match options.replaces {
            Some(item) => {
                let set = self
                    .items
                    .set_of(item)
                    .and_then(|id| self.items.sets.get(&id));
                Some(set.ok_or(CommandError::NoItem)?)
            }
            None => None,
        };
        let total = files.iter().map(|file| file.size).sum();
        let students = self.members.present(shared.id, self.teacher.device);
        let (item, version, chunk_size, kind) = match earlier {
            Some(set) => (
                set.item,
                set.version.next(),
                set.header.chunk_size,
                EntryKind::Replace,
            ),
            None => (
                item,
                Version(1),
                layout::chunk_size(total, students),
                EntryKind::Item,
            ),
        };
        let (header, layout) = manifest::plan(id, chunk_size, files)
            .map_err(|error| CommandError::NotShareable(error.to_string()))?;
        let content = ItemContent::Files {
            set: header.clone(),
        };
        let body = ItemBody {
            item,
            version,
            title,
            content,
        };
        let seq = self.feed.head(self.feed.teacher).next();

        let writer = ManifestWriter::new(self.id, self.teacher.epoch, header.clone());
        let mut set = items::Set::new(item, version, seq, header, pages::Pages::new(false));
        set.place = items::Place::Open;
        set.progress = Progress::Preparing;
        for page in writer.files(files) {
            set.pages.add(PageKind::Files, self.sign_page(&page)?);
        }
        set.writer = Some(writer);
        self.items.sets.insert(id, set);
        // Before the entry, which first has to be on the disk: reading begins meanwhile.
        shared.disk(Disk::Hash {
            session: self.id,
            set: id,
            chunk_size,
        });
        if let Err(error) = self.write(shared, now, kind, Audience::All, &body) {
            self.items.sets.remove(&id);
            shared.disk(Disk::Close { set: id });
            return Err(error);
        }
        let spec = SetSpec {
            session: self.id,
            set: id,
            priority: seq.0,
            sizes: items::sizes(&layout),
            source: true,
            have: Ranges::default(),
            hashes: 0,
        };
        shared.swarm.open_set(now.moment, spec);
        self.tell_item(shared, now, id, true);
        self.offer_pages(shared, now, id, None);
        Ok(())
    }

    fn withdraw(
        &mut self,
        shared: &mut Shared,
        now: Now,
        item: ItemId,
        reason: String,
    ) -> Result<(), CommandError> {
        if self.items.set_of(item).is_none() && !self.posted.contains(&item) {
            return Err(CommandError::NoItem);
        }
        let body = WithdrawBody { item, reason };
        self.write(shared, now, EntryKind::Withdraw, Audience::All, &body)
    }

    /// Has students try again to receive an item; only they can read it.
    fn ask_again(
        &mut self,
        shared: &mut Shared,
        now: Now,
        item: ItemId,
        students: &[DeviceId],
    ) -> Result<(), CommandError> {
        if self.items.set_of(item).is_none() {
            return Err(CommandError::NoItem);
        }
        for some in students.chunks(MAX_READERS) {
            let audience = Audience::Devices(some.to_vec());
            let body = AgainBody { item };
            self.write(shared, now, EntryKind::Again, audience, &body)?;
        }
        Ok(())
    }

    fn sign_page<T: serde::Serialize>(&self, page: &T) -> Result<Signed, CommandError> {
        let own = self.own.as_ref().ok_or(CommandError::NotTeacher)?;
        Ok(Signed::seal(Domain::Page, page, &own.key))
    }

    /// The teacher's machine has hashed more of a set.
    pub(super) fn hashed(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        hashes: &[Hash],
        root: Option<Hash>,
    ) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let Some(writer) = &mut set.writer else {
            return;
        };
        let mut pages: Vec<_> = writer
            .hashes(hashes)
            .into_iter()
            .map(|page| (PageKind::Hashes, page))
            .collect();
        if let Some(root) = root {
            match writer.finish(root) {
                Ok(page) => pages.push((PageKind::Final, page)),
                Err(error) => {
                    self.source_failed(shared, now, id, &error.to_string());
                    return;
                }
            }
        }
        if pages.is_empty() {
            return;
        }
        for (kind, page) in pages {
            let Ok(signed) = self.sign_page(&page) else {
                return;
            };
            if let Some(set) = self.items.sets.get_mut(&id) {
                set.pages.add(kind, signed);
            }
        }
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let known = set.pages.hashed(set.header.chunks);
        shared.swarm.hashes_known(now.moment, self.id, id, known);
        if root.is_some() {
            set.writer = None;
            set.progress = Progress::Saved { path: None };
            self.tell_item(shared, now, id, true);
        }
        self.offer_pages(shared, now, id, None);
    }

    /// The teacher's files cannot be read as they were: the item is withdrawn, with the reason.
    pub(super) fn source_failed(&mut self, shared: &mut Shared, now: Now, id: SetId, text: &str) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let item = set.item;
        set.writer = None;
        let reason = crate::api::FailReason::DiskError;
        set.progress = Progress::Failed {
            reason,
            text: text.to_owned(),
        };
        self.tell_item(shared, now, id, true);
        shared.warn(WarningKind::SourceChanged, Some(self.id), text.to_owned());
        let body = WithdrawBody {
            item,
            reason: text.to_owned(),
        };
        // A session that has just ended withdraws nothing any more.
        let _ = self.write(shared, now, EntryKind::Withdraw, Audience::All, &body);
    }

    /// A student has every chunk and page: the teacher's machine may vanish.
    pub(super) fn one_copy_out(&mut self, shared: &mut Shared, id: SetId) {
        if let Some(set) = self.items.sets.get_mut(&id) {
            set.chunks_out = true;
        }
        self.tell_copy_out(shared, id);
    }

    pub(super) fn tell_copy_out(&mut self, shared: &mut Shared, id: SetId) {
        let session = self.id;
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        if set.chunks_out && !set.copy_out && set.pages.complete_elsewhere() {
            set.copy_out = true;
            let (item, version) = (set.item, set.version);
            shared.event(Event::OneCopyOut {
                session,
                item,
                version,
            });
        }
    }

    fn post_new(
        &mut self,
        shared: &mut Shared,
        now: Now,
        item: ItemId,
        post: NewPost,
    ) -> Result<(), CommandError> {
        let (title, content) = match post {
            NewPost::Snippet {
                title,
                text,
                language,
            } => {
                check_length("the snippet", &text, limits::SNIPPET)?;
                if text.is_empty() {
                    return Err(CommandError::Empty("the snippet"));
                }
                (title, ItemContent::Snippet { text, language })
            }
            NewPost::Link { title, url } => {
                check_length("the link", &url, limits::URL)?;
                let known = ["http://", "https://"];
                let lower = url.to_ascii_lowercase();
                let host = known.iter().find_map(|prefix| lower.strip_prefix(prefix));
                if host.is_none_or(str::is_empty) || url.chars().any(char::is_whitespace) {
                    return Err(CommandError::BadLink(url));
                }
                (title, ItemContent::Link { url })
            }
            NewPost::Announcement { title, text } => {
                check_length("the announcement", &text, limits::TEACHER_TEXT)?;
                if text.trim().is_empty() {
                    return Err(CommandError::Empty("the announcement"));
                }
                (title, ItemContent::Announcement { text })
            }
        };
        check_length("the title", &title, limits::ITEM_TITLE)?;
        let body = ItemBody {
            item,
            version: Version(1),
            title,
            content,
        };
        self.write(shared, now, EntryKind::Item, Audience::All, &body)?;
        self.posted.insert(item);
        Ok(())
    }
}
