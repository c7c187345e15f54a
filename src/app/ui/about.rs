//! The about dialog.

use gettextrs::gettext;

use crate::config;

/// Who made this, and what helps when something is wrong.
pub fn about(troubleshooting: &str) -> adw::AboutDialog {
    adw::AboutDialog::builder()
        .application_name("Handout")
        .application_icon(config::APP_ID)
        .version(config::VERSION)
        .developer_name(gettext("The Handout developers"))
        .license_type(gtk::License::Gpl30)
        .comments(gettext(
            "Hand files and messages to a whole lab, over its own network.",
        ))
        // Translators: your names, one a line.
        .translator_credits(gettext("translator-credits"))
        .debug_info(troubleshooting)
        .debug_info_filename("handout.txt")
        .build()
}
