//! One student: who, on which machine, in which state.

use std::cell::RefCell;

use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;
use gtk::subclass::prelude::*;

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
        watch: RefCell<Option<(Participant, glib::SignalHandlerId)>>,
    }

    impl RosterRow {
        fn set_student(&self, student: Option<Participant>) {
            if let Some((before, id)) = self.watch.take() {
                before.disconnect(id);
            }
            if let Some(student) = &student {
                self.colour(student);
                let row = self.obj().downgrade();
                let id = student.connect_state_text_notify(move |student| {
                    if let Some(row) = row.upgrade() {
                        row.imp().colour(student);
                    }
                });
                self.watch.replace(Some((student.clone(), id)));
            }
            self.student.replace(student);
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
