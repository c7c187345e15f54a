//! First contact with a teacher that nobody here vouches for. Trusting takes a decision: no key or click does it by accident.

use adw::prelude::*;
use gettextrs::gettext;

use crate::i18n::gettext_f;
use crate::model::session::Session;

/// Shows who says to teach, and the words to compare. Gives whether the person trusts them.
pub async fn ask(parent: &impl IsA<gtk::Widget>, session: &Session) -> bool {
    let heading = gettext_f("Trust {teacher}?", &[("teacher", &session.teacher())]);
    let text = gettext_f(
        "This computer has not met the teacher of “{title}” before. Ask which words their screen shows; trust them only if the words are the same.",
        &[("title", &session.title())],
    );
    let dialog = adw::AlertDialog::new(Some(&heading), Some(&text));
    dialog.set_extra_child(Some(&fingerprint(&session.fingerprint())));
    dialog.add_responses(&[
        ("later", &gettext("_Not Now")),
        ("trust", &gettext("_Trust and Join")),
    ]);
    // Return and Escape both mean "not now".
    dialog.set_default_response(Some("later"));
    dialog.set_close_response("later");
    dialog.set_response_appearance("trust", adw::ResponseAppearance::Suggested);
    dialog.choose_future(Some(parent)).await == "trust"
}

/// Shows the words that stand for a teacher's key.
pub fn show_words(parent: &impl IsA<gtk::Widget>, session: &Session) {
    let text = if session.teaching() {
        gettext(
            "A student who meets you for the first time sees these words, and trusts you if your screen shows the same.",
        )
    } else {
        gettext_f(
            "The same words stand on the screen of {teacher}.",
            &[("teacher", &session.teacher())],
        )
    };
    let dialog = adw::AlertDialog::new(Some(&gettext("Words of the Teacher’s Key")), Some(&text));
    dialog.set_extra_child(Some(&fingerprint(&session.fingerprint())));
    dialog.add_response("close", &gettext("_Close"));
    dialog.present(Some(parent));
}

/// The words of a fingerprint, large enough to read out.
pub fn fingerprint(words: &str) -> gtk::Label {
    let label = gtk::Label::builder()
        .label(words)
        .wrap(true)
        .justify(gtk::Justification::Center)
        .css_classes(["card", "fingerprint"])
        .build();
    label.update_property(&[gtk::accessible::Property::Description(&gettext(
        "Fingerprint of the teacher’s key",
    ))]);
    label
}
