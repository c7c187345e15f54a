//! The engine of Handout.
#![forbid(unsafe_code)]
