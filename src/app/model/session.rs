//! A session: what is known of it, its feed and its students.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::OnceLock;

use gettextrs::gettext;
use gtk::glib::Properties;
use gtk::glib::subclass::Signal;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use gtk::{gio, glib};
use handout_engine::api::{
    DeliveryView, DeviceId, Event, ItemId, ItemView, MemberView, Post, PostContent, Presence,
    PublicKey, SessionId, SessionState, SessionView, TextPolicy,
};
use handout_engine::report::Report;

use super::feed_row::FeedRow;
use super::participant::Participant;
use super::session_words as words;
use super::table::{self, Spoken};
use super::tally::{Share, Tally};

mod imp {
    use super::*;

    #[derive(Properties)]
    #[properties(wrapper_type = super::Session)]
    pub struct Session {
        /// What it is called.
        #[property(get)]
        pub title: RefCell<String>,
        /// The teacher's name.
        #[property(get)]
        pub teacher: RefCell<String>,
        /// Who vouches for that name.
        #[property(get)]
        pub vouched: RefCell<String>,
        /// Fingerprint of the teacher's key in words.
        #[property(get)]
        pub fingerprint: RefCell<String>,
        /// How the own machine stands to it, in words.
        #[property(get)]
        pub state_text: RefCell<String>,
        /// An icon for the same.
        #[property(get)]
        pub state_icon: RefCell<String>,
        /// Whether it is the own session.
        #[property(get)]
        pub teaching: Cell<bool>,
        /// Whether something can still come.
        #[property(get)]
        pub live: Cell<bool>,
        /// Whether the person was asked to trust its teacher and has not answered.
        #[property(get)]
        pub unknown: Cell<bool>,
        /// Whether it can be joined by a press.
        #[property(get)]
        pub joinable: Cell<bool>,
        /// Whether it asks for a PIN.
        #[property(get)]
        pub pin_wanted: Cell<bool>,
        /// The PIN of the own session, empty if it has none.
        #[property(get)]
        pub pin: RefCell<String>,
        /// Whether its feed is kept here.
        #[property(get)]
        pub member: Cell<bool>,
        /// Whether a message can be written.
        #[property(get)]
        pub may_write: Cell<bool>,
        /// Whether students write to the teacher alone.
        #[property(get)]
        pub private_texts: Cell<bool>,
        /// Whether it is an earlier one, to read.
        #[property(get, set)]
        pub past: Cell<bool>,
        /// Whether a notification asks about its teacher or PIN.
        #[property(get, set)]
        pub asked: Cell<bool>,
        /// Students that are there.
        #[property(get)]
        pub students: Cell<u32>,
        /// The feed, oldest first.
        #[property(get)]
        pub feed: gio::ListStore,
        /// The students, in no order.
        #[property(get)]
        pub people: gio::ListStore,
        pub view: RefCell<Option<SessionView>>,
        pub rows: RefCell<HashMap<ItemId, FeedRow>>,
        pub by_device: RefCell<HashMap<DeviceId, Participant>>,
        pub tally: RefCell<Tally>,
        pub report: RefCell<Report>,
    }

