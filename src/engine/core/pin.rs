//! The PIN of a session, and how a device proves that it knows it.
//!
//! SPAKE2 (Abdalla and Pointcheval 2005; RFC 9382 describes a later form) on the curve of Ed25519: each side sends one message,
//! and both have the same key if their PINs are the same. Whoever hears all of it, or takes part in it with another PIN, can
//! try one PIN with each exchange and none without. The names of the two sides are the student's device and the session with
//! its key of this life, so that an exchange counts nowhere else.

use std::fmt;

use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::Zeroizing;

use super::ids::{DeviceId, PinProof, PinShare, PublicKey, SessionId};
use super::rng::Rng;

/// What the crate puts before a student's message, and before a teacher's.
const STUDENT: u8 = b'A';
const TEACHER: u8 = b'B';

/// What a session asks for: 4 to 12 digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<String>);

/// A text that is no PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has {} to {} digits and nothing else", Pin::LEAST, Pin::MOST)]
pub struct BadPin;

impl Pin {
    /// Fewest digits.
    pub const LEAST: usize = 4;
    /// Most digits.
    pub const MOST: usize = 12;
    /// Digits of one that is made.
    pub const MADE: usize = 6;

    /// Reads what a person typed: spaces in it and around it do not count.
    pub fn parse(text: &str) -> Result<Self, BadPin> {
        let digits: String = text.chars().filter(|one| !one.is_whitespace()).collect();
        let fits = (Self::LEAST..=Self::MOST).contains(&digits.len());
        (fits && digits.bytes().all(|one| one.is_ascii_digit()))
            .then(|| Self(Zeroizing::new(digits)))
            .ok_or(BadPin)
    }

    /// A random one of six digits.
    pub fn random(rng: &mut Rng) -> Self {
        let digits =
            (0..Self::MADE).map(|_| char::from(b'0' + u8::try_from(rng.below(10)).unwrap_or(0)));
        Self(Zeroizing::new(digits.collect()))
    }

    /// The digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Who proves a PIN, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parties {
    /// The session.
    pub session: SessionId,
    /// Its key of this life.
    pub key: PublicKey,
    /// The student's device.
    pub device: DeviceId,
}

impl Parties {
    fn names(&self) -> (Identity, Identity) {
        let student = [b"handout student".as_slice(), &self.device.0].concat();
        let teacher = [b"handout teacher".as_slice(), &self.session.0, &self.key.0].concat();
        (Identity::new(&student), Identity::new(&teacher))
    }
}

/// The student's side of an exchange.
pub struct Prover(Spake2<Ed25519Group>, PinShare);

impl Prover {
    /// Begins one.
    pub fn start(pin: &Pin, parties: &Parties, rng: &mut Rng) -> Self {
        let (student, teacher) = parties.names();
        let password = Password::new(pin.digits());
        let (side, message) = Spake2::start_a_with_rng(&password, &student, &teacher, rng);
        Self(side, share_of(&message))
    }

    /// What is sent to the teacher.
    pub const fn share(&self) -> PinShare {
        self.1
    }

    /// The proof, by the teacher's answer; `None` where that is not one.
    pub fn prove(self, theirs: PinShare) -> Option<PinProof> {
        let message = [&[TEACHER], theirs.0.as_slice()].concat();
        self.0.finish(&message).ok().map(|key| proof_of(&key))
    }
}

/// The teacher's side of an exchange.
pub struct Verifier {
    /// What the student sent.
    pub theirs: PinShare,
    /// What is answered.
    pub share: PinShare,
    expected: PinProof,
}

impl Verifier {
    /// Answers a student's message; `None` where that is not one.
    pub fn answer(pin: &Pin, parties: &Parties, theirs: PinShare, rng: &mut Rng) -> Option<Self> {
        let (student, teacher) = parties.names();
        let password = Password::new(pin.digits());
        let (side, message) =
            Spake2::<Ed25519Group>::start_b_with_rng(&password, &student, &teacher, rng);
        let key = side
            .finish(&[&[STUDENT], theirs.0.as_slice()].concat())
            .ok()?;
        Some(Self {
            theirs,
            share: share_of(&message),
            expected: proof_of(&key),
        })
    }

