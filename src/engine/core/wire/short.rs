//! The short form of the control messages that every chunk needs. In a large class, what is said of a chunk would otherwise, in JSON,
//! take 2 % of every line.
//!
//! ```text
//! offset  bytes
//!      0      1  low half: 1 have, 2 lost, 3 request, 4 cancel, 5 ready; of `have` bit 4: as owner, bit 5: all
//!      1     16  session
//!     17     16  set
//!     33         ranges in rising order, each: twice the chunks that lie between it and the one before (or chunk 0), plus 1 if it
//!                is longer than one chunk; then, if so, its chunks less 2. Numbers are LEB128, at most 2³³.
//! ```

use super::control::Control;
use super::ranges::Ranges;
use crate::core::ids::{SessionId, SetId};

const HAVE: u8 = 1;
const LOST: u8 = 2;
const REQUEST: u8 = 3;
const CANCEL: u8 = 4;
const READY: u8 = 5;
const OWNER: u8 = 0x10;
const ALL: u8 = 0x20;
/// Length of everything before the ranges.
const HEAD: usize = 33;

/// A short message that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShortError {
    /// It ends within its head or within a number.
    #[error("a short message ends too early")]
    Ends,
    /// A chunk's number has more than 32 bits.
    #[error("a short message names a chunk beyond 4,294,967,295")]
    Beyond,
    /// More than [`Ranges::MAX`].
    #[error("a short message has more than {} ranges", Ranges::MAX)]
    TooMany,
}

/// Whether a control frame is in the short form.
pub fn is_short(bytes: &[u8]) -> bool {
    let kind = bytes.first().map_or(0, |first| first & 0x0f);
    bytes.first().is_some_and(|&first| first < b'@') && (HAVE..=READY).contains(&kind)
}

