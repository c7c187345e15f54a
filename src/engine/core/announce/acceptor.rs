//! Which announcements count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::datagram::{Announcement, Body, Datagram, Header};
use super::ration::{Bucket, Ration};
use super::refusal::Refusal;
use crate::core::ids::{DeviceId, Epoch, Hash, PublicKey, SessionId};
use crate::core::signed::Domain;
use crate::core::time::{Moment, Now, UnixTime};
use crate::core::trust::{Claim, TrustError, TrustStore, Verdict, check_name};
use crate::core::wire::statements::Announce;

/// Shortest life of an announcement that is believed; a shorter one is stretched.
pub const MIN_LIFE: Duration = Duration::from_secs(3);
/// Longest life of an announcement that is believed; a longer one is cut.
pub const MAX_LIFE: Duration = Duration::from_mins(1);

/// Sessions of trusted teachers, and of unknown ones, that are kept track of.
const MAX_SESSIONS: usize = 256;
const MAX_UNKNOWN: usize = 32;
const MAX_SEEN: usize = 512;
const MAX_ENDED: usize = 1_024;

/// What a heard datagram means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A session is there; signed, fresh and in order.
    Announced(Box<Announced>),
    /// The newest announcement of a session came again, from elsewhere.
    Again(Again),
    /// A device asks who has a session: answer by dialling it.
    Asked(Asked),
}

/// A session is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Who sent the datagram: a hint for dialling.
    pub header: Header,
    /// The statements as signed.
    pub announcement: Announcement,
    /// The announcement.
    pub announce: Announce,
    /// Whose it is, and whether that is somebody trusted.
    pub verdict: Verdict,
    /// When it stops to count.
    pub expires: Moment,
    /// Whether the session was not there before.
    pub first: bool,
}

impl Announced {
    /// The latest time the teacher has signed here, for [`TrustStore::learn_time`].
    pub fn claimed_time(&self) -> UnixTime {
        self.announce.time.max(self.verdict.teacher().made)
    }
}

/// The newest announcement of a session came again: another way to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The session.
    pub session: SessionId,
    /// Its teacher.
    pub teacher: PublicKey,
    /// The number of the announcement.
    pub sequence: u64,
    /// Who sent the datagram: a hint for dialling.
    pub header: Header,
}

/// A device asks who has a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// This session only.
    pub session: Option<SessionId>,
    /// Who asks: a hint for dialling.
    pub header: Header,
}

/// A session that was announced is no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// The session.
    pub session: SessionId,
    /// Its teacher.
    pub teacher: PublicKey,
}

/// A session under one teacher's key. Sessions are told apart by both: whoever copies another's
/// session id under a key of his own does not touch what is known of the real one.
type Name = (SessionId, PublicKey);

/// What is known of an announced session.
#[derive(Debug)]
struct Known {
    epoch: Epoch,
    sequence: u64,
    newest: Hash,
    /// Hash over certificate and grant, whose signatures hold.
    authority: Option<Hash>,
    session_key: Option<PublicKey>,
    teacher_name: String,
    trusted: bool,
    heard: Moment,
    expires: Option<Moment>,
}

/// Decides which datagrams count: cheap checks first, signatures last and rationed.
#[derive(Debug)]
pub struct Acceptor {
    own: DeviceId,
    own_sessions: BTreeSet<SessionId>,
    known: BTreeMap<Name, Known>,
    ended: VecDeque<Name>,
    seen: BTreeSet<Hash>,
    seen_order: VecDeque<Hash>,
    checks: Ration<(IpAddr, PublicKey)>,
    asks: Ration<IpAddr>,
    checks_of_known: Bucket,
    checks_of_others: Bucket,
}

impl Acceptor {
    /// For the device `own`, which hears itself now and then.
    pub const fn new(own: DeviceId) -> Self {
        let start = Moment(0);
        Self {
            own,
            own_sessions: BTreeSet::new(),
            known: BTreeMap::new(),
            ended: VecDeque::new(),
            seen: BTreeSet::new(),
            seen_order: VecDeque::new(),
            checks: Ration::new(6, 2, 1_024),
            // Three questions at a start, each by broadcast and multicast, from a few people of one
            // machine.
            asks: Ration::new(24, 4, 1_024),
            checks_of_known: Bucket::full(400, 400, start),
            checks_of_others: Bucket::full(200, 100, start),
        }
    }

    /// This device announces `session` itself from now on, or no longer.
    pub fn set_own(&mut self, session: SessionId, own: bool) {
        if own {
            self.own_sessions.insert(session);
        } else {
            self.own_sessions.remove(&session);
        }
    }

