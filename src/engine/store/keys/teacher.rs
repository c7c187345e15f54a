//! Teachers' keys and certificates.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde::Serialize;
use x25519_dalek::StaticSecret;

use super::device::{both_halves, from_halves, random_sealing_secret, random_signing_key};
use super::disk::{self, Over};
use super::document::{KeyDocument, KeyInput, load, to_bytes};
use super::error::KeyError;
use super::secret::{Protection, Secret};
use super::{KeyStore, files, pick};
use crate::core::ids::{DeviceId, Epoch, PublicKey, SealingKey, SessionId};
use crate::core::sealed::sealing_key;
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::trust::{Fingerprint, MAX_GRANT_LIFE, self_signed};
use crate::core::wire::statements::{Authority, Certificate, Grant};

/// How long a self-signed certificate counts: ten years. It is pinned, not renewed.
const OWN_DAYS: u64 = 3_653;
const DAY: u64 = 86_400;

/// What is known of a teacher's key without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeacherInfo {
    /// The name in the certificate that counts.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// The institution that vouches; `None` for a self-signed certificate.
    pub institution: Option<String>,
    /// The institution's key; the own one for a self-signed certificate.
    pub institution_key: PublicKey,
    /// Number of the certificate, 0 for a self-signed one.
    pub serial: u64,
    /// Until when the certificate counts.
    pub not_after: UnixTime,
    /// Whether a passphrase is needed.
    pub protected: bool,
}

/// A teacher's key, opened. The secrets are wiped when it is dropped and never printed.
pub struct UnlockedTeacher {
    info: TeacherInfo,
    signing: SigningKey,
    sealing: StaticSecret,
    certificate: Signed,
}

impl fmt::Debug for UnlockedTeacher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnlockedTeacher")
            .field(&self.info.name)
            .field(&self.info.key)
            .finish()
    }
}

impl UnlockedTeacher {
    /// What is known of the key.
    pub const fn info(&self) -> &TeacherInfo {
        &self.info
    }

    /// The key that signs grants.
    pub const fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The secret that opens what is sealed for the teacher.
    pub const fn sealing_secret(&self) -> &StaticSecret {
        &self.sealing
    }

    /// The certificate that counts.
    pub const fn certificate(&self) -> &Signed {
        &self.certificate
    }

    /// Empowers `session_key` for one life of a session on `device`, for the longest time that a
    /// grant may count. Every life needs a higher `epoch` than the one before, on the disk before
    /// this is used.
    pub fn authority(
        &self,
        session: SessionId,
        session_key: PublicKey,
        epoch: Epoch,
        device: DeviceId,
        now: UnixTime,
    ) -> Authority {
        let life = u32::try_from(MAX_GRANT_LIFE.as_secs()).expect("a day has 86,400 seconds");
        let grant = Grant {
            session,
            key: session_key,
            certificate: self.certificate.hash(),
            epoch,
            device,
            made: now,
            life,
        };
        Authority {
            certificate: self.certificate.clone(),
            grant: Signed::seal(Domain::Grant, &grant, &self.signing),
        }
    }

    /// How long the certificate still counts by the local clock; zero if it is over.
    pub fn remaining(&self, now: UnixTime) -> Duration {
        Duration::from_secs(self.info.not_after.0.saturating_sub(now.0))
    }
}

/// Makes a teacher's key and its self-signed certificate.
pub(super) fn make(
    name: &str,
    passphrase: Option<&str>,
    protection: Protection,
    now: UnixTime,
) -> Result<files::Teacher, KeyError> {
    crate::core::trust::check_name(name)?;
    let signing = random_signing_key()?;
    let sealing_secret = random_sealing_secret()?;
    let sealing = sealing_key(&sealing_secret);
    let key = PublicKey(signing.verifying_key().to_bytes());
    // A clock that was never set must not end the certificate before it starts.
    let from = now.max(files::PAST);
    let until = UnixTime(from.0.saturating_add(OWN_DAYS * DAY));
    let own = self_signed(&signing, sealing, name, from, until)
        .expect("the name was checked above, and it is all that can be wrong");
    let secret = Secret::seal(
        &*both_halves(&signing, &sealing_secret),
        passphrase,
        protection,
        &bound(key, sealing),
    )?;
    Ok(files::Teacher {
        name: name.to_owned(),
        key,
        sealing,
        own,
        certificate: None,
        secret,
    })
}

