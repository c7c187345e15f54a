//! The wire: statements that are signed, control messages, bulk records, datagrams.
//!
//! `docs/PROTOCOL.md` is the specification; its example frames are read by the tests here.

// control
// frame
pub mod statements;
