//! Keys on the disk: this device's, teachers', institutions', and what is trusted.
//!
//! # Folder
//! ```text
//! device.json                          this device's keys, made on the first run
//! trust.json                           trusted institutions, pinned teachers, revocations
//! teachers/<key>.json                  a teacher's key, with a self-signed certificate
//! teachers/<key>.certificate.json      an institution's certificate for it
//! institutions/<key>.json              an institution's key, where certificates are issued
//! institutions/<key>.register.json     the certificates it has issued
//! ```
//! Folders have mode 0700 and files 0600; a file appears whole or not at all, and no key is ever
//! written over another. Teachers' and institutions' keys may be under a passphrase
//! ([`Protection`]).
//!
//! # Files that travel
//! A [`KeyDocument`] is what is carried to another machine, as a file or as a block of text:
//! an institution's public key, a request, a certificate, a revocation list, or a teacher's whole
//! key. A [`KeyInput`] is the same on its way in.
//!
//! Everything here blocks, for up to a second where a passphrase is involved.

mod device;
mod disk;
mod document;
mod error;
mod files;
mod institution;
mod secret;
mod teacher;
mod trust_file;

use std::path::{Path, PathBuf};

pub use device::DeviceKeys;
pub use document::{FileKind, KeyDocument, KeyInput};
pub use error::KeyError;
pub use institution::{InstitutionInfo, IssuedRecord, Term, UnlockedInstitution};
pub use secret::Protection;
pub use teacher::{TeacherInfo, UnlockedTeacher};

use crate::core::trust::{Fingerprint, TrustChange, TrustStore};

/// The folder of keys. Cheap to clone; several programs may use one folder at once.
#[derive(Debug, Clone)]
pub struct KeyStore {
    dir: PathBuf,
    protection: Protection,
    device: DeviceKeys,
}

/// What came of [`KeyStore::import`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "imported", rename_all = "kebab-case")]
pub enum Imported {
    /// An institution is trusted now.
    Institution {
        /// Its key.
        key: crate::core::ids::PublicKey,
        /// Its name.
        name: String,
        /// Its key's fingerprint.
        fingerprint: Fingerprint,
    },
    /// A teacher's key is here now.
    Teacher(TeacherInfo),
    /// A teacher's key has a certificate now.
    Certificate(TeacherInfo),
    /// A revocation list counts now.
    Revocation {
        /// Whether it is newer than what was known.
        newer: bool,
    },
}

impl KeyStore {
    /// Opens the folder, making it and this device's keys on the first run.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        Self::open_with(dir, Protection::default())
    }

    /// As [`KeyStore::open`], with another cost of new passphrases.
    pub fn open_with(dir: &Path, protection: Protection) -> Result<Self, KeyError> {
        disk::make_folder(dir)?;
        let device = DeviceKeys::load_or_make(&dir.join("device.json"))?;
        Ok(Self {
            dir: dir.to_owned(),
            protection,
            device,
        })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// This device's keys.
    pub const fn device(&self) -> &DeviceKeys {
        &self.device
    }

    /// What is trusted, as the disk has it.
    pub fn trust(&self) -> Result<TrustStore, KeyError> {
        trust_file::load_from(&self.dir)
    }

    /// Applies changes to what the disk has, and returns the outcome. Changes of other programs
    /// are kept.
    pub fn commit_trust(&self, changes: &[TrustChange]) -> Result<TrustStore, KeyError> {
        trust_file::commit(&self.dir, changes)
    }

    /// Takes whatever travels in `input`: trusts an institution, adds a teacher's key or its
    /// certificate, or takes a revocation list. Ask a person before, with [`KeyInput::kind`] and
    /// [`KeyInput::describe`].
    pub fn import(&self, input: &KeyInput) -> Result<Imported, KeyError> {
        match input.kind()? {
            FileKind::Institution => self.trust_institution(input),
            FileKind::Teacher => self.import_teacher(input).map(Imported::Teacher),
            FileKind::Certificate => self.import_certificate(input).map(Imported::Certificate),
            FileKind::Revocation => self
                .import_revocation(input)
                .map(|newer| Imported::Revocation { newer }),
            found => Err(KeyError::WrongKind {
                from: input.label().to_owned(),
                expected: "an institution, certificate, teacher key or revocation",
                found: found.name(),
            }),
        }
    }
}

/// Picks from `all` the one that `wanted` means: by name, by fingerprint in either form, or the
/// only one there is.
fn pick<T: Clone>(
    what: &'static str,
    all: &[T],
    wanted: Option<&str>,
    of: impl Fn(&T) -> (Fingerprint, &str),
) -> Result<T, KeyError> {
    let by_print = wanted.and_then(|text| text.parse::<Fingerprint>().ok());
    let mut fitting: Vec<T> = all
        .iter()
        .filter(|one| {
            let (print, name) = of(one);
            wanted.is_none_or(|wanted| {
                by_print == Some(print) || crate::core::trust::same_name(name, wanted)
            })
        })
        .cloned()
        .collect();
    match (fitting.pop(), fitting.is_empty(), wanted) {
        (Some(one), true, _) => Ok(one),
        (None, _, Some(wanted)) => Err(KeyError::NotFound {
            what,
            wanted: wanted.to_owned(),
        }),
        (None, _, None) => Err(KeyError::None { what }),
        (Some(_), false, _) => {
            let names = all.iter().map(|one| {
                let (print, name) = of(one);
                format!("{name} ({})", print.hex())
            });
            Err(KeyError::Several {
                what,
                names: names.collect::<Vec<_>>().join(", "),
            })
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
