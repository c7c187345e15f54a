//! How the program ends: a number for scripts, words for people.

use std::fmt;
use std::process::ExitCode;

use handout_engine::EngineError;
use serde::Serialize;

/// What the exit status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// What was asked for was done.
    Done = 0,
    /// Something went wrong.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// No session was found or joined, or no interface can be used.
    NothingFound = 3,
    /// A key, a certificate or an admission was refused.
    Refused = 4,
    /// Joined, but not everything arrived.
    Incomplete = 5,
}

/// The same for the manual.
pub const EXIT_STATUS: &str = "\
Exit status:
  0  done
  1  failed: the message says what, where and what to do
  2  the command line is wrong
  3  nothing found: no session seen or joined, no usable interface
  4  refused: wrong passphrase, untrusted teacher, not admitted
  5  incomplete: the session ended before everything had arrived
130  interrupted twice: ended at once, without a goodbye";

/// Exit status of a program that was interrupted a second time while it said goodbye: 128 and the
/// number of the signal that Ctrl+C sends, as shells have it.
pub const INTERRUPTED_TWICE: i32 = 130;

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why the program ends without having done what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For scripts.
    pub code: Code,
    /// What went wrong, and where.
    pub text: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Failure {
    /// A failure with an exit status and what went wrong.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            hint: String::new(),
        }
    }

    /// Something went wrong that no other status names.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Code::Failed, text)
    }

    /// The command line makes no sense.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Code::Usage, text)
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if !self.hint.is_empty() {
            write!(f, "\n  {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let hint = match &error {
            EngineError::Network { .. } => "--port chooses another one, the same on every machine",
            EngineError::DataDir { .. } => {
                "check that the folder is yours and the disk is not full, or name another with --data-dir"
            }
            _ => "",
        };
        Self::failed(error.to_string()).hint(hint)
    }
}
