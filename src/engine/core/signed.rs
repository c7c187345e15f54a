//! Signatures over exact bytes, one domain for each kind of statement.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::Hash;

/// What a signature is about. A signature made for one kind never counts for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// An institution vouches for a teacher's key.
    Certificate,
    /// An institution withdraws certificates.
    Revocation,
    /// A teacher's key empowers a session key.
    Grant,
    /// A session key announces its session by UDP.
    Announce,
    /// A session key shows that the teacher is there.
    Tick,
    /// A session key admits a device.
    Token,
    /// A device says where it can be reached.
    Contact,
    /// A device asks to be admitted.
    Join,
    /// A session key answers a device that has to prove a PIN.
    Pin,
    /// One entry of a log.
    Entry,
    /// One page of a manifest.
    Page,
    /// A device says how far it is with an item.
    Status,
    /// A teacher's device answers a nonce.
    Fresh,
}

impl Domain {
    /// The prefix that is signed before the body.
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Certificate => b"handout/v1/certificate\0",
            Self::Revocation => b"handout/v1/revocation\0",
            Self::Grant => b"handout/v1/grant\0",
            Self::Announce => b"handout/v1/announce\0",
            Self::Tick => b"handout/v1/tick\0",
            Self::Token => b"handout/v1/token\0",
            Self::Contact => b"handout/v1/contact\0",
            Self::Join => b"handout/v1/join\0",
            Self::Pin => b"handout/v1/pin\0",
            Self::Entry => b"handout/v1/entry\0",
            Self::Page => b"handout/v1/page\0",
            Self::Status => b"handout/v1/status\0",
            Self::Fresh => b"handout/v1/fresh\0",
        }
    }
}

/// Why signed bytes were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The key is not a point on the curve, or a weak one.
    #[error("the public key is not usable")]
    BadKey,
    /// The bytes were not signed by that key for that purpose.
    #[error("the signature does not match")]
    BadSignature,
    /// The body is signed but not of the expected form.
    #[error("the signed body cannot be read: {0}")]
    BadBody(String),
}

/// Bytes with a signature over exactly these bytes. They travel as base64 and are never
/// re-serialised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signed {
    /// The signed bytes, JSON.
    pub body: Vec<u8>,
    /// Ed25519 signature over the domain's prefix and the body.
    pub signature: [u8; 64],
}

impl Signed {
    /// Serialises `body` as JSON and signs it.
    pub fn seal<T: Serialize>(domain: Domain, body: &T, key: &SigningKey) -> Self {
        let body = serde_json::to_vec(body).expect("wire types have string keys and serialise");
        let signature = key.sign(&message(domain, &body)).to_bytes();
        Self { body, signature }
    }

    /// Checks the signature by the key in `key` and reads the body.
    ///
    /// Strict: weak keys and malleable signatures are refused.
    pub fn open<T: DeserializeOwned>(
        &self,
        domain: Domain,
        key: &[u8; 32],
    ) -> Result<T, SignedError> {
        self.verify(domain, key)?;
        self.peek()
    }

    /// Checks the signature alone.
    pub fn verify(&self, domain: Domain, key: &[u8; 32]) -> Result<(), SignedError> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| SignedError::BadKey)?;
        key.verify_strict(
            &message(domain, &self.body),
            &Signature::from_bytes(&self.signature),
        )
        .map_err(|_| SignedError::BadSignature)
    }

    /// Reads the body **without** checking the signature, for the cheap checks that come first.
    pub fn peek<T: DeserializeOwned>(&self) -> Result<T, SignedError> {
        serde_json::from_slice(&self.body).map_err(|error| SignedError::BadBody(error.to_string()))
    }

    /// The hash of the signed body, which chains refer to.
    pub fn hash(&self) -> Hash {
        Hash::of(&self.body)
    }
}

fn message(domain: Domain, body: &[u8]) -> Vec<u8> {
    [domain.prefix(), body].concat()
}

#[derive(Serialize, Deserialize)]
struct Text<'a> {
    #[serde(rename = "b", borrow)]
    body: Cow<'a, str>,
    #[serde(rename = "s", borrow)]
    signature: Cow<'a, str>,
}

impl Serialize for Signed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text {
            body: URL_SAFE_NO_PAD.encode(&self.body).into(),
            signature: URL_SAFE_NO_PAD.encode(self.signature).into(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = Text::deserialize(deserializer)?;
        let body = URL_SAFE_NO_PAD
            .decode(text.body.as_bytes())
            .map_err(D::Error::custom)?;
        let signature = URL_SAFE_NO_PAD
            .decode(text.signature.as_bytes())
            .map_err(D::Error::custom)?
            .try_into()
            .map_err(|_| D::Error::custom("a signature has 64 bytes"))?;
        Ok(Self { body, signature })
    }
}

/// Bytes in JSON as one base64url string.
pub mod base64_bytes {
    use base64::Engine as _;

    use super::{Cow, Deserialize, Deserializer, Serializer, URL_SAFE_NO_PAD};

    /// Writes the bytes as text.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads the bytes back from text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    #[test]
    fn a_signed_body_is_read_back() {
        let signed = Signed::seal(Domain::Tick, &vec![1, 2, 3], &key());
        let json = serde_json::to_string(&signed).unwrap();
        let back: Signed = serde_json::from_str(&json).unwrap();
        let read: Vec<u32> = back
            .open(Domain::Tick, key().verifying_key().as_bytes())
            .unwrap();
        assert_eq!(read, [1, 2, 3]);
    }

    #[test]
    fn a_signature_of_another_kind_or_key_does_not_count() {
        let signed = Signed::seal(Domain::Tick, &1, &key());
        let public = key().verifying_key();
        assert_eq!(
            signed.verify(Domain::Token, public.as_bytes()),
            Err(SignedError::BadSignature)
        );
        let other = SigningKey::from_bytes(&[4; 32]).verifying_key();
        assert!(signed.verify(Domain::Tick, other.as_bytes()).is_err());
    }

    #[test]
    fn an_altered_body_is_refused() {
        let mut signed = Signed::seal(Domain::Entry, &"text", &key());
        signed.body[1] ^= 1;
        assert!(
            signed
                .verify(Domain::Entry, key().verifying_key().as_bytes())
                .is_err()
        );
    }
}
