//! Sockets and moments that wake the network's first thread.
//!
//! The thread that runs the tasks waits for their sockets itself. While bulk data moves it does so
//! on a beat: it sleeps for some milliseconds whatever comes, and deals then with all that has
//! gathered. With a thread of its own for the waiting, which asks anew for every socket after every
//! event, 24 students at 16 Mbit/s took half of their processor time for that.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Interest, Registry, Token};

use super::pace::Pace;

/// The token of the waker.
const WAKE: Token = Token(usize::MAX);
/// Events taken from the system at a time.
const EVENTS: usize = 256;
/// A moment that need not be exact is moved to a multiple of at most so many milliseconds, so that
/// many come together.
const ABOUT: u128 = 500;

/// The thread runs tasks, or sleeps and will look at them by itself.
const RUNNING: u8 = 0;
/// The thread waits for the system and has to be woken.
const WAITING: u8 = 1;
/// There is something to do.
const NOTIFIED: u8 = 2;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all sockets and sleepers share with the thread that wakes them.
pub struct Reactor {
    registry: Registry,
    waker: mio::Waker,
    sources: Mutex<Sources>,
    moments: Mutex<Moments>,
    state: AtomicU8,
    thread: OnceLock<ThreadId>,
    started: Instant,
    /// Bytes of bulk data that were moved.
    moved: AtomicU64,
}

#[derive(Default)]
struct Sources {
    last: usize,
    all: BTreeMap<usize, Arc<Mutex<Ready>>>,
}

#[derive(Default)]
struct Moments {
    last: u64,
    all: BTreeMap<(Instant, u64), Waker>,
}

/// A direction of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Reading, accepting.
    In,
    /// Writing, connecting.
    Out,
}

/// What is known of a socket.
#[derive(Default)]
struct Ready([Side; 2]);

/// One direction of a socket.
struct Side {
    /// It may be able to do something.
    ready: bool,
    /// It will never wait again: the other side has ended it, or it is broken.
    ended: bool,
    /// Counts what the system said.
    events: u64,
    wakers: Vec<Waker>,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            ready: true,
            ended: false,
            events: 0,
            wakers: Vec::new(),
        }
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reactor")
    }
}

impl Wake for Reactor {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

impl Reactor {
    /// A reactor, and what waits for it, which belongs to one thread.
    pub fn new() -> io::Result<(Arc<Self>, Waiting)> {
        let poll = mio::Poll::new()?;
        let reactor = Arc::new(Self {
            registry: poll.registry().try_clone()?,
            waker: mio::Waker::new(poll.registry(), WAKE)?,
            sources: Mutex::default(),
            moments: Mutex::default(),
            state: AtomicU8::new(RUNNING),
            thread: OnceLock::new(),
            started: Instant::now(),
            moved: AtomicU64::new(0),
        });
        let waiting = Waiting {
            reactor: reactor.clone(),
            poll,
            events: mio::Events::with_capacity(EVENTS),
            pace: Pace::new(Instant::now()),
        };
        Ok((reactor, waiting))
    }

    fn notify(&self) {
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == WAITING {
            // It fails only where the whole process is in trouble; the next moment wakes too.
            let _ = self.waker.wake();
        }
    }

