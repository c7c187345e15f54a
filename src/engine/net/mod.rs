//! The network: datagrams of discovery and encrypted links. Decides nothing that the core can.
//!
//! [`Net`] is the driver's handle. [`interfaces`] lists what there is, [`udp`] carries discovery,
//! `listener` and `dialer` make lanes, two of which are a [`link`]: `control` and [`bulk`].

pub mod assembly;
pub mod bulk;
mod control;
mod dialer;
pub mod event;
mod frames;
pub mod gate;
pub mod interfaces;
mod lane;
pub mod link;
mod listener;
mod pace;
pub mod reactor;
pub mod runtime;
mod scan;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod udp;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ed25519_dalek::SigningKey;

use crate::api::{InterfaceChoice, InterfaceReport, LinkReport, WarningKind};
use crate::core::ids::{ChunkIndex, DeviceId, DialId, LinkId, SessionId, SetId};
use crate::core::io::Target;
use assembly::{AssemblyLimits, ChunkLengths};
use bulk::Outgoing;
use event::{Sink, warning};
use gate::{Gate, GateLimits};
use link::{Links, Timing};
use runtime::{Runtime, Spawner};
use scan::Scanner;
use tls::Tls;
use udp::Udp;

/// How the network is set up.
pub struct NetConfig {
    /// The device's key.
    pub key: SigningKey,
    /// UDP port of discovery, and first choice for TCP.
    pub port: u16,
    /// Which interfaces are used.
    pub interfaces: InterfaceChoice,
    /// Tells how long chunks are.
    pub chunks: Arc<dyn ChunkLengths>,
    /// Times of links.
    pub timing: Timing,
    /// Rations of unfinished connections.
    pub gate: GateLimits,
}

/// Why the network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The port of discovery belongs to another program.
    #[error("cannot listen on UDP port {port}: {source}")]
    Udp {
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// No port of TCP can be had, or the system refuses threads.
    #[error("cannot use the network: {0}")]
    System(#[from] io::Error),
    /// The device's key is not usable.
    #[error("cannot encrypt with the device's key: {0}")]
    Key(#[from] rustls::Error),
}

/// The running network.
pub struct Net {
    runtime: Runtime,
    links: Arc<Links>,
    scanner: Arc<Scanner>,
    port: u16,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Net(port {}, {} links)", self.port, self.links.count())
    }
}

impl Net {
    /// Starts to listen. The interfaces, and everything after, go to `sink`.
    pub fn start(config: NetConfig, sink: &Sink) -> Result<Self, NetError> {
        let port = config.port;
        Udp::probe(port).map_err(|source| NetError::Udp { port, source })?;
        let runtime = Runtime::start()?;
        let spawner = runtime.spawner();
        let links = Links::new(
            DeviceId(config.key.verifying_key().to_bytes()),
            Tls::new(&config.key)?,
            sink.clone(),
            spawner.clone(),
            config.chunks,
            (
                config.timing,
                Gate::new(config.gate),
                AssemblyLimits::default(),
            ),
        );
        let listeners = listener::listen(
            spawner.reactor(),
            port,
            interfaces::only_loopback(&config.interfaces),
        )?;
        let tcp_port = listeners.port;
        if listeners.moved {
            let text = format!(
                "TCP port {port} is in use on this computer; links are accepted on port {tcp_port} \
                 instead. If a firewall is on, allow that port too, or stop the other program."
            );
            sink(warning(WarningKind::PortTaken, text));
        }
        links.port.store(tcp_port, Ordering::Relaxed);
        let udp = Udp::new(port, sink.clone(), spawner);
        let scanner = Scanner::start(config.interfaces, udp, links.clone());
        listeners.start(&links, &scanner.own_addresses());
        Ok(Self {
            runtime,
            links,
            scanner,
            port: tcp_port,
        })
    }

    /// TCP port on which links are accepted.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where tasks are started beside those of the network.
    pub fn spawner(&self) -> &Spawner {
        &self.links.spawner
    }

    /// Sends a datagram.
    pub fn send_datagram(&self, to: &Target, bytes: &[u8]) {
        self.scanner.send(to, bytes);
    }

    /// Connects; answered by `LinkUp` or `DialFailed`.
    pub fn dial(&self, dial: DialId, address: SocketAddr, expect: Option<DeviceId>) {
        let addresses = dialer::with_scopes(address, &self.scanner.indexes());
        let work = dialer::dial(self.links.clone(), dial, addresses, expect);
        self.links.keep(self.links.spawner.spawn(work));
    }

    /// Queues a control frame.
    pub fn send(&self, link: LinkId, bytes: Vec<u8>) {
        self.links.send(link, bytes);
    }

    /// Queues a record; answered by `RecordSent`.
    pub fn send_record(&self, link: LinkId, record: Outgoing) {
        if let Err(record) = self.links.send_record(link, record) {
            self.links.tell(record.outcome(link, false));
        }
    }

    /// Drops what came of a chunk on a link: the rest is no longer expected.
    pub fn forget(&self, link: LinkId, session: SessionId, set: SetId, chunk: ChunkIndex) {
        self.links.forget(link, (session, set, chunk));
    }

    /// Closes a link once what is queued has left; answered by `LinkDown`.
    pub fn close(&self, link: LinkId) {
        self.links.close(link);
    }

    /// Keeps room for connections from this address, which a member of a session has.
    pub fn add_member(&self, address: IpAddr) {
        self.links.gate.add_member(address);
    }

    /// Every interface and what it did.
    pub fn interfaces(&self) -> Vec<InterfaceReport> {
        self.scanner.report()
    }

    /// Every link.
    pub fn links(&self) -> Vec<LinkReport> {
        self.links.report()
    }

    /// Closes every link, within the time for goodbyes, and ends the threads.
    pub fn stop(&self) {
        smol::future::block_on(self.links.close_all());
        self.scanner.stop();
        self.runtime.stop();
    }
}
