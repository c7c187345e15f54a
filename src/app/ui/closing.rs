//! What becomes of a session when its window is closed or the program is to end: a teacher decides, a student's goes on.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;

use super::window::Window;
use crate::integration::background::{self, Refused};
use crate::model::lab::Lab;
use crate::settings::Settings;

/// Whether the window may go.
pub fn may_close(window: &Window) -> bool {
    let imp = window.imp();
    let background = imp.settings.get().is_some_and(Settings::run_in_background);
    let Some(session) = imp.lab.get().and_then(Lab::live) else {
        return true;
    };
    if session.teaching() {
        ask(window);
    } else if background {
        hide(window);
    }
    !session.teaching() && !background
}

/// Goes on without a window; where the desktop does not allow that, people are told.
fn hide(window: &Window) {
    window.set_visible(false);
    let settings = window.imp().settings.get();
    let autostart = settings.is_some_and(Settings::start_at_login);
    glib::spawn_future_local(clone!(
        #[weak]
        window,
        async move {
            let reason = gettext("Receive and pass on after the window is closed");
            if background::go_on(autostart, &reason).await == Err(Refused::Denied) {
                window.present();
                window.toast(&gettext(
                    "The system does not let Handout go on in the background",
                ));
            }
        }
    ));
}

/// Asks a teacher whether the session is to end.
pub fn ask(window: &Window) {
    if window.imp().asking.replace(true) {
        return;
    }
    let dialog = adw::AlertDialog::new(
        Some(&gettext("Your Session Is Still Running")),
        Some(&gettext(
            "Students can go on receiving while Handout runs in the background.",
        )),
    );
    dialog.add_responses(&[
        ("cancel", &gettext("_Cancel")),
        ("end", &gettext("_End and Quit")),
        ("hide", &gettext("_Keep Running")),
    ]);
    dialog.set_response_appearance("end", adw::ResponseAppearance::Destructive);
    dialog.set_response_appearance("hide", adw::ResponseAppearance::Suggested);
    dialog.set_default_response(Some("hide"));
    dialog.set_close_response("cancel");
    glib::spawn_future_local(clone!(
        #[weak]
        window,
        async move {
            let answer = dialog.choose_future(Some(&window)).await;
            window.imp().asking.set(false);
            match answer.as_str() {
                "hide" => hide(&window),
                "end" => end_and_quit(&window).await,
                _ => {}
            }
        }
    ));
}

async fn end_and_quit(window: &Window) {
    let lab = window.imp().lab.get();
    let ended = match lab.and_then(|lab| Some((lab.backend(), lab.live()?.id()))) {
        Some((Ok(backend), id)) => backend.end(id).await,
        _ => Ok(()),
    };
    match (ended, window.application()) {
        (Ok(()), Some(app)) => app.quit(),
        (Err(error), _) => window.tell(&error),
        _ => {}
    }
}
