//! The engine of Handout.
#![forbid(unsafe_code)]

pub mod api;
pub mod archive;
mod buffers;
pub mod code;
pub mod core;
mod driver;
mod engine;
mod error;
pub mod net;
pub mod platform;
pub mod report;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod store;
pub mod target;
mod teaching;

pub use engine::{Engine, Shared};
pub use error::EngineError;
