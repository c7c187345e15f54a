//! What can be done in a session: the page's actions, named `session.…`.

use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::clone;
use gtk::{gdk, gio, glib};

use super::compose;
use super::export;
use super::item_actions;
use super::session_page::{SessionPage, imp};
use super::trust_dialog;
use super::window::Window;
use crate::error::AppError;
use crate::i18n::gettext_f;
use crate::model::lab::Lab;
use crate::model::session::Session;

/// Gives the page its actions and keys.
pub fn install(klass: &mut <imp::SessionPage as ObjectSubclass>::Class) {
    klass.install_action("session.share-folder", None, |page, _, _| {
        choose_folder(page);
    });
    compose::install(klass);
    klass.install_action("session.end", None, |page, _, _| confirm_end(page));
    klass.install_action("session.export", None, |page, _, _| export::choose(page));
    klass.install_action("session.leave", None, |page, _, _| {
        run(page, async |lab, session| {
            lab.backend()?.leave(session.id()).await
        });
    });
    klass.install_action("session.words", None, |page, _, _| {
        if let Some(session) = page.session() {
            trust_dialog::show_words(page, &session);
        }
    });
    klass.install_action("session.dismiss", None, |page, _, _| page.dismiss());
    klass.install_action("session.toggle-roster", None, |page, _, _| {
        page.toggle_roster();
    });
    klass.install_action("session.hide-roster", None, |page, _, _| page.hide_roster());
    klass.install_action("session.find", None, |page, _, _| page.find_student());
    klass.add_binding_action(gdk::Key::f, gdk::ModifierType::CONTROL_MASK, "session.find");
    klass.add_binding_action(
        gdk::Key::F9,
        gdk::ModifierType::empty(),
        "session.toggle-roster",
    );
    item_actions::install(klass);
}

/// Runs a command; a failure is told as a toast.
pub fn run<F>(page: &SessionPage, command: F)
where
    F: AsyncFnOnce(Lab, Session) -> Result<(), AppError> + 'static,
{
    let (Some(lab), Some(session)) = (page.lab(), page.session()) else {
        return;
    };
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            if let Err(error) = command(lab, session).await {
                tell(&page, &error);
            }
        }
    ));
}

/// The window around a page.
pub fn window(page: &SessionPage) -> Option<Window> {
    page.root().and_downcast()
}

/// Shows a line at the bottom of the window.
pub fn toast(page: &SessionPage, text: &str) {
    if let Some(window) = window(page) {
        window.toast(text);
    }
}

pub fn tell(page: &SessionPage, error: &AppError) {
    if let Some(window) = window(page) {
        window.tell(error);
    }
}

/// Writes a message.
pub fn say(page: &SessionPage, text: &str) {
    let (text, weak) = (text.to_owned(), page.downgrade());
    run(page, async move |lab, session| {
        let said = lab.backend()?.say(session.id(), &text).await;
        if let (Err(_), Some(page)) = (&said, weak.upgrade()) {
            page.composer().restore(&text);
        }
        said
    });
}

/// Shares files that a person gave.
pub fn share(page: &SessionPage, files: &[gio::File]) {
    let (paths, strange): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.path().is_some());
    if let Some(file) = strange.first() {
        tell(
            page,
            &AppError::Unreadable(PathBuf::from(file.parse_name())),
        );
    }
    let paths: Vec<_> = paths.into_iter().filter_map(FileExt::path).collect();
    if paths.is_empty() {
        return;
    }
    let weak = page.downgrade();
    run(page, async move |lab, session| {
        let left_out = lab.share(&session, paths).await?;
        if let Some(window) = weak.upgrade().and_then(|page| window(&page)) {
            window.tell_left_out(&left_out);
        }
        Ok(())
    });
}

/// Lets the person choose files to share.
pub fn choose_files(page: &SessionPage) {
    let dialog = gtk::FileDialog::builder()
        .title(gettext("Share Files"))
        .accept_label(gettext("_Share"))
        .build();
    let window = page.root().and_downcast::<gtk::Window>();
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            match dialog.open_multiple_future(window.as_ref()).await {
                Ok(files) => share(
                    &page,
                    &files.iter::<gio::File>().flatten().collect::<Vec<_>>(),
                ),
                Err(error) => tell(&page, &error.into()),
            }
        }
    ));
}

fn choose_folder(page: &SessionPage) {
    let dialog = gtk::FileDialog::builder()
        .title(gettext("Share a Folder"))
        .accept_label(gettext("_Share"))
        .build();
    let window = page.root().and_downcast::<gtk::Window>();
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            match dialog.select_folder_future(window.as_ref()).await {
                Ok(folder) => share(&page, &[folder]),
                Err(error) => tell(&page, &error.into()),
            }
        }
    ));
}

fn confirm_end(page: &SessionPage) {
    let Some(session) = page.session() else {
        return;
    };
    let heading = gettext_f("End “{title}”?", &[("title", &session.title())]);
    let text = gettext(
        "Students keep what they have received. What is still being received stops when no other computer has it.",
    );
    let dialog = adw::AlertDialog::new(Some(&heading), Some(&text));
    dialog.add_responses(&[
        ("cancel", &gettext("_Cancel")),
        ("end", &gettext("_End Session")),
    ]);
    dialog.set_response_appearance("end", adw::ResponseAppearance::Destructive);
    ask(page, dialog, "end", async |lab, session| {
        lab.backend()?.end(session.id()).await
    });
}

/// Runs a command once the person has said yes.
pub fn ask<F>(page: &SessionPage, dialog: adw::AlertDialog, yes: &'static str, command: F)
where
    F: AsyncFnOnce(Lab, Session) -> Result<(), AppError> + 'static,
{
    dialog.set_default_response(Some("cancel"));
    dialog.set_close_response("cancel");
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            if dialog.choose_future(Some(&page)).await == yes {
                run(&page, command);
            }
        }
    ));
}
