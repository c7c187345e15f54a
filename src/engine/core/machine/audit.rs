//! What the simulator looks after: whether anything is neglected, and how much memory is used.

use super::Core;
use super::session::{Session, Stage};
use crate::core::time::Moment;

/// Rough bytes of a member, a status, or another small thing in a map.
const SMALL: usize = 1_024;

impl Core {
    /// Something that is wanted here and could be had, that nobody is asked for, with no time set
    /// to ask; `None` if all is well. It may take a moment to pass.
    pub fn neglected(&self, now: Moment) -> Option<String> {
        if let Some(set) = self.shared.swarm.neglected(now) {
            return Some(format!("chunks of set {set}"));
        }
        self.sessions.values().find_map(|session| {
            session
                .neglected()
                .or_else(|| self.neglected_member(session))
        })
    }

    fn neglected_member(&self, session: &Session) -> Option<String> {
        if !session.is_member() || session.members.unlinked_changed {
            return None;
        }
        let needed = session.partners(self.shared.id);
        let unreached = session.members.known.iter().find(|(device, known)| {
            let contact = known.contact.as_ref();
            needed.contains(device)
                && contact
                    .is_some_and(|(contact, _)| contact.port != 0 && !contact.addresses.is_empty())
                && self.shared.link_to(**device).is_none()
                && !self.dials.wants_device(**device)
        });
        unreached.map(|(_, known)| format!("a link to {}", known.token.name))
    }

    /// Bytes on the heap that grow with what others send, roughly.
    pub fn heap(&self) -> usize {
        let sessions: usize = self.sessions.values().map(Session::heap).sum();
        sessions
            + self.shared.swarm.heap()
            + SMALL * (self.shared.links.len() + self.shared.out.len())
            + self.dials.heap()
    }
}

impl Session {
    fn neglected(&self) -> Option<String> {
        if self.stage == Stage::Joining && !self.peers.is_empty() {
            return self
                .members
                .join_due
                .is_none()
                .then(|| "to be admitted".to_owned());
        }
        if !self.is_member() {
            return None;
        }
        if self.feed.digest_due.is_none() && !self.ended {
            return Some("to compare logs".to_owned());
        }
        let page = self
            .items
            .sets
            .iter()
            .find(|(_, set)| set.pages.neglected());
        page.map(|(id, _)| format!("pages of set {id}"))
    }

    fn heap(&self) -> usize {
        let logs: usize = self
            .feed
            .logs
            .values()
            .map(crate::core::log::Log::heap)
            .sum();
        let sets: usize = self
            .items
            .sets
            .values()
            .map(|set| set.pages.heap() + set.hashes.len() * 32)
            .sum();
        let small = self.members.known.len()
            + self.peers.len()
            + self.items.statuses.len()
            + self.items.outgoing.len()
            + self.early.len()
            + self.posted.len()
            + self.feed.logs.len();
        logs + sets + small * SMALL
    }
}
