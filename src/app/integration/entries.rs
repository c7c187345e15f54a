//! "Send to Session" in the file managers of one user, put there from inside a sandbox. Outside of one the installation does it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gtk::{gio, glib};

use crate::config;

/// Where the sandbox has the program and its files.
const PROGRAM: &str = "/app/bin/handout";
const SHARE: &str = "/app/share";
/// What the entries call; they are there when this is.
const SEND: &str = "handout-send/send-to-session";
/// The rest, one or two for each file manager, below a folder for data.
const FILES: [&str; 6] = [
    "handout-send/send-to-flatpak",
    "nautilus-python/extensions/handout.py",
    "caja-python/extensions/handout.py",
    "nemo/actions/handout.nemo_action",
    "Thunar/sendto/handout-thunar.desktop",
    "kio/servicemenus/handout-dolphin.desktop",
];
/// Translations for the entries that are programs: `~/.local/share/locale` is not ours to write.
const LOCALE: &str = "handout-send/locale";

/// The entries, and where they go.
#[derive(Debug, Clone)]
pub struct Entries {
    /// The sandbox's own folder for data.
    from: PathBuf,
    /// The person's, outside of it.
    to: PathBuf,
    /// The command that starts the sandbox.
    program: PathBuf,
}

impl Entries {
    /// Those of this sandbox. None outside of one, and where an administrator keeps the folder from the program.
    pub fn of_sandbox() -> Option<Self> {
        let info = glib::KeyFile::new();
        info.load_from_file("/.flatpak-info", glib::KeyFileFlags::NONE)
            .ok()?;
        let app = info.string("Instance", "app-path").ok()?;
        let to = std::env::var_os("HOST_XDG_DATA_HOME")
            .map_or_else(|| glib::home_dir().join(".local/share"), PathBuf::from);
        let entries = Self {
            from: SHARE.into(),
            program: exported(&app, config::APP_ID)?,
            to,
        };
        // The sandbox makes the folders that it may write to.
        entries.to.join(SEND).parent()?.is_dir().then_some(entries)
    }

    /// Whether they are there.
    pub fn installed(&self) -> bool {
        self.to.join(SEND).exists()
    }

    /// Puts them there, or brings them up to date.
    ///
    /// # Errors
    /// Returns what could not be read or written. The folder of a file manager that is kept from the program is no error.
    pub fn install(&self) -> io::Result<()> {
        for name in FILES {
            if self.to.join(name).parent().is_some_and(Path::is_dir) {
                self.put(name)?;
            }
        }
        self.put_translations()?;
        // Last: without it there are no entries.
        self.put(SEND)
    }

    /// Takes them away, and what file managers made of them.
    ///
    /// # Errors
    /// Returns what could not be removed.
    pub fn remove(&self) -> io::Result<()> {
        for name in [SEND].iter().chain(&FILES) {
            let file = self.to.join(name);
            gone(std::fs::remove_file(&file))?;
            // Python keeps what it has read.
            let kept = file.with_file_name("__pycache__");
            for one in std::fs::read_dir(&kept).into_iter().flatten().flatten() {
                if one.file_name().to_string_lossy().starts_with("handout.") {
                    gone(std::fs::remove_file(one.path()))?;
                }
            }
            // Not where others keep theirs.
            let _ = std::fs::remove_dir(&kept);
        }
        gone(std::fs::remove_dir_all(self.to.join(LOCALE)))
    }

    fn put_translations(&self) -> io::Result<()> {
        for language in std::fs::read_dir(self.from.join("locale"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let below = Path::new("LC_MESSAGES").join(format!("{}.mo", config::DOMAIN));
            let words = language.path().join(&below);
            if words.exists() {
                let place = self.to.join(LOCALE).join(language.file_name()).join(below);
                std::fs::create_dir_all(place.parent().unwrap_or(&self.to))?;
                write(&place, &std::fs::read(words)?, 0o644)?;
            }
        }
        Ok(())
    }

    /// One file, with the places outside of the sandbox in it.
    fn put(&self, name: &str) -> io::Result<()> {
        let source = self.from.join(name);
        let text = std::fs::read_to_string(&source)?
            .replace(PROGRAM, &self.program.to_string_lossy())
            .replace(SHARE, &self.to.to_string_lossy());
        let mode = std::fs::metadata(&source)?.permissions().mode();
        write(&self.to.join(name), text.as_bytes(), mode)
    }
}

/// After an update of the program its entries follow, where somebody wished for them.
pub fn refresh() {
    if let Some(entries) = Entries::of_sandbox().filter(Entries::installed) {
        let refreshed = gio::spawn_blocking(move || entries.install());
        glib::spawn_future_local(async move {
            if let Ok(Err(error)) = refreshed.await {
                tracing::warn!(%error, "the entries of file managers are old");
            }
        });
    }
}

/// The command that flatpak exports for an application, by where the application is.
fn exported(app_path: &str, id: &str) -> Option<PathBuf> {
    let (installation, _) = app_path.rsplit_once(&format!("/app/{id}/"))?;
    Some(Path::new(installation).join("exports/bin").join(id))
}

/// Writes a file, unless it is like that already. Whoever reads it meanwhile has the old one or the new one.
fn write(file: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if std::fs::read(file).is_ok_and(|before| before == content) {
        return Ok(());
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    std::fs::write(&new, content)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode & 0o777))?;
    std::fs::rename(new, file)
}

