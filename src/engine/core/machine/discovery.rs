//! Finding sessions and being found: announcements, questions, and what is heard of others'.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::Core;
use super::session::{Session, Stage};
use crate::api::{Event, RefusedReport, WarningKind};
use crate::core::announce::{
    Acceptor, Announced, Announcement, Asked, Body, Datagram, Header, Heard, Refusal, RelayGate,
    relayed,
};
use crate::core::ids::{DeviceId, LinkId, Nonce, PublicKey, SessionId};
use crate::core::io::{Disk, Interface, Output, Target, Ways};
use crate::core::limits;
use crate::core::pin::Pin;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now};
use crate::core::trust::{Verdict, check_name, verify_authority};
use crate::core::wire::FEATURES;
use crate::core::wire::statements::{Announce, Authority};

/// Most refusals that are remembered for the diagnosis.
const REFUSED: usize = 64;
/// Most announcements that wait to be passed on.
const RELAYS: usize = 256;
/// Most hints where a session can be reached.
const HINTS: usize = 8;

/// What was refused, from where, how often.
struct Refused {
    from: SocketAddr,
    at: Moment,
    reason: String,
    count: u32,
}

/// An announcement that waits a moment to be passed on to other subnets.
struct Relay {
    due: Moment,
    session: SessionId,
    interface: u32,
    header: Header,
    bytes: Vec<u8>,
}

/// The state of discovery.
pub(super) struct Discovery {
    acceptor: Acceptor,
    gate: RelayGate,
    refused: VecDeque<Refused>,
    relays: Vec<Relay>,
    burst: usize,
    burst_start: Moment,
    next: Option<Moment>,
}

impl Discovery {
    pub fn new(own: DeviceId, ended: Vec<(SessionId, PublicKey)>) -> Self {
        let mut acceptor = Acceptor::new(own);
        for (session, teacher) in ended {
            acceptor.end(session, teacher);
        }
        Self {
            acceptor,
            gate: RelayGate::default(),
            refused: VecDeque::new(),
            relays: Vec::new(),
            burst: 0,
            burst_start: Moment(0),
            next: None,
        }
    }

    /// Announces and asks often for a short time: something has changed.
    pub fn start_burst(&mut self, now: Moment) {
        self.burst = 0;
        self.burst_start = now;
        self.next = Some(now);
    }

    pub fn set_own(&mut self, session: SessionId, own: bool) {
        self.acceptor.set_own(session, own);
    }

    pub fn end(&mut self, session: SessionId, teacher: PublicKey) {
        self.acceptor.end(session, teacher);
    }

    pub fn next_timeout(&self) -> Option<Moment> {
        let relays = self.relays.iter().map(|relay| relay.due);
        relays
            .chain(self.next)
            .chain(self.acceptor.next_expiry())
            .min()
    }

    pub fn note(&mut self, now: Moment, from: SocketAddr, reason: String) {
        let same = |known: &Refused| known.from.ip() == from.ip() && known.reason == reason;
        let count = match self.refused.iter().position(same) {
            Some(at) => self
                .refused
                .remove(at)
                .map_or(1, |known| known.count.saturating_add(1)),
            None => 1,
        };
        self.refused.push_front(Refused {
            from,
            at: now,
            reason,
            count,
        });
        self.refused.truncate(REFUSED);
    }

    pub fn refused(&self, now: Moment) -> Vec<RefusedReport> {
        let report = |known: &Refused| RefusedReport {
            from: known.from,
            seconds: now.since(known.at).as_secs(),
            reason: known.reason.clone(),
            count: known.count,
        };
        self.refused.iter().map(report).collect()
    }
}

impl Core {
    pub(super) fn on_interfaces(&mut self, now: Now, interfaces: Vec<Interface>, port: u16) {
        self.shared.interfaces = interfaces;
        let kind = self.shared.link_kind();
        self.shared.swarm.connected(kind);
        self.shared.port = port;
        self.discovery.start_burst(now.moment);
        for session in self.sessions.values_mut() {
            session.members.unlinked_changed = true;
            session.renew_contact(&mut self.shared, now);
        }
    }

