//! Announcements: how sessions are found by UDP, and which of what is heard counts.
//!
//! [`Datagram`] is the form on the wire, [`Acceptor`] decides about what is heard, and
//! [`RelayGate`] about passing it on to other subnets. Every [`Refusal`] is a sentence for the
//! diagnosis page.

mod acceptor;
mod datagram;
mod ration;
mod refusal;
mod relay;

pub use acceptor::{Acceptor, Again, Announced, Asked, Gone, Heard, MAX_LIFE, MIN_LIFE};
pub use datagram::{Announcement, Body, Datagram, Header, MAX_DATAGRAM, relayed};
pub use refusal::Refusal;
pub use relay::RelayGate;
