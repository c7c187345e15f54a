//! Everything that differs between operating systems, each with a portable fallback.
//!
//! The fallbacks are compiled and tested on Linux too, so that they stay right.

pub mod files;
pub mod network;
pub mod paths;
