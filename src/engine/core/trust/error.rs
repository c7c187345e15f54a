//! Why a teacher, or something signed, is not believed.

use super::date::Date;
use super::fingerprint::Fingerprint;
use super::name::NameError;
use crate::core::time::UnixTime;

/// Why a teacher, or something signed, is not believed. Each text is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A statement is longer than its kind may be.
    #[error("the {what} has {bytes} bytes, at most {limit} are allowed: it is not from Handout")]
    TooLong {
        /// Which statement.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A statement cannot be read.
    #[error("the {what} cannot be read ({detail}): it was altered, or made by another program")]
    Unreadable {
        /// Which statement.
        what: &'static str,
        /// Where it failed.
        detail: String,
    },
    /// A statement says what it may not say.
    #[error("the {what} contradicts itself ({detail}): make a new one")]
    Malformed {
        /// Which statement.
        what: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
    /// A name in a certificate is not acceptable.
    #[error("a name in the certificate is not acceptable: {0}")]
    BadName(#[from] NameError),
    /// A signature does not match.
    #[error("the {what} was not signed by {by}: it is forged or damaged")]
    BadSignature {
        /// Which statement.
        what: &'static str,
        /// Who should have signed it.
        by: String,
    },
    /// The certificate does not allow what was done.
    #[error(
        "the certificate of {name} does not allow starting a session: ask {institution} for one that does"
    )]
    NoRight {
        /// The teacher.
        name: String,
        /// Who issued it.
        institution: String,
    },
    /// The institution has withdrawn the certificate.
    #[error(
        "{institution} has withdrawn certificate {serial} of {name}: the teacher needs a new one"
    )]
    Revoked {
        /// The teacher.
        name: String,
        /// Who withdrew it.
        institution: String,
        /// The certificate's number.
        serial: u64,
    },
    /// The certificate is over, by trusted time.
    #[error(
        "the certificate of {name} ended on {}, and it is at least {}: the teacher needs a new one from {institution}",
        Date(*.end), Date(*.floor)
    )]
    Expired {
        /// The teacher.
        name: String,
        /// Who issued it.
        institution: String,
        /// When it ended.
        end: UnixTime,
        /// What is certainly past.
        floor: UnixTime,
    },
    /// Only known institutions count on this machine, and this is none of them.
    #[error(
        "{institution} (key {fingerprint}) is not trusted on this computer: install its institution file, or ask whoever manages this computer"
    )]
    UnknownInstitution {
        /// What it calls itself.
        institution: String,
        /// Its key.
        fingerprint: Fingerprint,
    },
    /// Only known teachers count on this machine, and this one has no institution.
    #[error(
        "{name} (key {fingerprint}) has no certificate of an institution, and this computer accepts no others: ask whoever manages it"
    )]
    UnknownTeacher {
        /// What the teacher is called there.
        name: String,
        /// The teacher's key.
        fingerprint: Fingerprint,
    },
    /// **Alarm.** Another key goes by the name of a pinned teacher.
    #[error(
        "somebody with another key calls himself {name}: the known key is {known}, this one is {shown}. Ask the teacher in person; if the key really is new, forget the old one first"
    )]
    ChangedKey {
        /// The name.
        name: String,
        /// The pinned key.
        known: Fingerprint,
        /// The key that came.
        shown: Fingerprint,
    },
    /// **Alarm.** Another key goes by the name of a trusted institution.
    #[error(
        "the certificate claims to be of {institution}, but its key {shown} is not the trusted one ({known}): ask whoever manages this computer"
    )]
    ChangedInstitution {
        /// The name.
        institution: String,
        /// The trusted key.
        known: Fingerprint,
        /// The key that came.
        shown: Fingerprint,
    },
    /// The grant is for another session than the statement it came with.
    #[error(
        "the teacher's grant is for another session: the announcement was put together by somebody else"
    )]
    OtherSession,
    /// A revocation list of an institution that means nothing here.
    #[error(
        "the revocation list is of an institution that is not trusted on this computer (key {fingerprint})"
    )]
    ForeignRevocation {
        /// Its key.
        fingerprint: Fingerprint,
    },
    /// The store holds as many as it may.
    #[error("this computer already trusts {limit} {what}: forget some that are no longer used")]
    Full {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl TrustError {
    /// Whether somebody may be cheating, as opposed to something being out of date or not set up.
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::ChangedKey { .. } | Self::ChangedInstitution { .. }
        )
    }
}
