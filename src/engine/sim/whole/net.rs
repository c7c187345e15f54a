//! Datagrams and connections between simulated machines.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::machine::{Machine, Own};
use crate::core::ids::{DeviceId, DialId};
use crate::core::io::{Input, Interface, Target, Ways};
use crate::core::wire::control::{Greeting, Lane};
use crate::core::wire::statements::LinkKind;
use crate::core::wire::{FEATURES, MAJOR, MINOR};
use crate::sim::world::World;

/// From dialling to the greeting of both sides.
pub const HANDSHAKE: Duration = Duration::from_millis(3);
/// The second connection of a pair, after the first.
const SECOND_LANE: Duration = Duration::from_millis(3);
/// Until a dial that nobody answers is given up.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// Until a dial is refused by a machine without the program.
const REFUSED: Duration = Duration::from_millis(1);
/// Silence after which a link is dead.
pub const DEAD: Duration = Duration::from_secs(15);
/// What a datagram costs beside its payload: UDP, IP, Ethernet, in bytes.
const DATAGRAM_COST: usize = 66;
/// What the handshakes of both lanes cost each way, in bytes.
const HANDSHAKE_COST: f64 = 3_000.0;
const PORT: u16 = 47_800;

/// The address of a machine on a subnet.
pub fn address(host: usize, net: u8) -> SocketAddr {
    let [high, low] = u16::try_from(host + 1).unwrap_or(u16::MAX).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, net, high, low)), PORT)
}

/// Who has an address, and on which subnet it is.
fn owner(address: SocketAddr) -> Option<(usize, u8)> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let [_, net, high, low] = ip.octets();
    let number = usize::from(u16::from_be_bytes([high, low]));
    Some((number.checked_sub(1)?, net))
}

/// What a machine is told of its interfaces.
pub fn interfaces(machine: &Machine) -> Input {
    let interface = |net: &u8| Interface {
        index: u32::from(*net),
        name: format!("eth{net}"),
        addresses: vec![(address(machine.number, *net).ip(), 16)],
        kind: LinkKind::Wired,
    };
    Input::Interfaces {
        interfaces: machine.nets.iter().map(interface).collect(),
        port: PORT,
    }
}

/// Sends a datagram to everybody on an interface's subnet.
pub(super) fn datagram(world: &mut World<Machine>, from: usize, to: &Target, bytes: &[u8]) {
    let Target::Everybody { interface, ways } = *to else {
        let machine = world.node_mut(from);
        machine.wrong("a datagram for one address: only broadcasts are part of the protocol");
        return;
    };
    let Ok(net) = u8::try_from(interface) else {
        return;
    };
    let there = |host: &usize| {
        let machine = world.node(*host);
        *host != from && machine.nets.contains(&net) && world.reaches(from, *host)
    };
    let there: Vec<usize> = (0..world.hosts()).filter(there).collect();
    let size = (bytes.len() + DATAGRAM_COST) as f64;
    let copies = match ways {
        // To the broadcast address and to a group.
        Ways::All => 2,
        Ways::Broadcast | Ways::Multicast => 1,
    };
    for _ in 0..copies {
        let at = world.small(from, &there, size);
        for &host in &there {
            let heard = world.alive(host) && !world.node(host).closed;
            if world.is_lost() || !heard {
                continue;
            }
            let input = Input::Datagram {
                interface,
                from: address(from, net),
                bytes: bytes.to_vec(),
            };
            world.own_at(at, host, Own::Input(Box::new(input)));
        }
    }
}

/// Connects, or says why not.
pub(super) fn dial(
    world: &mut World<Machine>,
    from: usize,
    dial: DialId,
    address: SocketAddr,
    expect: Option<DeviceId>,
) {
    let (after, reason) = match answer(world, from, address, expect) {
        Ok((to, net)) => return connect(world, from, to, net, dial),
        Err(refused) => refused,
    };
    let reason = reason.to_owned();
    let failed = Input::DialFailed { dial, reason };
    world.later(after, from, Own::Input(Box::new(failed)));
}

fn answer(
    world: &World<Machine>,
    from: usize,
    address: SocketAddr,
    expect: Option<DeviceId>,
) -> Result<(usize, u8), (Duration, &'static str)> {
    let silence = (DIAL_TIMEOUT, "no answer within 3 s");
    let (to, net) = owner(address).ok_or(silence)?;
    let nets = |host: usize| world.node(host).nets.contains(&net);
    if to >= world.hosts() || !nets(to) || !nets(from) || !world.reaches(from, to) {
        return Err(silence);
    }
    if world.node(to).closed {
        return Err(silence);
    }
    if !world.alive(to) {
        return Err((REFUSED, "connection refused"));
    }
    let found = world.node(to).core.device();
    if to == from || expect.is_some_and(|expected| expected != found) {
        return Err((HANDSHAKE, "somebody else is there"));
    }
    Ok((to, net))
}

fn connect(world: &mut World<Machine>, from: usize, to: usize, net: u8, dial: DialId) {
    let link = world.connect(from, to);
    world.small(from, &[to], HANDSHAKE_COST);
    world.small(to, &[from], HANDSHAKE_COST);
    let greeting = Greeting {
        major: MAJOR,
        minor: MINOR,
        features: FEATURES,
        lane: Lane::Control,
        port: PORT,
        link: LinkKind::Wired,
    };
    for (host, other, dial) in [(from, to, Some(dial)), (to, from, None)] {
        let up = Input::LinkUp {
            link,
            peer: world.node(other).core.device(),
            remote: address(other, net),
            dial,
            greeting: greeting.clone(),
        };
        world.later(HANDSHAKE, host, Own::Input(Box::new(up)));
        let bulk = Input::Bulk { link, up: true };
        world.later(HANDSHAKE + SECOND_LANE, host, Own::Input(Box::new(bulk)));
    }
}
