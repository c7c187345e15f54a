//! The short form of a public key that two people can compare by voice.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::words::WORDS;
use crate::core::ids::PublicKey;

/// 48 bits of a public key's BLAKE3 hash, as six words or as twelve hexadecimal digits.
///
/// It is for comparing what two screens show and for naming a key on a command line, never for
/// deciding that a key is the right one: that takes all of its 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::LEN]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: expected six words, or twelve hexadecimal digits")]
pub struct BadFingerprint;

impl Fingerprint {
    /// Length in bytes, and in words.
    pub const LEN: usize = 6;

    /// The fingerprint of `key`.
    pub fn of(key: &PublicKey) -> Self {
        let hash = blake3::derive_key("handout v1 fingerprint of a public key", key.as_bytes());
        let mut short = [0; Self::LEN];
        short.copy_from_slice(&hash[..Self::LEN]);
        Self(short)
    }

    /// Six words with a space between, as people read them aloud.
    pub fn words(self) -> String {
        self.0.map(|byte| WORDS[usize::from(byte)]).join(" ")
    }

    /// Twelve hexadecimal digits in groups of four.
    pub fn hex(self) -> String {
        self.0
            .chunks(2)
            .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Twelve hexadecimal digits without spaces, for file names.
    pub fn compact(self) -> String {
        self.hex().replace(' ', "")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// Reads either form; case, and what stands between words or digits, do not matter.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let text = text.to_lowercase();
        let words: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .collect();
        if words.len() == Self::LEN
            && let Some(bytes) = words
                .iter()
                .map(|word| number_of(word))
                .collect::<Option<Vec<_>>>()
        {
            return bytes.try_into().map(Self).map_err(|_| BadFingerprint);
        }
        from_hex(&words.concat()).ok_or(BadFingerprint)
    }
}

fn number_of(word: &str) -> Option<u8> {
    WORDS
        .binary_search(&word)
        .ok()
        .and_then(|index| u8::try_from(index).ok())
}

fn from_hex(digits: &str) -> Option<Fingerprint> {
    if digits.len() != 2 * Fingerprint::LEN || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; Fingerprint::LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Fingerprint(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_are_plain_short_sorted_and_told_apart_by_four_letters() {
        assert!(WORDS.is_sorted());
        let starts: BTreeSet<&str> = WORDS
            .iter()
            .map(|word| &word[..word.len().min(4)])
            .collect();
        assert_eq!(starts.len(), 256);
        assert!(WORDS.iter().all(|word| (3..=7).contains(&word.len())));
        assert!(
            WORDS
                .iter()
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase()))
        );
    }

    #[test]
    fn a_fingerprint_is_always_the_same_for_a_key() {
        let shown = Fingerprint::of(&PublicKey([7; 32]));
        assert_eq!(shown, Fingerprint::of(&PublicKey([7; 32])));
        assert_ne!(shown, Fingerprint::of(&PublicKey([8; 32])));
        assert_eq!(shown.words().split(' ').count(), 6);
        assert_eq!(shown.hex().len(), 14);
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in [
            "",
            "acorn",
            "acorn acorn acorn acorn acorn xyzzy",
            "12",
            "é".repeat(6).as_str(),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(BadFingerprint), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_are_read_back_however_they_are_written(key: [u8; 32]) {
            let shown = Fingerprint::of(&PublicKey(key));
            prop_assert_eq!(shown.words().parse(), Ok(shown));
            prop_assert_eq!(shown.words().replace(' ', "-").to_uppercase().parse(), Ok(shown));
            prop_assert_eq!(shown.hex().parse(), Ok(shown));
            prop_assert_eq!(shown.compact().parse(), Ok(shown));
        }
    }
}
