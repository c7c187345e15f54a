//! The command line: `handout [--background] [--interface NAME]… [--port N] [--data-dir DIR] [--receive-dir DIR] [FILE…]`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use gettextrs::gettext;
use gtk::glib;
use gtk::prelude::*;
use handout_engine::api::InterfaceChoice;

use crate::config;
use crate::i18n::gettext_f;
use crate::settings::Settings;

/// What the command line said.
#[derive(Debug, Clone, Default)]
pub struct Options {
    interfaces: Vec<String>,
    port: Option<u16>,
    data_dir: Option<PathBuf>,
    receive_dir: Option<PathBuf>,
    /// Start without a window.
    pub background: bool,
    /// The scene to show instead of the network.
    #[cfg(feature = "scenes")]
    pub scene: Option<String>,
}

impl Options {
    /// Tells `GLib` which options there are.
    pub fn declare(app: &impl IsA<gtk::gio::Application>) {
        use glib::{OptionArg, OptionFlags};
        let one = |name: &str, kind: OptionArg, text: &str, value: &str| {
            let letter = glib::Char::from(0_u8);
            app.add_main_option(name, letter, OptionFlags::NONE, kind, text, Some(value));
        };
        app.add_main_option(
            "background",
            glib::Char::from(0_u8),
            OptionFlags::NONE,
            OptionArg::None,
            &gettext("Wait for a session without a window"),
            None,
        );
        // Translators: these stand for a value in the list of options: "--interface=NAME", "--port=N", "--data-dir=DIR".
        let (name, number, folder) = (gettext("NAME"), gettext("N"), gettext("DIR"));
        let interface = gettext("Use this network interface only; may be given more than once");
        one("interface", OptionArg::StringArray, &interface, &name);
        one(
            "port",
            OptionArg::Int,
            &gettext("UDP port of announcements"),
            &number,
        );
        let data = gettext("Keep keys and history there, apart from the usual ones");
        one("data-dir", OptionArg::Filename, &data, &folder);
        one(
            "receive-dir",
            OptionArg::Filename,
            &gettext("Save received files there"),
            &folder,
        );
        #[cfg(feature = "scenes")]
        one(
            "scene",
            OptionArg::String,
            "Show a scene instead of the network",
            "NAME",
        );
    }

    /// What was given.
    pub fn read(given: &glib::VariantDict) -> Result<Self, String> {
        let folder = |name: &str| {
            let bytes = given.lookup_value(name, None)?;
            let path = bytes.fixed_array::<u8>().ok()?;
            let text = String::from_utf8_lossy(path.strip_suffix(&[0]).unwrap_or(path));
            std::path::absolute(text.as_ref()).ok()
        };
        let port = match given.lookup::<i32>("port").ok().flatten() {
            None => None,
            Some(number) => match u16::try_from(number) {
                Ok(port) if port > 0 => Some(port),
                _ => {
                    return Err(gettext_f(
                        "--port {number}: a port is a number from 1 to 65535",
                        &[("number", &number.to_string())],
                    ));
                }
            },
        };
        let interfaces = given.lookup::<Vec<String>>("interface").ok().flatten();
        Ok(Self {
            interfaces: interfaces.unwrap_or_default(),
            port,
            data_dir: folder("data-dir"),
            receive_dir: folder("receive-dir"),
            background: given.contains("background"),
            #[cfg(feature = "scenes")]
            scene: given.lookup::<String>("scene").ok().flatten(),
        })
    }

    /// The application id: one program for each data folder, so that a teacher and a student can run side by side.
    pub fn application_id(&self) -> String {
        let Some(folder) = &self.data_dir else {
            return config::APP_ID.to_owned();
        };
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        format!("{}.Data{:016x}", config::APP_ID, hasher.finish())
    }

    /// Where keys and history are kept.
    pub fn data_dir(&self) -> PathBuf {
        let usual = || glib::user_data_dir().join("handout");
        self.data_dir.clone().unwrap_or_else(usual)
    }

    /// Where received files go.
    pub fn receive_dir(&self, settings: &Settings) -> PathBuf {
        let given = self.receive_dir.as_deref().map(Path::to_owned);
        given.unwrap_or_else(|| settings.receive_folder())
    }

    /// The interfaces to use.
    pub fn interfaces(&self, settings: &Settings) -> InterfaceChoice {
        let named = if self.interfaces.is_empty() {
            settings.interfaces()
        } else {
            self.interfaces.clone()
        };
        if named.is_empty() {
            InterfaceChoice::Usual
        } else {
            InterfaceChoice::Named(named)
        }
    }

    /// The UDP port.
    pub fn port(&self, settings: &Settings) -> u16 {
        self.port.unwrap_or_else(|| settings.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(port: i32) -> glib::VariantDict {
        let given = glib::VariantDict::new(None);
        given.insert("port", port);
        given.insert("interface", vec!["lo".to_owned(), "veth0".to_owned()]);
        given.insert_value("data-dir", &b"/tmp/a b\0".to_vec().to_variant());
        given
    }

    #[test]
    fn everything_given_is_read() {
        let options = Options::read(&given(47900)).unwrap_or_default();
        assert_eq!(options.port, Some(47900));
        assert_eq!(options.interfaces, ["lo", "veth0"]);
        assert_eq!(options.data_dir(), Path::new("/tmp/a b"));
    }

    #[test]
    fn a_port_out_of_range_is_refused() {
        assert!(Options::read(&given(0)).is_err());
        assert!(Options::read(&given(65536)).is_err());
    }

    #[test]
    fn each_data_folder_has_an_application_of_its_own() {
        let one = Options::read(&given(1))
            .unwrap_or_default()
            .application_id();
        assert_ne!(one, config::APP_ID);
        assert!(gtk::gio::Application::id_is_valid(&one));
        assert_eq!(Options::default().application_id(), config::APP_ID);
    }
}
