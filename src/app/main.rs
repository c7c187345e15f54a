//! `handout`: the desktop program.
//!
//! - `application`: settings, the engine, the window; `options`: the command line
//! - `model`: what the windows show, fed by the engine's events; no widgets
//! - `ui`: the windows, each a `.rs` with its `.ui` beside it; its front page draws the tree of widgets
//! - `integration`: notifications, the tray's icon, background and autostart; `outside`: files that come from elsewhere
//! - `format`, `i18n`, `diagnosis`, `error`: everything in words
//!
//! The way of an event: engine → `model::lab::Lab` (one loop) → a property or a list model → a row that is bound to it.
//! The way of a click: an action of `ui` → `model::backend` → engine; what comes of it arrives as an event.

// The inner module of an object sees all of its file.
#![allow(clippy::wildcard_imports)]

mod application;
mod config;
mod diagnosis;
mod error;
mod following;
mod format;
mod i18n;
mod integration;
mod model;
mod options;
mod outside;
mod settings;
mod ui;

use gtk::prelude::*;
use gtk::{gio, glib};
use tracing_subscriber::EnvFilter;

fn main() -> glib::ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    translate();
    glib::set_application_name("Handout");
    if let Err(error) = gio::resources_register_include!("handout.gresource") {
        tracing::error!(%error, "the program's icons and styles are damaged");
    }
    application::Application::default().run()
}

fn translate() {
    use gettextrs::{
        LocaleCategory, bind_textdomain_codeset, bindtextdomain, setlocale, textdomain,
    };
    // SAFETY: nothing else runs yet that could read the locale meanwhile.
    unsafe { setlocale(LocaleCategory::LcAll, "") };
    let bound = bindtextdomain(config::DOMAIN, config::LOCALEDIR)
        .and_then(|_| bind_textdomain_codeset(config::DOMAIN, "UTF-8"))
        .and_then(|_| textdomain(config::DOMAIN));
    if let Err(error) = bound {
        tracing::warn!(%error, "translations cannot be used");
    }
}
