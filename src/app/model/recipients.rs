//! All students with one item, kept up to date while somebody looks.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use gtk::glib::{Properties, clone};
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use gtk::{gio, glib};
use handout_engine::api::{DeviceId, ItemId};

use super::participant::Participant;
use super::recipient::Recipient;
use super::session::Session;
use super::tally::Share;

/// Progress of a whole class comes many times a second; people read slower.
const EVERY: Duration = Duration::from_millis(150);

mod imp {
    use super::*;

    #[derive(Properties)]
    #[properties(wrapper_type = super::Recipients)]
    pub struct Recipients {
        /// The students, in no order.
        #[property(get)]
        pub list: gio::ListStore,
        /// For how many it failed.
        #[property(get)]
        pub failed: Cell<u32>,
        pub session: OnceCell<Session>,
        pub item: Cell<Option<ItemId>>,
        pub known: RefCell<HashMap<DeviceId, Recipient>>,
        pub due: Cell<bool>,
        pub watch: RefCell<Vec<(glib::Object, glib::SignalHandlerId)>>,
    }

    impl Default for Recipients {
        fn default() -> Self {
            Self {
                list: gio::ListStore::new::<Recipient>(),
                failed: Cell::default(),
                session: OnceCell::default(),
                item: Cell::default(),
                known: RefCell::default(),
                due: Cell::default(),
                watch: RefCell::default(),
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Recipients {
        const NAME: &'static str = "HandoutRecipients";
        type Type = super::Recipients;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Recipients {
        fn dispose(&self) {
            for (object, id) in self.watch.take() {
                object.disconnect(id);
            }
        }
    }
}

glib::wrapper! {
    /// All students with one item.
    pub struct Recipients(ObjectSubclass<imp::Recipients>);
}

impl Recipients {
    /// The students of a session with an item of it.
    pub fn new(session: &Session, item: ItemId) -> Self {
        let recipients: Self = glib::Object::new();
        let imp = recipients.imp();
        imp.item.set(Some(item));
        if imp.session.set(session.clone()).is_ok() {
            let soon = clone!(
                #[weak]
                recipients,
                move || recipients.look_soon()
            );
            let counted = session.connect_local("counted", false, {
                let soon = soon.clone();
                move |_| {
                    soon();
                    None
                }
            });
            let people = session.people();
            let came = people.connect_items_changed(move |_, _, _, _| soon());
            imp.watch.replace(vec![
                (session.clone().upcast(), counted),
                (people.upcast(), came),
            ]);
            recipients.look();
        }
        recipients
    }

    /// The devices of those for whom it failed.
    pub fn failures(&self) -> Vec<DeviceId> {
        let known = self.imp().known.borrow();
        let failed = known.iter().filter(|(_, recipient)| recipient.failed());
        failed.map(|(device, _)| *device).collect()
    }

    /// It is sent directly to a student from now on.
    pub fn sent_directly(&self, device: DeviceId) {
        if let Some(recipient) = self.imp().known.borrow().get(&device) {
            recipient.sent_directly();
        }
    }

    fn look_soon(&self) {
        if self.imp().due.replace(true) {
            return;
        }
        glib::timeout_add_local_once(
            EVERY,
            clone!(
                #[weak(rename_to = recipients)]
                self,
                move || recipients.look()
            ),
        );
    }

    fn look(&self) {
        let imp = self.imp();
        imp.due.set(false);
        let (Some(session), Some(item)) = (imp.session.get(), imp.item.get()) else {
            return;
        };
        let mut failed = 0;
        for student in session.people().iter::<Participant>().flatten() {
            let Some(device) = student.device() else {
                continue;
            };
            let share = session.share_of(device, item);
            failed += u32::from(session.live() && matches!(share, Share::Failed(_)));
            self.show(device, &student, share, session.live());
        }
        imp.failed.set(failed);
        self.notify_failed();
    }

    fn show(&self, device: DeviceId, student: &Participant, share: Share, live: bool) {
        let imp = self.imp();
        let known = imp.known.borrow().get(&device).cloned();
        let Some(recipient) = known else {
            let recipient = Recipient::new(student, share, live);
            imp.known.borrow_mut().insert(device, recipient.clone());
            imp.list.append(&recipient);
            return;
        };
        recipient.imp().live.set(live);
        if recipient.set_share(share)
            && let Some(place) = imp.list.find(&recipient)
        {
            // Lists are sorted by it, and look at it only when the list says so.
            imp.list.items_changed(place, 1, 1);
        }
    }
}
