//! Events on their way to whoever holds the receiver. A slow reader never blocks the engine: of
//! progress only the newest is kept for it, everything else waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_channel::{Receiver, Sender};

use crate::api::{DeviceId, Event, ItemId, SessionId, Version};

/// What newer progress replaces.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Progress(SessionId, ItemId, Version, Option<DeviceId>);

/// Events that wait.
pub struct EventQueue {
    state: Mutex<State>,
    wake: (Sender<()>, Receiver<()>),
}

#[derive(Default)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Event>,
    progress: HashMap<Progress, u64>,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            wake: async_channel::bounded(1),
        }
    }
}

impl EventQueue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event; progress takes the place of earlier progress of the same item.
    pub fn push(&self, event: Event) {
        let mut state = self.state();
        let key = progress(&event);
        let place = key.and_then(|key| state.progress.get(&key).copied());
        let at = place.unwrap_or(state.next);
        state.next = state.next.max(at + 1);
        state.waiting.insert(at, event);
        if let Some(key) = key {
            state.progress.insert(key, at);
        }
        drop(state);
        let _ = self.wake.0.try_send(());
    }

    fn pop(&self) -> Option<Event> {
        let mut state = self.state();
        let (_, event) = state.waiting.pop_first()?;
        if let Some(key) = progress(&event) {
            state.progress.remove(&key);
        }
        Some(event)
    }

    /// Nothing more comes: [`EventQueue::forward`] ends after what waits.
    pub fn close(&self) {
        self.wake.0.close();
    }

    /// Passes events on until the queue is closed or nobody listens any more.
    pub async fn forward(&self, to: Sender<Event>) {
        loop {
            while let Some(event) = self.pop() {
                if to.send(event).await.is_err() {
                    return;
                }
            }
            if self.wake.1.recv().await.is_err() && self.state().waiting.is_empty() {
                return;
            }
        }
    }
}

fn progress(event: &Event) -> Option<Progress> {
    match event {
        Event::Item(view) => Some(Progress(view.session, view.item, view.version, None)),
        Event::Delivery(view) => {
            let device = Some(view.device);
            Some(Progress(view.session, view.item, view.version, device))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::{ItemView, Progress as State};

    fn item(number: u8, bytes: u64) -> Event {
        Event::Item(ItemView {
            session: SessionId([0; 16]),
            item: ItemId([number; 16]),
            version: Version(1),
            progress: State::Receiving,
            bytes,
            total: 9,
            rate: 0,
        })
    }

    fn gone(number: u8) -> Event {
        Event::SessionGone {
            session: SessionId([number; 16]),
        }
    }

    fn short(event: &Event) -> (u8, u64) {
        match event {
            Event::Item(view) => (view.item.0[0], view.bytes),
            Event::SessionGone { session } => (session.0[0], 99),
            _ => (0, 0),
        }
    }

    #[test]
    fn only_the_newest_progress_waits_and_nothing_else_is_lost() {
        let queue = EventQueue::default();
        for event in [
            item(1, 1),
            gone(1),
            item(1, 2),
            item(2, 1),
            gone(2),
            item(1, 3),
            gone(2),
        ] {
            queue.push(event);
        }
        queue.close();
        let (tx, rx) = async_channel::unbounded();
        smol::block_on(queue.forward(tx));
        let mut seen = Vec::new();
        while let Ok(event) = rx.try_recv() {
            seen.push(short(&event));
        }
        assert_eq!(seen, [(1, 3), (1, 99), (2, 1), (2, 99), (2, 99)]);
    }

    #[test]
    fn progress_that_was_passed_on_is_followed_by_newer() {
        let queue = EventQueue::default();
        queue.push(item(1, 1));
        assert_eq!(short(&queue.pop().unwrap()), (1, 1));
        queue.push(item(1, 2));
        assert_eq!(short(&queue.pop().unwrap()), (1, 2));
        assert!(queue.pop().is_none());
    }
}
