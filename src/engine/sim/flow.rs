//! One direction of a link: records in order through a TCP-like window.

use std::collections::VecDeque;

use crate::core::wire::frame::RecordHeader;

/// Payload of one packet in bytes.
pub const SEGMENT: u32 = 1_448;
const FIRST_WINDOW: f64 = 10.0 * SEGMENT as f64;
const LEAST_WINDOW: f64 = 2.0 * SEGMENT as f64;
const MOST_WINDOW: f64 = 2.0 * 1024.0 * 1024.0;
/// What a record costs beside its payload: header, frame, encryption.
pub const RECORD_COST: u32 = 41 + 5 + 22;

/// A record on its way.
#[derive(Debug, Clone, Copy)]
pub struct Transit {
    /// Its header.
    pub header: RecordHeader,
    /// Payload in bytes.
    pub length: u32,
}

/// One direction of a link.
#[derive(Debug)]
pub struct Flow {
    /// Sending host.
    pub from: usize,
    /// Receiving host.
    pub to: usize,
    /// Records that have not left in full, and how much of the first is left to send.
    unsent: VecDeque<(Transit, u32)>,
    /// Records that have not come in full, and how much of the first is missing.
    coming: VecDeque<(Transit, u32)>,
    /// Bytes to be sent again.
    again: u32,
    /// Bytes in the network.
    flying: u32,
    window: f64,
    threshold: f64,
    /// Bytes to come before another loss counts as a new one.
    recover: u32,
    /// It stands in its host's line.
    pub in_line: bool,
    /// Losses in a row with nothing between.
    pub bad_luck: u32,
    /// When the latest control message comes, in nanoseconds.
    pub told: u64,
    closed: bool,
}

impl Flow {
    /// An idle flow.
    pub const fn new(from: usize, to: usize) -> Self {
        Self {
            from,
            to,
            unsent: VecDeque::new(),
            coming: VecDeque::new(),
            again: 0,
            flying: 0,
            window: FIRST_WINDOW,
            threshold: MOST_WINDOW,
            recover: 0,
            in_line: false,
            bad_luck: 0,
            told: 0,
            closed: false,
        }
    }

    /// Takes a record to send.
    pub fn push(&mut self, transit: Transit) {
        if self.closed {
            return;
        }
        let bytes = transit.length + RECORD_COST;
        self.unsent.push_back((transit, bytes));
        self.coming.push_back((transit, bytes));
    }

    /// How many bytes may go now, in one piece: never a small part of the window, as Linux waits for
    /// a third of it.
    pub fn ready(&self) -> u32 {
        let open = to_bytes(self.window).saturating_sub(self.flying);
        let next = if self.again > 0 {
            self.again
        } else {
            self.unsent.front().map_or(0, |&(_, left)| left)
        };
        let least = (2 * SEGMENT).max(to_bytes(self.window) / 3);
        if open >= next.min(least) {
            next.min(open)
        } else {
            0
        }
    }

    /// A piece has left; gives the record that left with it in full.
    pub fn left(&mut self, bytes: u32) -> Option<Transit> {
        self.flying += bytes;
        if self.again > 0 {
            self.again -= bytes.min(self.again);
            return None;
        }
        let (_, left) = self.unsent.front_mut()?;
        *left -= bytes.min(*left);
        if *left == 0 {
            return self.unsent.pop_front().map(|(transit, _)| transit);
        }
        None
    }

    /// A piece has come, some of it was lost; gives the records that are whole now.
    pub fn came(&mut self, bytes: u32, lost: u32) -> Vec<Transit> {
        self.flying = self.flying.saturating_sub(bytes + lost);
        self.recover = self.recover.saturating_sub(bytes + lost);
        if lost > 0 && self.recover == 0 {
            self.window = (self.window * 0.5).max(LEAST_WINDOW);
            self.threshold = self.window;
            self.recover = self.flying;
        } else if self.window < self.threshold {
            self.window = (self.window + f64::from(bytes)).min(MOST_WINDOW);
        } else {
            let grown = f64::from(SEGMENT) * f64::from(bytes) / self.window;
            self.window = (self.window + grown).min(MOST_WINDOW);
        }
        if bytes > 0 {
            self.bad_luck = 0;
        }
        let mut rest = bytes;
        let mut whole = Vec::new();
        while rest > 0 {
            let Some((transit, missing)) = self.coming.front_mut() else {
                break;
            };
            let part = rest.min(*missing);
            *missing -= part;
            rest -= part;
            if *missing == 0 {
                whole.push(*transit);
                self.coming.pop_front();
            }
        }
        whole
    }

    /// The other end is gone.
    pub fn close(&mut self) {
        self.closed = true;
        self.unsent.clear();
        self.coming.clear();
        self.again = 0;
    }

    /// Whether it was closed.
    pub const fn closed(&self) -> bool {
        self.closed
    }

    /// Lost bytes are to be sent again.
    pub fn resend(&mut self, bytes: u32) {
        if !self.closed {
            self.again += bytes;
        }
    }

    /// Whether nothing is in the network.
    pub const fn quiet(&self) -> bool {
        self.flying == 0
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn to_bytes(window: f64) -> u32 {
    window as u32
}
