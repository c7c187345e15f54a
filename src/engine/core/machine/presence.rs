//! Who is there, and what people are told of it.

use std::time::Duration;

use super::members::Known;
use super::session::Session;
use super::shared::Shared;
use crate::api::{Event, MemberView, Person, Presence, WarningKind};
use crate::core::ids::DeviceId;
use crate::core::io::Disk;
use crate::core::limits::{self, Bucket};
use crate::core::signed::Signed;
use crate::core::time::{Now, UnixTime};

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
            self.attends(shared, now, device);
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
            self.attends(shared, now, device);
            self.tell_member(shared, device);
        }
    }

    /// Has it kept whether a student of the own session is there.
    pub(super) fn attends(&self, shared: &mut Shared, now: Now, device: DeviceId) {
        let known = self.members.known.get(&device);
        if let Some(known) = known.filter(|_| self.own.is_some() && device != shared.id) {
            let silent = now.moment.since(known.heard);
            shared.disk(Disk::Attendance {
                session: self.id,
                device,
                present: known.presence != Presence::Away,
                time: UnixTime(now.wall.0.saturating_sub(silent.as_secs())),
            });
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
            muted: self.feed.muted.contains(&device),
        };
        shared.event(Event::Member(view));
    }

    /// A member of an earlier run of the program: known by name, and away until it is heard.
    pub(super) fn remember(&mut self, shared: &mut Shared, now: Now, signed: Signed) {
        let Some(token) = self.open_token(&signed) else {
            return;
        };
        let device = token.device;
        let full = self.members.known.len() >= limits::MEMBERS;
        if device == shared.id || full || self.members.known.contains_key(&device) {
            return;
        }
        let known = Known {
            token,
            signed,
            contact: None,
            presence: Presence::Away,
            heard: now.moment,
            keeps: Bucket::new(limits::STATUS_BURST, limits::STATUS_EVERY),
        };
        self.members.known.insert(device, known);
        self.tell_member(shared, device);
    }

    pub(super) fn warn_duplicate(&self, shared: &mut Shared, device: DeviceId) {
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
}
