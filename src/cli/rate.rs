//! Rates on the command line.

/// Reads bytes a second: a whole number, or one with K, M or G, of 1,024 each.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err("the unit is none of K, M and G".to_owned()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a whole number of bytes a second is needed, as in 500K or 2M".to_owned())?;
    match number.checked_mul(unit) {
        Some(rate) if rate > 0 => Ok(rate),
        _ => Err("it must be more than nothing and fit in 64 bits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bytes_or_have_a_unit() {
        assert_eq!(parse("1500"), Ok(1500));
        assert_eq!(parse("500k"), Ok(500 << 10));
        assert_eq!(parse("2M"), Ok(2 << 20));
        assert_eq!(parse("1G"), Ok(1 << 30));
        for wrong in ["", "M", "0", "0M", "-1", "1.5M", "2MB", "99999999999G"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