/// What is to be gone and was not there is gone.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    /// A sandbox's folder and a person's, with the folders that flatpak makes.
    fn entries(name: &str) -> Entries {
        let top = std::env::temp_dir().join(format!("handout-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&top);
        let (from, to) = (top.join("app"), top.join("data"));
        for name in [SEND].iter().chain(&FILES) {
            for folder in [&from, &to] {
                std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            }
            std::fs::write(from.join(name), format!("{name} {PROGRAM} {SHARE}/x")).unwrap();
        }
        let words = from.join("locale/hi/LC_MESSAGES");
        std::fs::create_dir_all(&words).unwrap();
        std::fs::write(words.join("handout.mo"), [0xde, 0x12]).unwrap();
        Entries {
            from,
            to,
            program: "/var/lib/flatpak/exports/bin/x".into(),
        }
    }

    fn files_below(folder: &Path) -> usize {
        let below = std::fs::read_dir(folder).unwrap().flatten();
        below
            .map(|one| match one.path() {
                path if path.is_dir() => files_below(&path),
                _ => 1,
            })
            .sum()
    }

    #[test]
    fn they_come_with_their_places_outside_and_go_without_a_trace() {
        let entries = entries("entries");
        assert!(!entries.installed());
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(entries.from.join(SEND), mode).unwrap();
        entries.install().unwrap();
        assert!(entries.installed());
        let thunar = std::fs::read_to_string(entries.to.join(FILES[4])).unwrap();
        let share = entries.to.display();
        let wanted = format!("{} /var/lib/flatpak/exports/bin/x {share}/x", FILES[4]);
        assert_eq!(thunar, wanted);
        let rights = std::fs::metadata(entries.to.join(SEND)).unwrap();
        assert_eq!(rights.permissions().mode() & 0o777, 0o755);
        let words = entries.to.join(LOCALE).join("hi/LC_MESSAGES/handout.mo");
        assert_eq!(std::fs::read(words).unwrap(), [0xde, 0x12]);

        let kept = entries.to.join("nautilus-python/extensions/__pycache__");
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("handout.cpython-313.pyc"), "x").unwrap();
        std::fs::write(kept.join("another.cpython-313.pyc"), "x").unwrap();
        entries.remove().unwrap();
        assert_eq!(files_below(&entries.to), 1, "only that of another is left");
        entries.remove().unwrap();
        std::fs::remove_dir_all(entries.to.parent().unwrap()).unwrap();
    }

    #[test]
    fn an_update_replaces_them_and_a_folder_that_is_kept_away_is_left_out() {
        let entries = entries("update");
        let kept = entries.to.join("Thunar");
        std::fs::remove_dir_all(&kept).unwrap();
        entries.install().unwrap();
        assert!(!kept.exists());
        std::fs::write(entries.from.join(FILES[3]), "new").unwrap();
        entries.install().unwrap();
        let nemo = std::fs::read_to_string(entries.to.join(FILES[3])).unwrap();
        assert_eq!(nemo, "new");
        std::fs::remove_dir_all(entries.to.parent().unwrap()).unwrap();
    }

    #[test]
    fn the_command_is_that_of_the_same_installation() {
        let id = "in.ac.gehu.Handout";
        let own = "/home/asha/.local/share/flatpak/app/in.ac.gehu.Handout/x86_64/stable/1f/files";
        let command = exported(own, id).unwrap();
        let wanted = "/home/asha/.local/share/flatpak/exports/bin/in.ac.gehu.Handout";
        assert_eq!(command, Path::new(wanted));
        assert_eq!(exported("/nowhere", id), None);
    }
}
