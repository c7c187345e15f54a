//! Control messages: JSON objects with their kind in `t`; those that every chunk needs are said [shorter](super::short).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use super::short;
use super::statements::{Authority, LinkKind, PageKind};
use crate::core::ids::{AuthorId, ChunkIndex, Nonce, Seq, SessionId, SetId};
use crate::core::signed::Signed;

/// The first frame of each side on each lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// Feature bits.
    #[serde(default)]
    pub features: u32,
    /// What this connection is for.
    pub lane: Lane,
    /// TCP port on which the sender accepts links, 0 for none.
    #[serde(default)]
    pub port: u16,
    /// How the sender is connected.
    #[serde(default)]
    pub link: LinkKind,
}

/// What one of the two connections of a pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Control messages.
    Control,
    /// Records.
    Bulk,
}

/// A control message. Every one names its session, apart from those about the link itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub enum Control {
    /// The sender will close the link.
    Bye {
        /// Why.
        code: ByeCode,
        /// The same for people.
        #[serde(default)]
        text: String,
    },
    /// Is the link alive? Answered by `pong`.
    Ping,
    /// The link is alive.
    Pong,
    /// The sender takes part in a session, or wants to.
    Enter {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The sender's token, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Signed>,
        /// The proof of the session that the sender goes by, if it knows one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<Authority>,
        /// The session's title.
        #[serde(default)]
        title: String,
        /// A challenge to the teacher's device.
        nonce: Nonce,
    },
    /// The teacher's device answers a nonce with a signed [`super::statements::Fresh`].
    Fresh {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The signed answer.
        proof: Signed,
    },
    /// A signed [`super::statements::Join`], passed on towards the teacher.
    Join {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The signed request.
        join: Signed,
        /// How many have passed it on, at most 8.
        #[serde(default)]
        hops: u8,
    },
    /// The teacher's device answers a request that has not proven the PIN; passed on to who asked.
    Pin {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// A signed [`super::statements::PinAnswer`].
        answer: Signed,
    },
    /// The teacher is away and the session is open: take part as a guest until it is back.
    Guest {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
    },
    /// The teacher does not admit a device.
    Denied {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// Why.
        why: DenyReason,
    },
    /// Members that the receiver may not know; passed on to neighbours.
    Members {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// At most 64.
        members: Vec<Member>,
    },
    /// Entries of logs, in order for each author; new ones are passed on to neighbours.
    Entries {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The signed entries.
        entries: Vec<Signed>,
    },
    /// What the sender has of each log: author to highest number without a gap.
    Digest {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// Highest numbers.
        heads: BTreeMap<AuthorId, Seq>,
        /// Number of members that the sender knows, and of their contacts.
        #[serde(default)]
        members: u32,
    },
    /// The sender lacks entries.
    Lack {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// Whose.
        author: AuthorId,
        /// From this number.
        from: Seq,
    },
    /// The sender lacks members.
    LackMembers {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
    },
    /// A signed [`super::statements::Tick`].
    Tick {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The signed tick.
        tick: Signed,
        /// How many have passed it on: the way to the teacher.
        hops: u8,
    },
    /// Signed [`super::statements::Status`]es on their way to the teacher.
    Status {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The signed statuses.
        list: Vec<Signed>,
    },
    /// The sender has pages of a manifest: the first so many of each kind.
    PagesHere {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// Pages of the file list.
        files: u32,
        /// Pages of chunk hashes.
        hashes: u32,
        /// The final page.
        #[serde(rename = "final")]
        last: bool,
    },
    /// The sender wants a page.
    PageWanted {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// Which kind.
        kind: PageKind,
        /// Which of them.
        number: u32,
    },
    /// A page, signed.
    Page {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The signed page.
        page: Signed,
    },
    /// The sender has these chunks, verified.
    Have {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunks.
        #[serde(rename = "c")]
        chunks: Ranges,
        /// It is their owner: the teacher gave them to it first.
        #[serde(rename = "o", default)]
        owner: bool,
        /// It has every chunk of the set.
        #[serde(rename = "all", default)]
        all: bool,
    },
    /// The sender no longer has these chunks.
    Lost {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunks.
        #[serde(rename = "c")]
        chunks: Ranges,
    },
    /// The sender wants these chunks from the receiver.
    Request {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunks.
        #[serde(rename = "c")]
        chunks: Ranges,
    },
    /// The sender no longer wants these chunks from the receiver.
    Cancel {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunks.
        #[serde(rename = "c")]
        chunks: Ranges,
    },
    /// The sender will not send a requested chunk.
    Reject {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunk.
        #[serde(rename = "c")]
        chunk: ChunkIndex,
        /// Why.
        why: RejectReason,
    },
    /// The receiver may push so many bytes of its owned chunks unasked.
    Credit {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// Bytes, added to what is left.
        bytes: u32,
    },
    /// The owner has passed on what it was given and can take more.
    Ready {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunks that are passed on since it last said so, of those the receiver gave.
        #[serde(rename = "c")]
        chunks: Ranges,
    },
    /// Of the teacher: whether the air of Wi-Fi cells is to be spared in a set.
    Air {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set.
        set: SetId,
        /// Nothing is to be asked of wireless peers.
        spare: bool,
        /// The receiver may ask the teacher like others, from this chunk on; absent for those who
        /// ask it last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begin: Option<ChunkIndex>,
    },
    /// A set is not wanted, or no longer.
    Leave {
        /// The session.
        #[serde(rename = "s")]
        session: SessionId,
        /// The set; absent for the whole session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<SetId>,
    },
    /// A kind of a later version: ignored.
    #[serde(other)]
    Unknown,
}