    /// Whether the proof is that of the PIN; takes the same time either way.
    pub fn accepts(&self, proof: PinProof) -> bool {
        blake3::Hash::from(self.expected.0) == blake3::Hash::from(proof.0)
    }
}

fn share_of(message: &[u8]) -> PinShare {
    PinShare::from_slice(message.get(1..).unwrap_or_default())
        .expect("a message of SPAKE2 on this curve has one byte for the side and 32 for the point")
}

/// The key itself is never sent.
fn proof_of(key: &[u8]) -> PinProof {
    PinProof(blake3::derive_key("handout 2026 join pin proof", key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PARTIES: Parties = Parties {
        session: SessionId([1; 16]),
        key: PublicKey([2; 32]),
        device: DeviceId([3; 32]),
    };

    /// Whether a teacher with one PIN admits a student with another, each knowing the parties in their way.
    fn admitted(teachers: &str, students: &str, known: &Parties) -> bool {
        let mut rng = Rng::from_number(1);
        let prover = Prover::start(&Pin::parse(students).unwrap(), known, &mut rng);
        let pin = Pin::parse(teachers).unwrap();
        let verifier = Verifier::answer(&pin, &PARTIES, prover.share(), &mut rng).unwrap();
        verifier.accepts(prover.prove(verifier.share).unwrap())
    }

    #[test]
    fn the_right_pin_is_proven_and_no_other() {
        assert!(admitted("123456", "123 456", &PARTIES));
        assert!(!admitted("123456", "123457", &PARTIES));
        assert!(!admitted("123456", "0123456", &PARTIES));
    }

    #[test]
    fn an_exchange_counts_for_its_parties_alone() {
        let (mut other_device, mut other_session, mut other_life) = (PARTIES, PARTIES, PARTIES);
        other_device.device = DeviceId([4; 32]);
        other_session.session = SessionId([4; 16]);
        other_life.key = PublicKey([4; 32]);
        for other in [other_device, other_session, other_life] {
            assert!(!admitted("123456", "123456", &other));
        }
    }

    #[test]
    fn a_proof_heard_in_one_exchange_counts_in_no_other() {
        let (pin, mut rng) = (Pin::parse("4711").unwrap(), Rng::from_number(7));
        let prover = Prover::start(&pin, &PARTIES, &mut rng);
        let share = prover.share();
        let first = Verifier::answer(&pin, &PARTIES, share, &mut rng).unwrap();
        let proof = prover.prove(first.share).unwrap();
        assert!(first.accepts(proof));
        assert!(
            !Verifier::answer(&pin, &PARTIES, share, &mut rng)
                .unwrap()
                .accepts(proof)
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let (pin, mut rng) = (Pin::parse("4711").unwrap(), Rng::from_number(7));
        // No point of the curve has this as its y.
        let none = PinShare([2; 32]);
        assert!(Verifier::answer(&pin, &PARTIES, none, &mut rng).is_none());
        assert!(
            Prover::start(&pin, &PARTIES, &mut rng)
                .prove(none)
                .is_none()
        );
    }

    #[test]
    fn a_pin_is_four_to_twelve_digits() {
        for good in ["0000", " 12 34 56 ", "123456789012"] {
            assert!(Pin::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "123", "1234567890123", "12a4", "-1234", "１２３４"] {
            assert_eq!(Pin::parse(bad), Err(BadPin), "{bad}");
        }
        let mut rng = Rng::from_number(3);
        let made = Pin::random(&mut rng);
        assert_eq!(Pin::parse(made.digits()), Ok(made.clone()));
        assert_ne!(made, Pin::random(&mut rng));
        assert!(!format!("{made:?}").contains(made.digits()));
    }
}
