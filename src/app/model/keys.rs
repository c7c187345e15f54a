//! Teachers' keys on this computer. Opening one takes a while where there is a passphrase, so it is done beside the main loop.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gettextrs::gettext;
use gtk::gio;
use gtk::prelude::*;
use handout_engine::api::{PublicKey, UnixTime};
use handout_engine::core::trust::Fingerprint;
use handout_engine::store::keys::{FileKind, KeyError, KeyInput, KeyStore, UnlockedTeacher};

use crate::error::AppError;
use crate::format;

/// What is known of a key without opening it.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    key: PublicKey,
    name: String,
    institution: String,
    /// Whether a passphrase is needed.
    pub locked: bool,
}

impl KeyInfo {
    /// "Dr. Joshi · Graphic Era Hill University".
    pub fn label(&self) -> String {
        format::joined(&[self.name.clone(), self.institution.clone()])
    }
}

/// Somebody who is trusted on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The key.
    pub key: PublicKey,
    /// The name at the time it was trusted.
    pub name: String,
    /// Fingerprint of the key in words.
    pub words: String,
    /// Whether it vouches for teachers, instead of being one.
    pub institution: bool,
    /// Whether an administrator has decided it for the whole computer.
    pub managed: bool,
}

/// A key that was opened.
#[derive(Debug)]
pub struct Teacher(UnlockedTeacher);

impl Teacher {
    /// What signs a session.
    pub const fn key(&self) -> &UnlockedTeacher {
        &self.0
    }
}

/// The keys in one folder.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// The keys of the engine that keeps its data there.
    pub fn of(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("keys"),
        }
    }

    /// Which there are.
    pub fn list(&self) -> Result<Vec<KeyInfo>, AppError> {
        let found = KeyStore::open(&self.folder)?.teachers()?;
        let known = |info: handout_engine::store::keys::TeacherInfo| KeyInfo {
            key: info.key,
            name: info.name,
            institution: info.institution.unwrap_or_default(),
            locked: info.protected,
        };
        Ok(found.into_iter().map(known).collect())
    }

    /// Makes a key and opens it; an empty passphrase is none.
    pub async fn create(&self, name: &str, passphrase: &str) -> Result<Teacher, AppError> {
        let name = name.to_owned();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = UnixTime(now.map_or(0, |since| since.as_secs()));
        self.work(passphrase, move |store, passphrase| {
            let made = store.create_teacher(&name, passphrase, now)?;
            store.unlock_teacher(&made.key, passphrase)
        })
        .await
    }

    /// Opens a key.
    pub async fn unlock(&self, key: &KeyInfo, passphrase: &str) -> Result<Teacher, AppError> {
        let key = key.key;
        self.work(passphrase, move |store, passphrase| {
            store.unlock_teacher(&key, passphrase)
        })
        .await
    }

    /// Takes a teacher's whole key, or an institution's certificate for a key that is here.
    pub fn import(&self, file: &gio::File) -> Result<(), AppError> {
        let path = file
            .path()
            .ok_or_else(|| AppError::Unreadable(file.parse_name().as_str().into()))?;
        let input = KeyInput::file(&path)?;
        let store = KeyStore::open(&self.folder)?;
        match input.kind()? {
            FileKind::Teacher => store.import_teacher(&input).map(drop)?,
            FileKind::Certificate => store.import_certificate(&input).map(drop)?,
            _ => {
                return Err(AppError::Key(gettext(
                    "This file holds neither a teacher’s key nor a certificate.",
                )));
            }
        }
        Ok(())
    }

    /// Who is trusted here: institutions first.
    pub fn trusted(&self) -> Result<Vec<Trusted>, AppError> {
        // What of it cannot be used is the engine's to report.
        let (trust, _) = KeyStore::open(&self.folder)?.machine_trust()?;
        let one = |key: &PublicKey, name: &str, institution| Trusted {
            key: *key,
            name: name.to_owned(),
            words: Fingerprint::of(key).words(),
            institution,
            managed: institution && trust.is_system_institution(key),
        };
        let institutions = trust.institutions().map(|(key, name)| one(key, name, true));
        let teachers = trust
            .pinned()
            .map(|(key, pinned)| one(key, &pinned.name, false));
        Ok(institutions.chain(teachers).collect())
    }

    /// Trusts somebody no longer.
    pub fn forget(&self, trusted: &Trusted) -> Result<(), AppError> {
        let store = KeyStore::open(&self.folder)?;
        let mut trust = store.trust()?;
        let change = if trusted.institution {
            trust.forget_institution(&trusted.key)
        } else {
            trust.unpin(&trusted.key)
        };
        store.commit_trust(change.as_slice()).map(drop)?;
        Ok(())
    }

    async fn work(
        &self,
        passphrase: &str,
        open: impl FnOnce(&KeyStore, Option<&str>) -> Result<UnlockedTeacher, KeyError> + Send + 'static,
    ) -> Result<Teacher, AppError> {
        let folder = self.folder.clone();
        let passphrase = (!passphrase.is_empty()).then(|| passphrase.to_owned());
        let opened =
            gio::spawn_blocking(move || open(&KeyStore::open(&folder)?, passphrase.as_deref()))
                .await;
        match opened {
            Ok(opened) => Ok(Teacher(opened?)),
            Err(_) => Err(AppError::Key(gettext("The key could not be opened."))),
        }
    }
}

impl From<KeyError> for AppError {
    fn from(error: KeyError) -> Self {
        Self::Key(match error {
            KeyError::WrongPassphrase { .. } => {
                gettext("Wrong passphrase. Without the right one nobody can open the key.")
            }
            KeyError::PassphraseNeeded { .. } => gettext("This key needs its passphrase."),
            KeyError::AlreadyHere { .. } => gettext("This key is on this computer already."),
            KeyError::NotHandout { .. } => gettext(
                "This is no key file of Handout, or it is damaged. Get it again from where it came.",
            ),
            // Rare ones name the file and the remedy, in English.
            other => other.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_trusted_can_be_forgotten() -> Result<(), Box<dyn std::error::Error>> {
        let folder = std::env::temp_dir().join(format!("handout-keys-{}", std::process::id()));
        let keys = Keys::of(&folder);
        let store = KeyStore::open(&keys.folder)?;
        let made = store.create_institution("GEHU", None)?;
        store.import(&store.export_institution(&made.key)?.as_input())?;
        let trusted = keys.trusted()?;
        let [one] = &trusted[..] else {
            return Err(format!("{trusted:?}").into());
        };
        assert!(one.institution && !one.managed && one.name == "GEHU");
        assert!(one.words.split_whitespace().count() >= 4);
        keys.forget(one)?;
        assert!(keys.trusted()?.is_empty());
        std::fs::remove_dir_all(folder)?;
        Ok(())
    }
}
