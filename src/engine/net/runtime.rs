//! Threads of our own for everything that waits on sockets and timers.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use async_channel::Sender;
use smol::{Executor, Task};

use super::reactor::{Reactor, Sleep};

/// An executor with its threads. It ends when [`Runtime::stop`] is called.
pub struct Runtime {
    spawner: Spawner,
    stop: Sender<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

/// For how long a helping thread helps.
const HELP: Duration = Duration::from_millis(100);

/// Cancelled tasks that are looked at in the end: more than links and dials can have.
const CANCELLED: usize = 100_000;

impl Runtime {
    /// Starts at most four threads, and no more than there are processors. One does everything
    /// while that is enough: to share little work costs more than to do it.
    pub fn start() -> io::Result<Self> {
        let executor = Arc::new(Executor::new());
        let (reactor, mut waiting) = Reactor::new()?;
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let count = thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(2, 4);
        let (help, called) = async_channel::bounded(count - 1);
        let mut threads = Vec::new();
        let start = |name: String, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name).spawn(run)
        };
        for number in 1..count {
            let executor = executor.clone();
            let called = called.clone();
            let work = move || {
                while called.recv_blocking().is_ok() {
                    help_out(&executor);
                }
            };
            threads.push(start(format!("handout-net-{number}"), Box::new(work))?);
        }
        let first = {
            let executor = executor.clone();
            let many = move || while help.try_send(()).is_ok() {};
            // The channel never carries anything: it is closed to stop.
            move || _ = waiting.run(executor.run(stopped.recv()), many)
        };
        threads.push(start("handout-net-0".to_owned(), Box::new(first))?);
        Ok(Self {
            spawner: Spawner { executor, reactor },
            stop,
            threads: Mutex::new(threads),
        })
    }

    /// Where tasks are started.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Ends the threads, and frees what cancelled tasks hold. Tasks that are left no longer run.
    pub fn stop(&self) {
        // The first thread ends, and with it the calls for help.
        self.stop.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
        // What was cancelled lets go of its sockets when it is looked at once more.
        for _ in 0..CANCELLED {
            if !self.spawner.executor.try_tick() {
                break;
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs tasks on this thread too, for a while.
fn help_out(executor: &Executor<'_>) {
    let until = Instant::now() + HELP;
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut tasks = pin!(executor.run(std::future::pending::<()>()));
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if tasks.as_mut().poll(&mut context).is_pending() {
            thread::park_timeout(left);
        }
    }
}

/// Starts tasks on a [`Runtime`].
#[derive(Debug, Clone)]
pub struct Spawner {
    executor: Arc<Executor<'static>>,
    reactor: Arc<Reactor>,
}

impl Spawner {
    /// Starts a task, which ends when its handle is dropped.
    #[must_use = "a task ends when its handle is dropped"]
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        self.executor.spawn(future)
    }

    /// Sockets and moments that wake tasks.
    pub const fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// Waits for some time.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.reactor.sleep(time)
    }
}
