//! Everything that can happen to a running command, in one queue.

use std::io::{self, BufRead, IsTerminal};
use std::thread;
use std::time::Instant;

use async_channel::Receiver;
use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use handout_engine::api::Event;
use smol::Timer;

use crate::exit::Failure;

/// Something that happened.
#[derive(Debug)]
pub enum Happening {
    /// The engine told something.
    Event(Box<Event>),
    /// The engine is gone.
    EngineGone,
    /// A line was typed or read.
    Line(String),
    /// Standard input has ended.
    InputEnded,
    /// Somebody wants the program to end.
    Interrupted,
    /// The awaited moment has come.
    Due,
}

/// The queue.
pub struct Inbox {
    events: Receiver<Event>,
    input: Option<Receiver<String>>,
    signals: Signals,
}

impl Inbox {
    /// A queue of an engine's events, signals, and lines of standard input where they are wanted.
    pub fn new(events: Receiver<Event>, read_input: bool) -> Result<Self, Failure> {
        let signals = signals()?;
        let input = (read_input || io::stdin().is_terminal()).then(lines);
        Ok(Self {
            events,
            input,
            signals,
        })
    }

    /// The next thing that happens; [`Happening::Due`] at `deadline` at the latest.
    pub async fn next(&mut self, deadline: Option<Instant>) -> Happening {
        let event = async {
            match self.events.recv().await {
                Ok(event) => Happening::Event(Box::new(event)),
                Err(_) => Happening::EngineGone,
            }
        };
        let line = async {
            match &self.input {
                Some(lines) => lines.recv().await.ok(),
                None => future::pending().await,
            }
        };
        let signal = async {
            self.signals.next().await;
            Happening::Interrupted
        };
        let due = async {
            match deadline {
                Some(deadline) => Timer::at(deadline).await,
                None => future::pending().await,
            };
            Happening::Due
        };
        let typed = async { line.await.map_or(Happening::InputEnded, Happening::Line) };
        // Signals first: a flood of events must not keep the program from ending.
        let happening = future::or(signal, future::or(due, future::or(event, typed))).await;
        if matches!(happening, Happening::InputEnded) {
            self.input = None;
        }
        happening
    }
}

/// The signals that end the program.
pub fn signals() -> Result<Signals, Failure> {
    #[cfg(unix)]
    let wanted = [Signal::Int, Signal::Term, Signal::Hup];
    #[cfg(not(unix))]
    let wanted = [Signal::Int];
    Signals::new(wanted)
        .map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))
}

/// The lines of standard input, read by a thread of their own: reading cannot be interrupted.
fn lines() -> Receiver<String> {
    let (sender, receiver) = async_channel::bounded(16);
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send_blocking(line).is_err() {
                break;
            }
        }
    });
    receiver
}
