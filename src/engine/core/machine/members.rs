//! Who takes part: requests, tokens, contacts, presence.

use std::collections::{BTreeMap, BTreeSet};

use super::session::{Session, Stage};
use super::shared::Shared;
use crate::api::{Presence, WarningKind};
use crate::core::ids::{DeviceId, LinkId};
use crate::core::io::Disk;
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::swarm::{Bond, Clusters};
use crate::core::time::{Moment, Now};
use crate::core::wire::control::{Control, DenyReason, Member};
use crate::core::wire::statements::{Admission, Contact, Join, Token};

/// Members without link, and where they can be reached.
pub(super) type Unlinked = Vec<(DeviceId, Contact)>;

/// One member.
pub(super) struct Known {
    pub token: Token,
    pub signed: Signed,
    pub contact: Option<(Contact, Signed)>,
    pub presence: Presence,
    pub heard: Moment,
}

/// The members of a session, as far as they are known.
#[derive(Default)]
pub(super) struct Members {
    pub known: BTreeMap<DeviceId, Known>,
    /// Members without link may have to be dialled.
    pub unlinked_changed: bool,
    /// When the own request is repeated.
    pub join_due: Option<Moment>,
    request: Option<Signed>,
    /// The disk is asked for what it kept.
    restoring: bool,
    /// Taking part without a token, because the teacher is away.
    pub guest: bool,
    pub own_contact: u64,
    pub refresh_due: Option<Moment>,
    asked: Option<Moment>,
    /// Requests that were passed on: device and sequence.
    passed: BTreeSet<(DeviceId, u64)>,
}

impl Members {
    /// How many members are known, and how many of their contacts: who knows fewer has missed something.
    pub fn count(&self) -> u32 {
        let contacts = self.known.values().filter(|known| known.contact.is_some());
        u32::try_from(self.known.len() + contacts.count()).unwrap_or(u32::MAX)
    }

    pub fn own_token(&self, own: DeviceId) -> Option<&Signed> {
        self.known.get(&own).map(|known| &known.signed)
    }

    /// Members that are there, own device and teacher not counted twice.
    pub fn present(&self, own: DeviceId, teacher: DeviceId) -> u32 {
        let there = |(device, known): &(&DeviceId, &Known)| {
            **device != teacher && (**device == own || known.presence != Presence::Away)
        };
        u32::try_from(self.known.iter().filter(there).count()).unwrap_or(u32::MAX)
    }

    pub fn next_timeout(&self) -> Option<Moment> {
        self.refresh_due
    }

    /// Whether another device claims the same roll number.
    pub fn duplicate(&self, device: DeviceId, roll: &str) -> Option<&Known> {
        let roll = roll.trim();
        self.known
            .values()
            .find(|k| !roll.is_empty() && k.token.device != device && k.token.roll.trim() == roll)
    }
}

impl Session {
    /// Begins to join, or asks again.
    pub(super) fn join(&mut self, shared: &mut Shared, now: Now) {
        if self.own.is_some() || self.is_member() {
            return;
        }
        self.stage = Stage::Joining;
        self.announced_until = None;
        self.members.request = None;
        self.tell(shared);
        let links: Vec<_> = shared.links.keys().copied().collect();
        for link in links {
            self.greet(shared, link);
        }
        self.ask_to_join(shared, now, None);
    }

    /// Sends the own request over one link, or over all.
    pub(super) fn ask_to_join(&mut self, shared: &mut Shared, now: Now, link: Option<LinkId>) {
        if self.stage != Stage::Joining && !self.members.guest {
            self.members.join_due = None;
            return;
        }
        let join = self.members.request.get_or_insert_with(|| {
            let join = Join {
                session: self.id,
                device: shared.id,
                name: cut(&shared.person.name, limits::PERSON_NAME),
                roll: cut(&shared.person.roll, limits::ROLL),
                machine: cut(&shared.person.machine, limits::PERSON_NAME),
                sealing: shared.sealing_key(),
                // Never used before, and rising over a restart by the wall clock's part.
                sequence: now.wall.0 << 20 | shared.rng.number() >> 44,
            };
            Signed::seal(Domain::Join, &join, &shared.device)
        });
        let message = Control::Join {
            session: self.id,
            join: join.clone(),
            hops: 0,
        };
        let links: Vec<_> = match link {
            Some(link) => vec![link],
            None => self.peers.keys().copied().collect(),
        };
        shared.send_all(&links, &message);
        self.members.join_due = Some(now.moment + limits::JOIN_AGAIN);
    }

