//! Keys, certificates and grants for tests.

use ed25519_dalek::SigningKey;

use crate::core::ids::{DeviceId, Epoch, PublicKey, SealingKey, SessionId};
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::wire::statements::{Authority, Certificate, Grant, Revocation, Right};

pub(crate) const DAY: u64 = 86_400;
/// Some day in 2026.
pub(crate) const TODAY: UnixTime = UnixTime(20_600 * DAY);

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> PublicKey {
    PublicKey(key(seed).verifying_key().to_bytes())
}

/// A certificate by key `institution` for key `teacher`; the same number for both is self-signed.
pub(crate) fn certificate(institution: u8, teacher: u8) -> Certificate {
    Certificate {
        institution: public(institution),
        institution_name: if institution == teacher {
            String::new()
        } else {
            "GEHU".into()
        },
        teacher: public(teacher),
        sealing: SealingKey([teacher; 32]),
        name: format!("Teacher {teacher}"),
        serial: u64::from(teacher),
        not_before: TODAY,
        not_after: UnixTime(TODAY.0 + 365 * DAY),
        rights: vec![Right::Session],
    }
}

/// A grant for the session key `session` of the session with that number, and its certificate.
pub(crate) fn authority_of(
    certificate: &Certificate,
    institution: u8,
    teacher: u8,
    session: u8,
    epoch: u32,
) -> Authority {
    let certificate = Signed::seal(Domain::Certificate, certificate, &key(institution));
    let grant = grant(&certificate, session, epoch);
    Authority {
        grant: Signed::seal(Domain::Grant, &grant, &key(teacher)),
        certificate,
    }
}

pub(crate) fn grant(certificate: &Signed, session: u8, epoch: u32) -> Grant {
    Grant {
        session: SessionId([session; 16]),
        key: public(session),
        certificate: certificate.hash(),
        epoch: Epoch(epoch),
        device: DeviceId([9; 32]),
        made: TODAY,
        life: 8 * 3_600,
    }
}

pub(crate) fn authority(institution: u8, teacher: u8, session: u8, epoch: u32) -> Authority {
    authority_of(
        &certificate(institution, teacher),
        institution,
        teacher,
        session,
        epoch,
    )
}

pub(crate) fn revocation(institution: u8, number: u64, made: UnixTime, serials: &[u64]) -> Signed {
    let list = Revocation {
        institution: public(institution),
        number,
        made,
        serials: serials.to_vec(),
    };
    Signed::seal(Domain::Revocation, &list, &key(institution))
}
