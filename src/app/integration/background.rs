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
        ask(wanted, reason).await?.starts_at_login(wanted)
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
        ask(autostart, reason).await?.goes_on()
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
async fn ask(autostart: bool, reason: &str) -> Result<Answer, Refused> {
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
    Answer::read(&response).ok_or(Refused::Missing)
}

/// The portal's answer. A refusal has the code of a closed question, but says what is the case.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// 0: answered, 1: closed or refused, 2: ended otherwise.
    code: u32,
    /// Whether the program may go on without a window.
    background: Option<bool>,
    /// Whether it is started at login.
    autostart: Option<bool>,
}

impl Answer {
    fn read(response: &glib::Variant) -> Option<Self> {
        let (code, results) = response.get::<(u32, glib::VariantDict)>()?;
        let told = |name: &str| results.lookup::<bool>(name).ok().flatten();
        Some(Self {
            code,
            background: told("background"),
            autostart: told("autostart"),
        })
    }

    fn goes_on(self) -> Result<(), Refused> {
        self.granted(self.background == Some(true))
    }

    /// What is switched off is off, also where the program may not go on without a window.
    fn starts_at_login(self, wanted: bool) -> Result<(), Refused> {
        self.granted(self.autostart == Some(wanted))
    }

    const fn granted(self, granted: bool) -> Result<(), Refused> {
        match (granted, self.code, self.background) {
            (true, ..) => Ok(()),
            (false, 1, None) => Err(Refused::Cancelled),
            _ => Err(Refused::Denied),
        }
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

    fn answer(code: u32, told: &[(&str, bool)]) -> Answer {
        let results = glib::VariantDict::new(None);
        for (name, value) in told {
            results.insert(name, value);
        }
        let response = glib::Variant::tuple_from_iter([code.to_variant(), results.end()]);
        Answer::read(&response).expect("it has the portal's form")
    }

    #[test]
    fn only_what_was_granted_is_the_case() {
        let both = answer(0, &[("background", true), ("autostart", true)]);
        assert_eq!(
            (both.goes_on(), both.starts_at_login(true)),
            (Ok(()), Ok(()))
        );
        assert_eq!(both.starts_at_login(false), Err(Refused::Denied));
        let one = answer(0, &[("background", true), ("autostart", false)]);
        assert_eq!(
            (one.goes_on(), one.starts_at_login(false)),
            (Ok(()), Ok(()))
        );
        assert_eq!(one.starts_at_login(true), Err(Refused::Denied));
        assert!(Answer::read(&7_u32.to_variant()).is_none());
    }

    #[test]
    fn a_refusal_is_told_from_a_question_that_was_closed() {
        let refused = answer(1, &[("background", false), ("autostart", false)]);
        assert_eq!(refused.goes_on(), Err(Refused::Denied));
        assert_eq!(refused.starts_at_login(true), Err(Refused::Denied));
        // The file is gone all the same.
        assert_eq!(refused.starts_at_login(false), Ok(()));
        assert_eq!(answer(1, &[]).goes_on(), Err(Refused::Cancelled));
        assert_eq!(
            answer(1, &[]).starts_at_login(false),
            Err(Refused::Cancelled)
        );
        assert_eq!(answer(2, &[]).goes_on(), Err(Refused::Denied));
    }

    #[test]
    fn the_autostart_entry_starts_without_a_window() {
        assert!(autostart_entry().contains("\nExec=handout --background\n"));
    }
}
