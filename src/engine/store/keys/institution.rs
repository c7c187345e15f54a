//! Institutions: their keys, the certificates they issue and withdraw.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::device::random_signing_key;
use super::disk::{self, Over, locked};
use super::document::{KeyDocument, KeyInput, load, to_bytes};
use super::error::KeyError;
use super::secret::Secret;
use super::{KeyStore, files, pick, teacher};
use crate::core::ids::PublicKey;
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::trust::{Date, Fingerprint, check_name};
use crate::core::wire::statements::{Certificate, Revocation, Right};

const DAY: u64 = 86_400;

/// What is known of an institution's key without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstitutionInfo {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Whether a passphrase is needed.
    pub protected: bool,
    /// The certificates it has issued from this folder, by number.
    pub issued: Vec<IssuedRecord>,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedRecord {
    /// Its number.
    pub serial: u64,
    /// The teacher's name.
    pub name: String,
    /// The teacher's key.
    pub teacher: PublicKey,
    /// When it was issued.
    pub issued: UnixTime,
    /// Until when it counts.
    pub not_after: UnixTime,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// For how long, and under which number, a certificate is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Days from now, 1 to [`Term::MAX_DAYS`].
    pub days: u32,
    /// Its number; the next free one if `None`. Institutions whose key is on several machines
    /// give each machine a range of its own.
    pub serial: Option<u64>,
}

impl Term {
    /// Ten years; a year is usual.
    pub const MAX_DAYS: u32 = 3_653;
}

impl Default for Term {
    fn default() -> Self {
        Self {
            days: 365,
            serial: None,
        }
    }
}

/// An institution's key, opened. The secret is wiped when it is dropped and never printed.
pub struct UnlockedInstitution {
    store: KeyStore,
    name: String,
    signing: SigningKey,
}

impl fmt::Debug for UnlockedInstitution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnlockedInstitution")
            .field(&self.name)
            .field(&self.key())
            .finish()
    }
}

fn bound(key: PublicKey, name: &str) -> Vec<u8> {
    [b"handout/v1/institution\0", &key.0[..], name.as_bytes()].concat()
}

impl KeyStore {
    /// Makes an institution's key. This machine trusts it from now on; others take
    /// [`KeyStore::export_institution`]. The key is worth a passphrase and a backup.
    pub fn create_institution(
        &self,
        name: &str,
        passphrase: Option<&str>,
    ) -> Result<InstitutionInfo, KeyError> {
        check_name(name)?;
        let signing = random_signing_key()?;
        let key = PublicKey(signing.verifying_key().to_bytes());
        let secret = Secret::seal(
            signing.as_bytes(),
            passphrase,
            self.protection,
            &bound(key, name),
        )?;
        let file = files::InstitutionKey {
            name: name.to_owned(),
            key,
            secret,
        };
        self.add_institution(&file)
    }

    /// Takes an institution's secret key that was made on another machine
    /// ([`super::FileKind::InstitutionKey`]). It is trusted here from now on.
    pub fn import_institution_key(&self, input: &KeyInput) -> Result<InstitutionInfo, KeyError> {
        self.add_institution(&input.content()?)
    }

    fn add_institution(&self, file: &files::InstitutionKey) -> Result<InstitutionInfo, KeyError> {
        check_name(&file.name)?;
        disk::make_folder(&self.institutions_folder())?;
        let path = self.institution_path(&file.key);
        disk::write(&path, &to_bytes(file), Over::Nothing).map_err(|error| match error {
            KeyError::Exists { .. } => KeyError::AlreadyHere {
                name: file.name.clone(),
            },
            other => other,
        })?;
        self.trust_institution(&self.export_institution(&file.key)?.as_input())?;
        self.institution_info(file)
    }

    fn institution_info(&self, file: &files::InstitutionKey) -> Result<InstitutionInfo, KeyError> {
        Ok(InstitutionInfo {
            name: file.name.clone(),
            key: file.key,
            fingerprint: Fingerprint::of(&file.key),
            protected: file.secret.is_protected(),
            issued: self.register(&file.key)?.issued,
        })
    }

    /// Every institution whose secret key is here, by name.
    pub fn institutions(&self) -> Result<Vec<InstitutionInfo>, KeyError> {
        let mut all = Vec::new();
        for path in disk::list(&self.institutions_folder())? {
            if let Some(file) = load::<files::InstitutionKey>(&path)? {
                all.push(self.institution_info(&file)?);
            }
        }
        all.sort_by(|one, other| (&one.name, one.key).cmp(&(&other.name, other.key)));
        Ok(all)
    }

