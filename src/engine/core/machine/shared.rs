//! What all sessions of a machine share: its identity, its links, and the way out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use crate::api::{Event, Person, Warning, WarningKind};
use crate::core::ids::{DeviceId, LinkId, Nonce, SealingKey, SessionId};
use crate::core::io::{Disk, Interface, Output};
use crate::core::limits::{self, Bucket};
use crate::core::rng::Rng;
use crate::core::swarm::Swarm;
use crate::core::trust::TrustStore;
use crate::core::wire::control::{ByeCode, Control, Greeting};
use crate::core::wire::statements::LinkKind;

/// A pair of devices that are connected now.
pub(super) struct Link {
    /// Who is at the other end.
    pub peer: DeviceId,
    /// The other end's address.
    pub remote: SocketAddr,
    /// Whether this machine dialled.
    pub dialled: bool,
    /// Whether the bulk lane is up.
    pub bulk: bool,
    /// What the other side said of itself.
    pub greeting: Greeting,
    /// Our challenge to the teacher's device at the other end.
    pub nonce: Nonce,
    /// Requests to be admitted that came over this link.
    pub joins: Bucket,
}

/// What all sessions share.
pub(super) struct Shared {
    pub id: DeviceId,
    pub device: SigningKey,
    pub sealing: StaticSecret,
    pub person: Person,
    /// The most bytes of one item that are received without asking.
    pub accept_limit: Option<u64>,
    pub trust: TrustStore,
    pub rng: Rng,
    pub links: BTreeMap<LinkId, Link>,
    pub interfaces: Vec<Interface>,
    pub port: u16,
    pub swarm: Swarm,
    pub out: VecDeque<Output>,
}

impl Shared {
    /// The key that bodies for this device alone are sealed to.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey(x25519_dalek::PublicKey::from(&self.sealing).to_bytes())
    }

    /// Queues a control message.
    pub fn send(&mut self, link: LinkId, message: &Control) {
        if self.links.contains_key(&link) {
            self.out.push_back(Output::Frame {
                link,
                bytes: message.encode(),
            });
        }
    }

    /// Queues one message for several links, encoded once.
    pub fn send_all(&mut self, links: &[LinkId], message: &Control) {
        if links.is_empty() {
            return;
        }
        let bytes = message.encode();
        for &link in links {
            self.out.push_back(Output::Frame {
                link,
                bytes: bytes.clone(),
            });
        }
    }

    /// Says why and closes a link. It stays in the table until the closing is reported.
    pub fn close(&mut self, link: LinkId, code: ByeCode, text: &str) {
        self.send(
            link,
            &Control::Bye {
                code,
                text: text.to_owned(),
            },
        );
        self.out.push_back(Output::Close { link });
    }

    /// Tells the people.
    pub fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Tells the people that something is wrong.
    pub fn warn(&mut self, kind: WarningKind, session: Option<SessionId>, text: String) {
        self.event(Event::Warning(Warning {
            kind,
            session,
            text,
        }));
    }

    /// Asks for something of the disk.
    pub fn disk(&mut self, disk: Disk) {
        self.out.push_back(Output::Disk(disk));
    }

    /// The link to a device, if there is one.
    pub fn link_to(&self, device: DeviceId) -> Option<LinkId> {
        self.links
            .iter()
            .find(|(_, link)| link.peer == device)
            .map(|(id, _)| *id)
    }

    /// How this machine is connected: by radio only if no interface has a cable.
    pub fn link_kind(&self) -> LinkKind {
        let kinds = || self.interfaces.iter().map(|interface| interface.kind);
        if kinds().any(|kind| kind == LinkKind::Wired) {
            LinkKind::Wired
        } else if kinds().any(|kind| kind == LinkKind::Wireless) {
            LinkKind::Wireless
        } else {
            LinkKind::Unknown
        }
    }

    /// The own addresses that others may dial: link-local IPv6 ones only where there is no other.
    pub fn addresses(&self) -> Vec<std::net::IpAddr> {
        let all = self
            .interfaces
            .iter()
            .flat_map(|interface| &interface.addresses);
        let mut addresses: Vec<_> = all.map(|(address, _)| *address).collect();
        addresses.sort_by_key(std::net::IpAddr::is_ipv6);
        addresses.dedup();
        addresses.truncate(limits::ADDRESSES);
        addresses
    }
}
