//! One student in the roster.

use std::cell::{Cell, RefCell};

use gettextrs::gettext;
use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use handout_engine::api::{DeviceId, MemberView, Presence};

use super::tally::Standing;
use crate::format;

mod imp {
    use super::*;

    #[derive(Properties, Default)]
    #[properties(wrapper_type = super::Participant)]
    pub struct Participant {
        /// Name, or the machine's where none was given.
        #[property(get)]
        pub name: RefCell<String>,
        /// Roll number and machine.
        #[property(get)]
        pub detail: RefCell<String>,
        /// The state in a word or two.
        #[property(get)]
        pub state_text: RefCell<String>,
        /// An icon for the same.
        #[property(get)]
        pub state_icon: RefCell<String>,
        /// All of it in one line, for a screen reader.
        #[property(get = Self::spoken)]
        spoken: std::marker::PhantomData<String>,
        /// Whether the teacher should look.
        #[property(get)]
        pub problem: Cell<bool>,
        /// Whether there is nothing to look at, for sorting.
        #[property(get)]
        pub calm: Cell<bool>,
        /// Roll number and name, for sorting.
        #[property(get)]
        pub order: RefCell<String>,
        /// Whether the student is not there.
        #[property(get)]
        pub away: Cell<bool>,
        /// Whether the student's computer has a link to this one.
        #[property(get)]
        pub linked: Cell<bool>,
        /// Whether the session is an earlier one: nothing can be done about the student.
        #[property(get, set)]
        pub past: Cell<bool>,
        /// Whether nobody reads what the student writes.
        #[property(get)]
        pub muted: Cell<bool>,
        pub device: Cell<Option<DeviceId>>,
        pub duplicate: Cell<bool>,
        pub standing: Cell<Option<Standing>>,
    }

    impl Participant {
        fn spoken(&self) -> String {
            format::joined(&[
                self.name.borrow().clone(),
                self.detail.borrow().clone(),
                self.state_text.borrow().clone(),
            ])
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Participant {
        const NAME: &'static str = "HandoutParticipant";
        type Type = super::Participant;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Participant {}
}

glib::wrapper! {
    /// One student in the roster.
    pub struct Participant(ObjectSubclass<imp::Participant>);
}

impl Participant {
    /// A student who came.
    pub fn new(view: &MemberView) -> Self {
        let student: Self = glib::Object::new();
        student.imp().device.set(Some(view.device));
        student.update(view);
        student
    }

    /// What is known of the student changed.
    pub fn update(&self, view: &MemberView) {
        let imp = self.imp();
        let person = &view.person;
        let name = [&person.name, &person.machine]
            .into_iter()
            .find(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| gettext("Unnamed Student"));
        imp.name.replace(name);
        let muted = if view.muted {
            gettext("Muted")
        } else {
            String::new()
        };
        imp.detail.replace(format::joined(&[
            muted,
            person.roll.clone(),
            person.machine.clone(),
        ]));
        imp.muted.set(view.muted);
        imp.linked.set(view.presence == Presence::Linked);
        imp.order
            .replace(format!("{} {}", person.roll, self.name()).to_lowercase());
        imp.duplicate.set(view.duplicate_roll);
        self.notify_name();
        self.notify_detail();
        self.notify_muted();
        self.notify_linked();
        self.notify_order();
        self.show_state();
    }

    /// How the student stands with everything that was shared.
    pub fn set_standing(&self, standing: Standing) {
        if self.imp().standing.replace(Some(standing)) != Some(standing) {
            self.show_state();
        }
    }

    /// The student's device.
    pub fn device(&self) -> Option<DeviceId> {
        self.imp().device.get()
    }

    /// Whether name, roll number or machine hold every word of a search.
    pub fn matches(&self, search: &str) -> bool {
        let text = format!("{} {}", self.name(), self.detail()).to_lowercase();
        let search = search.to_lowercase();
        search.split_whitespace().all(|word| text.contains(word))
    }

    fn show_state(&self) {
        let imp = self.imp();
        let standing = imp.standing.get().unwrap_or_default();
        let failed = matches!(standing, Standing::Failed(_));
        let (icon, text) = if imp.duplicate.get() && !failed {
            // Translators: two students gave the same roll number.
            ("dialog-warning-symbolic", gettext("Same roll number"))
        } else {
            format::standing(standing)
        };
        imp.state_icon.replace(icon.to_owned());
        imp.state_text.replace(text);
        let problem = failed || imp.duplicate.get();
        imp.problem.set(problem);
        imp.calm.set(!problem);
        imp.away.set(standing == Standing::Away);
        self.notify_spoken();
        self.notify_state_icon();
        self.notify_state_text();
        self.notify_problem();
        self.notify_calm();
        self.notify_away();
    }
}

#[cfg(test)]
mod tests {
    use handout_engine::api::{FailReason, Person, SessionId};

    use super::*;

    fn asha(duplicate_roll: bool) -> Participant {
        Participant::new(&MemberView {
            session: SessionId([1; 16]),
            device: DeviceId([2; 32]),
            person: Person {
                name: "Asha Rao".into(),
                roll: "21BCS042".into(),
                machine: "lab2-pc17".into(),
            },
            teacher: false,
            own: false,
            presence: Presence::Linked,
            duplicate_roll,
            muted: false,
        })
    }

    #[test]
    fn a_student_is_found_by_parts_of_name_roll_number_and_machine() {
        let student = asha(false);
        for search in ["", "asha", "RAO as", "042", "pc17 rao"] {
            assert!(student.matches(search), "{search}");
        }
        assert!(!student.matches("asha bisht"));
    }

    #[test]
    fn a_roll_number_that_two_gave_is_a_problem_like_a_failure() {
        let student = asha(true);
        assert!(student.problem());
        assert_eq!(student.state_text(), "Same roll number");
        student.set_standing(Standing::Failed(FailReason::DiskFull));
        assert_eq!(student.state_text(), "Disk full");
        let student = asha(false);
        assert!(!student.problem());
        student.set_standing(Standing::Failed(FailReason::DiskFull));
        assert!(student.problem() && !student.calm());
    }
}
