//! What goes into the core and what comes out of it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::ids::{
    ChunkIndex, DeviceId, DialId, Epoch, FileIndex, Hash, ItemId, LinkId, PublicKey, SessionId,
    SetId, Version,
};
use super::signed::Signed;
use super::trust::TrustChange;
use super::wire::control::Greeting;
use super::wire::frame::RecordHeader;
use super::wire::statements::{FailReason, FileEntry, LinkKind};
use crate::api::{Event, ShareOptions};

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
        /// The JSON, at most [`super::wire::frame::MAX_CONTROL`].
        json: Vec<u8>,
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
    /// What the disk has kept of a session's logs, each log in order. Answers [`Disk::Restore`].
    Restored {
        /// The session.
        session: SessionId,
        /// The entries.
        entries: Vec<Signed>,
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

/// What a person or a program wants of the core; answered at once by `Core::command`.
#[allow(
    clippy::large_enum_variant,
    reason = "commands are rare and moved once"
)]
pub enum Command {
    /// Start a session, or go on with one.
    Start {
        /// The session: random for a new one.
        session: SessionId,
        /// What it is called.
        title: String,
        /// The session key, made by the caller for this epoch.
        session_key: ed25519_dalek::SigningKey,
        /// Certificate and grant of that key.
        authority: super::wire::statements::Authority,
        /// The teacher's sealing secret, for bodies to the teacher alone.
        sealing: x25519_dalek::StaticSecret,
    },
    /// Share scanned files.
    ShareFiles {
        /// The session.
        session: SessionId,
        /// The item: random; that of the earlier version where there is one.
        item: ItemId,
        /// The set: random.
        set: SetId,
        /// Title of the item.
        title: String,
        /// The files, with clean names, in the order of the set.
        files: Vec<FileEntry>,
        /// Options.
        options: ShareOptions,
    },
    /// Post an item without files.
    Post {
        /// The session.
        session: SessionId,
        /// The item: random.
        item: ItemId,
        /// Its title and content.
        post: crate::api::NewPost,
    },
    /// Withdraw an item.
    Withdraw {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
        /// Why.
        reason: String,
    },
    /// Write a message.
    Say {
        /// The session.
        session: SessionId,
        /// The text.
        text: String,
    },
    /// Set what students may do.
    SetPolicy {
        /// The session.
        session: SessionId,
        /// Whom students may write to.
        texts: super::wire::statements::TextPolicy,
    },
    /// Set how much each device of the own session sends at most.
    SetClassLimit {
        /// The session.
        session: SessionId,
        /// Bytes a second; `None` for no limit.
        upload: Option<u64>,
    },
    /// Set how many bytes a second this machine sends at most; `None` for no limit.
    SetUploadLimit(Option<u64>),
    /// Join a session that was seen.
    Join(SessionId),
    /// Look for a session at an address.
    Connect(SocketAddr),
    /// Trust an unknown teacher that was shown, or forget one.
    Trust {
        /// The teacher's key.
        teacher: PublicKey,
        /// Trusted from now on, or not.
        trusted: bool,
    },
    /// Receive an item again that failed, or that was declined.
    Retry {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
    },
    /// Have students try again to receive an item of the own session that failed there.
    AskAgain {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
        /// Their devices.
        students: Vec<DeviceId>,
    },
    /// End the own session, for everybody.
    End(SessionId),
    /// Leave a session.
    Leave(SessionId),
    /// Say goodbye on every link; the engine is about to stop.
    Shutdown,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such session here.
    #[error("this session is not known here; it may have ended")]
    NoSession,
    /// There is no such item.
    #[error("this item is not in the session")]
    NoItem,
    /// Only the session's own teacher may do that.
    #[error("only the teacher who started this session can do that")]
    NotTeacher,
    /// The session is over.
    #[error("this session has ended")]
    Ended,
    /// Not a member yet.
    #[error("this machine has not joined the session yet")]
    NotJoined,
    /// The session's policy forbids it.
    #[error("the teacher does not allow messages from students in this session")]
    NotAllowed,
    /// Over a limit.
    #[error("{what} is {size} long, the limit is {limit}: shorten it or send it as a file")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its size in bytes (or number of files).
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Nothing in it.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// Too many in a short time.
    #[error("too many messages in a short time: wait a few seconds")]
    TooFast,
    /// The files cannot be shared as they are.
    #[error("these files cannot be shared: {0}")]
    NotShareable(String),
    /// The teacher's key does not allow it.
    #[error("not authorised: {0}")]
    NotAuthorised(String),
    /// A link that is neither http nor https.
    #[error("\"{0}\" is not an http or https address")]
    BadLink(String),
}

/// Where a datagram goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Everybody on an interface: its broadcast address and the multicast groups.
    Everybody {
        /// The interface.
        interface: u32,
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
        json: Vec<u8>,
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
    /// Keep an entry; on the teacher's machine before it is sent.
    Entry {
        /// The session.
        session: SessionId,
        /// The signed entry.
        entry: Signed,
    },
    /// Read the kept entries of a session, so that the own log goes on where it ended. Answered by
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
