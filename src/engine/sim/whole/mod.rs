//! Whole machines on the simulated network: cores with identity, trust, disk and people.
//!
//! [`class::Class`] is a room of [`machine::Machine`]s. Each is a [`crate::core::machine::Core`]
//! with what the driver, the network layer and the store do around it, in virtual time:
//! - Datagrams go to everybody on a subnet, twice (broadcast and group), and may be lost.
//! - A connection takes [`net::HANDSHAKE`]; nobody there, another subnet, a cut network or a closed
//!   firewall let it time out after [`net::DIAL_TIMEOUT`]; a machine without the program refuses at
//!   once.
//! - A link over which nothing comes is given up after [`net::DEAD`].
//! - The disk knows lengths and which chunks are verified. Reading at the source, opening, and
//!   renaming take their time; entries and trust survive a restart.
//!
//! [`audit::Audit`] looks after what must hold in every run. What the network model leaves out
//! stands in [`super`]; a machine with two interfaces has one line for both.

pub mod audit;
pub mod class;
pub mod hostile;
pub mod keys;
pub mod lesson;
#[cfg(test)]
mod limit_tests;
pub mod machine;
pub mod net;
#[cfg(test)]
mod pin_tests;
pub mod store;
#[cfg(test)]
mod tests;
