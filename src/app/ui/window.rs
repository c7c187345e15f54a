//! The window: the home page, and a session's page above it.

use std::cell::OnceCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::{VariantTy, clone};
use gtk::{gdk, gio, glib};
use handout_engine::api::SessionId;

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
use crate::integration::background::{self, Refused};
use crate::model::lab::Lab;
use crate::model::session::Session;
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
            if self.obj().may_close() {
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
        let toast = adw::Toast::builder()
            .title(text)
            .use_markup(false)
            .timeout(4)
            .build();
        self.imp().toasts.add_toast(toast);
    }

    /// Shows a line at the bottom with something that can be done.
    pub fn offer(&self, text: &str, button: &str, act: impl Fn() + 'static) {
        let toast = adw::Toast::builder()
            .title(text)
            .use_markup(false)
            .button_label(button)
            .timeout(10)
            .build();
        toast.connect_button_clicked(move |_| act());
        self.imp().toasts.add_toast(toast);
    }

    /// Tells what did not work, unless the person cancelled it.
    pub fn tell(&self, error: &AppError) {
        if let Some(text) = error.user_text() {
            tracing::warn!("{error}");
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
            dialog.connect_closed(clone!(
                #[weak(rename_to = window)]
                self,
                move |_| window.write_next()
            ));
            dialog.present(Some(self));
        }
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

    /// Whether the window may go: a teacher decides about a running session, a student's goes on without it.
    fn may_close(&self) -> bool {
        let live = self.imp().lab.get().and_then(Lab::live);
        let background = self
            .imp()
            .settings
            .get()
            .is_some_and(Settings::run_in_background);
        let Some(session) = live else { return true };
        if session.teaching() {
            self.ask_before_closing();
        } else if background {
            self.set_visible(false);
            self.go_on();
        }
        !session.teaching() && !background
    }

    /// Goes on without a window; where the desktop does not allow that, people are told.
    fn go_on(&self) {
        let autostart = self
            .imp()
            .settings
            .get()
            .is_some_and(Settings::start_at_login);
        glib::spawn_future_local(clone!(
            #[weak(rename_to = window)]
            self,
            async move {
                let reason = gettext("Receive and pass on after the window is closed");
                if background::go_on(autostart, &reason).await == Err(Refused::Denied) {
                    window.present();
                    window.toast(&gettext(
                        "The system does not let Handout go on in the background",
                    ));
                }
            }
        ));
    }

    fn ask_before_closing(&self) {
        let dialog = adw::AlertDialog::new(
            Some(&gettext("Your Session Is Still Running")),
            Some(&gettext(
                "Students can go on receiving while Handout runs in the background.",
            )),
        );
        dialog.add_responses(&[
            ("cancel", &gettext("_Cancel")),
            ("end", &gettext("_End and Quit")),
            ("hide", &gettext("_Keep Running")),
        ]);
        dialog.set_response_appearance("end", adw::ResponseAppearance::Destructive);
        dialog.set_response_appearance("hide", adw::ResponseAppearance::Suggested);
        dialog.set_default_response(Some("hide"));
        dialog.set_close_response("cancel");
        glib::spawn_future_local(clone!(
            #[weak(rename_to = window)]
            self,
            async move {
                match dialog.choose_future(Some(&window)).await.as_str() {
                    "hide" => window.set_visible(false),
                    "end" => window.end_and_quit().await,
                    _ => {}
                }
            }
        ));
    }

    async fn end_and_quit(&self) {
        let lab = self.imp().lab.get();
        let ended = match lab.and_then(|lab| Some((lab.backend(), lab.live()?.id()))) {
            Some((Ok(backend), id)) => backend.end(id).await,
            _ => Ok(()),
        };
        match (ended, self.application()) {
            (Ok(()), Some(app)) => app.activate_action("quit", None),
            (Err(error), _) => self.tell(&error),
            _ => {}
        }
    }
}

fn can_share(page: &SessionPage) -> bool {
    page.session()
        .is_some_and(|session| session.teaching() && session.live())
}
