//! The wire: statements that are signed, control messages, bulk records, datagrams.
//!
//! `docs/PROTOCOL.md` is the specification; its example frames are read by the tests here.

pub mod control;
pub mod entries;
pub mod frame;
pub mod ranges;
pub mod short;
pub mod statements;

#[cfg(test)]
mod examples;

/// Major version of the protocol: another one is refused with a clear reason.
pub const MAJOR: u8 = 1;
/// Minor version: higher ones only add kinds and fields.
pub const MINOR: u8 = 0;
/// Features of this build, one bit each; none is defined yet.
pub const FEATURES: u32 = 0;
/// The UDP port of discovery, and the TCP port of links where it is free.
pub const PORT: u16 = 47_800;
