//! One student: who, on which machine, in which state.

use std::cell::RefCell;

use gettextrs::gettext;
use gtk::glib::{Properties, clone};
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use gtk::{gio, glib};

use crate::i18n::gettext_f;
use crate::model::participant::Participant;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::RosterRow)]
    #[template(file = "roster_row.ui")]
    pub struct RosterRow {
        /// Who is shown.
        #[property(get, set = Self::set_student, nullable)]
        student: RefCell<Option<Participant>>,
        #[template_child]
        state: TemplateChild<gtk::Box>,
        #[template_child]
        more: TemplateChild<gtk::MenuButton>,
        watch: RefCell<Option<(Participant, Vec<glib::SignalHandlerId>)>>,
    }

    impl RosterRow {
        fn set_student(&self, student: Option<Participant>) {
            if let Some((before, ids)) = self.watch.take() {
                for id in ids {
                    before.disconnect(id);
                }
            }
            if let Some(student) = &student {
                self.colour(student);
                self.offer(student);
                let state = student.connect_state_text_notify(clone!(
                    #[weak(rename_to = row)]
                    self,
                    move |student| row.colour(student)
                ));
                let muted = student.connect_muted_notify(clone!(
                    #[weak(rename_to = row)]
                    self,
                    move |student| row.offer(student)
                ));
                self.watch
                    .replace(Some((student.clone(), vec![state, muted])));
            }
            self.student.replace(student);
        }

        /// What can be done about the student.
        fn offer(&self, student: &Participant) {
            let (label, action) = if student.muted() {
                // Translators: the teacher reads again what a student writes.
                (gettext("_Unmute"), "session.unmute")
            } else {
                // Translators: nobody reads any more what a student writes.
                (gettext("_Mute"), "session.mute")
            };
            let menu = gio::Menu::new();
            if let Some(device) = student.device() {
                let item = gio::MenuItem::new(Some(&label), None);
                item.set_action_and_target_value(
                    Some(action),
                    Some(&device.to_string().to_variant()),
                );
                menu.append_item(&item);
            }
            self.more.set_menu_model(Some(&menu));
            self.more.set_visible(!student.past());
            let name = gettext_f("More for {name}", &[("name", &student.name())]);
            self.more
                .update_property(&[gtk::accessible::Property::Label(&name)]);
        }

        fn colour(&self, student: &Participant) {
            let class = match (student.problem(), student.away()) {
                (true, _) => &["warning"],
                (_, true) => &["dim-label"],
                _ => &[] as &[&str],
            };
            self.state.set_css_classes(class);
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for RosterRow {
        const NAME: &'static str = "HandoutRosterRow";
        type Type = super::RosterRow;
        type ParentType = gtk::Box;

        fn class_init(klass: &mut Self::Class) {
            Participant::ensure_type();
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for RosterRow {}
    impl WidgetImpl for RosterRow {}
    impl BoxImpl for RosterRow {}
}

glib::wrapper! {
    /// One student.
    pub struct RosterRow(ObjectSubclass<imp::RosterRow>)
        @extends gtk::Widget, gtk::Box,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::Orientable;
}

impl Default for RosterRow {
    fn default() -> Self {
        glib::Object::new()
    }
}
