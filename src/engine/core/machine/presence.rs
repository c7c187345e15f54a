//! Who is there, and what people are told of it.

use std::time::Duration;

use super::session::Session;
use super::shared::Shared;
use crate::api::{Event, MemberView, Person, Presence};
use crate::core::ids::DeviceId;
use crate::core::time::Now;

/// After this without a word a member that is not linked counts as away.
const AWAY: Duration = Duration::from_mins(1);
/// How often a member without a link to the teacher makes itself heard.
const REFRESH: Duration = Duration::from_secs(20);

impl Session {
    pub(super) fn set_presence(
        &mut self,
        shared: &mut Shared,
        now: Now,
        device: DeviceId,
        presence: Presence,
    ) {
        let Some(known) = self.members.known.get_mut(&device) else {
            return;
        };
        known.heard = now.moment;
        if known.presence != presence {
            known.presence = presence;
            self.tell_member(shared, device);
        }
        self.members.refresh_due.get_or_insert(now.moment + REFRESH);
    }

    /// A member that is not linked was heard of.
    pub(super) fn set_presence_heard(&mut self, shared: &mut Shared, now: Now, device: DeviceId) {
        let linked = self
            .peers
            .values()
            .any(|peer| peer.device == device && peer.member);
        let presence = if linked {
            Presence::Linked
        } else {
            Presence::Relayed
        };
        if device != shared.id {
            self.set_presence(shared, now, device, presence);
        }
    }

    pub(super) fn members_on_time(&mut self, shared: &mut Shared, now: Now) {
        if self.members.refresh_due.is_none_or(|due| due > now.moment) {
            return;
        }
        self.members.refresh_due = Some(now.moment + REFRESH);
        if self.own.is_none() && self.teacher_link().is_none() {
            self.renew_contact(shared, now);
        }
        let gone: Vec<_> = self
            .members
            .known
            .iter()
            .filter(|(_, k)| k.presence == Presence::Relayed && k.heard + AWAY <= now.moment)
            .map(|(device, _)| *device)
            .collect();
        for device in gone {
            if let Some(known) = self.members.known.get_mut(&device) {
                known.presence = Presence::Away;
            }
            self.tell_member(shared, device);
        }
    }

    pub(super) fn tell_member(&self, shared: &mut Shared, device: DeviceId) {
        let Some(known) = self.members.known.get(&device) else {
            return;
        };
        let token = &known.token;
        let view = MemberView {
            session: self.id,
            device,
            person: Person {
                name: token.name.clone(),
                roll: token.roll.clone(),
                machine: token.machine.clone(),
            },
            teacher: device == self.teacher.device,
            own: device == shared.id,
            presence: known.presence,
            duplicate_roll: self.members.duplicate(device, &token.roll).is_some(),
        };
        shared.event(Event::Member(view));
    }
}
