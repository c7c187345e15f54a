//! Datagrams of discovery: one socket for each interface and family, all on one port.
//!
//! Each socket is bound to its interface (`SO_BINDTODEVICE`, which needs no right since Linux 5.7),
//! so that what it hears is known to have come there. Where that cannot be done, every socket hears
//! every interface: then the sender's subnet (or the scope of a link-local address) tells which one
//! it was, and a datagram may come more than once, which the core does not mind.
//!
//! Addresses are reused, not ports: several people on one machine each hear every broadcast. A
//! datagram to one address reaches only one of them, which is why answers are connections.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use mio::net::UdpSocket;
use smol::Task;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

use super::event::{NetEvent, Room, Sink};
use super::interfaces::{Found, broadcast, same_subnet};
use super::reactor::{Io, Reactor, Way};
use super::runtime::Spawner;
use crate::core::io::{Input, Interface, Target, Ways};
use crate::platform::network::bind_to_interface;

/// The IPv4 group of discovery.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 71, 80);
/// The IPv6 group of discovery, on the link only.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4854);
/// Longer datagrams are not ours.
const MAX_DATAGRAM: usize = 1_500;
/// Datagrams that may wait for the core; more are dropped.
const WAITING: usize = 256;

/// After so many rounds the first was heard, unless nothing comes in: discovery begins with four of
/// them within two seconds.
const DEAF: u64 = 4;

/// What happened on one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams heard.
    pub heard: u64,
    /// Rounds to everybody, each a few datagrams.
    pub rounds: u64,
    /// The last error, empty after a success.
    pub error: String,
}

impl Counters {
    /// Whether nothing comes in: not even the own broadcasts, of which the system gives each socket
    /// a copy before they reach the cable.
    pub fn is_deaf(&self) -> bool {
        self.heard == 0 && self.rounds >= DEAF
    }
}

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One interface in use.
struct Open {
    interface: Interface,
    v4: Option<Arc<Io<UdpSocket>>>,
    v6: Option<Arc<Io<UdpSocket>>>,
    counters: Shared<Counters>,
    /// A socket could not be opened: it is tried again.
    failed: bool,
    _tasks: Vec<Task<()>>,
}

/// The sockets of all interfaces in use.
pub struct Udp {
    port: u16,
    sink: Sink,
    room: Room,
    spawner: Spawner,
    open: BTreeMap<u32, Open>,
    /// By name, so that an interface that comes back keeps its numbers.
    counters: BTreeMap<String, Shared<Counters>>,
    used: Arc<RwLock<Vec<Interface>>>,
}

impl Udp {
    /// No sockets yet.
    pub fn new(port: u16, sink: Sink, spawner: Spawner) -> Self {
        Self {
            port,
            sink,
            room: Room::new(WAITING),
            spawner,
            open: BTreeMap::new(),
            counters: BTreeMap::new(),
            used: Arc::default(),
        }
    }

    /// The port of discovery.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the port can be had: shared with other users of ours, not with other programs.
    pub fn probe(port: u16) -> io::Result<()> {
        let socket = bare(Domain::IPV4)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())
    }

    /// Opens sockets for new or changed interfaces and closes those of others. Gives the errors,
    /// each with the interface's name.
    pub fn apply(&mut self, found: &[Found]) -> Vec<(String, io::Error)> {
        let used: Vec<&Found> = found.iter().filter(|found| found.used).collect();
        *self.used.write().unwrap_or_else(PoisonError::into_inner) =
            used.iter().map(|found| found.interface.clone()).collect();
        self.open.retain(|_, open| {
            !open.failed && used.iter().any(|found| found.interface == open.interface)
        });
        let mut errors = Vec::new();
        for found in used {
            let index = found.interface.index;
            if self.open.contains_key(&index) {
                continue;
            }
            let (open, problems) = self.open_one(found);
            for error in problems {
                lock(&open.counters).error = error.to_string();
                errors.push((found.interface.name.clone(), error));
            }
            self.open.insert(index, open);
        }
        errors
    }

    fn open_one(&mut self, found: &Found) -> (Open, Vec<io::Error>) {
        let interface = &found.interface;
        let counters = self
            .counters
            .entry(interface.name.clone())
            .or_default()
            .clone();
        let mut errors = Vec::new();
        let mut tasks = Vec::new();
        let mut keep = |opened: io::Result<Option<(Io<UdpSocket>, bool)>>| match opened {
            Ok(Some((socket, bound))) => {
                let socket = Arc::new(socket);
                tasks.push(self.spawner.spawn(hear(Ear {
                    socket: socket.clone(),
                    index: interface.index,
                    bound,
                    used: self.used.clone(),
                    sink: self.sink.clone(),
                    room: self.room.clone(),
                    counters: counters.clone(),
                    spawner: self.spawner.clone(),
                })));
                Some(socket)
            }
            Ok(None) => None,
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let v4 = keep(open_v4(self.spawner.reactor(), interface, self.port));
        let v6 = keep(open_v6(self.spawner.reactor(), found, self.port));
        let open = Open {
            interface: interface.clone(),
            v4,
            v6,
            counters,
            failed: !errors.is_empty(),
            _tasks: tasks,
        };
        (open, errors)
    }

    /// Sends a datagram. Errors are kept with the interface: discovery repeats itself.
    pub fn send(&self, to: &Target, bytes: &[u8]) {
        match to {
            Target::Everybody { interface, ways } => {
                if let Some(open) = self.open.get(interface) {
                    open.send_to_all(self.port, *ways, bytes);
                }
            }
            Target::One(address) => self.send_to_one(*address, bytes),
        }
    }

    fn send_to_one(&self, address: SocketAddr, bytes: &[u8]) {
        let near = self.open.values().find(|open| match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => open.interface.index == v6.scope_id(),
            _ => on_subnet(&open.interface, address.ip()),
        });
        if let Some(open) = near {
            open.send_to(address, bytes);
            return;
        }
        // Behind a router: a socket bound to an interface could not reach it.
        let sent = bare(Domain::for_address(address)).and_then(|socket| {
            let any = match address {
                SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            socket.bind(&SocketAddr::new(any, self.port).into())?;
            socket.send_to(bytes, &address.into())
        });
        if let Err(error) = sent {
            tracing::debug!("cannot send a datagram to {address}: {error}");
        }
    }

    /// The name of an interface on which nothing comes in.
    pub fn deaf(&self, interface: u32) -> Option<&str> {
        let open = self.open.get(&interface)?;
        let deaf = lock(&open.counters).is_deaf();
        deaf.then_some(open.interface.name.as_str())
    }

    /// What happened on an interface, by its name.
    pub fn counters(&self, name: &str) -> Counters {
        self.counters
            .get(name)
            .map(|counters| lock(counters).clone())
            .unwrap_or_default()
    }
}

