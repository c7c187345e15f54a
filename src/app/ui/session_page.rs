//! A session: its feed, its students beside it, the composer below. The teacher's and the student's view are one page.

use std::cell::{Cell, OnceCell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib::{Properties, clone};
use gtk::{gdk, gio, glib};

use super::announcer;
use super::composer::Composer;
use super::feed_view::FeedView;
use super::roster::Roster;
use super::session_actions;
use super::teacher_strip::TeacherStrip;
use crate::format;
use crate::i18n::gettext_f;
use crate::model::lab::Lab;
use crate::model::session::Session;
use crate::model::session_words::subtitle;

pub mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::SessionPage)]
    #[template(file = "session_page.ui")]
    pub struct SessionPage {
        /// Whether the students have no room beside the feed: they are shown above it, on request.
        #[property(get, set = Self::set_narrow)]
        narrow: Cell<bool>,
        /// Whether the header has no room for what is shared: it moves to the composer.
        #[property(get, set = Self::set_compact)]
        compact: Cell<bool>,
        #[template_child]
        share_menu: TemplateChild<gio::MenuModel>,
        #[template_child]
        pub split: TemplateChild<adw::OverlaySplitView>,
        #[template_child]
        header: TemplateChild<adw::WindowTitle>,
        #[template_child]
        roster_title: TemplateChild<adw::WindowTitle>,
        #[template_child]
        share: TemplateChild<adw::SplitButton>,
        /// Hidden for students; the button in it is hidden where there is no room.
        #[template_child]
        end_place: TemplateChild<adw::Bin>,
        #[template_child]
        pub roster_button: TemplateChild<gtk::ToggleButton>,
        #[template_child]
        strip: TemplateChild<TeacherStrip>,
        #[template_child]
        pub banner: TemplateChild<adw::Banner>,
        #[template_child]
        feed: TemplateChild<FeedView>,
        #[template_child]
        pub roster: TemplateChild<Roster>,
        #[template_child]
        pub composer: TemplateChild<Composer>,
        #[template_child]
        veil: TemplateChild<gtk::Revealer>,
        pub session: OnceCell<Session>,
        pub lab: OnceCell<Lab>,
        watch: RefCell<Vec<glib::SignalHandlerId>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for SessionPage {
        const NAME: &'static str = "HandoutSessionPage";
        type Type = super::SessionPage;
        type ParentType = adw::NavigationPage;

        fn class_init(klass: &mut Self::Class) {
            FeedView::ensure_type();
            Roster::ensure_type();
            Composer::ensure_type();
            TeacherStrip::ensure_type();
            session_actions::install(klass);
            klass.bind_template();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for SessionPage {
        fn constructed(&self) {
            self.parent_constructed();
            self.accept_drops();
            self.composer.connect_written(clone!(
                #[weak(rename_to = page)]
                self.obj(),
                move |_, text| session_actions::say(&page, text)
            ));
        }

        fn dispose(&self) {
            if let Some(session) = self.session.get() {
                self.watch
                    .take()
                    .into_iter()
                    .for_each(|id| session.disconnect(id));
            }
        }
    }

    impl WidgetImpl for SessionPage {}

    impl NavigationPageImpl for SessionPage {
        fn shown(&self) {
            self.parent_shown();
            if self.composer.is_visible() {
                self.composer.grab_focus();
            }
        }
    }

    impl SessionPage {
        pub fn watch(&self) {
            let Some(session) = self.session.get() else {
                return;
            };
            self.feed.set_session(Some(session));
            if session.teaching() {
                self.roster.set_session(Some(session));
            } else {
                self.split.set_sidebar(gtk::Widget::NONE);
            }
            self.strip.set_session(Some(session));
            self.set_narrow(self.narrow.get());
            // The last of the properties that change together.
            let id = session.connect_students_notify(clone!(
                #[weak(rename_to = page)]
                self,
                move |session| page.refresh(session)
            ));
            self.watch.borrow_mut().push(id);
            let said = announcer::follow(self.obj().upcast_ref(), session);
            self.watch.borrow_mut().extend(said);
            self.refresh(session);
        }

        fn set_narrow(&self, narrow: bool) {
            self.narrow.set(narrow);
            let teaching = self.session.get().is_some_and(Session::teaching);
            self.split.set_collapsed(narrow);
            self.split.set_show_sidebar(teaching && !narrow);
        }

        fn set_compact(&self, compact: bool) {
            self.compact.set(compact);
            let shares = self.shares();
            let menu = (shares && compact).then(|| self.share_menu.get());
            self.composer.set_share_menu(menu);
            self.share.set_visible(shares && !compact);
        }

        fn refresh(&self, session: &Session) {
            let (teaching, live) = (session.teaching(), session.live());
            self.obj().set_title(&session.title());
            self.header.set_title(&session.title());
            self.header.set_subtitle(&subtitle(session));
            self.roster_title.set_title(&gettext("Students"));
            let students = session.students();
            self.roster_title.set_subtitle(&if session.past() {
                format::attended(students)
            } else {
                format::present(students)
            });
            self.set_compact(self.compact.get());
            self.roster_button.set_visible(teaching);
            self.strip.set_visible(!teaching && !session.past());
            self.composer.set_visible(session.may_write());
            self.composer.set_prompt(prompt(session));
            if !session.live() {
                self.banner.set_title(&ended(session));
                self.banner.set_button_label(Some(&gettext("Done")));
                self.banner.set_action_name(Some("navigation.pop"));
                self.banner.set_revealed(true);
            }
            let page = self.obj();
            for action in [
                "share-folder",
                "snippet",
                "link",
                "announcement",
                "replace",
                "withdraw",
                "mute",
                "unmute",
                "end",
            ] {
                page.action_set_enabled(&format!("session.{action}"), teaching && live);
            }
            page.action_set_enabled("session.export", teaching);
            page.action_set_enabled("session.words", !session.past());
            page.action_set_enabled("session.leave", !teaching && live);
            self.end_place.set_visible(teaching && live);
        }

        fn accept_drops(&self) {
            let drop = gtk::DropTarget::new(gdk::FileList::static_type(), gdk::DragAction::COPY);
            drop.connect_accept(clone!(
                #[weak(rename_to = page)]
                self,
                #[upgrade_or]
                false,
                move |_, drop| page.shares()
                    && drop.formats().contains_type(gdk::FileList::static_type())
            ));
            drop.connect_enter(clone!(
                #[weak(rename_to = page)]
                self,
                #[upgrade_or]
                gdk::DragAction::empty(),
                move |_, _, _| {
                    page.veil.set_visible(true);
                    page.veil.set_reveal_child(true);
                    gdk::DragAction::COPY
                }
            ));
            drop.connect_leave(clone!(
                #[weak(rename_to = page)]
                self,
                move |_| page.veil.set_reveal_child(false)
            ));
            drop.connect_drop(clone!(
                #[weak(rename_to = page)]
                self,
                #[upgrade_or]
                false,
                move |_, value, _, _| {
                    page.veil.set_reveal_child(false);
                    let Ok(files) = value.get::<gdk::FileList>() else {
                        return false;
                    };
                    session_actions::share(&page.obj(), &files.files());
                    true
                }
            ));
            self.obj().add_controller(drop);
        }

        fn shares(&self) -> bool {
            self.session
                .get()
                .is_some_and(|session| session.teaching() && session.live())
        }
    }
}

glib::wrapper! {
    /// A session.
    pub struct SessionPage(ObjectSubclass<imp::SessionPage>)
        @extends gtk::Widget, adw::NavigationPage,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

impl SessionPage {
    /// The page of a session.
    pub fn new(lab: &Lab, session: &Session) -> Self {
        let page: Self = glib::Object::new();
        let imp = page.imp();
        if imp.lab.set(lab.clone()).is_ok() && imp.session.set(session.clone()).is_ok() {
            imp.watch();
        }
        page
    }

    /// The session that is shown.
    pub fn session(&self) -> Option<Session> {
        self.imp().session.get().cloned()
    }

    /// What takes the commands.
    pub fn lab(&self) -> Option<Lab> {
        self.imp().lab.get().cloned()
    }

    /// The field for messages.
    pub fn composer(&self) -> Composer {
        self.imp().composer.clone()
    }

    /// Shows a lasting problem until it is put away.
    pub fn warn(&self, text: &str) {
        let banner = &self.imp().banner;
        banner.set_title(text);
        banner.set_button_label(Some(&gettext("Dismiss")));
        banner.set_action_name(Some("session.dismiss"));
        banner.set_revealed(true);
    }

    /// Puts the problem away.
    pub fn dismiss(&self) {
        self.imp().banner.set_revealed(false);
    }

    /// Shows the students and gives the keyboard to the search.
    pub fn find_student(&self) {
        let button = &self.imp().roster_button;
        if button.is_visible() {
            button.set_active(true);
            self.imp().roster.find();
        }
    }

    /// Hides the students where they cover the feed.
    pub fn hide_roster(&self) {
        if self.imp().split.is_collapsed() {
            self.imp().split.set_show_sidebar(false);
        }
    }

    /// Shows or hides the students.
    pub fn toggle_roster(&self) {
        let button = &self.imp().roster_button;
        if button.is_visible() {
            button.set_active(!button.is_active());
        }
    }
}

fn prompt(session: &Session) -> String {
    if session.teaching() {
        gettext("Message to all students")
    } else if session.private_texts() {
        gettext_f(
            "Ask {teacher} – only they can read it",
            &[("teacher", &session.teacher())],
        )
    } else {
        gettext("Message to everyone")
    }
}

fn ended(session: &Session) -> String {
    if session.past() {
        gettext("This is an earlier session, to read.")
    } else if session.teaching() {
        gettext("You have ended this session")
    } else if session.left() {
        gettext("You have left this session. What you received stays on this computer.")
    } else {
        gettext("This session has ended. What you received stays on this computer.")
    }
}
