//! Keys of simulated devices and teachers: the same for the same name.

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::machine::WALL;
use crate::core::ids::{DeviceId, Epoch, PublicKey, SealingKey, SessionId};
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::trust::{TrustStore, self_signed};
use crate::core::wire::statements::{Authority, Certificate, Grant, Revocation, Right};

const DAY: u64 = 86_400;

/// 32 bytes that belong to a name.
pub fn secret(name: &str) -> [u8; 32] {
    *blake3::hash(name.as_bytes()).as_bytes()
}

/// The public half of a key.
pub fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

/// A school whose teachers are trusted wherever its key is known.
#[derive(Debug)]
pub struct School {
    key: SigningKey,
    name: String,
}

impl School {
    /// A school of this name.
    pub fn new(name: &str) -> Self {
        Self {
            key: SigningKey::from_bytes(&secret(name)),
            name: name.to_owned(),
        }
    }

    /// What a machine knows that trusts it.
    pub fn trust(&self) -> TrustStore {
        let mut trust = TrustStore::default();
        trust
            .trust_institution(public(&self.key), &self.name)
            .expect("an empty store has room for a school with a name");
        trust
    }

    /// The same, and that a certificate was withdrawn.
    pub fn trust_without(&self, serial: u64) -> TrustStore {
        let list = Revocation {
            institution: public(&self.key),
            number: 1,
            made: UnixTime(WALL),
            serials: vec![serial],
        };
        let mut trust = self.trust();
        trust
            .accept_revocation(&Signed::seal(Domain::Revocation, &list, &self.key))
            .expect("a school may withdraw what it gave");
        trust
    }
}

/// A teacher's keys and certificate.
pub struct TeacherKeys {
    /// The teacher's key.
    pub key: SigningKey,
    /// For bodies to the teacher alone.
    pub sealing: StaticSecret,
    /// The certificate.
    pub certificate: Signed,
}

impl TeacherKeys {
    /// A teacher without an institution.
    pub fn alone(name: &str) -> Self {
        let (key, sealing) = Self::secrets(name);
        let (from, until) = (UnixTime(WALL - DAY), UnixTime(WALL + 365 * DAY));
        let certificate = self_signed(&key, sealed_to(&sealing), name, from, until)
            .expect("a name and a year are certifiable");
        Self {
            key,
            sealing,
            certificate,
        }
    }

    /// A teacher of a school.
    pub fn of(school: &School, name: &str) -> Self {
        Self::numbered(school, name, 1)
    }

    /// A teacher of a school whose certificate has this serial.
    pub fn numbered(school: &School, name: &str, serial: u64) -> Self {
        let (key, sealing) = Self::secrets(name);
        let certificate = Certificate {
            institution: public(&school.key),
            institution_name: school.name.clone(),
            teacher: public(&key),
            sealing: sealed_to(&sealing),
            name: name.to_owned(),
            serial,
            not_before: UnixTime(WALL - DAY),
            not_after: UnixTime(WALL + 365 * DAY),
            rights: vec![Right::Session],
        };
        let certificate = Signed::seal(Domain::Certificate, &certificate, &school.key);
        Self {
            key,
            sealing,
            certificate,
        }
    }

    fn secrets(name: &str) -> (SigningKey, StaticSecret) {
        let bytes = secret(name);
        (SigningKey::from_bytes(&bytes), StaticSecret::from(bytes))
    }

    /// The teacher's public key.
    pub fn public(&self) -> PublicKey {
        public(&self.key)
    }

    /// Certificate and grant for a session key on a device.
    pub fn authority(
        &self,
        session: SessionId,
        key: &SigningKey,
        device: DeviceId,
        epoch: u32,
    ) -> Authority {
        let grant = Grant {
            session,
            key: public(key),
            certificate: self.certificate.hash(),
            epoch: Epoch(epoch),
            device,
            made: UnixTime(WALL),
            life: 3_600 * 12,
        };
        Authority {
            certificate: self.certificate.clone(),
            grant: Signed::seal(Domain::Grant, &grant, &self.key),
        }
    }
}

fn sealed_to(secret: &StaticSecret) -> SealingKey {
    SealingKey(x25519_dalek::PublicKey::from(secret).to_bytes())
}
