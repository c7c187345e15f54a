//! Links between devices: which exist, which are wanted, and what comes over them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::Core;
use super::shared::Link;
use crate::api::WarningKind;
use crate::core::ids::{DeviceId, DialId, LinkId, Nonce, SessionId};
use crate::core::io::{Interface, Output};
use crate::core::limits::{self, Bucket};
use crate::core::swarm::{BadPeer, SwarmOutput};
use crate::core::time::{Moment, Now};
use crate::core::wire::control::{ByeCode, Control, Greeting};

/// Devices and addresses that this machine wants to be linked to.
#[derive(Default)]
pub(super) struct Dials {
    wanted: BTreeMap<Wanted, Attempt>,
    running: BTreeMap<DialId, Wanted>,
    next: u64,
}

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// A member, wherever it says that it is.
    Device(DeviceId),
    /// Whoever is there.
    Address(SocketAddr),
}

/// How far the attempts for one of them are.
struct Attempt {
    addresses: Vec<SocketAddr>,
    expect: Option<DeviceId>,
    next: usize,
    due: Moment,
    running: bool,
    wait: Duration,
    /// Rounds over all addresses that are left; `None` for as long as it is wanted.
    rounds: Option<u32>,
}

impl Dials {
    /// Wants a link to a device at these addresses, likeliest first, beginning at `due`.
    fn want_device(&mut self, device: DeviceId, addresses: Vec<SocketAddr>, due: Moment) {
        if addresses.is_empty() {
            return;
        }
        let attempt = self
            .wanted
            .entry(Wanted::Device(device))
            .or_insert_with(|| Attempt {
                addresses: Vec::new(),
                expect: Some(device),
                next: 0,
                due,
                running: false,
                wait: limits::DIAL_AGAIN.0,
                rounds: None,
            });
        if attempt.addresses != addresses {
            attempt.addresses = addresses;
            attempt.next = 0;
            attempt.due = attempt.due.min(due);
            attempt.wait = limits::DIAL_AGAIN.0;
        }
    }

    /// Wants a link to whoever is at an address, tried a few times; not where very many are tried already, for anybody can
    /// name addresses.
    pub fn want_address(
        &mut self,
        address: SocketAddr,
        expect: Option<DeviceId>,
        due: Moment,
        rounds: u32,
    ) {
        let wanted = Wanted::Address(address);
        let addresses = |wanted: &&Wanted| matches!(wanted, Wanted::Address(_));
        let full = self.wanted.keys().filter(addresses).count() >= limits::DIALLED_ADDRESSES;
        if full && !self.wanted.contains_key(&wanted) {
            return;
        }
        // The other way to the same device is likely to be heard of as well, and each of its packets carries 20 bytes less.
        let due = if address.is_ipv6() {
            due + limits::IPV6_LATER
        } else {
            due
        };
        self.wanted.entry(wanted).or_insert(Attempt {
            addresses: vec![address],
            expect,
            next: 0,
            due,
            running: false,
            wait: limits::DIAL_AGAIN.0,
            rounds: Some(rounds),
        });
    }

    /// Whether an address is being tried or waits to be.
    pub fn wants_address(&self, address: SocketAddr) -> bool {
        self.wanted.contains_key(&Wanted::Address(address))
    }

    /// Whether a device is being tried or waits to be.
    #[cfg(any(test, feature = "sim"))]
    pub fn wants_device(&self, device: DeviceId) -> bool {
        let mut all = self.wanted.values();
        all.any(|attempt| attempt.expect == Some(device))
    }

    /// Bytes on the heap, roughly.
    #[cfg(any(test, feature = "sim"))]
    pub fn heap(&self) -> usize {
        (self.wanted.len() + self.running.len()) * 512
    }

    fn satisfied(&mut self, device: DeviceId, remote: SocketAddr, dial: Option<DialId>) {
        self.wanted.remove(&Wanted::Device(device));
        self.wanted.remove(&Wanted::Address(remote));
        if let Some(wanted) = dial.and_then(|dial| self.running.remove(&dial)) {
            self.wanted.remove(&wanted);
        }
        self.wanted
            .retain(|_, attempt| attempt.expect != Some(device));
    }

    /// An attempt failed: the next address, or later again.
    pub fn failed(&mut self, now: Moment, dial: DialId, reason: &str) {
        tracing::debug!(%dial, reason, "dial failed");
        let Some(wanted) = self.running.remove(&dial) else {
            return;
        };
        let Some(attempt) = self.wanted.get_mut(&wanted) else {
            return;
        };
        attempt.running = false;
        attempt.next += 1;
        if attempt.next < attempt.addresses.len() {
            attempt.due = now;
            return;
        }
        attempt.next = 0;
        attempt.due = now + attempt.wait;
        attempt.wait = (attempt.wait * 2).min(limits::DIAL_AGAIN.1);
        if let Some(rounds) = &mut attempt.rounds {
            *rounds = rounds.saturating_sub(1);
            if *rounds == 0 {
                self.wanted.remove(&wanted);
            }
        }
    }

