//! One session as this machine takes part in it: its stage, its peers, and the way to the teacher.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::feed::Feed;
use super::items::Items;
use super::members::Members;
use super::shared::Shared;
use crate::api::{Event, Presence, SessionState, SessionView};
use crate::core::ids::{DeviceId, Epoch, ItemId, LinkId, Nonce, PublicKey, SessionId, SetId};
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now};
use crate::core::trust::{Verdict, VerifiedTeacher, verify_authority};
use crate::core::wire::control::{Control, DenyReason};
use crate::core::wire::statements::{Admission, Authority, Fresh, Tick, Token};

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
    /// Not admitted.
    Denied(DenyReason),
    /// Left by the person.
    Left,
}

/// What only the teacher's machine has.
pub(super) struct Own {
    pub key: SigningKey,
    pub sealing: StaticSecret,
    pub announced: u64,
    pub ticked: u64,
    pub tick_due: Moment,
}

/// A link over which this session is spoken.
pub(super) struct Peer {
    pub device: DeviceId,
    /// The other side showed a token, or is the teacher's device.
    pub member: bool,
    /// This side has said that it takes part, and with which token.
    pub greeted: bool,
}

/// When and how the teacher was last heard.
#[derive(Default)]
pub(super) struct Heard {
    pub last: Option<Moment>,
    pub tick: (Epoch, u64),
    /// That tick as signed, and when it came.
    newest: Option<(Signed, Moment)>,
    /// The link towards the teacher, and how far that is.
    pub parent: Option<(LinkId, u8)>,
    /// Whether people were told that the teacher is away.
    pub told_away: bool,
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

    pub(super) fn is_member(&self) -> bool {
        self.stage == Stage::Member
    }

    pub(super) fn is_member_link(&self, link: LinkId) -> bool {
        self.is_member() && self.peers.get(&link).is_some_and(|peer| peer.member)
    }

