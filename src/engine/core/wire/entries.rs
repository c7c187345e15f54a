//! The bodies of entries and of the pages of manifests.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::core::ids::{
    AuthorId, DeviceId, Epoch, Hash, ItemId, SealingKey, Seq, SessionId, SetId, Version,
};
use crate::core::signed::base64_bytes;
use crate::core::time::UnixTime;

/// One entry of a log. Signed by the session key of `epoch` (teacher) or by the device (student).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// Whose log.
    #[serde(rename = "a")]
    pub author: AuthorId,
    /// The life of the session in which it was written; 0 in students' logs.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// Its number in the log, from 1, without gaps.
    #[serde(rename = "q")]
    pub seq: Seq,
    /// Hash of the previous entry's signed body; absent in the first.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Hash>,
    /// Who may read it.
    #[serde(rename = "to", default)]
    pub audience: Audience,
    /// Its kind; kinds that are not known are carried and kept.
    #[serde(rename = "k")]
    pub kind: EntryKind,
    /// The author's clock.
    #[serde(rename = "t")]
    pub time: UnixTime,
    /// The body in the clear, or a [`SealedBody`] where the audience is not all.
    #[serde(rename = "b")]
    pub body: Box<RawValue>,
}

/// Who may read an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Every member.
    #[default]
    All,
    /// The teacher alone.
    Teacher,
    /// These devices alone, at most 256.
    Devices(Vec<DeviceId>),
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// [`ItemBody`]
    Item,
    /// [`ItemBody`] with a higher version
    Replace,
    /// [`WithdrawBody`]
    Withdraw,
    /// [`AgainBody`], sealed to those it is meant for
    Again,
    /// [`PolicyBody`]
    Policy,
    /// [`MuteBody`]
    Mute,
    /// A signed [`Revocation`]
    Revoke,
    /// [`EndBody`]
    End,
    /// [`TextBody`]
    Text,
    /// [`TextBody`]
    Question,
    /// [`ReceiptBody`]
    Receipt,
    /// A signed [`Status`], kept for the record
    Status,
    /// [`Authority`]: the first entry of each epoch
    Grant,
    /// A kind of a later version.
    Other(String),
}

impl EntryKind {
    const NAMES: [(&'static str, Self); 13] = [
        ("item", Self::Item),
        ("replace", Self::Replace),
        ("withdraw", Self::Withdraw),
        ("again", Self::Again),
        ("policy", Self::Policy),
        ("mute", Self::Mute),
        ("revoke", Self::Revoke),
        ("end", Self::End),
        ("text", Self::Text),
        ("question", Self::Question),
        ("receipt", Self::Receipt),
        ("status", Self::Status),
        ("grant", Self::Grant),
    ];

    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => Self::NAMES
                .iter()
                .find(|(_, kind)| kind == known)
                .map_or("", |(name, _)| name),
        }
    }
}

impl From<&str> for EntryKind {
    fn from(name: &str) -> Self {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or_else(|| Self::Other(name.to_owned()), |(_, kind)| kind.clone())
    }
}

impl Serialize for EntryKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EntryKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::from(name.as_ref()))
    }
}

/// A body for one or few readers: the content sealed once, its key sealed to each reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBody {
    /// Ephemeral X25519 public key of the sender.
    #[serde(rename = "x")]
    pub ephemeral: SealingKey,
    /// For each reader, the content key under the key agreed with that reader.
    #[serde(rename = "r")]
    pub readers: Vec<SealedKey>,
    /// The JSON body under the content key.
    #[serde(rename = "c", with = "base64_bytes")]
    pub content: Vec<u8>,
}

/// The content key for one reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// The reader's sealing key.
    #[serde(rename = "x")]
    pub reader: SealingKey,
    /// The content key, encrypted.
    #[serde(rename = "k", with = "base64_bytes")]
    pub key: Vec<u8>,
}

/// An item, or a new version of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemBody {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// Which version of it.
    #[serde(rename = "v")]
    pub version: Version,
    /// Its title, at most 255 bytes.
    #[serde(rename = "n")]
    pub title: String,
    /// What it holds.
    #[serde(flatten)]
    pub content: ItemContent,
}

/// What an item holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "c", rename_all = "kebab-case")]
pub enum ItemContent {
    /// A file set.
    Files {
        /// Its manifest's header.
        set: SetHeader,
    },
    /// A code snippet, at most 64 KiB, white space exact.
    Snippet {
        /// The text.
        text: String,
        /// Its language, as a language id of `GtkSourceView`; may be empty.
        #[serde(default)]
        language: String,
    },
    /// A link.
    Link {
        /// The address, `http` or `https`.
        url: String,
    },
    /// An announcement.
    Announcement {
        /// The text.
        text: String,
    },
    /// A content of a later version.
    #[serde(other)]
    Unknown,
}

