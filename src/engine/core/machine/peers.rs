//! The links over which a session is spoken: who is a member, and who is told of new things first.

use std::collections::BTreeSet;

use super::session::{Session, Stage};
use super::shared::Shared;
use crate::api::Presence;
use crate::core::ids::{DeviceId, Epoch, LinkId, Nonce};
use crate::core::limits;
use crate::core::signed::Signed;
use crate::core::time::Now;
use crate::core::wire::control::Control;

/// A link over which this session is spoken.
pub(super) struct Peer {
    pub device: DeviceId,
    /// The other side showed a token, or is the teacher's device.
    pub member: bool,
    /// In which life of the session this side has said that it takes part.
    pub greeted: Option<Epoch>,
    /// It let a page of a manifest be waited for, and has sent none since.
    pub late_with_pages: bool,
}

impl Session {
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
            greeted: None,
            late_with_pages: false,
        });
        peer.greeted = Some(self.teacher.epoch);
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
            greeted: None,
            late_with_pages: false,
        });
        // Also again in the next life: the teacher's machine has forgotten what it was told in the one before.
        if peer.greeted < Some(self.teacher.epoch) {
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
}
