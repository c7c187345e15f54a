//! From institution to session key: the chain that empowers whoever starts a session.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde::de::DeserializeOwned;

use super::clock::ClockWarning;
use super::error::TrustError;
use super::fingerprint::Fingerprint;
use super::name::check_name;
use super::store::{FirstContact, TrustStore};
use crate::core::ids::{DeviceId, Epoch, Hash, PublicKey, SealingKey, SessionId};
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::wire::statements::{Authority, Certificate, Grant, Right};

/// Longest body of a certificate in bytes.
pub const MAX_CERTIFICATE: usize = 512;
/// Longest body of a grant in bytes.
pub const MAX_GRANT: usize = 320;
/// Longest life of a grant.
pub const MAX_GRANT_LIFE: Duration = Duration::from_hours(24);

/// Why a teacher counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A trusted institution vouches.
    Institution,
    /// A person has trusted this key before.
    Pinned,
    /// Not yet: a person has to decide.
    FirstContact,
}

/// A teacher whose chain of signatures holds. Whether the teacher is also *trusted* is the
/// [`Verdict`] around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTeacher {
    /// The teacher's key, which is also the author of the teacher's log.
    pub teacher: PublicKey,
    /// The teacher's name, from the certificate.
    pub name: String,
    /// The key that bodies for the teacher alone are sealed to.
    pub sealing: SealingKey,
    /// The key that signed the certificate; the teacher's own where there is no institution.
    pub institution: PublicKey,
    /// Its name: as this machine knows it, else as the certificate says. Empty where there is no
    /// institution.
    pub institution_name: String,
    /// Number of the certificate.
    pub serial: u64,
    /// Start of the certificate.
    pub not_before: UnixTime,
    /// End of the certificate.
    pub not_after: UnixTime,
    /// The session that the grant is for.
    pub session: SessionId,
    /// The key that signs for the session in this epoch.
    pub session_key: PublicKey,
    /// Which life of the session.
    pub epoch: Epoch,
    /// The teacher's device, as it proves itself on links.
    pub device: DeviceId,
    /// The teacher's clock when the grant was made.
    pub made: UnixTime,
    /// How long the grant counts, from receipt.
    pub life: Duration,
    /// Why the teacher counts.
    pub basis: Basis,
    /// What is odd about the clocks, to be shown.
    pub clock: Option<ClockWarning>,
}

impl VerifiedTeacher {
    /// The fingerprint of the teacher's key.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.teacher)
    }

    /// Whether no institution vouches, only the teacher's own key.
    pub fn is_self_signed(&self) -> bool {
        self.institution == self.teacher
    }
}

/// What a chain of signatures that holds is worth here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An institution vouches, or a person did.
    Trusted(Box<VerifiedTeacher>),
    /// Nobody here knows this teacher: show name and fingerprint, and let a person decide.
    FirstContact(Box<VerifiedTeacher>),
}

impl Verdict {
    /// The teacher, trusted or not.
    pub fn teacher(&self) -> &VerifiedTeacher {
        match self {
            Self::Trusted(teacher) | Self::FirstContact(teacher) => teacher,
        }
    }

    /// The teacher, if trusted.
    pub fn trusted(&self) -> Option<&VerifiedTeacher> {
        match self {
            Self::Trusted(teacher) => Some(teacher),
            Self::FirstContact(_) => None,
        }
    }
}

/// Follows certificate and grant: limits, rights, revocation and expiry first, then both
/// signatures, then whether the names are somebody else's.
///
/// `local` is the local clock, which only makes warnings. Call [`TrustStore::learn_time`] with the
/// outcome. A caller that expects a certain session compares it with the outcome's.
pub fn verify_authority(
    authority: &Authority,
    store: &TrustStore,
    local: UnixTime,
) -> Result<Verdict, TrustError> {
    let claim = Claim::read(authority, store)?;
    claim.check_signatures(authority)?;
    claim.verdict(store, local, None)
}

