//! One encrypted connection: how it is made, and the first frame of each side.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_rustls::TlsStream;
use mio::net::TcpStream;
use serde::Deserialize;

use super::frames::{read_frame, write_control};
use super::reactor::{Io, Reactor};
use super::stream::{self, Stream};
use super::tls::{Tls, device_of};
use crate::core::ids::DeviceId;
use crate::core::wire::MAJOR;
use crate::core::wire::control::{ByeCode, Control, Greeting};
use crate::core::wire::frame::{FrameError, FrameKind, MAX_GREETING};
use crate::platform::network::tune_link;

/// Raw bytes that may come until the greeting has: the handshake takes some hundred beside it.
const MAX_BEFORE_GREETING: usize = MAX_GREETING + 2 * 1024;

/// Why a connection did not come about, or ended.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The system says so.
    #[error("the connection failed: {0}")]
    Io(io::Error),
    /// It ended before the other side had greeted.
    #[error("the other side closed the connection at once; it may be busy")]
    Refused,
    /// It took too long.
    #[error(
        "no answer within {} s; is the machine on, and does its firewall let Handout through?",
        .0.as_secs_f32()
    )]
    Timeout(Duration),
    /// Something that is not Handout, or a broken one.
    #[error("the other side does not speak Handout's encryption: {0}")]
    Tls(String),
    /// Another device than expected.
    #[error("another device answers there: {found} instead of {expected}")]
    NotExpected {
        /// Who should be there.
        expected: DeviceId,
        /// Who is.
        found: DeviceId,
    },
    /// The device itself.
    #[error("this is the own device")]
    Itself,
    /// Another major version.
    #[error(
        "the other side speaks version {theirs} of the protocol, this program version {MAJOR}: \
         update the older program"
    )]
    OtherVersion {
        /// The other side's version.
        theirs: u64,
    },
    /// The first frame is no greeting.
    #[error("the other side did not greet: {0}")]
    BadGreeting(String),
    /// The other side said goodbye instead of greeting.
    #[error("the other side declined: {0}")]
    Declined(String),
    /// A frame that cannot be.
    #[error("the other side broke the protocol: {0}")]
    Frame(#[from] FrameError),
}

impl From<io::Error> for LaneError {
    fn from(error: io::Error) -> Self {
        match error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            Some(tls) => Self::Tls(tls.to_string()),
            None if is_end(error.kind()) => Self::Refused,
            None => Self::Io(error),
        }
    }
}

fn is_end(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        kind,
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
    )
}

/// An encrypted connection with a known device at its other end.
#[derive(Debug)]
pub struct Lane {
    /// The connection.
    pub stream: TlsStream<Stream>,
    /// Who is at the other end.
    pub peer: DeviceId,
}

impl Lane {
    /// Encrypts a connection that was accepted.
    pub async fn accept(tls: &Tls, tcp: Io<TcpStream>) -> Result<Self, LaneError> {
        let stream = tls.acceptor.accept(rationed(tcp)?).await?;
        Self::new(stream.into())
    }

    /// Encrypts a connection that was made.
    pub async fn connect(tls: &Tls, tcp: Io<TcpStream>) -> Result<Self, LaneError> {
        let stream = tls
            .connector
            .connect(Tls::server_name(), rationed(tcp)?)
            .await?;
        Self::new(stream.into())
    }

    fn new(stream: TlsStream<Stream>) -> Result<Self, LaneError> {
        let (_, session) = stream.get_ref();
        let peer = session
            .peer_certificates()
            .and_then(|keys| keys.first())
            .and_then(|key| device_of(key))
            .ok_or_else(|| LaneError::Tls("it proved no device key".to_owned()))?;
        Ok(Self { stream, peer })
    }

    /// Reads the other side's greeting.
    pub async fn read_greeting(&mut self) -> Result<Greeting, LaneError> {
        let (kind, json) = read_frame(&mut self.stream, MAX_GREETING).await?;
        if kind != FrameKind::Control {
            return Err(LaneError::BadGreeting("a record came first".to_owned()));
        }
        let greeting = parse_greeting(&json)?;
        self.stream.get_mut().0.lift();
        Ok(greeting)
    }

