//! The network: datagrams of discovery and encrypted links. Decides nothing that the core can.

pub mod event;
pub mod interfaces;
pub mod runtime;
pub mod tls;
pub mod udp;
