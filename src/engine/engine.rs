//! The handle that a window or a command line holds.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::api::{
    Config, Diagnosis, Event, ItemId, NewPost, PublicKey, SessionId, ShareOptions, TextPolicy,
    Version,
};
use crate::core::io::CommandError;

/// A running engine. Clones are handles of the same one; it ends with [`Engine::shutdown`].
#[derive(Debug, Clone)]
pub struct Engine {}

/// Why the engine did not do something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The rules do not allow it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// The data folder cannot be used.
    #[error("cannot use the data folder {path}: {source}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No shared path could be read.
    #[error("nothing to share: {0}")]
    NothingToShare(String),
    /// The network cannot be used at all.
    #[error("cannot listen on UDP port {port}: {source}")]
    Network {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}

/// What became of a share command.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shared {
    /// The item.
    pub item: ItemId,
    /// Its version.
    pub version: Version,
    /// Number of files.
    pub files: u32,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
    /// What was left out, with the reason of each.
    pub skipped: Vec<(PathBuf, String)>,
}

impl Engine {
    /// Starts an engine; its events come from the receiver.
    pub fn start(_config: Config) -> Result<(Self, async_channel::Receiver<Event>), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Starts a session as the given teacher.
    pub async fn start_session(
        &self,
        _title: &str,
        _teacher: &crate::store::keys::UnlockedTeacher,
    ) -> Result<SessionId, EngineError> {
        Err(EngineError::Stopped)
    }

    /// Shares files and folders. Returns once they are scanned; sending has begun by then.
    pub async fn share(
        &self,
        _session: SessionId,
        _paths: Vec<PathBuf>,
        _options: ShareOptions,
    ) -> Result<Shared, EngineError> {
        Err(EngineError::Stopped)
    }

    /// Posts a snippet, a link or an announcement.
    pub async fn post(&self, _session: SessionId, _post: NewPost) -> Result<ItemId, EngineError> {
        Err(EngineError::Stopped)
    }

    /// Withdraws an item.
    pub async fn withdraw(
        &self,
        _session: SessionId,
        _item: ItemId,
        _reason: &str,
    ) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Writes a message.
    pub async fn say(&self, _session: SessionId, _text: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Sets whom students may write to.
    pub async fn set_policy(
        &self,
        _session: SessionId,
        _texts: TextPolicy,
    ) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Joins a session that was seen.
    pub async fn join(&self, _session: SessionId) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Looks for a session at an address.
    pub async fn connect(&self, _address: SocketAddr) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Trusts a teacher that was shown as unknown, or forgets one.
    pub async fn trust(&self, _teacher: PublicKey, _trusted: bool) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Receives a failed or declined item again.
    pub async fn retry(&self, _session: SessionId, _item: ItemId) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Ends the own session for everybody.
    pub async fn end(&self, _session: SessionId) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// Leaves a session.
    pub async fn leave(&self, _session: SessionId) -> Result<(), EngineError> {
        Err(EngineError::Stopped)
    }

    /// What the network looks like from here.
    pub async fn diagnosis(&self) -> Result<Diagnosis, EngineError> {
        Err(EngineError::Stopped)
    }

    /// Says goodbye, writes what is open, and stops. Returns when everything is on the disk.
    pub async fn shutdown(&self) {}
}
