//! A link as a QR code, to be scanned from the screen.

use gettextrs::gettext;
use gtk::prelude::*;
use handout_engine::target;

use crate::i18n::gettext_f;

/// Light modules around a code, without which readers do not find it.
const QUIET: usize = 4;
/// Width of a module in pixels.
const MODULE: usize = 7;

/// A button that shows the code of a link; none for a link that no code can hold.
pub fn button(link: &str) -> Option<gtk::MenuButton> {
    let popover = gtk::Popover::new();
    popover.set_child(Some(&picture(link)?));
    let button = gtk::MenuButton::builder()
        .icon_name("handout-qr-symbolic")
        .tooltip_text(gettext("Show QR Code"))
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .popover(&popover)
        .build();
    button.update_property(&[gtk::accessible::Property::Label(&gettext("Show QR Code"))]);
    Some(button)
}

/// Black on white, whatever the colours of the window are: so readers expect it.
fn picture(link: &str) -> Option<gtk::DrawingArea> {
    let code = target::qr_code(link)?;
    let side = i32::try_from((code.len() + 2 * QUIET) * MODULE).ok()?;
    let area = gtk::DrawingArea::builder()
        .content_width(side)
        .content_height(side)
        .accessible_role(gtk::AccessibleRole::Img)
        .build();
    let label = gettext_f("QR code of {link}", &[("link", link)]);
    area.update_property(&[gtk::accessible::Property::Label(&label)]);
    area.set_draw_func(move |_, cairo, wide, high| {
        cairo.set_source_rgb(1.0, 1.0, 1.0);
        // Painting fails only where the window is gone.
        let _ = cairo.paint();
        cairo.set_source_rgb(0.0, 0.0, 0.0);
        let module = f64::from(wide.min(high)) / (code.len() + 2 * QUIET) as f64;
        for (y, row) in code.iter().enumerate() {
            for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
                let place = |at: usize| (at + QUIET) as f64 * module;
                cairo.rectangle(place(x), place(y), module, module);
            }
        }
        let _ = cairo.fill();
    });
    Some(area)
}
