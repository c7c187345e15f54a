//! Above a student's feed: who teaches, who vouches for that name, and whether the session is reachable.

use std::cell::RefCell;

use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;

use crate::model::session::Session;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::TeacherStrip)]
    #[template(file = "teacher_strip.ui")]
    pub struct TeacherStrip {
        /// The session whose teacher is shown.
        #[property(get, set, nullable)]
        session: RefCell<Option<Session>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for TeacherStrip {
        const NAME: &'static str = "HandoutTeacherStrip";
        type Type = super::TeacherStrip;
        type ParentType = adw::Bin;

        fn class_init(klass: &mut Self::Class) {
            Session::ensure_type();
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for TeacherStrip {}
    impl WidgetImpl for TeacherStrip {}
    impl BinImpl for TeacherStrip {}
}

glib::wrapper! {
    /// Who teaches.
    pub struct TeacherStrip(ObjectSubclass<imp::TeacherStrip>)
        @extends gtk::Widget, adw::Bin,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}
