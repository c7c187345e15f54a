//! Why a datagram was not acted on.

use crate::core::ids::Epoch;
use crate::core::trust::TrustError;

/// Why a datagram was not acted on; each text is for the diagnosis page and `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not from Handout at all.
    #[error("something else uses this port: a packet that is not from Handout was ignored")]
    Foreign,
    /// Another major version.
    #[error(
        "a device here speaks version {theirs} of the protocol, this program version {ours}: install the same version of Handout on both",
        ours = crate::core::wire::MAJOR
    )]
    OtherVersion {
        /// Its version.
        theirs: u8,
    },
    /// A kind of a later minor version.
    #[error("a packet of a kind that only a later version of Handout knows ({0}) was ignored")]
    UnknownKind(u8),
    /// Longer than allowed.
    #[error("a packet of {0} bytes was ignored: no announcement is that long")]
    TooLong(usize),
    /// Passed on too often.
    #[error("an announcement was ignored because it had been passed on {0} times")]
    TooManyHops(u8),
    /// Cut off or put together wrongly.
    #[error("a packet was garbled on its way or made by a faulty program: the {0} cannot be read")]
    Garbled(&'static str),
    /// From this device, or from a copy of it.
    #[error(
        "the own packet came back; if it came from another computer, that one was copied with this one's keys: delete its device key"
    )]
    OwnEcho,
    /// Of a session that this device itself announces.
    #[error("the own session was heard")]
    OwnSession,
    /// Heard before, and refused then.
    #[error("a packet that was refused before came again")]
    Repeated,
    /// An earlier announcement than one already heard.
    #[error("an old announcement came again: late on its way, or replayed by somebody")]
    OldSequence,
    /// Of an earlier life of the session.
    #[error(
        "an announcement of an earlier run of the session (run {theirs}, now {known}) was ignored"
    )]
    OldEpoch {
        /// Its epoch.
        theirs: Epoch,
        /// The epoch that is known.
        known: Epoch,
    },
    /// The session has ended.
    #[error("the session \"{title}\" has ended; its announcement is an old one")]
    Ended {
        /// Its title.
        title: String,
    },
    /// A trusted teacher already has this session.
    #[error("{name} announces a session that belongs to {owner}: it was ignored")]
    SessionOfAnother {
        /// Who announces it.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// Two keys sign for one life of a session.
    #[error(
        "two programs announce the same run of the session \"{title}\": end the session on one of the teacher's computers"
    )]
    TwoKeys {
        /// Its title.
        title: String,
    },
    /// The announcement is not signed by the session's key.
    #[error("the announcement of \"{title}\" is not signed by its session: it is forged")]
    Forged {
        /// Its title.
        title: String,
    },
    /// The title is longer than allowed or holds invisible characters.
    #[error("the session's title is not acceptable: {0}")]
    BadTitle(#[from] crate::core::trust::NameError),
    /// The teacher is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Too many from there.
    #[error("too many announcements to check come from this address; some were left out")]
    Rationed,
    /// A device that asks and asks.
    #[error("a device here asks for sessions over and over; most of it was ignored")]
    AskedOften,
    /// More sessions than this device keeps track of.
    #[error("more than {0} sessions are announced on this network; this one was left out")]
    TooManySessions(usize),
}

impl Refusal {
    /// Whether people should see it. The rest is ordinary on a healthy network.
    pub const fn is_noteworthy(&self) -> bool {
        !matches!(
            self,
            Self::Foreign
                | Self::UnknownKind(_)
                | Self::OwnEcho
                | Self::OwnSession
                | Self::Repeated
                | Self::AskedOften
                | Self::OldSequence
        )
    }

    /// Whether somebody may be cheating.
    pub const fn is_alarm(&self) -> bool {
        match self {
            Self::Trust(error) => error.is_alarm(),
            Self::SessionOfAnother { .. } => true,
            _ => false,
        }
    }
}
