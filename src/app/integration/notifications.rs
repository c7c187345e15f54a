//! Tells of items, messages and problems while nobody looks at the window, with what can be done about each. A click works
//! after the program was closed: the desktop starts it again for the action.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::{Instant, SystemTime};

use gettextrs::gettext;
use gtk::glib::clone;
use gtk::prelude::*;
use gtk::{gio, glib};
use handout_engine::api::{ItemId, SessionId};

use super::{background, launch};
use crate::application::Application;
use crate::error::AppError;
use crate::model::feed_row::FeedRow;
use crate::model::lab::Lab;
use crate::model::news::{Change, Deed, News};
use crate::model::session::Session;

/// Listens to what happens, and installs what can be done from a notification.
pub fn follow(app: &Application, lab: &Lab) {
    let started = SystemTime::now();
    on_row(app, lab, "posted", |session, row| {
        let told = row.own() || row.again();
        let news = News::posted(&session.id().to_string(), &session.title(), row);
        news.filter(|_| !told)
    });
    on_row(app, lab, "saved", move |session, row| {
        // What was here before the program was started is no news.
        let new = row.path().is_some_and(|path| is_newer(&path, started));
        let news = News::saved(&session.id().to_string(), &session.title(), row);
        news.filter(|_| new && !session.teaching())
    });
    on_row(app, lab, "failed", |session, row| {
        let news = News::failed(&session.id().to_string(), row);
        news.filter(|_| !session.teaching() && !row.again())
    });
    lab.connect_closure(
        "changed",
        false,
        glib::closure_local!(
            #[watch]
            app,
            move |lab: Lab| questions(app, &lab)
        ),
    );
    install(app);
    look_for_list();
}

fn on_row(
    app: &Application,
    lab: &Lab,
    signal: &str,
    news: impl Fn(&Session, &FeedRow) -> Option<News> + 'static,
) {
    lab.connect_closure(
        signal,
        false,
        glib::closure_local!(
            #[watch]
            app,
            move |_lab: Lab, session: Session, row: FeedRow| {
                if let Some(news) = news(&session, &row) {
                    tell(app, &session.title(), news);
                }
            }
        ),
    );
}

fn is_newer(path: &Path, than: SystemTime) -> bool {
    let modified = std::fs::metadata(path).and_then(|known| known.modified());
    modified.is_ok_and(|time| time >= than)
}

/// Asks about teachers whom nobody vouches for, and for PINs, once each; no longer where that is settled.
fn questions(app: &Application, lab: &Lab) {
    for session in lab.sessions().iter::<Session>().flatten() {
        let news = if session.pin_wanted() {
            News::pin
        } else {
            News::unknown
        };
        let id = session.id().to_string();
        let news = news(&id, &session.title(), &session.teacher());
        let (asks, asked) = (session.unknown() || session.pin_wanted(), session.asked());
        if asks && !asked {
            session.set_asked(true);
            tell(app, &session.title(), news);
        } else if !asks && asked {
            session.set_asked(false);
            handled(app, &news.target);
        }
    }
}

fn tell(app: &Application, session: &str, news: News) {
    let looked_at = app.active_window().is_some_and(|window| window.is_active());
    if !looked_at {
        let changes = app.tray().borrow_mut().add(Instant::now(), session, news);
        carry_out(app, changes);
    }
}

fn carry_out(app: &Application, changes: impl IntoIterator<Item = Change>) {
    for change in changes {
        match change {
            Change::Show(news) => app.send_notification(Some(&news.target), &notification(&news)),
            Change::Withdraw(target) => app.withdraw_notification(&target),
        }
    }
}

fn notification(news: &News) -> gio::Notification {
    let shown = gio::Notification::new(&news.title);
    shown.set_body(Some(&body(&news.body)));
    shown.set_default_action("app.show");
    let target = news.target.to_variant();
    for deed in &news.deeds {
        shown.add_button_with_target_value(&deed.label(), deed.action(), Some(&target));
    }
    shown
}

