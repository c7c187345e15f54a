//! The form of key files: JSON with kind and version, or the same in an armoured block of text.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::disk::{self, Over};
use super::error::KeyError;
use super::files;
use crate::core::trust::{Date, Fingerprint};

const VERSION: u32 = 1;

/// What a key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A device's keys. Never leaves its machine.
    Device,
    /// What is trusted.
    Trust,
    /// A teacher's key, with its certificates.
    Teacher,
    /// An institution's secret key.
    InstitutionKey,
    /// The certificates that an institution has issued.
    Register,
    /// An institution's public key and name.
    Institution,
    /// A teacher's request for a certificate.
    Request,
    /// A certificate.
    Certificate,
    /// A revocation list.
    Revocation,
}

impl FileKind {
    /// What it holds, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "a device's own keys",
            Self::Trust => "a list of what is trusted",
            Self::Teacher => "a teacher's key",
            Self::InstitutionKey => "an institution's secret key",
            Self::Register => "a register of certificates",
            Self::Institution => "an institution's public key",
            Self::Request => "a request for a certificate",
            Self::Certificate => "a certificate",
            Self::Revocation => "a revocation list",
        }
    }

    /// The ending of the names of such files, where they travel.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Device | Self::Trust | Self::Register => "json",
            Self::Teacher => "handout-teacher",
            Self::InstitutionKey => "handout-institution-key",
            Self::Institution => "handout-institution",
            Self::Request => "handout-request",
            Self::Certificate => "handout-certificate",
            Self::Revocation => "handout-revocation",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Device => "DEVICE",
            Self::Trust => "TRUST",
            Self::Teacher => "TEACHER KEY",
            Self::InstitutionKey => "INSTITUTION KEY",
            Self::Register => "REGISTER",
            Self::Institution => "INSTITUTION",
            Self::Request => "REQUEST",
            Self::Certificate => "CERTIFICATE",
            Self::Revocation => "REVOCATION",
        }
    }
}

/// A body that stands in a file of one kind.
pub(super) trait Content: Serialize + DeserializeOwned {
    const KIND: FileKind;
}

#[derive(Serialize)]
struct File<'a, T> {
    handout: FileKind,
    version: u32,
    body: &'a T,
}

#[derive(Deserialize)]
struct Head {
    handout: FileKind,
    version: u32,
}

#[derive(Deserialize)]
struct Body<T> {
    body: T,
}

/// The bytes of a file that holds `content`.
pub(super) fn to_bytes<T: Content>(content: &T) -> Zeroizing<Vec<u8>> {
    let file = File {
        handout: T::KIND,
        version: VERSION,
        body: content,
    };
    let bytes = serde_json::to_vec_pretty(&file).expect("key files have string keys and serialise");
    Zeroizing::new(bytes)
}

/// What a file holds. `from` is what the error calls it.
pub(super) fn from_bytes<T: Content>(bytes: &[u8], from: &str) -> Result<T, KeyError> {
    let found = kind_of(bytes, from)?;
    if found != T::KIND {
        let (expected, found) = (T::KIND.name(), found.name());
        return Err(KeyError::WrongKind {
            from: from.to_owned(),
            expected,
            found,
        });
    }
    let body: Body<T> = serde_json::from_slice(bytes).map_err(|error| not_handout(from, &error))?;
    Ok(body.body)
}

fn kind_of(bytes: &[u8], from: &str) -> Result<FileKind, KeyError> {
    let head: Head = serde_json::from_slice(bytes).map_err(|error| not_handout(from, &error))?;
    if head.version > VERSION {
        return Err(KeyError::Newer {
            from: from.to_owned(),
            version: head.version,
        });
    }
    Ok(head.handout)
}

fn not_handout(from: &str, error: &dyn std::error::Error) -> KeyError {
    KeyError::NotHandout {
        from: from.to_owned(),
        detail: error.to_string(),
    }
}

/// Reads the file at `path`; `None` if there is none.
pub(super) fn load<T: Content>(path: &Path) -> Result<Option<T>, KeyError> {
    disk::read(path)?
        .map(|bytes| from_bytes(&bytes, &path.display().to_string()))
        .transpose()
}

/// Something to carry to another machine.
#[derive(Clone)]
pub struct KeyDocument {
    kind: FileKind,
    name: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDocument")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl KeyDocument {
    pub(super) fn new<T: Content>(name: &str, content: &T) -> Self {
        Self {
            kind: T::KIND,
            name: name.to_owned(),
            bytes: to_bytes(content),
        }
    }

    /// What it holds.
    pub const fn kind(&self) -> FileKind {
        self.kind
    }

