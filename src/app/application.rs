//! The application: settings, the engine, the window, and the actions that need no window.

use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib::{ExitCode, clone};
use gtk::{gio, glib};
use handout_engine::api::Config;

use crate::config;
use crate::error::AppError;
use crate::i18n::ngettext_f;
use crate::integration::notifications;
use crate::model::history::History;
use crate::model::identity;
use crate::model::keys::Keys;
use crate::model::lab::Lab;
use crate::model::session::Session;
use crate::options::Options;
use crate::settings::Settings;
use crate::ui::{PreferencesDialog, Window, about};

/// Bytes of the disk that stay free.
const FREE_SPACE_RESERVE: u64 = 256 << 20;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Application {
        pub options: OnceCell<Options>,
        pub settings: OnceCell<Settings>,
        pub lab: OnceCell<Lab>,
        /// Files that were given before there was a session to share them in.
        pub waiting: RefCell<Vec<PathBuf>>,
        /// Held while a session runs, so that it goes on without a window.
        pub hold: RefCell<Option<gio::ApplicationHoldGuard>>,
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
                    // Nothing reads the options before this.
                    let _ = self.options.set(options);
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
            let _ = self.settings.set(Settings::default());
            let _ = self.lab.set(Lab::default());
            self.obj().setup_actions();
            self.obj().follow_sessions();
            self.obj().follow_limit();
        }

        fn activate(&self) {
            self.parent_activate();
            self.obj().show_window();
        }

        fn open(&self, files: &[gio::File], _hint: &str) {
            self.obj().show_window();
            self.obj().share(files);
        }

        fn shutdown(&self) {
            if let Some(lab) = self.lab.get() {
                // The engine writes what is open; the main loop has ended, so this waits for it.
                glib::MainContext::default().block_on(lab.stop());
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

    fn options(&self) -> Options {
        self.imp().options.get().cloned().unwrap_or_default()
    }

    fn settings(&self) -> Settings {
        self.imp().settings.get_or_init(Settings::default).clone()
    }

    fn lab(&self) -> Lab {
        self.imp().lab.get_or_init(Lab::default).clone()
    }

    fn window(&self) -> Option<Window> {
        self.windows()
            .into_iter()
            .find_map(|window| window.downcast().ok())
    }

    fn show_window(&self) {
        let window = self.window().unwrap_or_else(|| {
            let window = Window::new(self, &self.lab(), &self.settings());
            if let Some(home) = window.home() {
                home.connect_person_changed(clone!(
                    #[weak(rename_to = app)]
                    self,
                    move || app.person_changed()
                ));
            }
            if self.lab().backend().is_err() {
                self.start_engine(&window);
            }
            window
        });
        window.present();
        self.withdraw_notification(notifications::NEWS);
    }

    fn start_engine(&self, window: &Window) {
        #[cfg(feature = "scenes")]
        if let Some(scene) = self.options().scene {
            let (backend, events) = crate::model::scenes::start(&scene);
            self.lab().attach(backend, events);
            return;
        }
        if let Err(error) = self.lab().start(self.engine_config()) {
            tracing::error!("the engine did not start: {error}");
            if let (Some(home), Some(text)) = (window.home(), error.user_text()) {
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
            free_space_reserve: FREE_SPACE_RESERVE,
            upload_limit: settings.upload_limit(),
        }
    }

    /// Name, roll number or folder changed: the engine starts anew, unless a session is running.
    fn person_changed(&self) {
        let lab = self.lab();
        if let Some(home) = self.window().as_ref().and_then(Window::home) {
            home.refresh();
        }
        if lab.live().is_some() {
            return;
        }
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            async move {
                lab.stop().await;
                if let Some(window) = app.window() {
                    app.start_engine(&window);
                }
            }
        ));
    }

    fn setup_actions(&self) {
        let entry = |name: &str, act: fn(&Self)| {
            gio::ActionEntry::builder(name)
                .activate(move |app: &Self, _, _| act(app))
                .build()
        };
        self.add_action_entries([
            entry("quit", ApplicationExt::quit),
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
            move || app.person_changed()
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
                let window = app.window();
                let opened = launcher.launch_future(window.as_ref()).await;
                if let (Err(error), Some(window)) = (opened, window) {
                    window.tell(&error.into());
                }
            }
        ));
    }

    /// Shares files in the running session, or keeps them until one is started.
    fn share(&self, files: &[gio::File]) {
        let paths = files.iter().filter_map(FileExt::path);
        self.imp().waiting.borrow_mut().extend(paths);
        if let Some(session) = self.lab().live().filter(Session::teaching) {
            self.share_waiting(&session);
        } else if let Some(window) = self.window() {
            let n = u32::try_from(self.imp().waiting.borrow().len()).unwrap_or(u32::MAX);
            window.toast(&ngettext_f(
                "Start a session to share this file",
                "Start a session to share these {n} files",
                n,
                &[],
            ));
        }
    }

    fn share_waiting(&self, session: &Session) {
        let paths = self.imp().waiting.take();
        if paths.is_empty() {
            return;
        }
        let (lab, session) = (self.lab(), session.clone());
        glib::spawn_future_local(clone!(
            #[weak(rename_to = app)]
            self,
            async move {
                let shared: Result<_, AppError> = lab.share(&session, paths).await;
                if let (Err(error), Some(window)) = (shared, app.window()) {
                    window.tell(&error);
                }
            }
        ));
    }

    /// An upload limit counts at once, also while a session runs.
    fn follow_limit(&self) {
        let (lab, settings) = (self.lab(), self.settings());
        let changed = settings.clone();
        settings.connect_changed("upload-limit", move || {
            let (lab, limit) = (lab.clone(), changed.upload_limit());
            glib::spawn_future_local(async move {
                let set = async { lab.backend()?.set_upload_limit(limit).await };
                if let Err(error) = set.await {
                    tracing::warn!("{error}");
                }
            });
        });
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
                    let running = lab.live().is_some().then(|| app.hold());
                    app.imp().hold.replace(running);
                }
            ),
        );
    }
}
