//! The portable way: names, and doing without.

use std::io;
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::Socket;

use super::{Nature, nature_of_name};
use crate::core::wire::statements::LinkKind;

/// Whether discovery uses an interface by itself.
pub fn nature(name: &str) -> Nature {
    nature_of_name(name)
}

/// How an interface is connected.
pub fn kind(_name: &str) -> LinkKind {
    LinkKind::Unknown
}

/// Names of interfaces that may have no address, as far as the system tells.
pub fn names() -> Vec<String> {
    Vec::new()
}

/// Makes a socket send and hear on one interface only. `false` where that is not possible.
pub fn bind_to_interface(_socket: &Socket, _name: &str) -> bool {
    false
}

/// Makes a connection notice within `silence` that the other side is gone.
pub fn tune_link(_stream: &TcpStream, _silence: Duration) {}

/// Keeps at most about `bytes` of unsent data in the system.
pub fn keep_unsent(_stream: &TcpStream, _bytes: u32) {}

/// Keeps at most about `bytes` in the system that the other side has not confirmed.
pub fn keep_unconfirmed(_stream: &TcpStream, _bytes: u32) {}

/// Whether a connection has sent nearly all that it was given: taken for granted.
pub fn takes_more(_stream: &TcpStream) -> bool {
    true
}

/// Allows as many open files as the system's administrator does.
pub fn raise_open_files() {}

/// Tells when interfaces or addresses may have changed. Without it they are looked at regularly.
#[derive(Debug)]
pub struct ChangeWatch(std::convert::Infallible);

impl ChangeWatch {
    /// Starts to watch.
    pub fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes what was told.
    pub fn heard(&self) -> io::Result<()> {
        match self.0 {}
    }
}

impl Source for ChangeWatch {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doing_without_is_no_error() {
        let socket =
            Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("socket");
        assert!(!bind_to_interface(&socket, "eth0"));
        assert!(ChangeWatch::open().is_err());
        assert!(names().is_empty());
        assert_eq!(kind("eth0"), LinkKind::Unknown);
        assert_eq!(nature("wg0"), Nature::Virtual);
        raise_open_files();
    }
}
