//! Who takes part: requests, tokens, contacts, presence.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::admission::PinTry;
use super::session::{Session, Stage};
use super::shared::Shared;
use crate::api::Presence;
use crate::core::ids::{DeviceId, LinkId};
use crate::core::io::{Disk, Kept};
use crate::core::limits::{self, Bucket};
use crate::core::signed::Signed;
use crate::core::swarm::{Bond, Clusters};
use crate::core::time::{Moment, Now};
use crate::core::wire::control::{Control, Member};
use crate::core::wire::statements::{Contact, Token};

/// Members without link, and where they can be reached.
pub(super) type Unlinked = Vec<(DeviceId, Contact)>;

/// One member.
pub(super) struct Known {
    pub token: Token,
    pub signed: Signed,
    pub contact: Option<(Contact, Signed)>,
    pub presence: Presence,
    pub heard: Moment,
    /// Final statuses of it that are kept on the disk: a member must not make it busy.
    pub keeps: Bucket,
}

/// The members of a session, as far as they are known.
#[derive(Default)]
pub(super) struct Members {
    pub known: BTreeMap<DeviceId, Known>,
    /// Members without link may have to be dialled.
    pub unlinked_changed: bool,
    /// When the own request is repeated.
    pub join_due: Option<Moment>,
    pub request: Option<Signed>,
    /// The own proof of the session's PIN, once the person has typed it.
    pub pin: Option<PinTry>,
    /// The disk is asked for what it kept.
    pub restoring: bool,
    /// Taking part without a token, because the teacher is away.
    pub guest: bool,
    pub own_contact: u64,
    pub refresh_due: Option<Moment>,
    asked: Option<Moment>,
    /// The number of the own last request.
    pub last_request: u64,
    /// How many new devices came from where: at the teacher.
    pub newcomers: Newcomers,
    /// Over which link requests came that were passed on: the answer about a PIN goes back there.
    pub routes: BTreeMap<DeviceId, LinkId>,
}

/// How many new devices each address has brought to the own session, and how many of others it has passed on.
#[derive(Default)]
pub(super) struct Newcomers(BTreeMap<(IpAddr, bool), Bucket>);

impl Newcomers {
    /// Whether one more may come from there now.
    pub fn take(&mut self, now: Moment, from: IpAddr, direct: bool) -> bool {
        // Addresses cost little: whoever has this many is not held up by them.
        if self.0.len() >= limits::MEMBERS {
            self.0.clear();
        }
        let burst = if direct {
            limits::NEWCOMERS
        } else {
            limits::NEWCOMERS_PASSED_ON
        };
        let bucket = self.0.entry((from, direct));
        bucket
            .or_insert_with(|| Bucket::new(burst, limits::NEWCOMER_EVERY))
            .take(now)
    }
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
    pub(super) fn insert_token(
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
                keeps: Bucket::new(limits::STATUS_BURST, limits::STATUS_EVERY),
            };
            self.members.known.insert(device, known);
        }
        self.members.unlinked_changed = true;
        if let Some(known) = self.members.known.get(&device)
            && self.own.is_some()
        {
            shared.disk(Disk::Token {
                session: self.id,
                device,
                token: known.signed.clone(),
            });
        }
        self.attends(shared, now, device);
        self.tell_member(shared, device);
        if self.own.is_some() {
            self.warn_duplicate(shared, device);
        }
        true
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
            for part in limits::parts(&news, Member::size) {
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

    /// The own token and what was kept of an earlier run are here: take part.
    pub(super) fn restored(&mut self, shared: &mut Shared, now: Now, kept: Kept) {
        if self.stage != Stage::Joining || !self.members.restoring {
            return;
        }
        self.members.restoring = false;
        self.stage = Stage::Member;
        self.replay_all(shared, now, kept);
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
