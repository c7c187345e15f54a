//! One error for everything a window does: a text for developers, and one for people.

use std::path::PathBuf;

use gettextrs::gettext;
use gtk::{gio, glib};
use handout_engine::EngineError;
use handout_engine::core::io::CommandError;

use crate::format;
use crate::i18n::gettext_f;

/// Something that did not work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The engine said no.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A teacher's key cannot be used.
    #[error("key: {0}")]
    Key(String),
    /// A file that is not on this computer, or not readable.
    #[error("cannot read {0}")]
    Unreadable(PathBuf),
    /// A folder that is not on this computer.
    #[error("no folder of this computer: {0}")]
    NoFolder(String),
    /// Neither an address nor a link to a session.
    #[error("no link: {0}")]
    NoLink(String),
    /// The desktop could not open something.
    #[error("launch: {0}")]
    Launch(#[from] glib::Error),
    /// Something could not be written.
    #[error("save: {0}")]
    Save(glib::Error),
    /// The person changed their mind.
    #[error("cancelled")]
    Cancelled,
}

impl AppError {
    /// What people are told; nothing when they cancelled it themselves.
    pub fn user_text(&self) -> Option<String> {
        match self {
            Self::Cancelled => None,
            Self::Launch(error) if cancelled(error) => None,
            Self::Launch(error) => Some(gettext_f(
                "It could not be opened: {reason}",
                &[("reason", error.message())],
            )),
            Self::Save(error) => Some(gettext_f(
                "It could not be saved: {reason}",
                &[("reason", error.message())],
            )),
            Self::Key(text) => Some(text.clone()),
            Self::Unreadable(path) => Some(gettext_f(
                "“{path}” cannot be read. Choose it with Share Files instead.",
                &[("path", &path.display().to_string())],
            )),
            Self::NoFolder(name) => Some(gettext_f(
                "“{folder}” is not on this computer. Choose a folder of its own.",
                &[("folder", name)],
            )),
            Self::NoLink(text) => Some(gettext_f(
                "“{text}” is no address of a session. It should look like 10.0.3.7 or handout://10.0.3.7:47800",
                &[("text", text)],
            )),
            Self::Engine(error) => Some(engine_text(error)),
        }
    }
}

fn cancelled(error: &glib::Error) -> bool {
    error.matches(gtk::DialogError::Dismissed)
        || error.matches(gtk::DialogError::Cancelled)
        || error.matches(gio::IOErrorEnum::Cancelled)
}

fn engine_text(error: &EngineError) -> String {
    match error {
        EngineError::Command(error) => command_text(error),
        EngineError::Stopped => gettext("Handout has stopped working. Start it again."),
        EngineError::DataDir { path, source } => gettext_f(
            "The folder {path} cannot be used: {reason}",
            &[
                ("path", &path.display().to_string()),
                ("reason", &source.to_string()),
            ],
        ),
        EngineError::NotResumable => {
            gettext("This session cannot be resumed: it is over. Start a new one.")
        }
        EngineError::AlreadyTeaching => gettext(
            "Another window or terminal of this computer is teaching. End its session first.",
        ),
        EngineError::OtherTeacher(name) => gettext_f(
            "This session was started with the key of {name}. Choose that key to resume it.",
            &[("name", name)],
        ),
        EngineError::Keys(error) => error.to_string(),
        EngineError::Database(error) => gettext_f(
            "The history on this computer cannot be used: {reason}",
            &[("reason", &error.to_string())],
        ),
        EngineError::System(reason) => gettext_f(
            "This system does not let Handout start: {reason}",
            &[("reason", reason)],
        ),
        EngineError::NothingToShare(reason) => {
            gettext_f("Nothing was shared: {reason}", &[("reason", reason)])
        }
        EngineError::Network { port, source } => gettext_f(
            "Port {port} of the network cannot be used: {reason}",
            &[("port", &port.to_string()), ("reason", &source.to_string())],
        ),
    }
}

fn command_text(error: &CommandError) -> String {
    match error {
        CommandError::NoSession | CommandError::Ended => gettext("This session has ended"),
        CommandError::NoItem => gettext("This item is no longer in the session"),
        CommandError::Running => gettext("This session is running already"),
        CommandError::NoStudent => gettext("This student is no longer in the session"),
        CommandError::NotTeacher => gettext("Only the teacher of this session can do that"),
        CommandError::NotJoined => gettext("This computer has not joined the session yet"),
        CommandError::NotAllowed => gettext("The teacher does not take messages at the moment"),
        CommandError::LogFull => gettext("This session has no room for more messages"),
        CommandError::TooLong { limit, .. } => gettext_f(
            "Too long: at most {limit}. Send it as a file instead.",
            &[("limit", &format::size(*limit))],
        ),
        CommandError::Empty(_) => gettext("There is nothing in it"),
        CommandError::TooFast => gettext("Too many messages at once. Wait a few seconds."),
        CommandError::NotShareable(reason) => {
            gettext_f("This cannot be shared: {reason}", &[("reason", reason)])
        }
        CommandError::NotAuthorised(reason) | CommandError::BadTitle(reason) => {
            gettext_f("The session cannot start: {reason}", &[("reason", reason)])
        }
        CommandError::BadLink(text) => gettext_f(
            "“{text}” is not a web address. It should begin with https://",
            &[("text", text)],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cancelled_is_no_error() {
        assert_eq!(AppError::Cancelled.user_text(), None);
        let dismissed = glib::Error::new(gtk::DialogError::Dismissed, "x");
        assert_eq!(AppError::Launch(dismissed).user_text(), None);
    }

    #[test]
    fn people_are_told_what_and_where() {
        let text = AppError::Unreadable("/media/stick/a.txt".into()).user_text();
        assert!(text.is_some_and(|text| text.contains("/media/stick/a.txt")));
    }
}
