//! One row of the feed.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;
use gtk::subclass::prelude::*;
use handout_engine::api::{ItemId, ItemView, Post, PostContent, Progress, Version};

use super::item_state::ItemState;
use super::post_parts::{excerpt, parts};
use super::tally::Counts;
use crate::format;
use crate::i18n::gettext_f;

/// What a row is, and so what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "HandoutFeedKind")]
pub enum FeedKind {
    /// A message.
    #[default]
    Message,
    /// Files.
    Files,
    /// A code snippet.
    Snippet,
    /// A link.
    Link,
    /// An announcement.
    Announcement,
    /// A line in between: a new version, a withdrawal, the end.
    Notice,
}

mod imp {
    use super::*;

    #[derive(Properties, Default)]
    #[properties(wrapper_type = super::FeedRow)]
    pub struct FeedRow {
        /// What it is.
        #[property(get, set, construct_only, builder(FeedKind::default()))]
        pub kind: Cell<FeedKind>,
        /// Who wrote it.
        #[property(get, set, construct_only)]
        pub author: RefCell<String>,
        /// Whether the own device or key wrote it.
        #[property(get, set, construct_only)]
        pub own: Cell<bool>,
        /// Whether the session's teacher wrote it.
        #[property(get, set, construct_only)]
        pub by_teacher: Cell<bool>,
        /// Only the teacher and the author can read it.
        #[property(get, set, construct_only)]
        pub private: Cell<bool>,
        /// When, by the author's clock.
        #[property(get, set, construct_only)]
        pub time: RefCell<String>,
        /// Title of an item.
        #[property(get, set, construct_only)]
        pub title: RefCell<String>,
        /// Text of a message, snippet, announcement or notice; address of a link.
        #[property(get, set, construct_only)]
        pub body: RefCell<String>,
        /// Language of a snippet, may be empty.
        #[property(get, set, construct_only)]
        pub language: RefCell<String>,
        /// The beginning of a long text, without empty lines at its end.
        #[property(get = |row: &Self| excerpt(&row.body.borrow()))]
        excerpt: std::marker::PhantomData<String>,
        /// Name of the icon of an item.
        #[property(get = Self::icon_name)]
        icon_name: std::marker::PhantomData<String>,
        /// Size, number of files, version.
        #[property(get = Self::contents)]
        contents: std::marker::PhantomData<String>,
        /// How far the own machine, or the class, is with it: in words.
        #[property(get = |row: &Self| row.state().text())]
        state_text: std::marker::PhantomData<String>,
        /// An icon for the same.
        #[property(get = |row: &Self| row.state().icon().to_owned())]
        state_icon: std::marker::PhantomData<String>,
        /// Received part, 0 to 1.
        #[property(get = |row: &Self| row.state().fraction())]
        fraction: std::marker::PhantomData<f64>,
        /// Whether it is coming in now.
        #[property(get = |row: &Self| row.state().receiving())]
        receiving: std::marker::PhantomData<bool>,
        /// Whether it is here and can be opened.
        #[property(get = Self::openable)]
        openable: std::marker::PhantomData<bool>,
        /// Whether it failed here and can be tried again.
        #[property(get = |row: &Self| row.state().failed())]
        failed: std::marker::PhantomData<bool>,
        /// Whether the bar of the class's progress belongs to it.
        #[property(get = Self::delivering)]
        delivering: std::marker::PhantomData<bool>,
        /// Whether the teacher can take it back.
        #[property(get = |row: &Self| row.delivering() && !row.withdrawn.get() && row.past.get().is_none())]
        withdrawable: std::marker::PhantomData<bool>,
        /// The item as the target of an action.
        #[property(get = Self::target, builder(glib::VariantTy::STRING))]
        target: std::marker::PhantomData<Option<glib::Variant>>,
        /// Students that count, for the bar.
        #[property(get = |row: &Self| row.counts.get().students)]
        students: std::marker::PhantomData<u32>,
        /// Students that have it.
        #[property(get = |row: &Self| row.counts.get().saved)]
        students_saved: std::marker::PhantomData<u32>,
        /// Students that are receiving it.
        #[property(get = |row: &Self| row.counts.get().receiving)]
        students_receiving: std::marker::PhantomData<u32>,
        /// Students for whom it failed.
        #[property(get = |row: &Self| row.counts.get().failed)]
        students_failed: std::marker::PhantomData<u32>,
        /// Whether it is no longer offered.
        #[property(get)]
        pub withdrawn: Cell<bool>,
        /// Whether it was told in an earlier run of the program.
        pub again: Cell<bool>,
        pub item: Cell<Option<ItemId>>,
        pub version: Cell<u32>,
        pub files: Cell<u32>,
        pub bytes: Cell<u64>,
        pub progress: RefCell<Option<Progress>>,
        pub done: Cell<u64>,
        pub rate: Cell<u64>,
        pub counts: Cell<Counts>,
        pub past: Cell<Option<bool>>,
    }