impl Open {
    fn send_to_all(&self, port: u16, ways: Ways, bytes: &[u8]) {
        lock(&self.counters).rounds += 1;
        let mut alone = false;
        let mut targets: Vec<SocketAddr> = Vec::new();
        if ways != Ways::Multicast {
            for (address, prefix) in &self.interface.addresses {
                if let IpAddr::V4(address) = address {
                    match broadcast(*address, *prefix) {
                        Some(all) => targets.push((all, port).into()),
                        None => alone = true,
                    }
                }
            }
            if alone && targets.is_empty() {
                targets.push((Ipv4Addr::BROADCAST, port).into());
            }
        }
        if ways != Ways::Broadcast {
            targets.push((GROUP_V4, port).into());
            targets.push(SocketAddrV6::new(GROUP_V6, port, 0, self.interface.index).into());
        }
        targets.dedup();
        for target in targets {
            self.send_to(target, bytes);
        }
    }

    fn send_to(&self, address: SocketAddr, bytes: &[u8]) {
        let socket = match address {
            SocketAddr::V4(_) => &self.v4,
            SocketAddr::V6(_) => &self.v6,
        };
        let Some(socket) = socket else { return };
        let sent = socket.get_ref().send_to(bytes, address);
        let mut counters = lock(&self.counters);
        match sent {
            Ok(_) => {
                counters.sent += 1;
                counters.error.clear();
            }
            Err(error) => counters.error = format!("cannot send to {address}: {error}"),
        }
    }
}

/// Everything a task needs that hears one socket.
struct Ear {
    socket: Arc<Io<UdpSocket>>,
    index: u32,
    bound: bool,
    used: Arc<RwLock<Vec<Interface>>>,
    sink: Sink,
    room: Room,
    counters: Shared<Counters>,
    spawner: Spawner,
}

