//! One session as this machine takes part in it: its stage, its keys, and what is due.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::feed::Feed;
use super::gate::Gate;
use super::items::Items;
use super::members::Members;
use super::peers::Peer;
use super::shared::Shared;
use super::ticks::Heard;
use crate::api::{Event, SessionState, SessionView};
use crate::core::ids::{DeviceId, Epoch, ItemId, LinkId, PublicKey, SessionId, SetId};
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now};
use crate::core::trust::{Verdict, VerifiedTeacher, verify_authority};
use crate::core::wire::control::DenyReason;
use crate::core::wire::statements::{Admission, Authority, Token};

/// How this machine stands to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Trusted, and not joined.
    Seen,
    /// The teacher is not known here.
    Unknown,
    /// Wants to be admitted.
    Joining,
    /// Admitted; the teacher's own machine too.
    Member,
    /// The session asks for a PIN.
    PinWanted {
        /// The one that was tried is another.
        wrong: bool,
        /// Seconds until another try counts.
        seconds: u32,
    },
    /// Not admitted.
    Denied(DenyReason),
    /// Left by the person.
    Left,
}

/// What only the teacher's machine has.
pub(super) struct Own {
    pub key: SigningKey,
    pub sealing: StaticSecret,
    /// What asks for the PIN, if there is one.
    pub gate: Option<Gate>,
    pub announced: u64,
    pub ticked: u64,
    pub tick_due: Moment,
}

/// One session.
pub(super) struct Session {
    pub id: SessionId,
    pub title: String,
    pub teacher: VerifiedTeacher,
    pub authority: Authority,
    /// Session keys by epoch: older ones still vouch for older entries and tokens.
    pub keys: BTreeMap<Epoch, PublicKey>,
    pub own: Option<Own>,
    pub stage: Stage,
    pub ended: bool,
    /// How devices are admitted.
    pub admission: Admission,
    pub peers: BTreeMap<LinkId, Peer>,
    pub heard: Heard,
    pub members: Members,
    pub feed: Feed,
    pub items: Items,
    /// Offers of pages of sets whose item has not come yet.
    pub early: BTreeMap<SetId, BTreeMap<LinkId, [u32; 3]>>,
    /// When this machine last began to join it.
    pub began: Moment,
    /// When its announcement stops counting, while it is only seen.
    pub announced_until: Option<Moment>,
    /// Where it can be reached, and who is there.
    pub hints: Vec<(SocketAddr, DeviceId)>,
    /// Own items without files.
    pub posted: BTreeSet<ItemId>,
}

impl Session {
    pub(super) fn new(
        title: String,
        teacher: VerifiedTeacher,
        authority: Authority,
        stage: Stage,
        own: Option<Own>,
    ) -> Self {
        Self {
            id: teacher.session,
            title,
            keys: [(teacher.epoch, teacher.session_key)].into(),
            own,
            stage,
            ended: false,
            admission: Admission::Open,
            peers: BTreeMap::new(),
            heard: Heard::default(),
            members: Members::default(),
            feed: Feed::new(teacher.teacher.into()),
            items: Items::default(),
            early: BTreeMap::new(),
            began: Moment(0),
            announced_until: None,
            hints: Vec::new(),
            posted: BTreeSet::new(),
            teacher,
            authority,
        }
    }

    /// Whether this machine takes part, or wants to.
    pub(super) fn active(&self) -> bool {
        matches!(self.stage, Stage::Member | Stage::Joining)
    }

    /// Whether it keeps this machine from joining another by itself: not where nobody answers, nor where its teacher has
    /// been gone for long.
    pub(super) fn holds(&self, now: Now) -> bool {
        let heard = |time| {
            let last = self.heard.last;
            last.is_some_and(|last| now.moment.since(last) < time)
        };
        match self.stage {
            _ if self.ended => false,
            Stage::Joining => {
                now.moment.since(self.began) < limits::JOIN_ANSWER || heard(limits::TEACHER_GONE)
            }
            Stage::Member => !self.heard.told_away || heard(limits::TEACHER_GONE),
            _ => false,
        }
    }

