//! One widget for each kind of feed row. They show a row's properties and offer the session page's actions, nothing else.

use std::cell::RefCell;

use gtk::prelude::*;
use gtk::{gdk, gio};

use crate::model::feed_row::{FeedKind, FeedRow};

/// The most cards that are kept without being shown.
const SPARE: usize = 32;

/// A widget that shows one [`FeedRow`] by its `.ui`.
macro_rules! card {
    ($(#[$doc:meta])* $name:ident, $type:literal, $file:literal) => {
        mod $name {
            use std::cell::RefCell;

            use gtk::glib;
            use gtk::glib::Properties;
            use gtk::prelude::*;
            use gtk::subclass::prelude::*;

            use crate::model::feed_row::FeedRow;
            use crate::model::post_parts;
            use crate::ui::code_view::{self, CodeView};
            use crate::ui::delivery_bar::DeliveryBar;

            mod imp {
                use super::*;

                #[derive(Properties, gtk::CompositeTemplate, Default)]
                #[properties(wrapper_type = super::Card)]
                #[template(file = $file)]
                pub struct Card {
                    /// The row that is shown.
                    #[property(get, set, nullable)]
                    row: RefCell<Option<FeedRow>>,
                }

                #[glib::object_subclass]
                impl ObjectSubclass for Card {
                    const NAME: &'static str = $type;
                    type Type = super::Card;
                    type ParentType = gtk::Box;

                    fn class_init(klass: &mut Self::Class) {
                        FeedRow::ensure_type();
                        DeliveryBar::ensure_type();
                        CodeView::ensure_type();
                        klass.bind_template();
                        klass.bind_template_callbacks();
                    }

                    fn instance_init(obj: &glib::subclass::InitializingObject<Self>) {
                        obj.init_template();
                    }
                }

                #[gtk::template_callbacks]
                impl Card {
                    #[template_callback(function)]
                    fn filled(text: Option<&str>) -> bool {
                        text.is_some_and(|text| !text.is_empty())
                    }

                    #[template_callback(function)]
                    fn shortened(text: Option<&str>) -> bool {
                        text.is_some_and(|text| post_parts::excerpt(text) != text.trim_end())
                    }

                    #[template_callback(function)]
                    fn language_name(id: Option<&str>) -> String {
                        code_view::language_name(id.unwrap_or_default())
                    }
                }

                #[glib::derived_properties]
                impl ObjectImpl for Card {}
                impl WidgetImpl for Card {}
                impl BoxImpl for Card {}
            }

            glib::wrapper! {
                $(#[$doc])*
                pub struct Card(ObjectSubclass<imp::Card>)
                    @extends gtk::Widget, gtk::Box,
                    @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget, gtk::Orientable;
            }

            pub fn card(row: &FeedRow) -> gtk::Widget {
                glib::Object::builder::<Card>().property("row", row).build().upcast()
            }
        }
    };
}

card!(
    /// Shared files, with their progress.
    files, "HandoutFilesCard", "files.ui"
);
card!(
    /// A code snippet.
    snippet, "HandoutSnippetCard", "snippet.ui"
);
card!(
    /// A link.
    link, "HandoutLinkCard", "link.ui"
);
card!(
    /// An announcement.
    announcement, "HandoutAnnouncementCard", "announcement.ui"
);
card!(
    /// A message.
    message, "HandoutMessageRow", "message.ui"
);
card!(
    /// A line in between.
    notice, "HandoutNoticeRow", "notice.ui"
);

/// What is saved can be dragged out, into a file manager or another program.
fn draggable(card: gtk::Widget) -> gtk::Widget {
    let source = gtk::DragSource::new();
    source.set_actions(gdk::DragAction::COPY);
    source.connect_prepare(|source, _, _| {
        let row = source.widget()?.property::<Option<FeedRow>>("row")?;
        let file = gio::File::for_path(row.path()?);
        let files = gdk::FileList::from_array(&[file]);
        Some(gdk::ContentProvider::for_value(&files.to_value()))
    });
    card.add_controller(source);
    card
}

/// Cards that were made and are not shown: making one takes longer than filling one, and rows of all kinds take turns.
#[derive(Default)]
pub struct Cards {
    spare: RefCell<Vec<(FeedKind, gtk::Widget)>>,
}

impl Cards {
    /// Has a place of the list show a row.
    pub fn show(&self, row: &FeedRow, place: &gtk::ListItem) {
        if let Some(used) = place.child() {
            let shown = used.property::<Option<FeedRow>>("row");
            match shown.map(|shown| shown.kind()) {
                Some(kind) if kind == row.kind() => return used.set_property("row", row),
                Some(kind) => self.spare(kind, used, place),
                None => {}
            }
        }
        let mut spare = self.spare.borrow_mut();
        let at = spare.iter().position(|(kind, _)| *kind == row.kind());
        let card = at.map(|at| spare.swap_remove(at).1);
        drop(spare);
        let card = match card {
            Some(card) => {
                card.set_property("row", row);
                card
            }
            None => make(row),
        };
        place.set_child(Some(&card));
    }

    fn spare(&self, kind: FeedKind, card: gtk::Widget, place: &gtk::ListItem) {
        place.set_child(gtk::Widget::NONE);
        if self.spare.borrow().len() < SPARE {
            card.set_property("row", None::<FeedRow>);
            self.spare.borrow_mut().push((kind, card));
        }
    }
}

fn make(row: &FeedRow) -> gtk::Widget {
    match row.kind() {
        FeedKind::Message => message::card(row),
        FeedKind::Files => draggable(files::card(row)),
        FeedKind::Snippet => snippet::card(row),
        FeedKind::Link => link::card(row),
        FeedKind::Announcement => announcement::card(row),
        FeedKind::Notice => notice::card(row),
    }
}