    /// When something is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.wanted
            .values()
            .filter(|attempt| !attempt.running)
            .map(|attempt| attempt.due)
            .min()
    }
}

impl Core {
    pub(super) fn dial_due(&mut self, now: Now) {
        let links = &self.shared.links;
        let linked = |device: DeviceId| links.values().any(|link| link.peer == device);
        self.dials.wanted.retain(|wanted, attempt| {
            attempt.running || !matches!(wanted, Wanted::Device(device) if linked(*device))
        });
        for (wanted, attempt) in &mut self.dials.wanted {
            if attempt.running || attempt.due > now.moment {
                continue;
            }
            attempt.running = true;
            self.dials.next += 1;
            let dial = DialId(self.dials.next);
            self.dials.running.insert(dial, *wanted);
            let address = attempt.addresses[attempt.next];
            self.shared.out.push_back(Output::Dial {
                dial,
                address,
                expect: attempt.expect,
            });
        }
    }

    /// Sees to it that every member that can be reached is linked; in a large class, every one that
    /// its clusters need. Links that exist stay. The smaller device id dials at
    /// once, the larger one later: a member behind a closed firewall is reached that way.
    pub(super) fn dial_members(&mut self, now: Now, session: SessionId) {
        let Some(session) = self.sessions.get_mut(&session) else {
            return;
        };
        let Some((needed, unlinked)) = session.take_unlinked(&mut self.shared, now) else {
            return;
        };
        let known = &session.members.known;
        self.dials.wanted.retain(|wanted, attempt| {
            let spared = |device: &DeviceId| known.contains_key(device) && !needed.contains(device);
            attempt.running || !matches!(wanted, Wanted::Device(device) if spared(device))
        });
        for (device, contact) in unlinked {
            let own = &self.shared.interfaces;
            let addresses = candidates(own, &contact.addresses, contact.port);
            let wait = if self.shared.id < device {
                Duration::ZERO
            } else {
                limits::SECOND_DIALLER
            };
            self.dials.want_device(device, addresses, now.moment + wait);
        }
    }

    pub(super) fn on_link_up(
        &mut self,
        now: Now,
        link: LinkId,
        peer: DeviceId,
        remote: SocketAddr,
        dial: Option<DialId>,
        greeting: Greeting,
    ) {
        self.dials.satisfied(peer, remote, dial);
        let nonce = Nonce(self.shared.rng.bytes());
        let dialled = dial.is_some();
        let joins = Bucket::new(limits::JOIN_BURST, limits::JOIN_EVERY);
        let other = self.shared.link_to(peer);
        let new = Link {
            peer,
            remote,
            dialled,
            bulk: false,
            greeting,
            nonce,
            joins,
        };
        self.shared.links.insert(link, new);
        if peer == self.shared.id {
            self.shared
                .close(link, ByeCode::Duplicate, "this is the own device");
            self.shared.links.remove(&link);
            return;
        }
        if let Some(other) = other
            && self.keeps(other, link)
        {
            self.shared
                .close(link, ByeCode::Duplicate, "another link stays");
            self.shared.links.remove(&link);
            return;
        }
        if let Some(other) = other {
            self.shared
                .close(other, ByeCode::Duplicate, "another link stays");
            self.forget_link(now, other);
            self.shared.links.remove(&other);
        }
        for session in self.sessions.values_mut() {
            session.greet(&mut self.shared, link);
        }
    }

    /// Of two links between one pair, the one stays that the smaller device id dialled; of two
    /// such, the newer one, because the older may be half open.
    fn keeps(&self, old: LinkId, new: LinkId) -> bool {
        let (Some(old), Some(new)) = (self.shared.links.get(&old), self.shared.links.get(&new))
        else {
            return false;
        };
        let smaller_is_here = self.shared.id < old.peer;
        old.dialled != new.dialled && old.dialled == smaller_is_here
    }

    pub(super) fn on_bulk(&mut self, now: Now, link: LinkId, up: bool) {
        if let Some(known) = self.shared.links.get_mut(&link) {
            known.bulk = up;
            self.shared.swarm.bulk(now.moment, link, up);
        }
    }

    pub(super) fn on_link_down(&mut self, now: Now, link: LinkId) {
        self.forget_link(now, link);
        self.shared.links.remove(&link);
    }

    fn forget_link(&mut self, now: Now, link: LinkId) {
        for session in self.sessions.values_mut() {
            session.link_down(&mut self.shared, now, link);
        }
        self.shared.swarm.link_down(now.moment, link);
    }

