//! A session that was found, with the one thing that can be done with it.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::{gettext, pgettext};
use gtk::glib;
use gtk::glib::{Properties, clone};

use crate::format;
use crate::i18n::gettext_f;
use crate::model::session::Session;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::SessionRow)]
    #[template(file = "session_row.ui")]
    pub struct SessionRow {
        /// The session that is shown.
        #[property(get, set = Self::set_session, construct_only)]
        session: RefCell<Option<Session>>,
        #[template_child]
        button: TemplateChild<gtk::Button>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for SessionRow {
        const NAME: &'static str = "HandoutSessionRow";
        type Type = super::SessionRow;
        type ParentType = adw::ActionRow;

        fn class_init(klass: &mut Self::Class) {
            Session::ensure_type();
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for SessionRow {}
    impl WidgetImpl for SessionRow {}
    impl ListBoxRowImpl for SessionRow {}
    impl PreferencesRowImpl for SessionRow {}
    impl ActionRowImpl for SessionRow {}

    #[gtk::template_callbacks]
    impl SessionRow {
        fn set_session(&self, session: Option<Session>) {
            if let Some(session) = &session {
                session.connect_state_text_notify(clone!(
                    #[weak(rename_to = row)]
                    self,
                    move |session| row.refresh(session)
                ));
                self.refresh(session);
            }
            self.session.replace(session);
        }

        fn refresh(&self, session: &Session) {
            self.obj().set_subtitle(&format::joined(&[
                session.teacher(),
                if session.unknown() || session.pin_wanted() {
                    session.state_text()
                } else {
                    session.vouched()
                },
            ]));
            let title = session.title();
            let named = [("session", title.as_str())];
            let (label, name, suggested) = if session.live() {
                // Translators: goes to a session that was joined.
                let label = pgettext("session", "Open");
                (label, gettext_f("Open {session}", &named), false)
            } else if session.unknown() {
                // Translators: shows who teaches a session, before it is joined: "Review Physics 1".
                let name = gettext_f("Review {session}", &named);
                (gettext("Review…"), name, false)
            } else if session.pin_wanted() {
                // Translators: types the PIN of a session: "Enter the PIN of Physics 1".
                let name = gettext_f("Enter the PIN of {session}", &named);
                (gettext("Enter PIN…"), name, true)
            } else {
                (gettext("Join"), gettext_f("Join {session}", &named), true)
            };
            self.button.set_label(&label);
            // The label inside would be read instead of the name.
            self.button
                .reset_relation(gtk::AccessibleRelation::LabelledBy);
            self.button
                .update_property(&[gtk::accessible::Property::Label(&name)]);
            let class = if suggested {
                &["suggested-action"]
            } else {
                &[] as &[&str]
            };
            self.button.set_css_classes(class);
        }

        #[template_callback]
        fn pressed(&self) {
            if let Some(session) = &*self.session.borrow() {
                let id = session.id().to_string().to_variant();
                if let Err(error) = self.obj().activate_action("win.enter", Some(&id)) {
                    tracing::error!(%error, "no window to enter the session in");
                }
            }
        }
    }
}

glib::wrapper! {
    /// A session that was found.
    pub struct SessionRow(ObjectSubclass<imp::SessionRow>)
        @extends gtk::Widget, gtk::ListBoxRow, adw::PreferencesRow, adw::ActionRow,
        @implements gtk::Accessible, gtk::Actionable, gtk::Buildable, gtk::ConstraintTarget;
}

impl SessionRow {
    /// The row of a session.
    pub fn new(session: &Session) -> Self {
        glib::Object::builder().property("session", session).build()
    }
}
