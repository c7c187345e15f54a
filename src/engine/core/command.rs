//! What people and programs want of the core, and why it may not be done.

use std::net::SocketAddr;

use super::ids::{DeviceId, ItemId, PublicKey, SessionId, SetId};
use super::kept::Earlier;
use super::pin::Pin;
use super::wire::statements::{Authority, FileEntry, TextPolicy};
use crate::api::{NewPost, ShareOptions};

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
        authority: Authority,
        /// The teacher's sealing secret, for bodies to the teacher alone.
        sealing: x25519_dalek::StaticSecret,
        /// What students have to prove to be admitted; `None` admits whoever asks.
        pin: Option<Pin>,
        /// What an earlier life of the session left, to go on with it.
        earlier: Option<Earlier>,
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
        post: NewPost,
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
        texts: TextPolicy,
    },
    /// Let nobody read any more what a student writes, or let them again.
    Mute {
        /// The session.
        session: SessionId,
        /// The student's device.
        device: DeviceId,
        /// Whether it is muted from now on.
        muted: bool,
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
    /// Set how many bytes of one item are received without asking; `None` for no limit.
    SetAcceptLimit(Option<u64>),
    /// Join a session that was seen.
    Join(SessionId),
    /// Join a session that asks for a PIN.
    EnterPin {
        /// The session.
        session: SessionId,
        /// What the person typed.
        pin: Pin,
    },
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
        /// They ask this machine first, and are served before others.
        direct: bool,
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
    /// A session's title that nobody would take.
    #[error("the session's title is not acceptable: {0}")]
    BadTitle(String),
    /// The own log in the session is as long as it may be.
    #[error("this session has no room for more of this device: a new session has")]
    LogFull,
    /// Too many in a short time.
    #[error("too many messages in a short time: wait a few seconds")]
    TooFast,
    /// The files cannot be shared as they are.
    #[error("these files cannot be shared: {0}")]
    NotShareable(String),
    /// The teacher's key does not allow it.
    #[error("not authorised: {0}")]
    NotAuthorised(String),
    /// The own session runs already.
    #[error("this session is running already")]
    Running,
    /// No such student.
    #[error("there is no such student in this session")]
    NoStudent,
    /// A link that is neither http nor https.
    #[error("\"{0}\" is not an http or https address")]
    BadLink(String),
}
