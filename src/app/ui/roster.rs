//! The students of a session: who needs help first. They can be searched, and those with problems shown alone.

use std::cell::{OnceCell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::{Properties, clone};

use super::roster_row::RosterRow;
use crate::format;
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
        pub search: TemplateChild<gtk::SearchEntry>,
        #[template_child]
        all: TemplateChild<gtk::ToggleButton>,
        #[template_child]
        problems: TemplateChild<gtk::ToggleButton>,
        #[template_child]
        shown: TemplateChild<gtk::Stack>,
        #[template_child]
        nobody: TemplateChild<adw::StatusPage>,
        #[template_child]
        scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        list: TemplateChild<gtk::ListView>,
        filter: OnceCell<gtk::CustomFilter>,
    }

    #[gtk::template_callbacks]
    impl Roster {
        fn set_session(&self, session: Option<Session>) {
            if let Some(session) = &session {
                let people = session.people();
                let found =
                    gtk::FilterListModel::new(Some(people.clone()), self.filter.get().cloned());
                found.set_incremental(true);
                let sorted = gtk::SortListModel::new(Some(found), Some(sorter()));
                sorted.set_incremental(true);
                sorted.connect_items_changed(clone!(
                    #[weak(rename_to = roster)]
                    self,
                    move |shown, _, _, _| roster.show(shown.n_items())
                ));
                self.show(sorted.n_items());
                self.list
                    .set_model(Some(&gtk::NoSelection::new(Some(sorted))));
                people.connect_items_changed(clone!(
                    #[weak(rename_to = roster)]
                    self,
                    move |people, _, _, _| roster.fill(people)
                ));
                self.fill(&people);
            }
            self.session.replace(session);
        }

        /// Who needs help comes first, and is seen unless the teacher has scrolled down.
        fn fill(&self, people: &gtk::gio::ListStore) {
            let some = people.n_items() > 0;
            if some && self.scroll.vadjustment().value() < 1.0 && self.rows() > 0 {
                self.list.scroll_to(0, gtk::ListScrollFlags::NONE, None);
            }
            let page = if some { "people" } else { "empty" };
            self.stack.set_visible_child_name(page);
            let troubled = people.iter::<Participant>().flatten();
            let troubled = troubled.filter(Participant::problem).count();
            self.problems.set_label(&format::problems(
                u32::try_from(troubled).unwrap_or(u32::MAX),
            ));
        }

        fn rows(&self) -> u32 {
            self.list.model().map_or(0, |model| model.n_items())
        }

        /// A list without anybody says why.
        fn show(&self, rows: u32) {
            let searching = !self.search.text().trim().is_empty();
            let (icon, title, text) = if searching {
                (
                    "edit-find-symbolic",
                    gettext("No One Found"),
                    gettext("Try a part of the name, the roll number or the computer."),
                )
            } else {
                (
                    "handout-saved-symbolic",
                    gettext("No Problems"),
                    gettext("Everyone is fine."),
                )
            };
            self.nobody.set_icon_name(Some(icon));
            self.nobody.set_title(&title);
            self.nobody.set_description(Some(&text));
            let page = if rows == 0 { "nobody" } else { "list" };
            self.shown.set_visible_child_name(page);
        }

        fn fits(&self, student: &Participant) -> bool {
            (self.all.is_active() || student.problem()) && student.matches(&self.search.text())
        }

        #[template_callback]
        fn search_changed(&self) {
            self.look_again();
        }

        #[template_callback]
        fn filter_changed(&self) {
            self.look_again();
        }

        #[template_callback]
        fn stop_search(&self) {
            if self.search.text().is_empty() {
                self.hide();
            }
            self.search.set_text("");
        }

        /// Where the students cover the feed.
        fn hide(&self) {
            // On a wide page there is nothing to hide.
            let _ = self.obj().activate_action("session.hide-roster", None);
        }

        fn look_again(&self) {
            if let Some(filter) = self.filter.get() {
                filter.changed(gtk::FilterChange::Different);
            }
            self.show(self.rows());
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Roster {
        const NAME: &'static str = "HandoutRoster";
        type Type = super::Roster;
        type ParentType = adw::Bin;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for Roster {
        fn constructed(&self) {
            self.parent_constructed();
            let roster = self.downgrade();
            let filter = gtk::CustomFilter::new(move |student| {
                let roster = roster.upgrade();
                let student = student.downcast_ref::<Participant>();
                roster
                    .zip(student)
                    .is_none_or(|(roster, student)| roster.fits(student))
            });
            // A roster is constructed once.
            let _ = self.filter.set(filter);
            self.list.set_factory(Some(&factory()));
            let keys = gtk::EventControllerKey::new();
            keys.connect_key_pressed(clone!(
                #[weak(rename_to = roster)]
                self,
                #[upgrade_or]
                glib::Propagation::Proceed,
                move |_, key, _, _| {
                    if key != gtk::gdk::Key::Escape {
                        return glib::Propagation::Proceed;
                    }
                    roster.hide();
                    glib::Propagation::Stop
                }
            ));
            self.obj().add_controller(keys);
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

impl Roster {
    /// Gives the keyboard to the search.
    pub fn find(&self) {
        self.imp().search.grab_focus();
    }
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
