//! What is printed: words and bars for people, one JSON object a line for machines.

use std::io::{self, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::lines::Line;

/// Where everything is printed.
#[derive(Debug)]
pub struct Output {
    json: bool,
    bars: MultiProgress,
}

/// A line with the moment it was printed.
#[derive(Serialize)]
struct Stamped<'a, T> {
    /// Milliseconds since 1970 by this machine's clock.
    t: u64,
    /// The line.
    #[serde(flatten)]
    line: &'a T,
}

impl Output {
    /// For machines or for people.
    pub fn new(json: bool) -> Self {
        let bars = MultiProgress::new();
        if json || !io::stdout().is_terminal() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bars.set_draw_target(ProgressDrawTarget::stdout());
        }
        Self { json, bars }
    }

    /// Whether people read, and lines can be drawn over.
    pub fn is_terminal(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// The bars at the bottom of the terminal.
    pub const fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Prints a line for people; machines do not see it.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.json {
            self.bars.suspend(|| print(text.as_ref()));
        }
    }

    /// Prints a line for machines; people do not see it.
    pub fn emit<T: Serialize>(&self, line: &T) {
        if !self.json {
            return;
        }
        let t = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            });
        match serde_json::to_string(&Stamped { t, line }) {
            Ok(text) => print(&text),
            // Only a path that is not UTF-8 gets here.
            Err(error) => tracing::warn!(%error, "a line could not be written as JSON"),
        }
    }

    /// Tells that something could not be done.
    pub fn failure(&self, failure: &Failure) {
        let (code, text, hint) = (failure.code, &failure.text, &failure.hint);
        self.emit(&Line::Error { code, text, hint });
        self.bars.suspend(|| {
            // Nothing is left to tell it to when standard error is closed.
            let _ = writeln!(io::stderr(), "handout-cli: {failure}");
        });
    }

    /// The last line.
    pub fn finished(&self, code: Code) {
        self.emit(&Line::Finished {
            code,
            status: code as u8,
        });
    }
}

/// Prints a line at once. Without a reader the program has nobody to work for and ends.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(Code::Failed as u8));
    }
}
