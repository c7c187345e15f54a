//! Starts a session: its title, and the key it is signed with. A teacher without a key makes one here.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::PathBuf;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::Engine;
use handout_engine::archive::PastSession;

use crate::error::AppError;
use crate::i18n::{gettext_f, ngettext_f};
use crate::model::keys::{KeyInfo, Keys, Teacher};
use crate::model::lab::Lab;
use crate::settings::{Settings, Text};

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "teach_dialog.ui")]
    pub struct TeachDialog {
        #[template_child]
        start: TemplateChild<gtk::Button>,
        #[template_child]
        banner: TemplateChild<adw::Banner>,
        #[template_child]
        page: TemplateChild<adw::PreferencesPage>,
        #[template_child]
        interrupted: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        resume: TemplateChild<adw::SwitchRow>,
        #[template_child]
        titled: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        course: TemplateChild<adw::EntryRow>,
        #[template_child]
        admission: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pin: TemplateChild<adw::SwitchRow>,
        #[template_child]
        known: TemplateChild<adw::PreferencesGroup>,
        #[template_child(id = "keys")]
        choice: TemplateChild<adw::ComboRow>,
        #[template_child]
        passphrase: TemplateChild<adw::PasswordEntryRow>,
        #[template_child]
        create: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        name: TemplateChild<adw::EntryRow>,
        #[template_child]
        protect: TemplateChild<adw::PasswordEntryRow>,
        #[template_child]
        pub waiting: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        pub share_waiting: TemplateChild<adw::SwitchRow>,
        pub forget: RefCell<Option<Box<dyn Fn()>>>,
        pub lab: OnceCell<Lab>,
        pub settings: OnceCell<Settings>,
        pub keys: OnceCell<Keys>,
        pub past: OnceCell<PastSession>,
        found: RefCell<Vec<KeyInfo>>,
        busy: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for TeachDialog {
        const NAME: &'static str = "HandoutTeachDialog";
        type Type = super::TeachDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for TeachDialog {}
    impl WidgetImpl for TeachDialog {}
    impl AdwDialogImpl for TeachDialog {}

    #[gtk::template_callbacks]
    impl TeachDialog {
        pub fn fill(&self) {
            if let Some(settings) = self.settings.get() {
                self.course.set_text(&settings.text(Text::Course));
                self.name.set_text(&settings.text(Text::Name));
            }
            if let Some(past) = self.past.get() {
                self.resume
                    .set_title(&gettext_f("Resume “{title}”", &[("title", &past.title)]));
            }
            self.list();
            let first: &gtk::Widget = match self.resumed() {
                Some(_) => self.resume.upcast_ref(),
                None => self.course.upcast_ref(),
            };
            self.obj().set_focus(Some(first));
        }

        /// The interrupted session that is to go on.
        fn resumed(&self) -> Option<&PastSession> {
            self.past.get().filter(|_| self.resume.is_active())
        }

        /// Looks which keys there are.
        fn list(&self) {
            let listed = self.keys.get().map_or_else(|| Ok(Vec::new()), Keys::list);
            let found = self.or_say(listed).unwrap_or_default();
            let names: Vec<_> = found.iter().map(KeyInfo::label).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            self.choice.set_model(Some(&gtk::StringList::new(&names)));
            self.known.set_visible(!found.is_empty());
            // A session goes on with the key that it was begun with, not with a new one.
            let resumable = self.past.get().is_some() && !found.is_empty();
            self.interrupted.set_visible(resumable);
            self.resume.set_active(resumable);
            self.create.set_visible(found.is_empty());
            self.found.replace(found);
            self.changed();
        }

        fn chosen(&self) -> Option<KeyInfo> {
            let place = usize::try_from(self.choice.selected()).ok()?;
            self.found.borrow().get(place).cloned()
        }

        #[template_callback]
        fn changed(&self) {
            let chosen = self.chosen();
            let locked = chosen.as_ref().is_some_and(|key| key.locked);
            self.passphrase.set_visible(locked);
            let key = match chosen {
                Some(_) => !locked || !self.passphrase.text().is_empty(),
                None => !self.name.text().trim().is_empty(),
            };
            let resumes = self.resumed().is_some();
            self.titled.set_visible(!resumes);
            self.admission.set_visible(!resumes);
            self.start.set_label(&if resumes {
                gettext("_Resume")
            } else {
                gettext("_Start")
            });
            let title = resumes || !self.course.text().trim().is_empty();
            self.start.set_sensitive(key && title && !self.busy.get());
        }

        #[template_callback]
        fn cancel(&self) {
            self.obj().close();
        }

        #[template_callback]
        fn start(&self) {
            if !self.start.is_sensitive() {
                return;
            }
            self.set_busy(true);
            glib::spawn_future_local(clone!(
                #[weak(rename_to = dialog)]
                self,
                async move {
                    let started = dialog.teach().await;
                    dialog.set_busy(false);
                    if dialog.or_say(started).is_some() {
                        dialog.obj().force_close();
                    }
                }
            ));
        }

        async fn teach(&self) -> Result<(), AppError> {
            let (Some(lab), Some(settings)) = (self.lab.get(), self.settings.get()) else {
                return Err(AppError::Cancelled);
            };
            let title = self.course.text().trim().to_owned();
            let teacher = self.teacher().await?;
            // Opening a key takes a while, and the dialog may have been closed meanwhile.
            if !self.obj().is_mapped() {
                return Err(AppError::Cancelled);
            }
            if !self.share_waiting.is_active()
                && let Some(forget) = self.forget.take()
            {
                forget();
            }
            if let Some(past) = self.resumed() {
                return lab.resume(past.session, &teacher).await;
            }
            let pin = if self.pin.is_active() {
                Some(Engine::random_pin()?)
            } else {
                None
            };
            lab.teach(&title, &teacher, pin).await?;
            settings.set_text(Text::Course, &title);
            Ok(())
        }

        async fn teacher(&self) -> Result<Teacher, AppError> {
            let keys = self.keys.get().ok_or(AppError::Cancelled)?;
            match self.chosen() {
                Some(key) => keys.unlock(&key, &self.passphrase.text()).await,
                None => {
                    keys.create(self.name.text().trim(), &self.protect.text())
                        .await
                }
            }
        }

        #[template_callback]
        fn import(&self) {
            let dialog = gtk::FileDialog::builder()
                .title(gettext("Import a Key or Certificate"))
                .accept_label(gettext("_Import"))
                .build();
            let window = self.obj().root().and_downcast::<gtk::Window>();
            glib::spawn_future_local(clone!(
                #[weak(rename_to = teach)]
                self,
                async move {
                    let file = dialog.open_future(window.as_ref()).await;
                    let imported = match (file, teach.keys.get()) {
                        (Ok(file), Some(keys)) => keys.import(&file),
                        (Err(error), _) => Err(error.into()),
                        _ => Ok(()),
                    };
                    if teach.or_say(imported).is_some() {
                        teach.list();
                    }
                }
            ));
        }

        fn set_busy(&self, busy: bool) {
            self.busy.set(busy);
            self.page.set_sensitive(!busy);
            self.changed();
        }

        /// The value, or the reason in the banner.
        fn or_say<T>(&self, result: Result<T, AppError>) -> Option<T> {
            match result {
                Ok(value) => {
                    self.banner.set_revealed(false);
                    Some(value)
                }
                Err(error) => {
                    if let Some(text) = error.user_text() {
                        tracing::warn!("{error}");
                        self.banner.set_title(&text);
                        self.banner.set_revealed(true);
                    }
                    None
                }
            }
        }
    }
}

glib::wrapper! {
    /// Starts a session.
    pub struct TeachDialog(ObjectSubclass<imp::TeachDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl TeachDialog {
    /// The dialog for these keys; it offers to go on with `past`, which was interrupted.
    pub fn new(lab: &Lab, settings: &Settings, keys: &Keys, past: Option<PastSession>) -> Self {
        let dialog: Self = glib::Object::new();
        let imp = dialog.imp();
        if let Some(past) = past {
            imp.past.get_or_init(|| past);
        }
        if imp.lab.set(lab.clone()).is_ok()
            && imp.settings.set(settings.clone()).is_ok()
            && imp.keys.set(keys.clone()).is_ok()
        {
            imp.fill();
        }
        dialog
    }

    /// Calls back where what waits is not to be shared.
    pub fn connect_forgotten(&self, told: impl Fn() + 'static) {
        self.imp().forget.replace(Some(Box::new(told)));
    }

    /// Shows what was given before there was a session, and is shared in it.
    pub fn name_waiting(&self, files: &[PathBuf]) {
        let imp = self.imp();
        let names = files
            .iter()
            .map(|path| path.file_name().unwrap_or_default());
        let names: Vec<_> = names.map(|name| name.display().to_string()).collect();
        imp.waiting.set_visible(!names.is_empty());
        imp.share_waiting.set_title(&ngettext_f(
            "Share the File That Waits",
            "Share the {n} Files That Wait",
            u32::try_from(names.len()).unwrap_or(u32::MAX),
            &[],
        ));
        imp.share_waiting.set_subtitle(&names.join(", "));
    }
}
