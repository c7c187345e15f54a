//! Secrets in files, in the clear or under a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::error::KeyError;
use crate::core::signed::base64_bytes;

/// How costly it is to try a passphrase: Argon2id by RFC 9106.
///
/// The default is that document's second recommendation in memory and passes (64 MiB, 3), with one
/// lane, because more lanes help only where they run in parallel. It takes 0.12 s (measured)
/// on an ordinary machine, and fits the memory of a small one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Protection {
    fn default() -> Self {
        Self {
            memory: 64 * 1_024,
            passes: 3,
            lanes: 1,
        }
    }
}

impl Protection {
    /// Far less than any secret deserves: for tests.
    pub const FOR_TESTS: Self = Self {
        memory: 64,
        passes: 1,
        lanes: 1,
    };

    /// A file is not trusted to say how much memory and time it takes: 1 GiB, 16 passes.
    const fn is_reasonable(self) -> bool {
        self.memory >= 8 * self.lanes
            && self.memory <= 1 << 20
            && self.passes >= 1
            && self.passes <= 16
            && self.lanes >= 1
            && self.lanes <= 16
    }

    fn derive(self, passphrase: &str, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        // The same letters may be typed as different code points on another keyboard.
        let typed = Zeroizing::new(passphrase.nfc().collect::<String>());
        let params = Params::new(self.memory, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(typed.as_bytes(), salt, &mut *key)
            .ok()?;
        Some(key)
    }
}

/// A secret as it stands in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "protection", rename_all = "kebab-case")]
pub(super) enum Secret {
    /// Only the file's mode keeps it.
    None {
        #[serde(with = "base64_bytes")]
        secret: Vec<u8>,
    },
    /// ChaCha20-Poly1305 under a key derived from a passphrase. The salt is random and the key
    /// used once, so the nonce is zero.
    Passphrase {
        argon2id: Protection,
        #[serde(with = "base64_bytes")]
        salt: Vec<u8>,
        #[serde(with = "base64_bytes")]
        sealed: Vec<u8>,
    },
}

impl Drop for Secret {
    fn drop(&mut self) {
        if let Self::None { secret } = self {
            zeroize::Zeroize::zeroize(secret);
        }
    }
}

impl Secret {
    /// Seals `secret`; `bound` is what the file says of it in the clear, and cannot be changed
    /// without the passphrase.
    pub(super) fn seal(
        secret: &[u8],
        passphrase: Option<&str>,
        protection: Protection,
        bound: &[u8],
    ) -> Result<Self, KeyError> {
        let Some(passphrase) = passphrase else {
            return Ok(Self::None {
                secret: secret.to_vec(),
            });
        };
        if passphrase.is_empty() {
            return Err(KeyError::EmptyPassphrase);
        }
        let mut salt = vec![0; 16];
        getrandom::fill(&mut salt)?;
        let key = protection
            .derive(passphrase, &salt)
            .ok_or_else(|| KeyError::BadProtection {
                from: "the configuration".into(),
            })?;
        let sealed = ChaCha20Poly1305::new((&*key).into())
            .encrypt(
                &Nonce::default(),
                Payload {
                    msg: secret,
                    aad: bound,
                },
            )
            .expect("a key is far below the cipher's limit");
        Ok(Self::Passphrase {
            argon2id: protection,
            salt,
            sealed,
        })
    }

    /// Whether a passphrase is needed.
    pub(super) const fn is_protected(&self) -> bool {
        matches!(self, Self::Passphrase { .. })
    }

    /// Opens it; `from` is what errors call its file. A passphrase for a secret that has none is
    /// not an error.
    pub(super) fn open(
        &self,
        passphrase: Option<&str>,
        bound: &[u8],
        from: &str,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match (self, passphrase) {
            (Self::None { secret }, _) => Ok(Zeroizing::new(secret.clone())),
            (Self::Passphrase { .. }, None) => Err(KeyError::PassphraseNeeded {
                from: from.to_owned(),
            }),
            (
                Self::Passphrase {
                    argon2id,
                    salt,
                    sealed,
                },
                Some(passphrase),
            ) => {
                let bad = || KeyError::BadProtection {
                    from: from.to_owned(),
                };
                if !argon2id.is_reasonable() {
                    return Err(bad());
                }
                let key = argon2id.derive(passphrase, salt).ok_or_else(bad)?;
                ChaCha20Poly1305::new((&*key).into())
                    .decrypt(
                        &Nonce::default(),
                        Payload {
                            msg: sealed,
                            aad: bound,
                        },
                    )
                    .map(Zeroizing::new)
                    .map_err(|_| KeyError::WrongPassphrase {
                        from: from.to_owned(),
                    })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sealed(passphrase: Option<&str>) -> Secret {
        Secret::seal(b"secret", passphrase, Protection::FOR_TESTS, b"bound").unwrap()
    }

    #[test]
    fn the_right_passphrase_opens_it_however_it_was_typed() {
        let secret = sealed(Some("caf\u{e9}"));
        let opened = secret.open(Some("cafe\u{301}"), b"bound", "file").unwrap();
        assert_eq!(opened[..], *b"secret");
        assert!(secret.is_protected());
    }

    #[test]
    fn a_wrong_missing_or_empty_passphrase_is_told_apart() {
        let secret = sealed(Some("right"));
        let open = |passphrase| secret.open(passphrase, b"bound", "file").unwrap_err();
        assert!(matches!(
            open(Some("wrong")),
            KeyError::WrongPassphrase { .. }
        ));
        assert!(matches!(open(None), KeyError::PassphraseNeeded { .. }));
        assert!(matches!(
            Secret::seal(b"", Some(""), Protection::FOR_TESTS, b""),
            Err(KeyError::EmptyPassphrase)
        ));
    }

    #[test]
    fn the_usual_protection_is_within_what_is_accepted_from_files() {
        let protection = Protection::default();
        let secret = Secret::seal(b"secret", Some("right"), protection, b"").unwrap();
        assert_eq!(
            secret.open(Some("right"), b"", "file").unwrap()[..],
            *b"secret"
        );
    }

    #[test]
    fn what_stands_in_the_clear_beside_it_cannot_be_changed() {
        assert!(
            sealed(Some("right"))
                .open(Some("right"), b"other", "file")
                .is_err()
        );
    }

    #[test]
    fn without_a_passphrase_it_is_just_there() {
        let opened = sealed(None)
            .open(Some("needless"), b"bound", "file")
            .unwrap();
        assert_eq!(opened[..], *b"secret");
    }

    #[test]
    fn a_hostile_file_cannot_ask_for_all_the_memory() {
        let Secret::Passphrase { salt, sealed, .. } = &sealed(Some("right")) else {
            panic!("not sealed")
        };
        let hostile = Secret::Passphrase {
            argon2id: Protection {
                memory: u32::MAX,
                passes: 1,
                lanes: 1,
            },
            salt: salt.clone(),
            sealed: sealed.clone(),
        };
        assert!(matches!(
            hostile.open(Some("right"), b"bound", "file"),
            Err(KeyError::BadProtection { .. })
        ));
    }
}