/// What the file says in the clear and the passphrase protects.
fn bound(key: PublicKey, sealing: SealingKey) -> Vec<u8> {
    [b"handout/v1/teacher\0", &key.0[..], &sealing.0].concat()
}

fn info(file: &files::Teacher, from: &str) -> Result<(TeacherInfo, Signed), KeyError> {
    let signed = file.certificate.clone().unwrap_or_else(|| file.own.clone());
    let (signed, certificate) = files::Certificate {
        certificate: signed,
    }
    .read(from)?;
    if certificate.teacher != file.key || certificate.sealing != file.sealing {
        let detail = "the certificate is for another key";
        return Err(KeyError::Damaged {
            from: from.to_owned(),
            detail,
        });
    }
    let vouched = certificate.institution != certificate.teacher;
    let info = TeacherInfo {
        name: certificate.name,
        key: file.key,
        fingerprint: Fingerprint::of(&file.key),
        institution: vouched.then_some(certificate.institution_name),
        institution_key: certificate.institution,
        serial: certificate.serial,
        not_after: certificate.not_after,
        protected: file.secret.is_protected(),
    };
    Ok((info, signed))
}

impl KeyStore {
    /// Makes a teacher's key, with a self-signed certificate: enough where there is no
    /// institution. `passphrase` being `None` leaves only the file's mode to keep it.
    pub fn create_teacher(
        &self,
        name: &str,
        passphrase: Option<&str>,
        now: UnixTime,
    ) -> Result<TeacherInfo, KeyError> {
        let file = make(name, passphrase, self.protection, now)?;
        self.add_teacher(file, "the new key")
    }

    /// Takes a teacher's whole key that was made on another machine ([`super::FileKind::Teacher`]).
    pub fn import_teacher(&self, input: &KeyInput) -> Result<TeacherInfo, KeyError> {
        self.add_teacher(input.content()?, input.label())
    }

    fn add_teacher(&self, mut file: files::Teacher, from: &str) -> Result<TeacherInfo, KeyError> {
        let (info, _) = info(&file, from)?;
        let certificate = file.certificate.take();
        let path = self.teacher_path(&file.key);
        disk::make_folder(&self.teachers_folder())?;
        disk::write(&path, &to_bytes(&file), Over::Nothing).map_err(|error| match error {
            KeyError::Exists { .. } => KeyError::AlreadyHere {
                name: info.name.clone(),
            },
            other => other,
        })?;
        if let Some(certificate) = certificate {
            self.write_certificate(&file.key, certificate)?;
        }
        Ok(info)
    }

    fn write_certificate(&self, key: &PublicKey, certificate: Signed) -> Result<(), KeyError> {
        let path = self.certificate_path(key);
        disk::write(
            &path,
            &to_bytes(&files::Certificate { certificate }),
            Over::Older,
        )
    }

    /// Every teacher's key here, by name. A file that cannot be read is an error.
    pub fn teachers(&self) -> Result<Vec<TeacherInfo>, KeyError> {
        let mut teachers = Vec::new();
        for path in disk::list(&self.teachers_folder())? {
            if let Some(file) = load::<files::Teacher>(&path)? {
                let file = self.with_certificate(file)?;
                teachers.push(info(&file, &path.display().to_string())?.0);
            }
        }
        teachers.sort_by(|one, other| (&one.name, one.key).cmp(&(&other.name, other.key)));
        Ok(teachers)
    }

