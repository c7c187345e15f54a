//! Threads of our own for everything that waits on sockets and timers.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use async_channel::Sender;
use smol::future::block_on;
use smol::{Executor, Task, Timer};

use super::alarms::Alarms;

/// An executor with its threads. It ends when [`Runtime::stop`] is called.
pub struct Runtime {
    spawner: Spawner,
    stop: Sender<()>,
    help: Help,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

/// For how long a helping thread helps.
const HELP: Duration = Duration::from_millis(100);

/// Asks for the help of more threads.
#[derive(Debug, Clone)]
pub struct Help(Sender<()>);

impl Help {
    /// One thread has more to do than it can: others help for a while.
    pub fn call(&self) {
        while self.0.try_send(()).is_ok() {}
    }
}

impl Runtime {
    /// Starts at most four threads, and no more than there are processors. One does everything
    /// unless [`Help`] is called: to share little work costs more than to do it.
    pub fn start() -> io::Result<Self> {
        let executor = Arc::new(Executor::new());
        let alarms = Arc::new(Alarms::default());
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let count = thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(2, 4);
        let (help, called) = async_channel::bounded(count - 1);
        let threads = (0..count)
            .map(|number| {
                let executor = executor.clone();
                let stopped = stopped.clone();
                let called = called.clone();
                let alarms = alarms.clone();
                thread::Builder::new()
                    .name(format!("handout-net-{number}"))
                    .spawn(move || {
                        // The channel never carries anything: it is closed to stop.
                        if number == 0 {
                            run_first(&alarms, executor.run(stopped.recv()));
                        }
                        while !stopped.is_closed() && called.recv_blocking().is_ok() {
                            block_on(executor.run(async {
                                Timer::after(HELP).await;
                            }));
                        }
                    })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            spawner: Spawner { executor, alarms },
            stop,
            help: Help(help),
            threads: Mutex::new(threads),
        })
    }

    /// How to call for help.
    pub fn help(&self) -> Help {
        self.help.clone()
    }

    /// Where tasks are started.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Ends the threads. Tasks that are left no longer run.
    pub fn stop(&self) {
        self.stop.close();
        self.help.0.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
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

/// Runs tasks on this thread, which sleeps until a task or an alarm wakes it.
fn run_first<T>(alarms: &Alarms, tasks: impl Future<Output = T>) {
    let mut tasks = pin!(tasks);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    alarms.adopt();
    while tasks.as_mut().poll(&mut context).is_pending() {
        alarms.sleep();
    }
}

/// Starts tasks on a [`Runtime`].
#[derive(Debug, Clone)]
pub struct Spawner {
    executor: Arc<Executor<'static>>,
    alarms: Arc<Alarms>,
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

    /// Moments at which tasks go on.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }
}
