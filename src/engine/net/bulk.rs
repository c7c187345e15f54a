//! The bulk lane of a link: records in and out.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use async_channel::Receiver;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::assembly::{Assembly, Key};
use super::dialer::connect;
use super::event::{ArrivedChunk, NetEvent, Room};
use super::frames::read_prefix;
use super::lane::{Lane, LaneError};
use super::link::{Links, ROOM_CHUNKS};
use super::stream::Outlet;
use crate::buffers;
use crate::core::ids::{DeviceId, LinkId};
use crate::core::io::{ChunkOutcome, Input};
use crate::core::wire::control::Lane as LaneKind;
use crate::core::wire::frame::{
    FrameKind, MAX_CONTROL, PREFIX, RECORD_HEADER, RecordHeader, encode_prefix,
};
use crate::platform::network::{keep_unconfirmed, keep_unsent};

/// How often the pause before dialling again doubles at most.
const REDIAL_LIMIT: u32 = 50;
/// Records that may wait for the core; their bytes are bounded elsewhere.
const ROOM_RECORDS: usize = 64;

/// A record that is to be sent.
#[derive(Clone)]
pub struct Outgoing {
    /// Its header.
    pub header: RecordHeader,
    /// The chunk.
    pub chunk: Arc<[u8]>,
    /// Which bytes of it.
    pub range: Range<usize>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({:?}, {:?})", self.header, self.range)
    }
}

impl Outgoing {
    /// What the core is told of its end.
    pub fn outcome(&self, link: LinkId, sent: bool) -> Input {
        Input::RecordSent {
            link,
            header: self.header,
            length: u32::try_from(self.range.len()).unwrap_or(u32::MAX),
            sent,
        }
    }
}

/// Dials the bulk lane of a link, again and again as long as the link lives.
pub async fn dial(links: Arc<Links>, link: LinkId, peer: DeviceId, remote: SocketAddr) {
    let first = links.timing.redial;
    let mut pause = first;
    loop {
        match connect(&links, remote, Some(peer), LaneKind::Bulk).await {
            Ok((lane, _)) => {
                let started = links.uptime();
                run(links.clone(), link, lane).await;
                if links.uptime().saturating_sub(started) > 1_000 {
                    pause = first;
                }
            }
            Err(error) => tracing::debug!("bulk lane of link {link}: {error}"),
        }
        links.spawner.sleep(pause).await;
        pause = (pause * 2).min(first * REDIAL_LIMIT);
    }
}

/// Carries records over a lane, whose sides have greeted, until it ends.
pub async fn run(links: Arc<Links>, link: LinkId, mut lane: Lane) {
    let (sender, queue) = async_channel::unbounded();
    let (forget, forgotten) = async_channel::unbounded();
    let Some(number) = links.bulk_up(link, sender, forget) else {
        return;
    };
    let outlet = lane.stream.get_mut().0.carry_bulk();
    let (reader, writer) = futures_lite::io::split(lane.stream);
    // Two tasks, so that both directions can use a processor each.
    let reading = links
        .spawner
        .spawn(read(links.clone(), link, forgotten, reader));
    let queue = Unsent {
        links: links.clone(),
        link,
        queue,
    };
    let ended = futures_lite::future::or(reading, write(&queue, &outlet, writer)).await;
    if let Err(error) = ended {
        tracing::debug!("bulk lane of link {link} ends: {error}");
    }
    links.bulk_down(link, number);
}

/// Records that wait; those that still do at the end are told to be unsent.
struct Unsent {
    links: Arc<Links>,
    link: LinkId,
    queue: Receiver<Outgoing>,
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(record) = self.queue.try_recv() {
            self.links.tell(record.outcome(self.link, false));
        }
    }
}

/// A record that is being written, told to be unsent unless it was.
struct Writing<'a> {
    unsent: &'a Unsent,
    record: Outgoing,
    sent: bool,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let outcome = self.record.outcome(self.unsent.link, self.sent);
        self.unsent.links.tell(outcome);
        buffers::give_back(std::mem::take(&mut self.record.chunk));
    }
}

