//! This device's keys.

use std::fmt;
use std::path::Path;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::disk::{self, Over};
use super::document::{load, to_bytes};
use super::error::KeyError;
use super::files;
use super::secret::{Protection, Secret};
use crate::core::ids::{DeviceId, PublicKey, SealingKey};
use crate::core::sealed::sealing_key;

/// This device's keys: one to prove itself with, one that messages for it are sealed to.
#[derive(Clone)]
pub struct DeviceKeys {
    signing: SigningKey,
    sealing: StaticSecret,
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeviceKeys").field(&self.id()).finish()
    }
}

impl DeviceKeys {
    /// New keys, which are nowhere but in memory.
    pub fn random() -> Result<Self, KeyError> {
        Ok(Self {
            signing: random_signing_key()?,
            sealing: random_sealing_secret()?,
        })
    }

    /// Reads the keys at `path`, or makes them. Where two programs make them at once, both end up
    /// with those of the first.
    pub(super) fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        if let Some(file) = load::<files::Device>(path)? {
            return Self::from_file(&file, path);
        }
        let made = Self::random()?;
        let secret = both_halves(&made.signing, &made.sealing);
        let file = files::Device {
            signing: PublicKey(made.id().0),
            sealing: made.sealing_key(),
            secret: Secret::seal(&*secret, None, Protection::default(), b"")?,
        };
        match disk::write(path, &to_bytes(&file), Over::Nothing) {
            Ok(()) => Ok(made),
            Err(KeyError::Exists { .. }) => {
                let file = load::<files::Device>(path)?.ok_or_else(|| KeyError::Exists {
                    path: path.to_owned(),
                })?;
                Self::from_file(&file, path)
            }
            Err(error) => Err(error),
        }
    }

    fn from_file(file: &files::Device, path: &Path) -> Result<Self, KeyError> {
        let from = path.display().to_string();
        let secret = file.secret.open(None, b"", &from)?;
        let (signing, sealing) = from_halves(&secret, file.signing, file.sealing, &from)?;
        Ok(Self { signing, sealing })
    }

    /// This device, as others know it.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.signing.verifying_key().to_bytes())
    }

    /// The key that others seal messages for this device to.
    pub fn sealing_key(&self) -> SealingKey {
        sealing_key(&self.sealing)
    }

    /// The key that this device proves itself with.
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The secret that opens what is sealed for this device.
    pub const fn sealing_secret(&self) -> &StaticSecret {
        &self.sealing
    }
}

pub(super) fn random_signing_key() -> Result<SigningKey, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)?;
    Ok(SigningKey::from_bytes(&seed))
}

pub(super) fn random_sealing_secret() -> Result<StaticSecret, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)?;
    Ok(StaticSecret::from(*seed))
}

/// Both secrets, as they stand in files.
pub(super) fn both_halves(signing: &SigningKey, sealing: &StaticSecret) -> Zeroizing<[u8; 64]> {
    let mut both = Zeroizing::new([0; 64]);
    both[..32].copy_from_slice(signing.as_bytes());
    both[32..].copy_from_slice(sealing.as_bytes());
    both
}

/// Both secrets from a file, which must be those of the public keys beside them.
pub(super) fn from_halves(
    secret: &[u8],
    public: PublicKey,
    sealing_public: SealingKey,
    from: &str,
) -> Result<(SigningKey, StaticSecret), KeyError> {
    let damaged = |detail| KeyError::Damaged {
        from: from.to_owned(),
        detail,
    };
    let both: &[u8; 64] = secret
        .try_into()
        .map_err(|_| damaged("the secret has a wrong length"))?;
    let (seed, sealing) = both.split_at(32);
    let signing = SigningKey::try_from(seed).map_err(|_| damaged("the secret is unusable"))?;
    let sealing: Zeroizing<[u8; 32]> = Zeroizing::new(
        sealing
            .try_into()
            .map_err(|_| damaged("the secret is unusable"))?,
    );
    let sealing = StaticSecret::from(*sealing);
    if signing.verifying_key().to_bytes() != public.0 || sealing_key(&sealing) != sealing_public {
        return Err(damaged("secret and public key do not belong together"));
    }
    Ok((signing, sealing))
}
