//! Tells of new items and messages while nobody looks at the window: one notification that is renewed, not a pile.

use gettextrs::gettext;
use gtk::prelude::*;
use gtk::{gio, glib};

use crate::application::Application;
use crate::i18n::gettext_f;
use crate::model::feed_row::{FeedKind, FeedRow};
use crate::model::lab::Lab;
use crate::model::session::Session;

/// The id of the one notification.
pub const NEWS: &str = "news";

/// Listens to what is posted and saved.
pub fn follow(app: &Application, lab: &Lab) {
    lab.connect_closure(
        "posted",
        false,
        glib::closure_local!(
            #[watch]
            app,
            move |_lab: Lab, session: Session, row: FeedRow| {
                // Files are told of once they are here.
                if !row.own() && row.kind() != FeedKind::Files {
                    tell(app, &session.title(), &row.spoken());
                }
            }
        ),
    );
    lab.connect_closure(
        "saved",
        false,
        glib::closure_local!(
            #[watch]
            app,
            move |_lab: Lab, session: Session, row: FeedRow| {
                if !session.teaching() {
                    let title = row.title();
                    tell(
                        app,
                        &gettext_f("{title} is here", &[("title", &title)]),
                        &session.title(),
                    );
                }
            }
        ),
    );
}

fn tell(app: &Application, title: &str, body: &str) {
    let looked_at = app.active_window().is_some_and(|window| window.is_active());
    if looked_at {
        return;
    }
    let notification = gio::Notification::new(title);
    notification.set_body(Some(body));
    notification.set_default_action("app.show");
    notification.add_button(&gettext("Open Received Files"), "app.open-received");
    app.send_notification(Some(NEWS), &notification);
}
