//! Preferences: who is sitting here, where received files go, who is trusted, and how the network is used.

use std::cell::OnceCell;
use std::sync::OnceLock;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::clone;
use gtk::glib::subclass::Signal;
use gtk::{gio, glib};

use super::network_page::NetworkPage;
use super::trust_page::TrustPage;
use crate::error::AppError;
use crate::i18n::gettext_f;
use crate::integration::background::{self, Refused};
use crate::integration::entries::Entries;
use crate::model::keys::Keys;
use crate::model::lab::Lab;
use crate::settings::{Settings, Text};

/// Why the program does not start at login, or still does.
fn not_granted(refused: Refused) -> String {
    match refused {
        Refused::Denied => gettext("The system does not allow this. Its settings for apps may."),
        Refused::Cancelled => gettext("Nothing was changed."),
        Refused::Missing => gettext("This desktop cannot do this for a sandboxed app."),
        Refused::NotWritable => gettext("The autostart folder cannot be written to."),
    }
}

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "preferences_dialog.ui")]
    pub struct PreferencesDialog {
        #[template_child]
        name: TemplateChild<adw::EntryRow>,
        #[template_child]
        roll: TemplateChild<adw::EntryRow>,
        #[template_child]
        folder: TemplateChild<adw::ActionRow>,
        #[template_child]
        choose: TemplateChild<gtk::Button>,
        #[template_child]
        largest: TemplateChild<adw::SpinRow>,
        #[template_child]
        reserve: TemplateChild<adw::SpinRow>,
        #[template_child]
        background: TemplateChild<adw::SwitchRow>,
        #[template_child]
        icon: TemplateChild<adw::SwitchRow>,
        #[template_child]
        login: TemplateChild<adw::SwitchRow>,
        #[template_child]
        entries: TemplateChild<adw::SwitchRow>,
        #[template_child]
        pub trust: TemplateChild<TrustPage>,
        #[template_child]
        pub network: TemplateChild<NetworkPage>,
        pub settings: OnceCell<Settings>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for PreferencesDialog {
        const NAME: &'static str = "HandoutPreferencesDialog";
        type Type = super::PreferencesDialog;
        type ParentType = adw::PreferencesDialog;

        fn class_init(klass: &mut Self::Class) {
            TrustPage::ensure_type();
            NetworkPage::ensure_type();
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for PreferencesDialog {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("changed").build()])
        }
    }

    impl WidgetImpl for PreferencesDialog {}
    impl AdwDialogImpl for PreferencesDialog {}
    impl PreferencesDialogImpl for PreferencesDialog {}

    #[gtk::template_callbacks]
    impl PreferencesDialog {
        pub fn fill(&self) {
            let Some(settings) = self.settings.get() else {
                return;
            };
            self.name.set_text(&settings.text(Text::Name));
            self.roll.set_text(&settings.text(Text::Roll));
            self.folder
                .set_subtitle(&settings.receive_folder().display().to_string());
            for (widget, key) in [
                (self.name.upcast_ref::<gtk::Widget>(), Text::Name),
                (self.roll.upcast_ref(), Text::Roll),
                (self.choose.upcast_ref(), Text::ReceiveFolder),
            ] {
                let writable = settings.writable(key);
                widget.set_sensitive(writable);
                if !writable {
                    widget.set_tooltip_text(Some(&managed()));
                }
            }
            if !settings.writable(Text::ReceiveFolder) {
                self.folder.set_title(&managed_title(&gettext("Folder")));
            }
            for (row, title, key) in [
                (&self.name, gettext("Name"), Text::Name),
                (&self.roll, gettext("Roll Number"), Text::Roll),
            ] {
                if !settings.writable(key) {
                    row.set_title(&managed_title(&title));
                    // The text inside is what a screen reader meets.
                    if let Some(text) = row.delegate() {
                        text.set_sensitive(false);
                    }
                }
            }
            for (key, row) in [
                ("run-in-background", &self.background),
                ("tray-icon", &self.icon),
            ] {
                if !settings.bind(key, &**row, "active") {
                    row.set_subtitle(&managed());
                }
            }
            for (key, row) in [
                ("accept-limit", &self.largest),
                ("free-space-reserve", &self.reserve),
            ] {
                if !settings.bind(key, &**row, "value") {
                    row.set_subtitle(&managed());
                }
            }
            self.login.set_active(settings.start_at_login());
            if settings.locked("start-at-login") {
                self.login.set_sensitive(false);
                self.login.set_subtitle(&managed());
            }
            self.login.connect_active_notify(clone!(
                #[weak(rename_to = preferences)]
                self,
                move |row| preferences.wish_login(row.is_active())
            ));
            // Outside of a sandbox the installation has put them in their places.
            if let Some(entries) = Entries::of_sandbox() {
                self.entries.set_visible(true);
                self.entries.set_active(entries.installed());
                self.entries.connect_active_notify(clone!(
                    #[weak(rename_to = preferences)]
                    self,
                    move |row| preferences.wish_entries(&entries, row.is_active())
                ));
            }
        }

        /// Puts the entries of file managers there or takes them away; the switch shows what is the case.
        fn wish_entries(&self, entries: &Entries, wanted: bool) {
            if entries.installed() == wanted {
                return;
            }
            let done = if wanted {
                entries.install()
            } else {
                entries.remove()
            };
            if let Err(error) = done {
                let reason = error.to_string();
                let text = gettext_f(
                    // Translators: "Send to Session" is not added to file managers, or not removed, for this reason.
                    "The file managers’ folders cannot be written to: {reason}",
                    &[("reason", &reason)],
                );
                self.obj().add_toast(adw::Toast::new(&text));
                self.entries.set_active(entries.installed());
            }
        }

        /// Asks the desktop; the switch shows what was granted.
        fn wish_login(&self, wanted: bool) {
            let Some(settings) = self.settings.get().cloned() else {
                return;
            };
            if settings.start_at_login() == wanted {
                return;
            }
            self.login.set_sensitive(false);
            glib::spawn_future_local(clone!(
                #[weak(rename_to = preferences)]
                self,
                async move {
                    let reason = gettext("Wait for sessions without a window");
                    let answer = background::start_at_login(wanted, &reason).await;
                    match answer {
                        Ok(()) => settings.set_start_at_login(wanted),
                        Err(refused) => {
                            let toast = adw::Toast::new(&not_granted(refused));
                            preferences.obj().add_toast(toast);
                        }
                    }
                    preferences.login.set_active(settings.start_at_login());
                    preferences.login.set_sensitive(true);
                }
            ));
        }

        #[template_callback]
        fn save_name(&self) {
            self.save(Text::Name, self.name.text().trim());
        }

        #[template_callback]
        fn save_roll(&self) {
            self.save(Text::Roll, self.roll.text().trim());
        }

        fn save(&self, key: Text, value: &str) {
            if let Some(settings) = self.settings.get() {
                settings.set_text(key, value);
                self.obj().emit_by_name::<()>("changed", &[]);
            }
        }

        fn tell(&self, error: &AppError) {
            if let Some(text) = error.user_text() {
                let toast = adw::Toast::builder().title(text).use_markup(false).build();
                self.obj().add_toast(toast);
            }
        }

        #[template_callback]
        fn choose_folder(&self) {
            let dialog = gtk::FileDialog::builder()
                .title(gettext("Folder for Received Files"))
                .build();
            if let Some(settings) = self.settings.get() {
                dialog.set_initial_folder(Some(&gio::File::for_path(settings.receive_folder())));
            }
            let window = self.obj().root().and_downcast::<gtk::Window>();
            glib::spawn_future_local(clone!(
                #[weak(rename_to = preferences)]
                self,
                async move {
                    let folder = dialog.select_folder_future(window.as_ref()).await;
                    match folder.map(|folder| (folder.path(), folder.parse_name())) {
                        Ok((Some(path), _)) => {
                            preferences.save(Text::ReceiveFolder, &path.to_string_lossy());
                            preferences.folder.set_subtitle(&path.display().to_string());
                        }
                        Ok((None, name)) => preferences.tell(&AppError::NoFolder(name.into())),
                        Err(error) => preferences.tell(&error.into()),
                    }
                }
            ));
        }
    }
}

