//! Threads of our own for everything that waits on sockets and timers.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use smol::{Executor, Task};

/// An executor with its threads. It ends when [`Runtime::stop`] is called.
pub struct Runtime {
    executor: Arc<Executor<'static>>,
    stop: async_channel::Sender<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

impl Runtime {
    /// Starts at most four threads, and no more than there are processors.
    pub fn start() -> io::Result<Self> {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let count = thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(1, 4);
        let threads = (0..count)
            .map(|number| {
                let executor = executor.clone();
                let stopped = stopped.clone();
                thread::Builder::new()
                    .name(format!("handout-net-{number}"))
                    .spawn(move || {
                        // The channel never carries anything: it is closed to stop.
                        let _ = smol::block_on(executor.run(stopped.recv()));
                    })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            executor,
            stop,
            threads: Mutex::new(threads),
        })
    }

    /// Where tasks are started.
    pub fn spawner(&self) -> Spawner {
        Spawner(self.executor.clone())
    }

    /// Ends the threads. Tasks that are left no longer run.
    pub fn stop(&self) {
        self.stop.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Starts tasks on a [`Runtime`].
#[derive(Debug, Clone)]
pub struct Spawner(Arc<Executor<'static>>);

impl Spawner {
    /// Starts a task, which ends when its handle is dropped.
    #[must_use = "a task ends when its handle is dropped"]
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        self.0.spawn(future)
    }
}
