//! A day of the calendar, for messages to people.

use std::fmt;

use crate::core::time::UnixTime;

/// The day (UTC) of a moment, shown as `2027-03-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub UnixTime);

impl fmt::Display for Date {
    /// Days to year, month and day after Howard Hinnant, "chrono-compatible low-level date
    /// algorithms" (`civil_from_days`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.0 / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_are_shown_right() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_774_915_200, "2026-03-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Date(UnixTime(seconds)).to_string(), text);
        }
    }

    #[test]
    fn any_number_can_be_shown() {
        assert!(!Date(UnixTime(u64::MAX)).to_string().is_empty());
    }
}
