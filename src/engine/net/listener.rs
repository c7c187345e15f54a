//! Connections that other devices make.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use super::bulk;
use super::dialer::within;
use super::gate::Pass;
use super::lane::{Lane, LaneError};
use super::link::{Links, MAX_LINKS};
use super::reactor::{Io, Reactor, Way};
use crate::core::wire::control::{ByeCode, Lane as LaneKind};
use crate::platform::network::tune_link;

/// Connections that the system holds for us.
const BACKLOG: i32 = 128;
/// How often another port is tried when one is free for IPv4 alone.
const OTHER_PORTS: usize = 8;

/// The own addresses on which links are accepted: those of the interfaces in use.
pub type OwnAddresses = Arc<RwLock<Vec<IpAddr>>>;

/// Listeners for IPv4 and, where there is IPv6, for that, on one port.
pub struct Listeners {
    /// The port.
    pub port: u16,
    /// Whether another port was wanted.
    pub moved: bool,
    sockets: Vec<Io<TcpListener>>,
}

/// Listens on `port`, or on a free one where that is taken. `local` keeps it to this machine.
pub fn listen(reactor: &Arc<Reactor>, port: u16, local: bool) -> io::Result<Listeners> {
    let mut wanted = port;
    let mut last = None;
    for _ in 0..OTHER_PORTS {
        match listen_on(reactor, wanted, local) {
            Ok(sockets) => {
                let port = sockets[0].get_ref().local_addr()?.port();
                let moved = wanted == 0 && wanted != port && last.is_some();
                return Ok(Listeners {
                    port,
                    moved,
                    sockets,
                });
            }
            Err(error) => last = Some(error),
        }
        wanted = 0;
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn listen_on(reactor: &Arc<Reactor>, port: u16, local: bool) -> io::Result<Vec<Io<TcpListener>>> {
    let v4 = if local {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    let v6 = if local {
        Ipv6Addr::LOCALHOST
    } else {
        Ipv6Addr::UNSPECIFIED
    };
    let first = socket(reactor, (v4, port).into())?;
    let port = first.get_ref().local_addr()?.port();
    match socket(reactor, (v6, port).into()) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A machine without IPv6.
        Err(_) => Ok(vec![first]),
    }
}

fn socket(reactor: &Arc<Reactor>, address: SocketAddr) -> io::Result<Io<TcpListener>> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Elsewhere it would let two programs listen on one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into());
    Io::new(reactor, listener)
}

impl Listeners {
    /// Accepts links from now on.
    pub fn start(self, links: &Arc<Links>, own: &OwnAddresses) {
        for socket in self.sockets {
            let task = links
                .spawner
                .spawn(accept(links.clone(), own.clone(), socket));
            links.keep(task);
        }
    }
}

async fn accept(links: Arc<Links>, own: OwnAddresses, listener: Io<TcpListener>) {
    loop {
        let accepted = listener.io(Way::In, TcpListener::accept).await;
        let watched =
            accepted.and_then(|(tcp, from)| Ok((Io::new(links.spawner.reactor(), tcp)?, from)));
        match watched {
            Ok((stream, from)) => begin(&links, &own, stream, from),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                // Mostly too many open files: some will be closed.
                links.spawner.sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn begin(links: &Arc<Links>, own: &OwnAddresses, stream: Io<TcpStream>, from: SocketAddr) {
    let at = stream.get_ref().local_addr().map(|address| address.ip());
    let expected = |at: &IpAddr| {
        own.read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(at)
    };
    match at {
        Ok(at) if !expected(&at) => {
            let reason = format!("it came to {at}, whose interface is not used");
            return links.refuse(from, &reason);
        }
        Ok(_) => {}
        Err(_) => return,
    }
    if links.count() >= MAX_LINKS {
        return links.refuse(from, &"too many links");
    }
    match links.gate.enter(from.ip()) {
        Ok(pass) => {
            let task = links
                .spawner
                .spawn(greet(links.clone(), pass, stream, from));
            links.keep(task);
        }
        Err(error) => links.refuse(from, &error),
    }
}

/// Finishes the handshake and makes the lane part of a link.
async fn greet(links: Arc<Links>, pass: Pass, stream: Io<TcpStream>, from: SocketAddr) {
    tune_link(stream.get_ref(), links.timing.dead);
    let handshake = async {
        let mut lane = Lane::accept(&links.tls, stream).await?;
        if lane.peer == links.device {
            return Err(LaneError::Itself);
        }
        match lane.read_greeting().await {
            Ok(greeting) => Ok((lane, greeting)),
            Err(error) => {
                lane.decline(&error, Some(&links.greeting(LaneKind::Control)))
                    .await;
                Err(error)
            }
        }
    };
    let (mut lane, greeting) = match within(&links.spawner, links.timing.handshake, handshake).await
    {
        Ok(done) => done,
        Err(error) => return links.refuse_lane(from, &error),
    };
    drop(pass);
    let own = links.greeting(greeting.lane);
    match greeting.lane {
        LaneKind::Control => {
            // The link exists before its greeting leaves, so that the bulk lane finds it.
            let json = serde_json::to_vec(&own).expect("a greeting serialises");
            links.bring_up(lane, from, None, greeting, Some(json));
        }
        LaneKind::Bulk => {
            let Some(link) = links.link_for_bulk(lane.peer) else {
                let text = "there is no control lane".to_owned();
                let bye = within(&links.spawner, links.timing.handshake, async {
                    lane.say_goodbye(ByeCode::Idle, text).await;
                    Ok(())
                });
                let _ = bye.await;
                return;
            };
            let task = links.spawner.spawn({
                let links = links.clone();
                async move {
                    match within(
                        &links.spawner,
                        links.timing.handshake,
                        lane.write_greeting(&own),
                    )
                    .await
                    {
                        Ok(()) => bulk::run(links, link, lane).await,
                        Err(error) => tracing::debug!("bulk lane of link {link}: {error}"),
                    }
                }
            });
            links.keep_bulk(link, task);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::runtime::Runtime;
    use super::*;

    #[test]
    fn a_taken_port_leads_to_a_free_one() {
        let runtime = Runtime::start().unwrap();
        let reactor = runtime.spawner().reactor().clone();
        let first = listen(&reactor, 0, true).unwrap();
        assert!(!first.moved);
        let second = listen(&reactor, first.port, true).unwrap();
        assert!(second.moved);
        assert_ne!(second.port, first.port);
    }
}
