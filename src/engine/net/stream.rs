//! A TCP connection: first rationed, then, where it carries bulk data, read far ahead.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_lite::{AsyncRead, AsyncWrite};
use mio::net::TcpStream;

use super::reactor::{Io, Reactor, Way};
use crate::platform::network::takes_more;

/// Bytes read ahead of the encryption, which takes little at a time.
const AHEAD: usize = 64 * 1024;

/// A TCP connection.
#[derive(Debug)]
pub struct Stream {
    socket: Arc<Io<TcpStream>>,
    /// Bytes that may still come; without limit once the other side has greeted.
    left: Option<usize>,
    limit: usize,
    /// It carries bulk data.
    bulk: bool,
    ahead: Box<[u8]>,
    /// What of `ahead` was not given yet.
    unread: std::ops::Range<usize>,
}

/// What a connection has to send.
#[derive(Debug)]
pub struct Outlet(Arc<Io<TcpStream>>);

impl Stream {
    /// A connection over which at most `limit` bytes may come until that is lifted.
    pub fn new(socket: Io<TcpStream>, limit: usize) -> io::Result<Self> {
        socket.get_ref().set_nodelay(true)?;
        Ok(Self {
            socket: Arc::new(socket),
            left: Some(limit),
            limit,
            bulk: false,
            ahead: Box::default(),
            unread: 0..0,
        })
    }

    /// Lets any number of bytes come from now on.
    pub const fn lift(&mut self) {
        self.left = None;
    }

    /// It carries bulk data from now on; gives the way to see what has left.
    pub fn carry_bulk(&mut self) -> Outlet {
        self.bulk = true;
        self.ahead = vec![0; AHEAD].into();
        Outlet(self.socket.clone())
    }

    fn count<T>(&self, done: &Poll<io::Result<T>>, bytes: impl Fn(&T) -> usize) {
        if self.bulk
            && let Poll::Ready(Ok(done)) = done
        {
            self.socket.reactor().moves(bytes(done));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.bulk {
            if this.unread.is_empty() {
                let ahead = &mut this.ahead;
                let read = this
                    .socket
                    .poll_move(cx, Way::In, ahead.len(), |mut tcp| tcp.read(ahead));
                this.count(&read, |&count| count);
                match read {
                    Poll::Ready(Ok(count)) => this.unread = 0..count,
                    other => return other,
                }
            }
            let count = this.unread.len().min(buf.len());
            let at = this.unread.start;
            buf[..count].copy_from_slice(&this.ahead[at..at + count]);
            this.unread.start += count;
            return Poll::Ready(Ok(count));
        }
        if this.left == Some(0) {
            let text = format!("more than {} bytes before the greeting", this.limit);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        let most = this.left.map_or(buf.len(), |left| left.min(buf.len()));
        let buf = &mut buf[..most];
        let read = this
            .socket
            .poll_move(cx, Way::In, most, |mut tcp| tcp.read(buf));
        if let (Some(left), Poll::Ready(Ok(count))) = (&mut this.left, &read) {
            *left -= count;
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    // The encryption gives a record in several pieces, which leave in one go.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        let written = self
            .socket
            .poll_move(cx, Way::Out, all, |mut tcp| tcp.write_vectored(bufs));
        self.count(&written, |&count| count);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

impl Outlet {
    /// The connection.
    pub fn socket(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// Waits until nearly everything that was written has left this machine, and most of it was
    /// confirmed.
    pub async fn left(&self) -> io::Result<()> {
        // Asked in vain, the system tells when it has.
        let left = |tcp: &TcpStream| {
            if takes_more(tcp) {
                Ok(())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        };
        self.0.io(Way::Out, left).await
    }
}

/// Connects to an address.
pub async fn connect(reactor: &Arc<Reactor>, address: SocketAddr) -> io::Result<Io<TcpStream>> {
    let socket = Io::new(reactor, TcpStream::connect(address)?)?;
    let connected = |tcp: &TcpStream| match tcp.take_error()? {
        Some(error) => Err(error),
        None => match tcp.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            done => done,
        },
    };
    socket.io(Way::Out, connected).await?;
    Ok(socket)
}
