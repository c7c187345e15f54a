//! One student with one item.

use std::cell::{Cell, OnceCell, RefCell};

use gettextrs::gettext;
use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;
use gtk::subclass::prelude::*;

use super::participant::Participant;
use super::tally::Share;
use crate::format;

mod imp {
    use super::*;

    #[derive(Properties, Default)]
    #[properties(wrapper_type = super::Recipient)]
    pub struct Recipient {
        /// Who it is.
        #[property(get, set, construct_only)]
        pub student: OnceCell<Participant>,
        /// How far, in words.
        #[property(get)]
        pub state_text: RefCell<String>,
        /// An icon for the same.
        #[property(get)]
        pub state_icon: RefCell<String>,
        /// What helps, empty where nothing is wrong.
        #[property(get)]
        pub remedy: RefCell<String>,
        /// Received part, 0 to 1.
        #[property(get)]
        pub fraction: Cell<f64>,
        /// Whether it is coming in.
        #[property(get)]
        pub receiving: Cell<bool>,
        /// Whether it can be sent directly: it has not arrived, and does not come directly yet.
        #[property(get)]
        pub delayed: Cell<bool>,
        pub direct: Cell<bool>,
        /// Whether the student can be asked to try again.
        #[property(get)]
        pub failed: Cell<bool>,
        /// Who needs help comes first, who has it last.
        #[property(get)]
        pub rank: Cell<u32>,
        /// All of it in one line, for a screen reader.
        #[property(get)]
        pub spoken: RefCell<String>,
        pub live: Cell<bool>,
        /// How the student stands, whether there is a link, and whether the session is live.
        pub shown: Cell<Option<(Share, bool, bool)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Recipient {
        const NAME: &'static str = "HandoutRecipient";
        type Type = super::Recipient;
    }

    #[glib::derived_properties]
    impl ObjectImpl for Recipient {}
}

glib::wrapper! {
    /// One student with one item.
    pub struct Recipient(ObjectSubclass<imp::Recipient>);
}

impl Recipient {
    /// A student who stands so with an item; of a session that is not `live` nothing can be changed any more.
    pub fn new(student: &Participant, share: Share, live: bool) -> Self {
        let recipient: Self = glib::Object::builder().property("student", student).build();
        recipient.imp().live.set(live);
        recipient.set_share(share);
        recipient
    }

    /// How the student stands now. Says whether the student belongs elsewhere in the list.
    pub fn set_share(&self, share: Share) -> bool {
        let imp = self.imp();
        let linked = self.student().linked();
        let shown = Some((share, linked, imp.live.get()));
        if imp.shown.replace(shown) == shown {
            return false;
        }
        self.show(share, linked)
    }

    /// It is sent directly from now on.
    pub fn sent_directly(&self) {
        self.imp().direct.set(true);
        if let Some((share, linked, _)) = self.imp().shown.get() {
            self.show(share, linked);
        }
    }

    fn show(&self, share: Share, linked: bool) -> bool {
        let imp = self.imp();
        let (icon, mut text) = format::share(share);
        let coming = matches!(share, Share::Receiving(_) | Share::Waiting);
        imp.delayed
            .set(coming && linked && imp.live.get() && !imp.direct.get());
        if coming && imp.direct.get() {
            text = format::joined(&[text, gettext("Sent directly")]);
        }
        let remedy = match share {
            Share::Failed(reason) if imp.live.get() => format::help(reason),
            _ => String::new(),
        };
        let student = self.student();
        imp.spoken.replace(format::joined(&[
            student.name(),
            student.detail(),
            text.clone(),
            remedy.clone(),
        ]));
        imp.state_icon.replace(icon.to_owned());
        imp.state_text.replace(text);
        imp.remedy.replace(remedy);
        imp.receiving.set(matches!(share, Share::Receiving(_)));
        imp.failed
            .set(imp.live.get() && matches!(share, Share::Failed(_)));
        imp.fraction.set(match share {
            Share::Receiving(percent) => f64::from(percent) / 100.0,
            Share::Saved => 1.0,
            _ => 0.0,
        });
        let rank = rank(share);
        let moved = imp.rank.replace(rank) != rank;
        for property in [
            "state-icon",
            "state-text",
            "remedy",
            "receiving",
            "failed",
            "delayed",
            "fraction",
            "rank",
            "spoken",
        ] {
            self.notify(property);
        }
        moved
    }
}

const fn rank(share: Share) -> u32 {
    match share {
        Share::Failed(_) => 0,
        Share::Missing | Share::Receiving(_) => 1,
        Share::Waiting => 2,
        Share::Away => 3,
        Share::Saved => 4,
    }
}
