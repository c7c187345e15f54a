//! Why the engine did not do something.

use std::path::PathBuf;

use crate::core::io::CommandError;
use crate::core::trust::MAX_GRANT_LIFE;
use crate::net::NetError;
use crate::store::database::DatabaseError;
use crate::store::keys::KeyError;

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
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The history cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such session of this machine's, or it is over.
    #[error("this session cannot go on: it ended, or was begun more than {} hours ago", MAX_GRANT_LIFE.as_secs() / 3_600)]
    NotResumable,
    /// Another program teaches with the same data folder.
    #[error("another program on this computer teaches with the same keys: end its session first")]
    AlreadyTeaching,
    /// The session is of another key.
    #[error("this session was started with the key of {0}: it goes on with that key only")]
    OtherTeacher(String),
    /// No shared path could be read.
    #[error("nothing to share: {0}")]
    NothingToShare(String),
    /// The network cannot be used at all.
    #[error(
        "cannot listen on UDP port {port}: {source}. Another program uses it: stop that program, \
         or choose another port on every computer."
    )]
    Network {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The system refuses threads, sockets or random numbers.
    #[error("the system does not allow the engine to start: {0}")]
    System(String),
}

impl From<NetError> for EngineError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Udp { port, source } => Self::Network { port, source },
            other => Self::System(other.to_string()),
        }
    }
}
