//! What can be done with one item of the feed: actions whose target is the item.

use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::{VariantTy, clone};
use gtk::{gio, glib};
use handout_engine::api::{DeviceId, ItemId};
use handout_engine::code;

use super::delivery_dialog::DeliveryDialog;
use super::export;
use super::session_actions::{ask, run, tell, toast, window};
use super::session_page::{SessionPage, imp};
use super::snippet_dialog::SnippetDialog;
use crate::error::AppError;
use crate::format;
use crate::i18n::gettext_f;
use crate::integration::launch;
use crate::model::feed_row::FeedRow;

/// Gives the page the actions.
pub fn install(klass: &mut <imp::SessionPage as ObjectSubclass>::Class) {
    on_item(klass, "session.open", |page, row| open(page, row, false));
    on_item(klass, "session.show", |page, row| open(page, row, true));
    on_item(klass, "session.copy", |page, row| {
        page.clipboard().set_text(&row.body());
        toast(page, &gettext("Copied"));
    });
    on_item(klass, "session.open-link", open_link);
    on_item(klass, "session.retry", |page, row| {
        if let Some(item) = row.item() {
            run(page, async move |lab, session| {
                lab.backend()?.retry(session.id(), item).await
            });
        }
    });
    on_item(klass, "session.withdraw", confirm_withdraw);
    on_item(klass, "session.replace", choose_replacement);
    for (name, muted) in [("session.mute", true), ("session.unmute", false)] {
        klass.install_action(name, Some(VariantTy::STRING), move |page, _, target| {
            let device = target.and_then(glib::Variant::str);
            if let Some(device) = device.and_then(|id| id.parse::<DeviceId>().ok()) {
                run(page, async move |lab, session| {
                    lab.backend()?.mute(session.id(), device, muted).await
                });
            }
        });
    }
    on_item(klass, "session.save-snippet", save_snippet);
    on_item(klass, "session.show-snippet", |page, row| {
        let weak = page.downgrade();
        let dialog = SnippetDialog::new(row, move |row| {
            if let Some(page) = weak.upgrade() {
                save_snippet(&page, row);
            }
        });
        dialog.present(Some(page));
    });
    on_item(klass, "session.delivery", |page, row| {
        if let (Some(lab), Some(session)) = (page.lab(), page.session()) {
            DeliveryDialog::new(&lab, &session, row).present(Some(page));
        }
    });
}

/// An action whose target is the item of a row.
fn on_item(
    klass: &mut <imp::SessionPage as ObjectSubclass>::Class,
    name: &str,
    act: fn(&SessionPage, &FeedRow),
) {
    klass.install_action(name, Some(VariantTy::STRING), move |page, _, target| {
        let item = target
            .and_then(glib::Variant::str)
            .and_then(|id| id.parse::<ItemId>().ok());
        let session = page.session();
        if let Some(row) = item.and_then(|item| session?.row(item)) {
            act(page, &row);
        }
    });
}

/// Saves a snippet as a file, white space exact.
fn save_snippet(page: &SessionPage, row: &FeedRow) {
    let language = row.language();
    let language = match code::language(&row.title(), &row.body()) {
        guess if language.is_empty() => guess,
        _ => &language,
    };
    let dialog = gtk::FileDialog::builder()
        .title(gettext("Save the Snippet"))
        .initial_name(format::file_name(&row.title(), code::ending(language)))
        .build();
    let (window, text) = (page.root().and_downcast::<gtk::Window>(), row.body());
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            let saved = match dialog.save_future(window.as_ref()).await {
                Ok(file) => export::save(&file, text.into_bytes()).await,
                Err(error) => Err(error.into()),
            };
            match saved {
                Ok(()) => toast(&page, &gettext("Saved")),
                Err(error) => tell(&page, &error),
            }
        }
    ));
}

fn open(page: &SessionPage, row: &FeedRow, folder: bool) {
    if let Some(path) = row.path() {
        tell_failure(page, launch::file(path, folder, page.root().and_downcast()));
    }
}

fn open_link(page: &SessionPage, row: &FeedRow) {
    let (address, window) = (row.body(), page.root().and_downcast());
    tell_failure(page, async move { launch::address(&address, window).await });
}

fn tell_failure(
    page: &SessionPage,
    launched: impl Future<Output = Result<(), glib::Error>> + 'static,
) {
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            if let Err(error) = launched.await {
                tell(&page, &error.into());
            }
        }
    ));
}

/// Asks for the new version of an item: a file for one that is a file, else a folder.
fn choose_replacement(page: &SessionPage, row: &FeedRow) {
    let Some(item) = row.item() else { return };
    let title = gettext_f("Replace “{title}”", &[("title", &row.title())]);
    let dialog = gtk::FileDialog::builder()
        .title(title)
        .accept_label(gettext("_Replace"))
        .build();
    let (window, single) = (page.root().and_downcast::<gtk::Window>(), row.single());
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            let chosen = if single {
                dialog.open_future(window.as_ref()).await
            } else {
                dialog.select_folder_future(window.as_ref()).await
            };
            match chosen {
                Ok(file) => replace(&page, item, &file),
                Err(error) => tell(&page, &error.into()),
            }
        }
    ));
}

fn replace(page: &SessionPage, item: ItemId, file: &gio::File) {
    let Some(path) = file.path() else {
        let path = PathBuf::from(file.parse_name());
        return tell(page, &AppError::Unreadable(path));
    };
    let weak = page.downgrade();
    run(page, async move |lab, session| {
        let left_out = lab.replace(&session, item, path).await?;
        if let Some(window) = weak.upgrade().and_then(|page| window(&page)) {
            window.tell_left_out(&left_out);
        }
        Ok(())
    });
}

fn confirm_withdraw(page: &SessionPage, row: &FeedRow) {
    let Some(item) = row.item() else { return };
    let heading = gettext_f("Withdraw “{title}”?", &[("title", &row.title())]);
    let text = gettext("Nobody receives it any more. Students who have it already keep it.");
    let dialog = adw::AlertDialog::new(Some(&heading), Some(&text));
    dialog.add_responses(&[
        ("cancel", &gettext("_Cancel")),
        ("withdraw", &gettext("_Withdraw")),
    ]);
    dialog.set_response_appearance("withdraw", adw::ResponseAppearance::Destructive);
    ask(page, dialog, "withdraw", async move |lab, session| {
        lab.backend()?.withdraw(session.id(), item).await
    });
}