    /// The teacher's key that `wanted` means: by name, by fingerprint (words or digits), or the
    /// only one there is.
    pub fn find_teacher(&self, wanted: Option<&str>) -> Result<TeacherInfo, KeyError> {
        pick("teacher key", &self.teachers()?, wanted, |info| {
            (info.fingerprint, &info.name)
        })
    }

    /// Opens a teacher's key. Takes up to a second where there is a passphrase.
    pub fn unlock_teacher(
        &self,
        key: &PublicKey,
        passphrase: Option<&str>,
    ) -> Result<UnlockedTeacher, KeyError> {
        let (file, path) = self.teacher_file(key)?;
        let from = path.display().to_string();
        let (info, certificate) = info(&file, &from)?;
        let secret = file
            .secret
            .open(passphrase, &bound(file.key, file.sealing), &from)?;
        let (signing, sealing) = from_halves(&secret, file.key, file.sealing, &from)?;
        Ok(UnlockedTeacher {
            info,
            signing,
            sealing,
            certificate,
        })
    }

    /// A request for a certificate, to take to an institution. No passphrase is needed, for it
    /// was signed when the key was made.
    pub fn request(&self, key: &PublicKey) -> Result<KeyDocument, KeyError> {
        let (file, _) = self.teacher_file(key)?;
        Ok(KeyDocument::new(
            &file.name,
            &files::Request {
                own: file.own.clone(),
            },
        ))
    }

    /// A teacher's whole key, under its passphrase if it has one: for another machine of the
    /// teacher's, or for a backup.
    pub fn export_teacher(&self, key: &PublicKey) -> Result<KeyDocument, KeyError> {
        let (file, _) = self.teacher_file(key)?;
        Ok(KeyDocument::new(&file.name, &file))
    }

    /// Takes an institution's certificate ([`super::FileKind::Certificate`]) for a teacher's key
    /// that is here. It replaces an earlier one, and counts from now on.
    pub fn import_certificate(&self, input: &KeyInput) -> Result<TeacherInfo, KeyError> {
        let (signed, certificate) = input.content::<files::Certificate>()?.read(input.label())?;
        let (mut file, path) = match self.teacher_file(&certificate.teacher) {
            Err(KeyError::NotFound { .. }) => return Err(other_key(input, &certificate)),
            other => other?,
        };
        file.certificate = Some(signed.clone());
        let (info, _) =
            info(&file, &path.display().to_string()).map_err(|_| other_key(input, &certificate))?;
        self.write_certificate(&file.key, signed)?;
        Ok(info)
    }

    fn teacher_file(&self, key: &PublicKey) -> Result<(files::Teacher, PathBuf), KeyError> {
        let path = self.teacher_path(key);
        let file: files::Teacher = load(&path)?.ok_or_else(|| KeyError::NotFound {
            what: "teacher key",
            wanted: Fingerprint::of(key).words(),
        })?;
        if file.key != *key {
            let detail = "its name is that of another key";
            return Err(KeyError::Damaged {
                from: path.display().to_string(),
                detail,
            });
        }
        Ok((self.with_certificate(file)?, path))
    }

    fn with_certificate(&self, mut file: files::Teacher) -> Result<files::Teacher, KeyError> {
        let path = self.certificate_path(&file.key);
        file.certificate = load::<files::Certificate>(&path)?.map(|file| file.certificate);
        Ok(file)
    }

    fn teachers_folder(&self) -> PathBuf {
        self.dir.join("teachers")
    }

    fn teacher_path(&self, key: &PublicKey) -> PathBuf {
        self.teachers_folder()
            .join(format!("{}.json", Fingerprint::of(key).compact()))
    }

    fn certificate_path(&self, key: &PublicKey) -> PathBuf {
        self.teachers_folder().join(format!(
            "{}.certificate.json",
            Fingerprint::of(key).compact()
        ))
    }
}

fn other_key(input: &KeyInput, certificate: &Certificate) -> KeyError {
    KeyError::OtherKey {
        from: input.label().to_owned(),
        name: certificate.name.clone(),
        fingerprint: Fingerprint::of(&certificate.teacher).words(),
    }
}
