//! The public API: plain data in both directions. [`crate::Engine`] takes the commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Serialize;

pub use crate::core::ids::{
    AuthorId, DeviceId, Hash, ItemId, PublicKey, Seq, SessionId, SetId, Version,
};
pub use crate::core::pin::{BadPin, Pin};
pub use crate::core::time::UnixTime;
pub use crate::core::wire::statements::{FailReason, LinkKind, TextPolicy};

/// The usual UDP port of discovery, and the first choice for TCP.
pub const DEFAULT_PORT: u16 = 47_800;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where keys, history and the like are kept; made when missing, mode 0700.
    pub data_dir: PathBuf,
    /// Where received files go; made when first needed.
    pub receive_dir: PathBuf,
    /// Who is sitting here.
    pub person: Person,
    /// Which interfaces are used.
    pub interfaces: InterfaceChoice,
    /// UDP port of discovery and first choice for TCP; 47800 unless tests or policy say otherwise.
    pub port: u16,
    /// Whether a trusted session is joined without asking.
    pub auto_join: bool,
    /// Whether a teacher without an institution may be trusted after asking.
    pub allow_unknown_teachers: bool,
    /// Bytes of the disk that stay free.
    pub free_space_reserve: u64,
    /// The most bytes of one item that are received without asking, `None` for no limit.
    pub accept_limit: Option<u64>,
    /// The most bytes a second to send, `None` for no limit.
    pub upload_limit: Option<u64>,
}

/// Which interfaces are used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InterfaceChoice {
    /// Every one that is up and neither virtual, nor a tunnel, nor loopback.
    #[default]
    Usual,
    /// Exactly these, by name.
    Named(Vec<String>),
}

/// Who is sitting at a device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Person {
    /// Name, at most 64 bytes.
    pub name: String,
    /// Roll number, at most 32 bytes, may be empty.
    pub roll: String,
    /// Name of the machine.
    pub machine: String,
}

/// How files are shared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShareOptions {
    /// Title of the item; made from the paths when `None`.
    pub title: Option<String>,
    /// Copy the bytes into the session's own store, because the source may vanish.
    pub copy: bool,
    /// The item of which this is a new version.
    pub replaces: Option<ItemId>,
}

/// A new item without files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NewPost {
    /// A code snippet, at most 64 KiB.
    Snippet {
        /// Title.
        title: String,
        /// The text, white space exact.
        text: String,
        /// Language id, may be empty.
        language: String,
    },
    /// A link, `http` or `https`.
    Link {
        /// Title, may be empty.
        title: String,
        /// The address.
        url: String,
    },
    /// An announcement, at most 16 KiB.
    Announcement {
        /// Title.
        title: String,
        /// The text.
        text: String,
    },
}

/// What the engine tells. Progress comes at most ten times a second for each item.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The engine is listening.
    Ready {
        /// The own device.
        device: DeviceId,
        /// TCP port on which links are accepted.
        port: u16,
        /// Names of the interfaces in use.
        interfaces: Vec<String>,
    },
    /// A session is there, or what is known of it changed.
    Session(SessionView),
    /// A session that was seen, and not joined, is no longer announced.
    SessionGone {
        /// Which.
        session: SessionId,
    },
    /// Something was posted: once each, in the teacher's order.
    Posted(Post),
    /// An item of a joined session: how far the own machine is with it.
    Item(ItemView),
    /// The own session: how far one student is with one item.
    Delivery(DeliveryView),
    /// The own session: every chunk and page of an item is verified at some student.
    OneCopyOut {
        /// The session.
        session: SessionId,
        /// The item.
        item: ItemId,
        /// The version.
        version: Version,
    },
    /// A member came, changed or left.
    Member(MemberView),
    /// Something is wrong that people should know; nothing has stopped.
    Warning(Warning),
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// The session.
    pub session: SessionId,
    /// What it is called.
    pub title: String,
    /// The teacher's name, from the certificate.
    pub teacher: String,
    /// The institution's name, empty where the teacher has none.
    pub institution: String,
    /// The teacher's key.
    pub teacher_key: PublicKey,
    /// Fingerprint of the teacher's key in words.
    pub fingerprint: String,
    /// How the own machine stands to it.
    pub state: SessionState,
    /// Whom students may write to.
    pub texts: TextPolicy,
    /// Members that are connected, the teacher not counted.
    pub present: u32,
    /// The own session: the digits that students have to prove, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// How the own machine stands to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SessionState {
    /// It is the own session.
    Teaching,
    /// It is announced by a trusted teacher and waits to be joined.
    Seen,
    /// Its teacher is not known here: a person has to say whether to trust.
    Unknown,
    /// Asked to be admitted.
    Joining,
    /// A member, the teacher being there (linked, or heard of within 15 s).
    Joined,
    /// A member; the teacher was last heard some time ago.
    TeacherAway {
        /// Seconds since.
        seconds: u64,
    },
    /// The session asks for a PIN.
    PinWanted {
        /// The one that was tried is another.
        wrong: bool,
        /// Seconds until another try counts.
        seconds: u64,
    },
    /// Not admitted.
    Denied {
        /// Why.
        why: String,
    },
    /// Ended by the teacher.
    Ended,
    /// Left by the person.
    Left,
}

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorView {
    /// The log it stands in.
    pub id: AuthorId,
    /// Name.
    pub name: String,
    /// Roll number, empty for the teacher.
    pub roll: String,
    /// Whether it is the session's teacher.
    pub teacher: bool,
    /// Whether it is the own device or key.
    pub own: bool,
}

