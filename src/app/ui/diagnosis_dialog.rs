//! "Can't see your session?": what this computer uses, sends and hears, in words that can be copied.

use std::cell::{OnceCell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::api::{Diagnosis, SessionState, SessionView};
use handout_engine::target::Target;

use super::qr_code;
use crate::diagnosis;
use crate::error::AppError;
use crate::model::lab::Lab;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "diagnosis_dialog.ui")]
    pub struct DiagnosisDialog {
        #[template_child]
        verdict: TemplateChild<gtk::Label>,
        #[template_child]
        interfaces: TemplateChild<gtk::ListBox>,
        #[template_child]
        refused_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        refused: TemplateChild<gtk::ListBox>,
        #[template_child]
        own_group: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        own: TemplateChild<gtk::ListBox>,
        #[template_child]
        typed: TemplateChild<adw::PreferencesGroup>,
        #[template_child]
        address: TemplateChild<adw::EntryRow>,
        pub lab: OnceCell<Lab>,
        text: RefCell<String>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DiagnosisDialog {
        const NAME: &'static str = "HandoutDiagnosisDialog";
        type Type = super::DiagnosisDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for DiagnosisDialog {}
    impl WidgetImpl for DiagnosisDialog {}
    impl AdwDialogImpl for DiagnosisDialog {}

    #[gtk::template_callbacks]
    impl DiagnosisDialog {
        #[template_callback]
        pub fn look(&self) {
            glib::spawn_future_local(clone!(
                #[weak(rename_to = dialog)]
                self,
                async move {
                    let Some(lab) = dialog.lab.get() else { return };
                    let found = match lab.backend() {
                        Ok(backend) => backend.diagnosis().await,
                        Err(error) => Err(error),
                    };
                    match found {
                        Ok(found) => dialog.show(&found),
                        Err(error) => {
                            let text = error.user_text().unwrap_or_default();
                            dialog.verdict.set_label(&text);
                        }
                    }
                }
            ));
        }

        fn show(&self, found: &Diagnosis) {
            let mut words = vec![diagnosis::verdict(found)];
            words.extend(diagnosis::remarks(found));
            self.verdict.set_label(&words.join("\n\n"));
            self.own.remove_all();
            let teaching = |session: &SessionView| session.state == SessionState::Teaching;
            let own = if found.sessions.iter().any(teaching) {
                found.own_links()
            } else {
                Vec::new()
            };
            self.own_group.set_visible(!own.is_empty());
            self.typed.set_visible(own.is_empty());
            for link in own {
                self.own.append(&copyable(&link));
            }
            self.interfaces.remove_all();
            for interface in &found.interfaces {
                let icon = if interface.used {
                    "handout-saved-symbolic"
                } else {
                    "action-unavailable-symbolic"
                };
                let (title, facts) = diagnosis::interface(interface);
                self.interfaces.append(&row(icon, &title, &facts));
            }
            self.refused.remove_all();
            self.refused_group.set_visible(!found.refused.is_empty());
            for refused in &found.refused {
                let (title, facts) = diagnosis::refused(refused);
                self.refused
                    .append(&row("dialog-warning-symbolic", &title, &facts));
            }
            self.text.replace(diagnosis::report(found));
        }

        /// Looks for the session at the address that was typed.
        #[template_callback]
        fn connect(&self) {
            let text = self.address.text();
            let target = Target::parse(text.trim()).ok();
            let Some(address) = target.and_then(|target| target.address()) else {
                self.address.add_css_class("error");
                let error = AppError::NoLink(text.into());
                self.verdict
                    .set_label(&error.user_text().unwrap_or_default());
                return;
            };
            self.address.remove_css_class("error");
            glib::spawn_future_local(clone!(
                #[weak(rename_to = dialog)]
                self,
                async move {
                    let Some(lab) = dialog.lab.get() else { return };
                    let connected = async { lab.backend()?.connect(address).await };
                    if let Err(error) = connected.await {
                        let text = error.user_text().unwrap_or_default();
                        dialog.verdict.set_label(&text);
                    } else {
                        dialog.obj().close();
                    }
                }
            ));
        }

        #[template_callback]
        fn copy(&self) {
            self.obj().clipboard().set_text(&self.text.borrow());
        }
    }
}

glib::wrapper! {
    /// What this computer uses, sends and hears.
    pub struct DiagnosisDialog(ObjectSubclass<imp::DiagnosisDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl DiagnosisDialog {
    /// The dialog; it looks at once.
    pub fn new(lab: &Lab) -> Self {
        let dialog: Self = glib::Object::new();
        if dialog.imp().lab.set(lab.clone()).is_ok() {
            dialog.imp().look();
        }
        dialog
    }
}

/// A link with buttons that copy it and show it as a QR code.
fn copyable(link: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder()
        .use_markup(false)
        .title(link)
        .title_selectable(true)
        .build();
    let copy = gtk::Button::builder()
        .icon_name("edit-copy-symbolic")
        .tooltip_text(gettext("Copy"))
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    copy.update_property(&[gtk::accessible::Property::Label(&gettext("Copy"))]);
    let text = link.to_owned();
    copy.connect_clicked(move |button| button.clipboard().set_text(&text));
    row.add_suffix(&copy);
    if let Some(code) = qr_code::button(link) {
        row.add_suffix(&code);
    }
    row
}

fn row(icon: &str, title: &str, facts: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder()
        .use_markup(false)
        .title(title)
        .subtitle(facts)
        .subtitle_selectable(true)
        .build();
    let image = gtk::Image::builder()
        .icon_name(icon)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    row.add_prefix(&image);
    row
}
