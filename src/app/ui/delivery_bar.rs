//! A bar in three parts: how many students have an item, are receiving it, failed. The text beside it says the same.

use std::cell::{Cell, RefCell};

use gettextrs::gettext;
use gtk::glib;
use gtk::glib::Properties;
use gtk::prelude::*;
use gtk::subclass::prelude::*;

use crate::format;
use crate::model::tally::Counts;

/// Space between two parts, and the smallest part that shows, in pixels.
const GAP: i32 = 2;
const LEAST: i32 = 8;

mod imp {
    use super::*;

    #[derive(Properties, Default)]
    #[properties(wrapper_type = super::DeliveryBar)]
    pub struct DeliveryBar {
        /// Students that count.
        #[property(get, set = Self::set_students)]
        students: Cell<u32>,
        /// Students that have it.
        #[property(get, set = Self::set_saved)]
        saved: Cell<u32>,
        /// Students that are receiving it.
        #[property(get, set = Self::set_receiving)]
        receiving: Cell<u32>,
        /// Students for whom it failed.
        #[property(get, set = Self::set_failed)]
        failed: Cell<u32>,
        segments: RefCell<Vec<gtk::Widget>>,
    }

    impl DeliveryBar {
        fn set_students(&self, n: u32) {
            self.students.set(n);
            self.changed();
        }

        fn set_saved(&self, n: u32) {
            self.saved.set(n);
            self.changed();
        }

        fn set_receiving(&self, n: u32) {
            self.receiving.set(n);
            self.changed();
        }

        fn set_failed(&self, n: u32) {
            self.failed.set(n);
            self.changed();
        }

        fn changed(&self) {
            let counts = Counts {
                students: self.students.get(),
                saved: self.saved.get(),
                receiving: self.receiving.get(),
                failed: self.failed.get(),
                left: None,
            };
            let bar = self.obj();
            bar.update_property(&[
                gtk::accessible::Property::ValueMax(f64::from(counts.students.max(1))),
                gtk::accessible::Property::ValueNow(f64::from(counts.saved)),
                gtk::accessible::Property::ValueText(&format::delivery(counts)),
            ]);
            bar.queue_allocate();
        }

        fn parts(&self) -> [u32; 3] {
            [self.saved.get(), self.receiving.get(), self.failed.get()]
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DeliveryBar {
        const NAME: &'static str = "HandoutDeliveryBar";
        type Type = super::DeliveryBar;
        type ParentType = gtk::Widget;

        fn class_init(klass: &mut Self::Class) {
            klass.set_css_name("delivery-bar");
            klass.set_accessible_role(gtk::AccessibleRole::Meter);
        }
    }

    #[glib::derived_properties]
    impl ObjectImpl for DeliveryBar {
        fn constructed(&self) {
            self.parent_constructed();
            let bar = self.obj();
            bar.set_overflow(gtk::Overflow::Hidden);
            bar.update_property(&[gtk::accessible::Property::Label(&gettext("Delivery"))]);
            for class in ["saved", "receiving", "failed"] {
                let segment: gtk::Widget = glib::Object::builder::<gtk::Box>()
                    .property("css-name", "segment")
                    .property("accessible-role", gtk::AccessibleRole::Presentation)
                    .build()
                    .upcast();
                segment.add_css_class(class);
                segment.set_parent(&*bar);
                self.segments.borrow_mut().push(segment);
            }
        }

        fn dispose(&self) {
            self.segments.take().iter().for_each(WidgetExt::unparent);
        }
    }

    impl WidgetImpl for DeliveryBar {
        fn size_allocate(&self, width: i32, height: i32, baseline: i32) {
            let widths = widths(width, self.students.get(), self.parts());
            let rtl = self.obj().direction() == gtk::TextDirection::Rtl;
            let mut start = 0;
            for (segment, wide) in self.segments.borrow().iter().zip(widths) {
                segment.set_child_visible(wide > 0);
                let x = if rtl { width - start - wide } else { start };
                #[allow(clippy::cast_precision_loss)]
                let place =
                    gtk::gsk::Transform::new().translate(&gtk::graphene::Point::new(x as f32, 0.0));
                segment.allocate(wide, height, baseline, Some(place));
                start += if wide > 0 { wide + GAP } else { 0 };
            }
        }

        fn measure(&self, orientation: gtk::Orientation, _: i32) -> (i32, i32, i32, i32) {
            match orientation {
                gtk::Orientation::Horizontal => (60, 200, -1, -1),
                _ => (8, 8, -1, -1),
            }
        }
    }
}

glib::wrapper! {
    /// A bar in three parts.
    pub struct DeliveryBar(ObjectSubclass<imp::DeliveryBar>)
        @extends gtk::Widget,
        @implements gtk::Accessible, gtk::Buildable, gtk::ConstraintTarget;
}

/// How wide each part is: in proportion, but one student of a thousand can still be seen, and a bar that is not done is not full.
fn widths(width: i32, students: u32, parts: [u32; 3]) -> [i32; 3] {
    let total: u32 = parts.iter().sum();
    if total == 0 || width <= 0 {
        return [0; 3];
    }
    let gaps = i32::try_from(parts.iter().filter(|n| **n > 0).count()).unwrap_or(1) - 1;
    let rest = if total < students { LEAST } else { 0 };
    let room = (width - gaps * GAP - rest).max(0);
    let mut widths = parts.map(|n| match n {
        0 => 0,
        n => share(room + rest, n, students.max(total)).clamp(LEAST, room.max(LEAST)),
    });
    let over = (widths.iter().sum::<i32>() - room).max(0);
    if let Some(widest) = widths.iter_mut().max() {
        *widest = (*widest - over).max(0);
    }
    widths
}

fn share(width: i32, n: u32, of: u32) -> i32 {
    i32::try_from(i64::from(width) * i64::from(n) / i64::from(of.max(1))).unwrap_or(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_proportion() {
        assert_eq!(widths(400, 4, [4, 0, 0]), [400, 0, 0]);
        assert_eq!(widths(400, 4, [2, 0, 0]), [200, 0, 0]);
        assert_eq!(widths(400, 4, [0, 0, 0]), [0, 0, 0]);
    }

    #[test]
    fn one_of_many_can_be_seen() {
        let [saved, receiving, failed] = widths(400, 1000, [998, 1, 1]);
        assert!(receiving >= LEAST && failed >= LEAST);
        assert_eq!(saved + receiving + failed + 2 * GAP, 400);
    }

    #[test]
    fn a_bar_that_is_not_done_is_not_full() {
        let [saved, ..] = widths(400, 1000, [999, 0, 0]);
        assert!(saved <= 400 - LEAST);
    }

    #[test]
    fn a_narrow_bar_does_not_overflow() {
        for width in 0..60 {
            let sum: i32 = widths(width, 50, [20, 10, 5]).iter().sum();
            assert!(sum <= width.max(3 * LEAST), "{width}: {sum}");
        }
    }
}
