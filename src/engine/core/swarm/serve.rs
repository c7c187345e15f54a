//! Sending: destinations in turn, sets by priority, never more in the kernel than leaves soon.

use std::collections::BTreeMap;
use std::time::Duration;

use super::give::Asking;
use super::lanes::Lanes;
use super::set::{PassingOn, Sending, Set};
use super::types::SwarmOutput;
use crate::core::ids::{ChunkIndex, LinkId};
use crate::core::time::Moment;
use crate::core::wire::control::{Control, RejectReason};
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::ranges::Ranges;

/// The most chunks that one peer may have asked for at a time.
const MAX_QUEUE: usize = 1_024;
/// An owner that has nothing to send for so long after it told of a chunk has passed it on.
const UNASKED: Duration = Duration::from_millis(20);
/// An owner waits so many times the time that all copies of a chunk take for others to fetch it, ...
const GIVE_UP: u32 = 4;
/// ... but never less than this.
const GIVE_UP_FLOOR: Duration = Duration::from_secs(2);
/// Nor does it wait for those who have said nothing for so many times as long since it told them of chunks: they may be
/// gone, and their links are found dead much later ...
const SILENT: u32 = 3;
/// ... but never less than this.
const SILENT_FLOOR: Duration = Duration::from_millis(500);

impl Set {
    /// A peer asks for chunks.
    pub fn requested(&mut self, lanes: &mut Lanes, link: LinkId, chunks: &Ranges) {
        // Whoever asks for more than can wait gets no answer to the rest.
        let asked = super::bitmap::clean(chunks, self.sizes.count)
            .flat_map(|(first, last)| first..=last)
            .take(MAX_QUEUE);
        for chunk in asked {
            if !self.enqueue(lanes, link, chunk) {
                return;
            }
        }
    }

    /// Puts one chunk into a peer's queue; false if the peer asks for too much.
    fn enqueue(&mut self, lanes: &mut Lanes, link: LinkId, chunk: u32) -> bool {
        let (session, set) = (self.session, self.id);
        let reject = |lanes: &mut Lanes, why: RejectReason| {
            let chunk = ChunkIndex(chunk);
            lanes.control(
                link,
                Control::Reject {
                    session,
                    set,
                    chunk,
                    why,
                },
            );
        };
        if !self.have.get(chunk) {
            reject(lanes, RejectReason::Missing);
            return true;
        }
        let asking = self.ask_source(link, chunk, lanes.now);
        let Some(peer) = self.peers.get_mut(&link) else {
            return false;
        };
        if peer.queue.len() >= MAX_QUEUE {
            reject(lanes, RejectReason::Busy);
            return false;
        }
        if asking != Asking::Granted {
            if asking == Asking::Refused {
                reject(lanes, RejectReason::Busy);
            }
            return true;
        }
        if peer.queue.iter().all(|sending| sending.chunk != chunk) {
            peer.queue.push_back(Sending {
                chunk,
                offset: 0,
                owner: false,
            });
            if !peer.in_line {
                peer.in_line = true;
                self.line.push_back(link);
            }
        }
        true
    }

    /// Whether a peer is served before all others.
    pub fn is_first(&self, link: LinkId) -> bool {
        let peer = || self.peers.get(&link);
        !self.first.is_empty()
            && peer().is_some_and(|peer| self.first.contains(&peer.member.device))
    }

    /// A peer no longer wants chunks.
    pub fn cancelled(&mut self, link: LinkId, chunks: &Ranges, now: Moment) {
        for (first, last) in super::bitmap::clean(chunks, self.sizes.count) {
            if let Some(peer) = self.peers.get_mut(&link) {
                let range = first..=last;
                peer.queue.retain(|sending| !range.contains(&sending.chunk));
            }
            if last - first < 64 {
                for chunk in first..=last {
                    self.give_failed(link, chunk, now);
                }
            }
        }
    }

    /// Hands one record over if there is one that may go.
    pub fn send_one(&mut self, lanes: &mut Lanes) -> bool {
        let sharing = self.line.len() + self.blocked;
        if let Some(at) = self.first_in_line(lanes, sharing)
            && let Some(link) = self.line.remove(at)
            && self.serve(lanes, link, sharing)
        {
            return true;
        }
        if let Some((link, sending, length)) = self.next_given(lanes) {
            self.hand_over(lanes, link, sending, length);
            return true;
        }
        for _ in 0..self.line.len() {
            let Some(link) = self.line.pop_front() else {
                return false;
            };
            if self.serve(lanes, link, sharing) {
                return true;
            }
        }
        false
    }

    /// Who is served before all others, stands in the line and can take more.
    fn first_in_line(&self, lanes: &Lanes, sharing: usize) -> Option<usize> {
        if self.first.is_empty() {
            return None;
        }
        let fit = |&link: &LinkId| self.is_first(link) && lanes.can_send(link, sharing);
        self.line.iter().position(fit)
    }