/// The head of a manifest, signed as part of its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetHeader {
    /// The set.
    #[serde(rename = "id")]
    pub id: SetId,
    /// Number of files, at most 20,000.
    #[serde(rename = "f")]
    pub files: u32,
    /// Sum of their sizes in bytes.
    #[serde(rename = "b")]
    pub bytes: u64,
    /// Size of a chunk in bytes, a power of two from 16 KiB to 1 MiB.
    #[serde(rename = "cs")]
    pub chunk_size: u32,
    /// Number of chunks, at most 4 million.
    #[serde(rename = "c")]
    pub chunks: u32,
    /// Number of pages of the file list.
    #[serde(rename = "fp")]
    pub file_pages: u32,
    /// Number of pages of chunk hashes.
    #[serde(rename = "hp")]
    pub hash_pages: u32,
}

/// One page of a manifest. Signed by the session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The life of the session whose key signs this.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The set.
    #[serde(rename = "set")]
    pub set: SetId,
    /// Its number among the pages of its kind, from 0.
    #[serde(rename = "n")]
    pub number: u32,
    /// [`Page::chain_hash`] of the previous page of its kind; absent in the first. The final page's is that of the last page
    /// of chunk hashes.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Hash>,
    /// What it lists.
    #[serde(flatten)]
    pub content: PageContent,
}

impl Page {
    /// What the next page names: the hash of this one's JSON with epoch 0, so that every life of a session makes the same
    /// chain of the same files.
    #[allow(
        clippy::missing_panics_doc,
        reason = "pages have string keys and serialise"
    )]
    pub fn chain_hash(&self) -> Hash {
        let page = Self {
            epoch: Epoch(0),
            ..self.clone()
        };
        Hash::of(&serde_json::to_vec(&page).expect("pages have string keys and serialise"))
    }
}

/// What a page of a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "kebab-case")]
pub enum PageContent {
    /// Files, in the order of the set.
    Files {
        /// At most 256 a page (32 in the first).
        #[serde(rename = "l")]
        files: Vec<FileEntry>,
    },
    /// BLAKE3 hashes of chunks, 32 bytes each, concatenated: at most 256 a page, 8 in the first.
    Hashes {
        /// The bytes.
        #[serde(rename = "h", with = "base64_bytes")]
        hashes: Vec<u8>,
    },
    /// The last page: everything was read and did not change meanwhile.
    Final {
        /// BLAKE3 hash over the whole-file hashes, in order.
        #[serde(rename = "h")]
        root: Hash,
    },
}

/// Which kind of page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PageKind {
    /// The file list.
    Files,
    /// The chunk hashes.
    Hashes,
    /// The final page.
    Final,
}

/// One file of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the set's folder, `/` between its parts.
    #[serde(rename = "n")]
    pub path: String,
    /// Size in bytes.
    #[serde(rename = "b")]
    pub size: u64,
}

/// An item is no longer offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawBody {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// Why, for people; may be empty.
    #[serde(rename = "w", default)]
    pub reason: String,
}

/// Who reads this should try again to receive an item that failed there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgainBody {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// Chunks are asked of the teacher alone while it sends them, where there is a link.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub direct: bool,
}

/// What students may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyBody {
    /// Whom students may write to.
    #[serde(rename = "t", default)]
    pub texts: TextPolicy,
    /// How many bytes a second each device sends at most.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<u64>,
    /// Whether a PIN has to be proven to the teacher: nobody is admitted as a guest while it is away.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub pin: bool,
}

/// Whom students may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextPolicy {
    /// Nobody.
    Nothing,
    /// The teacher.
    #[default]
    Teacher,
    /// Everybody.
    All,
}

/// A device may not write for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteBody {
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Muted, or no longer.
    #[serde(rename = "m")]
    pub muted: bool,
}

/// The session is over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EndBody {
    /// Why, for people; may be empty.
    #[serde(rename = "w", default)]
    pub reason: String,
}

/// A message or a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextBody {
    /// The text: at most 4 KiB from a student, 16 KiB from a teacher.
    #[serde(rename = "t")]
    pub text: String,
}

/// The teacher's device has something of a student's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptBody {
    /// Whose entry.
    #[serde(rename = "a")]
    pub author: AuthorId,
    /// Which entry.
    #[serde(rename = "q")]
    pub seq: Seq,
    /// Hash of that entry.
    #[serde(rename = "h")]
    pub hash: Hash,
}