    /// Announces, asks, passes on, and forgets what is no longer announced, as due.
    pub(super) fn discover(&mut self, now: Now) {
        if self.discovery.next.is_some_and(|due| due <= now.moment) {
            self.discovery.burst += 1;
            let next = limits::ANNOUNCE_BURST.get(self.discovery.burst);
            self.discovery.next = Some(match next {
                Some(after) => self.discovery.burst_start + *after,
                None => now.moment + self.with_jitter(limits::ANNOUNCE_EVERY),
            });
            self.announce_all(now);
            self.ask(now);
            self.tidy(now);
        }
        let due = |relay: &Relay| relay.due <= now.moment;
        let relays = std::mem::take(&mut self.discovery.relays);
        let (due, later): (Vec<_>, Vec<_>) = relays.into_iter().partition(due);
        self.discovery.relays = later;
        for relay in due {
            self.relay(now, &relay);
        }
        for gone in self.discovery.acceptor.expired(now.moment) {
            let idle = |s: &Session| !s.active() && !s.ended && s.teacher.teacher == gone.teacher;
            if self.sessions.get(&gone.session).is_some_and(idle) {
                self.forget(now, gone.session);
            }
        }
    }

    /// Forgets what only a neighbour told of who is gone, and leaves sessions whose teacher's certificate was withdrawn.
    fn tidy(&mut self, now: Now) {
        let lost = |s: &&Session| {
            let seen = matches!(s.stage, Stage::Seen | Stage::Unknown);
            seen && s.announced_until.is_none() && s.peers.is_empty()
        };
        let lost: Vec<_> = self.sessions.values().filter(lost).map(|s| s.id).collect();
        for id in lost {
            self.forget(now, id);
        }
        let trust = &self.shared.trust;
        let withdrawn = |s: &&Session| {
            let teacher = &s.teacher;
            let joined = s.own.is_none() && s.active();
            joined && trust.is_revoked(&teacher.institution, teacher.serial)
        };
        let withdrawn = self.sessions.values().filter(withdrawn);
        for id in withdrawn.map(|s| s.id).collect::<Vec<_>>() {
            self.with(id, |session, shared| {
                let text = format!(
                    "the certificate of {} was withdrawn by {}: this computer has left the session",
                    session.teacher.name, session.teacher.institution_name
                );
                shared.warn(WarningKind::Alarm, Some(id), text);
                session.leave(shared, now);
            });
        }
    }

    /// A session is not kept track of any longer.
    fn forget(&mut self, now: Now, id: SessionId) {
        if let Some(mut session) = self.sessions.remove(&id) {
            session.close(&mut self.shared, now);
            self.shared.event(Event::SessionGone { session: id });
        }
    }

    /// Makes room for one more session: what is over goes first, then, for a teacher who is known, what nobody vouches for.
    fn has_room(&mut self, now: Now, trusted: bool) -> bool {
        let unknown = |s: &&Session| s.stage == Stage::Unknown;
        if !trusted && self.sessions.values().filter(unknown).count() >= limits::UNKNOWN_SESSIONS {
            return false;
        }
        if self.sessions.len() < limits::SESSIONS {
            return true;
        }
        let over = self.sessions.values().find(|session| session.ended);
        let other = self.sessions.values().find(unknown).filter(|_| trusted);
        let Some(id) = over.or(other).map(|session| session.id) else {
            return false;
        };
        self.forget(now, id);
        true
    }

    fn with_jitter(&mut self, time: Duration) -> Duration {
        let percent = u32::try_from(90 + self.shared.rng.below(21)).unwrap_or(100);
        time * percent / 100
    }