glib::wrapper! {
    /// Preferences.
    pub struct PreferencesDialog(ObjectSubclass<imp::PreferencesDialog>)
        @extends gtk::Widget, adw::Dialog, adw::PreferencesDialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl PreferencesDialog {
    /// The dialog for these settings.
    pub fn new(settings: &Settings, lab: &Lab, keys: &Keys) -> Self {
        let dialog: Self = glib::Object::new();
        let imp = dialog.imp();
        if imp.settings.set(settings.clone()).is_ok() {
            imp.fill();
            imp.trust.setup(settings, lab, keys);
            imp.network.setup(settings, lab);
            let changed = clone!(
                #[weak]
                dialog,
                move || dialog.emit_by_name::<()>("changed", &[])
            );
            imp.trust.connect_changed(changed.clone());
            imp.network.connect_changed(changed);
            dialog.connect_closed(|dialog| dialog.imp().trust.settle());
        }
        dialog
    }

    /// Calls back after each change.
    pub fn connect_changed(&self, told: impl Fn() + 'static) {
        self.connect_closure(
            "changed",
            false,
            glib::closure_local!(move |_dialog: Self| told()),
        );
    }
}

/// What is said of a key that an administrator has locked.
pub fn managed() -> String {
    gettext("Managed by your organisation")
}

fn managed_title(title: &str) -> String {
    gettext_f(
        // Translators: the title of an entry in the preferences that an administrator has locked.
        "{title} (managed by your organisation)",
        &[("title", title)],
    )
}
