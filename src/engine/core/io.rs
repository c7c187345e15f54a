//! What goes into the core and what comes out of it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

pub use super::command::{Command, CommandError};
use super::ids::{
    ChunkIndex, DeviceId, DialId, Epoch, FileIndex, Hash, ItemId, LinkId, PublicKey, SessionId,
    SetId, Version,
};
pub use super::kept::{Earlier, EarlierSet, Kept};
use super::signed::Signed;
use super::time::UnixTime;
use super::trust::TrustChange;
use super::wire::control::Greeting;
use super::wire::frame::RecordHeader;
use super::wire::statements::{FailReason, FileEntry, LinkKind};
use crate::api::Event;

/// One network interface that discovery uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The system's number for it.
    pub index: u32,
    /// The system's name for it.
    pub name: String,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// How it is connected.
    pub kind: LinkKind,
}

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// Only time has passed.
    Timeout,
    /// The interfaces in use, all of them, after a start or a change; and the own TCP port.
    Interfaces {
        /// The interfaces.
        interfaces: Vec<Interface>,
        /// The port on which links are accepted.
        port: u16,
    },
    /// A datagram came.
    Datagram {
        /// On this interface.
        interface: u32,
        /// From here.
        from: SocketAddr,
        /// Its bytes, at most 1,500.
        bytes: Vec<u8>,
    },
    /// A control lane is up: authenticated both ways and greeted.
    LinkUp {
        /// Its number.
        link: LinkId,
        /// Who is at the other end.
        peer: DeviceId,
        /// The other end's address.
        remote: SocketAddr,
        /// The attempt it came from; `None` if the other side dialled.
        dial: Option<DialId>,
        /// What the other side said of itself.
        greeting: Greeting,
    },
    /// The bulk lane of a link is up, or down while the control lane lives.
    Bulk {
        /// The link.
        link: LinkId,
        /// Up or down.
        up: bool,
    },
    /// A link is gone.
    LinkDown {
        /// Which.
        link: LinkId,
    },
    /// An attempt to connect failed.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why, for people.
        reason: String,
    },
    /// A control frame came: its payload.
    Frame {
        /// On this link.
        link: LinkId,
        /// Its payload, of at most [`super::wire::frame::MAX_CONTROL`] bytes.
        bytes: Vec<u8>,
    },
    /// The kernel has taken a record (or, `sent` being false, it could not be read or sent).
    RecordSent {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Its payload in bytes.
        length: u32,
        /// Whether it was sent.
        sent: bool,
    },
    /// A record came; its bytes stay outside.
    RecordReceived {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Its payload in bytes.
        length: u32,
    },
    /// All of a chunk came and was dealt with.
    Chunk {
        /// On this link.
        link: LinkId,
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunk.
        chunk: ChunkIndex,
        /// What became of it.
        outcome: ChunkOutcome,
    },
    /// A receiving set's place on the disk is ready.
    SetOpened {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// Chunks already verified there, as sorted inclusive ranges.
        have: Vec<(u32, u32)>,
    },
    /// Files on this machine may have bytes of a set that is about to open: [`Input::ChunksFound`]
    /// answers its [`Disk::Hashes`], and until then no chunk of them is to be asked for.
    Searching {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
    },
    /// Chunks of a set were looked for on this machine; those that were found are verified and
    /// written.
    ChunksFound {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// All below this number were looked for by now.
        upto: u32,
        /// Those found since the last time, as sorted inclusive ranges.
        found: Vec<(u32, u32)>,
    },
    /// A file has all its chunks and stands under its final name.
    FileSaved {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// Which file.
        file: FileIndex,
        /// Where it is.
        path: PathBuf,
    },
    /// All files of a set are saved.
    SetSaved {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// The folder or the file that a person would open.
        path: PathBuf,
    },
    /// A set cannot be received, or no longer be read.
    SetFailed {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// Why.
        reason: FailReason,
        /// The same in words, with the path.
        text: String,
    },
    /// The teacher's set: hashes of the next chunks.
    Hashed {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// Hashes, following those before.
        hashes: Vec<Hash>,
        /// After the last ones: the hash over the whole-file hashes.
        root: Option<Hash>,
    },
    /// What the disk has kept of a session. Answers [`Disk::Restore`].
    Restored {
        /// The session.
        session: SessionId,
        /// What was kept.
        kept: Kept,
    },
    /// A chunk that was claimed can no longer be read as it was.
    ChunkLost {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunk.
        chunk: ChunkIndex,
    },
}