    /// The links to members, in order of their devices.
    pub(super) fn member_links(&self) -> Vec<LinkId> {
        let mut links: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.member)
            .map(|(link, peer)| (peer.device, *link))
            .collect();
        links.sort_unstable();
        links.into_iter().map(|(_, link)| link).collect()
    }

    /// The link to the teacher's device.
    pub(super) fn teacher_link(&self) -> Option<LinkId> {
        self.peers
            .iter()
            .find(|(_, peer)| peer.member && peer.device == self.teacher.device)
            .map(|(link, _)| *link)
    }

    /// The link over which the teacher is nearest, and how many hops that is.
    pub(super) fn way_to_teacher(&self) -> Option<(LinkId, u8)> {
        self.teacher_link()
            .map(|link| (link, 0))
            .or(self.heard.parent)
    }

    /// The few links that new things are passed on to at once: ring neighbours and some others.
    pub(super) fn neighbours(&self, shared: &mut Shared, except: Option<LinkId>) -> Vec<LinkId> {
        let mut links = self.member_links();
        links.retain(|link| Some(*link) != except);
        let few = limits::RANDOM_NEIGHBOURS + 2;
        if links.len() <= few + 2 {
            return links;
        }
        let own = shared.id;
        let device = |link: &LinkId| self.peers[link].device;
        let next = links.partition_point(|link| device(link) < own) % links.len();
        let previous = (next + links.len() - 1) % links.len();
        let mut chosen = BTreeSet::from([links[next], links[previous]]);
        chosen.extend(self.teacher_link().filter(|link| Some(*link) != except));
        while chosen.len() < few {
            chosen.insert(links[shared.rng.below(links.len())]);
        }
        chosen.into_iter().collect()
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
        }
    }

    pub(super) fn tell(&self, shared: &mut Shared) {
        let view = self.view(shared);
        shared.event(Event::Session(view));
    }

    /// Says on a link that this machine takes part, or wants to.
    pub(super) fn greet(&mut self, shared: &mut Shared, link: LinkId) {
        if !self.active() {
            return;
        }
        let Some(known) = shared.links.get(&link) else {
            return;
        };
        let (device, nonce) = (known.peer, known.nonce);
        let peer = self.peers.entry(link).or_insert(Peer {
            device,
            member: false,
            greeted: false,
        });
        peer.greeted = true;
        let enter = Control::Enter {
            session: self.id,
            token: self.members.own_token(shared.id).cloned(),
            authority: Some(self.authority.clone()),
            title: self.title.clone(),
            nonce,
        };
        shared.send(link, &enter);
    }

    /// The other side of a link takes part, or wants to.
    pub(super) fn entered(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        token: Option<Signed>,
        nonce: Nonce,
    ) {
        let Some(known) = shared.links.get(&link) else {
            return;
        };
        let device = known.peer;
        let peer = self.peers.entry(link).or_insert(Peer {
            device,
            member: false,
            greeted: false,
        });
        let greeted = peer.greeted;
        if !greeted {
            self.greet(shared, link);
        }
        if self.own.is_some() {
            self.prove_fresh(shared, now, link, nonce);
        }
        let admitted = device == self.teacher.device
            || token.is_some_and(|token| self.take_token(shared, now, token) == Some(device));
        if admitted {
            self.admit(shared, now, link);
        } else if self.own.is_none() && self.stage == Stage::Joining {
            // The other side may be on its way to the teacher.
            self.ask_to_join(shared, now, Some(link));
        }
        if admitted && (self.stage == Stage::Joining || self.members.guest) {
            self.ask_to_join(shared, now, Some(link));
        }
    }

    /// From now on the link speaks for a member.
    pub(super) fn admit(&mut self, shared: &mut Shared, now: Now, link: LinkId) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        if peer.member {
            return;
        }
        peer.member = true;
        let device = peer.device;
        if device == self.teacher.device {
            self.heard.last = Some(now.moment);
            self.teacher_back(shared);
        }
        if self.is_member() {
            self.meet(shared, now, link);
        }
        self.set_presence(shared, now, device, Presence::Linked);
    }

    /// Both sides are members: say what is here.
    pub(super) fn meet(&mut self, shared: &mut Shared, now: Now, link: LinkId) {
        let Some(known) = shared.links.get(&link) else {
            return;
        };
        let (device, kind) = (known.peer, known.greeting.link);
        let teacher = device == self.teacher.device;
        shared
            .swarm
            .peer_entered(now.moment, self.id, link, device, teacher, kind);
        self.send_own_member(shared, link);
        self.send_digest(shared, &[link]);
        self.send_pages_here(shared, &[link]);
        if self.own.is_some() {
            self.send_tick(shared, now, &[link]);
        } else if teacher {
            self.resend_statuses(shared);
        } else {
            self.pass_on_tick(shared, now, link);
        }
    }

    /// Tells a new neighbour at once which way the teacher is, so that its status does not wait for
    /// the next tick.
    fn pass_on_tick(&self, shared: &mut Shared, now: Now, link: LinkId) {
        let Some((_, far)) = self.way_to_teacher() else {
            return;
        };
        let fresh = |(_, at): &&(Signed, Moment)| now.moment.since(*at) < limits::TICK_EVERY * 2;
        if let Some((tick, _)) = self.heard.newest.as_ref().filter(fresh) {
            let tick = Control::Tick {
                session: self.id,
                tick: tick.clone(),
                hops: far.max(1),
            };
            shared.send(link, &tick);
        }
    }

    /// A link of this session is gone.
    pub(super) fn link_down(&mut self, shared: &mut Shared, now: Now, link: LinkId) {
        let Some(peer) = self.peers.remove(&link) else {
            return;
        };
        shared.swarm.peer_left(now.moment, self.id, link);
        if self.heard.parent.is_some_and(|(parent, _)| parent == link) {
            self.heard.parent = None;
        }
        self.forget_page_source(now, link);
        if !self.peers.values().any(|other| other.device == peer.device) {
            self.set_presence(shared, now, peer.device, Presence::Relayed);
        }
        self.members.unlinked_changed = true;
    }

    fn prove_fresh(&self, shared: &mut Shared, now: Now, link: LinkId, nonce: Nonce) {
        let (Some(own), Some(known)) = (&self.own, shared.links.get(&link)) else {
            return;
        };
        let fresh = Fresh {
            session: self.id,
            epoch: self.teacher.epoch,
            nonce,
            device: known.peer,
            time: now.wall,
        };
        let proof = Signed::seal(Domain::Fresh, &fresh, &own.key);
        shared.send(
            link,
            &Control::Fresh {
                session: self.id,
                proof,
            },
        );
    }

    /// The teacher's device answered the nonce.
    pub(super) fn on_fresh(&mut self, shared: &mut Shared, now: Now, link: LinkId, proof: &Signed) {
        let Some(known) = shared.links.get(&link) else {
            return;
        };
        let key = self.teacher.session_key;
        let answered = proof
            .open::<Fresh>(Domain::Fresh, key.as_bytes())
            .is_ok_and(|fresh| {
                fresh.session == self.id && fresh.nonce == known.nonce && fresh.device == shared.id
            });
        if answered {
            self.heard.last = Some(now.moment);
            self.teacher_back(shared);
        }
    }

    /// Sends a tick of the own session.
    pub(super) fn send_tick(&mut self, shared: &mut Shared, now: Now, links: &[LinkId]) {
        let head = self.feed.head(self.feed.teacher);
        let Some(own) = &mut self.own else { return };
        own.ticked += 1;
        let tick = Tick {
            session: self.id,
            epoch: self.teacher.epoch,
            sequence: own.ticked,
            head,
            time: now.wall,
        };
        let tick = Signed::seal(Domain::Tick, &tick, &own.key);
        shared.send_all(
            links,
            &Control::Tick {
                session: self.id,
                tick,
                hops: 0,
            },
        );
    }

    /// A tick came: the teacher is there, in the direction of this link.
    pub(super) fn on_tick(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        tick: Signed,
        hops: u8,
    ) {
        if self.own.is_some() || tick.body.len() > limits::STATEMENT_BODY {
            return;
        }
        let Ok(body) = tick.peek::<Tick>() else {
            return;
        };
        let number = (body.epoch, body.sequence);
        if body.session != self.id || number < self.heard.tick {
            return;
        }
        let newer = number > self.heard.tick;
        if newer {
            let Some(key) = self.keys.get(&body.epoch) else {
                return;
            };
            if tick.verify(Domain::Tick, key.as_bytes()).is_err() {
                return;
            }
            self.heard.tick = number;
            self.heard.newest = Some((tick.clone(), now.moment));
            self.heard.last = Some(now.moment);
            shared.trust.learn_time(&self.teacher, body.time, now.wall);
        }
        let hops = hops.saturating_add(1);
        let nearer = self
            .heard
            .parent
            .is_none_or(|(parent, far)| hops < far || parent == link);
        if self.is_member_link(link) && (newer || nearer) && hops <= limits::JOIN_HOPS {
            let changed = self.heard.parent.map(|(parent, _)| parent) != Some(link);
            self.heard.parent = Some((link, hops));
            if changed && self.teacher_link().is_none() {
                self.resend_statuses(shared);
            }
        }
        if newer {
            self.teacher_back(shared);
            let hops = self.way_to_teacher().map_or(hops, |(_, far)| far.max(1));
            let to = self.neighbours(shared, Some(link));
            shared.send_all(
                &to,
                &Control::Tick {
                    session: self.id,
                    tick,
                    hops,
                },
            );
        }
    }

    fn teacher_back(&mut self, shared: &mut Shared) {
        if self.heard.told_away {
            self.heard.told_away = false;
            self.tell(shared);
        }
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
                self.own.as_ref().map(|own| own.tick_due),
                self.members.join_due,
                self.feed.digest_due,
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
        if self
            .own
            .as_ref()
            .is_some_and(|own| own.tick_due <= now.moment)
            && !self.ended
        {
            if let Some(own) = &mut self.own {
                own.tick_due = now.moment + limits::TICK_EVERY;
            }
            let links = self.member_links();
            self.send_tick(shared, now, &links);
        }
        if self.members.join_due.is_some_and(|due| due <= now.moment) {
            self.ask_to_join(shared, now, None);
        }
        if self.own.is_none()
            && self.is_member()
            && !self.heard.told_away
            && self
                .heard
                .last
                .is_some_and(|last| last + limits::TEACHER_AWAY <= now.moment)
        {
            if self.teacher_link().is_some() {
                self.heard.last = Some(now.moment);
            } else {
                self.heard.told_away = true;
                self.heard.parent = None;
                self.tell(shared);
            }
        }
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
