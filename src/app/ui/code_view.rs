//! Code with its syntax in colour, to read and to copy; white space is as it was written.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::{Properties, clone};
use sourceview::prelude::*;

mod imp {
    use super::*;

    #[derive(Properties, Default)]
    #[properties(wrapper_type = super::CodeView)]
    pub struct CodeView {
        /// The code.
        #[property(get, set = Self::set_text)]
        text: RefCell<String>,
        /// Id of its language; empty where it is not known.
        #[property(get, set = Self::set_language)]
        language: RefCell<String>,
        buffer: sourceview::Buffer,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for CodeView {
        const NAME: &'static str = "HandoutCodeView";
        type Type = super::CodeView;
        type ParentType = adw::Bin;
    }

    impl CodeView {
        fn set_text(&self, text: String) {
            if self
                .buffer
                .text(&self.buffer.start_iter(), &self.buffer.end_iter(), true)
                != text
            {
                self.buffer.set_text(&text);
            }
            self.text.replace(text);
        }

        fn set_language(&self, id: String) {
            self.buffer.set_language(find(&id).as_ref());
            self.language.replace(id);
        }

        fn dress(&self, manager: &adw::StyleManager) {
            let name = if manager.is_dark() {
                "Adwaita-dark"
            } else {
                "Adwaita"
            };
            let scheme = sourceview::StyleSchemeManager::default().scheme(name);
            self.buffer.set_style_scheme(scheme.as_ref());
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for CodeView {
        fn constructed(&self) {
            self.parent_constructed();
            let view = sourceview::View::builder()
                .buffer(&self.buffer)
                .editable(false)
                .cursor_visible(false)
                .monospace(true)
                .build();
            view.add_css_class("code");
            // Code is written from left to right everywhere.
            view.set_direction(gtk::TextDirection::Ltr);
            let text = view.upcast_ref::<gtk::TextView>();
            text.update_property(&[gtk::accessible::Property::Label(&gettext("Code"))]);
            self.obj().set_direction(gtk::TextDirection::Ltr);
            self.obj().set_child(Some(&view));
            let manager = adw::StyleManager::default();
            self.dress(&manager);
            manager.connect_dark_notify(clone!(
                #[weak(rename_to = code)]
                self,
                move |manager| code.dress(manager)
            ));
        }
    }

    impl WidgetImpl for CodeView {}
    impl BinImpl for CodeView {}
}

glib::wrapper! {
    /// Code with its syntax in colour.
    pub struct CodeView(ObjectSubclass<imp::CodeView>)
        @extends gtk::Widget, adw::Bin,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

/// The language of an id. Earlier programs wrote the ending of a file there.
fn find(id: &str) -> Option<sourceview::Language> {
    let manager = sourceview::LanguageManager::default();
    let by_ending = || manager.guess_language(Some(format!("x.{id}")), None);
    (!id.is_empty()).then(|| manager.language(id).or_else(by_ending))?
}

/// What a language is called; its id where nobody knows it.
pub fn language_name(id: &str) -> String {
    match id {
        // There it is "Python 3", which nobody says any more.
        "python3" => "Python".to_owned(),
        _ => find(id).map_or_else(|| id.to_owned(), |language| language.name().into()),
    }
}
