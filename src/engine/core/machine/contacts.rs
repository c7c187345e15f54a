//! Where members can be reached, and how that becomes known.

use super::session::Session;
use super::shared::Shared;
use crate::core::ids::{DeviceId, LinkId};
use crate::core::limits;
use crate::core::signed::{Domain, Signed};
use crate::core::time::Now;
use crate::core::wire::control::{Control, Member};
use crate::core::wire::statements::Contact;

impl Session {
    pub(super) fn take_contact(&mut self, now: Now, device: DeviceId, signed: &Signed) -> bool {
        let Some(known) = self.members.known.get_mut(&device) else {
            return false;
        };
        if known.contact.as_ref().is_some_and(|(_, old)| old == signed)
            || signed.body.len() > limits::STATEMENT_BODY
        {
            return false;
        }
        let Ok(body) = signed.peek::<Contact>() else {
            return false;
        };
        let newer = known
            .contact
            .as_ref()
            .is_none_or(|(old, _)| body.sequence > old.sequence);
        let fits = body.addresses.len() <= limits::ADDRESSES;
        if body.session != self.id || body.device != device || !newer || !fits {
            return false;
        }
        if signed.verify(Domain::Contact, &device.0).is_err() {
            return false;
        }
        known.contact = Some((body, signed.clone()));
        known.heard = now.moment;
        self.members.unlinked_changed = true;
        true
    }

    /// Signs the own addresses anew and passes them on.
    pub(super) fn renew_contact(&mut self, shared: &mut Shared, now: Now) {
        if !self.is_member() {
            return;
        }
        // Wall time keeps the number rising over a restart of the program.
        self.members.own_contact = (self.members.own_contact + 1).max(now.wall.0);
        let contact = Contact {
            session: self.id,
            device: shared.id,
            sequence: self.members.own_contact,
            addresses: shared.addresses(),
            port: shared.port,
            kind: shared.link_kind(),
        };
        let signed = Signed::seal(Domain::Contact, &contact, &shared.device);
        if let Some(known) = self.members.known.get_mut(&shared.id) {
            known.contact = Some((contact, signed));
        }
        let to = self.neighbours(shared, None);
        for link in to {
            self.send_own_member(shared, link);
        }
    }

    pub(super) fn send_own_member(&self, shared: &mut Shared, link: LinkId) {
        let Some(known) = self.members.known.get(&shared.id) else {
            return;
        };
        let contact = known.contact.as_ref().map(|(_, signed)| signed.clone());
        let members = vec![Member {
            token: known.signed.clone(),
            contact,
        }];
        shared.send(
            link,
            &Control::Members {
                session: self.id,
                members,
            },
        );
    }

    pub(super) fn send_members(&self, shared: &mut Shared, link: LinkId) {
        let members: Vec<_> = self
            .members
            .known
            .values()
            .map(|known| Member {
                token: known.signed.clone(),
                contact: known.contact.as_ref().map(|(_, signed)| signed.clone()),
            })
            .collect();
        for part in limits::parts(&members, Member::size) {
            let members = part.to_vec();
            shared.send(
                link,
                &Control::Members {
                    session: self.id,
                    members,
                },
            );
        }
    }
}
