//! "Can't see your session?": what this computer uses, sends and hears, in words that can be copied.

use std::cell::{OnceCell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::api::Diagnosis;

use crate::diagnosis;
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
            self.verdict.set_label(&diagnosis::verdict(found));
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
