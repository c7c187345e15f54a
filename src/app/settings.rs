//! The settings: `GSettings` where the schema is installed, this run's memory where it is not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{gio, glib};
use handout_engine::api::DEFAULT_PORT;

use crate::config;
use crate::integration::background;

/// A key that holds text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Text {
    /// The own name.
    Name,
    /// The own roll number.
    Roll,
    /// The last session's title.
    Course,
    /// Where received files go; empty for the usual folder.
    ReceiveFolder,
}

impl Text {
    const fn key(self) -> &'static str {
        match self {
            Self::Name => "student-name",
            Self::Roll => "roll-number",
            Self::Course => "course-title",
            Self::ReceiveFolder => "receive-folder",
        }
    }
}

/// The settings. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Settings {
    stored: Option<gio::Settings>,
    memory: Rc<RefCell<HashMap<Text, String>>>,
}

impl Default for Settings {
    fn default() -> Self {
        let stored = schema().map(|schema| {
            gio::Settings::new_full(&schema, None::<&gio::SettingsBackend>, None::<&str>)
        });
        if stored.is_none() {
            tracing::warn!("the settings schema is not installed: settings are not kept");
        }
        Self {
            stored,
            memory: Rc::default(),
        }
    }
}

impl Settings {
    /// A text.
    pub fn text(&self, key: Text) -> String {
        match &self.stored {
            Some(stored) => stored.string(key.key()).into(),
            None => self.memory.borrow().get(&key).cloned().unwrap_or_default(),
        }
    }

    /// Keeps a text. Says whether it could: an administrator may have locked it.
    pub fn set_text(&self, key: Text, value: &str) -> bool {
        if let Some(stored) = &self.stored {
            return stored.string(key.key()) == value
                || stored.set_string(key.key(), value).is_ok();
        }
        self.memory.borrow_mut().insert(key, value.to_owned());
        true
    }

    /// Whether a text can be changed here.
    pub fn writable(&self, key: Text) -> bool {
        self.stored
            .as_ref()
            .is_none_or(|stored| stored.is_writable(key.key()))
    }

    /// Binds a key to a property of a row, which cannot be used where an administrator has locked the key.
    /// Says whether it can be changed here.
    pub fn bind(
        &self,
        key: &str,
        row: &(impl IsA<gtk::Widget> + IsA<glib::Object>),
        property: &str,
    ) -> bool {
        let Some(stored) = &self.stored else {
            row.upcast_ref::<gtk::Widget>().set_sensitive(false);
            return true;
        };
        stored.bind(key, row, property).build();
        stored.is_writable(key)
    }

    /// Calls back when a key has changed.
    pub fn connect_changed(&self, key: &str, told: impl Fn() + 'static) {
        if let Some(stored) = &self.stored {
            stored.connect_changed(Some(key), move |_, _| told());
        }
    }

    /// Whether an administrator has locked a key.
    pub fn locked(&self, key: &str) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| !stored.is_writable(key))
    }

    /// Keeps the interfaces to use; none for the usual ones.
    pub fn set_interfaces(&self, names: &[String]) {
        if let Some(stored) = &self.stored
            && let Err(error) = stored.set_strv("interfaces", names)
        {
            tracing::warn!(%error, "the interfaces are locked");
        }
    }

    /// Whether a teacher nobody vouches for may be trusted after asking.
    pub fn trust_unknown_teachers(&self) -> bool {
        self.stored
            .as_ref()
            .is_none_or(|stored| stored.boolean("trust-unknown-teachers"))
    }

    /// Whether the program starts at login.
    pub fn start_at_login(&self) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| stored.boolean("start-at-login"))
    }

    /// Keeps whether the program starts at login.
    pub fn set_start_at_login(&self, starts: bool) {
        if let Some(stored) = &self.stored
            && let Err(error) = stored.set_boolean("start-at-login", starts)
        {
            tracing::warn!(%error, "starting at login is locked");
        }
    }

    /// Whether a session goes on after the window is closed.
    pub fn run_in_background(&self) -> bool {
        self.stored
            .as_ref()
            .is_none_or(|stored| stored.boolean("run-in-background"))
    }

    /// Whether an icon in the desktop's tray is wanted.
    pub fn tray_icon(&self) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| stored.boolean("tray-icon"))
    }

    /// Interfaces named by an administrator, empty for the usual ones.
    pub fn interfaces(&self) -> Vec<String> {
        self.stored.as_ref().map_or_else(Vec::new, |stored| {
            stored
                .strv("interfaces")
                .iter()
                .map(ToString::to_string)
                .collect()
        })
    }

    /// The UDP port.
    pub fn port(&self) -> u16 {
        let set = self.stored.as_ref().map_or(0, |stored| stored.uint("port"));
        u16::try_from(set)
            .ok()
            .filter(|port| *port != 0)
            .unwrap_or(DEFAULT_PORT)
    }

    /// The most bytes a second to send.
    pub fn upload_limit(&self) -> Option<u64> {
        let kib = self.number("upload-limit", 0);
        (kib > 0).then_some(kib << 10)
    }

    /// The most bytes of one item that are received without asking.
    pub fn accept_limit(&self) -> Option<u64> {
        let mib = self.number("accept-limit", 0);
        (mib > 0).then_some(mib << 20)
    }

    /// Bytes of the disk that stay free.
    pub fn free_space_reserve(&self) -> u64 {
        self.number("free-space-reserve", 256) << 20
    }

    fn number(&self, key: &str, otherwise: u32) -> u64 {
        let stored = self.stored.as_ref().map(|stored| stored.uint(key));
        stored.unwrap_or(otherwise).into()
    }

    /// Where received files go.
    pub fn receive_folder(&self) -> PathBuf {
        let set = self.text(Text::ReceiveFolder);
        if !set.is_empty() {
            return set.into();
        }
        // In a sandbox the home folder is not the person's, and is thrown away.
        let otherwise = if background::sandboxed() {
            glib::user_data_dir
        } else {
            glib::home_dir
        };
        glib::user_special_dir(glib::UserDirectory::Downloads)
            .unwrap_or_else(otherwise)
            .join("Handout")
    }

    /// Keeps a window's size with it, from now on.
    pub fn remember(&self, window: &impl IsA<glib::Object>) {
        let Some(stored) = &self.stored else { return };
        for (key, property) in [
            ("window-width", "default-width"),
            ("window-height", "default-height"),
            ("window-maximized", "maximized"),
        ] {
            stored.bind(key, window, property).build();
        }
    }
}

fn schema() -> Option<gio::SettingsSchema> {
    let installed = gio::SettingsSchemaSource::default()
        .and_then(|source| source.lookup(config::SCHEMA_ID, true));
    installed.or_else(built_schema)
}

/// The schema of this very build, for runs out of the build folder.
#[cfg(debug_assertions)]
fn built_schema() -> Option<gio::SettingsSchema> {
    let folder = concat!(env!("OUT_DIR"), "/schemas");
    let parent = gio::SettingsSchemaSource::default();
    gio::SettingsSchemaSource::from_directory(folder, parent.as_ref(), true)
        .ok()?
        .lookup(config::SCHEMA_ID, false)
}

#[cfg(not(debug_assertions))]
fn built_schema() -> Option<gio::SettingsSchema> {
    None
}