async fn write(
    unsent: &Unsent,
    outlet: &Outlet,
    mut stream: impl AsyncWrite + Unpin,
) -> Result<(), LaneError> {
    let mut buffer = Vec::new();
    let mut longest = 0;
    // In the system, which has not sent nearly all of it.
    let mut leaving: Vec<Writing<'_>> = Vec::new();
    loop {
        let left = async {
            if leaving.is_empty() {
                std::future::pending::<()>().await;
            }
            // A broken connection is found by the next who writes or reads.
            let _ = outlet.left().await;
            None
        };
        let next = async { Some(unsent.queue.recv().await) };
        let record = match futures_lite::future::or(next, left).await {
            None => {
                leaving.clear();
                continue;
            }
            Some(Err(_)) => break,
            Some(Ok(record)) => record,
        };
        let mut writing = Writing {
            unsent,
            record,
            sent: false,
        };
        let payload = &writing.record.chunk[writing.record.range.clone()];
        if payload.len() > longest {
            longest = payload.len();
            keep_unsent(outlet.socket(), unsent_mark(longest));
            keep_unconfirmed(outlet.socket(), unconfirmed_mark(longest));
        }
        buffer.clear();
        buffer.reserve(PREFIX + RECORD_HEADER + payload.len());
        buffer.extend(encode_prefix(
            FrameKind::Record,
            RECORD_HEADER + payload.len(),
        ));
        buffer.extend(writing.record.header.encode());
        // Copied once, so that head and payload share the records of the encryption.
        buffer.extend_from_slice(payload);
        stream.write_all(&buffer).await?;
        stream.flush().await?;
        writing.sent = true;
        // There was room for this one: those before it have left.
        leaving.clear();
        leaving.push(writing);
    }
    drop(leaving);
    let _ = stream.close().await;
    Ok(())
}

/// How much may wait unsent in the system, in bytes, for records of a length: on a slow line a
/// record is to leave before the next is handed over, on a fast one the line must not run dry.
const fn unsent_mark(record: usize) -> u32 {
    match record {
        0..=16_384 => 4 * 1024,
        16_385..=32_768 => 32 * 1024,
        _ => 256 * 1024,
    }
}

/// How much may wait in the system for the other side to confirm it, in bytes. What is not sent
/// yet is not all that other lanes wait for: a whole record of each lane can stand in the queue of
/// the network interface.
const fn unconfirmed_mark(record: usize) -> u32 {
    match record {
        0..=16_384 => 20 * 1024,
        16_385..=32_768 => 48 * 1024,
        _ => 1024 * 1024,
    }
}

async fn read(
    links: Arc<Links>,
    link: LinkId,
    forgotten: Receiver<Key>,
    mut stream: impl AsyncRead + Unpin,
) -> Result<(), LaneError> {
    let mut assembly = Assembly::new(links.assembling.clone(), links.assembly);
    let records = Room::new(ROOM_RECORDS).part(ROOM_RECORDS);
    let chunks = links.chunk_room.part(ROOM_CHUNKS);
    let mut passed_over = Vec::new();
    loop {
        let (kind, length) = read_prefix(&mut stream, MAX_CONTROL).await?;
        if kind != FrameKind::Record {
            // A goodbye, or something of a later version.
            let mut skipped = vec![0; length];
            stream.read_exact(&mut skipped).await?;
            continue;
        }
        let mut header = [0; RECORD_HEADER];
        stream.read_exact(&mut header).await?;
        let header = RecordHeader::decode(&header);
        while let Ok(key) = forgotten.try_recv() {
            assembly.forget(&key);
        }
        let length = length - RECORD_HEADER;
        let chunk = links.chunks.length(&header);
        let place = chunk.and_then(|chunk| assembly.place(&header, length, chunk));
        let placed = place.is_some();
        if let Some(place) = place {
            stream.read_exact(place).await?;
        } else {
            passed_over.resize(length, 0);
            stream.read_exact(&mut passed_over).await?;
        }
        let received = Input::RecordReceived {
            link,
            header,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        };
        (links.sink)(NetEvent::Input(received, records.take().await));
        let end = header
            .offset
            .saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        if !placed && chunk == Some(end) {
            // Its beginning found no room, or never came: it has to come again.
            links.tell(Input::Chunk {
                link,
                session: header.session,
                set: header.set,
                chunk: header.chunk,
                outcome: ChunkOutcome::NotWritten,
            });
            continue;
        }
        if let Some(bytes) = assembly.finish(&header) {
            let permit = chunks.take().await;
            (links.sink)(NetEvent::Chunk(ArrivedChunk {
                link,
                header,
                bytes,
                permit,
            }));
        }
    }
}
