//! The disk: what is shared, what is received, and what is remembered.
//!
//! - [`scan`] lists what a teacher shares; [`source`] hashes and serves its chunks.
//! - [`part`] receives: [`part::ReceiveSet`] verifies chunks into part files, and gives finished
//!   files their final names by the rules in [`place`]. Its [`journal`] alone says which chunks are
//!   there.
//! - [`keys`] has this device's, teachers' and institutions' keys, and what is trusted.
//! - [`cache`] keeps chunks in memory that were just made or read.
//! - [`pool`] keeps few files open.
//! - [`database`] remembers sessions, entries, members and what was saved.
//!
//! Everything here blocks; the driver calls it from threads for the disk. Errors are
//! [`fault::DiskFault`]s: what was done, to what, why not, and what helps.

pub mod cache;
pub mod database;
pub mod fault;
pub mod journal;
pub mod keys;
pub mod part;
pub mod place;
pub mod pool;
pub mod scan;
pub mod source;

mod bits;
mod hash;
mod records;