async fn hear(ear: Ear) {
    let mut buffer = [0; MAX_DATAGRAM + 1];
    loop {
        match ear
            .socket
            .io(Way::In, |socket| socket.recv_from(&mut buffer))
            .await
        {
            Ok((length, _)) if length > MAX_DATAGRAM => {}
            Ok((length, from)) => {
                let index = if ear.bound {
                    ear.index
                } else {
                    let used = ear.used.read().unwrap_or_else(PoisonError::into_inner);
                    interface_of(&used, from).unwrap_or(ear.index)
                };
                lock(&ear.counters).heard += 1;
                // A flood is dropped here: what matters is announced again.
                if let Some(permit) = ear.room.try_take() {
                    let datagram = Input::Datagram {
                        interface: index,
                        from,
                        bytes: buffer[..length].to_vec(),
                    };
                    (ear.sink)(NetEvent::Input(datagram, permit));
                }
            }
            Err(error) => {
                lock(&ear.counters).error = format!("cannot hear: {error}");
                // An interface that went down says so once; anything lasting must not spin.
                ear.spawner.sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// The interface from whose subnet something came.
fn interface_of(used: &[Interface], from: SocketAddr) -> Option<u32> {
    if let SocketAddr::V6(v6) = from
        && v6.scope_id() != 0
    {
        return Some(v6.scope_id());
    }
    used.iter()
        .find(|interface| on_subnet(interface, from.ip()))
        .map(|interface| interface.index)
}

fn on_subnet(interface: &Interface, other: IpAddr) -> bool {
    interface
        .addresses
        .iter()
        .any(|&(address, prefix)| same_subnet(address, prefix, other))
}

fn bare(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    } else {
        socket.set_broadcast(true)?;
    }
    Ok(socket)
}

fn finish(
    reactor: &Arc<Reactor>,
    socket: Socket,
    bound: bool,
) -> io::Result<Option<(Io<UdpSocket>, bool)>> {
    let socket = UdpSocket::from_std(socket.into());
    Ok(Some((Io::new(reactor, socket)?, bound)))
}

fn open_v4(
    reactor: &Arc<Reactor>,
    interface: &Interface,
    port: u16,
) -> io::Result<Option<(Io<UdpSocket>, bool)>> {
    let own = interface
        .addresses
        .iter()
        .find_map(|(address, _)| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
    let Some(own) = own else { return Ok(None) };
    let socket = bare(Domain::IPV4)?;
    let bound = bind_to_interface(&socket, &interface.name);
    socket.bind(&SockAddr::from(SocketAddr::from((
        Ipv4Addr::UNSPECIFIED,
        port,
    ))))?;
    socket.set_multicast_ttl_v4(1)?;
    socket.set_multicast_if_v4(&own)?;
    // Broadcasts still work where a group cannot be joined.
    let joined =
        socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(interface.index));
    if let Err(error) = joined {
        tracing::debug!("{}: cannot join {GROUP_V4}: {error}", interface.name);
    }
    finish(reactor, socket, bound)
}

fn open_v6(
    reactor: &Arc<Reactor>,
    found: &Found,
    port: u16,
) -> io::Result<Option<(Io<UdpSocket>, bool)>> {
    let interface = &found.interface;
    let has_v6 = interface
        .addresses
        .iter()
        .any(|(address, _)| address.is_ipv6());
    if found.loopback || !has_v6 {
        return Ok(None);
    }
    let socket = bare(Domain::IPV6)?;
    let bound = bind_to_interface(&socket, &interface.name);
    socket.bind(&SockAddr::from(SocketAddr::from((
        Ipv6Addr::UNSPECIFIED,
        port,
    ))))?;
    socket.set_multicast_hops_v6(1)?;
    socket.set_multicast_if_v6(interface.index)?;
    socket.join_multicast_v6(&GROUP_V6, interface.index)?;
    finish(reactor, socket, bound)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::InterfaceChoice;
    use crate::net::interfaces::scan;
    use crate::net::runtime::Runtime;

    fn free_port() -> u16 {
        std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }

    fn on_lo(port: u16, spawner: Spawner) -> (Udp, async_channel::Receiver<NetEvent>, u32) {
        let (tx, rx) = async_channel::unbounded();
        let sink: Sink = Arc::new(move |event| tx.try_send(event).unwrap());
        let found = scan(&InterfaceChoice::Named(vec!["lo".into()])).unwrap();
        let lo = found
            .iter()
            .find(|found| found.used)
            .unwrap()
            .interface
            .index;
        let mut udp = Udp::new(port, sink, spawner);
        assert!(udp.apply(&found).is_empty());
        (udp, rx, lo)
    }

    #[test]
    fn everybody_on_one_machine_hears_a_broadcast() {
        let runtime = Runtime::start().unwrap();
        let port = free_port();
        let (first, _own, lo) = on_lo(port, runtime.spawner());
        let others = [
            on_lo(port, runtime.spawner()),
            on_lo(port, runtime.spawner()),
        ];
        let to = Target::Everybody {
            interface: lo,
            ways: Ways::All,
        };
        first.send(&to, b"hello");
        for (udp, events, _) in &others {
            let event = smol::future::block_on(events.recv()).unwrap();
            let NetEvent::Input(
                Input::Datagram {
                    interface,
                    from,
                    bytes,
                },
                _,
            ) = event
            else {
                panic!("a datagram was expected");
            };
            assert_eq!((interface, bytes.as_slice()), (lo, &b"hello"[..]));
            assert_eq!(from.port(), port, "sent from the well-known port");
            assert!(udp.counters("lo").heard >= 1);
        }
        assert!(first.counters("lo").sent >= 1);
        drop((first, others));
        runtime.stop();
    }

    #[test]
    fn the_subnet_tells_the_interface_where_sockets_are_not_bound_to_one() {
        let interface = |index, address: &str, prefix| Interface {
            index,
            name: String::new(),
            addresses: vec![(address.parse().unwrap(), prefix)],
            kind: crate::core::wire::statements::LinkKind::Unknown,
        };
        let used = [interface(2, "10.1.0.1", 16), interface(3, "10.2.0.1", 16)];
        let from = |text: &str| text.parse().unwrap();
        assert_eq!(interface_of(&used, from("10.2.9.9:1")), Some(3));
        assert_eq!(interface_of(&used, from("10.9.9.9:1")), None);
        assert_eq!(interface_of(&used, from("[fe80::1%3]:1")), Some(3));
    }

    #[test]
    fn a_port_that_another_program_holds_is_an_error() {
        let foreign = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        assert!(Udp::probe(foreign.local_addr().unwrap().port()).is_err());
        assert!(Udp::probe(0).is_ok());
    }
}
