//! Going on without a window, and starting at login: through the Background portal in a sandbox, with a file of the autostart
//! folder outside of one.

use std::cell::RefCell;
use std::path::PathBuf;

use gtk::prelude::*;
use gtk::{gio, glib};

use crate::config;
use crate::model::session::Session;
use crate::model::session_words;

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const OBJECT: &str = "/org/freedesktop/portal/desktop";
const BACKGROUND: &str = "org.freedesktop.portal.Background";
/// Milliseconds for the call; the person's answer may take as long as it takes.
const CALL: i32 = 25_000;

/// Why a wish was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The person or the system said no.
    Denied,
    /// The question was closed without an answer.
    Cancelled,
    /// This desktop has nobody who could be asked.
    Missing,
    /// The autostart folder cannot be written.
    NotWritable,
}

/// How the program is started at login.
pub const COMMAND: [&str; 2] = ["handout", "--background"];

/// Whether the program runs in a Flatpak.
pub fn sandboxed() -> bool {
    std::path::Path::new("/.flatpak-info").exists()
}

/// Wishes to be started at login, or no longer. What is granted is what is then the case.
pub async fn start_at_login(wanted: bool, reason: &str) -> Result<(), Refused> {
    if sandboxed() {
        ask(wanted, reason).await
    } else {
        write_autostart(wanted).map_err(|error| {
            tracing::warn!(%error, "the autostart folder cannot be written");
            Refused::NotWritable
        })
    }
}

/// Wishes to go on when no window is open. Outside of a sandbox everybody may.
pub async fn go_on(autostart: bool, reason: &str) -> Result<(), Refused> {
    if sandboxed() {
        ask(autostart, reason).await
    } else {
        Ok(())
    }
}

fn autostart_file() -> PathBuf {
    let name = format!("{}.desktop", config::APP_ID);
    glib::user_config_dir().join("autostart").join(name)
}

fn write_autostart(wanted: bool) -> std::io::Result<()> {
    let file = autostart_file();
    if !wanted {
        return match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&file, autostart_entry())
}

fn autostart_entry() -> String {
    format!(
        "[Desktop Entry]\nType=Application\nName=Handout\nExec={}\nIcon={}\nX-GNOME-UsesNotifications=true\n",
        COMMAND.join(" "),
        config::APP_ID
    )
}

/// Asks the portal, and waits for the answer.
async fn ask(autostart: bool, reason: &str) -> Result<(), Refused> {
    let missing = |error: glib::Error| {
        tracing::warn!(%error, "no Background portal");
        Refused::Missing
    };
    let bus = gio::bus_get_future(gio::BusType::Session)
        .await
        .map_err(missing)?;
    let token = format!("handout{}", glib::random_int());
    let sender = bus.unique_name().unwrap_or_default();
    let sender = sender.trim_start_matches(':').replace('.', "_");
    let handle = format!("{OBJECT}/request/{sender}/{token}");
    let (tx, rx) = async_channel::bounded(1);
    let answer = bus.subscribe_to_signal(
        Some(PORTAL),
        Some("org.freedesktop.portal.Request"),
        Some("Response"),
        Some(&handle),
        None,
        gio::DBusSignalFlags::NONE,
        move |signal| _ = tx.try_send(signal.parameters.clone()),
    );
    let options = glib::VariantDict::new(None);
    options.insert("handle_token", &token);
    options.insert("reason", reason);
    options.insert("autostart", autostart);
    options.insert("commandline", COMMAND.map(str::to_owned).to_vec());
    options.insert("dbus-activatable", false);
    let request = glib::Variant::tuple_from_iter(["".to_variant(), options.end()]);
    bus.call_future(
        Some(PORTAL),
        OBJECT,
        BACKGROUND,
        "RequestBackground",
        Some(&request),
        None,
        gio::DBusCallFlags::NONE,
        CALL,
    )
    .await
    .map_err(missing)?;
    let response = rx.recv().await.map_err(|_| Refused::Missing)?;
    drop(answer);
    outcome(&response, autostart)
}

/// What the portal's answer means: (0, granted), (1, cancelled by the person), (2, ended otherwise).
fn outcome(response: &glib::Variant, autostart: bool) -> Result<(), Refused> {
    let (code, results) = response
        .get::<(u32, glib::VariantDict)>()
        .ok_or(Refused::Missing)?;
    let granted = |name: &str| results.lookup::<bool>(name).ok().flatten().unwrap_or(false);
    match code {
        0 if granted("background") && granted("autostart") == autostart => Ok(()),
        1 => Err(Refused::Cancelled),
        _ => Err(Refused::Denied),
    }
}

thread_local! {
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What the desktop's list of background programs says about this one.
pub fn set_status(live: Option<&Session>) {
    if !sandboxed() {
        return;
    }
    let text = live.map_or_else(String::new, |session| {
        session_words::doing(session.teaching(), &session.title())
    });
    if TOLD.with_borrow(|told| *told == text) {
        return;
    }
    TOLD.replace(text.clone());
    glib::spawn_future_local(async move {
        if let Err(error) = tell(&text).await {
            tracing::info!(%error, "the desktop shows no background status");
        }
    });
}

async fn tell(text: &str) -> Result<(), glib::Error> {
    let bus = gio::bus_get_future(gio::BusType::Session).await?;
    let options = glib::VariantDict::new(None);
    options.insert("message", text);
    bus.call_future(
        Some(PORTAL),
        OBJECT,
        BACKGROUND,
        "SetStatus",
        Some(&glib::Variant::tuple_from_iter([options.end()])),
        None,
        gio::DBusCallFlags::NONE,
        CALL,
    )
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(code: u32, background: bool, autostart: bool) -> glib::Variant {
        let results = glib::VariantDict::new(None);
        results.insert("background", background);
        results.insert("autostart", autostart);
        glib::Variant::tuple_from_iter([code.to_variant(), results.end()])
    }

    #[test]
    fn only_what_was_granted_is_the_case() {
        assert_eq!(outcome(&response(0, true, true), true), Ok(()));
        assert_eq!(outcome(&response(0, true, false), false), Ok(()));
        assert_eq!(
            outcome(&response(0, true, false), true),
            Err(Refused::Denied)
        );
        assert_eq!(
            outcome(&response(0, false, false), false),
            Err(Refused::Denied)
        );
        assert_eq!(
            outcome(&response(1, true, true), true),
            Err(Refused::Cancelled)
        );
        assert_eq!(
            outcome(&response(2, true, true), true),
            Err(Refused::Denied)
        );
        assert_eq!(outcome(&7_u32.to_variant(), true), Err(Refused::Missing));
    }

    #[test]
    fn the_autostart_entry_starts_without_a_window() {
        assert!(autostart_entry().contains("\nExec=handout --background\n"));
    }
}
