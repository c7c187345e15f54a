//! What can be done in a session: the page's actions, named `session.…`.

use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::{gettext, ngettext};
use gtk::glib::{VariantTy, clone};
use gtk::{gdk, gio, glib};
use handout_engine::api::ItemId;

use super::post_dialog::{PostDialog, PostKind};
use super::session_page::{SessionPage, imp};
use super::trust_dialog;
use super::window::Window;
use crate::error::AppError;
use crate::i18n::gettext_f;
use crate::model::feed_row::FeedRow;
use crate::model::lab::Lab;
use crate::model::session::Session;

/// Gives the page its actions and keys.
pub fn install(klass: &mut <imp::SessionPage as ObjectSubclass>::Class) {
    klass.install_action("session.share-folder", None, |page, _, _| {
        choose_folder(page);
    });
    for (name, kind) in [
        ("session.snippet", PostKind::Snippet),
        ("session.link", PostKind::Link),
        ("session.announcement", PostKind::Announcement),
    ] {
        klass.install_action(name, None, move |page, _, _| compose(page, kind));
    }
    klass.install_action("session.end", None, |page, _, _| confirm_end(page));
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
    klass.install_action("session.paste", None, |page, _, _| paste(page));
    klass.add_binding_action(
        gdk::Key::v,
        gdk::ModifierType::CONTROL_MASK,
        "session.paste",
    );
    klass.add_binding_action(
        gdk::Key::F9,
        gdk::ModifierType::empty(),
        "session.toggle-roster",
    );

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

/// Shows a line at the bottom of the window.
fn toast(page: &SessionPage, text: &str) {
    if let Some(window) = page.root().and_downcast::<Window>() {
        window.toast(text);
    }
}

fn tell(page: &SessionPage, error: &AppError) {
    if let Some(window) = page.root().and_downcast::<Window>() {
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
        if let (Some((path, reason)), Some(page)) = (left_out.first(), weak.upgrade()) {
            toast(&page, &not_shared(path, reason, left_out.len()));
        }
        Ok(())
    });
}

fn not_shared(path: &std::path::Path, reason: &str, count: usize) -> String {
    let path = path.display().to_string();
    let n = u32::try_from(count).unwrap_or(u32::MAX);
    ngettext(
        "{path} was left out: {reason}",
        "{n} files were left out, the first: {path}",
        n,
    )
    .replace("{n}", &n.to_string())
    .replace("{reason}", reason)
    .replace("{path}", &path)
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

fn compose(page: &SessionPage, kind: PostKind) {
    let weak = page.downgrade();
    PostDialog::ask(page, kind, move |post| {
        if let Some(page) = weak.upgrade() {
            run(&page, async move |lab, session| {
                lab.post(&session, post).await
            });
        }
    });
}

/// Copied files are shared, copied text goes where a message is written.
fn paste(page: &SessionPage) {
    let clipboard = page.clipboard();
    let teaching = page.session().is_some_and(|session| session.teaching());
    let files = clipboard
        .formats()
        .contains_type(gdk::FileList::static_type());
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            if files && teaching {
                let kind = gdk::FileList::static_type();
                let value = clipboard
                    .read_value_future(kind, glib::Priority::DEFAULT)
                    .await;
                if let Some(files) = value
                    .ok()
                    .and_then(|value| value.get::<gdk::FileList>().ok())
                {
                    share(&page, &files.files());
                }
            } else if let Ok(Some(text)) = clipboard.read_text_future().await {
                page.composer().insert(&text);
            }
        }
    ));
}

fn open(page: &SessionPage, row: &FeedRow, folder: bool) {
    let Some(path) = row.path() else { return };
    let launcher = gtk::FileLauncher::new(Some(&gio::File::for_path(path)));
    let window = page.root().and_downcast::<gtk::Window>();
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            let opened = if folder {
                launcher
                    .open_containing_folder_future(window.as_ref())
                    .await
            } else {
                launcher.launch_future(window.as_ref()).await
            };
            if let Err(error) = opened {
                tell(&page, &error.into());
            }
        }
    ));
}

fn open_link(page: &SessionPage, row: &FeedRow) {
    let launcher = gtk::UriLauncher::new(&row.body());
    let window = page.root().and_downcast::<gtk::Window>();
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            if let Err(error) = launcher.launch_future(window.as_ref()).await {
                tell(&page, &error.into());
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

/// Runs a command once the person has said yes.
fn ask<F>(page: &SessionPage, dialog: adw::AlertDialog, yes: &'static str, command: F)
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