    pub(super) fn on_frame(&mut self, now: Now, link: LinkId, bytes: &[u8]) {
        if !self.shared.links.contains_key(&link) {
            return;
        }
        let message = match Control::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                let text = format!("a control message cannot be read: {error}");
                self.drop_peer(now, link, &text);
                return;
            }
        };
        match message {
            Control::Ping => self.shared.send(link, &Control::Pong),
            Control::Pong | Control::Unknown => {}
            Control::Bye { .. } => self.shared.out.push_back(Output::Close { link }),
            Control::Enter {
                session,
                token,
                authority,
                title,
                nonce,
            } => {
                self.on_enter(now, link, session, token, authority, &title, nonce);
            }
            Control::Have { session, .. }
            | Control::Lost { session, .. }
            | Control::Request { session, .. }
            | Control::Cancel { session, .. }
            | Control::Reject { session, .. }
            | Control::Credit { session, .. }
            | Control::Ready { session, .. }
            | Control::Air { session, .. } => {
                let member = |s: &super::Session| s.is_member_link(link);
                if self.sessions.get(&session).is_some_and(member) {
                    self.shared.swarm.control(now.moment, link, &message);
                }
            }
            other => self.on_session_message(now, link, other),
        }
    }

    fn on_session_message(&mut self, now: Now, link: LinkId, message: Control) {
        let Some(id) = message.session() else { return };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let shared = &mut self.shared;
        match message {
            Control::Fresh { proof, .. } => session.on_fresh(shared, now, link, &proof),
            Control::Join { join, hops, .. } => session.on_join(shared, now, link, join, hops),
            Control::Pin { answer, .. } => session.on_pin(shared, now, link, answer),
            Control::Guest { .. } => session.on_guest(shared, link),
            Control::Denied { why, .. } => session.on_denied(shared, link, why),
            Control::Members { members, .. } => session.on_members(shared, now, link, members),
            Control::Entries { entries, .. } => session.on_entries(shared, now, link, entries),
            Control::Digest { heads, members, .. } => {
                session.on_digest(shared, now, link, &heads, members);
            }
            Control::Lack { author, from, .. } => session.on_lack(shared, link, author, from),
            Control::LackMembers { .. } => session.on_lack_members(shared, link),
            Control::Tick { tick, hops, .. } => session.on_tick(shared, now, link, tick, hops),
            Control::Status { list, .. } => session.on_status(shared, now, link, list),
            Control::PagesHere {
                set,
                files,
                hashes,
                last,
                ..
            } => {
                session.on_pages_here(shared, now, link, set, [files, hashes, u32::from(last)]);
            }
            Control::PageWanted {
                set, kind, number, ..
            } => {
                session.on_page_wanted(shared, now, link, set, kind, number);
            }
            Control::Page { set, page, .. } => session.on_page(shared, now, link, set, page),
            Control::Leave { set, .. } => session.on_leave(shared, now, link, set),
            _ => {}
        }
    }

    /// Drops a peer that broke the protocol, and says so.
    pub(super) fn drop_peer(&mut self, now: Now, link: LinkId, text: &str) {
        let Some(known) = self.shared.links.get(&link) else {
            return;
        };
        let text = format!("{} was dropped: {text}", known.remote);
        self.shared.close(link, ByeCode::Misbehaved, &text);
        self.shared.warn(WarningKind::BadPeer, None, text);
        self.forget_link(now, link);
    }

    fn warn_bad_peer(&mut self, id: SessionId, peer: DeviceId, why: BadPeer) {
        let session = self.sessions.get(&id);
        let known = session.and_then(|session| session.members.known.get(&peer));
        let who = known.map_or_else(
            || peer.to_string(),
            |known| format!("{} ({})", known.token.name, known.token.machine),
        );
        let text = match why {
            BadPeer::WrongChunk => format!(
                "{who} sent data that failed the check; nothing of it was kept, and nothing more \
                 is fetched from there"
            ),
            BadPeer::FalseHave => format!(
                "{who} offered data and did not send it; nothing more is fetched from there"
            ),
        };
        self.shared.warn(WarningKind::BadPeer, Some(id), text);
    }

    pub(super) fn drain_swarm(&mut self) {
        while let Some(output) = self.shared.swarm.poll() {
            match output {
                SwarmOutput::Control { link, message } => self.shared.send(link, &message),
                SwarmOutput::Record {
                    link,
                    header,
                    length,
                } => {
                    self.shared.out.push_back(Output::Record {
                        link,
                        header,
                        length,
                    });
                }
                SwarmOutput::Complete { .. } => {}
                SwarmOutput::OneCopyOut { session, set } => {
                    if let Some(session) = self.sessions.get_mut(&session) {
                        session.one_copy_out(&mut self.shared, set);
                    }
                }
                SwarmOutput::Forget {
                    link,
                    session,
                    set,
                    chunk,
                } => {
                    self.shared.out.push_back(Output::Forget {
                        link,
                        session,
                        set,
                        chunk,
                    });
                }
                SwarmOutput::BadPeer {
                    peer, session, why, ..
                } => {
                    self.warn_bad_peer(session, peer, why);
                }
            }
        }
    }
}

