//! Preferences: who is trusted on this computer. Who is removed can be taken back for a moment.

use std::cell::{OnceCell, RefCell};
use std::sync::OnceLock;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use gtk::glib::subclass::Signal;

use super::preferences_dialog::managed;
use crate::error::AppError;
use crate::i18n::gettext_f;
use crate::model::keys::{Keys, Trusted};
use crate::model::lab::Lab;
use crate::settings::Settings;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "trust_page.ui")]
    pub struct TrustPage {
        #[template_child]
        pub ask: TemplateChild<adw::SwitchRow>,
        #[template_child]
        list: TemplateChild<gtk::ListBox>,
        pub keys: OnceCell<Keys>,
        pub lab: OnceCell<Lab>,
        /// Removed, and not yet for good.
        removed: RefCell<Vec<Trusted>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for TrustPage {
        const NAME: &'static str = "HandoutTrustPage";
        type Type = super::TrustPage;
        type ParentType = adw::PreferencesPage;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for TrustPage {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("changed").build()])
        }
    }

    impl WidgetImpl for TrustPage {}
    impl PreferencesPageImpl for TrustPage {}

    impl TrustPage {
        /// Shows who is trusted, but for those who were just removed.
        pub fn fill(&self) {
            self.list.remove_all();
            let listed = self
                .keys
                .get()
                .map_or_else(|| Ok(Vec::new()), Keys::trusted);
            let trusted = listed.unwrap_or_else(|error| {
                self.tell(&error);
                Vec::new()
            });
            let removed = self.removed.borrow().clone();
            let shown: Vec<_> = trusted
                .iter()
                .filter(|one| !removed.contains(one))
                .collect();
            if shown.is_empty() {
                let row = adw::ActionRow::builder()
                    .title(gettext("Nobody Yet"))
                    .subtitle(gettext(
                        "You are asked when a session by somebody unknown appears.",
                    ))
                    .build();
                self.list.append(&row);
            }
            for one in shown {
                self.list.append(&self.row(one));
            }
        }

        fn row(&self, trusted: &Trusted) -> adw::ActionRow {
            let row = adw::ActionRow::builder()
                .use_markup(false)
                .title(&trusted.name)
                .subtitle(&trusted.words)
                .subtitle_selectable(true)
                .build();
            let icon = if trusted.institution {
                "handout-verified-symbolic"
            } else {
                "avatar-default-symbolic"
            };
            row.add_prefix(&gtk::Image::from_icon_name(icon));
            if trusted.managed {
                let label = gtk::Label::builder()
                    .label(managed())
                    .css_classes(["dim-label", "caption"])
                    .build();
                row.add_suffix(&label);
                return row;
            }
            let button = gtk::Button::builder()
                .icon_name("user-trash-symbolic")
                .tooltip_text(gettext("Trust No Longer"))
                .valign(gtk::Align::Center)
                .css_classes(["flat"])
                .build();
            let label = gettext_f("Trust {name} no longer", &[("name", &trusted.name)]);
            button.update_property(&[gtk::accessible::Property::Label(&label)]);
            let trusted = trusted.clone();
            button.connect_clicked(clone!(
                #[weak(rename_to = page)]
                self,
                move |_| page.remove(&trusted)
            ));
            row.add_suffix(&button);
            row
        }

        fn remove(&self, trusted: &Trusted) {
            self.removed.borrow_mut().push(trusted.clone());
            self.fill();
            let toast = adw::Toast::builder()
                .title(gettext_f(
                    "{name} is no longer trusted",
                    &[("name", &trusted.name)],
                ))
                .use_markup(false)
                .button_label(gettext("_Undo"))
                .timeout(10)
                .build();
            let one = trusted.clone();
            toast.connect_button_clicked(clone!(
                #[weak(rename_to = page)]
                self,
                move |_| {
                    page.removed.borrow_mut().retain(|other| *other != one);
                    page.fill();
                }
            ));
            let one = trusted.clone();
            toast.connect_dismissed(clone!(
                #[weak(rename_to = page)]
                self,
                move |_| page.forget(&one)
            ));
            let dialog = self.obj().ancestor(adw::PreferencesDialog::static_type());
            if let Some(dialog) = dialog.and_downcast::<adw::PreferencesDialog>() {
                dialog.add_toast(toast);
            }
        }

        /// Those who were removed and not taken back are trusted no longer.
        pub fn settle(&self) {
            for trusted in self.removed.borrow().clone() {
                self.forget(&trusted);
            }
        }

        fn forget(&self, trusted: &Trusted) {
            if !self.removed.borrow().contains(trusted) {
                return;
            }
            self.removed.borrow_mut().retain(|other| other != trusted);
            let (Some(keys), Some(lab)) = (self.keys.get(), self.lab.get()) else {
                return;
            };
            if let Err(error) = keys.forget(trusted) {
                self.tell(&error);
            }
            self.fill();
            if trusted.institution {
                self.obj().emit_by_name::<()>("changed", &[]);
                return;
            }
            // The running engine knows the teacher, too.
            let (lab, key) = (lab.clone(), trusted.key);
            glib::spawn_future_local(async move {
                let told = async { lab.backend()?.distrust(key).await };
                if let Err(error) = told.await {
                    tracing::warn!("{error}");
                }
            });
        }

        fn tell(&self, error: &AppError) {
            tracing::warn!("{error}");
            let dialog = self.obj().ancestor(adw::PreferencesDialog::static_type());
            if let (Some(dialog), Some(text)) = (
                dialog.and_downcast::<adw::PreferencesDialog>(),
                error.user_text(),
            ) {
                dialog.add_toast(adw::Toast::builder().title(text).use_markup(false).build());
            }
        }
    }
}

glib::wrapper! {
    /// Who is trusted.
    pub struct TrustPage(ObjectSubclass<imp::TrustPage>)
        @extends gtk::Widget, adw::PreferencesPage,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl TrustPage {
    /// Fills the page.
    pub fn setup(&self, settings: &Settings, lab: &Lab, keys: &Keys) {
        let imp = self.imp();
        if imp.keys.set(keys.clone()).is_err() || imp.lab.set(lab.clone()).is_err() {
            return;
        }
        if !settings.bind("trust-unknown-teachers", &*imp.ask, "active") {
            imp.ask.set_subtitle(&managed());
        }
        settings.connect_changed(
            "trust-unknown-teachers",
            clone!(
                #[weak(rename_to = page)]
                self,
                move || page.emit_by_name::<()>("changed", &[])
            ),
        );
        imp.fill();
    }

    /// The dialog is closed: what was not taken back by now counts.
    pub fn settle(&self) {
        self.imp().settle();
    }

    /// Calls back after each change that the engine has to know.
    pub fn connect_changed(&self, told: impl Fn() + 'static) {
        self.connect_closure(
            "changed",
            false,
            glib::closure_local!(move |_page: Self| told()),
        );
    }
}