/// Makes the certificate of a teacher without an institution, signed by the teacher's own key.
pub fn self_signed(
    key: &SigningKey,
    sealing: SealingKey,
    name: &str,
    from: UnixTime,
    until: UnixTime,
) -> Result<Signed, TrustError> {
    check_name(name)?;
    let own = PublicKey(key.verifying_key().to_bytes());
    let certificate = Certificate {
        institution: own,
        institution_name: String::new(),
        teacher: own,
        sealing,
        name: name.to_owned(),
        serial: 0,
        not_before: from,
        not_after: until,
        rights: vec![Right::Session],
    };
    Ok(Signed::seal(Domain::Certificate, &certificate, key))
}

/// Certificate and grant after the cheap checks; the signatures are not yet checked.
pub(crate) struct Claim {
    pub(crate) certificate: Certificate,
    pub(crate) grant: Grant,
    certificate_hash: Hash,
}

impl Claim {
    /// Reads both and does every check that costs no signature and needs no second look.
    pub(crate) fn read(authority: &Authority, store: &TrustStore) -> Result<Self, TrustError> {
        let certificate: Certificate =
            read("certificate", &authority.certificate, MAX_CERTIFICATE)?;
        let grant: Grant = read("grant", &authority.grant, MAX_GRANT)?;
        let claim = Self {
            certificate,
            grant,
            certificate_hash: authority.certificate.hash(),
        };
        claim.check_form()?;
        claim.check_standing(store)?;
        Ok(claim)
    }

    fn check_form(&self) -> Result<(), TrustError> {
        let (certificate, grant) = (&self.certificate, &self.grant);
        check_name(&certificate.name)?;
        if !self.is_self_signed() {
            check_name(&certificate.institution_name)?;
        }
        if certificate.not_after <= certificate.not_before {
            let detail = "it ends before it starts";
            return Err(TrustError::Malformed {
                what: "certificate",
                detail,
            });
        }
        if grant.certificate != self.certificate_hash {
            let detail = "the teacher made it for another certificate";
            return Err(TrustError::Malformed {
                what: "grant",
                detail,
            });
        }
        if grant.epoch == Epoch(0) {
            return Err(TrustError::Malformed {
                what: "grant",
                detail: "epochs start at 1",
            });
        }
        let life = Duration::from_secs(u64::from(grant.life));
        if life.is_zero() || life > MAX_GRANT_LIFE {
            let detail = "its life is not between one second and 24 hours";
            return Err(TrustError::Malformed {
                what: "grant",
                detail,
            });
        }
        if !certificate.rights.contains(&Right::Session) {
            return Err(TrustError::NoRight {
                name: certificate.name.clone(),
                institution: self.issuer_name(),
            });
        }
        Ok(())
    }

    fn check_standing(&self, store: &TrustStore) -> Result<(), TrustError> {
        let certificate = &self.certificate;
        if self.basis(store) == Basis::FirstContact && store.first_contact() == FirstContact::Refuse
        {
            return Err(if self.is_self_signed() {
                TrustError::UnknownTeacher {
                    name: certificate.name.clone(),
                    fingerprint: Fingerprint::of(&certificate.teacher),
                }
            } else {
                TrustError::UnknownInstitution {
                    institution: certificate.institution_name.clone(),
                    fingerprint: Fingerprint::of(&certificate.institution),
                }
            });
        }
        if store.is_revoked(&certificate.institution, certificate.serial) {
            return Err(TrustError::Revoked {
                name: certificate.name.clone(),
                institution: self.issuer_name(),
                serial: certificate.serial,
            });
        }
        let floor = store.floor(&certificate.institution);
        if certificate.not_after < floor {
            return Err(TrustError::Expired {
                name: certificate.name.clone(),
                institution: self.issuer_name(),
                end: certificate.not_after,
                floor,
            });
        }
        Ok(())
    }

