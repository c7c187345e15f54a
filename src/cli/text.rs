//! Sizes, counts and times in words.

use std::fmt::Write as _;

/// Light modules around a QR code, without which readers do not find it.
const QUIET: usize = 4;

/// A size in bytes, in binary units with at most three digits before the unit.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return count(bytes, "byte");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A number and its noun.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A person's name and roll number.
pub fn who(name: &str, roll: &str) -> String {
    let mut text = if name.is_empty() { "somebody" } else { name }.to_owned();
    if !roll.is_empty() {
        let _ = write!(text, " ({roll})");
    }
    text
}

/// A text without the control characters that could play tricks on a terminal; new lines stay.
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// A QR code for a terminal, two rows of it in one line of text: its dark parts are left out, as if it was printed on black.
pub fn in_blocks(code: &[Vec<bool>]) -> String {
    let side = code.len() + 2 * QUIET;
    let light = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.len());
        inside(x).zip(inside(y)).is_none_or(|(x, y)| !code[y][x])
    };
    let mut text = String::new();
    for y in (0..side).step_by(2) {
        for x in 0..side {
            text.push(match (light(x, y), y + 1 < side && light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1_048_575), "1.0 MiB");
        assert_eq!(size(10 << 20), "10 MiB");
        assert_eq!(size(3 << 30), "3.0 GiB");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc\x07"), "a[2Jb\nc");
    }

    #[test]
    fn people_are_named_with_their_roll_number() {
        assert_eq!(who("Asha", "21"), "Asha (21)");
        assert_eq!(who("", ""), "somebody");
    }

    #[test]
    fn a_qr_code_has_two_rows_a_line_and_a_light_border() {
        let text = in_blocks(&[vec![true, false], vec![true, true]]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "█".repeat(10));
        assert_eq!(lines[2], "████ ▀████");
    }
}