    /// Everything of it that others keep is closed.
    pub(super) fn close(&mut self, shared: &mut Shared, now: Now) {
        let sets: Vec<_> = self.items.sets.keys().copied().collect();
        for set in sets {
            self.close_set(shared, now, set);
        }
        for link in self.peers.keys() {
            shared.swarm.peer_left(now.moment, self.id, *link);
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.stage == Stage::Member
    }

    /// What people are shown of it.
    pub(super) fn view(&self, shared: &Shared) -> SessionView {
        let state = if self.ended {
            SessionState::Ended
        } else if self.own.is_some() {
            SessionState::Teaching
        } else {
            match &self.stage {
                Stage::Seen => SessionState::Seen,
                Stage::Unknown => SessionState::Unknown,
                Stage::Joining => SessionState::Joining,
                Stage::Left => SessionState::Left,
                Stage::PinWanted { wrong, seconds } => SessionState::PinWanted {
                    wrong: *wrong,
                    seconds: u64::from(*seconds),
                },
                Stage::Denied(why) => SessionState::Denied {
                    why: denied_text(*why).to_owned(),
                },
                Stage::Member if self.heard.told_away => SessionState::TeacherAway {
                    seconds: limits::TEACHER_AWAY.as_secs(),
                },
                Stage::Member => SessionState::Joined,
            }
        };
        SessionView {
            session: self.id,
            title: self.title.clone(),
            teacher: self.teacher.name.clone(),
            institution: self.teacher.institution_name.clone(),
            teacher_key: self.teacher.teacher,
            fingerprint: self.teacher.fingerprint().words(),
            state,
            texts: self.feed.policy.texts,
            present: self.members.present(shared.id, self.teacher.device),
            pin: self
                .own
                .as_ref()
                .and_then(|own| Some(own.gate.as_ref()?.digits())),
        }
    }

    pub(super) fn tell(&self, shared: &mut Shared) {
        let view = self.view(shared);
        shared.event(Event::Session(view));
    }

    /// A newer life of the session: its key counts from now on.
    pub(super) fn take_authority(
        &mut self,
        shared: &mut Shared,
        now: Now,
        authority: &Authority,
    ) -> bool {
        if *authority == self.authority {
            return true;
        }
        let Ok(verdict) = verify_authority(authority, &shared.trust, now.wall) else {
            return false;
        };
        let teacher = verdict.teacher();
        if teacher.session != self.id || teacher.teacher != self.teacher.teacher {
            return false;
        }
        self.keys
            .entry(teacher.epoch)
            .or_insert(teacher.session_key);
        if teacher.epoch > self.teacher.epoch && self.own.is_none() {
            self.teacher = teacher.clone();
            self.authority = authority.clone();
        }
        matches!(verdict, Verdict::Trusted(_)) || self.active()
    }

    /// Checks a token's signature; gives its body.
    pub(super) fn open_token(&self, token: &Signed) -> Option<Token> {
        if token.body.len() > limits::STATEMENT_BODY {
            return None;
        }
        let body: Token = token.peek().ok()?;
        let key = self.keys.get(&body.epoch)?;
        (body.session == self.id && token.verify(Domain::Token, key.as_bytes()).is_ok())
            .then_some(body)
    }

    /// When [`Session::on_time`] has something to do.
    pub(super) fn next_timeout(&self, shared: &Shared) -> Option<Moment> {
        let mut due = vec![self.announced_until];
        if self.active() {
            due.extend([
                self.own
                    .as_ref()
                    .map(|own| own.tick_due)
                    .filter(|_| !self.ended),
                self.members.join_due,
                self.feed.next_timeout(),
                self.items.next_timeout(),
                self.members.next_timeout(),
            ]);
            if self.own.is_none() && self.is_member() && !self.heard.told_away {
                due.push(self.heard.last.map(|last| last + limits::TEACHER_AWAY));
            }
        }
        let _ = shared;
        due.into_iter().flatten().min()
    }

    /// Does what is due.
    pub(super) fn on_time(&mut self, shared: &mut Shared, now: Now) {
        if !self.active() {
            return;
        }
        self.tick_if_due(shared, now);
        if self.members.join_due.is_some_and(|due| due <= now.moment) {
            self.ask_to_join(shared, now, None);
        }
        self.away_if_due(shared, now);
        self.pass_on_later(shared, now);
        self.digest_if_due(shared, now);
        self.members_on_time(shared, now);
        self.items_on_time(shared, now);
    }
}

fn denied_text(why: DenyReason) -> &'static str {
    match why {
        DenyReason::PinNeeded => "the session asks for a PIN: ask the teacher for it",
        DenyReason::Full => "the session has no room for another device: tell the teacher",
        DenyReason::Removed => "the teacher removed this device from the session",
        DenyReason::Unknown => "the teacher's program gave a reason that this version cannot read",
    }
}