    impl FeedRow {
        fn icon_name(&self) -> String {
            format::icon(&self.title.borrow(), self.files.get()).to_owned()
        }

        fn contents(&self) -> String {
            format::contents(self.bytes.get(), self.files.get(), self.version.get())
        }

        /// What is known of its progress.
        fn state(&self) -> ItemState {
            ItemState {
                progress: self.progress.borrow().clone(),
                done: self.done.get(),
                total: self.bytes.get(),
                rate: self.rate.get(),
                counts: self.delivering().then(|| self.counts.get()),
                withdrawn: self.withdrawn.get(),
                past: self.past.get(),
            }
        }

        fn openable(&self) -> bool {
            matches!(
                *self.progress.borrow(),
                Some(Progress::Saved { path: Some(_) })
            )
        }

        fn target(&self) -> Option<glib::Variant> {
            self.item.get().map(|item| item.to_string().to_variant())
        }

        fn delivering(&self) -> bool {
            self.own.get() && self.by_teacher.get() && self.kind.get() == FeedKind::Files
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for FeedRow {
        const NAME: &'static str = "HandoutFeedRow";
        type Type = super::FeedRow;
    }

    #[glib::derived_properties]
    impl ObjectImpl for FeedRow {}
}

glib::wrapper! {
    /// One row of the feed.
    pub struct FeedRow(ObjectSubclass<imp::FeedRow>);
}

impl FeedRow {
    /// A row for a post; a withdrawal is a notice.
    pub fn new(post: &Post) -> Self {
        let (kind, item, title, body, language) = parts(&post.content);
        let row: Self = glib::Object::builder()
            .property("kind", kind)
            .property("author", &post.author.name)
            .property("own", post.author.own)
            .property("by-teacher", post.author.teacher)
            .property("private", post.private)
            .property("time", format::clock(post.time.0))
            .property("title", title)
            .property("body", body)
            .property("language", language)
            .build();
        row.imp().item.set(item);
        row.imp().again.set(post.again);
        row.set_version(&post.content);
        row
    }

    /// A line in between.
    pub fn notice(text: &str, post: &Post) -> Self {
        glib::Object::builder()
            .property("kind", FeedKind::Notice)
            .property("author", &post.author.name)
            .property("title", "")
            .property("language", "")
            .property("time", format::clock(post.time.0))
            .property("body", text)
            .build()
    }

    /// The item it shows, if it is one.
    pub fn item(&self) -> Option<ItemId> {
        self.imp().item.get()
    }

    /// The version that is offered now.
    pub fn version(&self) -> Version {
        Version(self.imp().version.get())
    }

    /// Whether it was told in an earlier run of the program.
    pub fn again(&self) -> bool {
        self.imp().again.get()
    }

    /// Where the received item is, once it is saved.
    pub fn path(&self) -> Option<PathBuf> {
        match &*self.imp().progress.borrow() {
            Some(Progress::Saved { path }) => path.clone(),
            _ => None,
        }
    }

