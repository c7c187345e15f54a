//! Sending: the bytes of records come from memory, or are read and verified once for all who wait.

use std::collections::HashMap;
use std::sync::Arc;

use super::disk::{Content, DiskSide, lock};
use super::pool::Order;
use crate::core::ids::{ChunkIndex, LinkId, SetId};
use crate::core::io::Input;
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::statements::FailReason;
use crate::net::bulk::Outgoing;
use crate::store::part::ChunkRead;
use crate::store::source::SourceError;

/// Records that wait for chunks that are being read.
pub type Reading = HashMap<(SetId, ChunkIndex), Vec<Pending>>;

/// A record that waits for its bytes.
pub struct Pending {
    link: LinkId,
    header: RecordHeader,
    length: u32,
}

impl DiskSide {
    /// Sends a record of a chunk. Answered by `RecordSent`.
    ///
    /// Records of one chunk leave in the order in which they were asked for, whether the chunk is
    /// in memory or still being read: so the lock is held until they are queued.
    pub fn serve(self: &Arc<Self>, link: LinkId, header: RecordHeader, length: u32) {
        let pending = Pending {
            link,
            header,
            length,
        };
        let key = (header.set, header.chunk);
        let mut reading = lock(&self.reading);
        if let Some(waiting) = reading.get_mut(&key) {
            waiting.push(pending);
        } else if let Some(bytes) = self.cache.get(header.set, header.chunk) {
            self.send_pending(&pending, Some(&bytes));
        } else {
            reading.insert(key, vec![pending]);
            let this = self.clone();
            self.jobs
                .submit(header.set, Order::Together, move || this.read(header));
        }
    }

    fn read(&self, header: RecordHeader) {
        let (set, chunk) = (header.set, header.chunk);
        let bytes = self.read_verified(&header);
        let mut reading = lock(&self.reading);
        if let Some(bytes) = &bytes {
            self.cache.put(set, chunk, bytes.clone());
        }
        for pending in reading.remove(&(set, chunk)).into_iter().flatten() {
            self.send_pending(&pending, bytes.as_ref());
        }
    }

    fn read_verified(&self, header: &RecordHeader) -> Option<Arc<[u8]>> {
        let (set, chunk) = (header.set, header.chunk);
        let entry = self.entry(set)?;
        let session = entry.session;
        match entry.content.get()? {
            Content::Receive(receive) => match receive.read_chunk(chunk) {
                ChunkRead::Bytes(bytes) => return Some(bytes),
                ChunkRead::NotHeld | ChunkRead::Lost => self.lost(session, set, chunk),
                ChunkRead::Failed(fault) => tracing::warn!("set {set}: {fault}"),
            },
            Content::Source(source) => match source.read_chunk(chunk) {
                Ok(bytes) => return Some(bytes),
                Err(SourceError::NotHashed(_)) => {}
                Err(error) => {
                    self.fail(set, session, FailReason::DiskError, error.to_string());
                }
            },
        }
        None
    }

    fn send_pending(&self, pending: &Pending, bytes: Option<&Arc<[u8]>>) {
        let &Pending {
            link,
            header,
            length,
        } = pending;
        let start = header.offset as usize;
        let range = start..start.saturating_add(length as usize);
        match bytes.filter(|bytes| range.end <= bytes.len()) {
            Some(bytes) => {
                let chunk = bytes.clone();
                self.send(
                    link,
                    Outgoing {
                        header,
                        chunk,
                        range,
                    },
                );
            }
            None => (self.tell)(Input::RecordSent {
                link,
                header,
                length,
                sent: false,
            }),
        }
    }
}
