//! A common beat for bulk lanes that have little to do at a time.
//!
//! Many lanes that each move a few packets at a time would wake this program for every packet. A
//! lane that has moved something and can move no more rests until the next beat instead, and moves
//! then what has gathered. One that is idle, or that moves plenty, waits for its socket alone.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::future::poll_fn;
use futures_lite::{AsyncRead, AsyncWrite};
use smol::Async;

use super::alarms::Whose;
use super::runtime::{Help, Spawner};
use crate::platform::network::takes_more;

/// Bytes that should move from one beat to the next.
const WORTH: f64 = 32.0 * 1024.0;
/// Bytes a second, in and out, that one thread may be too slow for.
const MANY: f64 = 64e6;
/// Bytes after which the rate is looked at, though nobody rests.
const COUNTED: u64 = 1024 * 1024;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(8);
/// A lane that moves so many bytes at a time does not rest.
const PLENTY: usize = 64 * 1024;
/// After so many beats in which nothing left, the socket alone tells.
const BEATS: u32 = 4;

/// The beat of all bulk lanes.
#[derive(Debug)]
pub struct Pace {
    beats: AtomicU64,
    moved: AtomicU64,
    resting: Mutex<Vec<Waker>>,
    wanted: (Sender<()>, Receiver<()>),
}

impl Pace {
    /// A beat that [`Pace::run`] keeps.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            beats: AtomicU64::new(1),
            moved: AtomicU64::new(0),
            resting: Mutex::default(),
            wanted: async_channel::bounded(1),
        })
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Beats while anybody rests.
    pub async fn run(self: Arc<Self>, spawner: Spawner, help: Help) {
        let mut pause = LONGEST;
        while self.wanted.1.recv().await.is_ok() {
            let start = Instant::now();
            spawner.alarms().ring(Whose::Beat, start + pause).await;
            self.beats.fetch_add(1, Ordering::AcqRel);
            let resting = std::mem::take(&mut *self.resting());
            for waker in resting {
                waker.wake();
            }
            #[allow(clippy::cast_precision_loss)] // far below 2^52
            let moved = self.moved.swap(0, Ordering::Relaxed) as f64;
            let rate = moved / start.elapsed().as_secs_f64().max(1e-4);
            if rate > MANY {
                help.call();
            }
            let worth = Duration::from_secs_f64((WORTH / rate.max(1.0)).min(1.0));
            pause = (pause + worth.clamp(SHORTEST, LONGEST)) / 2;
        }
    }

    /// Counts bytes. Many of them start a beat too, which finds out how fast that is.
    fn moves(&self, bytes: u64) {
        let before = self.moved.fetch_add(bytes, Ordering::Relaxed);
        if before < COUNTED && before + bytes >= COUNTED {
            let _ = self.wanted.0.try_send(());
        }
    }

    /// Has the task woken at the next beat, and gives its number.
    fn rest(&self, cx: &Context<'_>) -> u64 {
        let mut resting = self.resting();
        // Under the lock: a beat takes the wakers after it has counted.
        let next = self.beats.load(Ordering::Acquire) + 1;
        resting.push(cx.waker().clone());
        drop(resting);
        let _ = self.wanted.0.try_send(());
        next
    }

    fn is_over(&self, beat: u64) -> bool {
        beat <= self.beats.load(Ordering::Acquire)
    }

    /// Waits for the next beat.
    async fn next(&self) {
        let mut beat = 0;
        poll_fn(|cx| {
            if beat == 0 {
                beat = self.rest(cx);
            }
            if self.is_over(beat) {
                return Poll::Ready(());
            }
            self.rest(cx);
            Poll::Pending
        })
        .await;
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Side {
    /// It rests until this beat.
    until: u64,
    /// Bytes moved since it last had to wait.
    moved: usize,
}

impl Side {
    /// It can move nothing now: whether it rests for a beat rather than wait for its socket.
    fn rests_now(&mut self, pace: &Pace, cx: &Context<'_>) -> bool {
        let moved = std::mem::take(&mut self.moved);
        let rests = (1..PLENTY).contains(&moved);
        if rests {
            self.until = pace.rest(cx);
        }
        rests
    }

    /// Whether it still rests; if so, the task is woken at the next beat.
    fn rests(&self, pace: &Pace, cx: &Context<'_>) -> bool {
        if !pace.is_over(self.until) {
            pace.rest(cx);
        }
        // The beat may have come in between.
        !pace.is_over(self.until)
    }

    fn moves(&mut self, pace: &Pace, done: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = done {
            self.moved += bytes;
            pace.moves(*bytes as u64);
        }
    }
}

/// A TCP connection that keeps to a beat once it is told to.
#[derive(Debug)]
pub struct Paced {
    tcp: smol::net::TcpStream,
    socket: Arc<Async<TcpStream>>,
    pace: Option<Arc<Pace>>,
    reads: Side,
    writes: Side,
}

impl Paced {
    /// A connection without a beat.
    pub fn new(tcp: smol::net::TcpStream) -> Self {
        Self {
            socket: tcp.clone().into(),
            tcp,
            pace: None,
            reads: Side::default(),
            writes: Side::default(),
        }
    }

    /// Keeps to a beat from now on; gives the way to see what has left.
    pub fn keep(&mut self, pace: &Arc<Pace>) -> Outlet {
        self.pace = Some(pace.clone());
        Outlet {
            socket: self.socket.clone(),
            pace: pace.clone(),
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(pace) = &this.pace else {
            return Pin::new(&mut this.tcp).poll_read(cx, buf);
        };
        if this.reads.rests(pace, cx) {
            return Poll::Pending;
        }
        let now = this.socket.get_ref().read(buf);
        if would_block(&now) && this.reads.rests_now(pace, cx) {
            return Poll::Pending;
        }
        let done = if would_block(&now) {
            Pin::new(&mut this.tcp).poll_read(cx, buf)
        } else {
            Poll::Ready(now)
        };
        this.reads.moves(pace, &done);
        done
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(pace) = &this.pace else {
            return Pin::new(&mut this.tcp).poll_write(cx, buf);
        };
        if this.writes.rests(pace, cx) {
            return Poll::Pending;
        }
        let now = this.socket.get_ref().write(buf);
        if would_block(&now) && this.writes.rests_now(pace, cx) {
            return Poll::Pending;
        }
        let done = if would_block(&now) {
            Pin::new(&mut this.tcp).poll_write(cx, buf)
        } else {
            Poll::Ready(now)
        };
        this.writes.moves(pace, &done);
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_close(cx)
    }
}

/// Whether the socket can move nothing now. An interruption counts as that: it is tried again.
fn would_block(done: &io::Result<usize>) -> bool {
    let kind = done.as_ref().err().map(io::Error::kind);
    matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::Interrupted))
}

/// What a connection has to send.
pub struct Outlet {
    socket: Arc<Async<TcpStream>>,
    pace: Arc<Pace>,
}

impl Outlet {
    /// The connection.
    pub fn socket(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// Waits until nearly everything that was written has left this machine.
    pub async fn left(&self) -> io::Result<()> {
        for _ in 0..BEATS {
            if takes_more(self.socket()) {
                return Ok(());
            }
            self.pace.next().await;
        }
        self.socket.writable().await
    }
}