    /// The institution's key that `wanted` means: by name, by fingerprint (words or digits), or
    /// the only one there is.
    pub fn find_institution(&self, wanted: Option<&str>) -> Result<InstitutionInfo, KeyError> {
        pick("institution key", &self.institutions()?, wanted, |one| {
            (one.fingerprint, &one.name)
        })
    }

    /// The public key and name of an institution, for every machine that shall trust it: one
    /// whose secret key is here, or one that is trusted here.
    pub fn export_institution(&self, key: &PublicKey) -> Result<KeyDocument, KeyError> {
        let name = match self.institution_file(key) {
            Ok((file, _)) => file.name,
            Err(KeyError::NotFound { what, wanted }) => self
                .trust()?
                .institution_name(key)
                .map(str::to_owned)
                .ok_or(KeyError::NotFound { what, wanted })?,
            Err(error) => return Err(error),
        };
        Ok(KeyDocument::new(
            &name,
            &files::Institution {
                name: name.clone(),
                key: *key,
            },
        ))
    }

    /// An institution's secret key, under its passphrase if it has one: for a backup.
    pub fn export_institution_key(&self, key: &PublicKey) -> Result<KeyDocument, KeyError> {
        let (file, _) = self.institution_file(key)?;
        Ok(KeyDocument::new(&file.name, &file))
    }

    /// Opens an institution's key. Takes up to a second where there is a passphrase.
    pub fn unlock_institution(
        &self,
        key: &PublicKey,
        passphrase: Option<&str>,
    ) -> Result<UnlockedInstitution, KeyError> {
        let (file, path) = self.institution_file(key)?;
        let from = path.display().to_string();
        let secret = file
            .secret
            .open(passphrase, &bound(file.key, &file.name), &from)?;
        let damaged = |detail| KeyError::Damaged {
            from: from.clone(),
            detail,
        };
        let signing = SigningKey::try_from(&secret[..])
            .map_err(|_| damaged("the secret has a wrong length"))?;
        if signing.verifying_key().to_bytes() != file.key.0 {
            return Err(damaged("secret and public key do not belong together"));
        }
        Ok(UnlockedInstitution {
            store: self.clone(),
            name: file.name,
            signing,
        })
    }

    fn institution_file(
        &self,
        key: &PublicKey,
    ) -> Result<(files::InstitutionKey, PathBuf), KeyError> {
        let path = self.institution_path(key);
        let file: files::InstitutionKey = load(&path)?.ok_or_else(|| KeyError::NotFound {
            what: "institution key",
            wanted: Fingerprint::of(key).words(),
        })?;
        if file.key != *key {
            let detail = "its name is that of another key";
            return Err(KeyError::Damaged {
                from: path.display().to_string(),
                detail,
            });
        }
        Ok((file, path))
    }

    fn institutions_folder(&self) -> PathBuf {
        self.dir.join("institutions")
    }

    fn institution_path(&self, key: &PublicKey) -> PathBuf {
        self.institutions_folder()
            .join(format!("{}.json", Fingerprint::of(key).compact()))
    }

    fn register_path(&self, key: &PublicKey) -> PathBuf {
        let name = format!("{}.register.json", Fingerprint::of(key).compact());
        self.institutions_folder().join(name)
    }

    fn register(&self, key: &PublicKey) -> Result<files::Register, KeyError> {
        Ok(load(&self.register_path(key))?.unwrap_or_default())
    }

    /// Changes the register, on the disk before it returns.
    fn change_register<T>(
        &self,
        key: &PublicKey,
        change: impl FnOnce(&mut files::Register) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let path = self.register_path(key);
        locked(&path, || {
            let mut register = self.register(key)?;
            let outcome = change(&mut register)?;
            disk::write(&path, &to_bytes(&register), Over::Older)?;
            Ok(outcome)
        })
    }
}