    /// Counts bulk data.
    pub fn moves(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Waits for some time.
    pub fn sleep(self: &Arc<Self>, time: Duration) -> Sleep {
        self.sleep_until(Instant::now() + time)
    }

    /// Waits for some time or up to an eighth more, together with others.
    pub fn sleep_about(self: &Arc<Self>, time: Duration) -> Sleep {
        let step = time.as_millis() / 8;
        let step = step.clamp(1, ABOUT);
        let due = (self.started.elapsed() + time).as_millis() + 1;
        let due = due.div_ceil(step) * step;
        let due = Duration::from_millis(u64::try_from(due).unwrap_or(u64::MAX));
        self.sleep_until(self.started + due)
    }

    /// Waits until a moment.
    pub fn sleep_until(self: &Arc<Self>, due: Instant) -> Sleep {
        Sleep {
            reactor: self.clone(),
            due,
            number: None,
        }
    }

    /// For how long the thread may wait for the system. From now on it has to be woken.
    fn patience(&self) -> Option<Duration> {
        let waits =
            self.state
                .compare_exchange(RUNNING, WAITING, Ordering::AcqRel, Ordering::Acquire);
        if waits.is_err() {
            return Some(Duration::ZERO);
        }
        let moments = lock(&self.moments);
        let (&(due, _), _) = moments.all.first_key_value()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn ring(&self) {
        let now = Instant::now();
        let due = {
            let mut moments = lock(&self.moments);
            if moments.all.keys().next().is_none_or(|&(due, _)| due > now) {
                return;
            }
            let later = moments.all.split_off(&(now, u64::MAX));
            std::mem::replace(&mut moments.all, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    fn tell(&self, event: &mio::event::Event) {
        let source = lock(&self.sources).all.get(&event.token().0).cloned();
        let Some(source) = source else { return };
        let broken = event.is_error();
        let input = event.is_readable() || event.is_read_closed() || broken;
        let output = event.is_writable() || event.is_write_closed() || broken;
        let mut wakers = Vec::new();
        {
            let mut ready = lock(&source);
            for (way, (happened, ended)) in [
                (Way::In, (input, event.is_read_closed() || broken)),
                (Way::Out, (output, event.is_write_closed() || broken)),
            ] {
                if happened {
                    let side = &mut ready.0[way as usize];
                    side.ready = true;
                    side.ended |= ended;
                    side.events += 1;
                    wakers.append(&mut side.wakers);
                }
            }
        }
        for waker in wakers {
            waker.wake();
        }
    }
}

/// Waits for what a [`Reactor`] is to tell. Belongs to the thread that runs the tasks.
pub struct Waiting {
    reactor: Arc<Reactor>,
    poll: mio::Poll,
    events: mio::Events,
    pace: Pace,
}

impl Waiting {
    /// Polls `tasks` on this thread until they are done, and wakes whoever waits meanwhile. `many`
    /// is called, often, while more data moves than one thread may be able to deal with.
    pub fn run<T>(&mut self, tasks: impl Future<Output = T>, many: impl Fn()) -> T {
        let _ = self.reactor.thread.set(thread::current().id());
        let waker = Waker::from(self.reactor.clone());
        let mut context = Context::from_waker(&waker);
        let mut tasks = std::pin::pin!(tasks);
        loop {
            if let Poll::Ready(done) = tasks.as_mut().poll(&mut context) {
                return done;
            }
            self.turn(&many);
        }
    }

    /// Waits for something to do, and tells whom it concerns.
    fn turn(&mut self, many: &impl Fn()) {
        let reactor = &self.reactor;
        let moved = reactor.moved.swap(0, Ordering::Relaxed);
        let beat = self.pace.beat(Instant::now(), moved);
        if self.pace.many() {
            many();
        }
        let patience = match beat {
            _ if reactor.state.load(Ordering::Acquire) == NOTIFIED => Some(Duration::ZERO),
            Some(pause) => {
                // Nobody has to wake it: it looks by itself soon enough.
                thread::sleep(pause);
                Some(Duration::ZERO)
            }
            None => reactor.patience(),
        };
        if let Err(error) = self.poll.poll(&mut self.events, patience)
            && error.kind() != ErrorKind::Interrupted
        {
            tracing::error!("cannot wait for the network: {error}");
            // It must not spin.
            thread::sleep(Duration::from_millis(100));
        }
        reactor.state.store(RUNNING, Ordering::Release);
        for event in &self.events {
            reactor.tell(event);
        }
        reactor.ring();
    }
}

/// A moment that is waited for.
#[derive(Debug)]
pub struct Sleep {
    reactor: Arc<Reactor>,
    due: Instant,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.due <= Instant::now() {
            return Poll::Ready(());
        }
        let this = &mut *self;
        let mut moments = lock(&this.reactor.moments);
        let number = *this.number.get_or_insert_with(|| {
            moments.last += 1;
            moments.last
        });
        moments.all.insert((this.due, number), cx.waker().clone());
        let first = moments.all.keys().next() == Some(&(this.due, number));
        drop(moments);
        if first && this.reactor.thread.get() != Some(&thread::current().id()) {
            this.reactor.notify();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            lock(&self.reactor.moments).all.remove(&(self.due, number));
        }
    }
}

/// A socket whose tasks a [`Reactor`] wakes.
pub struct Io<S: Source> {
    source: S,
    token: usize,
    ready: Arc<Mutex<Ready>>,
    reactor: Arc<Reactor>,
}

impl<S: Source + fmt::Debug> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Io({:?})", self.source)
    }
}

impl<S: Source> Io<S> {
    /// Has the reactor watch a socket that does not block.
    pub fn new(reactor: &Arc<Reactor>, mut source: S) -> io::Result<Self> {
        let ready = Arc::new(Mutex::default());
        let token = {
            let mut sources = lock(&reactor.sources);
            sources.last += 1;
            let token = sources.last;
            sources.all.insert(token, Arc::clone(&ready));
            token
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = reactor.registry.register(&mut source, Token(token), both);
        let io = Self {
            source,
            token,
            ready,
            reactor: reactor.clone(),
        };
        registered.map(|()| io)
    }

    /// The socket.
    pub const fn get_ref(&self) -> &S {
        &self.source
    }

    /// Who watches it.
    pub const fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// Tries something; where the socket cannot do it now, the task is woken when it may.
    pub fn poll_io<T>(
        &self,
        cx: &Context<'_>,
        way: Way,
        mut act: impl FnMut(&S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let before = {
                let mut ready = lock(&self.ready);
                let side = &mut ready.0[way as usize];
                if !side.ready {
                    if side.wakers.iter().all(|waker| !waker.will_wake(cx.waker())) {
                        side.wakers.push(cx.waker().clone());
                    }
                    return Poll::Pending;
                }
                side.events
            };
            match act(&self.source) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.drained(way, before);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Like [`Io::poll_io`], for something that moves at most `most` bytes: a socket that moves
    /// fewer can move no more for now.
    pub fn poll_move(
        &self,
        cx: &Context<'_>,
        way: Way,
        most: usize,
        act: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let before = lock(&self.ready).0[way as usize].events;
        let done = self.poll_io(cx, way, act);
        if let Poll::Ready(Ok(moved)) = done
            && (1..most).contains(&moved)
        {
            self.drained(way, before);
        }
        done
    }

    /// Like [`Io::poll_io`], as a future.
    pub async fn io<T>(&self, way: Way, mut act: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        poll_fn(|cx| self.poll_io(cx, way, &mut act)).await
    }

    /// The socket can do nothing more, unless the system has said otherwise since.
    fn drained(&self, way: Way, before: u64) {
        let mut ready = lock(&self.ready);
        let side = &mut ready.0[way as usize];
        if side.events == before && !side.ended {
            side.ready = false;
        }
    }
}

impl<S: Source> Drop for Io<S> {
    fn drop(&mut self) {
        let _ = self.reactor.registry.deregister(&mut self.source);
        lock(&self.reactor.sources).all.remove(&self.token);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener};

    use futures_lite::future::{block_on, or, poll_once};
    use mio::net::TcpStream;

    use super::super::runtime::Runtime;
    use super::super::stream::connect;
    use super::*;

    fn pair(reactor: &Arc<Reactor>) -> (Io<TcpStream>, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = block_on(connect(reactor, listener.local_addr().unwrap())).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        (ours, theirs)
    }

    async fn read(io: &Io<TcpStream>) -> io::Result<usize> {
        poll_fn(|cx| io.poll_move(cx, Way::In, 64, |mut tcp| tcp.read(&mut [0; 64]))).await
    }

    #[test]
    fn sleepers_wake_when_it_is_time_and_not_before() {
        let runtime = Runtime::start().unwrap();
        let spawner = runtime.spawner();
        let start = Instant::now();
        let late = spawner.sleep(Duration::from_mins(1));
        let soon = spawner.sleep(Duration::from_millis(5));
        block_on(or(late, soon));
        assert!(start.elapsed() >= Duration::from_millis(5));
        let about = Duration::from_millis(800);
        let first = spawner.reactor().sleep_about(about).due;
        let second = spawner
            .reactor()
            .sleep_about(about + Duration::from_micros(1));
        assert!(first >= start + about);
        assert!(second.due - first <= Duration::from_millis(100));
        assert!(first <= Instant::now() + about * 9 / 8 + Duration::from_millis(2));
        assert!(lock(&spawner.reactor().moments).all.is_empty());
        assert!(start.elapsed() < Duration::from_secs(30));
        runtime.stop();
    }

    #[test]
    fn a_socket_tells_of_bytes_that_come_later_and_of_its_end() {
        let runtime = Runtime::start().unwrap();
        let (ours, mut theirs) = pair(runtime.spawner().reactor());
        let next = || block_on(read(&ours)).unwrap();
        theirs.write_all(b"once").unwrap();
        assert_eq!(next(), 4);
        let writer = thread::spawn(move || {
            theirs.write_all(b"again").unwrap();
            theirs
        });
        assert_eq!(next(), 5);
        drop(writer.join().unwrap());
        assert_eq!(next(), 0);
        assert_eq!(next(), 0);
        runtime.stop();
    }

    #[test]
    fn a_socket_that_gave_less_than_was_asked_for_waits_for_the_systems_word() {
        // Nobody waits for this reactor, so the system's word never comes.
        let (reactor, _waiting) = Reactor::new().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        theirs.write_all(b"once").unwrap();
        assert_eq!(ours.peek(&mut [0]).unwrap(), 1);
        ours.set_nonblocking(true).unwrap();
        let ours = Io::new(&reactor, TcpStream::from_std(ours)).unwrap();
        assert_eq!(block_on(read(&ours)).unwrap(), 4);
        theirs.write_all(b"again").unwrap();
        assert!(block_on(poll_once(read(&ours))).is_none());
    }

    #[test]
    fn a_full_socket_tells_when_there_is_room() {
        let runtime = Runtime::start().unwrap();
        let (ours, mut theirs) = pair(runtime.spawner().reactor());
        let block = vec![7; 1 << 20];
        let mut sent = 0;
        // Until it does not take all: then it is full.
        loop {
            let most = block.len();
            let now = block_on(poll_fn(|cx| {
                ours.poll_move(cx, Way::Out, most, |mut tcp| tcp.write(&block))
            }));
            sent += now.unwrap();
            if !lock(&ours.ready).0[Way::Out as usize].ready {
                break;
            }
        }
        let reader = thread::spawn(move || {
            let mut rest = vec![0; sent];
            theirs.read_exact(&mut rest).unwrap();
            theirs
        });
        block_on(ours.io(Way::Out, |mut tcp| tcp.write(b"more"))).unwrap();
        let mut theirs = reader.join().unwrap();
        let mut more = [0; 4];
        theirs.read_exact(&mut more).unwrap();
        assert_eq!(&more, b"more");
        runtime.stop();
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let runtime = Runtime::start().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = block_on(connect(runtime.spawner().reactor(), closed)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        runtime.stop();
    }
}
