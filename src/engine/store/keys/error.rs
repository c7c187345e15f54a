//! What can go wrong with keys on the disk.

use std::io;
use std::path::PathBuf;

use crate::core::trust::{NameError, TrustError};

/// What can go wrong with keys on the disk. Each text is fit to be shown.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system refused something.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of that name exists and is not written over.
    #[error("{} already exists and is not written over: choose another name, or move it away", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No file of Handout.
    #[error(
        "{from} is not a key file of Handout, or it is damaged ({detail}): get it again from where it came"
    )]
    NotHandout {
        /// Where it was read.
        from: String,
        /// Where reading failed.
        detail: String,
    },
    /// Another kind of file.
    #[error("{from} holds {found}, but {expected} is needed here")]
    WrongKind {
        /// Where it was read.
        from: String,
        /// What is needed.
        expected: &'static str,
        /// What it holds.
        found: &'static str,
    },
    /// A file of a later version.
    #[error(
        "{from} was made by a later version of Handout (format {version}): update this computer"
    )]
    Newer {
        /// Where it was read.
        from: String,
        /// Its format.
        version: u32,
    },
    /// A key file whose parts do not belong together.
    #[error("{from} is damaged ({detail}): take it from a backup")]
    Damaged {
        /// The file.
        from: String,
        /// What is wrong.
        detail: &'static str,
    },
    /// The passphrase does not open it.
    #[error("wrong passphrase for {from}: try again; without it nobody can open the key")]
    WrongPassphrase {
        /// The file.
        from: String,
    },
    /// A passphrase is needed.
    #[error("{from} is protected by a passphrase: enter it")]
    PassphraseNeeded {
        /// The file.
        from: String,
    },
    /// An empty passphrase was given.
    #[error("the passphrase is empty: choose one, or decide for none")]
    EmptyPassphrase,
    /// The costs written in a file are beyond reason.
    #[error(
        "{from} asks for more memory or time than any passphrase needs: it is damaged or hostile"
    )]
    BadProtection {
        /// The file.
        from: String,
    },
    /// A certificate for a key that is not here.
    #[error(
        "{from} is the certificate of {name} (key {fingerprint}), whose key is not on this computer: import it where the request was made"
    )]
    OtherKey {
        /// Where it was read.
        from: String,
        /// The teacher in the certificate.
        name: String,
        /// The key in the certificate.
        fingerprint: String,
    },
    /// What a file says is not believed.
    #[error("{from} is not accepted: {source}")]
    Refused {
        /// Where it was read.
        from: String,
        /// Why.
        source: TrustError,
    },
    /// A name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is none at all.
    #[error("there is no {what} on this computer: create one, or import one")]
    None {
        /// Of what.
        what: &'static str,
    },
    /// None is called that.
    #[error("no {what} here is called \"{wanted}\": list them, and give a name or a fingerprint")]
    NotFound {
        /// Of what.
        what: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// More than one would do.
    #[error(
        "there is more than one {what} that this could mean: {names}. Say which, by its fingerprint"
    )]
    Several {
        /// Of what.
        what: &'static str,
        /// Which there are.
        names: String,
    },
    /// This key is here already.
    #[error("the key of {name} is already on this computer")]
    AlreadyHere {
        /// Whose.
        name: String,
    },
    /// A term that makes no sense.
    #[error("a certificate is valid for 1 to {limit} days, not {days}")]
    BadTerm {
        /// Asked for.
        days: u32,
        /// The limit.
        limit: u32,
    },
    /// The clock is certainly wrong, and its time would be signed.
    #[error(
        "this computer's clock shows {shown}: set it before issuing or withdrawing certificates"
    )]
    ClockNotSet {
        /// What it shows.
        shown: String,
    },
    /// A serial that this institution has not issued, or has used already.
    #[error("{institution} has {problem} {serial}")]
    BadSerial {
        /// The institution.
        institution: String,
        /// "not issued certificate", "already used number", or the like.
        problem: &'static str,
        /// The number.
        serial: u64,
    },
    /// No randomness.
    #[error("this computer gives no random numbers, so no key can be made: {0}")]
    Random(#[from] getrandom::Error),
}

impl KeyError {
    /// Wraps an error of the system.
    pub(super) fn io(
        doing: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
