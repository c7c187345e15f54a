//! Which network interfaces there are, and which of them are used.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::api::InterfaceChoice;
use crate::core::io::Interface;
use crate::core::wire::statements::LinkKind;
use crate::platform::network::{self, Nature};

/// One interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the core is told of it when it is used.
    pub interface: Interface,
    /// Whether it is the machine itself.
    pub loopback: bool,
    /// Whether it is used.
    pub used: bool,
    /// Why it is not used; empty otherwise.
    pub note: String,
}

/// One address of one interface, as the system lists it.
#[derive(Debug, Clone)]
struct Listed {
    name: String,
    index: u32,
    address: IpAddr,
    prefix: u8,
    running: bool,
    tunnel: bool,
}

/// Lists the interfaces of this machine, in the order of their names.
pub fn scan(choice: &InterfaceChoice) -> io::Result<Vec<Found>> {
    let listed: Vec<Listed> = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|entry| Listed {
            index: entry.index.unwrap_or(0),
            address: entry.ip(),
            prefix: match &entry.addr {
                if_addrs::IfAddr::V4(v4) => v4.prefixlen,
                if_addrs::IfAddr::V6(v6) => v6.prefixlen,
            },
            running: entry.is_oper_up(),
            tunnel: entry.is_p2p(),
            name: entry.name,
        })
        .collect();
    Ok(select(
        &listed,
        &network::names(),
        choice,
        network::nature,
        network::kind,
    ))
}

/// Names that were asked for and do not exist.
pub fn missing(choice: &InterfaceChoice, found: &[Found]) -> Vec<String> {
    match choice {
        InterfaceChoice::Usual => Vec::new(),
        InterfaceChoice::Named(names) => names
            .iter()
            .filter(|name| !found.iter().any(|one| one.interface.name == **name))
            .cloned()
            .collect(),
    }
}

/// Whether nothing but the machine itself is asked for.
pub fn only_loopback(choice: &InterfaceChoice) -> bool {
    match choice {
        InterfaceChoice::Usual => false,
        InterfaceChoice::Named(names) => names
            .iter()
            .all(|name| network::nature(name) == Nature::Loopback),
    }
}

fn select(
    listed: &[Listed],
    names: &[String],
    choice: &InterfaceChoice,
    nature: impl Fn(&str) -> Nature,
    kind: impl Fn(&str) -> LinkKind,
) -> Vec<Found> {
    let mut found: BTreeMap<&str, (Found, bool, bool)> = BTreeMap::new();
    for one in listed {
        let (entry, running, tunnel) = found
            .entry(&one.name)
            .or_insert_with(|| (blank(&one.name, one.index, &nature, &kind), false, false));
        entry.interface.addresses.push((one.address, one.prefix));
        *running |= one.running;
        *tunnel |= one.tunnel;
    }
    for name in names {
        found
            .entry(name)
            .or_insert_with(|| (blank(name, 0, &nature, &kind), true, false));
    }
    found
        .into_values()
        .map(|(mut found, running, tunnel)| {
            let note = reason_against(&found, running, tunnel, choice, &nature);
            found.interface.addresses.sort();
            found.interface.addresses.dedup();
            found.used = note.is_none();
            found.note = note.unwrap_or_default();
            found
        })
        .collect()
}

fn blank(
    name: &str,
    index: u32,
    nature: impl Fn(&str) -> Nature,
    kind: impl Fn(&str) -> LinkKind,
) -> Found {
    Found {
        interface: Interface {
            index,
            name: name.to_owned(),
            addresses: Vec::new(),
            kind: kind(name),
        },
        loopback: nature(name) == Nature::Loopback,
        used: false,
        note: String::new(),
    }
}