impl UnlockedInstitution {
    /// The institution's key.
    pub fn key(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().to_bytes())
    }

    /// The institution's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Issues a certificate for a request ([`super::FileKind::Request`]). Compare the fingerprint
    /// with the teacher before: the request proves who has the key, not who that is. `name`
    /// replaces the name in the request.
    pub fn issue(
        &self,
        request: &KeyInput,
        name: Option<&str>,
        term: Term,
        now: UnixTime,
    ) -> Result<(IssuedRecord, KeyDocument), KeyError> {
        let (_, asked) = request.content::<files::Request>()?.read(request.label())?;
        let (record, certificate) = self.certify(
            Certificate {
                name: name.unwrap_or(&asked.name).to_owned(),
                ..asked
            },
            term,
            now,
        )?;
        let file = files::Certificate { certificate };
        Ok((record.clone(), KeyDocument::new(&record.name, &file)))
    }

    /// Makes a key and a certificate for a teacher in one step: the document is carried to the
    /// teacher's machine, under `passphrase`, which the teacher is told in another way.
    pub fn issue_teacher(
        &self,
        name: &str,
        passphrase: Option<&str>,
        term: Term,
        now: UnixTime,
    ) -> Result<(IssuedRecord, KeyDocument), KeyError> {
        let mut file = teacher::make(name, passphrase, self.store.protection, now)?;
        let (_, own) = files::Request {
            own: file.own.clone(),
        }
        .read("the new key")?;
        let (record, certificate) = self.certify(own, term, now)?;
        file.certificate = Some(certificate);
        Ok((record, KeyDocument::new(name, &file)))
    }

    fn certify(
        &self,
        asked: Certificate,
        term: Term,
        now: UnixTime,
    ) -> Result<(IssuedRecord, Signed), KeyError> {
        check_clock(now)?;
        check_name(&asked.name)?;
        if term.days == 0 || term.days > Term::MAX_DAYS {
            return Err(KeyError::BadTerm {
                days: term.days,
                limit: Term::MAX_DAYS,
            });
        }
        let not_after = UnixTime(now.0.saturating_add(u64::from(term.days) * DAY));
        let record = self.store.change_register(&self.key(), |register| {
            let used: BTreeSet<u64> = register.issued.iter().map(|one| one.serial).collect();
            let next = used.last().map_or(1, |last| last.saturating_add(1));
            let serial = term.serial.unwrap_or(next);
            if serial == 0 || used.contains(&serial) {
                return Err(self.bad_serial("already used number", serial));
            }
            let record = IssuedRecord {
                serial,
                name: asked.name.clone(),
                teacher: asked.teacher,
                issued: now,
                not_after,
                revoked: false,
            };
            register.issued.push(record.clone());
            register.issued.sort_by_key(|one| one.serial);
            Ok(record)
        })?;
        let certificate = Certificate {
            institution: self.key(),
            institution_name: self.name.clone(),
            serial: record.serial,
            not_before: now,
            not_after,
            rights: vec![Right::Session],
            ..asked
        };
        Ok((
            record,
            Signed::seal(Domain::Certificate, &certificate, &self.signing),
        ))
    }

    /// Withdraws certificates. The list has all that were ever withdrawn and replaces earlier
    /// ones; it counts here at once, and elsewhere where it is imported or posted to a session.
    pub fn revoke(&self, serials: &[u64], now: UnixTime) -> Result<KeyDocument, KeyError> {
        check_clock(now)?;
        let key = self.key();
        // What other machines of the institution have withdrawn stays withdrawn.
        let trust = self.store.trust()?;
        let known = trust.revocation(&key);
        let list = self.store.change_register(&key, |register| {
            for serial in serials {
                let record = register.issued.iter_mut().find(|one| one.serial == *serial);
                let record =
                    record.ok_or_else(|| self.bad_serial("not issued certificate", *serial))?;
                record.revoked = true;
            }
            let last = known
                .map_or(0, |list| list.number)
                .max(register.revocations);
            register.revocations = last.saturating_add(1);
            let mut withdrawn: BTreeSet<u64> = register
                .issued
                .iter()
                .filter(|one| one.revoked)
                .map(|one| one.serial)
                .collect();
            withdrawn.extend(known.iter().flat_map(|list| &list.serials));
            Ok(Revocation {
                institution: key,
                number: register.revocations,
                made: now,
                serials: withdrawn.into_iter().collect(),
            })
        })?;
        let list = Signed::seal(Domain::Revocation, &list, &self.signing);
        let document = KeyDocument::new(&self.name, &files::Revocation { list });
        self.store.import_revocation(&document.as_input())?;
        Ok(document)
    }

    fn bad_serial(&self, problem: &'static str, serial: u64) -> KeyError {
        KeyError::BadSerial {
            institution: self.name.clone(),
            problem,
            serial,
        }
    }
}

/// What an institution signs counts as past everywhere, so its clock has to be plausible.
fn check_clock(now: UnixTime) -> Result<(), KeyError> {
    if now < files::PAST {
        return Err(KeyError::ClockNotSet {
            shown: Date(now).to_string(),
        });
    }
    Ok(())
}
