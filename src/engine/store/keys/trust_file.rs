//! What is trusted, on the disk.

use std::path::Path;

use super::disk::{self, Over, locked};
use super::document::{FileKind, KeyInput, load, to_bytes};
use super::error::KeyError;
use super::{Imported, KeyStore, files};
use crate::core::trust::{Fingerprint, TrustChange, TrustStore};

const NAME: &str = "trust.json";

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

    /// Takes a revocation list ([`FileKind::Revocation`]); false if it is not newer.
    pub fn import_revocation(&self, input: &KeyInput) -> Result<bool, KeyError> {
        let file: files::Revocation = input.content()?;
        let changes = self
            .trust()?
            .accept_revocation(&file.list)
            .map_err(|source| KeyError::Refused {
                from: input.label().to_owned(),
                source,
            })?;
        self.commit_trust(changes.as_deref().unwrap_or_default())?;
        Ok(changes.is_some())
    }

    /// Reads the institutions that are installed for the whole machine: every file in `folder`
    /// that ends in `.handout-institution`. Add them with
    /// [`TrustStore::add_system_institution`]. A bad file does not hide the others.
    pub fn system_institutions(
        folder: &Path,
    ) -> (Vec<(crate::core::ids::PublicKey, String)>, Vec<KeyError>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let Ok(entries) = std::fs::read_dir(folder) else {
            return (good, bad);
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let ending = FileKind::Institution.extension();
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|ext| ext == ending))
        {
            match KeyInput::file(path).and_then(|input| input.content::<files::Institution>()) {
                Ok(file) => good.push((file.key, file.name)),
                Err(error) => bad.push(error),
            }
        }
        (good, bad)
    }
}
