//! Moments for which the network's first thread wakes by itself.
//!
//! What rings many times a second would cost several switches between threads each time as a timer
//! of the reactor, which has a thread of its own.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Whose alarm it is: each has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The core's.
    Core,
    /// The beat's, see [`super::pace`].
    Beat,
}

/// All alarms.
#[derive(Debug, Default)]
pub struct Alarms {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    set: [Option<(Instant, Waker)>; 2],
    /// The thread that wakes for them.
    sleeper: Option<Thread>,
}

impl Alarms {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a moment. An alarm that is set again replaces the earlier one.
    pub async fn ring(&self, whose: Whose, due: Instant) {
        poll_fn(|cx| {
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            let mut state = self.state();
            state.set[whose as usize] = Some((due, cx.waker().clone()));
            if let Some(sleeper) = &state.sleeper
                && sleeper.id() != thread::current().id()
            {
                sleeper.unpark();
            }
            Poll::Pending
        })
        .await;
    }

    /// This thread is the one that wakes for them.
    pub fn adopt(&self) {
        self.state().sleeper = Some(thread::current());
    }

    /// Sleeps until the next one is due or the thread is woken, and rings those that are.
    pub fn sleep(&self) {
        let next = |state: &State| state.set.iter().flatten().map(|(due, _)| *due).min();
        let first = next(&self.state());
        match first.map(|due| due.saturating_duration_since(Instant::now())) {
            Some(left) if left.is_zero() => {}
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
        let now = Instant::now();
        let mut rung = Vec::new();
        for alarm in &mut self.state().set {
            if alarm.as_ref().is_some_and(|(due, _)| *due <= now) {
                rung.extend(alarm.take());
            }
        }
        for (_, waker) in rung {
            waker.wake();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::super::runtime::Runtime;
    use super::*;

    #[test]
    fn alarms_ring_when_they_are_due_and_not_before() {
        let runtime = Runtime::start().unwrap();
        let spawner = runtime.spawner();
        for whose in [Whose::Core, Whose::Beat] {
            let due = Instant::now() + Duration::from_millis(5);
            let task = spawner.spawn({
                let spawner = spawner.clone();
                async move { spawner.alarms().ring(whose, due).await }
            });
            smol::future::block_on(task);
            assert!(Instant::now() >= due);
        }
        runtime.stop();
    }

    #[test]
    fn an_earlier_alarm_of_another_thread_takes_the_place_of_a_later_one() {
        let runtime = Runtime::start().unwrap();
        let spawner = runtime.spawner();
        let now = Instant::now();
        let late = spawner
            .alarms()
            .ring(Whose::Core, now + Duration::from_mins(1));
        let soon = spawner
            .alarms()
            .ring(Whose::Core, now + Duration::from_millis(5));
        smol::future::block_on(smol::future::or(late, soon));
        assert!(now.elapsed() < Duration::from_secs(30));
        runtime.stop();
    }
}
