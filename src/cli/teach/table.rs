//! Attendance and delivery as a file for spreadsheets.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use handout_engine::api::{Event, FailReason, Presence, Progress, UnixTime};
use handout_engine::archive::PastFeed;
use handout_engine::core::trust::Date;
use handout_engine::report::{Cell, Column, Report, Words};

use crate::exit::Failure;
use crate::lines::Line;
use crate::output::Output;

/// Who was there and who has what.
#[derive(Debug, Default)]
pub struct Table(Report);

impl Table {
    /// Takes in what the engine told.
    pub fn apply(&mut self, event: &Event) {
        self.0.apply(event, now());
    }

    /// The table of an earlier session.
    pub fn past(feed: &PastFeed) -> Self {
        let mut table = Self::default();
        for (time, event) in feed.events() {
            table.0.apply(&event, time);
        }
        table
    }

    /// Writes the table.
    pub fn write(&self, path: &Path, output: &Output) -> Result<(), Failure> {
        fs::write(path, self.0.csv(&English, now())).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", path.display()))
        })?;
        output.emit(&Line::Written { path });
        output.say(format!("Written: {}", path.display()));
        Ok(())
    }
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}

struct English;

impl Words for English {
    fn column(&self, column: Column) -> String {
        match column {
            Column::Roll => "Roll number",
            Column::Name => "Name",
            Column::Machine => "Computer",
            Column::Presence => "Presence",
            Column::Joined => "First seen (UTC)",
            Column::Seen => "Last seen (UTC)",
            Column::Note => "Note",
        }
        .to_owned()
    }

    fn cell(&self, cell: Cell<'_>) -> String {
        let words = match cell {
            Cell::Presence(Presence::Away) => "away",
            Cell::Presence(_) => "here",
            Cell::DuplicateRoll => "same roll number as another student",
            Cell::Delivery(Progress::Preparing | Progress::Waiting, _) => "waiting",
            Cell::Delivery(Progress::Receiving, percent) => return format!("{percent} %"),
            Cell::Delivery(Progress::Saved { .. }, _) => "saved",
            Cell::Delivery(Progress::Failed { reason, .. }, _) => match reason {
                FailReason::DiskFull => "disk full",
                FailReason::NotWritable => "folder not writable",
                FailReason::DiskError => "disk error",
                FailReason::BadManifest => "not acceptable",
                FailReason::Declined => "declined",
                FailReason::TooLarge => "too large",
                FailReason::Unknown => "failed",
            },
            Cell::Time(time) => return moment(time),
        };
        words.to_owned()
    }
}

/// A moment as `2027-03-31 09:05:00`.
fn moment(time: UnixTime) -> String {
    let (hours, minutes, seconds) = (time.0 / 3600 % 24, time.0 / 60 % 60, time.0 % 60);
    format!("{} {hours:02}:{minutes:02}:{seconds:02}", Date(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_sorts_as_text() {
        assert_eq!(moment(UnixTime(0)), "1970-01-01 00:00:00");
        assert_eq!(moment(UnixTime(86_399)), "1970-01-01 23:59:59");
    }
}
