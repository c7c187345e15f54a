//! Attendance and delivery in the teacher's language.

use gettextrs::{gettext, pgettext};
use gtk::glib;
use handout_engine::api::{Presence, Progress, UnixTime};
use handout_engine::report::{Cell, Column, Words};

use crate::format;
use crate::i18n::{ISOLATES, gettext_f};

/// The words of the program's language.
pub struct Spoken;

impl Words for Spoken {
    fn column(&self, column: Column) -> String {
        match column {
            Column::Roll => gettext("Roll Number"),
            Column::Name => gettext("Name"),
            Column::Machine => gettext("Computer"),
            Column::Presence => gettext("Presence"),
            Column::Joined => gettext("First Seen"),
            Column::Seen => gettext("Last Seen"),
            Column::Note => gettext("Note"),
        }
    }

    fn cell(&self, cell: Cell<'_>) -> String {
        words(&cell).replace(ISOLATES, "")
    }
}

fn words(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Presence(Presence::Away) => gettext("Away"),
        Cell::Presence(_) => gettext("Here"),
        Cell::DuplicateRoll => gettext("Same roll number"),
        Cell::Delivery(Progress::Preparing | Progress::Waiting, _) => {
            // Translators: an item waits to be delivered.
            pgettext("delivery", "Waiting")
        }
        Cell::Delivery(Progress::Receiving, percent) => {
            gettext_f("{n} %", &[("n", &percent.to_string())])
        }
        Cell::Delivery(Progress::Saved { .. }, _) => gettext("Saved"),
        Cell::Delivery(Progress::Failed { reason, .. }, _) => format::failure(*reason),
        Cell::Time(time) => moment(*time),
    }
}

/// A moment that spreadsheets understand and that sorts as text.
fn moment(time: UnixTime) -> String {
    i64::try_from(time.0)
        .ok()
        .and_then(|seconds| glib::DateTime::from_unix_local(seconds).ok())
        .and_then(|moment| moment.format("%Y-%m-%d %H:%M:%S").ok())
        .map(Into::into)
        .unwrap_or_default()
}

/// The local clock.
pub fn now() -> UnixTime {
    let seconds = glib::real_time() / 1_000_000;
    UnixTime(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_words() {
        let cells = [
            Cell::Presence(Presence::Linked),
            Cell::DuplicateRoll,
            Cell::Delivery(&Progress::Waiting, 0),
            Cell::Delivery(&Progress::Receiving, 42),
            Cell::Delivery(&Progress::Saved { path: None }, 100),
            Cell::Time(now()),
        ];
        let words: Vec<_> = cells.into_iter().map(|cell| Spoken.cell(cell)).collect();
        assert_eq!(
            words[..5],
            ["Here", "Same roll number", "Waiting", "42 %", "Saved"]
        );
        assert_eq!(words[5].len(), "2027-03-31 09:05:00".len());
    }
}