/// Why an interface is not used, if so.
fn reason_against(
    found: &Found,
    running: bool,
    tunnel: bool,
    choice: &InterfaceChoice,
    nature: impl Fn(&str) -> Nature,
) -> Option<String> {
    let name = &found.interface.name;
    let against = match choice {
        InterfaceChoice::Named(names) if !names.contains(name) => Some("not among those named"),
        InterfaceChoice::Named(_) => None,
        InterfaceChoice::Usual => match nature(name) {
            Nature::Loopback => Some("the machine itself; used only when named"),
            Nature::Virtual => Some("a virtual interface or tunnel; used only when named"),
            Nature::Usual if tunnel => Some("a tunnel; used only when named"),
            Nature::Usual => None,
        },
    };
    let against = match against {
        Some(against) => Some(against),
        None if found.interface.addresses.is_empty() => {
            Some("it has no address; is the cable in, is the network configured?")
        }
        None if running => None,
        None => Some("it is down or has no carrier; is the cable in?"),
    };
    against.map(str::to_owned)
}

/// The broadcast address of the subnet of `address`; none where a subnet has no room for one.
pub fn broadcast(address: Ipv4Addr, prefix: u8) -> Option<Ipv4Addr> {
    if prefix == 0 || prefix > 30 {
        return None;
    }
    let hosts = u32::MAX >> prefix;
    Some(Ipv4Addr::from(u32::from(address) | hosts))
}

/// Whether `other` is in the subnet of `address`.
pub fn same_subnet(address: IpAddr, prefix: u8, other: IpAddr) -> bool {
    match (address, other) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differing = u32::from(a) ^ u32::from(b);
            differing.leading_zeros() >= u32::from(prefix.min(32))
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differing = u128::from(a) ^ u128::from(b);
            differing.leading_zeros() >= u32::from(prefix.min(128))
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listed(name: &str, address: &str, prefix: u8) -> Listed {
        Listed {
            name: name.into(),
            index: u32::try_from(name.len()).unwrap(),
            address: address.parse().unwrap(),
            prefix,
            running: !name.ends_with("down"),
            tunnel: name.starts_with("p2p"),
        }
    }

    fn nature(name: &str) -> Nature {
        match name {
            "lo" => Nature::Loopback,
            "docker0" => Nature::Virtual,
            _ => Nature::Usual,
        }
    }

    fn used(choice: &InterfaceChoice) -> Vec<String> {
        let all = [
            listed("lo", "127.0.0.1", 8),
            listed("eth0", "10.1.2.3", 23),
            listed("eth0", "fe80::1", 64),
            listed("docker0", "172.17.0.1", 16),
            listed("p2p0", "10.9.0.1", 32),
            listed("eth1down", "10.2.0.1", 24),
        ];
        select(&all, &["eth2".into()], choice, nature, |_| LinkKind::Wired)
            .into_iter()
            .filter(|found| found.used)
            .map(|found| found.interface.name)
            .collect()
    }

    #[test]
    fn only_usual_interfaces_are_used_by_themselves() {
        assert_eq!(used(&InterfaceChoice::Usual), ["eth0"]);
    }

    #[test]
    fn exactly_the_named_interfaces_are_used() {
        let named = |names: &[&str]| {
            used(&InterfaceChoice::Named(
                names.iter().map(|&name| name.to_owned()).collect(),
            ))
        };
        assert_eq!(named(&["lo"]), ["lo"]);
        assert_eq!(named(&["p2p0", "docker0"]), ["docker0", "p2p0"]);
        assert_eq!(named(&["eth2", "eth1down"]), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_does_not_exist_is_reported() {
        let choice = InterfaceChoice::Named(vec!["lo".into(), "eth9".into()]);
        let found = scan(&choice).unwrap();
        assert_eq!(missing(&choice, &found), ["eth9"]);
    }

    #[test]
    fn broadcast_addresses_are_computed_from_the_prefix() {
        let at = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        assert_eq!(broadcast(at("10.1.2.3"), 23), Some(at("10.1.3.255")));
        assert_eq!(broadcast(at("127.0.0.1"), 8), Some(at("127.255.255.255")));
        assert_eq!(broadcast(at("10.1.2.3"), 31), None);
        assert_eq!(broadcast(at("10.1.2.3"), 32), None);
    }

    #[test]
    fn subnets_are_told_apart() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(same_subnet(at("10.1.2.3"), 23, at("10.1.3.9")));
        assert!(!same_subnet(at("10.1.2.3"), 24, at("10.1.3.9")));
        assert!(same_subnet(at("fe80::1"), 64, at("fe80::2")));
        assert!(!same_subnet(at("fe80::1"), 64, at("10.1.2.3")));
    }
}
