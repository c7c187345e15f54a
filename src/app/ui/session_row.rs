//! A session that was found, with the one thing that can be done with it.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
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
                if session.unknown() {
                    session.state_text()
                } else {
                    session.vouched()
                },
            ]));
            let (label, suggested) = if session.live() {
                (gettext("Open"), false)
            } else if session.unknown() {
                (gettext("Review…"), false)
            } else {
                (gettext("Join"), true)
            };
            self.button.set_label(&label);
            self.button
                .update_property(&[gtk::accessible::Property::Label(&gettext_f(
                    // Translators: what a button does and with which session: "Join Physics 1".
                    "{action} {session}",
                    &[("action", &label), ("session", &session.title())],
                ))]);
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