/// What became of a received chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkOutcome {
    /// Verified and written.
    Stored,
    /// Its hash is wrong: the sender is to blame.
    Bad,
    /// It could not be written; [`Input::SetFailed`] follows where that is lasting.
    NotWritten,
}

/// Which ways a datagram takes to everybody on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// All of them.
    All,
    /// The directed broadcast address.
    Broadcast,
    /// The multicast groups, of IPv4 and IPv6.
    Multicast,
}

/// Where a datagram goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Everybody on an interface: its broadcast address and the multicast groups.
    Everybody {
        /// The interface.
        interface: u32,
        /// Which of them.
        ways: Ways,
    },
    /// One address.
    One(SocketAddr),
}

/// Something to do outside.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram.
    Datagram {
        /// Where.
        to: Target,
        /// Its bytes, at most 1,200.
        bytes: Vec<u8>,
    },
    /// Connect to a device. Answered by `LinkUp` or `DialFailed`.
    Dial {
        /// The attempt's number.
        dial: DialId,
        /// Where.
        address: SocketAddr,
        /// Who must be there; anybody if `None`.
        expect: Option<DeviceId>,
    },
    /// Send a control frame.
    Frame {
        /// On this link.
        link: LinkId,
        /// Its payload.
        bytes: Vec<u8>,
    },
    /// Send a record of a chunk. Answered by `RecordSent`.
    Record {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Its payload in bytes.
        length: u32,
    },
    /// The rest of a chunk is no longer expected on a link: what came of it can be dropped.
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
    /// Close a link once what is queued has left.
    Close {
        /// Which.
        link: LinkId,
    },
    /// Do something with the disk.
    Disk(Disk),
    /// Tell the people.
    Event(Event),
}

/// Something to do with the disk. Order matters within a set.
#[derive(Debug)]
pub enum Disk {
    /// Make or find the place of a set that is received. Answered by `SetOpened` or `SetFailed`.
    Open {
        /// The session.
        session: SessionId,
        /// The session's title, for the folder's name.
        folder: String,
        /// The set.
        set: SetId,
        /// The item and version it belongs to.
        item: ItemId,
        /// Which version of the item.
        version: Version,
        /// Size of a chunk in bytes.
        chunk_size: u32,
        /// The files, with checked names.
        files: Vec<FileEntry>,
    },
    /// Hashes of chunks have been verified: they follow those before. Answered by `ChunksFound`
    /// after a `Searching`.
    Hashes {
        /// The set.
        set: SetId,
        /// Number of the first.
        first: ChunkIndex,
        /// The hashes.
        hashes: Vec<Hash>,
    },
    /// The final page came: check the whole-file hashes against it before the last rename.
    Final {
        /// The set.
        set: SetId,
        /// Hash over the whole-file hashes.
        root: Hash,
    },
    /// Stop with a set, keeping what is there.
    Close {
        /// The set.
        set: SetId,
    },
    /// Start hashing the teacher's set (its sources were handed over beside the command).
    /// Answered by `Hashed`s or `SetFailed`.
    Hash {
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// Size of a chunk in bytes.
        chunk_size: u32,
    },
    /// All of the teacher's set was read: keep its signed final page.
    Finished {
        /// The set.
        set: SetId,
        /// The page.
        page: Signed,
    },
    /// Keep an entry; on the teacher's machine before it is sent.
    Entry {
        /// The session.
        session: SessionId,
        /// The signed entry.
        entry: Signed,
    },
    /// Keep the token of a member of the own session, in the place of an earlier one.
    Token {
        /// The session.
        session: SessionId,
        /// The member's device.
        device: DeviceId,
        /// The token.
        token: Signed,
    },
    /// Keep that a student of the own session came or went.
    Attendance {
        /// The session.
        session: SessionId,
        /// The student's device.
        device: DeviceId,
        /// Whether it is there.
        present: bool,
        /// When it was last heard, by the local clock.
        time: UnixTime,
    },
    /// Keep how an item of the own session ended for a student, in the place of an earlier word.
    Status(Signed),
    /// Read what was kept of a session, so that the own log goes on where it ended. Answered by
    /// `Restored`.
    Restore {
        /// The session.
        session: SessionId,
    },
    /// Keep what is known of a session.
    Session {
        /// The session.
        session: SessionId,
        /// Its title.
        title: String,
        /// The teacher's name.
        teacher: String,
        /// The teacher's key.
        teacher_key: PublicKey,
        /// Whether it is the own one.
        own: bool,
        /// Which life of it.
        epoch: Epoch,
        /// Whether it has ended.
        ended: bool,
    },
    /// Keep what was learnt about keys.
    Trust(TrustChange),
}
