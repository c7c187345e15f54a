//! The control lane of a link: frames in and out, and signs of life.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_channel::Receiver;
use futures_lite::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::event::NetEvent;
use super::frames::{push_control, read_frame};
use super::lane::LaneError;
use super::link::{LinkState, Links, cost};
use crate::core::ids::LinkId;
use crate::core::io::Input;
use crate::core::wire::control::Control;
use crate::core::wire::frame::{FrameKind, MAX_CONTROL};

/// Frames are put together up to about this many bytes for one write.
const WRITE_TOGETHER: usize = 64 * 1024;
/// Pings are answered while no more bytes wait to be written.
const ANSWER_PINGS: usize = 64 * 1024;
/// A ping or a pong is no longer than this.
const MAX_PING: usize = 64;

/// Reads control frames until the link ends.
pub async fn read(
    links: Arc<Links>,
    link: LinkId,
    state: Arc<LinkState>,
    mut stream: impl AsyncRead + Unpin,
) {
    loop {
        let bytes = match read_frame(&mut stream, MAX_CONTROL).await {
            Ok((FrameKind::Control, bytes)) => bytes,
            Ok((FrameKind::Record, _)) => {
                links.end(link, "a record came on the control lane");
                return;
            }
            Err(LaneError::Refused) => {
                links.end(link, "the other side closed it");
                return;
            }
            Err(error) => {
                links.end(link, &error.to_string());
                return;
            }
        };
        state.heard(links.uptime());
        if state.closing.load(Ordering::Relaxed) {
            continue;
        }
        match about_the_link(&bytes) {
            // Who does not read what is written has no need of a pong.
            Some(Control::Ping) if state.queued.load(Ordering::Relaxed) < ANSWER_PINGS => {
                links.send(link, Control::Pong.encode());
            }
            Some(_) => {}
            None => {
                let permit = state.room.take().await;
                state.heard(links.uptime());
                (links.sink)(NetEvent::Input(Input::Frame { link, bytes }, permit));
            }
        }
    }
}

fn about_the_link(bytes: &[u8]) -> Option<Control> {
    if bytes.len() > MAX_PING {
        return None;
    }
    Control::decode(bytes)
        .ok()
        .filter(|message| matches!(message, Control::Ping | Control::Pong))
}

/// Writes what is queued until the link ends; says so properly when the queue is closed.
pub async fn write(
    links: Arc<Links>,
    link: LinkId,
    state: Arc<LinkState>,
    queue: Receiver<Vec<u8>>,
    mut stream: impl AsyncWrite + Unpin,
) {
    let mut buffer = Vec::new();
    while let Ok(first) = queue.recv().await {
        buffer.clear();
        let mut taken = cost(&first);
        push_control(&mut buffer, &first);
        while buffer.len() < WRITE_TOGETHER
            && let Ok(next) = queue.try_recv()
        {
            taken += cost(&next);
            push_control(&mut buffer, &next);
        }
        let written = async {
            stream.write_all(&buffer).await?;
            stream.flush().await
        };
        if let Err(error) = written.await {
            links.end(link, &error.to_string());
            return;
        }
        state.queued.fetch_sub(taken, Ordering::Relaxed);
        buffer.shrink_to(WRITE_TOGETHER);
    }
    // The other side reads to the end and closes too; that ends the link here.
    if stream.close().await.is_err() {
        links.end(link, "closed");
    }
}

/// Pings a silent link, and ends a dead one: also one whose cable was cut.
pub async fn watch(links: Arc<Links>, link: LinkId, state: Arc<LinkState>) {
    let timing = links.timing;
    loop {
        let silence = state.silence(links.uptime());
        if silence >= timing.dead {
            links.end(link, "nothing was heard for too long");
            return;
        }
        if silence >= timing.ping {
            links.send(link, Control::Ping.encode());
            let wait = timing.ping.min(timing.dead.saturating_sub(silence));
            links.spawner.reactor().sleep_about(wait).await;
        } else {
            let wait = timing.ping.saturating_sub(silence);
            links.spawner.reactor().sleep_about(wait).await;
        }
    }
}
