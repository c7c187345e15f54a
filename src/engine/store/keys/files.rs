//! What stands in each kind of key file.

use serde::{Deserialize, Serialize};

use super::document::{Content, FileKind};
use super::error::KeyError;
use super::secret::Secret;
use crate::core::ids::{PublicKey, SealingKey};
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::trust::TrustError;
use crate::core::wire::statements;

/// This device's keys.
#[derive(Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) signing: PublicKey,
    pub(super) sealing: SealingKey,
    pub(super) secret: Secret,
}

/// A teacher's key. The secret is the Ed25519 seed and the X25519 secret, 32 bytes each.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Teacher {
    pub(super) name: String,
    pub(super) key: PublicKey,
    pub(super) sealing: SealingKey,
    /// The certificate of a teacher without an institution.
    pub(super) own: Signed,
    /// An institution's certificate; only in files that travel, the folder has it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<Signed>,
    pub(super) secret: Secret,
}

/// An institution's key. The secret is the Ed25519 seed of 32 bytes.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct InstitutionKey {
    pub(super) name: String,
    pub(super) key: PublicKey,
    pub(super) secret: Secret,
}

/// What students' machines have of an institution.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Institution {
    pub(super) name: String,
    pub(super) key: PublicKey,
}

/// The certificates an institution has issued.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Register {
    /// Number of the last revocation list.
    #[serde(default)]
    pub(super) revocations: u64,
    #[serde(default)]
    pub(super) issued: Vec<super::IssuedRecord>,
}

/// A request for a certificate: the teacher's self-signed one, which has all that is needed and
/// proves that the asker has the key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) own: Signed,
}

/// A certificate.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Certificate {
    pub(super) certificate: Signed,
}

/// A revocation list.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Revocation {
    pub(super) list: Signed,
}

/// A file's signature holds: read the certificate in it.
fn read_certificate(
    signed: Signed,
    from: &str,
) -> Result<(Signed, statements::Certificate), KeyError> {
    let refused = |source| KeyError::Refused {
        from: from.to_owned(),
        source,
    };
    let certificate: statements::Certificate = signed.peek().map_err(|error| {
        refused(TrustError::Unreadable {
            what: "certificate",
            detail: error.to_string(),
        })
    })?;
    signed
        .verify(Domain::Certificate, certificate.institution.as_bytes())
        .map_err(|_| {
            refused(TrustError::BadSignature {
                what: "certificate",
                by: certificate.institution_name.clone(),
            })
        })?;
    crate::core::trust::check_name(&certificate.name)?;
    Ok((signed, certificate))
}

impl Request {
    /// The self-signed certificate, verified.
    pub(super) fn read(self, from: &str) -> Result<(Signed, statements::Certificate), KeyError> {
        let (signed, certificate) = read_certificate(self.own, from)?;
        if certificate.institution != certificate.teacher {
            let detail = "the request is not signed by its own key";
            return Err(KeyError::Damaged {
                from: from.to_owned(),
                detail,
            });
        }
        Ok((signed, certificate))
    }
}

impl Certificate {
    /// The certificate, its signature verified by the key it names.
    pub(super) fn read(self, from: &str) -> Result<(Signed, statements::Certificate), KeyError> {
        read_certificate(self.certificate, from)
    }
}

impl Revocation {
    /// The list, not verified.
    pub(super) fn read(&self, from: &str) -> Result<statements::Revocation, KeyError> {
        self.list.peek().map_err(|error| KeyError::NotHandout {
            from: from.to_owned(),
            detail: error.to_string(),
        })
    }
}

/// A time before this program was written, which no clock that was ever set shows: 2026-01-01.
pub(super) const PAST: UnixTime = UnixTime(1_767_225_600);

macro_rules! content {
    ($($body:ty => $kind:ident),* $(,)?) => {
        $(impl Content for $body { const KIND: FileKind = FileKind::$kind; })*
    };
}

content! {
    Device => Device,
    crate::core::trust::TrustStore => Trust,
    Teacher => Teacher,
    InstitutionKey => InstitutionKey,
    Register => Register,
    Institution => Institution,
    Request => Request,
    Certificate => Certificate,
    Revocation => Revocation,
}