/// One thing in the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// The session.
    pub session: SessionId,
    /// Who wrote it.
    pub author: AuthorView,
    /// Its number in the author's log.
    pub seq: Seq,
    /// The author's clock.
    pub time: UnixTime,
    /// Only the teacher and the author can read it.
    pub private: bool,
    /// It was told before, in an earlier run of the program.
    pub again: bool,
    /// What it is.
    pub content: PostContent,
}

/// What a post is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PostContent {
    /// A message.
    Text {
        /// The text.
        text: String,
    },
    /// A file set; how far it is comes as [`Event::Item`] or [`Event::Delivery`].
    Files {
        /// The item.
        item: ItemId,
        /// Which version.
        version: Version,
        /// Title.
        title: String,
        /// Number of files.
        files: u32,
        /// Sum of their sizes in bytes.
        bytes: u64,
    },
    /// A code snippet.
    Snippet {
        /// The item.
        item: ItemId,
        /// Title.
        title: String,
        /// The text.
        text: String,
        /// Language id, may be empty.
        language: String,
    },
    /// A link.
    Link {
        /// The item.
        item: ItemId,
        /// Title.
        title: String,
        /// The address.
        url: String,
    },
    /// An announcement.
    Announcement {
        /// The item.
        item: ItemId,
        /// Title.
        title: String,
        /// The text.
        text: String,
    },
    /// An item is no longer offered.
    Withdrawn {
        /// The item.
        item: ItemId,
        /// Why, may be empty.
        reason: String,
    },
    /// The session has ended.
    Ended,
}

/// How far the own machine is with an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemView {
    /// The session.
    pub session: SessionId,
    /// The item.
    pub item: ItemId,
    /// Which version.
    pub version: Version,
    /// How far.
    pub progress: Progress,
    /// Verified bytes here.
    pub bytes: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second, while receiving.
    pub rate: u64,
}

/// How far a machine is with an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "progress", rename_all = "kebab-case")]
pub enum Progress {
    /// The teacher's machine is still reading the files (own items only).
    Preparing,
    /// Nothing has come yet.
    Waiting,
    /// It is coming.
    Receiving,
    /// All of it is verified and saved.
    Saved {
        /// The folder or the file to open; `None` when another machine is meant.
        path: Option<PathBuf>,
    },
    /// It is not coming.
    Failed {
        /// Why.
        reason: FailReason,
        /// The same in words, with the path; empty when another machine is meant.
        text: String,
    },
}

/// How far one student is with one item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryView {
    /// The session.
    pub session: SessionId,
    /// The item.
    pub item: ItemId,
    /// Which version.
    pub version: Version,
    /// The student's device.
    pub device: DeviceId,
    /// How far.
    pub progress: Progress,
    /// Verified bytes there.
    pub bytes: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A member of a session.
#[allow(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// The session.
    pub session: SessionId,
    /// The device.
    pub device: DeviceId,
    /// Who is there.
    pub person: Person,
    /// Whether it is the teacher's device.
    pub teacher: bool,
    /// Whether it is the own device.
    pub own: bool,
    /// Linked, reachable through others, or gone.
    pub presence: Presence,
    /// Another device claims the same roll number.
    pub duplicate_roll: bool,
    /// The teacher lets nobody read what it writes.
    pub muted: bool,
}

