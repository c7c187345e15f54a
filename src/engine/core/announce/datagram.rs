//! The form of a datagram.
//!
//! ```text
//! offset  bytes
//!      0      4  "HDO1"
//!      4      1  major version
//!      5      1  minor version
//!      6      1  kind: 1 announcement, 2 ask; others are ignored
//!      7      1  hops: how often it was passed on, at most 3
//!      8      2  TCP port of the device that sends this datagram, big-endian
//!     10     32  device id of that device: a hint that nobody signed
//!     42      4  features of that device, big-endian, one bit each
//!     46      …  body
//! ```
//! An announcement's body is three signed statements, one after the other: certificate, grant
//! and announce. Each is a signature of 64 bytes, a big-endian length of 2 bytes and the signed
//! JSON itself. What follows the third is of a later minor version: passed on, not read. The body
//! of an ask is JSON: `{}`, or `{"s": session id}`.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::core::ids::{DeviceId, SessionId};
use crate::core::signed::Signed;
use crate::core::wire::statements::Authority;
use crate::core::wire::{MAJOR, MINOR};

/// Longest datagram in bytes: it fits one frame on every link, so that it is never fragmented.
pub const MAX_DATAGRAM: usize = 1_200;

/// How often a datagram is passed on at most.
pub(super) const MAX_HOPS: u8 = 3;

const MAGIC: &[u8; 4] = b"HDO1";
const HEADER: usize = 46;
const KIND_ANNOUNCE: u8 = 1;
const KIND_ASK: u8 = 2;

/// What the sender of a datagram says of itself. Nobody signed it: it is a hint for dialling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Minor version of the protocol.
    pub minor: u8,
    /// How often it was passed on.
    pub hop: u8,
    /// TCP port of the sender.
    pub port: u16,
    /// The sender's device.
    pub sender: DeviceId,
    /// The sender's features.
    pub features: u32,
}

impl Header {
    /// The header of a datagram that starts here.
    pub const fn own(port: u16, sender: DeviceId, features: u32) -> Self {
        Self {
            minor: MINOR,
            hop: 0,
            port,
            sender,
            features,
        }
    }
}

/// A session's announcement and the proof of its key, as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Certificate and grant.
    pub authority: Authority,
    /// A signed [`crate::core::wire::statements::Announce`].
    pub announce: Signed,
}

/// What a datagram is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one call, and nearly all are announcements"
)]
pub enum Body {
    /// A session is there.
    Announcement(Announcement),
    /// "Who has a session? Dial me back."
    Ask {
        /// This session only.
        session: Option<SessionId>,
    },
}

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub header: Header,
    /// What it is about.
    pub body: Body,
}

#[derive(Serialize, Deserialize)]
struct AskBody {
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

impl Datagram {
    /// The bytes to send.
    ///
    /// An announcement of statements within their limits never exceeds [`MAX_DATAGRAM`]; `None`
    /// means that a title or a name is longer than allowed.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let (kind, body) = match &self.body {
            Body::Announcement(announcement) => {
                let Authority { certificate, grant } = &announcement.authority;
                let mut body = Vec::with_capacity(MAX_DATAGRAM);
                for signed in [certificate, grant, &announcement.announce] {
                    body.extend_from_slice(&signed.signature);
                    body.extend_from_slice(&u16::try_from(signed.body.len()).ok()?.to_be_bytes());
                    body.extend_from_slice(&signed.body);
                }
                (KIND_ANNOUNCE, body)
            }
            Body::Ask { session } => {
                let body = serde_json::to_vec(&AskBody { session: *session })
                    .expect("an ask has nothing that does not serialise");
                (KIND_ASK, body)
            }
        };
        let bytes = [&write_header(&self.header, kind)[..], &body].concat();
        (bytes.len() <= MAX_DATAGRAM).then_some(bytes)
    }

    /// Reads a datagram. No signature is checked.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let (header, kind, body) = read_header(bytes)?;
        let body = match kind {
            KIND_ANNOUNCE => Body::Announcement(read_announcement(body)?),
            KIND_ASK => {
                let ask: AskBody =
                    serde_json::from_slice(body).map_err(|_| Refusal::Garbled("ask"))?;
                Body::Ask {
                    session: ask.session,
                }
            }
            kind => return Err(Refusal::UnknownKind(kind)),
        };
        Ok(Self { header, body })
    }
}

/// A datagram that was heard, to be passed on by the device of `own`: one hop more, the own
/// address as the hint, the body untouched, also where it is of a later version. `None` if it has
/// come far enough.
pub fn relayed(bytes: &[u8], own: Header) -> Option<Vec<u8>> {
    let (heard, kind, body) = read_header(bytes).ok()?;
    let hop = heard.hop + 1;
    let header = Header {
        minor: heard.minor,
        hop,
        ..own
    };
    (hop <= MAX_HOPS).then(|| [&write_header(&header, kind)[..], body].concat())
}

fn write_header(header: &Header, kind: u8) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..4].copy_from_slice(MAGIC);
    out[4..8].copy_from_slice(&[MAJOR, header.minor, kind, header.hop]);
    out[8..10].copy_from_slice(&header.port.to_be_bytes());
    out[10..42].copy_from_slice(&header.sender.0);
    out[42..].copy_from_slice(&header.features.to_be_bytes());
    out
}

fn read_header(bytes: &[u8]) -> Result<(Header, u8, &[u8]), Refusal> {
    if !bytes.starts_with(MAGIC) {
        return Err(Refusal::Foreign);
    }
    let mut rest = &bytes[MAGIC.len()..];
    let [major, minor, kind, hop] = take(&mut rest)?;
    if major != MAJOR {
        return Err(Refusal::OtherVersion { theirs: major });
    }
    let header = Header {
        minor,
        hop,
        port: u16::from_be_bytes(take(&mut rest)?),
        sender: DeviceId(take(&mut rest)?),
        features: u32::from_be_bytes(take(&mut rest)?),
    };
    if bytes.len() > MAX_DATAGRAM {
        return Err(Refusal::TooLong(bytes.len()));
    }
    if hop > MAX_HOPS {
        return Err(Refusal::TooManyHops(hop));
    }
    Ok((header, kind, rest))
}

fn read_announcement(mut body: &[u8]) -> Result<Announcement, Refusal> {
    let certificate = read_signed(&mut body)?;
    let grant = read_signed(&mut body)?;
    let announce = read_signed(&mut body)?;
    Ok(Announcement {
        authority: Authority { certificate, grant },
        announce,
    })
}

fn read_signed(rest: &mut &[u8]) -> Result<Signed, Refusal> {
    let signature = take(rest)?;
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let (body, after) = rest
        .split_at_checked(length)
        .ok_or(Refusal::Garbled("announcement"))?;
    *rest = after;
    Ok(Signed {
        body: body.to_vec(),
        signature,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (head, after) = rest
        .split_first_chunk()
        .ok_or(Refusal::Garbled("datagram"))?;
    *rest = after;
    Ok(*head)
}

#[cfg(test)]
#[path = "datagram_tests.rs"]
mod tests;
