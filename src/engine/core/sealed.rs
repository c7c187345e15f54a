//! Bodies that only named readers can read, whoever carries them.
//!
//! The content is encrypted once, under a random content key, with ChaCha20-Poly1305. For each
//! reader, that key is encrypted under one agreed by X25519 between an ephemeral key of the sender
//! and the reader's sealing key, through BLAKE3's key derivation. Every key is used once, so the
//! nonces are zero. The *context*, which is not part of what travels, binds a body to its place: a
//! body that is moved into another entry does not open.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use x25519_dalek::{PublicKey as X25519Public, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::ids::{AuthorId, SealingKey, Seq, SessionId};
use super::wire::statements::{SealedBody, SealedKey};

/// Most readers of one body.
pub const MAX_READERS: usize = 256;

const KEY_DERIVATION: &str = "handout v1 sealed body, content key for one reader";

/// Why a body was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no reader, or more than [`MAX_READERS`].
    #[error("a sealed message needs 1 to {MAX_READERS} readers, not {0}")]
    Readers(usize),
    /// A reader's key is a weak one, which no honest program makes.
    #[error("the sealing key of a reader is not usable: that device has to make new keys")]
    BadKey,
    /// The body is not for this reader.
    #[error("the message is sealed for somebody else")]
    NotAReader,
    /// The body, its context or its sender is not what it was sealed with.
    #[error("the sealed message was altered or moved, and cannot be read")]
    Altered,
}

/// The context of an entry's sealed body: where the entry stands, and thus the only place where
/// the body opens.
pub fn entry_context(session: SessionId, author: AuthorId, seq: Seq) -> Vec<u8> {
    [
        b"handout/v1/sealed\0",
        &session.0[..],
        &author.0,
        &seq.0.to_be_bytes(),
    ]
    .concat()
}

/// The public half of a sealing secret.
pub fn sealing_key(secret: &StaticSecret) -> SealingKey {
    SealingKey(X25519Public::from(secret).to_bytes())
}

/// Seals `body` for `readers` (1 to [`MAX_READERS`]); `random` fills a buffer with random
/// bytes fit for keys.
pub fn seal(
    body: &[u8],
    readers: &[SealingKey],
    context: &[u8],
    random: &mut impl FnMut(&mut [u8]),
) -> Result<SealedBody, SealError> {
    if readers.is_empty() || readers.len() > MAX_READERS {
        return Err(SealError::Readers(readers.len()));
    }
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed);
    let secret = StaticSecret::from(*seed);
    let mut content_key = Zeroizing::new([0; 32]);
    random(&mut *content_key);
    let ephemeral = sealing_key(&secret);
    let readers = readers
        .iter()
        .map(|reader| {
            let shared = secret.diffie_hellman(&X25519Public::from(reader.0));
            let wrapping = wrapping_key(&shared, ephemeral, *reader)?;
            Ok(SealedKey {
                reader: *reader,
                key: encrypt(&wrapping, &*content_key, context),
            })
        })
        .collect::<Result<_, SealError>>()?;
    Ok(SealedBody {
        ephemeral,
        readers,
        content: encrypt(&content_key, body, context),
    })
}

/// Opens a body that is sealed for the holder of `secret`.
pub fn open(
    sealed: &SealedBody,
    secret: &StaticSecret,
    context: &[u8],
) -> Result<Vec<u8>, SealError> {
    if sealed.readers.len() > MAX_READERS {
        return Err(SealError::Readers(sealed.readers.len()));
    }
    let own = sealing_key(secret);
    let entry = sealed
        .readers
        .iter()
        .find(|entry| entry.reader == own)
        .ok_or(SealError::NotAReader)?;
    let shared = secret.diffie_hellman(&X25519Public::from(sealed.ephemeral.0));
    let wrapping = wrapping_key(&shared, sealed.ephemeral, own)?;
    let unwrapped = Zeroizing::new(decrypt(&wrapping, &entry.key, context)?);
    let content_key: &[u8; 32] = unwrapped[..].try_into().map_err(|_| SealError::Altered)?;
    decrypt(content_key, &sealed.content, context)
}

fn wrapping_key(
    shared: &SharedSecret,
    ephemeral: SealingKey,
    reader: SealingKey,
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    if !shared.was_contributory() {
        return Err(SealError::BadKey);
    }
    let mut hasher = blake3::Hasher::new_derive_key(KEY_DERIVATION);
    hasher
        .update(shared.as_bytes())
        .update(&ephemeral.0)
        .update(&reader.0);
    Ok(Zeroizing::new(*hasher.finalize().as_bytes()))
}

