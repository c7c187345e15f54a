//! The window: the home page, and a session's page above it.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib::{VariantTy, clone};
use gtk::{gdk, gio, glib};
use handout_engine::api::SessionId;
use handout_engine::store::scan::Skipped;

use super::closing;
use super::diagnosis_dialog::DiagnosisDialog;
use super::history_dialog::HistoryDialog;
use super::home_page::HomePage;
use super::pin_dialog;
use super::session_actions;
use super::session_page::SessionPage;
use super::teach_dialog::TeachDialog;
use super::trust_dialog;
use crate::application::Application;
use crate::config;
use crate::error::AppError;
use crate::model::lab::Lab;
use crate::model::session::Session;
use crate::model::session_words;
use crate::settings::Settings;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "window.ui")]
    pub struct Window {
        #[template_child]
        pub toasts: TemplateChild<adw::ToastOverlay>,
        #[template_child]
        pub pages: TemplateChild<adw::NavigationView>,
        pub home: OnceCell<HomePage>,
        pub lab: OnceCell<Lab>,
        pub settings: OnceCell<Settings>,
        /// What can be done for a moment.
        pub offered: RefCell<Option<adw::Toast>>,
        /// The dialog that starts a session.
        pub starting: glib::WeakRef<TeachDialog>,
        /// The teacher is asked whether the session is to end.
        pub asking: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Window {
        const NAME: &'static str = "HandoutWindow";
        type Type = super::Window;
        type ParentType = adw::ApplicationWindow;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.install_action("win.teach", None, |window, _, _| window.teach());
            klass.install_action("win.diagnosis", None, |window, _, _| {
                if let Some(lab) = window.imp().lab.get() {
                    DiagnosisDialog::new(lab).present(Some(window));
                }
            });
            klass.install_action("win.history", None, |window, _, _| window.show_history());
            klass.install_action("win.share-files", None, |window, _, _| {
                if let Some(page) = window.page().filter(can_share) {
                    session_actions::choose_files(&page);
                }
            });
            klass.install_action("win.enter", Some(VariantTy::STRING), |window, _, id| {
                let id = id.and_then(glib::Variant::str);
                if let Some(id) = id.and_then(|id| id.parse().ok()) {
                    window.enter(id);
                }
            });
            klass.add_binding_action(gdk::Key::F9, gdk::ModifierType::empty(), "win.roster");
            klass.install_action("win.roster", None, |window, _, _| {
                if let Some(page) = window.page() {
                    page.toggle_roster();
                }
            });
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for Window {
        fn constructed(&self) {
            self.parent_constructed();
            if config::PROFILE != "release" {
                self.obj().add_css_class("devel");
            }
        }
    }

    impl WidgetImpl for Window {}

    impl WindowImpl for Window {
        fn close_request(&self) -> glib::Propagation {
            if closing::may_close(&self.obj()) {
                self.parent_close_request()
            } else {
                glib::Propagation::Stop
            }
        }
    }

    impl ApplicationWindowImpl for Window {}
    impl AdwApplicationWindowImpl for Window {}
}

glib::wrapper! {
    /// The window.
    pub struct Window(ObjectSubclass<imp::Window>)
        @extends gtk::Widget, gtk::Window, gtk::ApplicationWindow, adw::ApplicationWindow,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::Native, gtk::Root,
            gtk::ShortcutManager, gio::ActionGroup, gio::ActionMap;
}

impl Window {
    /// The window of the program.
    pub fn new(app: &Application, lab: &Lab, settings: &Settings) -> Self {
        let window: Self = glib::Object::builder().property("application", app).build();
        let home = HomePage::new(lab, settings);
        let imp = window.imp();
        imp.pages.add(&home);
        if imp.home.set(home).is_ok()
            && imp.lab.set(lab.clone()).is_ok()
            && imp.settings.set(settings.clone()).is_ok()
        {
            window.watch();
            settings.remember(&window);
        }
        window
    }

    /// The page for when there is no session.
    pub fn home(&self) -> Option<&HomePage> {
        self.imp().home.get()
    }

    /// The session's page, if it shows.
    pub fn page(&self) -> Option<SessionPage> {
        self.imp().pages.visible_page().and_downcast()
    }

    /// Shows a line at the bottom.
    pub fn toast(&self, text: &str) {
        self.show_toast(text, toast(text));
    }

    /// Shows a line at the bottom with something that can be done.
    pub fn offer(&self, text: &str, button: &str, act: impl Fn() + 'static) {
        let toast = toast(text);
        toast.set_button_label(Some(button));
        toast.set_timeout(10);
        toast.connect_button_clicked(move |_| act());
        self.show_toast(text, toast.clone());
        self.offered(Some(toast));
    }

    /// Shows a toast, and has it read out: only titles of its own are by themselves.
    fn show_toast(&self, text: &str, toast: adw::Toast) {
        self.imp().toasts.add_toast(toast);
        self.announce(text, gtk::AccessibleAnnouncementPriority::Medium);
    }

    /// What was offered before is not offered any more.
    fn offered(&self, toast: Option<adw::Toast>) {
        if let Some(before) = self.imp().offered.replace(toast) {
            before.dismiss();
        }
    }

    /// Tells what did not work, unless the person cancelled it.
    pub fn tell(&self, error: &AppError) {
        if let Some(text) = error.user_text() {
            tracing::warn!("{error}");
            self.toast(&text);
        }
    }

    /// Tells what was not shared, and why.
    pub fn tell_left_out(&self, left_out: &[Skipped]) {
        if let Some(text) = session_words::left_out(left_out) {
            self.toast(&text);
        }
    }

    /// Shows a session that is taught or joined.
    pub fn show_session(&self, session: &Session) {
        let pages = &self.imp().pages;
        if self.page().and_then(|page| page.session()).as_ref() == Some(session) {
            return;
        }
        if let (Some(lab), Some(home)) = (self.imp().lab.get(), self.home()) {
            let page = SessionPage::new(lab, session);
            pages.replace(&[home.clone().upcast(), page.upcast()]);
        }
    }

    /// Shows an earlier session above what is shown now.
    pub fn show_past(&self, session: &Session) {
        if let Some(lab) = self.imp().lab.get() {
            let page = SessionPage::new(lab, session);
            // Its tag is the running session's.
            page.set_tag(None);
            self.imp().pages.push(&page);
        }
    }

    /// The session that runs now.
    pub fn live(&self) -> Option<SessionId> {
        Some(self.imp().lab.get()?.live()?.id())
    }

    fn show_history(&self) {
        let app = self.application().and_downcast::<Application>();
        let shown = app.map(|app| HistoryDialog::show(self, &app.history()));
        if let Some(Err(error)) = shown {
            self.tell(&error);
        }
    }

    fn watch(&self) {
        let Some(lab) = self.imp().lab.get() else {
            return;
        };
        lab.connect_closure(
            "entered",
            false,
            glib::closure_local!(
                #[watch(rename_to = window)]
                self,
                move |_lab: Lab, session: Session| window.show_session(&session)
            ),
        );
        lab.connect_closure(
            "warned",
            false,
            glib::closure_local!(
                #[watch(rename_to = window)]
                self,
                move |_lab: Lab, text: String| window.warn(&text)
            ),
        );
        if let Some(session) = lab.live() {
            self.show_session(&session);
        }
    }

    fn warn(&self, text: &str) {
        match self.page() {
            Some(page) => page.warn(text),
            None => {
                if let Some(home) = self.home() {
                    home.warn(text);
                }
            }
        }
    }

    fn teach(&self) {
        let (Some(lab), Some(settings)) = (self.imp().lab.get(), self.imp().settings.get()) else {
            return;
        };
        if let Some(session) = lab.taught() {
            self.show_session(&session);
            return;
        }
        if let Some(app) = self.application().and_downcast::<Application>() {
            let past = app.history().interrupted();
            let dialog = TeachDialog::new(lab, settings, &app.keys(), past);
            dialog.connect_forgotten(clone!(
                #[weak]
                app,
                move || app.forget_waiting()
            ));
            self.imp().starting.set(Some(&dialog));
            dialog.name_waiting(&app.waiting());
            self.offered(None);
            dialog.connect_closed(clone!(
                #[weak(rename_to = window)]
                self,
                move |_| window.write_next()
            ));
            dialog.present(Some(self));
        }
    }

    /// Names the files that wait in the dialog that starts a session, if it is open. Says whether it is.
    pub fn name_waiting(&self, files: &[PathBuf]) -> bool {
        let dialog = self.imp().starting.upgrade();
        let dialog = dialog.filter(|dialog| dialog.root().is_some());
        if let Some(dialog) = &dialog {
            self.offered(None);
            dialog.name_waiting(files);
        }
        dialog.is_some()
    }

    /// Gives the keyboard to the new session's composer, once the dialog that covered it has given it back.
    fn write_next(&self) {
        let window = self.downgrade();
        glib::idle_add_local_once(move || {
            if let Some(page) = window.upgrade().and_then(|window| window.page()) {
                page.composer().grab_focus();
            }
        });
    }

    /// Opens, joins or asks about a session that was found.
    fn enter(&self, id: SessionId) {
        let Some(lab) = self.imp().lab.get().cloned() else {
            return;
        };
        let Some(session) = lab.session(id) else {
            return;
        };
        if session.live() {
            self.show_session(&session);
            return;
        }
        glib::spawn_future_local(clone!(
            #[weak(rename_to = window)]
            self,
            async move {
                if let Err(error) = window.join(&lab, &session).await {
                    window.tell(&error);
                }
            }
        ));
    }

    async fn join(&self, lab: &Lab, session: &Session) -> Result<(), AppError> {
        if session.pin_wanted() {
            return pin_dialog::enter(self, lab, session).await;
        }
        if !session.unknown() {
            return lab.backend()?.join(session.id()).await;
        }
        if trust_dialog::ask(self, session).await {
            lab.trust_and_join(session).await?;
        }
        Ok(())
    }
}

/// A line that is shown whole, and for as long as it takes to read it.
fn toast(text: &str) -> adw::Toast {
    let title = gtk::Label::builder()
        .label(text)
        .wrap(true)
        .wrap_mode(gtk::pango::WrapMode::WordChar)
        .xalign(0.0)
        .css_classes(["heading"])
        .build();
    let long = text.chars().count() > 60;
    adw::Toast::builder()
        .custom_title(&title)
        .timeout(if long { 8 } else { 4 })
        .build()
}

fn can_share(page: &SessionPage) -> bool {
    page.session()
        .is_some_and(|session| session.teaching() && session.live())
}
