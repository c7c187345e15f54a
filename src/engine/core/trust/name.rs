//! Names that people give to teachers, institutions and sessions.

use unicode_normalization::UnicodeNormalization as _;

/// Longest name of a teacher, an institution or a session, in bytes of UTF-8. A quotation mark or a
/// backslash counts twice, as JSON escapes it: three such names fit an announcement with room left.
pub const MAX_NAME: usize = 64;

/// Why a name is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but spaces, or nothing at all.
    #[error("the name is empty: give one of 1 to {MAX_NAME} bytes")]
    Empty,
    /// More than [`MAX_NAME`] bytes.
    #[error("the name is too long ({0} bytes, at most {MAX_NAME} are allowed): shorten it")]
    TooLong(usize),
    /// A control character, or one that changes the direction of writing or is invisible.
    #[error("the name holds an invisible character (U+{0:04X}): leave it out")]
    Invisible(u32),
}

/// Whether `name` may stand in a certificate: 1 to 64 bytes, nothing invisible.
///
/// Characters that reorder or hide text are refused because a name is what a person goes by.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let length = name.len() + name.matches(['"', '\\']).count();
    if length > MAX_NAME {
        return Err(NameError::TooLong(length));
    }
    if let Some(bad) = name.chars().find(|c| c.is_control() || is_invisible(*c)) {
        return Err(NameError::Invisible(bad.into()));
    }
    if name.trim().is_empty() {
        return Err(NameError::Empty);
    }
    Ok(())
}

/// Directional marks and zero-width characters. The two joiners are left out of the list: scripts
/// of India and Iran need them.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Whether two names look the same to a person who is not careful: compatibility forms, case,
/// joiners and spaces do not count.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    let plain: String = name
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !matches!(c, '\u{200C}' | '\u{200D}'))
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_of_any_script_are_accepted() {
        for name in ["Dr. Rao", "José Ñandú", "शर्मा", "क्\u{200D}ष", "王老师", "a"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn empty_long_and_invisible_names_are_refused() {
        assert_eq!(check_name("  "), Err(NameError::Empty));
        assert_eq!(check_name(&"x".repeat(65)), Err(NameError::TooLong(65)));
        assert_eq!(check_name(&"\"".repeat(33)), Err(NameError::TooLong(66)));
        assert_eq!(check_name("a\u{202E}b"), Err(NameError::Invisible(0x202E)));
        assert_eq!(check_name("a\nb"), Err(NameError::Invisible(0x0A)));
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        assert!(same_name("Dr. Rao", " dr.  RAO "));
        assert!(same_name("Ｒao", "rao"));
        assert!(!same_name("Rao", "Roa"));
    }
}
