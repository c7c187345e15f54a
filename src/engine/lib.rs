//! The engine of Handout.
#![forbid(unsafe_code)]
pub mod core;