/// A control message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not JSON, or not that of a message.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Not a message in the short form.
    #[error(transparent)]
    Short(#[from] short::ShortError),
}

/// A member: its token and where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// A signed [`super::statements::Token`].
    pub token: Signed,
    /// A signed [`super::statements::Contact`], once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Signed>,
}

impl Member {
    /// Bytes of what was signed.
    pub fn size(&self) -> usize {
        let contact = self.contact.as_ref();
        self.token.body.len() + contact.map_or(0, |contact| contact.body.len())
    }
}

/// Why a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByeCode {
    /// The program ends or the person leaves.
    Leaving,
    /// Another link between the two stays.
    Duplicate,
    /// The receiver speaks another major version.
    OtherVersion,
    /// The receiver broke the protocol.
    Misbehaved,
    /// Too many links.
    Busy,
    /// Nothing in common any more.
    Idle,
    /// A reason of a later version.
    #[serde(other)]
    Unknown,
}

/// Why the teacher does not admit a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    /// A PIN has to be proven first.
    PinNeeded,
    /// The session is full.
    Full,
    /// The teacher removed the device.
    Removed,
    /// A reason of a later version.
    #[serde(other)]
    Unknown,
}

/// Why a chunk is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// The sender does not have it.
    Missing,
    /// The sender has too many requests.
    Busy,
    /// A reason of a later version.
    #[serde(other)]
    Unknown,
}

impl Control {
    /// The session that the message is about.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Bye { .. } | Self::Ping | Self::Pong | Self::Unknown => None,
            Self::Enter { session, .. }
            | Self::Fresh { session, .. }
            | Self::Join { session, .. }
            | Self::Pin { session, .. }
            | Self::Guest { session }
            | Self::Denied { session, .. }
            | Self::Members { session, .. }
            | Self::Entries { session, .. }
            | Self::Digest { session, .. }
            | Self::Lack { session, .. }
            | Self::LackMembers { session }
            | Self::Tick { session, .. }
            | Self::Status { session, .. }
            | Self::PagesHere { session, .. }
            | Self::PageWanted { session, .. }
            | Self::Page { session, .. }
            | Self::Have { session, .. }
            | Self::Lost { session, .. }
            | Self::Request { session, .. }
            | Self::Cancel { session, .. }
            | Self::Reject { session, .. }
            | Self::Credit { session, .. }
            | Self::Ready { session, .. }
            | Self::Air { session, .. }
            | Self::Leave { session, .. } => Some(*session),
        }
    }

    /// The short form of a message that has one, the JSON of others.
    pub fn encode(&self) -> Vec<u8> {
        let json = || serde_json::to_vec(self);
        short::encode(self)
            .map_or_else(json, Ok)
            .expect("control messages have string keys and serialise")
    }

    /// Reads a message in either form; a kind of a later version becomes [`Control::Unknown`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        if short::is_short(bytes) {
            return Ok(short::decode(bytes)?);
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_json() {
        let message = Control::Have {
            session: SessionId([1; 16]),
            set: SetId([2; 16]),
            chunks: Ranges(vec![(0, 4), (9, 9)]),
            owner: true,
            all: false,
        };
        assert_eq!(Control::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn a_kind_of_a_later_version_is_no_error() {
        let json = br#"{"t":"hologram","s":"AAAAAAAAAAAAAAAAAAAAAA","x":[1,2]}"#;
        assert_eq!(Control::decode(json).unwrap(), Control::Unknown);
    }

    #[test]
    fn an_unknown_field_is_ignored() {
        let json = br#"{"t":"ping","later":true}"#;
        assert_eq!(Control::decode(json).unwrap(), Control::Ping);
    }
}
