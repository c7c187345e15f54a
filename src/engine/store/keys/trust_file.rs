//! What is trusted, on the disk.

use std::path::{Path, PathBuf};

use super::disk::{self, Over, locked};
use super::document::{FileKind, KeyInput, load, to_bytes};
use super::error::KeyError;
use super::{Imported, KeyStore, files};
use crate::core::trust::{Fingerprint, TrustChange, TrustStore};

const NAME: &str = "trust.json";
/// Where the institutions stand that the administrator trusts for the whole machine; in a Flatpak, its extension.
const SYSTEM_INSTITUTIONS: [&str; 2] = ["/etc/handout/institutions", "/app/institutions"];

/// What the disk has; nothing is trusted where there is no file.
pub(super) fn load_from(dir: &Path) -> Result<TrustStore, KeyError> {
    Ok(load(&dir.join(NAME))?.unwrap_or_default())
}

/// Applies changes to what the disk has.
pub(super) fn commit(dir: &Path, changes: &[TrustChange]) -> Result<TrustStore, KeyError> {
    let path = dir.join(NAME);
    locked(&path, || {
        let mut store = load_from(dir)?;
        for change in changes {
            store.apply(change.clone());
        }
        if !changes.is_empty() {
            disk::write(&path, &to_bytes(&store), Over::Older)?;
        }
        Ok(store)
    })
}

impl KeyStore {
    /// Trusts the institution in `input` ([`FileKind::Institution`]).
    pub fn trust_institution(&self, input: &KeyInput) -> Result<Imported, KeyError> {
        let file: files::Institution = input.content()?;
        let change = self
            .trust()?
            .trust_institution(file.key, &file.name)
            .map_err(|source| KeyError::Refused {
                from: input.label().to_owned(),
                source,
            })?;
        self.commit_trust(&[change])?;
        let fingerprint = Fingerprint::of(&file.key);
        Ok(Imported::Institution {
            key: file.key,
            name: file.name,
            fingerprint,
        })
    }

    /// Takes a revocation list ([`FileKind::Revocation`]) of an institution that this person or the machine trusts; false
    /// if it is not newer.
    pub fn import_revocation(&self, input: &KeyInput) -> Result<bool, KeyError> {
        let file: files::Revocation = input.content()?;
        let changes = self
            .machine_trust()?
            .0
            .accept_revocation(&file.list)
            .map_err(|source| KeyError::Refused {
                from: input.label().to_owned(),
                source,
            })?;
        self.commit_trust(changes.as_deref().unwrap_or_default())?;
        Ok(changes.is_some())
    }

    /// What is trusted by this person and by the whole machine, and what of the latter cannot be used.
    pub fn machine_trust(&self) -> Result<(TrustStore, Vec<KeyError>), KeyError> {
        let mut trust = self.trust()?;
        let folders = SYSTEM_INSTITUTIONS.map(Path::new);
        let bad = folders.map(|folder| Self::add_system(&mut trust, folder));
        Ok((trust, bad.into_iter().flatten().collect()))
    }

    /// Adds what is installed for the whole machine: the institutions in `folder`, every file that ends in
    /// `.handout-institution`, and what they have withdrawn, every file that ends in `.handout-revocation`. Gives what
    /// cannot be used; a bad file does not hide the others.
    pub(super) fn add_system(trust: &mut TrustStore, folder: &Path) -> Vec<KeyError> {
        let mut bad = Vec::new();
        let Ok(entries) = std::fs::read_dir(folder) else {
            return bad;
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for kind in [FileKind::Institution, FileKind::Revocation] {
            let ending = kind.extension();
            let fits = |path: &&PathBuf| path.extension().is_some_and(|ext| ext == ending);
            for path in paths.iter().filter(fits) {
                if let Err(error) = add_file(trust, kind, path) {
                    bad.push(error);
                }
            }
        }
        bad
    }
}

fn add_file(trust: &mut TrustStore, kind: FileKind, path: &Path) -> Result<(), KeyError> {
    let input = KeyInput::file(path)?;
    let added = if kind == FileKind::Institution {
        let file: files::Institution = input.content()?;
        trust.add_system_institution(file.key, &file.name)
    } else {
        let file: files::Revocation = input.content()?;
        trust.accept_revocation(&file.list).map(drop)
    };
    added.map_err(|source| KeyError::Refused {
        from: input.label().to_owned(),
        source,
    })
}
