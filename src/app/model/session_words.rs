//! What is said of a session.

use gettextrs::gettext;
use handout_engine::api::{SessionState, SessionView, Version};
use handout_engine::store::scan::{SkipReason, Skipped};

use super::session::Session;
use crate::format;
use crate::i18n::{gettext_f, ngettext_f};

/// Who vouches for the teacher's name.
pub fn vouched(view: &SessionView) -> String {
    match (&view.state, view.institution.as_str()) {
        (SessionState::Unknown, _) => gettext("Not known on this computer"),
        (_, "") => gettext("Trusted on this computer"),
        // Translators: an institution has confirmed who the teacher is.
        (_, name) => gettext_f("Certified by {institution}", &[("institution", name)]),
    }
}

/// What somebody does in a session, where there is no window that shows it.
pub fn doing(teaching: bool, title: &str) -> String {
    if teaching {
        // Translators: what the desktop says of the program of a teacher whose session runs.
        gettext_f("Teaching {title}", &[("title", title)])
    } else {
        gettext_f("Connected to {title}", &[("title", title)])
    }
}

/// A line for an item that is no longer offered.
pub fn withdrawn(title: &str, reason: &str) -> String {
    if reason.is_empty() {
        return gettext_f("{title} was withdrawn", &[("title", title)]);
    }
    gettext_f(
        "{title} was withdrawn: {reason}",
        &[("title", title), ("reason", reason)],
    )
}

/// A line for an item of which a new version is offered.
pub fn replaced(title: &str, version: Version) -> String {
    let n = version.0.to_string();
    gettext_f("{title} is now version {n}", &[("title", title), ("n", &n)])
}

/// What was not shared, and why, if there is anything.
pub fn left_out(skipped: &[Skipped]) -> Option<String> {
    let first = skipped.first()?;
    let reason = match &first.why {
        // Translators: this and the next ones are reasons in “{path} was left out: {reason}”.
        SkipReason::Link => gettext("it is a link. Share what it leads to instead."),
        SkipReason::Special => gettext("it is neither a file nor a folder"),
        SkipReason::Own => gettext("it is Handout’s own folder"),
        SkipReason::TooDeep => gettext("it is too deep in folders"),
        SkipReason::Unreadable(_) => gettext("it cannot be read"),
    };
    let name = first.local.file_name().unwrap_or(first.local.as_os_str());
    Some(ngettext_f(
        "{path} was left out: {reason}",
        "{n} files were left out, the first: {path}",
        u32::try_from(skipped.len()).unwrap_or(u32::MAX),
        &[("path", &name.display().to_string()), ("reason", &reason)],
    ))
}

/// The icon and the words for a state.
pub fn state(state: &SessionState) -> (&'static str, String) {
    match state {
        SessionState::Teaching => ("media-record-symbolic", gettext("Live")),
        SessionState::Seen => ("network-wireless-symbolic", gettext("Can be joined")),
        SessionState::Unknown => ("dialog-information-symbolic", gettext("Unknown teacher")),
        SessionState::Joining => ("content-loading-symbolic", gettext("Joining…")),
        SessionState::Joined => ("handout-saved-symbolic", gettext("Connected")),
        SessionState::TeacherAway { seconds } => {
            let text = match u32::try_from(seconds / 60).unwrap_or(u32::MAX) {
                0 => gettext("Teacher not reachable"),
                minutes => ngettext_f(
                    // Translators: for how long nothing was heard from the teacher's computer.
                    "Teacher away for {n} min",
                    "Teacher away for {n} min",
                    minutes,
                    &[],
                ),
            };
            ("network-offline-symbolic", text)
        }
        SessionState::PinWanted { wrong, seconds } => {
            let text = match (wrong, seconds) {
                (_, 1..) => ngettext_f(
                    "Too many wrong PINs. Try again in {n} second",
                    "Too many wrong PINs. Try again in {n} seconds",
                    u32::try_from(*seconds).unwrap_or(u32::MAX),
                    &[],
                ),
                (true, _) => gettext("That was not the PIN"),
                (false, _) => gettext("Asks for a PIN"),
            };
            ("dialog-password-symbolic", text)
        }
        SessionState::Denied { why } => (
            "action-unavailable-symbolic",
            gettext_f("Not admitted: {reason}", &[("reason", why)]),
        ),
        SessionState::Ended => ("media-playback-stop-symbolic", gettext("Ended")),
        // Translators: this computer has left the session.
        SessionState::Left => ("media-playback-stop-symbolic", gettext("Left")),
    }
}

/// What of a session is told anew when anything is known anew.
pub const TOLD: [&str; 16] = [
    "title",
    "teacher",
    "vouched",
    "fingerprint",
    "state-text",
    "state-icon",
    "teaching",
    "live",
    "unknown",
    "joinable",
    "pin-wanted",
    "pin",
    "member",
    "may-write",
    "private-texts",
    "students",
];

/// Whether this computer takes part.
pub const fn is_inside(state: &SessionState) -> bool {
    use SessionState as S;
    matches!(state, S::Teaching | S::Joined | S::TeacherAway { .. })
}

/// Whether a person can join.
pub const fn is_joinable(state: &SessionState) -> bool {
    use SessionState as S;
    matches!(
        state,
        S::Seen | S::Left | S::Denied { .. } | S::PinWanted { .. }
    )
}

/// A PIN as it is read out: in groups of three.
pub fn pin(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let groups: Vec<String> = digits
        .chunks(3)
        .map(|group| group.iter().collect())
        .collect();
    groups.join("\u{a0}")
}

/// What the header says under the title.
pub fn subtitle(session: &Session) -> String {
    if session.teaching() {
        let digits = session.pin();
        let pin = if digits.is_empty() {
            String::new()
        } else {
            // Translators: what students type to be admitted to the session.
            gettext_f("PIN {pin}", &[("pin", &pin(&digits))])
        };
        format::joined(&[format::students(session.students()), pin])
    } else {
        session.teacher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_an_icon_and_words_of_its_own() {
        use SessionState as S;
        let wanted = |wrong, seconds| S::PinWanted { wrong, seconds };
        let states = [
            S::Teaching,
            S::Seen,
            S::Unknown,
            S::Joining,
            S::Joined,
            S::TeacherAway { seconds: 10 },
            S::TeacherAway { seconds: 180 },
            wanted(false, 0),
            wanted(true, 0),
            wanted(false, 12),
            S::Denied { why: "full".into() },
            S::Ended,
            S::Left,
        ];
        let mut texts: Vec<_> = states.iter().map(|it| state(it).1).collect();
        assert!(texts.contains(&"Teacher away for 3 min".to_owned()));
        assert!(texts.contains(&"Not admitted: full".to_owned()));
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), states.len());
        assert!(states.iter().all(|it| state(it).0.ends_with("-symbolic")));
    }

    #[test]
    fn a_pin_is_read_out_in_threes() {
        assert_eq!(pin("314159"), "314\u{a0}159");
        assert_eq!(pin("4711"), "471\u{a0}1");
    }

    #[test]
    fn a_withdrawal_tells_its_reason_if_there_is_one() {
        assert_eq!(withdrawn("lab3.zip", ""), "lab3.zip was withdrawn");
        assert_eq!(
            withdrawn("lab3.zip", "wrong file"),
            "lab3.zip was withdrawn: wrong file"
        );
    }
}
