//! No session yet: a student waits, chooses one of several, or says who they are; a teacher starts one.

use std::cell::{Cell, OnceCell};
use std::sync::OnceLock;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use gtk::glib::subclass::Signal;

use super::session_row::SessionRow;
use crate::config;
use crate::i18n::gettext_f;
use crate::model::identity;
use crate::model::lab::Lab;
use crate::model::session::Session;
use crate::settings::{Settings, Text};

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "home_page.ui")]
    pub struct HomePage {
        #[template_child]
        pub banner: TemplateChild<adw::Banner>,
        #[template_child]
        status: TemplateChild<adw::StatusPage>,
        #[template_child]
        sessions: TemplateChild<gtk::ListBox>,
        #[template_child]
        form: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        name: TemplateChild<adw::EntryRow>,
        #[template_child]
        roll: TemplateChild<adw::EntryRow>,
        #[template_child]
        person: TemplateChild<gtk::ListBox>,
        #[template_child]
        person_row: TemplateChild<adw::ActionRow>,
        #[template_child]
        change: TemplateChild<gtk::Button>,
        #[template_child]
        save: TemplateChild<gtk::Button>,
        #[template_child]
        teach: TemplateChild<gtk::Button>,
        pub settings: OnceCell<Settings>,
        pub found: OnceCell<gtk::FilterListModel>,
        /// Whether the person is changing name and roll number.
        editing: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for HomePage {
        const NAME: &'static str = "HandoutHomePage";
        type Type = super::HomePage;
        type ParentType = adw::NavigationPage;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for HomePage {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("person-changed").build()])
        }
    }

    impl WidgetImpl for HomePage {}
    impl NavigationPageImpl for HomePage {}

    #[gtk::template_callbacks]
    impl HomePage {
        pub fn setup(&self, lab: &Lab) {
            let filter = gtk::CustomFilter::new(|session| {
                session.downcast_ref::<Session>().is_some_and(|session| {
                    session.live() || session.unknown() || session.joinable()
                })
            });
            let found = gtk::FilterListModel::new(Some(lab.sessions()), Some(filter.clone()));
            self.sessions.bind_model(Some(&found), |session| {
                session.downcast_ref::<Session>().map_or_else(
                    || gtk::ListBoxRow::new().upcast(),
                    |it| SessionRow::new(it).upcast(),
                )
            });
            found.connect_items_changed(clone!(
                #[weak(rename_to = page)]
                self,
                move |_, _, _, _| page.refresh()
            ));
            lab.connect_closure(
                "changed",
                false,
                glib::closure_local!(
                    #[watch]
                    filter,
                    move |_lab: Lab| filter.changed(gtk::FilterChange::Different)
                ),
            );
            if self.found.set(found).is_err() {
                tracing::error!("the home page was set up twice");
            }
            self.refresh();
        }

        pub fn refresh(&self) {
            let Some(settings) = self.settings.get() else {
                return;
            };
            let person = identity::person(settings);
            let asking = self.editing.get() || person.name.is_empty();
            let found = self.found.get().map_or(0, ListModelExt::n_items);
            self.person_row.set_title(&person.name);
            self.person_row.set_subtitle(&if person.roll.is_empty() {
                gettext("No roll number")
            } else {
                gettext_f("Roll number {roll}", &[("roll", &person.roll)])
            });
            // What an administrator has locked is not asked for.
            let (named, rolled) = (settings.writable(Text::Name), settings.writable(Text::Roll));
            self.name.set_sensitive(named);
            self.roll.set_sensitive(rolled);
            self.change.set_visible(named || rolled);
            self.form.set_visible(asking);
            self.save.set_visible(asking);
            self.person.set_visible(!asking);
            // A teacher may never say a name as a student, and comes back to the own session.
            self.sessions
                .set_visible(found > 0 && (!asking || self.is_inside()));
            self.say(if asking { 0 } else { found }, person.name.is_empty());
            self.form_changed();
        }

        fn is_inside(&self) -> bool {
            let found = self.found.get();
            found.is_some_and(|found| {
                found
                    .iter::<glib::Object>()
                    .flatten()
                    .any(|one| one.downcast_ref::<Session>().is_some_and(Session::live))
            })
        }

        fn say(&self, found: u32, stranger: bool) {
            let (icon, title, text) = match (found, stranger) {
                (0, true) => (
                    config::APP_ID,
                    gettext("Welcome to Handout"),
                    gettext(
                        "Say who you are, once. Your teacher sees this name beside what you have received.",
                    ),
                ),
                (0, false) => (
                    "handout-waiting-symbolic",
                    gettext("Waiting for a Session"),
                    gettext(
                        "It opens by itself as soon as your teacher starts one on this network.",
                    ),
                ),
                (1, _) => (
                    "handout-waiting-symbolic",
                    gettext("A Session Is Here"),
                    String::new(),
                ),
                _ => (
                    "handout-waiting-symbolic",
                    gettext("Sessions on This Network"),
                    String::new(),
                ),
            };
            self.status.set_icon_name(Some(icon));
            self.status.set_title(&title);
            let text = (!text.is_empty()).then_some(text);
            self.status.set_description(text.as_deref());
        }

        #[template_callback]
        fn form_changed(&self) {
            self.save.set_sensitive(!self.name.text().trim().is_empty());
        }

        #[template_callback]
        fn edit(&self) {
            if let Some(settings) = self.settings.get() {
                self.name.set_text(&settings.text(Text::Name));
                self.roll.set_text(&settings.text(Text::Roll));
                self.editing.set(true);
                self.refresh();
                self.name.grab_focus();
            }
        }

        #[template_callback]
        fn save(&self) {
            let Some(settings) = self.settings.get() else {
                return;
            };
            if self.name.text().trim().is_empty() {
                return;
            }
            settings.set_text(Text::Name, self.name.text().trim());
            settings.set_text(Text::Roll, self.roll.text().trim());
            self.editing.set(false);
            self.refresh();
            self.teach.grab_focus();
            self.obj().emit_by_name::<()>("person-changed", &[]);
        }

        #[template_callback]
        fn dismiss(&self) {
            self.banner.set_revealed(false);
        }
    }
}

glib::wrapper! {
    /// No session yet.
    pub struct HomePage(ObjectSubclass<imp::HomePage>)
        @extends gtk::Widget, adw::NavigationPage,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl HomePage {
    /// The page for what this computer knows.
    pub fn new(lab: &Lab, settings: &Settings) -> Self {
        let page: Self = glib::Object::new();
        if page.imp().settings.set(settings.clone()).is_ok() {
            page.imp().setup(lab);
        }
        page
    }

    /// Shows name and roll number anew.
    pub fn refresh(&self) {
        self.imp().refresh();
    }

    /// Shows a lasting problem until it is put away.
    pub fn warn(&self, text: &str) {
        self.imp().banner.set_title(text);
        self.imp().banner.set_revealed(true);
    }

    /// Calls back when the person has said who they are.
    pub fn connect_person_changed(&self, told: impl Fn() + 'static) {
        self.connect_closure(
            "person-changed",
            false,
            glib::closure_local!(move |_page: Self| told()),
        );
    }
}
