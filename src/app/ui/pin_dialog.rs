//! A session that asks for a PIN: the person types what the teacher told them.

use std::cell::Cell;

use adw::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::api::Pin;

use crate::error::AppError;
use crate::i18n::gettext_f;
use crate::model::lab::Lab;
use crate::model::session::Session;

/// Asks, and asks again after a slip, until the computer is admitted or the person gives up.
pub async fn enter(
    parent: &impl IsA<gtk::Widget>,
    lab: &Lab,
    session: &Session,
) -> Result<(), AppError> {
    while session.pin_wanted() {
        let Some(pin) = ask(parent, session).await else {
            break;
        };
        let answer = Answer::listen(session);
        lab.backend()?.enter_pin(session.id(), pin).await?;
        answer.wait().await;
    }
    Ok(())
}

/// What the teacher's computer says to a PIN.
struct Answer {
    session: Session,
    handler: Option<glib::SignalHandlerId>,
    told: async_channel::Receiver<()>,
}

impl Answer {
    fn listen(session: &Session) -> Self {
        let (tell, told) = async_channel::bounded(1);
        let asking = Cell::new(false);
        let handler = session.connect_state_text_notify(move |session| {
            let waits = session.live() && !session.inside();
            if asking.replace(asking.get() || waits) && !waits {
                let _ = tell.try_send(());
            }
        });
        Self {
            session: session.clone(),
            handler: Some(handler),
            told,
        }
    }

    /// Waits until it has come, or can come no more.
    async fn wait(self) {
        let _ = self.told.recv().await;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.session.disconnect(handler);
        }
    }
}

async fn ask(parent: &impl IsA<gtk::Widget>, session: &Session) -> Option<Pin> {
    let heading = gettext_f("PIN of “{title}”", &[("title", &session.title())]);
    // After a slip: what became of the last one.
    let text = gettext_f(
        "{state}. {teacher} can tell you the PIN.",
        &[
            ("state", &session.state_text()),
            ("teacher", &session.teacher()),
        ],
    );
    let dialog = adw::AlertDialog::new(Some(&heading), Some(&text));
    let entry = adw::EntryRow::builder()
        .title(gettext("PIN"))
        .input_purpose(gtk::InputPurpose::Digits)
        .activates_default(true)
        .build();
    let list = gtk::ListBox::builder()
        .selection_mode(gtk::SelectionMode::None)
        .css_classes(["boxed-list"])
        .build();
    list.append(&entry);
    dialog.set_extra_child(Some(&list));
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("join", &gettext("_Join"))]);
    dialog.set_default_response(Some("join"));
    dialog.set_close_response("cancel");
    dialog.set_response_appearance("join", adw::ResponseAppearance::Suggested);
    dialog.set_response_enabled("join", false);
    entry.connect_changed(clone!(
        #[weak]
        dialog,
        move |entry| dialog.set_response_enabled("join", Pin::parse(&entry.text()).is_ok())
    ));
    AdwDialogExt::set_focus(&dialog, Some(&entry));
    let joined = dialog.choose_future(Some(parent)).await == "join";
    joined.then(|| Pin::parse(&entry.text()).ok()).flatten()
}