    /// A request came, perhaps over others.
    pub(super) fn on_join(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        join: Signed,
        hops: u8,
    ) {
        if !self.is_member() || join.body.len() > limits::STATEMENT_BODY {
            return;
        }
        let Ok(body) = join.peek::<Join>() else {
            return;
        };
        let Some(known) = shared.links.get_mut(&link) else {
            return;
        };
        let direct = known.peer == body.device;
        if body.session != self.id || !known.joins.take(now.moment) {
            return;
        }
        if self.own.is_some() {
            if join.verify(Domain::Join, &body.device.0).is_ok() {
                self.decide(shared, now, link, &body, direct);
            }
            return;
        }
        let Some((towards, _)) = self.way_to_teacher() else {
            if direct && join.verify(Domain::Join, &body.device.0).is_ok() {
                self.admit_guest(shared, now, link);
            }
            return;
        };
        if towards == link || hops >= limits::JOIN_HOPS {
            return;
        }
        // A repeated request is passed on again: the answer to the first one may be lost.
        let first = self.members.passed.insert((body.device, body.sequence));
        if self.members.passed.len() > limits::MEMBERS * 2 {
            self.members.passed.clear();
        }
        if first && join.verify(Domain::Join, &body.device.0).is_err() {
            self.members.passed.remove(&(body.device, body.sequence));
            return;
        }
        shared.send(
            towards,
            &Control::Join {
                session: self.id,
                join,
                hops: hops + 1,
            },
        );
        if let Some(known) = self.members.known.get(&body.device) {
            let member = Member {
                token: known.signed.clone(),
                contact: None,
            };
            shared.send(
                link,
                &Control::Members {
                    session: self.id,
                    members: vec![member],
                },
            );
        }
    }

    /// The teacher is away: whoever asks takes part in an open session as a guest, receives and
    /// passes on, but does not write.
    fn admit_guest(&mut self, shared: &mut Shared, now: Now, link: LinkId) {
        if self.admission != Admission::Open || !self.heard.told_away {
            return;
        }
        shared.send(link, &Control::Guest { session: self.id });
        self.send_members(shared, link);
        self.admit(shared, now, link);
    }

    /// A member lets this machine take part until the teacher is back.
    pub(super) fn on_guest(&mut self, shared: &mut Shared, link: LinkId) {
        let by_member = self.peers.get(&link).is_some_and(|peer| peer.member);
        if self.stage == Stage::Joining && by_member && !self.members.restoring {
            self.members.guest = true;
            self.members.restoring = true;
            self.heard.told_away = true;
            shared.disk(Disk::Restore { session: self.id });
        }
    }

    /// No longer a guest: the own token is here.
    fn guest_admitted(&mut self, shared: &mut Shared, now: Now) {
        self.members.guest = false;
        self.members.join_due = None;
        self.renew_contact(shared, now);
        let links: Vec<_> = self.peers.keys().copied().collect();
        for link in links {
            self.greet(shared, link);
        }
    }

    /// The teacher's machine decides about a request.
    fn decide(&mut self, shared: &mut Shared, now: Now, link: LinkId, join: &Join, direct: bool) {
        let deny = |shared: &mut Shared, why| {
            shared.send(
                link,
                &Control::Denied {
                    session: self.id,
                    why,
                },
            );
        };
        let fits = join.name.len() <= limits::PERSON_NAME
            && join.roll.len() <= limits::ROLL
            && join.machine.len() <= limits::PERSON_NAME;
        if self.ended || !fits {
            return;
        }
        let known = self.members.known.get(&join.device);
        if known.is_none() && self.members.known.len() >= limits::MEMBERS {
            deny(shared, DenyReason::Full);
            return;
        }
        let signed = match known {
            Some(known)
                if known.token.sequence == join.sequence
                    && known.token.epoch == self.teacher.epoch =>
            {
                known.signed.clone()
            }
            _ => {
                let Some(own) = &self.own else { return };
                let token = Token {
                    session: self.id,
                    epoch: self.teacher.epoch,
                    device: join.device,
                    name: join.name.clone(),
                    roll: join.roll.clone(),
                    machine: join.machine.clone(),
                    sealing: join.sealing,
                    sequence: join.sequence,
                };
                Signed::seal(Domain::Token, &token, &own.key)
            }
        };
        let member = Member {
            token: signed.clone(),
            contact: None,
        };
        shared.send(
            link,
            &Control::Members {
                session: self.id,
                members: vec![member.clone()],
            },
        );
        if self.insert_token(shared, now, join_token(&signed), signed) {
            let to = self.neighbours(shared, Some(link));
            shared.send_all(
                &to,
                &Control::Members {
                    session: self.id,
                    members: vec![member],
                },
            );
        }
        if direct {
            self.admit(shared, now, link);
            self.send_members(shared, link);
        }
    }