    /// Sends one record to a peer that was taken out of the line, and lines it up again if there is more. Says whether one was sent.
    fn serve(&mut self, lanes: &mut Lanes, link: LinkId, sharing: usize) -> bool {
        let by_chunk = self.is_source() && self.is_sparing();
        let may = lanes.can_send(link, sharing);
        let Some(peer) = self.peers.get_mut(&link) else {
            return false;
        };
        let Some(sending) = peer.queue.front_mut() else {
            peer.in_line = false;
            return false;
        };
        if !may {
            // It does not take more before something of it has left.
            peer.blocked = true;
            self.blocked += 1;
            return false;
        }
        let record = *sending;
        let size = self.sizes.of(record.chunk);
        let length = (size - record.offset).min(lanes.record());
        sending.offset += length;
        let whole = sending.offset >= size;
        if whole {
            peer.queue.pop_front();
        }
        if peer.queue.is_empty() {
            peer.in_line = false;
        } else if !whole && by_chunk {
            self.line.push_front(link);
        } else {
            self.line.push_back(link);
        }
        self.hand_over(lanes, link, record, length);
        true
    }

    /// A peer that could not take more may be able to.
    pub fn unblock(&mut self, link: LinkId) {
        if let Some(peer) = self.peers.get_mut(&link)
            && std::mem::take(&mut peer.blocked)
        {
            self.blocked -= 1;
            self.line.push_back(link);
        }
    }

    /// The same for all peers.
    pub fn unblock_all(&mut self) {
        let blocked = self.peers.iter_mut().filter(|(_, peer)| peer.blocked);
        for (&link, peer) in blocked {
            peer.blocked = false;
            self.line.push_back(link);
        }
        self.blocked = 0;
    }

    fn hand_over(&self, lanes: &mut Lanes, link: LinkId, sending: Sending, length: u32) {
        lanes.sending(link, length);
        let header = RecordHeader {
            session: self.session,
            set: self.id,
            chunk: ChunkIndex(sending.chunk),
            offset: sending.offset,
            owner: sending.owner,
        };
        lanes.out.push_back(SwarmOutput::Record {
            link,
            header,
            length,
        });
    }

    /// A record has left.
    pub fn sent(&mut self, lanes: &mut Lanes, header: &RecordHeader, length: u32) {
        let chunk = header.chunk.0;
        if header.offset + length < self.sizes.of(chunk) {
            return;
        }
        if let Some(one) = self.passing_on.iter_mut().find(|one| one.chunk == chunk) {
            one.copies += 1;
            if one.copies >= enough(one, &self.unanswered, lanes.now) {
                self.report_ready(lanes);
            }
        }
    }

    /// A record could not be sent: the chunk is not sent on this link.
    pub fn not_sent(&mut self, lanes: &mut Lanes, link: LinkId, header: &RecordHeader) {
        let chunk = header.chunk;
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.queue.retain(|sending| sending.chunk != chunk.0);
        }
        self.give_failed(link, chunk.0, lanes.now);
        let (session, set, why) = (self.session, self.id, RejectReason::Busy);
        lanes.control(
            link,
            Control::Reject {
                session,
                set,
                chunk,
                why,
            },
        );
    }

    /// Tells the source which of its chunks are passed on.
    pub fn report_ready(&mut self, lanes: &mut Lanes) {
        let idle = !lanes.busy();
        let now = lanes.now;
        let unanswered = &self.unanswered;
        let passed = |one: &PassingOn| {
            one.copies >= enough(one, unanswered, now)
                || (idle && now.since(one.since) > UNASKED)
                || now.since(one.since) > (one.patience * GIVE_UP).max(GIVE_UP_FLOOR)
        };
        let mut over: Vec<(LinkId, u32)> = Vec::new();
        self.passing_on.retain(|one| {
            let passed = passed(one);
            if passed {
                over.push((one.from, one.chunk));
            }
            !passed
        });
        over.sort_unstable();
        for of_one in over.chunk_by(|a, b| a.0 == b.0) {
            let (link, session, set) = (of_one[0].0, self.session, self.id);
            let chunks = Ranges::from_sorted(of_one.iter().map(|one| ChunkIndex(one.1)));
            if self.peers.contains_key(&link) {
                lanes.control(
                    link,
                    Control::Ready {
                        session,
                        set,
                        chunks,
                    },
                );
            }
        }
    }
}

/// How many copies of an owned chunk are enough: all but a fifth of those who were told of it, and of them only who
/// may be there.
fn enough(one: &PassingOn, unanswered: &BTreeMap<LinkId, Moment>, now: Moment) -> u32 {
    let patience = (one.patience * SILENT).max(SILENT_FLOOR);
    let silent = |since: &&Moment| now.since(**since) > patience;
    let silent = unanswered.values().filter(silent).count();
    let silent = u32::try_from(silent).unwrap_or(u32::MAX);
    let told = one.told.saturating_sub(silent);
    told - told / 5
}
