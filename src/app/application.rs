//! The application: settings, the engine, the window, and the actions that need no window.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib::{ExitCode, clone};
use gtk::{gio, glib};
use handout_engine::api::Config;

use crate::config;
use crate::error::AppError;
use crate::following;
use crate::i18n;
use crate::integration::status_icon::StatusIcon;
use crate::integration::{background, entries, notifications, status_icon};
use crate::model::history::History;
use crate::model::identity;
use crate::model::keys::Keys;
use crate::model::lab::Lab;
use crate::model::news::Tray;
use crate::model::session::Session;
use crate::options::Options;
use crate::settings::Settings;
use crate::ui::{PreferencesDialog, Window, about, closing};

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Application {
        pub options: OnceCell<Options>,
        pub settings: OnceCell<Settings>,
        pub lab: OnceCell<Lab>,
        /// Files that were given before there was a session to share them in.
        pub waiting: RefCell<Vec<PathBuf>>,
        /// Held while a session runs that is to go on without a window.
        pub hold: RefCell<Option<gio::ApplicationHoldGuard>>,
        /// The engine is to start anew as soon as no session runs.
        pub outdated: Cell<bool>,
        /// It is on its way to that.
        pub restarting: Cell<bool>,
        /// Held from a start without a window on.
        pub waiting_hold: RefCell<Option<gio::ApplicationHoldGuard>>,
        /// The first activation shows no window.
        pub quiet: Cell<bool>,
        /// The notifications that are shown.
        pub tray: RefCell<Tray>,
        /// The icon in the desktop's tray.
        pub status_icon: StatusIcon,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Application {
        const NAME: &'static str = "HandoutApplication";
        type Type = super::Application;
        type ParentType = adw::Application;
    }

    impl ObjectImpl for Application {
        fn constructed(&self) {
            self.parent_constructed();
            Options::declare(&*self.obj());
        }
    }

    impl ApplicationImpl for Application {
        fn handle_local_options(
            &self,
            given: &glib::VariantDict,
        ) -> std::ops::ControlFlow<ExitCode> {
            match Options::read(given) {
                Ok(options) => {
                    self.obj()
                        .set_application_id(Some(&options.application_id()));
                    let background = options.background;
                    // Nothing reads the options before this.
                    let _ = self.options.set(options);
                    // A program that runs already needs no second one that has nothing to show.
                    let registered = self.obj().register(gio::Cancellable::NONE);
                    if background && registered.is_ok() && self.obj().is_remote() {
                        return std::ops::ControlFlow::Break(ExitCode::SUCCESS);
                    }
                    self.quiet.set(background);
                    std::ops::ControlFlow::Continue(())
                }
                Err(text) => {
                    eprintln!("handout: {text}");
                    std::ops::ControlFlow::Break(ExitCode::from(2))
                }
            }
        }

        fn startup(&self) {
            self.parent_startup();
            gtk::Window::set_default_icon_name(config::APP_ID);
            // To look at the windows from right to left without a translation.
            if std::env::var_os("HANDOUT_RTL").is_some() {
                gtk::Widget::set_default_direction(gtk::TextDirection::Rtl);
            }
            i18n::isolate(gtk::Widget::default_direction() == gtk::TextDirection::Rtl);
            let _ = self.settings.set(Settings::default());
            let _ = self.lab.set(Lab::default());
            self.obj().setup_actions();
            self.obj().follow_sessions();
            following::settings(&self.obj());
            status_icon::follow(&self.obj());
            entries::refresh();
        }

        fn activate(&self) {
            self.parent_activate();
            if self.quiet.take() {
                self.obj().wait_in_background();
            } else {
                self.obj().show_window();
            }
        }

        fn open(&self, files: &[gio::File], _hint: &str) {
            self.obj().show_window();
            self.obj().take(files);
        }

        fn shutdown(&self) {
            // The main loop has ended, so this waits.
            let main = glib::MainContext::default();
            main.block_on(status_icon::close(&self.status_icon));
            if let Some(lab) = self.lab.get() {
                // The engine writes what is open.
                main.block_on(lab.stop());
            }
            self.parent_shutdown();
        }
    }

    impl GtkApplicationImpl for Application {}
    impl AdwApplicationImpl for Application {}
}

glib::wrapper! {
    /// The application.
    pub struct Application(ObjectSubclass<imp::Application>)
        @extends gio::Application, gtk::Application, adw::Application,
        @implements gio::ActionGroup, gio::ActionMap;
}

impl Default for Application {
    fn default() -> Self {
        glib::Object::builder()
            .property("application-id", config::APP_ID)
            .property("flags", gio::ApplicationFlags::HANDLES_OPEN)
            .property("resource-base-path", config::RESOURCES)
            .build()
    }
}

impl Application {
    /// Teachers' keys on this computer.
    pub fn keys(&self) -> Keys {
        Keys::of(&self.options().data_dir())
    }

    /// Earlier sessions of this computer.
    pub fn history(&self) -> History {
        History::of(&self.options().data_dir())
    }

    /// What stood on the command line.
    pub fn options(&self) -> Options {
        self.imp().options.get().cloned().unwrap_or_default()
    }

    /// What the person has set.
    pub fn settings(&self) -> Settings {
        self.imp().settings.get_or_init(Settings::default).clone()
    }

    /// Everything this computer knows of sessions.
    pub fn lab(&self) -> Lab {
        self.imp().lab.get_or_init(Lab::default).clone()
    }

    /// The notifications that are shown.
    pub fn tray(&self) -> &RefCell<Tray> {
        &self.imp().tray
    }

    /// The icon in the desktop's tray.
    pub fn status_icon(&self) -> &StatusIcon {
        &self.imp().status_icon
    }

