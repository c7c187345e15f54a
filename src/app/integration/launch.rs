//! Opening files, folders and addresses with the desktop's own programs.

use std::path::PathBuf;

use gtk::{gio, glib};

/// Opens what was received, or shows it in the file manager.
pub async fn file(
    path: PathBuf,
    in_folder: bool,
    window: Option<gtk::Window>,
) -> Result<(), glib::Error> {
    let launcher = gtk::FileLauncher::new(Some(&gio::File::for_path(path)));
    if in_folder {
        launcher
            .open_containing_folder_future(window.as_ref())
            .await
    } else {
        launcher.launch_future(window.as_ref()).await
    }
}

/// Opens an address in the browser.
pub async fn address(address: &str, window: Option<gtk::Window>) -> Result<(), glib::Error> {
    let launcher = gtk::UriLauncher::new(address);
    launcher.launch_future(window.as_ref()).await
}