thread_local! {
    /// Whether this desktop shows texts as they are: the portal and GNOME do, servers of the older kind may read marks in them.
    static PLAIN: Cell<bool> = Cell::new(background::sandboxed());
    /// What is copied as soon as the window has the keyboard.
    static TO_COPY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A text that no list of notifications takes for more than a text.
fn body(text: &str) -> glib::GString {
    if PLAIN.get() {
        text.into()
    } else {
        glib::markup_escape_text(text)
    }
}

/// Finds out what kind of list of notifications there is.
fn look_for_list() {
    if background::sandboxed() {
        return;
    }
    // For as long as the program runs.
    gio::bus_watch_name(
        gio::BusType::Session,
        "org.gtk.Notifications",
        gio::BusNameWatcherFlags::NONE,
        |_, _, _| PLAIN.set(true),
        |_, _| PLAIN.set(false),
    );
}

/// Somebody looks at the window: all of it is seen there.
pub fn seen(app: &Application) {
    let changes = app.tray().borrow_mut().all_seen();
    carry_out(app, changes);
    fill_clipboard(app);
}

fn handled(app: &Application, target: &str) {
    let change = app.tray().borrow_mut().handled(target);
    carry_out(app, change);
    // Also one of an earlier run of the program.
    app.withdraw_notification(target);
}

fn install(app: &Application) {
    for deed in [
        Deed::Open,
        Deed::ShowInFiles,
        Deed::Copy,
        Deed::OpenLink,
        Deed::Retry,
        Deed::Review,
        Deed::EnterPin,
    ] {
        let name = deed.action().trim_start_matches("app.");
        let action = gio::SimpleAction::new(name, Some(glib::VariantTy::STRING));
        action.connect_activate(clone!(
            #[weak]
            app,
            move |_, target| {
                if let Some(target) = target.and_then(glib::Variant::str) {
                    act(&app, deed, target);
                    handled(&app, target);
                }
            }
        ));
        app.add_action(&action);
    }
}

/// The session and the item of a target.
fn parts(target: &str) -> Option<(SessionId, ItemId)> {
    let (session, item) = target.split_once('/')?;
    Some((session.parse().ok()?, item.parse().ok()?))
}

fn act(app: &Application, deed: Deed, target: &str) {
    let Some((session, item)) = parts(target) else {
        return app.show_window();
    };
    let row = app.lab().session(session).and_then(|live| live.row(item));
    match deed {
        Deed::Open | Deed::ShowInFiles => {
            let path = row.and_then(|row| row.path());
            match path.or_else(|| app.history().received(session, item)) {
                Some(path) => {
                    let in_folder = deed == Deed::ShowInFiles;
                    hold_for(app, launch::file(path, in_folder, shown(app)));
                }
                None => app.show_window(),
            }
        }
        Deed::Copy | Deed::OpenLink => {
            let text = row.map(|row| row.body());
            let text = text.or_else(|| app.history().text(session, item));
            match text {
                Some(text) if deed == Deed::OpenLink => {
                    let window = shown(app);
                    hold_for(app, async move { launch::address(&text, window).await });
                }
                Some(text) => copy(app, text),
                None => app.show_window(),
            }
        }
        Deed::Retry => {
            app.show_window();
            let app = app.clone();
            glib::spawn_future_local(async move {
                let retried = async { app.lab().backend()?.retry(session, item).await };
                if let Err(error) = retried.await {
                    app.complain(&error);
                }
            });
        }
        Deed::Review | Deed::EnterPin => app.show_window(),
    }
}

/// The window, where it can have a question above it: one that is hidden has no place on the screen, and must not be named.
fn shown(app: &Application) -> Option<gtk::Window> {
    app.active_window().filter(WidgetExt::is_mapped)
}

/// Fills the clipboard once the window has the keyboard: no other may.
fn copy(app: &Application, text: String) {
    TO_COPY.set(Some(text));
    app.show_window();
    fill_clipboard(app);
}

fn fill_clipboard(app: &Application) {
    let window = app.window().filter(GtkWindowExt::is_active);
    if let Some((window, text)) = window.and_then(|window| Some((window, TO_COPY.take()?))) {
        window.clipboard().set_text(&text);
        window.toast(&gettext("Copied"));
    }
}

/// Opens something. Started for this alone, the program must not end before it is done.
fn hold_for(app: &Application, launched: impl Future<Output = Result<(), glib::Error>> + 'static) {
    let hold = app.hold();
    glib::spawn_future_local(clone!(
        #[weak]
        app,
        async move {
            let failed = launched.await.err().map(AppError::from);
            if let Some(error) = failed.filter(|error| error.user_text().is_some()) {
                app.show_window();
                app.complain(&error);
            }
            drop(hold);
        }
    ));
}
