//! How far everybody is: signed by each device, on its way to the teacher.

use std::time::Duration;

use super::items::Place;
use super::session::Session;
use super::shared::Shared;
use crate::api::{DeliveryView, Event, Progress};
use crate::core::ids::{LinkId, SetId};
use crate::core::io::Disk;
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::time::Now;
use crate::core::wire::control::Control;
use crate::core::wire::statements::{ReceiveState, Status};

impl Session {
    /// Signs how far a set is, for the teacher; what is final leaves at once.
    pub(super) fn report(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        let Some(set) = self.items.sets.get(&id) else {
            return;
        };
        if self.own.is_some() {
            return;
        }
        let state = match &set.progress {
            Progress::Preparing | Progress::Waiting => ReceiveState::Waiting,
            Progress::Receiving => ReceiveState::Receiving,
            Progress::Saved { .. } => ReceiveState::Saved,
            Progress::Failed { reason, .. } => ReceiveState::Failed { reason: *reason },
        };
        let done = matches!(state, ReceiveState::Saved | ReceiveState::Failed { .. });
        // The wall clock's part keeps the number rising over a restart of the program.
        self.items.own_sequence = (self.items.own_sequence + 1).max(now.wall.0 << 20);
        let status = Status {
            session: self.id,
            device: shared.id,
            item: set.item,
            version: set.version,
            sequence: self.items.own_sequence,
            state,
            bytes: self.verified_bytes(shared, id, set).0,
        };
        let signed = Signed::seal(Domain::Status, &status, &shared.device);
        self.queue_status(status, signed);
        let next = self
            .items
            .status_sent
            .map_or(now.moment, |sent| sent + self.status_pause());
        self.items.status_due = Some(if done { now.moment } else { next });
    }

    /// Between statuses that are not final: the teacher's device hears those of all.
    pub(super) fn status_pause(&self) -> Duration {
        let class = u32::try_from(self.members.known.len()).unwrap_or(u32::MAX);
        let share = limits::STATUS_SHARE.saturating_mul(class);
        share.clamp(limits::STATUS_EVERY, limits::STATUS_RARELY)
    }

    fn queue_status(&mut self, status: Status, signed: Signed) {
        let key = (status.device, status.item);
        self.items.outgoing.insert(key, signed.clone());
        self.items.statuses.insert(key, (status, signed));
    }

    /// The way to the teacher is another one: say everything again.
    pub(super) fn resend_statuses(&mut self, shared: &mut Shared) {
        if let Some((link, _)) = self.way_to_teacher() {
            let list: Vec<_> = self
                .items
                .statuses
                .values()
                .map(|(_, signed)| signed.clone())
                .collect();
            for part in limits::parts(&list, |status| status.body.len()) {
                let list = part.to_vec();
                shared.send(
                    link,
                    &Control::Status {
                        session: self.id,
                        list,
                    },
                );
            }
        }
    }

    /// Statuses came: at the teacher's they are told, elsewhere passed on.
    pub(super) fn on_status(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        list: Vec<Signed>,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        for signed in list.into_iter().take(limits::MEMBERS) {
            if signed.body.len() > limits::STATEMENT_BODY {
                continue;
            }
            let Ok(status) = signed.peek::<Status>() else {
                continue;
            };
            let key = (status.device, status.item);
            let known = self.items.statuses.get(&key);
            let newer = known.is_none_or(|(known, _)| known.sequence < status.sequence);
            let fits = status.session == self.id
                && newer
                && self.members.known.contains_key(&status.device)
                && self.items.set_of(status.item).is_some();
            if !fits || signed.verify(Domain::Status, &status.device.0).is_err() {
                continue;
            }
            self.set_presence_heard(shared, now, status.device);
            if self.own.is_some() {
                self.tell_delivery(shared, &status);
                let done = matches!(
                    status.state,
                    ReceiveState::Saved | ReceiveState::Failed { .. }
                );
                let mut known = self.members.known.get_mut(&status.device);
                if done && known.as_mut().is_some_and(|it| it.keeps.take(now.moment)) {
                    shared.disk(Disk::Status(signed.clone()));
                }
                self.items.statuses.insert(key, (status, signed));
            } else {
                self.queue_status(status, signed);
                let next = self
                    .items
                    .status_sent
                    .map_or(now.moment, |sent| sent + self.status_pause());
                let soon = next
                    .min(now.moment + Duration::from_millis(50))
                    .max(now.moment);
                self.items.status_due.get_or_insert(soon);
            }
        }
    }

    /// What students said in an earlier life of the own session; the disk is not believed more than they are.
    pub(super) fn recall_statuses(&mut self, shared: &mut Shared, statuses: Vec<Signed>) {
        for signed in statuses {
            let Ok(status) = signed.peek::<Status>() else {
                continue;
            };
            let fits = status.session == self.id
                && self.members.known.contains_key(&status.device)
                && self.items.set_of(status.item).is_some()
                && signed.verify(Domain::Status, &status.device.0).is_ok();
            if fits {
                self.tell_delivery(shared, &status);
                let key = (status.device, status.item);
                self.items.statuses.insert(key, (status, signed));
            }
        }
    }

    fn tell_delivery(&self, shared: &mut Shared, status: &Status) {
        let total = self
            .items
            .sets
            .values()
            .find(|set| set.item == status.item && set.version == status.version)
            .map_or(0, |set| set.header.bytes);
        shared.event(Event::Delivery(delivery(status, total)));
    }

    pub(super) fn flush_statuses(&mut self, shared: &mut Shared, now: Now) {
        let receiving: Vec<_> = self
            .items
            .sets
            .iter()
            .filter(|(_, set)| set.place == Place::Open && set.progress == Progress::Receiving)
            .map(|(id, _)| *id)
            .collect();
        for id in receiving {
            self.report(shared, now, id);
        }
        self.items.status_due = None;
        let Some((link, _)) = self.way_to_teacher() else {
            return;
        };
        let list: Vec<_> = std::mem::take(&mut self.items.outgoing)
            .into_values()
            .collect();
        self.items.status_sent = Some(now.moment);
        for part in limits::parts(&list, |status| status.body.len()) {
            shared.send(
                link,
                &Control::Status {
                    session: self.id,
                    list: part.to_vec(),
                },
            );
        }
    }
}

/// A status in the words of the interface; `total` is the size of the item in bytes.
pub fn delivery(status: &Status, total: u64) -> DeliveryView {
    let progress = match &status.state {
        ReceiveState::Waiting | ReceiveState::Unknown => Progress::Waiting,
        ReceiveState::Receiving => Progress::Receiving,
        ReceiveState::Saved => Progress::Saved { path: None },
        ReceiveState::Failed { reason } => Progress::Failed {
            reason: *reason,
            text: String::new(),
        },
    };
    DeliveryView {
        session: status.session,
        item: status.item,
        version: status.version,
        device: status.device,
        progress,
        bytes: status.bytes.min(total),
        total,
    }
}
