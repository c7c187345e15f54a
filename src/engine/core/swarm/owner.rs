//! What the source knows of those whom it gives chunks.

use std::collections::VecDeque;
use std::time::Duration;

use super::bitmap::Bitmap;
use super::rate::Smooth;
use crate::core::time::Moment;

/// Slower than the median by this factor is too slow for an owner.
const SLOW: f64 = 1.0 / 0.6;

/// A chunk that was given and is not passed on yet.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    pub chunk: u32,
    pub at: Moment,
    /// Its owner has said that it has it.
    pub arrived: bool,
}

/// What the source knows of one owner.
#[derive(Debug)]
pub struct Owner {
    pub backlog: VecDeque<Given>,
    /// Chunks it was given, ever.
    pub chunks: Bitmap,
    /// How long it takes to pass a chunk on, without the time in which it passed on those before.
    pub pace: Smooth,
    pub last: Moment,
    /// When it last said that it had passed one on.
    pub ready: Moment,
    /// Since when the first of its backlog is the first.
    pub front: Moment,
    /// A chunk of it has spread.
    pub trusted: bool,
    /// How often nobody else had what it said was passed on, since somebody had.
    pub faults: u32,
    /// It is given nothing until then.
    pub doubted: Moment,
}

impl Owner {
    pub fn new(chunks: u32, now: Moment) -> Self {
        Self {
            backlog: VecDeque::new(),
            chunks: Bitmap::new(chunks),
            pace: Smooth::default(),
            last: now,
            ready: now,
            front: now,
            trusted: false,
            faults: 0,
            doubted: Moment(0),
        }
    }

    /// A chunk is given to it.
    pub fn give(&mut self, chunk: u32, now: Moment) {
        if self.backlog.is_empty() {
            self.front = now;
        }
        self.chunks.set(chunk);
        self.last = now;
        self.backlog.push_back(Given {
            chunk,
            at: now,
            arrived: false,
        });
    }

    /// Takes chunks out of the backlog; gives those, the earliest first.
    pub fn take(&mut self, which: impl Fn(u32) -> bool, now: Moment) -> VecDeque<Given> {
        if self.backlog.front().is_some_and(|one| which(one.chunk)) {
            self.front = now;
        }
        let (taken, left) = self.backlog.iter().partition(|one| which(one.chunk));
        self.backlog = left;
        taken
    }

    /// It has passed on what was taken out of its backlog.
    pub fn passed(&mut self, chunks: &VecDeque<Given>, now: Moment) {
        // Those before kept it from these.
        let began = chunks.front().map(|first| first.at.max(self.ready));
        let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        for began in std::iter::repeat_n(began, chunks.len()).flatten() {
            self.pace.add(now.since(began) / count);
        }
        if count > 0 {
            (self.last, self.ready) = (now, now);
        }
    }

    /// How long the first of its backlog has kept it.
    pub fn waiting(&self, now: Moment) -> Option<Duration> {
        let busy = !self.backlog.is_empty();
        busy.then(|| now.since(self.front))
    }

    /// How long it takes at present to pass a chunk on.
    pub fn latest(&self, now: Moment) -> Duration {
        let waiting = self.waiting(now).map(|it| it.min(now.since(self.ready)));
        self.pace.get().max(waiting).unwrap_or_default()
    }

    /// Whether it is no good owner at present.
    pub fn unfit(&self, now: Moment, median: Option<Duration>) -> bool {
        if now < self.doubted {
            return true;
        }
        let Some(median) = median else { return false };
        let worst = self.latest(now);
        worst > median.mul_f64(SLOW) && worst > Duration::from_millis(2)
    }
}
