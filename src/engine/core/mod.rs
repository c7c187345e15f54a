//! The rules, without any input or output: `(now, Input)` goes in, `Output`s come out.
//!
//! Nothing in here reads a clock, opens a file or socket, starts a thread, or depends on the order
//! of a hash map; `build-aux/check-tree` holds it to that.

pub mod announce;
pub mod command;
pub mod ids;
pub mod io;
pub mod kept;
pub mod layout;
pub mod limits;
pub mod log;
pub mod machine;
pub mod manifest;
pub mod names;
pub mod pin;
pub mod rng;
pub mod sealed;
pub mod signed;
pub mod swarm;
pub mod time;
pub mod tree;
pub mod trust;
pub mod wire;
