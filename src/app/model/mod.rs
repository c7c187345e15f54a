//! What the windows show: objects with properties and list models, without any widget.
//!
//! [`lab::Lab`] drains the engine's events into [`session::Session`]s; each has a feed of [`feed_row::FeedRow`]s and a list of
//! [`participant::Participant`]s. [`backend`] is the only place that talks to the engine, [`keys`] the only one that touches
//! teachers' keys.

pub mod backend;
pub mod feed_row;
pub mod history;
pub mod identity;
pub mod item_state;
pub mod keys;
pub mod lab;
pub mod news;
pub mod pace;
pub mod participant;
pub mod post_parts;
pub mod recipient;
pub mod recipients;
#[cfg(feature = "scenes")]
pub mod scenes;
pub mod session;
pub mod session_words;
mod table;
pub mod tally;
