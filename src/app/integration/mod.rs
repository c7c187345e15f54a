//! Where the program meets the rest of the desktop.

pub mod notifications;
