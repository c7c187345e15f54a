//! Writes a snippet, a link or an announcement.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::clone;
use handout_engine::api::NewPost;
use handout_engine::code;

use super::code_view::language_name;
use crate::error::AppError;

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

type Answer = Pin<Box<dyn Future<Output = Result<(), AppError>>>>;
type Told = Rc<dyn Fn(NewPost) -> Answer>;

mod imp {
    use super::*;

    #[derive(gtk::CompositeTemplate, Default)]
    #[template(file = "post_dialog.ui")]
    pub struct PostDialog {
        #[template_child]
        share: TemplateChild<gtk::Button>,
        #[template_child]
        banner: TemplateChild<adw::Banner>,
        #[template_child]
        title: TemplateChild<adw::EntryRow>,
        #[template_child]
        address: TemplateChild<adw::EntryRow>,
        #[template_child]
        language: TemplateChild<adw::ComboRow>,
        #[template_child]
        text: TemplateChild<gtk::TextView>,
        #[template_child]
        text_place: TemplateChild<gtk::ScrolledWindow>,
        #[template_child]
        buffer: TemplateChild<gtk::TextBuffer>,
        pub kind: Cell<PostKind>,
        /// Ids of the languages that are offered after "by itself".
        languages: RefCell<Vec<&'static str>>,
        pub told: RefCell<Option<Told>>,
        /// It is on its way.
        sharing: Cell<bool>,
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
            // In code Tab indents; elsewhere it goes on.
            self.text.set_accepts_tab(kind == PostKind::Snippet);
            self.language.set_visible(kind == PostKind::Snippet);
            if kind == PostKind::Snippet {
                self.offer_languages();
            }
            self.obj().set_focus(Some(&*self.title));
        }

        fn offer_languages(&self) {
            let mut known: Vec<_> = code::languages()
                .map(|id| (language_name(id), id))
                .collect();
            known.sort();
            // Translators: the language of a code snippet is guessed.
            let mut names = vec![gettext("Guess")];
            names.extend(known.iter().map(|(name, _)| name.clone()));
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            self.language.set_model(Some(&gtk::StringList::new(&names)));
            let ids = known.into_iter().map(|(_, id)| id);
            self.languages.replace(ids.collect());
        }

        /// The chosen language, or what it looks like.
        fn language(&self, title: &str, text: &str) -> &'static str {
            let chosen = usize::try_from(self.language.selected()).ok();
            let chosen = chosen.and_then(|n| n.checked_sub(1));
            let chosen = chosen.and_then(|n| self.languages.borrow().get(n).copied());
            chosen.unwrap_or_else(|| code::language(title, text))
        }

        /// Puts in what is there already.
        pub fn begin(&self, text: &str) {
            match self.kind.get() {
                PostKind::Link => self.address.set_text(text),
                _ => self.buffer.set_text(text),
            }
            if self.kind.get() == PostKind::Snippet {
                let ending = code::ending(code::language("", text));
                self.title.set_text(&format!("main.{ending}"));
            }
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
                    language: self.language(&title, &text).to_owned(),
                    title,
                    text,
                }),
                PostKind::Link => (!url.is_empty()).then(|| NewPost::Link {
                    title,
                    url: with_scheme(url),
                }),
                PostKind::Announcement => {
                    (titled && written).then_some(NewPost::Announcement { title, text })
                }
            }
        }

        #[template_callback]
        fn changed(&self) {
            let ready = self.post().is_some() && !self.sharing.get();
            self.share.set_sensitive(ready);
        }

        #[template_callback]
        fn cancel(&self) {
            self.obj().close();
        }

        /// What cannot be shared stays, with the reason above it.
        #[template_callback]
        fn share(&self) {
            let (Some(post), Some(told)) = (self.post(), self.told.borrow().clone()) else {
                return;
            };
            if self.sharing.replace(true) {
                return;
            }
            self.changed();
            glib::spawn_future_local(clone!(
                #[weak(rename_to = dialog)]
                self,
                async move {
                    let refused = told(post).await.err();
                    dialog.sharing.set(false);
                    dialog.changed();
                    match refused.and_then(|error| error.user_text()) {
                        Some(text) => {
                            dialog.banner.set_title(&text);
                            dialog.banner.set_revealed(true);
                        }
                        None => dialog.obj().force_close(),
                    }
                }
            ));
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
    /// Asks for a post and tells it once it is complete, until it is taken; `text` is there already.
    pub fn ask<F>(
        parent: &impl IsA<gtk::Widget>,
        kind: PostKind,
        text: &str,
        told: impl Fn(NewPost) -> F + 'static,
    ) where
        F: Future<Output = Result<(), AppError>> + 'static,
    {
        let dialog: Self = glib::Object::new();
        dialog.imp().kind.set(kind);
        dialog
            .imp()
            .told
            .replace(Some(Rc::new(move |post| Box::pin(told(post)))));
        dialog.imp().arrange();
        if !text.is_empty() {
            dialog.imp().begin(text);
        }
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
