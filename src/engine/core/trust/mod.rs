//! Whom this machine believes: institutions, teachers, revocations and trusted time.
//!
//! An **institution key** signs a **certificate** for a teacher's key, the teacher's key signs a
//! **grant** for the session key of one life of one session, and the session key signs the rest.
//! [`verify_authority`] follows that chain against a [`TrustStore`], which holds public keys only.
//!
//! Without an institution, a teacher's certificate is signed by the teacher's own key. Such a
//! teacher is shown once, with a [`Fingerprint`], and then pinned.
//!
//! # Trusted time
//! Clocks in labs are wrong, so the local clock alone only makes a [`ClockWarning`]. A certificate
//! is expired when the *floor* of its institution has passed its end. The floor only rises:
//!
//! - **Signed by the institution itself** (the start of a certificate, the making of a revocation
//!   list): raises the floor fully. Whoever can forge these can issue certificates anyway.
//! - **Signed by a teacher** (grant, announcement, tick): one wrong or malicious clock must not
//!   expire everybody else's certificate for good, so such a time counts only as far as
//!   1. the end of that teacher's own certificate,
//!   2. the second-latest time that *different* teachers of the institution have claimed, and
//!   3. the local clock
//!
//!   all reach. One broken clock, even the teacher's and a student's together, moves nothing; in an
//!   ordinary lab the floor follows the calendar by the day. Where only one teacher is ever heard,
//!   the floor moves with the institution's statements alone, and a certificate that has run out
//!   goes on with a warning until one of these comes: the safe side of a wrong clock.

pub mod chain;
mod clock;
mod date;
mod error;
mod fingerprint;
mod floor;
mod name;
pub mod store;
mod words;

pub(crate) use chain::Claim;
pub use chain::{
    Basis, MAX_CERTIFICATE, MAX_GRANT, MAX_GRANT_LIFE, Verdict, VerifiedTeacher, self_signed,
    verify_authority,
};
pub use clock::ClockWarning;
pub use date::Date;
pub use error::TrustError;
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use floor::Floor;
pub use name::{MAX_NAME, NameError, check_name, same_name};
pub use store::{FirstContact, Pinned, RevocationList, TrustChange, TrustStore};

#[cfg(test)]
pub(crate) mod testing;
