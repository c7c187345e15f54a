//! How far an item is, in words: on a student's machine, or in the teacher's class.

use gettextrs::gettext;
use handout_engine::api::Progress;

use super::pace;
use super::tally::{Counts, percent};
use crate::format;
use crate::i18n::gettext_f;

/// What is known of an item's progress.
#[derive(Debug, Clone, Default)]
pub struct ItemState {
    /// How far the own machine is; `None` before the first word of it.
    pub progress: Option<Progress>,
    /// Verified bytes here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second.
    pub rate: u64,
    /// How far the class is; `None` where the item is somebody else's.
    pub counts: Option<Counts>,
    /// Whether it is no longer offered.
    pub withdrawn: bool,
    /// Where it belongs to an earlier session: whether that was taught here.
    pub past: Option<bool>,
}

impl ItemState {
    /// In words.
    pub fn text(&self) -> String {
        match (&self.progress, self.counts) {
            _ if self.withdrawn => gettext("Withdrawn"),
            (_, None | Some(Counts { students: 0, .. })) if self.past == Some(true) => {
                gettext("Shared")
            }
            (Some(Progress::Saved { path: None }), _) if self.past.is_some() => {
                gettext("No longer where it was saved")
            }
            (None, None) if self.past.is_some() => gettext("Not received"),
            (Some(Progress::Preparing), Some(_)) => gettext("Reading the files…"),
            (Some(Progress::Failed { text, .. }), Some(_)) => text.clone(),
            (_, Some(counts)) => format::delivery(counts),
            (None | Some(Progress::Waiting | Progress::Preparing), None) => gettext("Waiting…"),
            (Some(Progress::Receiving), None) => self.received(),
            (Some(Progress::Saved { .. }), None) => gettext("Saved"),
            (Some(Progress::Failed { reason, .. }), None) => gettext_f(
                // Translators: why a file did not come, and what to do: "Disk full. Free some space, then try again."
                "{failure}. {remedy}",
                &[
                    ("failure", &format::failure(*reason)),
                    ("remedy", &format::remedy(*reason)),
                ],
            ),
        }
    }

    /// An icon for the same.
    pub fn icon(&self) -> &'static str {
        match (&self.progress, self.counts) {
            _ if self.withdrawn => "action-unavailable-symbolic",
            (Some(Progress::Failed { .. }), _) | (_, Some(Counts { failed: 1.., .. })) => {
                "dialog-warning-symbolic"
            }
            (_, Some(counts)) if counts.saved > 0 && counts.saved == counts.students => {
                "handout-saved-symbolic"
            }
            (_, Some(_)) => "system-users-symbolic",
            (None, None) if self.past == Some(true) => "handout-saved-symbolic",
            (None, None) if self.past.is_some() => "action-unavailable-symbolic",
            (Some(Progress::Saved { .. }), None) => "handout-saved-symbolic",
            (Some(Progress::Receiving), None) => "folder-download-symbolic",
            (None | Some(Progress::Waiting | Progress::Preparing), None) => {
                "content-loading-symbolic"
            }
        }
    }

    /// Received part, 0 to 1.
    pub fn fraction(&self) -> f64 {
        f64::from(percent(self.done, self.total)) / 100.0
    }

    /// Whether it is coming in now.
    pub fn receiving(&self) -> bool {
        self.awaited() && matches!(self.progress, Some(Progress::Receiving))
    }

    /// Whether it failed here and can be tried again.
    pub fn failed(&self) -> bool {
        self.awaited() && matches!(self.progress, Some(Progress::Failed { .. }))
    }

    fn awaited(&self) -> bool {
        self.counts.is_none() && !self.withdrawn
    }

    fn received(&self) -> String {
        let amount = gettext_f(
            // Translators: "3.1 MB of 12.4 MB"
            "{done} of {total}",
            &[
                ("done", &format::size(self.done)),
                ("total", &format::size(self.total)),
            ],
        );
        match self.rate {
            0 => amount,
            rate => {
                let missing = self.total.saturating_sub(self.done);
                let left = pace::seconds(missing, rate as f64).map(format::left);
                format::joined(&[amount, format::speed(rate), left.unwrap_or_default()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use handout_engine::api::FailReason;

    use super::*;

    fn here(progress: Progress) -> ItemState {
        ItemState {
            progress: Some(progress),
            done: 3_100_000,
            total: 12_400_000,
            rate: 1_000_000,
            ..ItemState::default()
        }
    }

    #[test]
    fn a_student_reads_how_much_has_come_and_how_fast() {
        let state = here(Progress::Receiving);
        assert_eq!(
            state.text(),
            "3.1\u{a0}MB of 12.4\u{a0}MB · 1.0\u{a0}MB/s · about 10 seconds left"
        );
        assert!(state.receiving() && !state.failed());
        assert!((state.fraction() - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn a_failure_comes_with_a_remedy() {
        let state = here(Progress::Failed {
            reason: FailReason::DiskFull,
            text: String::new(),
        });
        assert_eq!(state.text(), "Disk full. Free some space, then try again.");
        assert!(state.failed());
    }

    #[test]
    fn a_teacher_reads_how_far_the_class_is() {
        let mut state = here(Progress::Receiving);
        let counts = Counts {
            students: 3,
            saved: 3,
            ..Counts::default()
        };
        state.counts = Some(counts);
        assert_eq!(state.text(), "All 3 students have it");
        assert_eq!(state.icon(), "handout-saved-symbolic");
        assert!(!state.receiving());
    }

    #[test]
    fn what_was_withdrawn_is_neither_coming_nor_failed() {
        let mut state = here(Progress::Receiving);
        state.withdrawn = true;
        assert_eq!(state.text(), "Withdrawn");
        assert!(!state.receiving() && !state.failed());
    }
}