    impl Default for Session {
        fn default() -> Self {
            Self {
                title: RefCell::default(),
                teacher: RefCell::default(),
                vouched: RefCell::default(),
                fingerprint: RefCell::default(),
                state_text: RefCell::default(),
                state_icon: RefCell::default(),
                teaching: Cell::default(),
                live: Cell::default(),
                unknown: Cell::default(),
                joinable: Cell::default(),
                pin_wanted: Cell::default(),
                pin: RefCell::default(),
                member: Cell::default(),
                may_write: Cell::default(),
                private_texts: Cell::default(),
                past: Cell::default(),
                asked: Cell::default(),
                students: Cell::default(),
                feed: gio::ListStore::new::<FeedRow>(),
                people: gio::ListStore::new::<Participant>(),
                view: RefCell::default(),
                rows: RefCell::default(),
                by_device: RefCell::default(),
                tally: RefCell::default(),
                report: RefCell::default(),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Session {
        const NAME: &'static str = "HandoutSession";
        type Type = super::Session;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Session {
        fn signals() -> &'static [Signal] {
            static SIGNALS: OnceLock<Vec<Signal>> = OnceLock::new();
            SIGNALS.get_or_init(|| vec![Signal::builder("counted").build()])
        }
    }
}

glib::wrapper! {
    /// A session.
    pub struct Session(ObjectSubclass<imp::Session>);
}

impl Session {
    /// A session that was just seen or started.
    pub fn new(view: &SessionView) -> Self {
        let session: Self = glib::Object::new();
        session.update(view);
        session
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.known(|view| view.session)
            .unwrap_or(SessionId([0; 16]))
    }

    /// The teacher's key.
    pub fn teacher_key(&self) -> PublicKey {
        self.known(|view| view.teacher_key)
            .unwrap_or(PublicKey([0; 32]))
    }

    /// Whether it is taught here, or joined.
    pub fn inside(&self) -> bool {
        self.known(|view| words::is_inside(&view.state)) == Some(true)
    }

    /// Whether this computer has left it.
    pub fn left(&self) -> bool {
        self.known(|view| view.state == SessionState::Left) == Some(true)
    }

    fn known<T>(&self, part: impl FnOnce(&SessionView) -> T) -> Option<T> {
        self.imp().view.borrow().as_ref().map(part)
    }

    /// What is known changed.
    pub fn update(&self, view: &SessionView) {
        let imp = self.imp();
        imp.title.replace(view.title.clone());
        imp.teacher.replace(view.teacher.clone());
        imp.fingerprint.replace(view.fingerprint.clone());
        imp.view.replace(Some(view.clone()));
        imp.vouched.replace(words::vouched(view));
        let (icon, text) = words::state(&view.state);
        imp.state_icon.replace(icon.to_owned());
        imp.state_text.replace(text);
        let state = &view.state;
        let teaching = *state == SessionState::Teaching;
        let member = words::is_inside(state);
        // An ended own session stays the teacher's.
        imp.teaching.set(teaching || imp.teaching.get());
        imp.live.set(member || *state == SessionState::Joining);
        imp.member.set(member || imp.member.get());
        imp.unknown.set(*state == SessionState::Unknown);
        imp.joinable.set(words::is_joinable(state));
        let wanted = matches!(state, SessionState::PinWanted { .. });
        imp.pin_wanted.set(wanted);
        imp.pin.replace(view.pin.clone().unwrap_or_default());
        let texts = view.texts;
        imp.may_write
            .set(teaching || (member && texts != TextPolicy::Nothing));
        imp.private_texts
            .set(!teaching && texts == TextPolicy::Teacher);
        if !imp.teaching.get() {
            imp.students.set(view.present);
        }
        self.tell_all();
    }

    /// It is no longer on the network.
    pub fn gone(&self) {
        let state = SessionState::Ended;
        if let Some(view) = self.imp().view.take() {
            self.update(&SessionView { state, ..view });
        }
    }

    /// Something was posted. Gives the row that people should be told of, if there is one.
    pub fn post(&self, post: &Post) -> Option<FeedRow> {
        let imp = self.imp();
        match &post.content {
            PostContent::Withdrawn { item, reason } => {
                let row = imp.rows.borrow().get(item).cloned();
                let title = row.as_ref().map(FeedRow::title).unwrap_or_default();
                if let Some(row) = row {
                    row.withdraw();
                }
                imp.tally.borrow_mut().withdraw(*item);
                self.count_everybody();
                self.append(&FeedRow::notice(&words::withdrawn(&title, reason), post));
                None
            }
            PostContent::Ended => {
                let text = gettext("The session has ended");
                self.append(&FeedRow::notice(&text, post));
                None
            }
            content => {
                if let PostContent::Files { item, version, .. } = content {
                    imp.tally.borrow_mut().item(*item, *version);
                }
                let row = self.show(post);
                self.count_item(row.item());
                self.count_everybody();
                Some(row)
            }
        }
    }

    /// How far the own machine is with an item.
    pub fn item(&self, view: &ItemView) -> Option<FeedRow> {
        let row = self.imp().rows.borrow().get(&view.item).cloned()?;
        row.set_progress(view);
        self.emit_by_name::<()>("counted", &[]);
        Some(row)
    }

    /// How far a student is with an item.
    pub fn delivery(&self, view: &DeliveryView) {
        let now = u64::try_from(glib::monotonic_time() / 1000).unwrap_or(0);
        self.imp().tally.borrow_mut().delivery(view, now);
        self.count_item(Some(view.item));
        self.count_student(view.device);
    }

    /// A member came, changed or left.
    pub fn member_changed(&self, view: &MemberView) {
        if view.teacher {
            return;
        }
        let imp = self.imp();
        let known = imp.by_device.borrow().get(&view.device).cloned();
        let before = imp.tally.borrow().present();
        imp.tally.borrow_mut().student(view.device, view.presence);
        match known {
            Some(student) => {
                let before = student.problem();
                student.update(view);
                if before != student.problem() {
                    self.place_again(&student);
                }
            }
            None if view.presence == Presence::Away && !self.teaching() => {}
            None => {
                let student = Participant::new(view);
                imp.by_device
                    .borrow_mut()
                    .insert(view.device, student.clone());
                imp.people.append(&student);
            }
        }
        self.count_student(view.device);
        let present = imp.tally.borrow().present();
        if present != before {
            imp.students.set(present);
            self.notify_students();
            for item in imp.rows.borrow().keys() {
                self.count_item(Some(*item));
            }
        }
    }

    /// Keeps an event of the own session for the table.
    pub fn note(&self, event: &Event) {
        if self.teaching() {
            self.imp().report.borrow_mut().apply(event, table::now());
        }
    }

    /// Attendance and delivery as CSV.
    pub fn table(&self) -> String {
        self.imp().report.borrow().csv(&Spoken, table::now())
    }

    /// How one student stands with one item.
    pub fn share_of(&self, device: DeviceId, item: ItemId) -> Share {
        self.imp().tally.borrow().share(device, item)
    }

    /// The row of an item.
    pub fn row(&self, item: ItemId) -> Option<FeedRow> {
        self.imp().rows.borrow().get(&item).cloned()
    }

    /// A new row, or the row of the item that the post replaces with a line that says so.
    fn show(&self, post: &Post) -> FeedRow {
        let row = FeedRow::new(post);
        let Some(item) = row.item() else {
            self.append(&row);
            return row;
        };
        let known = self.imp().rows.borrow().get(&item).cloned();
        let Some(known) = known else {
            self.imp().rows.borrow_mut().insert(item, row.clone());
            self.append(&row);
            return row;
        };
        known.replace(&post.content);
        let text = words::replaced(&known.title(), known.version());
        self.append(&FeedRow::notice(&text, post));
        known
    }

    fn append(&self, row: &FeedRow) {
        self.imp().feed.append(row);
    }

    /// Counts anew who has an item.
    pub fn count_item(&self, item: Option<ItemId>) {
        let row = item.and_then(|item| self.row(item));
        if let (Some(item), Some(row)) = (item, row) {
            row.set_counts(self.imp().tally.borrow().counts(item));
            self.emit_by_name::<()>("counted", &[]);
        }
    }

    fn count_student(&self, device: DeviceId) {
        let student = self.imp().by_device.borrow().get(&device).cloned();
        if let Some(student) = student {
            let before = (student.problem(), student.away());
            student.set_standing(self.imp().tally.borrow().standing(device));
            if before != (student.problem(), student.away()) {
                self.place_again(&student);
            }
        }
    }

    /// Lists are sorted by a student's state, and look at it only when the list says so.
    fn place_again(&self, student: &Participant) {
        if let Some(place) = self.people().find(student) {
            self.people().items_changed(place, 1, 1);
        }
    }

    fn count_everybody(&self) {
        let devices: Vec<_> = self.imp().by_device.borrow().keys().copied().collect();
        for device in devices {
            self.count_student(device);
        }
    }

    fn tell_all(&self) {
        let _together = self.freeze_notify();
        for property in words::TOLD {
            self.notify(property);
        }
    }
}
