//! What the network tells the driver, and what holds it back.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use smol::lock::{Semaphore, SemaphoreGuardArc};

use crate::api::{Warning, WarningKind};
use crate::core::ids::LinkId;
use crate::core::io::Input;
use crate::core::wire::frame::RecordHeader;

/// Something that happened on the network.
#[derive(Debug)]
pub enum NetEvent {
    /// Something for the core as it is.
    Input(Input, Permit),
    /// All bytes of a chunk came: to be verified and written.
    Chunk(ArrivedChunk),
    /// A connection was refused.
    Refused {
        /// From where.
        from: SocketAddr,
        /// Why, for people.
        reason: String,
    },
    /// Something is wrong that people should know.
    Warning(Warning),
}

/// Where events go: never waits, so that their order is the order of what happened. Readers of
/// connections wait for a [`Permit`] before they give anything.
pub type Sink = Arc<dyn Fn(NetEvent) + Send + Sync>;

/// A chunk whose bytes have all come from one link, not verified yet.
pub struct ArrivedChunk {
    /// From where.
    pub link: LinkId,
    /// Header of its last record.
    pub header: RecordHeader,
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// Held until the bytes are on the disk: a slow disk slows the readers.
    pub permit: Permit,
}

impl fmt::Debug for ArrivedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArrivedChunk({:?}, {:?})", self.link, self.header)
    }
}

/// Room taken by something that came and was not dealt with yet; given back on drop.
#[derive(Debug, Default)]
pub struct Permit {
    _own: Option<SemaphoreGuardArc>,
    _all: Option<SemaphoreGuardArc>,
}

/// Room for what has come and was not dealt with: some for each connection, some for all.
#[derive(Debug, Clone)]
pub struct Room {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Room {
    /// Room for `all` things, of which each part made by [`Room::part`] has its own share.
    pub fn new(all: usize) -> Self {
        let all = Arc::new(Semaphore::new(all));
        Self {
            own: all.clone(),
            all,
        }
    }

    /// A part that takes at most `own` of the room.
    #[must_use]
    pub fn part(&self, own: usize) -> Self {
        Self {
            own: Arc::new(Semaphore::new(own)),
            all: self.all.clone(),
        }
    }

    /// Waits for room; only for parts.
    pub async fn take(&self) -> Permit {
        let own = self.own.acquire_arc().await;
        let all = self.all.acquire_arc().await;
        Permit {
            _own: Some(own),
            _all: Some(all),
        }
    }

    /// Takes room if there is some, for what is better dropped than late.
    pub fn try_take(&self) -> Option<Permit> {
        let all = self.all.try_acquire_arc()?;
        Some(Permit {
            _own: None,
            _all: Some(all),
        })
    }
}

/// A warning about the network.
pub fn warning(kind: WarningKind, text: impl Into<String>) -> NetEvent {
    NetEvent::Warning(Warning {
        kind,
        session: None,
        text: text.into(),
    })
}
