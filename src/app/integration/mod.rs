//! Where the program meets the rest of the desktop.

pub mod background;
pub mod entries;
#[cfg(feature = "scenes")]
pub mod frames;
pub mod launch;
pub mod notifications;
pub mod status_icon;
mod status_menu;
