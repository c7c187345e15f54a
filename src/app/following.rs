//! How a running engine follows the settings: at once where it can, else by a new start as soon as no session runs.

use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::clone;
use gtk::prelude::*;

use crate::application::Application;
use crate::model::session::Session;
use crate::ui::Window;

/// What counts at once, also while a session runs.
pub fn settings(app: &Application) {
    for key in ["upload-limit", "accept-limit"] {
        let (lab, settings) = (app.lab(), app.settings());
        let changed = settings.clone();
        settings.connect_changed(key, move || {
            let lab = lab.clone();
            let (upload, accept) = (changed.upload_limit(), changed.accept_limit());
            glib::spawn_future_local(async move {
                let set = async { lab.backend()?.set_limits(upload, accept).await };
                if let Err(error) = set.await {
                    tracing::warn!("{error}");
                }
            });
        });
    }
    app.settings().connect_changed(
        "free-space-reserve",
        clone!(
            #[weak]
            app,
            move || receive(&app)
        ),
    );
    app.settings().connect_changed(
        "run-in-background",
        clone!(
            #[weak]
            app,
            move || keep_alive(&app)
        ),
    );
}

/// Keeps the program alive while a session runs that is to go on without a window; nothing is left running after it.
pub fn keep_alive(app: &Application) {
    let live = app.lab().live();
    let goes_on = live
        .as_ref()
        .is_some_and(|session| session.teaching() || app.settings().run_in_background());
    app.imp().hold.replace(goes_on.then(|| app.hold()));
    if live.is_none() {
        // Once everybody has heard of the end.
        glib::idle_add_local_once(clone!(
            #[weak]
            app,
            move || {
                let hidden = app.window().filter(|window| !window.is_visible());
                if let Some(window) = hidden.filter(|_| app.lab().live().is_none()) {
                    window.destroy();
                }
            }
        ));
    }
}

/// Where files go that come from now on.
fn receive(app: &Application) {
    let settings = app.settings();
    if let Ok(backend) = app.lab().backend() {
        let folder = app.options().receive_dir(&settings);
        backend.receive_in(folder, settings.free_space_reserve());
    }
}

/// Name, roll number, folder or network changed.
pub fn person_changed(app: &Application) {
    if let Some(home) = app.window().as_ref().and_then(Window::home) {
        home.refresh();
    }
    app.imp().outdated.set(true);
    receive(app);
    session_changed(app);
}

/// A session came, changed or ended: the engine starts anew if that has to be and nothing holds it up.
pub fn session_changed(app: &Application) {
    let (lab, imp) = (app.lab(), app.imp());
    // A new engine would join again a session that the person has left.
    let sessions = lab.sessions();
    let mut sessions = sessions.iter::<Session>().flatten();
    let left = sessions.any(|session| session.member() && session.joinable());
    if lab.live().is_some() || left || imp.restarting.get() || !imp.outdated.replace(false) {
        return;
    }
    imp.restarting.set(true);
    glib::spawn_future_local(clone!(
        #[weak]
        app,
        async move {
            lab.stop().await;
            app.start_engine();
            app.imp().restarting.set(false);
            // Something may have changed meanwhile.
            session_changed(&app);
        }
    ));
}
