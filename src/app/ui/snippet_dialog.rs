//! A whole snippet, to read, copy and save.

use std::cell::RefCell;

use adw::prelude::*;
use adw::subclass::prelude::*;
use gettextrs::gettext;
use gtk::glib;
use gtk::glib::Properties;

use super::code_view::{self, CodeView};
use crate::model::feed_row::FeedRow;

type Act = Box<dyn Fn(&FeedRow)>;

mod imp {
    use super::*;

    #[derive(Properties, gtk::CompositeTemplate, Default)]
    #[properties(wrapper_type = super::SnippetDialog)]
    #[template(file = "snippet_dialog.ui")]
    pub struct SnippetDialog {
        /// The snippet's row in the feed.
        #[property(get, set, construct_only)]
        row: RefCell<Option<FeedRow>>,
        #[template_child]
        toasts: TemplateChild<adw::ToastOverlay>,
        pub save_as: RefCell<Option<Act>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for SnippetDialog {
        const NAME: &'static str = "HandoutSnippetDialog";
        type Type = super::SnippetDialog;
        type ParentType = adw::Dialog;

        fn class_init(klass: &mut Self::Class) {
            FeedRow::ensure_type();
            CodeView::ensure_type();
            klass.bind_template();
            klass.bind_template_callbacks();
        }

        fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
            obj.init_template();
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for SnippetDialog {}
    impl WidgetImpl for SnippetDialog {}
    impl AdwDialogImpl for SnippetDialog {}

    #[gtk::template_callbacks]
    impl SnippetDialog {
        #[template_callback]
        fn copy(&self) {
            if let Some(row) = &*self.row.borrow() {
                self.obj().clipboard().set_text(&row.body());
                self.toasts.add_toast(adw::Toast::new(&gettext("Copied")));
            }
        }

        #[template_callback]
        fn save(&self) {
            if let (Some(row), Some(act)) = (&*self.row.borrow(), &*self.save_as.borrow()) {
                act(row);
            }
        }

        #[template_callback(function)]
        fn language_name(id: Option<&str>) -> String {
            code_view::language_name(id.unwrap_or_default())
        }
    }
}

glib::wrapper! {
    /// A whole snippet.
    pub struct SnippetDialog(ObjectSubclass<imp::SnippetDialog>)
        @extends gtk::Widget, adw::Dialog,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::ShortcutManager;
}

impl SnippetDialog {
    /// The dialog for a snippet; `save_as` lets the person save it.
    pub fn new(row: &FeedRow, save_as: impl Fn(&FeedRow) + 'static) -> Self {
        let dialog: Self = glib::Object::builder().property("row", row).build();
        dialog.imp().save_as.replace(Some(Box::new(save_as)));
        dialog
    }
}