    /// Takes a token if it is valid; gives its device.
    pub(super) fn take_token(
        &mut self,
        shared: &mut Shared,
        now: Now,
        token: Signed,
    ) -> Option<DeviceId> {
        if let Ok(body) = token.peek::<Token>()
            && self
                .members
                .known
                .get(&body.device)
                .is_some_and(|known| known.signed == token)
        {
            return Some(body.device);
        }
        let body = self.open_token(&token)?;
        let device = body.device;
        self.insert_token(shared, now, Some(body), token);
        Some(device)
    }

    /// Keeps a checked token; says whether it was news.
    fn insert_token(
        &mut self,
        shared: &mut Shared,
        now: Now,
        token: Option<Token>,
        signed: Signed,
    ) -> bool {
        let Some(token) = token else { return false };
        let device = token.device;
        let linked = self
            .peers
            .values()
            .any(|peer| peer.device == device && peer.member);
        let presence = if linked || device == shared.id {
            Presence::Linked
        } else {
            Presence::Relayed
        };
        if let Some(known) = self.members.known.get_mut(&device) {
            // By number: an older token that is still on its way would be news again and again.
            let number = |token: &Token| (token.epoch, token.sequence);
            if number(&token) <= number(&known.token) {
                return false;
            }
            known.token = token;
            known.signed = signed;
            known.heard = now.moment;
        } else {
            if self.members.known.len() >= limits::MEMBERS {
                return false;
            }
            let heard = now.moment;
            let known = Known {
                token,
                signed,
                contact: None,
                presence,
                heard,
            };
            self.members.known.insert(device, known);
        }
        self.members.unlinked_changed = true;
        self.tell_member(shared, device);
        if self.own.is_some() {
            self.warn_duplicate(shared, device);
        }
        true
    }

    fn warn_duplicate(&self, shared: &mut Shared, device: DeviceId) {
        let Some(known) = self.members.known.get(&device) else {
            return;
        };
        let Some(other) = self.members.duplicate(device, &known.token.roll) else {
            return;
        };
        let text = format!(
            "roll number {} is claimed by {} on {} and by {} on {}: ask them to correct it",
            known.token.roll,
            other.token.name,
            other.token.machine,
            known.token.name,
            known.token.machine
        );
        let other = other.token.device;
        shared.warn(WarningKind::DuplicateRoll, Some(self.id), text);
        self.tell_member(shared, other);
    }

    /// Members came.
    pub(super) fn on_members(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        members: Vec<Member>,
    ) {
        if !self.active() {
            return;
        }
        let mut news = Vec::new();
        for member in members.into_iter().take(limits::MEMBERS_PER_MESSAGE) {
            let Ok(peeked) = member.token.peek::<Token>() else {
                continue;
            };
            let same = |known: &Known| known.signed == member.token;
            let known = self.members.known.get(&peeked.device).is_some_and(same);
            let mut new = false;
            if !known {
                let Some(token) = self.open_token(&member.token) else {
                    continue;
                };
                new = self.insert_token(shared, now, Some(token), member.token.clone());
            }
            if let Some(contact) = &member.contact {
                new |= self.take_contact(now, peeked.device, contact);
            }
            if new {
                self.set_presence_heard(shared, now, peeked.device);
                self.pass_on_admission(shared, link, peeked.device, &member);
                news.push(member);
            }
            if peeked.device == shared.id {
                if self.members.guest && self.is_member() {
                    self.guest_admitted(shared, now);
                } else if self.stage == Stage::Joining && !self.members.restoring {
                    self.members.restoring = true;
                    shared.disk(Disk::Restore { session: self.id });
                }
            }
        }
        if !news.is_empty() && self.is_member() {
            let to = self.neighbours(shared, Some(link));
            for part in news.chunks(limits::MEMBERS_PER_MESSAGE) {
                let members = part.to_vec();
                shared.send_all(
                    &to,
                    &Control::Members {
                        session: self.id,
                        members,
                    },
                );
            }
        }
    }