    /// What is remembered of a session from an earlier run of the program: `epoch` and what came
    /// before it is not news.
    pub fn remember(&mut self, session: SessionId, teacher: PublicKey, epoch: Epoch) {
        self.known
            .entry((session, teacher))
            .or_insert_with(|| Known {
                epoch,
                sequence: 0,
                newest: Hash([0; 32]),
                authority: None,
                session_key: None,
                teacher_name: String::new(),
                trusted: false,
                heard: Moment(0),
                expires: None,
            });
    }

    /// The teacher has ended the session: it is never taken for a live one again. The last 1,024
    /// are remembered; call this at start for those of earlier runs.
    pub fn end(&mut self, session: SessionId, teacher: PublicKey) {
        self.known.remove(&(session, teacher));
        if !self.ended.contains(&(session, teacher)) {
            self.ended.push_back((session, teacher));
            if self.ended.len() > MAX_ENDED {
                self.ended.pop_front();
            }
        }
    }

    /// Whether a session is remembered as ended.
    pub fn has_ended(&self, session: SessionId, teacher: PublicKey) -> bool {
        self.ended.contains(&(session, teacher))
    }

    /// Sessions whose last announcement has just stopped to count. Their numbers stay known.
    pub fn expired(&mut self, now: Moment) -> Vec<Gone> {
        let mut gone = Vec::new();
        for (&(session, teacher), known) in &mut self.known {
            if known.expires.is_some_and(|expires| expires <= now) {
                known.expires = None;
                gone.push(Gone { session, teacher });
            }
        }
        gone
    }

    /// When [`Acceptor::expired`] next has something to say.
    pub fn next_expiry(&self) -> Option<Moment> {
        self.known.values().filter_map(|known| known.expires).min()
    }

    /// Decides about a datagram that came from `source`.
    pub fn receive(
        &mut self,
        now: Now,
        source: IpAddr,
        bytes: &[u8],
        trust: &TrustStore,
    ) -> Result<Heard, Refusal> {
        let Datagram { header, body } = Datagram::decode(bytes)?;
        if header.sender == self.own {
            return Err(Refusal::OwnEcho);
        }
        match body {
            Body::Announcement(announcement) => {
                self.announcement(now, source, header, announcement, trust)
            }
            Body::Ask { session } if self.asks.take(source, now.moment) => {
                Ok(Heard::Asked(Asked { session, header }))
            }
            Body::Ask { .. } => Err(Refusal::AskedOften),
        }
    }

    fn announcement(
        &mut self,
        now: Now,
        source: IpAddr,
        header: Header,
        announcement: Announcement,
        trust: &TrustStore,
    ) -> Result<Heard, Refusal> {
        let authority = authority_hash(&announcement);
        let hash = announcement_hash(&announcement, authority);
        if self.seen.contains(&hash) {
            return self.again(header, hash);
        }
        let announce: Announce = announcement
            .announce
            .peek()
            .map_err(|_| Refusal::Garbled("announcement"))?;
        if self.own_sessions.contains(&announce.session) {
            return Err(Refusal::OwnSession);
        }
        check_name(&announce.title)?;
        let claim = Claim::read(&announcement.authority, trust)?;
        if claim.grant.session != announce.session {
            return Err(TrustError::OtherSession.into());
        }
        let name = (announce.session, claim.certificate.teacher);
        self.check_order(name, &claim, &announce)?;

        let session_key = claim.grant.key;
        let chain_holds = self
            .known
            .get(&name)
            .is_some_and(|known| known.authority == Some(authority));
        self.ration(now.moment, source, session_key, chain_holds)?;
        // Only after this is anything remembered that a forger could have made up.
        announcement
            .announce
            .verify(Domain::Announce, session_key.as_bytes())
            .map_err(|_| {
                self.see(hash);
                Refusal::Forged {
                    title: announce.title.clone(),
                }
            })?;
        if !chain_holds {
            claim
                .check_signatures(&announcement.authority)
                .inspect_err(|_| self.see(hash))?;
        }
        let epoch = claim.grant.epoch;
        let verdict = claim.verdict(trust, now.wall, Some(announce.time))?;
        self.check_owner(name, &verdict)?;
        let life = Duration::from_millis(announce.life.into()).clamp(MIN_LIFE, MAX_LIFE);
        let expires = now.moment + life;
        let first = self
            .known
            .get(&name)
            .is_none_or(|known| known.expires.is_none());
        self.make_room(name, verdict.trusted().is_some())?;
        self.see(hash);
        self.known.insert(
            name,
            Known {
                epoch,
                sequence: announce.sequence,
                newest: hash,
                authority: Some(authority),
                session_key: Some(session_key),
                teacher_name: verdict.teacher().name.clone(),
                trusted: verdict.trusted().is_some(),
                heard: now.moment,
                expires: Some(expires),
            },
        );
        let announced = Announced {
            header,
            announcement,
            announce,
            verdict,
            expires,
            first,
        };
        Ok(Heard::Announced(Box::new(announced)))
    }

