//! Frames on a link: `length u32 BE | kind u8 | payload`, the length counting kind and payload.

use crate::core::ids::{ChunkIndex, SessionId, SetId};

/// The longest control frame, in bytes of payload.
pub const MAX_CONTROL: usize = 256 * 1024;
/// The longest control frame before both sides have greeted.
pub const MAX_GREETING: usize = 4 * 1024;
/// The most payload that one bulk record carries.
pub const MAX_RECORD: usize = 64 * 1024;
/// Length of the prefix: length and kind.
pub const PREFIX: usize = 5;
/// Length of a bulk record's header.
pub const RECORD_HEADER: usize = 41;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A greeting, or a control message in either form.
    Control = 1,
    /// A record of a chunk: [`RecordHeader`] and bytes.
    Record = 2,
}

/// A frame that cannot be on this link; the link is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A kind that this major version does not have.
    #[error("a frame of kind {0} is not part of this protocol")]
    UnknownKind(u8),
    /// A length beyond the limit of its kind.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Announced length of the payload.
        length: usize,
        /// The limit of its kind.
        limit: usize,
    },
    /// A record without a whole header.
    #[error("a record of {0} bytes has no room for its header")]
    ShortRecord(usize),
}

/// The prefix of a frame.
pub fn encode_prefix(kind: FrameKind, payload: usize) -> [u8; PREFIX] {
    let length = u32::try_from(payload + 1).expect("payloads are far below 4 GiB");
    let [a, b, c, d] = length.to_be_bytes();
    [a, b, c, d, kind as u8]
}

/// Reads a prefix; gives kind and length of the payload, within the limits. `limit` is
/// [`MAX_GREETING`] until both sides have greeted, [`MAX_CONTROL`] after that.
pub fn decode_prefix(prefix: [u8; PREFIX], limit: usize) -> Result<(FrameKind, usize), FrameError> {
    let [a, b, c, d, kind] = prefix;
    let length = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(1);
    let (kind, limit) = match kind {
        1 => (FrameKind::Control, limit),
        2 => (FrameKind::Record, RECORD_HEADER + MAX_RECORD),
        other => return Err(FrameError::UnknownKind(other)),
    };
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    if kind == FrameKind::Record && length < RECORD_HEADER {
        return Err(FrameError::ShortRecord(length));
    }
    Ok((kind, length))
}

/// The head of a bulk record. Its payload's length follows from the frame's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHeader {
    /// The session.
    pub session: SessionId,
    /// The set.
    pub set: SetId,
    /// The chunk.
    pub chunk: ChunkIndex,
    /// Where in the chunk the payload starts, in bytes.
    pub offset: u32,
    /// The receiver was not asked: it is made the chunk's owner.
    pub owner: bool,
}

impl RecordHeader {
    /// The header's bytes: session 16 | set 16 | chunk u32 BE | offset u32 BE | flags u8.
    pub fn encode(&self) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..16].copy_from_slice(&self.session.0);
        bytes[16..32].copy_from_slice(&self.set.0);
        bytes[32..36].copy_from_slice(&self.chunk.0.to_be_bytes());
        bytes[36..40].copy_from_slice(&self.offset.to_be_bytes());
        bytes[40] = u8::from(self.owner);
        bytes
    }

    /// Reads the header. Unknown flags are ignored.
    pub fn decode(bytes: &[u8; RECORD_HEADER]) -> Self {
        let number = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let id = |at: usize| {
            let mut id = [0; 16];
            id.copy_from_slice(&bytes[at..at + 16]);
            id
        };
        Self {
            session: SessionId(id(0)),
            set: SetId(id(16)),
            chunk: ChunkIndex(number(32)),
            offset: number(36),
            owner: bytes[40] & 1 == 1,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_header_survives_its_bytes(
            session: [u8; 16], set: [u8; 16], chunk: u32, offset: u32, owner: bool,
        ) {
            let header = RecordHeader {
                session: SessionId(session),
                set: SetId(set),
                chunk: ChunkIndex(chunk),
                offset,
                owner,
            };
            prop_assert_eq!(RecordHeader::decode(&header.encode()), header);
        }

        #[test]
        fn no_prefix_asks_for_more_than_the_limit(prefix: [u8; 5]) {
            if let Ok((_, length)) = decode_prefix(prefix, MAX_CONTROL) {
                prop_assert!(length <= MAX_CONTROL);
            }
        }
    }

    #[test]
    fn a_prefix_counts_kind_and_payload() {
        let prefix = encode_prefix(FrameKind::Control, 300);
        assert_eq!(prefix, [0, 0, 1, 45, 1]);
        assert_eq!(
            decode_prefix(prefix, MAX_CONTROL),
            Ok((FrameKind::Control, 300))
        );
        assert!(decode_prefix(prefix, 200).is_err());
    }
}
