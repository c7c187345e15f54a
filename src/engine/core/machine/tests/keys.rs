//! Keys of a teacher in tests.

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::world::WALL;
use crate::core::ids::{DeviceId, Epoch, PublicKey, SealingKey, SessionId};
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::trust::self_signed;
use crate::core::wire::statements::{Authority, Grant};

/// A teacher without institution.
pub struct TeacherKeys {
    pub key: SigningKey,
    pub sealing: StaticSecret,
    pub certificate: Signed,
}

impl TeacherKeys {
    pub fn new(name: &str, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let sealing = StaticSecret::from([seed; 32]);
        let public = SealingKey(x25519_dalek::PublicKey::from(&sealing).to_bytes());
        let (from, until) = (UnixTime(WALL - 86_400), UnixTime(WALL + 86_400 * 365));
        let certificate = self_signed(&key, public, name, from, until).unwrap();
        Self {
            key,
            sealing,
            certificate,
        }
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
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
            key: PublicKey(key.verifying_key().to_bytes()),
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
