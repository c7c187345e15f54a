//! What is written or pasted, and becomes a snippet, a link, an announcement, files or a message.

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::clone;
use gtk::{gdk, glib};
use handout_engine::code;

use super::post_dialog::{PostDialog, PostKind};
use super::session_actions::share;
use super::session_page::{SessionPage, imp};
use super::window::Window;

/// Gives the page the actions.
pub fn install(klass: &mut <imp::SessionPage as ObjectSubclass>::Class) {
    for (name, kind) in [
        ("session.snippet", PostKind::Snippet),
        ("session.link", PostKind::Link),
        ("session.announcement", PostKind::Announcement),
    ] {
        klass.install_action(name, None, move |page, _, _| compose(page, kind, ""));
    }
    klass.install_action("session.paste", None, |page, _, _| paste(page));
    klass.add_binding_action(
        gdk::Key::v,
        gdk::ModifierType::CONTROL_MASK,
        "session.paste",
    );
    klass.install_action("session.offer", None, |page, _, _| {
        glib::spawn_future_local(clone!(
            #[weak]
            page,
            async move {
                if let Ok(Some(text)) = page.clipboard().read_text_future().await {
                    offer(&page, &text);
                }
            }
        ));
    });
}

fn compose(page: &SessionPage, kind: PostKind, text: &str) {
    let (Some(lab), Some(session)) = (page.lab(), page.session()) else {
        return;
    };
    let (weak, pasted) = (page.downgrade(), text.to_owned());
    PostDialog::ask(page, kind, text, move |post| {
        let (lab, session) = (lab.clone(), session.clone());
        let (weak, pasted) = (weak.clone(), pasted.clone());
        async move {
            lab.post(&session, post).await?;
            if let Some(page) = weak.upgrade() {
                page.composer().take_back(&pasted);
            }
            Ok(())
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
                offer(&page, &text);
            }
        }
    ));
}

/// Pasted code is better shared as a snippet, and an address as a link: the teacher is asked, the text stays meanwhile.
fn offer(page: &SessionPage, text: &str) {
    let shares = page
        .session()
        .is_some_and(|session| session.teaching() && session.live());
    let (kind, title, button) = match code::link(text) {
        Some(_) => (
            PostKind::Link,
            gettext("You pasted a link"),
            gettext("Share as Link…"),
        ),
        None if code::is_code(text) => (
            PostKind::Snippet,
            gettext("You pasted code"),
            gettext("Share as Snippet…"),
        ),
        None => return,
    };
    let window = page.root().and_downcast::<Window>();
    if let Some(window) = window.filter(|_| shares) {
        let (page, text) = (page.downgrade(), text.to_owned());
        window.offer(&title, &button, move || {
            if let Some(page) = page.upgrade() {
                compose(&page, kind, &text);
            }
        });
    }
}