    /// The teacher's answer to a request that came over this machine goes on to who asked: that
    /// one is no neighbour before it has its token.
    fn pass_on_admission(
        &self,
        shared: &mut Shared,
        from: LinkId,
        device: DeviceId,
        member: &Member,
    ) {
        let asked = self
            .peers
            .iter()
            .find(|(link, peer)| peer.device == device && !peer.member && **link != from);
        if let Some((&link, _)) = asked {
            let members = vec![member.clone()];
            let session = self.id;
            shared.send(link, &Control::Members { session, members });
        }
    }

    /// The own token and what was kept of an earlier run are here: take part.
    pub(super) fn restored(&mut self, shared: &mut Shared, now: Now, entries: Vec<Signed>) {
        if self.stage != Stage::Joining || !self.members.restoring {
            return;
        }
        self.members.restoring = false;
        self.stage = Stage::Member;
        for signed in entries {
            self.replay(shared, now, signed);
        }
        if self.members.known.contains_key(&shared.id) {
            self.members.guest = false;
            self.members.join_due = None;
            self.heard.last = Some(now.moment);
            self.heard.told_away = false;
        }
        self.renew_contact(shared, now);
        let links: Vec<_> = self.peers.keys().copied().collect();
        for &link in &links {
            self.greet(shared, link);
        }
        for link in self.member_links() {
            self.meet(shared, now, link);
        }
        self.feed.digest_due = Some(now.moment + limits::DIGEST_MIN);
        self.tell(shared);
        self.keep(shared);
    }

    pub(super) fn on_lack_members(&mut self, shared: &mut Shared, link: LinkId) {
        if self.is_member_link(link) {
            self.send_members(shared, link);
        }
    }

    /// Asks for members where a peer knows more of them, at most once a second.
    pub(super) fn lack_members(&mut self, shared: &mut Shared, now: Now, link: LinkId) {
        let again = limits::DIGEST_MIN;
        let asked = self.members.asked;
        if asked.is_none_or(|asked| now.moment.since(asked) >= again) {
            self.members.asked = Some(now.moment);
            shared.send(link, &Control::LackMembers { session: self.id });
        }
    }

    pub(super) fn on_denied(&mut self, shared: &mut Shared, link: LinkId, why: DenyReason) {
        let teacher = self
            .peers
            .get(&link)
            .is_some_and(|p| p.device == self.teacher.device);
        if self.stage == Stage::Joining && teacher {
            self.stage = Stage::Denied(why);
            self.tell(shared);
        }
    }

    /// How the members are spread: by all that were ever admitted, so that it does not go back and
    /// forth with those who come and go.
    pub(super) fn clusters(&self, own: DeviceId) -> Clusters {
        let teacher = self.teacher.device;
        let others = self.members.known.keys();
        let students = others.filter(|&&device| device != teacher).count();
        Clusters::new(own, own == teacher, students)
    }

    /// The members that should be linked.
    pub(super) fn partners(&self, own: DeviceId) -> BTreeSet<DeviceId> {
        let clusters = self.clusters(own);
        let all = self.members.known.keys().copied();
        if clusters.count() == 1 {
            return all.filter(|&device| device != own).collect();
        }
        let teacher = self.teacher.device;
        let mut partners = clusters.partners(own, all.filter(|&device| device != teacher));
        partners.extend((clusters.bond(teacher, true) == Bond::Near).then_some(teacher));
        partners.remove(&own);
        partners
    }

    /// The members that should be linked, and those of them that are not and whose contact is
    /// known, if anything changed since the last call.
    pub(super) fn take_unlinked(
        &mut self,
        shared: &mut Shared,
        now: Now,
    ) -> Option<(BTreeSet<DeviceId>, Unlinked)> {
        if !std::mem::take(&mut self.members.unlinked_changed) || !self.is_member() {
            return None;
        }
        let clusters = self.clusters(shared.id);
        shared.swarm.spread(now.moment, self.id, clusters);
        let partners = self.partners(shared.id);
        let linked: BTreeSet<_> = shared.links.values().map(|link| link.peer).collect();
        let known = &self.members.known;
        let unlinked = partners
            .iter()
            .filter(|device| !linked.contains(device))
            .filter_map(|device| Some((*device, known.get(device)?.contact.as_ref()?.0.clone())))
            .filter(|(_, contact)| contact.port != 0)
            .collect();
        Some((partners, unlinked))
    }
}

fn join_token(signed: &Signed) -> Option<Token> {
    signed.peek().ok()
}

/// The longest beginning of a text that fits `limit` bytes.
pub(super) fn cut(text: &str, limit: usize) -> String {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(cut("Ünal", 2), "Ü");
        assert_eq!(cut("Ünal", 1), "");
        assert_eq!(cut("Anna", 64), "Anna");
    }
}
