//! The students of a session: who needs help first.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gtk::glib;
use gtk::glib::{Properties, clone};

use super::roster_row::RosterRow;
use crate::model::participant::Participant;
use crate::model::session::Session;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::Roster)]
    #[template(file = "roster.ui")]
    pub struct Roster {
        /// The session whose students are shown.
        #[property(get, set = Self::set_session, nullable)]
        session: RefCell<Option<Session>>,
        #[template_child]
        stack: TemplateChild<gtk::Stack>,
        #[template_child]
        scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        list: TemplateChild<gtk::ListView>,
    }

    impl Roster {
        fn set_session(&self, session: Option<Session>) {
            if let Some(session) = &session {
                let people = session.people();
                let sorted = gtk::SortListModel::new(Some(people.clone()), Some(sorter()));
                sorted.set_incremental(true);
                self.list
                    .set_model(Some(&gtk::NoSelection::new(Some(sorted))));
                people.connect_items_changed(clone!(
                    #[weak(rename_to = roster)]
                    self,
                    move |people, _, _, _| roster.fill(people.n_items())
                ));
                self.fill(people.n_items());
            }
            self.session.replace(session);
        }

        /// Who needs help comes first, and is seen unless the teacher has scrolled down.
        fn fill(&self, people: u32) {
            if people > 0 && self.scroll.vadjustment().value() < 1.0 {
                self.list.scroll_to(0, gtk::ListScrollFlags::NONE, None);
            }
            let page = if people == 0 { "empty" } else { "people" };
            self.stack.set_visible_child_name(page);
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Roster {
        const NAME: &'static str = "HandoutRoster";
        type Type = super::Roster;
        type ParentType = adw::Bin;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for Roster {
        fn constructed(&self) {
            self.parent_constructed();
            self.list.set_factory(Some(&factory()));
        }
    }

    impl WidgetImpl for Roster {}
    impl BinImpl for Roster {}
}

glib::wrapper! {
    /// The students of a session.
    pub struct Roster(ObjectSubclass<imp::Roster>)
        @extends gtk::Widget, adw::Bin,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

/// Sorts by problem, presence, roll number and name, and again when one of them changes.
fn sorter() -> gtk::Sorter {
    let sorter = gtk::MultiSorter::new();
    for property in ["calm", "away"] {
        let expression = gtk::PropertyExpression::new(
            Participant::static_type(),
            gtk::Expression::NONE,
            property,
        );
        sorter.append(gtk::NumericSorter::new(Some(expression)));
    }
    let expression =
        gtk::PropertyExpression::new(Participant::static_type(), gtk::Expression::NONE, "order");
    sorter.append(gtk::StringSorter::new(Some(expression)));
    sorter.upcast()
}

fn factory() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_activatable(false);
            item.set_child(Some(&RosterRow::default()));
            item.property_expression("item")
                .chain_property::<Participant>("spoken")
                .bind(item, "accessible-label", Some(item));
        }
    });
    factory.connect_bind(|_, item| {
        let Some(item) = item.downcast_ref::<gtk::ListItem>() else {
            return;
        };
        let student = item.item().and_downcast::<Participant>();
        if let (Some(row), Some(student)) = (item.child().and_downcast::<RosterRow>(), student) {
            row.set_student(Some(student));
        }
    });
    factory
}
