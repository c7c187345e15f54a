//! Saves attendance and delivery where the person says.

use adw::prelude::*;
use gettextrs::gettext;
use gtk::glib::clone;
use gtk::{gio, glib};

use super::session_actions::{tell, toast};
use super::session_page::SessionPage;
use crate::error::AppError;
use crate::format;

/// Asks where to, and writes the table.
pub fn choose(page: &SessionPage) {
    let Some(session) = page.session() else {
        return;
    };
    let dialog = gtk::FileDialog::builder()
        .title(gettext("Export Attendance and Delivery"))
        .accept_label(gettext("_Export"))
        .initial_name(format::file_name(&session.title(), "csv"))
        .build();
    let window = page.root().and_downcast::<gtk::Window>();
    glib::spawn_future_local(clone!(
        #[weak]
        page,
        async move {
            let written = match dialog.save_future(window.as_ref()).await {
                Ok(file) => save(&file, session.table().into_bytes()).await,
                Err(error) => Err(error.into()),
            };
            match written {
                Ok(()) => toast(&page, &gettext("Exported")),
                Err(error) => tell(&page, &error),
            }
        }
    ));
}

/// Writes a file in the place of an earlier one.
pub async fn save(file: &gio::File, bytes: Vec<u8>) -> Result<(), AppError> {
    let how = gio::FileCreateFlags::REPLACE_DESTINATION;
    let done = file.replace_contents_future(bytes, None, false, how).await;
    done.map(drop).map_err(|(_, error)| AppError::Save(error))
}