    /// A new version of the item came.
    pub fn replace(&self, content: &PostContent) {
        self.set_version(content);
        let imp = self.imp();
        imp.progress.replace(None);
        imp.done.set(0);
        imp.withdrawn.set(false);
        if let PostContent::Files { title, .. } = content {
            imp.title.replace(title.clone());
        }
        self.tell(&[
            "title",
            "icon-name",
            "contents",
            "withdrawn",
            "withdrawable",
        ]);
        self.tell(&STATE);
    }

    /// The item is no longer offered.
    pub fn withdraw(&self) {
        self.imp().withdrawn.set(true);
        self.tell(&["withdrawn", "withdrawable"]);
        self.tell(&STATE);
    }

    /// Whether it is one file.
    pub fn single(&self) -> bool {
        self.imp().files.get() == 1
    }

    /// How far the own machine is. An older version's news is not for this row.
    pub fn set_progress(&self, view: &ItemView) {
        if view.version != self.version() {
            return;
        }
        let imp = self.imp();
        imp.progress.replace(Some(view.progress.clone()));
        imp.done.set(view.bytes);
        imp.rate.set(view.rate);
        if view.total > 0 && view.total != imp.bytes.replace(view.total) {
            self.tell(&["contents"]);
        }
        self.tell(&STATE);
    }

    /// It belongs to an earlier session, `own` if that was taught here.
    pub fn set_past(&self, own: bool) {
        self.imp().past.set(Some(own));
        self.tell(&["withdrawable"]);
        self.tell(&STATE);
    }

    /// How far the class is.
    pub fn set_counts(&self, counts: Counts) {
        if self.imp().counts.replace(counts) != counts {
            self.tell(&[
                "students",
                "students-saved",
                "students-receiving",
                "students-failed",
                "state-text",
                "state-icon",
            ]);
        }
    }

    /// The whole row in one sentence, for a screen reader and for notifications.
    pub fn spoken(&self) -> String {
        let (author, title) = (self.author(), self.title());
        let args = [("author", author.as_str()), ("title", title.as_str())];
        match self.kind() {
            FeedKind::Message => gettext_f(
                "{author}: {text}",
                &[("author", &author), ("text", &self.body())],
            ),
            FeedKind::Files => gettext_f("{author} shared {title}", &args),
            FeedKind::Snippet => gettext_f("{author} shared the snippet {title}", &args),
            FeedKind::Link => gettext_f("{author} shared the link {title}", &args),
            FeedKind::Announcement => gettext_f("{author} announced: {title}", &args),
            FeedKind::Notice => self.body(),
        }
    }

    fn set_version(&self, content: &PostContent) {
        let imp = self.imp();
        if let PostContent::Files {
            version,
            files,
            bytes,
            ..
        } = content
        {
            imp.version.set(version.0);
            imp.files.set(*files);
            imp.bytes.set(*bytes);
        }
    }

    fn tell(&self, properties: &[&str]) {
        for property in properties {
            self.notify(property);
        }
    }
}

/// Properties that follow from the progress.
const STATE: [&str; 6] = [
    "state-text",
    "state-icon",
    "fraction",
    "receiving",
    "openable",
    "failed",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_post_has_a_row() {
        use handout_engine::api::{AuthorId, AuthorView, Seq, SessionId, UnixTime};
        let post = |content| Post {
            session: SessionId([1; 16]),
            author: AuthorView {
                id: AuthorId([2; 32]),
                name: "Dr. Joshi".into(),
                roll: String::new(),
                teacher: true,
                own: true,
            },
            seq: Seq(1),
            time: UnixTime(0),
            private: false,
            again: false,
            content,
        };
        let row = FeedRow::new(&post(PostContent::Text { text: "Hi".into() }));
        assert_eq!(row.spoken(), "Dr. Joshi: Hi");
        let row = FeedRow::new(&post(PostContent::Files {
            item: ItemId([3; 16]),
            version: Version(1),
            title: "lab3.zip".into(),
            files: 1,
            bytes: 10,
        }));
        assert!(row.delivering() && row.withdrawable());
        row.withdraw();
        assert!(row.withdrawn() && !row.withdrawable());
        let row = FeedRow::notice("The session has ended", &post(PostContent::Ended));
        assert_eq!(row.spoken(), "The session has ended");
    }
}
