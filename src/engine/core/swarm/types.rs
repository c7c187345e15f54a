//! What the swarm is told and what it answers.

use crate::core::ids::{ChunkIndex, DeviceId, LinkId, SessionId, SetId};
use crate::core::wire::control::Control;
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::ranges::Ranges;

/// Limits that a person or an institution sets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SwarmLimits {
    /// Sending rate over all links, in bytes per second; `None` for as fast as it goes.
    pub upload_limit: Option<u64>,
}

/// A set that is offered or received.
#[derive(Debug, Clone)]
pub struct SetSpec {
    /// The session.
    pub session: SessionId,
    /// The set.
    pub set: SetId,
    /// Sets go one after the other, lower first; equal ones in the order of opening.
    pub priority: u64,
    /// Sizes of its chunks.
    pub sizes: ChunkSizes,
    /// This device is the source: it has every chunk and gives each to one owner.
    pub source: bool,
    /// Chunks that are verified here already. A source has all of them.
    pub have: Ranges,
    /// Chunks below this number have a known hash: see [`super::Swarm::hashes_known`].
    pub hashes: u32,
}

/// Sizes of the chunks of a set: all alike, but for the last ones of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkSizes {
    /// Size of an ordinary chunk in bytes.
    pub chunk_size: u32,
    /// Number of chunks.
    pub count: u32,
    /// The chunks that are smaller, with their size in bytes, in order.
    pub short: Vec<(u32, u32)>,
}

impl ChunkSizes {
    /// Sizes in one run of `bytes` bytes without file boundaries.
    pub fn run(bytes: u64, chunk_size: u32) -> Self {
        let size = u64::from(chunk_size.max(1));
        let count = u32::try_from(bytes.div_ceil(size)).unwrap_or(u32::MAX);
        let rest = u32::try_from(bytes % size).unwrap_or(0);
        let short = (rest > 0).then(|| (count - 1, rest));
        Self {
            chunk_size,
            count,
            short: short.into_iter().collect(),
        }
    }

    /// Size of one chunk in bytes.
    pub fn of(&self, chunk: u32) -> u32 {
        self.short
            .binary_search_by_key(&chunk, |&(number, _)| number)
            .map_or(self.chunk_size, |at| self.short[at].1)
    }

    /// Sum of all sizes in bytes.
    pub fn total(&self) -> u64 {
        let missing = |&(_, size): &(u32, u32)| u64::from(self.chunk_size.saturating_sub(size));
        let full = u64::from(self.chunk_size) * u64::from(self.count);
        full.saturating_sub(self.short.iter().map(missing).sum())
    }
}

/// What the swarm wants done or known.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // short-lived: polled and sent on at once
pub enum SwarmOutput {
    /// Send a control message.
    Control {
        /// On this link.
        link: LinkId,
        /// The message.
        message: Control,
    },
    /// Read a part of a chunk and send it on the bulk lane; answered by
    /// [`super::Swarm::record_sent`] when it has left.
    Record {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Its payload in bytes.
        length: u32,
    },
    /// The rest of a chunk is no longer expected on this link: what came of it can be dropped.
    Forget {
        /// The link.
        link: LinkId,
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunk.
        chunk: ChunkIndex,
    },
    /// Every chunk is verified here.
    Complete {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
    },
    /// At the source: every chunk is verified at some other device, so the source may go away.
    OneCopyOut {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
    },
    /// A device sent a wrong chunk; it is not asked again for this set.
    BadPeer {
        /// The link.
        link: LinkId,
        /// The device.
        peer: DeviceId,
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// What it did.
        why: BadPeer,
    },
}

/// What a device did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPeer {
    /// It sent a chunk with a wrong hash.
    WrongChunk,
    /// It says that it has chunks and does not send them, again and again.
    FalseHave,
}

/// How far a set is on this device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetProgress {
    /// Chunks verified here.
    pub have_chunks: u32,
    /// All chunks.
    pub chunks: u32,
    /// Bytes verified here.
    pub have_bytes: u64,
    /// All bytes.
    pub bytes: u64,
    /// Receiving rate over about the last second, in bytes per second.
    pub rate: f64,
}