    /// A name for the file: whose it is, with the ending of its kind.
    pub fn file_name(&self) -> String {
        let safe = |c: char| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        };
        let stem: String = self.name.chars().map(safe).collect();
        let stem = stem.trim_matches(['-', '.']);
        format!(
            "{}.{}",
            if stem.is_empty() { "key" } else { stem },
            self.kind.extension()
        )
    }

    /// Writes it to a new file of mode 0600, never over an existing one.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        disk::write(path, &self.bytes, Over::Nothing)
    }

    /// As a block of text, to be pasted into a message.
    pub fn to_text(&self) -> Zeroizing<String> {
        let label = self.kind.label();
        let body = Zeroizing::new(STANDARD.encode(&self.bytes));
        let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 32 + 128));
        let lines = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line));
        let _ = writeln!(text, "-----BEGIN HANDOUT {label}-----");
        for line in lines {
            let _ = writeln!(text, "{}", line.expect("base64 is ASCII"));
        }
        let _ = writeln!(text, "-----END HANDOUT {label}-----");
        text
    }

    /// The same on its way in, for programs that make and take in one go.
    pub fn as_input(&self) -> KeyInput {
        KeyInput {
            label: self.file_name(),
            bytes: self.bytes.clone(),
        }
    }
}

/// A key file or text on its way in.
#[derive(Clone)]
pub struct KeyInput {
    label: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for KeyInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyInput")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl KeyInput {
    /// Reads a file of at most 4 MiB, in either form.
    pub fn file(path: &Path) -> Result<Self, KeyError> {
        Self::parse(path.display().to_string(), disk::read_existing(path)?)
    }

    /// Takes text that was pasted, in either form; around an armoured block anything may stand.
    pub fn text(text: &str) -> Result<Self, KeyError> {
        Self::parse(
            "the pasted text".into(),
            Zeroizing::new(text.as_bytes().to_vec()),
        )
    }

    fn parse(label: String, bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        let armoured = std::str::from_utf8(&bytes)
            .ok()
            .filter(|text| text.contains("-----BEGIN "));
        let Some(text) = armoured else {
            return Ok(Self { label, bytes });
        };
        let damaged = || KeyError::NotHandout {
            from: label.clone(),
            detail: "the block of text is not whole".into(),
        };
        let inner = text
            .split_once("-----BEGIN HANDOUT ")
            .and_then(|(_, rest)| rest.split_once("-----"))
            .and_then(|(_, rest)| rest.split_once("-----END HANDOUT "))
            .ok_or_else(damaged)?;
        // Mail programs put spaces, quotation marks and the like into text.
        let kept = |c: &char| c.is_ascii_alphanumeric() || "+/=".contains(*c);
        let body: Zeroizing<String> = Zeroizing::new(inner.0.chars().filter(kept).collect());
        let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| damaged())?);
        Ok(Self { label, bytes })
    }

    /// Where it came from, for messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it holds.
    pub fn kind(&self) -> Result<FileKind, KeyError> {
        kind_of(&self.bytes, &self.label)
    }

    /// One line on what it holds, with name, fingerprint and dates: for asking a person. Nothing
    /// in it has been verified.
    pub fn describe(&self) -> Result<String, KeyError> {
        Ok(match self.kind()? {
            FileKind::Institution => {
                let file: files::Institution = self.content()?;
                format!(
                    "Institution {}, key: {}",
                    file.name,
                    Fingerprint::of(&file.key)
                )
            }
            FileKind::Teacher => {
                let file: files::Teacher = self.content()?;
                format!(
                    "Teacher key of {}, key: {}",
                    file.name,
                    Fingerprint::of(&file.key)
                )
            }
            FileKind::Request => {
                let (_, claim) = self.content::<files::Request>()?.read(&self.label)?;
                let print = Fingerprint::of(&claim.teacher);
                format!("Request of {} for a certificate, key: {print}", claim.name)
            }
            FileKind::Certificate => {
                let (_, certificate) = self.content::<files::Certificate>()?.read(&self.label)?;
                format!(
                    "Certificate {} of {} by {}, until {}, key: {}",
                    certificate.serial,
                    certificate.name,
                    certificate.institution_name,
                    Date(certificate.not_after),
                    Fingerprint::of(&certificate.teacher)
                )
            }
            FileKind::Revocation => {
                let list = self.content::<files::Revocation>()?.read(&self.label)?;
                format!(
                    "Revocation list {} of {}, with {} certificates, institution's key: {}",
                    list.number,
                    Date(list.made),
                    list.serials.len(),
                    Fingerprint::of(&list.institution)
                )
            }
            other => other.name().to_owned(),
        })
    }

    pub(super) fn content<T: Content>(&self) -> Result<T, KeyError> {
        from_bytes(&self.bytes, &self.label)
    }
}
