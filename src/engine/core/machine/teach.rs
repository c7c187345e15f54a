//! What people want: commands, most of them the teacher's.

use super::Core;
use super::gate::Gate;
use super::posts::is_web;
use super::session::{Own, Session, Stage};
use super::shared::Shared;
use crate::api::NewPost;
use crate::core::ids::{DeviceId, ItemId, LinkId, PublicKey, SessionId, Version};
use crate::core::io::{Command, CommandError, Disk, Earlier};
use crate::core::limits;
use crate::core::pin::Pin;
use crate::core::sealed::MAX_READERS;
use crate::core::signed::{Domain, Signed};
use crate::core::time::Now;
use crate::core::trust::{NameError, check_name, verify_authority};
use crate::core::wire::control::{ByeCode, Control};
use crate::core::wire::statements::{
    Admission, AgainBody, Audience, Authority, EndBody, EntryKind, ItemBody, ItemContent, MuteBody,
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
                pin,
                earlier,
            } => {
                let own = Own {
                    key: session_key,
                    sealing,
                    gate: pin.map(Gate::new),
                    announced: 0,
                    ticked: 0,
                    tick_due: now.moment,
                };
                self.start(now, session, title, &authority, own, earlier)
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
            Command::Mute {
                session,
                device,
                muted,
            } => self.mute(now, session, device, muted),
            Command::SetAcceptLimit(limit) => {
                self.shared.accept_limit = limit;
                Ok(())
            }
            Command::SetUploadLimit(limit) => {
                self.upload_limit = limit;
                Ok(())
            }
            Command::Say { session, text } => {
                let (session, shared) = self.live(session)?;
                session.say(shared, now, &text)
            }
            Command::Join(session) => self.enter(now, session, None),
            Command::EnterPin { session, pin } => self.enter(now, session, Some(pin)),
            Command::Connect(address) => {
                self.dials.want_address(address, None, now.moment, 3);
                Ok(())
            }
            Command::Trust { teacher, trusted } => self.trust(now, teacher, trusted),
            Command::Retry { session, item } => {
                let (session, shared) = self.live(session)?;
                let found = session.retry(shared, now, item);
                found.then_some(()).ok_or(CommandError::NoItem)
            }
            Command::AskAgain {
                session,
                item,
                students,
                direct,
            } => {
                let (session, shared) = self.own(session)?;
                session.ask_again(shared, now, item, &students, direct)
            }
            Command::End(session) => self.end(now, session),
            Command::Leave(session) => self.leave(now, session),
            Command::Shutdown => {
                self.shut_down(now);
                Ok(())
            }
        }
    }

    /// Joins a session that was seen.
    fn enter(&mut self, now: Now, id: SessionId, pin: Option<Pin>) -> Result<(), CommandError> {
        self.live(id)?;
        self.join_session(now, id, pin);
        Ok(())
    }

    fn end(&mut self, now: Now, id: SessionId) -> Result<(), CommandError> {
        let (session, shared) = self.own(id)?;
        let body = EndBody::default();
        session.write(shared, now, EntryKind::End, Audience::All, &body)?;
        let (id, teacher) = (session.id, session.teacher.teacher);
        self.discovery.end(id, teacher);
        Ok(())
    }

    fn mute(
        &mut self,
        now: Now,
        id: SessionId,
        device: DeviceId,
        muted: bool,
    ) -> Result<(), CommandError> {
        let (session, shared) = self.own(id)?;
        if !session.members.known.contains_key(&device) || device == shared.id {
            return Err(CommandError::NoStudent);
        }
        let body = MuteBody { device, muted };
        session.write(shared, now, EntryKind::Mute, Audience::All, &body)
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
        earlier: Option<Earlier>,
    ) -> Result<(), CommandError> {
        check_title(&title)?;
        if self
            .sessions
            .get(&id)
            .is_some_and(|known| known.own.is_some())
        {
            return Err(CommandError::Running);
        }
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
        let pin = own.gate.is_some();
        let mut session = Session::new(title, teacher, authority.clone(), Stage::Member, Some(own));
        if pin {
            session.admission = Admission::Pin;
        }
        self.sessions.insert(id, session);
        self.discovery.set_own(id, true);
        let begun = self.with(id, |session, shared| {
            session.tell(shared);
            session.keep(shared);
            session.take_token(shared, now, token);
            session.renew_contact(shared, now);
            session.feed.digest_due = Some(now.moment + limits::DIGEST_MIN);
            if let Some(earlier) = earlier {
                session.go_on(shared, now, earlier);
            }
            session.write(shared, now, EntryKind::Grant, Audience::All, authority)?;
            // Whoever admits guests while the teacher is away knows it from here, also where announcements do not arrive.
            if session.feed.policy.pin != pin {
                let policy = PolicyBody {
                    pin,
                    ..session.feed.policy
                };
                session.write(shared, now, EntryKind::Policy, Audience::All, &policy)?;
            }
            session.pass_on_withdrawals(shared, now);
            let links: Vec<_> = shared.links.keys().copied().collect();
            for link in links {
                session.greet(shared, link);
            }
            Ok(())
        });
        let begun = begun.unwrap_or(Err(CommandError::NoSession));
        if begun.is_err() {
            // Not half a session: it could neither be used nor tried again.
            self.sessions.remove(&id);
            self.discovery.set_own(id, false);
        } else {
            self.discovery.start_burst(now.moment);
        }
        begun
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

/// Whether everybody will take a session's title: by the rule that announcements are checked with.
fn check_title(title: &str) -> Result<(), CommandError> {
    let what = "the session's title";
    check_name(title).map_err(|error| match error {
        NameError::Empty => CommandError::Empty(what),
        NameError::TooLong(size) => CommandError::TooLong {
            what,
            size: size as u64,
            limit: limits::SESSION_TITLE as u64,
        },
        NameError::Invisible(_) => CommandError::BadTitle(error.to_string()),
    })
}

pub(super) fn check_length(
    what: &'static str,
    text: &str,
    limit: usize,
) -> Result<(), CommandError> {
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

    /// The class learns which certificates of the institution were withdrawn.
    fn pass_on_withdrawals(&mut self, shared: &mut Shared, now: Now) {
        let known = shared.trust.revocation(&self.teacher.institution);
        if let Some(list) = known.map(|list| list.signed.clone())
            && let Err(error) = self.write(shared, now, EntryKind::Revoke, Audience::All, &list)
        {
            tracing::warn!(%error, "the list of withdrawn certificates is not passed on");
        }
    }

    pub(super) fn leave(&mut self, shared: &mut Shared, now: Now) {
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
        direct: bool,
    ) -> Result<(), CommandError> {
        let set = self.items.set_of(item).ok_or(CommandError::NoItem)?;
        if direct {
            shared.swarm.serve_first(self.id, set, students);
        }
        for some in students.chunks(MAX_READERS) {
            let audience = Audience::Devices(some.to_vec());
            let body = AgainBody { item, direct };
            self.write(shared, now, EntryKind::Again, audience, &body)?;
        }
        Ok(())
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
                if !is_web(&url) {
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
        self.write(shared, now, EntryKind::Item, Audience::All, &body)
    }
}