    fn again(&self, header: Header, hash: Hash) -> Result<Heard, Refusal> {
        let newest = self.known.iter().find(|(_, known)| known.newest == hash);
        let Some((&(session, teacher), known)) = newest else {
            return Err(Refusal::Repeated);
        };
        Ok(Heard::Again(Again {
            session,
            teacher,
            sequence: known.sequence,
            header,
        }))
    }

    /// Whether it is later than what is known of the session, by what it claims.
    fn check_order(&self, name: Name, claim: &Claim, announce: &Announce) -> Result<(), Refusal> {
        if self.ended.contains(&name) {
            return Err(Refusal::Ended {
                title: announce.title.clone(),
            });
        }
        let Some(known) = self.known.get(&name) else {
            return Ok(());
        };
        let epoch = claim.grant.epoch;
        if epoch < known.epoch {
            return Err(Refusal::OldEpoch {
                theirs: epoch,
                known: known.epoch,
            });
        }
        if epoch == known.epoch && announce.sequence <= known.sequence {
            return Err(Refusal::OldSequence);
        }
        let other_key = known.session_key.is_some_and(|key| key != claim.grant.key);
        if epoch == known.epoch && other_key {
            return Err(Refusal::TwoKeys {
                title: announce.title.clone(),
            });
        }
        Ok(())
    }

    /// Whether the session already belongs to a trusted teacher with another key.
    fn check_owner(&self, name: Name, verdict: &Verdict) -> Result<(), Refusal> {
        let owner = self
            .known
            .range((name.0, PublicKey([0; 32]))..=(name.0, PublicKey([255; 32])))
            .find(|((_, teacher), known)| known.trusted && *teacher != name.1);
        match owner {
            Some((_, owner)) => Err(Refusal::SessionOfAnother {
                name: verdict.teacher().name.clone(),
                owner: owner.teacher_name.clone(),
            }),
            None => Ok(()),
        }
    }

    fn ration(
        &mut self,
        now: Moment,
        source: IpAddr,
        key: PublicKey,
        known: bool,
    ) -> Result<(), Refusal> {
        let all = if known {
            &mut self.checks_of_known
        } else {
            &mut self.checks_of_others
        };
        if self.checks.take((source, key), now) && all.take(now) {
            Ok(())
        } else {
            Err(Refusal::Rationed)
        }
    }

    /// Makes room for one session more: unknown teachers never push out trusted ones, and what is
    /// announced no longer goes first.
    fn make_room(&mut self, name: Name, trusted: bool) -> Result<(), Refusal> {
        if self.known.contains_key(&name) {
            return Ok(());
        }
        let limit = if trusted { MAX_SESSIONS } else { MAX_UNKNOWN };
        let alike = self
            .known
            .iter()
            .filter(|(_, known)| known.trusted == trusted);
        if alike.clone().count() < limit {
            return Ok(());
        }
        let oldest = alike
            .filter(|(_, known)| known.expires.is_none())
            .min_by_key(|(_, known)| known.heard)
            .map(|(name, _)| *name)
            .ok_or(Refusal::TooManySessions(limit))?;
        self.known.remove(&oldest);
        Ok(())
    }

    fn see(&mut self, hash: Hash) {
        if self.seen.insert(hash) {
            self.seen_order.push_back(hash);
            if self.seen_order.len() > MAX_SEEN
                && let Some(oldest) = self.seen_order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
    }
}

fn authority_hash(announcement: &Announcement) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for signed in [
        &announcement.authority.certificate,
        &announcement.authority.grant,
    ] {
        hasher
            .update(&signed.signature)
            .update(signed.hash().as_bytes());
    }
    Hash(*hasher.finalize().as_bytes())
}

fn announcement_hash(announcement: &Announcement, authority: Hash) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(authority.as_bytes());
    hasher
        .update(&announcement.announce.signature)
        .update(&announcement.announce.body);
    Hash(*hasher.finalize().as_bytes())
}

#[cfg(test)]
#[path = "acceptor_tests.rs"]
mod tests;