    /// Says what went wrong, in the window if there is one.
    pub fn complain(&self, error: &AppError) {
        if let Some(window) = self.window() {
            window.tell(error);
        } else {
            tracing::warn!("{error}");
        }
    }

    /// The window, while there is one.
    pub fn window(&self) -> Option<Window> {
        self.windows()
            .into_iter()
            .find_map(|window| window.downcast().ok())
    }

    /// Shows the window, and starts the engine if it does not run.
    pub fn show_window(&self) {
        let window = self.window().unwrap_or_else(|| {
            let window = Window::new(self, &self.lab(), &self.settings());
            #[cfg(feature = "scenes")]
            crate::integration::frames::watch(&window);
            window.connect_is_active_notify(clone!(
                #[weak(rename_to = app)]
                self,
                move |window| {
                    if window.is_active() {
                        notifications::seen(&app);
                    }
                }
            ));
            if let Some(home) = window.home() {
                home.connect_person_changed(clone!(
                    #[weak(rename_to = app)]
                    self,
                    move || following::person_changed(&app)
                ));
            }
            window
        });
        if self.lab().backend().is_err() {
            self.start_engine();
        }
        window.present();
    }

    /// Starts the engine and waits for sessions; a notification or another start shows the window.
    fn wait_in_background(&self) {
        self.imp().waiting_hold.replace(Some(self.hold()));
        self.start_engine();
    }

    /// Starts the engine, or says why it does not.
    pub fn start_engine(&self) {
        #[cfg(feature = "scenes")]
        if let Some(scene) = self.options().scene {
            let (backend, events) = crate::model::scenes::start(&scene);
            self.lab().attach(backend, events);
            return;
        }
        if let Err(error) = self.lab().start(self.engine_config()) {
            tracing::error!("the engine did not start: {error}");
            let window = self.window();
            let home = window.as_ref().and_then(Window::home);
            if let (Some(home), Some(text)) = (home, error.user_text()) {
                home.warn(&text);
            }
        }
    }

    fn engine_config(&self) -> Config {
        let (options, settings) = (self.options(), self.settings());
        Config {
            data_dir: options.data_dir(),
            receive_dir: options.receive_dir(&settings),
            person: identity::person(&settings),
            interfaces: options.interfaces(&settings),
            port: options.port(&settings),
            auto_join: identity::known(&settings),
            allow_unknown_teachers: settings.trust_unknown_teachers(),
            free_space_reserve: settings.free_space_reserve(),
            upload_limit: settings.upload_limit(),
            accept_limit: settings.accept_limit(),
        }
    }

    fn setup_actions(&self) {
        let entry = |name: &str, act: fn(&Self)| {
            gio::ActionEntry::builder(name)
                .activate(move |app: &Self, _, _| act(app))
                .build()
        };
        self.add_action_entries([
            entry("quit", Self::end),
            entry("about", Self::show_about),
            entry("preferences", Self::show_preferences),
            entry("open-received", Self::open_received),
            entry("show", Self::show_window),
        ]);
        for (action, keys) in [
            ("app.quit", "<Ctrl>q"),
            ("app.preferences", "<Ctrl>comma"),
            ("window.close", "<Ctrl>w"),
            ("win.share-files", "<Ctrl>o"),
            ("win.teach", "<Ctrl>n"),
            ("win.history", "<Ctrl>h"),
            ("win.show-help-overlay", "<Ctrl>question"),
        ] {
            self.set_accels_for_action(action, &[keys]);
        }
    }

    /// Ends the program, once a teacher has decided about a session that runs.
    fn end(&self) {
        match (self.lab().taught(), self.window()) {
            (Some(_), Some(window)) => {
                window.present();
                closing::ask(&window);
            }
            _ => self.quit(),
        }
    }

    fn show_about(&self) {
        let network = self.lab();
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            async move {
                let found = match network.backend() {
                    Ok(backend) => backend.diagnosis().await,
                    Err(error) => Err(error),
                };
                let text = match found {
                    Ok(found) => crate::diagnosis::report(&found),
                    Err(error) => error.to_string(),
                };
                about(&text).present(app.window().as_ref());
            }
        ));
    }

    fn show_preferences(&self) {
        let dialog = PreferencesDialog::new(&self.settings(), &self.lab(), &self.keys());
        dialog.connect_changed(clone!(
            #[weak(rename_to = app)]
            self,
            move || following::person_changed(&app)
        ));
        dialog.present(self.window().as_ref());
    }

    fn open_received(&self) {
        let folder = self.options().receive_dir(&self.settings());
        if let Err(error) = std::fs::create_dir_all(&folder) {
            tracing::warn!(%error, folder = %folder.display(), "no folder for received files");
        }
        let launcher = gtk::FileLauncher::new(Some(&gio::File::for_path(folder)));
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            async move {
                // One that is not shown has no place for a question.
                let window = app.window().filter(WidgetExt::is_visible);
                let opened = launcher.launch_future(window.as_ref()).await;
                if let (Err(error), Some(window)) = (opened, window) {
                    window.tell(&error.into());
                }
            }
        ));
    }

    /// Notifies, shares what waited, and keeps the program alive while a session runs.
    fn follow_sessions(&self) {
        let lab = self.lab();
        notifications::follow(self, &lab);
        lab.connect_closure(
            "entered",
            false,
            glib::closure_local!(
                #[watch(rename_to = app)]
                self,
                move |_lab: Lab, session: Session| {
                    if session.teaching() {
                        app.share_waiting(&session);
                    }
                }
            ),
        );
        lab.connect_closure(
            "changed",
            false,
            glib::closure_local!(
                #[watch(rename_to = app)]
                self,
                move |lab: Lab| {
                    background::set_status(lab.live().as_ref());
                    following::keep_alive(app);
                    following::session_changed(app);
                }
            ),
        );
    }
}
