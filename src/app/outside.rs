//! Files that come from outside the window: from the command line, the file manager, "Send to Session".

use std::path::PathBuf;

use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::clone;
use gtk::prelude::*;
use gtk::{gio, glib};
use handout_engine::target::Target;

use crate::application::Application;
use crate::error::AppError;
use crate::i18n::ngettext_f;
use crate::model::session::Session;

impl Application {
    /// Takes what was given from outside: links are followed, files shared.
    pub fn take(&self, given: &[gio::File]) {
        let (links, files): (Vec<_>, Vec<_>) = given
            .iter()
            .cloned()
            .partition(|file| file.uri_scheme().as_deref() == Some("handout"));
        for link in links {
            self.follow(&link.uri());
        }
        if !files.is_empty() {
            self.share(&files);
        }
    }

    /// Looks for the session at the address of a link.
    fn follow(&self, link: &str) {
        let lab = self.lab();
        let found = Target::parse(link).ok().and_then(|target| target.address());
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            #[to_owned]
            link,
            async move {
                let connected = match found {
                    Some(address) => async { lab.backend()?.connect(address).await }.await,
                    None => Err(AppError::NoLink(link)),
                };
                if let Err(error) = connected {
                    app.complain(&error);
                }
            }
        ));
    }

    /// Shares files in the running session, or keeps them until one is started.
    fn share(&self, files: &[gio::File]) {
        let paths = files.iter().filter_map(FileExt::path);
        self.imp().waiting.borrow_mut().extend(paths);
        if let Some(strange) = files.iter().find(|file| file.path().is_none()) {
            self.complain(&AppError::Unreadable(strange.parse_name().into()));
        }
        if let Some(session) = self.lab().taught() {
            self.share_waiting(&session);
        } else if let Some(window) = self.window()
            && !window.name_waiting(&self.waiting())
        {
            let n = u32::try_from(self.imp().waiting.borrow().len()).unwrap_or(u32::MAX);
            let text = ngettext_f(
                "Start a session to share this file",
                "Start a session to share these {n} files",
                n,
                &[],
            );
            let forget = clone!(
                #[weak(rename_to = app)]
                self,
                move || app.forget_waiting()
            );
            // Translators: files that wait for a session are not to be shared after all.
            window.offer(&text, &gettext("_Forget"), forget);
        }
    }

    /// What is shared when a session starts.
    pub fn waiting(&self) -> Vec<PathBuf> {
        self.imp().waiting.borrow().clone()
    }

    /// What waits is not to be shared after all.
    pub fn forget_waiting(&self) {
        self.imp().waiting.take();
    }

    pub fn share_waiting(&self, session: &Session) {
        let paths = self.imp().waiting.take();
        if paths.is_empty() {
            return;
        }
        let (lab, session) = (self.lab(), session.clone());
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            async move {
                let shared: Result<_, AppError> = lab.share(&session, paths).await;
                let Some(window) = app.window() else { return };
                match shared {
                    Ok(left_out) => window.tell_left_out(&left_out),
                    Err(error) => window.tell(&error),
                }
            }
        ));
    }
}
