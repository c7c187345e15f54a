//! What is said of a session.

use gettextrs::gettext;
use handout_engine::api::{SessionState, SessionView};

use super::session::Session;
use crate::format;
use crate::i18n::gettext_f;

/// Who vouches for the teacher's name.
pub fn vouched(view: &SessionView) -> String {
    match (&view.state, view.institution.as_str()) {
        (SessionState::Unknown, _) => gettext("Not known on this computer"),
        (_, "") => gettext("Trusted on this computer"),
        // Translators: an institution has confirmed who the teacher is.
        (_, name) => gettext_f("Certified by {institution}", &[("institution", name)]),
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

/// The icon and the words for a state.
pub fn state(state: &SessionState) -> (&'static str, String) {
    match state {
        SessionState::Teaching => ("media-record-symbolic", gettext("Live")),
        SessionState::Seen => ("network-wireless-symbolic", gettext("Can be joined")),
        SessionState::Unknown => ("dialog-information-symbolic", gettext("Unknown teacher")),
        SessionState::Joining => ("content-loading-symbolic", gettext("Joining…")),
        SessionState::Joined => ("handout-saved-symbolic", gettext("Connected")),
        SessionState::TeacherAway { seconds } => {
            let minutes = (seconds / 60).to_string();
            let text = match seconds {
                0..60 => gettext("Teacher not reachable"),
                // Translators: for how long nothing was heard from the teacher's computer.
                _ => gettext_f("Teacher away for {n} min", &[("n", &minutes)]),
            };
            ("network-offline-symbolic", text)
        }
        SessionState::Denied { why } => (
            "action-unavailable-symbolic",
            gettext_f("Not admitted: {reason}", &[("reason", why)]),
        ),
        SessionState::Ended => ("media-playback-stop-symbolic", gettext("Ended")),
        SessionState::Left => ("media-playback-stop-symbolic", gettext("Left")),
    }
}

/// What the header says under the title.
pub fn subtitle(session: &Session) -> String {
    if session.teaching() {
        format::students(session.students())
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
        let states = [
            S::Teaching,
            S::Seen,
            S::Unknown,
            S::Joining,
            S::Joined,
            S::TeacherAway { seconds: 10 },
            S::TeacherAway { seconds: 180 },
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
    fn a_withdrawal_tells_its_reason_if_there_is_one() {
        assert_eq!(withdrawn("lab3.zip", ""), "lab3.zip was withdrawn");
        assert_eq!(
            withdrawn("lab3.zip", "wrong file"),
            "lab3.zip was withdrawn: wrong file"
        );
    }
}