/// Where to dial: addresses in an own subnet first, then the rest. Link-local IPv6 addresses are
/// tried on every interface, because their scope is the dialler's matter.
pub(super) fn candidates(own: &[Interface], addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let near = |address: &IpAddr| {
        own.iter()
            .flat_map(|i| &i.addresses)
            .any(|(mine, bits)| same_subnet(*mine, *address, *bits))
    };
    let (near, far): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .take(limits::ADDRESSES)
        .partition(|address| near(address));
    let mut all = Vec::new();
    for address in near.into_iter().chain(far) {
        match address {
            IpAddr::V6(six) if six.is_unicast_link_local() => {
                let scoped = |interface: &Interface| {
                    SocketAddr::V6(SocketAddrV6::new(six, port, 0, interface.index))
                };
                all.extend(own.iter().map(scoped));
            }
            other => all.push(SocketAddr::new(other, port)),
        }
    }
    all.truncate(limits::ADDRESSES);
    all
}

/// Whether two addresses agree in their first `bits` bits.
pub(super) fn same_subnet(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let (a, b, width) = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = width - u32::from(bits).min(width);
    (a ^ b)
        .checked_shr(shift)
        .is_none_or(|difference| difference == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_compared_by_their_prefix() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(same_subnet(ip("10.1.2.3"), ip("10.1.3.4"), 23));
        assert!(!same_subnet(ip("10.1.2.3"), ip("10.1.3.4"), 24));
        assert!(same_subnet(ip("fe80::1"), ip("fe80::2"), 64));
        assert!(!same_subnet(ip("fe80::1"), ip("10.0.0.1"), 0));
        assert!(same_subnet(ip("10.0.0.1"), ip("99.0.0.1"), 0));
    }

    #[test]
    fn near_addresses_are_dialled_first() {
        let interface = Interface {
            index: 3,
            name: "eth0".into(),
            addresses: vec![("10.0.0.9".parse().unwrap(), 24)],
            kind: crate::core::wire::statements::LinkKind::Wired,
        };
        let addresses = ["192.168.7.7", "10.0.0.4", "fe80::5"].map(|text| text.parse().unwrap());
        let all = candidates(&[interface], &addresses, 5);
        let text: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["10.0.0.4:5", "192.168.7.7:5", "[fe80::5%3]:5"]);
    }

    #[test]
    fn no_more_than_256_addresses_are_dialled_whoever_names_them() {
        let mut dials = Dials::default();
        for port in 1..=1_000 {
            dials.want_address(([10, 0, 0, 1], port).into(), None, Moment(0), 1);
        }
        assert_eq!(dials.wanted.len(), limits::DIALLED_ADDRESSES);
        dials.want_device(
            DeviceId([1; 32]),
            vec![([10, 0, 0, 2], 1).into()],
            Moment(0),
        );
        assert!(dials.wants_device(DeviceId([1; 32])));
    }

    #[test]
    fn an_ipv6_address_is_dialled_later_than_an_ipv4_one() {
        let mut dials = Dials::default();
        dials.want_address("[fe80::5]:5".parse().unwrap(), None, Moment(0), 1);
        assert_eq!(dials.next_timeout(), Some(Moment(0) + limits::IPV6_LATER));
        dials.want_address("10.0.0.5:5".parse().unwrap(), None, Moment(0), 1);
        assert_eq!(dials.next_timeout(), Some(Moment(0)));
    }

    #[test]
    fn a_dial_goes_through_its_addresses_and_then_waits_longer_each_time() {
        let mut dials = Dials::default();
        let device = DeviceId([1; 32]);
        let addresses = ["10.0.0.4:5", "10.0.0.5:5"].map(|text| text.parse().unwrap());
        dials.want_device(device, addresses.to_vec(), Moment(0));
        let mut fail = |now: Moment| {
            let attempt = dials.wanted.get_mut(&Wanted::Device(device)).unwrap();
            attempt.running = true;
            dials.running.insert(DialId(1), Wanted::Device(device));
            dials.failed(now, DialId(1), "");
            dials.next_timeout().unwrap()
        };
        assert_eq!(fail(Moment(10)), Moment(10));
        assert_eq!(fail(Moment(20)), Moment(20) + Duration::from_secs(1));
        assert_eq!(fail(Moment(30)), Moment(30));
        assert_eq!(fail(Moment(40)), Moment(40) + Duration::from_secs(2));
    }
}
