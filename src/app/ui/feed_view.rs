//! The feed: everything that was posted, oldest first. It stays with the newest unless the person has scrolled back.

use std::cell::{Cell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::{Properties, clone};

use super::cards::Cards;
use crate::model::feed_row::FeedRow;
use crate::model::session::Session;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::FeedView)]
    #[template(file = "feed_view.ui")]
    pub struct FeedView {
        /// The session whose feed is shown.
        #[property(get, set = Self::set_session, nullable)]
        session: RefCell<Option<Session>>,
        #[template_child]
        stack: TemplateChild<gtk::Stack>,
        #[template_child]
        empty: TemplateChild<adw::StatusPage>,
        #[template_child]
        pub scroll: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        pub list: TemplateChild<gtk::ListView>,
        #[template_child]
        newest: TemplateChild<gtk::Revealer>,
        /// Whether the newest row is to stay in sight.
        sticky: Cell<bool>,
        /// Whether the view is on its way to the newest row: what moves meanwhile was not the person.
        following: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for FeedView {
        const NAME: &'static str = "HandoutFeedView";
        type Type = super::FeedView;
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
    impl ObjectImpl for FeedView {
        fn constructed(&self) {
            self.parent_constructed();
            self.sticky.set(true);
            self.list.set_factory(Some(&factory()));
            self.list.connect_activate(|list, place| {
                let row = list.model().and_then(|model| model.item(place));
                let row = row.and_downcast::<FeedRow>();
                if let Some(target) = row.and_then(|row| row.target())
                    && let Err(error) = list.activate_action("session.delivery", Some(&target))
                {
                    tracing::error!(%error, "no page to show the delivery in");
                }
            });
            let adjustment = self.scroll.vadjustment();
            adjustment.connect_value_changed(clone!(
                #[weak(rename_to = view)]
                self,
                move |_| view.look()
            ));
            adjustment.connect_changed(clone!(
                #[weak(rename_to = view)]
                self,
                move |_| view.follow()
            ));
        }
    }

    impl WidgetImpl for FeedView {}
    impl BinImpl for FeedView {}

    #[gtk::template_callbacks]
    impl FeedView {
        fn set_session(&self, session: Option<Session>) {
            if let Some(session) = &session {
                let feed = session.feed();
                feed.connect_items_changed(clone!(
                    #[weak(rename_to = view)]
                    self,
                    move |_, _, _, _| view.fill()
                ));
                let model = gtk::NoSelection::new(Some(feed));
                self.list.set_model(Some(&model));
                self.explain(session);
            }
            self.session.replace(session);
            self.fill();
        }

        fn explain(&self, session: &Session) {
            let (icon, title, text) = if session.teaching() {
                (
                    "folder-drag-accept-symbolic",
                    gettext("Nothing Shared Yet"),
                    gettext("Drop files anywhere in this window, or write a message."),
                )
            } else {
                (
                    "handout-waiting-symbolic",
                    gettext("Nothing Shared Yet"),
                    gettext("What your teacher shares appears here by itself."),
                )
            };
            self.empty.set_icon_name(Some(icon));
            self.empty.set_title(&title);
            self.empty.set_description(Some(&text));
        }

        fn fill(&self) {
            let rows = self.list.model().map_or(0, |model| model.n_items());
            let page = if rows == 0 { "empty" } else { "feed" };
            self.stack.set_visible_child_name(page);
        }

        /// The person scrolled, or the view did.
        fn look(&self) {
            let adjustment = self.scroll.vadjustment();
            let below = adjustment.upper() - adjustment.page_size() - adjustment.value();
            if !self.following.get() {
                self.sticky.set(below < 24.0);
            }
            self.newest.set_reveal_child(below > 120.0);
        }

        /// The feed grew, or the view changed its size.
        fn follow(&self) {
            if self.sticky.get() {
                self.to_newest();
            }
        }

        #[template_callback]
        fn to_newest(&self) {
            self.sticky.set(true);
            self.following.set(true);
            let view = self.obj().clone();
            // Not within the layout that has just changed the adjustment.
            glib::idle_add_local_once(move || {
                let list = &view.imp().list;
                let rows = list.model().map_or(0, |model| model.n_items());
                if rows > 0 && view.imp().sticky.get() {
                    list.scroll_to(rows - 1, gtk::ListScrollFlags::NONE, None);
                }
                view.imp().following.set(false);
            });
        }
    }
}

glib::wrapper! {
    /// The feed.
    pub struct FeedView(ObjectSubclass<imp::FeedView>)
        @extends gtk::Widget, adw::Bin,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

fn factory() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_activatable(false);
            item.set_selectable(false);
        }
    });
    let cards = Cards::default();
    factory.connect_bind(move |_, item| {
        let Some(item) = item.downcast_ref::<gtk::ListItem>() else {
            return;
        };
        let Some(row) = item.item().and_downcast::<FeedRow>() else {
            return;
        };
        cards.show(&row, item);
        item.set_activatable(row.delivering());
        item.set_accessible_label(&row.spoken());
    });
    factory
}
