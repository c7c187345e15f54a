//! The institution's key.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use handout_engine::core::trust::Date;
use handout_engine::store::keys::{InstitutionInfo, KeyStore, UnlockedInstitution};

use super::{now, write};
use crate::exit::Failure;
use crate::lines::{KeyLine, Line};
use crate::output::Output;
use crate::passphrase::PassphraseArgs;

/// What to do with an institution's key.
#[derive(Debug, Subcommand)]
pub enum InstitutionCommand {
    /// Make the key; keep a backup of it
    Create {
        /// Name of the institution
        name: String,
        /// How the key is protected
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Show the keys that are here, and the certificates they have issued
    Show,
    /// Write the public key to a file, for every machine that shall trust it
    Export {
        /// The file to write [default: named after the institution]
        file: Option<PathBuf>,
        /// Which institution, if there are several: name or fingerprint
        #[arg(long, value_name = "NAME")]
        institution: Option<String>,
        /// The secret key instead, for a backup: it can issue certificates
        #[arg(long)]
        secret: bool,
    },
    /// Take an institution's secret key from a backup
    Import {
        /// The backup
        file: PathBuf,
    },
}

/// Arguments of `revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Numbers of the certificates
    #[arg(required = true)]
    serials: Vec<u64>,
    /// Which institution, if there are several: name or fingerprint
    #[arg(long, value_name = "NAME")]
    institution: Option<String>,
    /// Where to write the list for other machines [default: named after the institution]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How the key is protected
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Carries out a command on institutions' keys.
pub fn run(store: &KeyStore, command: InstitutionCommand, output: &Output) -> Result<(), Failure> {
    match command {
        InstitutionCommand::Create { name, passphrase } => {
            let passphrase = passphrase.new_one(&name)?;
            let made =
                store.create_institution(&name, passphrase.as_ref().map(|text| text.as_str()))?;
            show(&made, output);
            output.say("Every machine of the lab trusts it once it has the public key:");
            output.say("  handout-cli keys institution export FILE, and there: handout-cli keys trust add FILE");
        }
        InstitutionCommand::Show => {
            let all = store.institutions()?;
            if all.is_empty() {
                output.say("There is no institution's secret key here.");
            }
            for info in &all {
                show(info, output);
            }
        }
        InstitutionCommand::Export {
            file,
            institution,
            secret,
        } => {
            let key = store.find_institution(institution.as_deref())?.key;
            let document = if secret {
                store.export_institution_key(&key)?
            } else {
                store.export_institution(&key)?
            };
            write(&document, file.as_deref(), output)?;
        }
        InstitutionCommand::Import { file } => {
            show(&store.import_institution_key(&super::read(&file)?)?, output);
        }
    }
    Ok(())
}

/// Withdraws certificates.
pub fn revoke(store: &KeyStore, args: &RevokeArgs, output: &Output) -> Result<(), Failure> {
    let institution = unlock(store, args.institution.as_deref(), &args.passphrase)?;
    let list = institution.revoke(&args.serials, now())?;
    write(&list, args.out.as_deref(), output)?;
    output.say("Other machines take it with: handout-cli keys trust add FILE");
    Ok(())
}

/// Opens the institution's key that is meant.
pub fn unlock(
    store: &KeyStore,
    wanted: Option<&str>,
    passphrase: &PassphraseArgs,
) -> Result<UnlockedInstitution, Failure> {
    let info = store.find_institution(wanted)?;
    let passphrase = if info.protected {
        passphrase.existing(&info.name)?
    } else {
        None
    };
    Ok(store.unlock_institution(&info.key, passphrase.as_ref().map(|text| text.as_str()))?)
}

/// Shows an institution's key and what it has issued.
fn show(info: &InstitutionInfo, output: &Output) {
    let fingerprint = info.fingerprint.words();
    output.emit(&Line::Key(KeyLine {
        role: "institution",
        name: &info.name,
        key: info.key,
        fingerprint: &fingerprint,
        institution: &info.name,
        serial: None,
        until: "",
    }));
    let lock = if info.protected {
        ""
    } else {
        " (no passphrase)"
    };
    output.say(format!("Institution {}{lock}", info.name));
    output.say(format!("  Fingerprint: {fingerprint}"));
    for issued in &info.issued {
        let until = Date(issued.not_after).to_string();
        output.emit(&Line::Key(KeyLine {
            role: if issued.revoked { "revoked" } else { "issued" },
            name: &issued.name,
            key: issued.teacher,
            fingerprint: &handout_engine::core::trust::Fingerprint::of(&issued.teacher).words(),
            institution: &info.name,
            serial: Some(issued.serial),
            until: &until,
        }));
        let revoked = if issued.revoked { ", revoked" } else { "" };
        output.say(format!(
            "  Certificate {} of {}, until {until}{revoked}",
            issued.serial, issued.name
        ));
    }
}