/// The short form of a message that has one. Ranges that are not in order have none.
pub fn encode(message: &Control) -> Option<Vec<u8>> {
    let (kind, session, set, chunks) = match message {
        Control::Have {
            session,
            set,
            chunks,
            owner,
            all,
        } => {
            let owner = if *owner { OWNER } else { 0 };
            let all = if *all { ALL } else { 0 };
            (HAVE | owner | all, session, set, chunks)
        }
        Control::Lost {
            session,
            set,
            chunks,
        } => (LOST, session, set, chunks),
        Control::Request {
            session,
            set,
            chunks,
        } => (REQUEST, session, set, chunks),
        Control::Cancel {
            session,
            set,
            chunks,
        } => (CANCEL, session, set, chunks),
        Control::Ready {
            session,
            set,
            chunks,
        } => (READY, session, set, chunks),
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(HEAD + 4 * chunks.0.len());
    bytes.push(kind);
    bytes.extend(session.0);
    bytes.extend(set.0);
    let mut next = 0;
    for &(first, last) in &chunks.0 {
        let gap = u64::from(first).checked_sub(next)?;
        match u64::from(last).checked_sub(u64::from(first))? {
            0 => number(&mut bytes, gap * 2),
            more => {
                number(&mut bytes, gap * 2 + 1);
                number(&mut bytes, more - 1);
            }
        }
        next = u64::from(last) + 1;
    }
    (chunks.0.len() <= Ranges::MAX).then_some(bytes)
}

/// Reads a message for which [`is_short`] holds.
pub fn decode(bytes: &[u8]) -> Result<Control, ShortError> {
    let (head, mut rest) = bytes.split_at_checked(HEAD).ok_or(ShortError::Ends)?;
    let id = |at: usize| <[u8; 16]>::try_from(&head[at..at + 16]).expect("the head is that long");
    let (session, set) = (SessionId(id(1)), SetId(id(17)));
    let mut ranges = Vec::new();
    let mut next = 0;
    while !rest.is_empty() {
        if ranges.len() == Ranges::MAX {
            return Err(ShortError::TooMany);
        }
        let gap = take(&mut rest)?;
        let more = if gap & 1 == 1 {
            take(&mut rest)? + 1
        } else {
            0
        };
        let first = next + gap / 2;
        next = first + more + 1;
        let chunk = |number: u64| u32::try_from(number).map_err(|_| ShortError::Beyond);
        ranges.push((chunk(first)?, chunk(first + more)?));
    }
    Ok(message(head[0], session, set, Ranges(ranges)))
}

/// The message whose short form begins with this byte.
fn message(first: u8, session: SessionId, set: SetId, chunks: Ranges) -> Control {
    match first & 0x0f {
        HAVE => Control::Have {
            session,
            set,
            chunks,
            owner: first & OWNER != 0,
            all: first & ALL != 0,
        },
        LOST => Control::Lost {
            session,
            set,
            chunks,
        },
        REQUEST => Control::Request {
            session,
            set,
            chunks,
        },
        CANCEL => Control::Cancel {
            session,
            set,
            chunks,
        },
        _ => Control::Ready {
            session,
            set,
            chunks,
        },
    }
}

/// Appends a number as LEB128: seven bits a byte, the lowest first, the highest bit set where more follow.
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Takes a number of at most five bytes off the front.
fn take(rest: &mut &[u8]) -> Result<u64, ShortError> {
    let mut value = 0;
    for place in 0..5 {
        let (&byte, left) = rest.split_first().ok_or(ShortError::Ends)?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ShortError::Beyond)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(first: u8, chunks: Ranges) -> Control {
        message(first, SessionId([0x5e; 16]), SetId([0x5a; 16]), chunks)
    }

    proptest! {
        #[test]
        fn a_message_survives_its_bytes(
            kind in HAVE..=READY, flags in 0_u8..4,
            steps in prop::collection::vec((0..1_u32 << 24, 0..1_u32 << 24), 0..40),
        ) {
            let mut next = 0_u32;
            let ranges = steps.into_iter().map(|(gap, more)| {
                let range = (next + gap, next + gap + more);
                next = range.1 + 1;
                range
            });
            let flags = if kind == HAVE { flags << 4 } else { 0 };
            let message = of(kind | flags, Ranges(ranges.collect()));
            let bytes = encode(&message).unwrap();
            prop_assert!(is_short(&bytes));
            prop_assert_eq!(bytes[0], kind | flags);
            prop_assert_eq!(decode(&bytes), Ok(message));
        }

        #[test]
        fn whatever_can_be_read_is_in_order(first in 0_u8..0x40, bytes: Vec<u8>) {
            let bytes = [[first].as_slice(), &[7; 32], &bytes].concat();
            if is_short(&bytes) && let Ok(message) = decode(&bytes) {
                prop_assert!(encode(&message).is_some());
            }
        }
    }

    #[test]
    fn the_last_chunk_of_all_has_a_short_form_and_the_one_after_it_none() {
        let last = of(REQUEST, Ranges(vec![(0, 0), (u32::MAX, u32::MAX)]));
        let mut bytes = encode(&last).unwrap();
        assert_eq!(decode(&bytes), Ok(last));
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(ShortError::Beyond));
    }

    #[test]
    fn ranges_out_of_order_have_no_short_form() {
        for ranges in [vec![(4, 5), (5, 9)], vec![(7, 3)], vec![(9, 9), (1, 1)]] {
            let message = of(HAVE, Ranges(ranges));
            assert_eq!(encode(&message), None);
            assert_eq!(Control::decode(&message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn no_more_ranges_than_a_message_may_carry_are_kept() {
        let many = |count: u32| Ranges((0..count).map(|at| (2 * at, 2 * at)).collect());
        let most = u32::try_from(Ranges::MAX).unwrap();
        let mut bytes = encode(&of(HAVE, many(most))).unwrap();
        assert!(decode(&bytes).is_ok());
        assert_eq!(encode(&of(HAVE, many(most + 1))), None);
        bytes.push(2);
        assert_eq!(decode(&bytes), Err(ShortError::TooMany));
    }

    #[test]
    fn a_message_that_ends_too_early_is_an_error() {
        let whole = encode(&of(HAVE | OWNER, Ranges(vec![(500, 900)]))).unwrap();
        for length in (1..HEAD).chain([whole.len() - 1]) {
            assert_eq!(decode(&whole[..length]), Err(ShortError::Ends), "{length}");
        }
    }

    #[test]
    fn json_is_not_taken_for_a_short_message() {
        for json in [
            &br#"{"t":"ping"}"#[..],
            b" {}",
            b"\n{}",
            b"\t{}",
            b"\r{}",
            b"[]",
            b"",
        ] {
            assert!(!is_short(json));
        }
    }
}