fn encrypt(key: &[u8; 32], msg: &[u8], context: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(key.into())
        .encrypt(&Nonce::default(), Payload { msg, aad: context })
        .expect("a body is far below the cipher's limit of 256 GiB")
}

fn decrypt(key: &[u8; 32], msg: &[u8], context: &[u8]) -> Result<Vec<u8>, SealError> {
    ChaCha20Poly1305::new(key.into())
        .decrypt(&Nonce::default(), Payload { msg, aad: context })
        .map_err(|_| SealError::Altered)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(seed: u8) -> StaticSecret {
        StaticSecret::from([seed; 32])
    }

    /// Bytes that differ from call to call, and are the same in every run.
    fn random() -> impl FnMut(&mut [u8]) {
        let mut count = 0u8;
        move |bytes| {
            count += 1;
            bytes.copy_from_slice(blake3::hash(&[count]).as_bytes());
        }
    }

    fn sealed(content: &[u8], readers: &[u8]) -> SealedBody {
        let readers: Vec<_> = readers
            .iter()
            .map(|seed| sealing_key(&secret(*seed)))
            .collect();
        seal(content, &readers, b"here", &mut random()).unwrap()
    }

    #[test]
    fn every_reader_can_open_it_and_nobody_else() {
        let body = sealed(b"help", &[1, 2, 3]);
        for reader in 1..=3 {
            assert_eq!(open(&body, &secret(reader), b"here").unwrap(), b"help");
        }
        assert_eq!(open(&body, &secret(4), b"here"), Err(SealError::NotAReader));
    }

    #[test]
    fn a_name_on_the_list_without_the_key_does_not_open_it() {
        let mut body = sealed(b"help", &[1]);
        body.readers[0].reader = sealing_key(&secret(4));
        assert_eq!(open(&body, &secret(4), b"here"), Err(SealError::Altered));
    }

    #[test]
    fn it_opens_only_where_it_was_put() {
        let body = sealed(b"help", &[1]);
        assert_eq!(open(&body, &secret(1), b"there"), Err(SealError::Altered));
        let (session, author) = (SessionId([1; 16]), AuthorId([2; 32]));
        assert_ne!(
            entry_context(session, author, Seq(1)),
            entry_context(session, author, Seq(2))
        );
    }

    #[test]
    fn altered_content_keys_and_senders_are_noticed() {
        let whole = sealed(b"help", &[1]);
        let mut body = whole.clone();
        body.content[0] ^= 1;
        assert_eq!(open(&body, &secret(1), b"here"), Err(SealError::Altered));
        let mut body = whole.clone();
        body.readers[0].key[0] ^= 1;
        assert_eq!(open(&body, &secret(1), b"here"), Err(SealError::Altered));
        let mut body = whole.clone();
        body.readers[0].key.clear();
        assert_eq!(open(&body, &secret(1), b"here"), Err(SealError::Altered));
        let mut body = whole;
        body.ephemeral = sealing_key(&secret(9));
        assert_eq!(open(&body, &secret(1), b"here"), Err(SealError::Altered));
    }

    #[test]
    fn weak_keys_and_odd_numbers_of_readers_are_refused() {
        let weak = [SealingKey([0; 32])];
        assert_eq!(seal(b"", &weak, b"", &mut random()), Err(SealError::BadKey));
        assert_eq!(
            seal(b"", &[], b"", &mut random()),
            Err(SealError::Readers(0))
        );
        let many = vec![sealing_key(&secret(1)); MAX_READERS + 1];
        assert_eq!(
            seal(b"", &many, b"", &mut random()),
            Err(SealError::Readers(257))
        );
    }

    #[test]
    fn the_content_is_not_readable_in_what_travels() {
        let body = sealed(b"a rather long and secret text", &[1]);
        let text = serde_json::to_vec(&body).unwrap();
        let back: SealedBody = serde_json::from_slice(&text).unwrap();
        assert_eq!(back, body);
        assert!(!body.content.windows(6).any(|part| part == b"secret"));
    }

    proptest! {
        #[test]
        fn any_content_comes_back(content: Vec<u8>, context: Vec<u8>, seed: u8) {
            let reader = secret(seed);
            let body = seal(&content, &[sealing_key(&reader)], &context, &mut random()).unwrap();
            prop_assert_eq!(open(&body, &reader, &context).unwrap(), content);
        }
    }
}