    /// Checks both signatures.
    pub(crate) fn check_signatures(&self, authority: &Authority) -> Result<(), TrustError> {
        authority
            .certificate
            .verify(Domain::Certificate, self.certificate.institution.as_bytes())
            .map_err(|_| TrustError::BadSignature {
                what: "certificate",
                by: self.issuer_name(),
            })?;
        authority
            .grant
            .verify(Domain::Grant, self.certificate.teacher.as_bytes())
            .map_err(|_| TrustError::BadSignature {
                what: "grant",
                by: self.certificate.name.clone(),
            })
    }

    /// What the claim is worth, once its signatures are known to hold. Borrowed names raise an
    /// alarm here, so that garbage that nobody signed cannot. `teacher_clock` is what the teacher's
    /// clock showed a moment ago, if that is known.
    pub(crate) fn verdict(
        self,
        store: &TrustStore,
        local: UnixTime,
        teacher_clock: Option<UnixTime>,
    ) -> Result<Verdict, TrustError> {
        let basis = self.basis(store);
        if basis == Basis::FirstContact {
            self.check_borrowed_names(store)?;
        }
        let floor = store.floor(&self.certificate.institution);
        let clock = ClockWarning::find(local, floor, &self.certificate, teacher_clock);
        let Self {
            certificate, grant, ..
        } = self;
        let institution_name = store
            .institution_name(&certificate.institution)
            .map_or(certificate.institution_name, str::to_owned);
        let teacher = Box::new(VerifiedTeacher {
            teacher: certificate.teacher,
            name: certificate.name,
            sealing: certificate.sealing,
            institution: certificate.institution,
            institution_name,
            serial: certificate.serial,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            session: grant.session,
            session_key: grant.key,
            epoch: grant.epoch,
            device: grant.device,
            made: grant.made,
            life: Duration::from_secs(u64::from(grant.life)),
            basis,
            clock,
        });
        Ok(match basis {
            Basis::Institution | Basis::Pinned => Verdict::Trusted(teacher),
            Basis::FirstContact => Verdict::FirstContact(teacher),
        })
    }

    fn check_borrowed_names(&self, store: &TrustStore) -> Result<(), TrustError> {
        let certificate = &self.certificate;
        if let Some(known) = store.other_pinned_called(&certificate.name, &certificate.teacher) {
            return Err(TrustError::ChangedKey {
                name: certificate.name.clone(),
                known: Fingerprint::of(known),
                shown: Fingerprint::of(&certificate.teacher),
            });
        }
        let institution = &certificate.institution;
        match store.other_institution_called(&certificate.institution_name, institution) {
            Some(known) => Err(TrustError::ChangedInstitution {
                institution: certificate.institution_name.clone(),
                known: Fingerprint::of(known),
                shown: Fingerprint::of(institution),
            }),
            None => Ok(()),
        }
    }

    fn basis(&self, store: &TrustStore) -> Basis {
        if store
            .institution_name(&self.certificate.institution)
            .is_some()
        {
            Basis::Institution
        } else if store.pinned_teacher(&self.certificate.teacher).is_some() {
            Basis::Pinned
        } else {
            Basis::FirstContact
        }
    }

    fn is_self_signed(&self) -> bool {
        self.certificate.institution == self.certificate.teacher
    }

    /// Who issued the certificate, for messages.
    fn issuer_name(&self) -> String {
        if self.is_self_signed() {
            self.certificate.name.clone()
        } else {
            self.certificate.institution_name.clone()
        }
    }
}

fn read<T: DeserializeOwned>(
    what: &'static str,
    signed: &Signed,
    limit: usize,
) -> Result<T, TrustError> {
    let bytes = signed.body.len();
    if bytes > limit {
        return Err(TrustError::TooLong { what, bytes, limit });
    }
    signed.peek().map_err(|error| TrustError::Unreadable {
        what,
        detail: error.to_string(),
    })
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