/// How a member is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Linked to this machine.
    Linked,
    /// Heard of through others.
    Relayed,
    /// Not heard of lately.
    Away,
}

/// Something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Which kind.
    pub kind: WarningKind,
    /// The session it is about.
    pub session: Option<SessionId>,
    /// What, where and what to do, in one or two sentences (English; interfaces translate by kind).
    pub text: String,
}

/// Which kind of warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// No usable interface.
    NoInterface,
    /// An interface cannot be used, or nothing comes in on it.
    InterfaceError,
    /// The TCP port was taken; another one is used.
    PortTaken,
    /// An announcement was refused.
    Refused,
    /// A pinned teacher's key changed, or two entries have one number: somebody may be cheating.
    Alarm,
    /// The local clock disagrees with the session.
    Clock,
    /// A peer speaks another version of the protocol.
    OtherVersion,
    /// A peer sent wrong data and was dropped.
    BadPeer,
    /// The disk has a problem.
    Disk,
    /// A shared file changed, so that its item was withdrawn.
    SourceChanged,
    /// Two devices claim one roll number.
    DuplicateRoll,
    /// Many wrong PINs were tried in the own session.
    WrongPins,
    /// A database was damaged and started anew.
    Database,
}

/// What `doctor` and the diagnosis page show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The own device.
    pub device: DeviceId,
    /// UDP port of discovery.
    pub udp_port: u16,
    /// TCP port on which links are accepted.
    pub tcp_port: u16,
    /// Every interface of the machine.
    pub interfaces: Vec<InterfaceReport>,
    /// The latest refusals, newest first, at most 64.
    pub refused: Vec<RefusedReport>,
    /// Sessions that are known.
    pub sessions: Vec<SessionView>,
    /// Connected peers.
    pub links: Vec<LinkReport>,
    /// Where received files go.
    pub receive_dir: PathBuf,
    /// Whether that is on another machine's disk: everything then crosses the network once more.
    pub receive_remote: bool,
}

impl Diagnosis {
    /// In a session with others, this machine reaches its teacher and nobody else: the network keeps computers apart.
    pub fn is_isolated(&self) -> bool {
        let others = |session: &SessionView| session.present.saturating_sub(1);
        let joined = |session: &&SessionView| session.state == SessionState::Joined;
        let class = self.sessions.iter().filter(joined).map(others).max();
        class.is_some_and(|others| others >= 2) && self.links.len() == 1
    }

    /// The links by which this machine can be found where announcements do not arrive.
    pub fn own_links(&self) -> Vec<String> {
        let used = self.interfaces.iter().filter(|interface| interface.used);
        let addresses = used.flat_map(|interface| &interface.addresses);
        addresses
            .filter_map(|address| address.split('/').next()?.parse::<Ipv4Addr>().ok())
            .map(|address| format!("handout://{address}:{}", self.tcp_port))
            .collect()
    }

    /// Students of the own session that this machine hears of but does not reach.
    pub fn unreached(&self) -> u32 {
        let own = |session: &&SessionView| session.state == SessionState::Teaching;
        let present = self
            .sessions
            .iter()
            .filter(own)
            .map(|own| own.present)
            .max();
        // In large classes the teacher is linked to a part of them on purpose.
        let flat = u32::try_from(crate::core::swarm::FLAT).unwrap_or(u32::MAX);
        let present = present.filter(|present| *present <= flat).unwrap_or(0);
        let links = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        present.saturating_sub(links)
    }
}

/// One interface and what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterfaceReport {
    /// Its name.
    pub name: String,
    /// Its addresses, with prefix lengths.
    pub addresses: Vec<String>,
    /// How it is connected.
    pub kind: LinkKind,
    /// Whether it is used.
    pub used: bool,
    /// Why not, or what is wrong with it: the last error, or that nothing comes in. Empty when all
    /// is well.
    pub note: String,
    /// Datagrams sent on it.
    pub sent: u64,
    /// Datagrams heard on it.
    pub heard: u64,
}

/// An announcement or a link that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedReport {
    /// From where.
    pub from: SocketAddr,
    /// Seconds ago.
    pub seconds: u64,
    /// Why.
    pub reason: String,
    /// How often.
    pub count: u32,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// Its device.
    pub device: DeviceId,
    /// Its address.
    pub remote: SocketAddr,
    /// Whether this machine dialled.
    pub dialled: bool,
    /// Whether the bulk lane is up.
    pub bulk: bool,
}
