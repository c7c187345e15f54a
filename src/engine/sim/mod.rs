//! A deterministic network in virtual time, for the rules of [`crate::core`].
//!
//! [`world::World`] is the network and drives any [`node::Node`]; [`class::Scenario`] puts a
//! teacher and students into it and gives a [`class::Report`]. The same seed gives the same run to
//! the byte, which [`class::Report::trace`] shows. [`whole`] puts whole machines on the same network,
//! with discovery, trust, feed and disk.
//!
//! The model, and what it leaves out:
//! - Each host has an uplink that serves its flows in turn, piece by piece, and a switch port with
//!   a queue of 128 KiB in front of its downlink. Bytes that find the queue full are lost. Rates
//!   are of TCP payload.
//! - Each direction of a link is one flow with a TCP-like window: slow start, halved by a loss,
//!   lost bytes sent again after the next acknowledgement, or after 10 ms when nothing else is
//!   under way (200 ms if that is lost too, and on Wi-Fi doubled each time). Order inside of a flow is
//!   kept; which bytes are missing is not modelled.
//! - Control messages and acknowledgements are never late or lost behind bulk, but their bytes take
//!   their time of both links. In a network that is cut they wait until it heals.
//! - Wi-Fi ([`class::Cell`]): the stations of a cell and its access point share one channel, in
//!   turn and one at a time. A byte between a station and a wire crosses it once, one between two
//!   stations twice. The access point holds 128 KiB. One rate for all stations, no collisions.
//! - Disks and processors take a fixed time a byte.

pub mod class;
mod flow;
pub mod node;
#[cfg(test)]
mod tests;
pub mod whole;
#[cfg(test)]
mod wifi;
pub mod world;
