//! Teachers' keys and certificates.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use handout_engine::core::trust::Date;
use handout_engine::store::keys::{FileKind, Imported, KeyStore, TeacherInfo, Term};

use super::{institution, now, read, write};
use crate::exit::{Code, Failure};
use crate::lines::{KeyLine, Line};
use crate::output::Output;
use crate::passphrase::PassphraseArgs;

/// What to do with teachers' keys.
#[derive(Debug, Subcommand)]
pub enum TeacherCommand {
    /// Make a key without an institution: students are asked whether to trust it
    Create {
        /// Name of the teacher
        name: String,
        /// How the key is protected
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Write a request for a certificate, making the key first if there is none
    Request {
        /// Name of the teacher
        name: String,
        /// The file to write [default: named after the teacher]
        file: Option<PathBuf>,
        /// How a new key is protected
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Issue a certificate for a request, with the institution's key
    Issue {
        /// The request
        request: PathBuf,
        /// The certificate to write [default: named after the teacher]
        file: Option<PathBuf>,
        /// Name in the certificate, if not that of the request
        #[arg(long)]
        name: Option<String>,
        /// Days for which it is valid
        #[arg(long, default_value_t = Term::default().days)]
        days: u32,
        /// Which institution, if there are several: name or fingerprint
        #[arg(long, value_name = "NAME")]
        institution: Option<String>,
        /// How the institution's key is protected
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Take a certificate for a key that is here, or a whole key from another machine
    Import {
        /// The certificate or key
        file: PathBuf,
    },
    /// Write a whole key to a file, for another machine or a backup
    Export {
        /// The file to write [default: named after the teacher]
        file: Option<PathBuf>,
        /// Which teacher, if there are several: name or fingerprint
        #[arg(long, value_name = "NAME")]
        teacher: Option<String>,
    },
    /// Show the keys that are here
    Show,
}

/// Carries out a command on teachers' keys.
pub fn run(store: &KeyStore, command: TeacherCommand, output: &Output) -> Result<(), Failure> {
    match command {
        TeacherCommand::Create { name, passphrase } => {
            let made = create(store, &name, &passphrase)?;
            show(&made, output);
        }
        TeacherCommand::Request {
            name,
            file,
            passphrase,
        } => request(store, &name, file.as_deref(), &passphrase, output)?,
        TeacherCommand::Issue {
            request,
            file,
            name,
            days,
            institution,
            passphrase,
        } => {
            let input = read(&request)?;
            output.say(input.describe()?);
            output.say("Compare the fingerprint with the teacher's: the request does not prove who made it.");
            let institution = institution::unlock(store, institution.as_deref(), &passphrase)?;
            let term = Term { days, serial: None };
            let (record, certificate) = institution.issue(&input, name.as_deref(), term, now())?;
            let until = Date(record.not_after);
            output.say(format!(
                "Certificate {} of {}, until {until}",
                record.serial, record.name
            ));
            write(&certificate, file.as_deref(), output)?;
        }
        TeacherCommand::Import { file } => import(store, &file, output)?,
        TeacherCommand::Export { file, teacher } => {
            let key = store.find_teacher(teacher.as_deref())?.key;
            write(&store.export_teacher(&key)?, file.as_deref(), output)?;
        }
        TeacherCommand::Show => {
            let all = store.teachers()?;
            if all.is_empty() {
                output.say("There is no teacher's key here.");
            }
            for info in &all {
                show(info, output);
            }
        }
    }
    Ok(())
}

/// Makes a key with a self-signed certificate.
pub fn create(
    store: &KeyStore,
    name: &str,
    passphrase: &PassphraseArgs,
) -> Result<TeacherInfo, Failure> {
    let passphrase = passphrase.new_one(name)?;
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    Ok(store.create_teacher(name, passphrase, now())?)
}

/// Writes a request, making the key first if there is none of that name.
fn request(
    store: &KeyStore,
    name: &str,
    file: Option<&Path>,
    passphrase: &PassphraseArgs,
    output: &Output,
) -> Result<(), Failure> {
    let known = store.teachers()?.into_iter().find(|info| info.name == name);
    let info = match known {
        Some(info) => info,
        None => create(store, name, passphrase)?,
    };
    show(&info, output);
    write(&store.request(&info.key)?, file, output)?;
    output.say("Take it to the institution, and tell the fingerprint there.");
    Ok(())
}

/// Takes a certificate or a key.
fn import(store: &KeyStore, file: &Path, output: &Output) -> Result<(), Failure> {
    let input = read(file)?;
    let kind = input.kind()?;
    if !matches!(kind, FileKind::Certificate | FileKind::Teacher) {
        let text = format!(
            "{} holds {}, not a certificate or a teacher's key",
            file.display(),
            kind.name()
        );
        return Err(Failure::new(Code::Refused, text)
            .hint("what to trust is added with: handout-cli keys trust add FILE"));
    }
    if let Imported::Teacher(info) | Imported::Certificate(info) = store.import(&input)? {
        show(&info, output);
    }
    Ok(())
}

/// Shows a teacher's key.
fn show(info: &TeacherInfo, output: &Output) {
    let fingerprint = info.fingerprint.words();
    let until = Date(info.not_after).to_string();
    output.emit(&Line::Key(KeyLine {
        role: "teacher",
        name: &info.name,
        key: info.key,
        fingerprint: &fingerprint,
        institution: info.institution.as_deref().unwrap_or_default(),
        serial: info.institution.as_ref().map(|_| info.serial),
        until: &until,
    }));
    let lock = if info.protected {
        ""
    } else {
        " (no passphrase)"
    };
    output.say(format!("Teacher {}{lock}", info.name));
    output.say(format!("  Fingerprint: {fingerprint}"));
    output.say(match &info.institution {
        Some(name) => format!("  Certificate {} of {name}, until {until}", info.serial),
        None => format!("  Vouched for by nobody but itself, until {until}"),
    });
}
