//! The engine of Handout.
#![forbid(unsafe_code)]

pub mod api;
pub mod core;
pub mod net;
pub mod platform;
pub mod store;
