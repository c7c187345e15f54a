//! Names of things on the wire: fixed-size identifiers and numbers that cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not the base64url form of an identifier of the expected length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: expected {bytes} bytes in base64url")]
pub struct BadId {
    /// Which identifier was expected.
    pub kind: &'static str,
    /// How many bytes it has.
    pub bytes: usize,
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $bytes;

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The identifier in exactly these bytes, if the length is right.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = URL_SAFE_NO_PAD.encode(self.0);
                write!(f, "{}({}…)", stringify!($name), &text[..8])
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { kind: $what, bytes: $bytes };
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad.clone())?;
                Self::from_slice(&bytes).ok_or(bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_id!(
    /// A device: the Ed25519 public key it proves on every link.
    DeviceId, 32, "device id"
);
byte_id!(
    /// An Ed25519 public key that is not a device's: institution, teacher or session key.
    PublicKey, 32, "public key"
);
byte_id!(
    /// An X25519 public key that bodies for one reader are sealed to.
    SealingKey, 32, "sealing key"
);
byte_id!(
    /// The writer of one log: a teacher's certified key, or a student's device key.
    AuthorId, 32, "author id"
);
byte_id!(
    /// A BLAKE3 hash.
    Hash, 32, "hash"
);
byte_id!(
    /// A session, random.
    SessionId, 16, "session id"
);
byte_id!(
    /// An item of the feed, the same over all of its versions, random.
    ItemId, 16, "item id"
);
byte_id!(
    /// The files of one version of one item, random.
    SetId, 16, "set id"
);
byte_id!(
    /// A challenge that makes an answer fresh, random.
    Nonce, 16, "nonce"
);

byte_id!(
    /// One side's message of the proof of a PIN.
    PinShare, 32, "PIN share"
);
byte_id!(
    /// What shows that a device knows the PIN.
    PinProof, 32, "PIN proof"
);

impl From<DeviceId> for AuthorId {
    fn from(device: DeviceId) -> Self {
        Self(device.0)
    }
}

impl From<PublicKey> for AuthorId {
    fn from(key: PublicKey) -> Self {
        Self(key.0)
    }
}

impl Hash {
    /// The BLAKE3 hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The number after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

number!(
    /// Position in one author's log, from 1.
    Seq, u64
);
number!(
    /// Which life of a session: a teacher's restart makes the next, from 1.
    Epoch, u32
);
number!(
    /// Which version of an item, from 1.
    Version, u32
);
number!(
    /// Position of a chunk in the chunk space of its set, from 0.
    ChunkIndex, u32
);
number!(
    /// Position of a file in the file list of its set, from 0.
    FileIndex, u32
);
number!(
    /// One connected pair of devices on this machine, never used twice in a process.
    LinkId, u64
);
number!(
    /// One attempt to connect, never used twice in a process.
    DialId, u64
);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = SessionId([7; 16]);
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
    }

    #[test]
    fn an_id_of_another_length_is_refused() {
        let long = DeviceId([1; 32]).to_string();
        assert!(long.parse::<SessionId>().is_err());
        assert!("".parse::<SessionId>().is_err());
        assert!("!!!".parse::<SessionId>().is_err());
    }
}
