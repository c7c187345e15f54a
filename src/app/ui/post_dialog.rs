//! Writes a snippet, a link or an announcement.

use std::cell::{Cell, RefCell};

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use handout_engine::api::NewPost;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PostKind {
    /// Code, white space exact.
    #[default]
    Snippet,
    /// A web address.
    Link,
    /// Something that everybody should read.
    Announcement,
}

type Told = Box<dyn Fn(NewPost)>;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "post_dialog.ui")]
    pub struct PostDialog {
        #[template_child]
        share: TemplateChild<gtk::Button>,
        #[template_child]
        title: TemplateChild<adw::EntryRow>,
        #[template_child]
        address: TemplateChild<adw::EntryRow>,
        #[template_child]
        text: TemplateChild<gtk::TextView>,
        #[template_child]
        text_place: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        buffer: TemplateChild<gtk::TextBuffer>,
        pub kind: Cell<PostKind>,
        pub told: RefCell<Option<Told>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for PostDialog {
        const NAME: &'static str = "HandoutPostDialog";
        type Type = super::PostDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    impl ObjectImpl for PostDialog {}
    impl WidgetImpl for PostDialog {}
    impl AdwDialogImpl for PostDialog {}

    #[gtk::template_callbacks]
    impl PostDialog {
        pub fn arrange(&self) {
            let kind = self.kind.get();
            let link = kind == PostKind::Link;
            self.obj().set_title(&match kind {
                PostKind::Snippet => gettext("New Snippet"),
                PostKind::Link => gettext("New Link"),
                PostKind::Announcement => gettext("New Announcement"),
            });
            self.address.set_visible(link);
            self.text_place.set_visible(!link);
            self.text.set_monospace(kind == PostKind::Snippet);
            self.obj().set_focus(Some(&*self.title));
        }

        /// The post, once it is complete.
        fn post(&self) -> Option<NewPost> {
            let title = self.title.text().trim().to_owned();
            let url = self.address.text().trim().to_owned();
            let (start, end) = self.buffer.bounds();
            let text = self.buffer.text(&start, &end, false).to_string();
            let (titled, written) = (!title.is_empty(), !text.trim().is_empty());
            match self.kind.get() {
                PostKind::Snippet => (titled && written).then(|| NewPost::Snippet {
                    title,
                    text,
                    language: String::new(),
                }),
                PostKind::Link => (!url.is_empty()).then(|| NewPost::Link {
                    title,
                    url: with_scheme(url),
                }),
                PostKind::Announcement => titled.then_some(NewPost::Announcement { title, text }),
            }
        }

        #[template_callback]
        fn changed(&self) {
            self.share.set_sensitive(self.post().is_some());
        }

        #[template_callback]
        fn cancel(&self) {
            self.obj().close();
        }

        #[template_callback]
        fn share(&self) {
            if let (Some(post), Some(told)) = (self.post(), self.told.take()) {
                told(post);
                self.obj().close();
            }
        }
    }
}

glib::wrapper! {
    /// Writes a snippet, a link or an announcement.
    pub struct PostDialog(ObjectSubclass<imp::PostDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl PostDialog {
    /// Asks for a post and tells it once it is complete.
    pub fn ask(parent: &impl IsA<gtk::Widget>, kind: PostKind, told: impl Fn(NewPost) + 'static) {
        let dialog: Self = glib::Object::new();
        dialog.imp().kind.set(kind);
        dialog.imp().told.replace(Some(Box::new(told)));
        dialog.imp().arrange();
        dialog.present(Some(parent));
    }
}

/// People write addresses without the `https://`.
fn with_scheme(url: String) -> String {
    if url.contains("://") {
        url
    } else {
        format!("https://{url}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_a_scheme_when_it_has_none() {
        assert_eq!(
            with_scheme("gehu.ac.in/lab".into()),
            "https://gehu.ac.in/lab"
        );
        assert_eq!(with_scheme("http://10.0.0.1".into()), "http://10.0.0.1");
    }
}