    fn everybody(&mut self, bytes: &[u8], ways: Ways) {
        for interface in self
            .shared
            .interfaces
            .iter()
            .map(|interface| interface.index)
        {
            let to = Target::Everybody { interface, ways };
            self.shared.out.push_back(Output::Datagram {
                to,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn announce_all(&mut self, now: Now) {
        let header = Header::own(self.shared.port, self.shared.id, FEATURES);
        let mut datagrams = Vec::new();
        for session in self.sessions.values_mut().filter(|session| !session.ended) {
            let Some(own) = &mut session.own else {
                continue;
            };
            own.announced += 1;
            let announce = Announce {
                session: session.id,
                sequence: own.announced,
                title: session.title.clone(),
                port: self.shared.port,
                admission: session.admission,
                life: u32::try_from(limits::ANNOUNCE_LIFE.as_millis()).unwrap_or(u32::MAX),
                time: now.wall,
            };
            let announce = Signed::seal(Domain::Announce, &announce, &own.key);
            let authority = session.authority.clone();
            let body = Body::Announcement(Announcement {
                authority,
                announce,
            });
            datagrams.extend(Datagram { header, body }.encode());
        }
        // The burst goes every way; after it the ways take turns: each datagram costs the whole subnet.
        let ways = match self.discovery.burst {
            early if early <= limits::ANNOUNCE_BURST.len() => Ways::All,
            odd if odd % 2 == 1 => Ways::Broadcast,
            _ => Ways::Multicast,
        };
        for bytes in datagrams {
            self.everybody(&bytes, ways);
        }
    }

    /// Asks who has a session, for as long as this machine takes part in none, or is cut off from
    /// the one that it takes part in.
    fn ask(&mut self, _now: Now) {
        let busy = |s: &Session| s.own.is_some() || (s.active() && !s.peers.is_empty());
        if self.stopping || self.sessions.values().any(busy) {
            return;
        }
        let header = Header::own(self.shared.port, self.shared.id, FEATURES);
        let cut_off = self.sessions.values().find(|session| session.active());
        let body = Body::Ask {
            session: cut_off.map(|session| session.id),
        };
        if let Some(bytes) = (Datagram { header, body }).encode() {
            self.everybody(&bytes, Ways::All);
        }
    }

    pub(super) fn on_datagram(&mut self, now: Now, interface: u32, from: SocketAddr, bytes: &[u8]) {
        let trust = &self.shared.trust;
        match self
            .discovery
            .acceptor
            .receive(now, from.ip(), bytes, trust)
        {
            Ok(Heard::Announced(heard)) => {
                let (session, sequence) = (heard.announce.session, heard.announce.sequence);
                self.discovery.gate.heard(now.moment, session, interface);
                let header = heard.header;
                self.announced(now, from, *heard);
                self.relay_later(now, interface, header, session, sequence, bytes);
            }
            Ok(Heard::Again(again)) => {
                self.discovery
                    .gate
                    .heard(now.moment, again.session, interface);
                self.hint(now, again.session, from, again.header);
            }
            Ok(Heard::Asked(asked)) => self.asked(now, from, asked),
            Err(refusal) => self.refuse(now, from, &refusal),
        }
    }

    fn refuse(&mut self, now: Now, from: SocketAddr, refusal: &Refusal) {
        if matches!(
            refusal,
            Refusal::OwnEcho | Refusal::OwnSession | Refusal::Repeated
        ) {
            return;
        }
        let text = refusal.to_string();
        let first = !self
            .discovery
            .refused
            .iter()
            .any(|known| known.reason == text);
        self.discovery.note(now.moment, from, text.clone());
        if first && refusal.is_noteworthy() {
            let kind = match refusal {
                refusal if refusal.is_alarm() => WarningKind::Alarm,
                Refusal::OtherVersion { .. } => WarningKind::OtherVersion,
                _ => WarningKind::Refused,
            };
            self.shared
                .warn(kind, None, format!("from {}: {text}", from.ip()));
        }
    }

    /// A session was announced.
    fn announced(&mut self, now: Now, from: SocketAddr, heard: Announced) {
        let claimed = heard.claimed_time();
        let Announced {
            header,
            announcement,
            announce,
            verdict,
            expires,
            ..
        } = heard;
        let teacher = verdict.teacher();
        if let Some(change) = self.shared.trust.learn_time(teacher, claimed, now.wall) {
            self.shared.disk(Disk::Trust(change));
        }
        let (title, admission) = (announce.title, announce.admission);
        let Some(session) = self.found(now, &announcement.authority, verdict, &title) else {
            return;
        };
        session.admission = admission;
        session.announced_until = (!session.active()).then_some(expires);
        if session.title != title {
            session.title = title;
            self.tell(announce.session);
        }
        self.hint(now, announce.session, from, header);
    }

    /// A session is there: keeps it, and joins where that is wanted.
    fn found(
        &mut self,
        now: Now,
        authority: &Authority,
        verdict: Verdict,
        title: &str,
    ) -> Option<&mut Session> {
        let id = verdict.teacher().session;
        if let Some(session) = self.sessions.get_mut(&id) {
            let other = session.teacher.teacher != verdict.teacher().teacher;
            if other && (session.stage != Stage::Unknown || verdict.trusted().is_none()) {
                return None;
            }
            if other {
                // Whoever copied a session's id does not keep the real one away.
                self.sessions.remove(&id);
                return self.found(now, authority, verdict, title);
            }
            let session = self.sessions.get_mut(&id)?;
            session.take_authority(&mut self.shared, now, authority);
        } else {
            // A session of this very machine, which was interrupted and may go on: nothing to join.
            if verdict.teacher().device == self.shared.id {
                return None;
            }
            if !self.has_room(now, verdict.trusted().is_some()) {
                return None;
            }
            if let Some(clock) = &verdict.teacher().clock {
                self.shared
                    .warn(WarningKind::Clock, Some(id), clock.to_string());
            }
            let (teacher, stage) = match verdict {
                Verdict::Trusted(teacher) => (teacher, Stage::Seen),
                Verdict::FirstContact(teacher) => (teacher, Stage::Unknown),
            };
            let title = title.to_owned();
            let session = Session::new(title, *teacher, authority.clone(), stage, None);
            self.sessions.insert(id, session);
            self.tell(id);
        }
        self.join_if_wanted(now, id);
        self.sessions.get_mut(&id)
    }

    /// Joins a trusted session by itself, if nothing else is joined whose teacher is there.
    pub(super) fn join_if_wanted(&mut self, now: Now, id: SessionId) {
        let wanted = self
            .sessions
            .get(&id)
            .filter(|session| session.stage == Stage::Seen && !session.ended);
        let Some(teacher) = wanted.map(|session| session.teacher.teacher) else {
            return;
        };
        // A teacher who has gone and starts anew takes the class along; what was begun before is still passed on.
        let gone = |s: &Session| s.heard.told_away && s.teacher.teacher == teacher;
        let busy = |s: &Session| s.holds(now) && !gone(s);
        if self.auto_join && !self.stopping && !self.sessions.values().any(busy) {
            self.join_session(now, id, None);
        }
    }

    pub(super) fn join_session(&mut self, now: Now, id: SessionId, pin: Option<Pin>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let hints = session.hints.clone();
        session.join(&mut self.shared, now, pin);
        for (address, device) in hints {
            self.dials
                .want_address(address, Some(device), now.moment, 3);
        }
    }

    /// Remembers where a session can be reached, and connects if it is wanted.
    fn hint(&mut self, now: Now, id: SessionId, from: SocketAddr, header: Header) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        // What the teacher's machine sends itself has not been passed on.
        if header.port == 0 || (header.hop == 0 && header.sender != session.teacher.device) {
            return;
        }
        let mut address = from;
        address.set_port(header.port);
        let hint = (address, header.sender);
        session.hints.retain(|known| known.1 != header.sender);
        session.hints.push(hint);
        if session.hints.len() > HINTS {
            session.hints.remove(0);
        }
        let linked = self.shared.link_to(header.sender).is_some();
        if session.active() && !linked && session.teacher_link().is_none() {
            self.dials
                .want_address(address, Some(header.sender), now.moment, 2);
        }
    }

    /// Somebody asks who has a session: the teacher's machine connects to it at once, members a
    /// little later, if nobody else did.
    fn asked(&mut self, now: Now, from: SocketAddr, asked: Asked) {
        let wanted = |s: &&Session| {
            s.is_member() && !s.ended && asked.session.is_none_or(|session| session == s.id)
        };
        let Some(session) = self.sessions.values().find(wanted) else {
            return;
        };
        let wait = if session.own.is_some() {
            Duration::ZERO
        } else {
            let spread = u64::try_from(self.shared.rng.below(500)).unwrap_or(0);
            Duration::from_millis(300 + spread)
        };
        let mut address = from;
        address.set_port(asked.header.port);
        let known = self.shared.link_to(asked.header.sender).is_some();
        if asked.header.port != 0 && !known && !self.dials.wants_address(address) {
            self.dials
                .want_address(address, Some(asked.header.sender), now.moment + wait, 1);
        }
    }

    /// Passes an announcement on to the other subnets, after a moment.
    fn relay_later(
        &mut self,
        now: Now,
        interface: u32,
        header: Header,
        session: SessionId,
        sequence: u64,
        bytes: &[u8],
    ) {
        let member = self.sessions.get(&session).is_some_and(Session::is_member);
        let several = self.shared.interfaces.len() > 1;
        if member && several && self.discovery.relays.len() < RELAYS {
            let due = now.moment + RelayGate::delay(self.shared.id, session, sequence);
            let bytes = bytes.to_vec();
            self.discovery.relays.push(Relay {
                due,
                session,
                interface,
                header,
                bytes,
            });
        }
    }

    fn relay(&mut self, now: Now, relay: &Relay) {
        let own = Header::own(self.shared.port, self.shared.id, FEATURES);
        let Some(bytes) = relayed(&relay.bytes, own) else {
            return;
        };
        for interface in self
            .shared
            .interfaces
            .iter()
            .map(|interface| interface.index)
        {
            let Relay {
                session,
                header,
                interface: from,
                ..
            } = relay;
            let gate = &self.discovery.gate;
            if gate.should_relay(now.moment, *session, header, *from, interface) {
                let to = Target::Everybody {
                    interface,
                    ways: Ways::All,
                };
                self.shared.out.push_back(Output::Datagram {
                    to,
                    bytes: bytes.clone(),
                });
            }
        }
    }

    /// The other side of a link takes part in a session, or wants to.
    #[allow(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn on_enter(
        &mut self,
        now: Now,
        link: LinkId,
        id: SessionId,
        token: Option<Signed>,
        authority: Option<Authority>,
        title: &str,
        nonce: Nonce,
    ) {
        if !self.sessions.contains_key(&id) {
            let Some(authority) = authority else { return };
            let Some(remote) = self.shared.links.get(&link).map(|link| link.remote) else {
                return;
            };
            let verdict = verify_authority(&authority, &self.shared.trust, now.wall);
            let verdict = match verdict {
                Ok(verdict) if verdict.teacher().session == id => verdict,
                Ok(_) => return,
                Err(error) => {
                    self.refuse(now, remote, &Refusal::Trust(error));
                    return;
                }
            };
            let teacher = verdict.teacher().teacher;
            if self.discovery.acceptor.has_ended(id, teacher) {
                return;
            }
            // As in an announcement: people go by it.
            if let Err(error) = check_name(title) {
                self.refuse(now, remote, &error.into());
                return;
            }
            self.found(now, &authority, verdict, title);
        } else if let Some(authority) = authority {
            self.with(id, |session, shared| {
                session.take_authority(shared, now, &authority)
            });
        }
        self.with(id, |session, shared| {
            session.entered(shared, now, link, token, nonce);
        });
    }
}
