//! `keys`: makes, issues, carries, shows and trusts keys.

mod institution;
mod session;
mod teacher;
mod trust;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use handout_engine::api::UnixTime;
use handout_engine::platform::files::create_private_folder;
use handout_engine::store::keys::{KeyDocument, KeyError, KeyInput, KeyStore};

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::lines::Line;
use crate::output::Output;
use crate::setup;

pub use session::{Teacher, make_class, teacher_for_session};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// The key that vouches for teachers: kept by the administrator
    #[command(subcommand)]
    Institution(institution::InstitutionCommand),
    /// The key that starts sessions: kept by a teacher
    #[command(subcommand)]
    Teacher(teacher::TeacherCommand),
    /// Withdraw certificates that this institution has issued
    Revoke(institution::RevokeArgs),
    /// What this machine trusts
    #[command(subcommand)]
    Trust(trust::TrustCommand),
}

/// Carries out a command on keys.
pub fn run(global: &Global, command: KeysCommand, output: &Output) -> Result<Code, Failure> {
    let store = open(global)?;
    match command {
        KeysCommand::Institution(command) => institution::run(&store, command, output),
        KeysCommand::Teacher(command) => teacher::run(&store, command, output),
        KeysCommand::Revoke(args) => institution::revoke(&store, &args, output),
        KeysCommand::Trust(command) => trust::run(&store, command, output),
    }?;
    Ok(Code::Done)
}

/// The keys of this user.
fn open(global: &Global) -> Result<KeyStore, Failure> {
    let data_dir = setup::data_dir(global)?;
    let made = match data_dir.parent() {
        Some(parent) => fs::create_dir_all(parent),
        None => Ok(()),
    };
    // History will stand beside the keys: the whole folder is its owner's alone.
    made.and_then(|()| create_private_folder(&data_dir))
        .map_err(|error| {
            let folder = data_dir.display();
            Failure::failed(format!("cannot make the data folder {folder}: {error}"))
                .hint("name another one with --data-dir")
        })?;
    Ok(KeyStore::open(&folder(&data_dir))?)
}

/// Where keys are inside a data folder.
fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("keys")
}

/// The local clock.
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}

/// Writes something that travels to `path`, or under its own name into the working folder.
fn write(document: &KeyDocument, path: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let path = path.map_or_else(|| PathBuf::from(document.file_name()), Path::to_owned);
    document.write(&path)?;
    output.emit(&Line::Written { path: &path });
    output.say(format!(
        "Written: {} ({})",
        path.display(),
        document.kind().name()
    ));
    Ok(())
}

/// Reads something that travels.
fn read(path: &Path) -> Result<KeyInput, Failure> {
    Ok(KeyInput::file(path)?)
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::WrongPassphrase { .. }
            | KeyError::PassphraseNeeded { .. }
            | KeyError::OtherKey { .. }
            | KeyError::Refused { .. } => Code::Refused,
            KeyError::EmptyPassphrase | KeyError::BadTerm { .. } => Code::Usage,
            _ => Code::Failed,
        };
        let hint = match error {
            KeyError::PassphraseNeeded { .. } => {
                "use --passphrase-file FILE, or answer at a terminal"
            }
            KeyError::None {
                what: "teacher key",
            } => {
                "handout-cli keys teacher request NAME asks your institution for a certificate; \
                 teach --new-key NAME makes a key that students have to trust by hand"
            }
            _ => "",
        };
        Self::new(code, error.to_string()).hint(hint)
    }
}
