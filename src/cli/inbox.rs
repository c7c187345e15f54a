//! Everything that can happen to a running command, in one queue.

use std::io::{self, BufRead, IsTerminal};
use std::process;
use std::thread;
use std::time::Instant;

use async_channel::Receiver;
use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use handout_engine::api::Event;
use smol::Timer;

use crate::exit::{Failure, INTERRUPTED_TWICE};

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
    interrupted: Receiver<()>,
}

impl Inbox {
    /// A queue of an engine's events, signals, and lines of standard input where they are wanted.
    pub fn new(events: Receiver<Event>, read_input: bool) -> Result<Self, Failure> {
        let interrupted = interruptions()?;
        let input = (read_input || io::stdin().is_terminal()).then(lines);
        Ok(Self {
            events,
            input,
            interrupted,
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
            match self.interrupted.recv().await {
                Ok(()) => Happening::Interrupted,
                Err(_) => future::pending().await,
            }
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

/// Tells of the first signal that ends the program. The second one ends it on the spot, whatever
/// it is doing: what is on the disk stays usable, but nobody is told goodbye.
pub fn interruptions() -> Result<Receiver<()>, Failure> {
    #[cfg(unix)]
    let wanted = [Signal::Int, Signal::Term, Signal::Hup];
    #[cfg(not(unix))]
    let wanted = [Signal::Int];
    let failed = |error| Failure::failed(format!("cannot listen for signals: {error}"));
    let mut signals = Signals::new(wanted).map_err(failed)?;
    let (first, interrupted) = async_channel::bounded(1);
    thread::Builder::new()
        .name("handout-signals".to_owned())
        .spawn(move || {
            smol::block_on(async {
                let _ = signals.next().await;
                // The program may have ended its work just now.
                let _ = first.try_send(());
                let _ = signals.next().await;
            });
            process::exit(INTERRUPTED_TWICE);
        })
        .map_err(failed)?;
    Ok(interrupted)
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
