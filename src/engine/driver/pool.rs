//! Threads for the disk. Jobs of one set keep their order: some run alone, the others together.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::core::ids::SetId;

/// How a job gets on with others of its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// After all earlier ones, before all later ones.
    Alone,
    /// Beside others that run together; after earlier and before later ones that run alone.
    Together,
}

type Job = Box<dyn FnOnce() + Send>;

/// A bounded number of threads.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    threads: usize,
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    sets: HashMap<SetId, Lane>,
    ready: VecDeque<(SetId, Job)>,
    /// Threads that work, or were called to.
    awake: usize,
    /// Those that were called and are not awake yet.
    called: usize,
    stopping: bool,
}

/// Jobs that wait for each thread that works before another is woken: to wake one costs more than
/// most jobs take.
const QUEUE: usize = 2;

#[derive(Default)]
struct Lane {
    waiting: VecDeque<(Order, Job)>,
    running: usize,
    alone: bool,
}

impl Pool {
    /// Starts `count` threads.
    pub fn start(name: &str, count: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            threads: count,
            ..Shared::default()
        });
        let threads = (0..count)
            .map(|number| {
                let shared = shared.clone();
                thread::Builder::new()
                    .name(format!("handout-{name}-{number}"))
                    .spawn(move || shared.work())
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            shared,
            threads: Mutex::new(threads),
        })
    }

    /// Has a job done.
    pub fn submit(&self, set: SetId, order: Order, job: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state();
        let lane = state.sets.entry(set).or_default();
        lane.waiting.push_back((order, Box::new(job)));
        state.advance(set);
        self.shared.wake(&mut state);
    }

    /// Does what was submitted, and ends the threads.
    pub fn stop(&self) {
        self.shared.state().stopping = true;
        self.shared.ready.notify_all();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl State {
    /// Makes ready what may run now.
    fn advance(&mut self, set: SetId) {
        let Some(lane) = self.sets.get_mut(&set) else {
            return;
        };
        while let Some((order, _)) = lane.waiting.front() {
            let may_run = match order {
                Order::Alone => lane.running == 0,
                Order::Together => !lane.alone,
            };
            if !may_run {
                return;
            }
            if let Some((order, job)) = lane.waiting.pop_front() {
                lane.running += 1;
                lane.alone = order == Order::Alone;
                self.ready.push_back((set, job));
            }
        }
        if lane.running == 0 {
            self.sets.remove(&set);
        }
    }

    /// A thread is awake: one that was called counts already.
    const fn wake_up(&mut self) {
        if self.called > 0 {
            self.called -= 1;
        } else {
            self.awake += 1;
        }
    }

    fn done(&mut self, set: SetId) {
        if let Some(lane) = self.sets.get_mut(&set) {
            lane.running -= 1;
            lane.alone = false;
        }
        self.advance(set);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread if those that work have more to do than is quickly done.
    fn wake(&self, state: &mut State) {
        if state.stopping {
            self.ready.notify_all();
        } else if state.awake < self.threads && state.ready.len() > QUEUE * state.awake {
            state.awake += 1;
            state.called += 1;
            self.ready.notify_one();
        }
    }

    /// Waits until this thread is called, or wakes by itself.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.ready.wait(state);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.wake_up();
        state
    }

    fn work(&self) {
        let mut state = self.state();
        // Called before it waited for the first time: there is no other to answer.
        state.wake_up();
        loop {
            if let Some((set, job)) = state.ready.pop_front() {
                drop(state);
                // The panic was reported where it happened; other sets go on.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                state.done(set);
                self.wake(&mut state);
            } else if state.stopping && state.sets.is_empty() {
                return;
            } else {
                state.awake -= 1;
                state = self.wait(state);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const SET: SetId = SetId([1; 16]);
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn jobs_of_a_set_keep_their_order_around_those_that_run_alone() {
        let pool = Pool::start("test", 4).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        for round in 0..50 {
            for _ in 0..3 {
                let log = log.clone();
                pool.submit(SET, Order::Together, move || {
                    log.lock().unwrap().push(round);
                });
            }
            let log = log.clone();
            pool.submit(SET, Order::Alone, move || log.lock().unwrap().push(round));
        }
        pool.stop();
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 200);
        assert!(log.is_sorted());
    }

    #[test]
    fn a_job_that_comes_before_the_threads_leaves_none_asleep() {
        for _ in 0..200 {
            let pool = Pool::start("test", 4).unwrap();
            for _ in 0..3 {
                let (tx, rx) = mpsc::channel();
                pool.submit(SET, Order::Alone, move || tx.send(()).unwrap());
                rx.recv_timeout(LONG).unwrap();
            }
            pool.stop();
        }
    }

    #[test]
    fn jobs_run_together_and_sets_do_not_wait_for_each_other() {
        let pool = Pool::start("test", 3).unwrap();
        let (first, met_first) = mpsc::channel();
        let (second, met_second) = mpsc::channel();
        // Each needs the other one to be running.
        pool.submit(SET, Order::Together, move || {
            first.send(()).unwrap();
            met_second.recv_timeout(LONG).unwrap();
        });
        pool.submit(SET, Order::Together, move || {
            second.send(()).unwrap();
            met_first.recv_timeout(LONG).unwrap();
        });
        let (other, done) = mpsc::channel();
        pool.submit(SetId([2; 16]), Order::Alone, move || {
            other.send(()).unwrap();
        });
        done.recv_timeout(LONG).unwrap();
        pool.stop();
        assert!(pool.shared.state().sets.is_empty());
    }

    #[test]
    fn a_job_that_panics_takes_nothing_with_it() {
        let pool = Pool::start("test", 1).unwrap();
        pool.submit(SET, Order::Alone, || panic!("meant to be"));
        let (tx, rx) = mpsc::channel();
        pool.submit(SET, Order::Alone, move || tx.send(()).unwrap());
        rx.recv_timeout(LONG).unwrap();
        pool.stop();
    }
}