    /// Tells the other side that it speaks another version, if that is what is wrong. `own` is the
    /// greeting, unless it was sent already: the other side should learn which version it met.
    pub async fn decline(&mut self, error: &LaneError, own: Option<&Greeting>) {
        let LaneError::OtherVersion { .. } = error else {
            return;
        };
        if let Some(own) = own
            && self.write_greeting(own).await.is_err()
        {
            return;
        }
        let text = format!("this program speaks version {MAJOR} of the protocol");
        self.say_goodbye(ByeCode::OtherVersion, text).await;
    }

    /// Greets the other side.
    pub async fn write_greeting(&mut self, greeting: &Greeting) -> Result<(), LaneError> {
        let json = serde_json::to_vec(greeting).expect("a greeting serialises");
        Ok(write_control(&mut self.stream, &json).await?)
    }

    /// Says why the connection ends, as far as the other side still listens.
    pub async fn say_goodbye(&mut self, code: ByeCode, text: String) {
        use futures_lite::AsyncWriteExt as _;
        let bye = Control::Bye { code, text }.encode();
        if write_control(&mut self.stream, &bye).await.is_ok() {
            let _ = self.stream.close().await;
            // Unread bytes would make the system take the goodbye back: read until the other side
            // ends too. Every caller has a time limit.
            let mut rest = [0; 1024];
            while let Ok(1..) = futures_lite::AsyncReadExt::read(&mut self.stream, &mut rest).await
            {
            }
        }
    }
}

fn rationed(tcp: Io<TcpStream>) -> io::Result<Stream> {
    Stream::new(tcp, MAX_BEFORE_GREETING)
}

/// Connects to an address.
pub async fn open_tcp(
    reactor: &Arc<Reactor>,
    address: std::net::SocketAddr,
    silence: Duration,
) -> io::Result<Io<TcpStream>> {
    let tcp = stream::connect(reactor, address).await?;
    tune_link(tcp.get_ref(), silence);
    Ok(tcp)
}

#[derive(Deserialize)]
struct MajorOnly {
    major: u64,
}

fn parse_greeting(json: &[u8]) -> Result<Greeting, LaneError> {
    // The version comes first: a greeting of another one may be of any form.
    match serde_json::from_slice::<MajorOnly>(json) {
        Ok(MajorOnly { major }) if major != u64::from(MAJOR) => {
            Err(LaneError::OtherVersion { theirs: major })
        }
        Ok(_) => {
            serde_json::from_slice(json).map_err(|error| LaneError::BadGreeting(error.to_string()))
        }
        Err(error) => Err(match Control::decode(json) {
            Ok(Control::Bye { text, code }) => LaneError::Declined(if text.is_empty() {
                format!("{code:?}")
            } else {
                text
            }),
            _ => LaneError::BadGreeting(error.to_string()),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::core::wire::control::Lane as LaneKind;

    #[test]
    fn a_greeting_of_this_version_is_read() {
        let greeting = Greeting {
            major: MAJOR,
            minor: 9,
            features: 0,
            lane: LaneKind::Bulk,
            port: 7,
            link: crate::core::wire::statements::LinkKind::Wired,
        };
        let mut json = serde_json::to_value(&greeting).unwrap();
        json["later"] = true.into();
        assert_eq!(
            parse_greeting(json.to_string().as_bytes()).unwrap(),
            greeting
        );
    }

    #[test]
    fn another_version_is_told_from_garbage_and_from_a_goodbye() {
        let other = parse_greeting(br#"{"major":7,"everything":"else"}"#);
        assert!(matches!(other, Err(LaneError::OtherVersion { theirs: 7 })));
        assert!(matches!(
            parse_greeting(b"GET /"),
            Err(LaneError::BadGreeting(_))
        ));
        let bye = parse_greeting(br#"{"t":"bye","code":"busy","text":"later"}"#);
        assert_eq!(
            bye.unwrap_err().to_string(),
            "the other side declined: later"
        );
    }
}
