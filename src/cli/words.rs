//! States and reasons of the engine in words.

use handout_engine::api::{FailReason, SessionState, Warning};

use crate::text::plain;

/// Why a machine does not get an item, with the remedy.
pub const fn fail_reason(reason: FailReason) -> &'static str {
    match reason {
        FailReason::DiskFull => "the disk is full: make room, then /retry",
        FailReason::NotWritable => "the folder cannot be written to: choose another one",
        FailReason::DiskError => "the disk has an error: check it",
        FailReason::BadManifest => "the file list is not acceptable: share it again",
        FailReason::Declined => "it was declined",
        FailReason::TooLarge => "it is larger than accepted without asking: /retry accepts it",
        FailReason::Unknown => "for a reason that this version does not know: update it",
    }
}

/// How this machine stands to a session.
pub fn session_state(state: &SessionState) -> String {
    match state {
        SessionState::Teaching => "this machine teaches it".to_owned(),
        SessionState::Seen => "can be joined".to_owned(),
        SessionState::Unknown => "its teacher is not trusted here".to_owned(),
        SessionState::Joining => "asking to be admitted".to_owned(),
        SessionState::Joined => "joined".to_owned(),
        SessionState::TeacherAway { seconds } => {
            format!("joined, the teacher was last heard {seconds} s ago")
        }
        SessionState::PinWanted { wrong, seconds } => match (wrong, seconds) {
            (_, 1..) => format!("too many wrong PINs: another try counts in {seconds} s"),
            (true, _) => "that is not its PIN".to_owned(),
            (false, _) => "it asks for a PIN".to_owned(),
        },
        SessionState::Denied { why } => format!("not admitted: {why}"),
        SessionState::Ended => "ended".to_owned(),
        SessionState::Left => "left".to_owned(),
    }
}

/// A warning as one line.
pub fn warning(warning: &Warning) -> String {
    // Names of machines and people in it come from the network.
    format!("Warning: {}", plain(&warning.text))
}
