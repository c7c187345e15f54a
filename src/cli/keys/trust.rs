//! What this machine trusts.

use std::path::PathBuf;

use clap::Subcommand;
use handout_engine::api::PublicKey;
use handout_engine::core::trust::{Fingerprint, TrustStore, same_name};
use handout_engine::store::keys::{FileKind, Imported, KeyStore};

use super::read;
use crate::exit::{Code, Failure};
use crate::lines::{KeyLine, Line};
use crate::output::Output;

/// What to do with what is trusted.
#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// Trust an institution's public key, or take its list of withdrawn certificates
    Add {
        /// The institution's public key, or its list
        file: PathBuf,
    },
    /// List trusted institutions and teachers
    List,
    /// Trust an institution or a teacher no longer
    Remove {
        /// Name or fingerprint
        name: String,
    },
}

/// Something that is trusted.
struct Trusted {
    role: &'static str,
    name: String,
    key: PublicKey,
}

impl Trusted {
    fn is_meant_by(&self, text: &str) -> bool {
        let by_print = text.parse::<Fingerprint>() == Ok(Fingerprint::of(&self.key));
        by_print || same_name(&self.name, text)
    }
}

/// Carries out a command on what is trusted.
pub fn run(store: &KeyStore, command: TrustCommand, output: &Output) -> Result<(), Failure> {
    match command {
        TrustCommand::Add { file } => add(store, &file, output),
        TrustCommand::List => {
            let all = trusted(&store.trust()?);
            if all.is_empty() {
                output.say("Nobody is trusted here.");
            }
            for one in &all {
                show(one, output);
            }
            Ok(())
        }
        TrustCommand::Remove { name } => remove(store, &name, output),
    }
}

/// Trusts an institution, or takes its list.
fn add(store: &KeyStore, file: &std::path::Path, output: &Output) -> Result<(), Failure> {
    let input = read(file)?;
    let kind = input.kind()?;
    if !matches!(kind, FileKind::Institution | FileKind::Revocation) {
        let text = format!(
            "{} holds {}, which is nothing to trust",
            file.display(),
            kind.name()
        );
        return Err(Failure::new(Code::Refused, text)
            .hint("a certificate is taken with: handout-cli keys teacher import FILE"));
    }
    match store.import(&input)? {
        Imported::Institution { key, name, .. } => show(
            &Trusted {
                role: "institution",
                name,
                key,
            },
            output,
        ),
        Imported::Revocation { newer: false } => {
            output.say("Nothing new: a newer list is known here.");
        }
        _ => output.say("The withdrawn certificates no longer count here."),
    }
    Ok(())
}

/// Trusts somebody no longer.
fn remove(store: &KeyStore, name: &str, output: &Output) -> Result<(), Failure> {
    let mut trust = store.trust()?;
    let mut meant = trusted(&trust)
        .into_iter()
        .filter(|one| one.is_meant_by(name));
    let (Some(one), None) = (meant.next(), meant.next()) else {
        let text = format!("not exactly one trusted institution or teacher is called \"{name}\"");
        return Err(
            Failure::failed(text).hint("handout-cli keys trust list shows names and fingerprints")
        );
    };
    let change = match one.role {
        "institution" => trust.forget_institution(&one.key),
        _ => trust.unpin(&one.key),
    };
    store.commit_trust(change.as_slice())?;
    output.say(format!("{} is no longer trusted.", one.name));
    Ok(())
}

/// Everything that is trusted.
fn trusted(trust: &TrustStore) -> Vec<Trusted> {
    let institutions = trust.institutions().map(|(key, name)| Trusted {
        role: "institution",
        name: name.to_owned(),
        key: *key,
    });
    let teachers = trust.pinned().map(|(key, pinned)| Trusted {
        role: "teacher",
        name: pinned.name.clone(),
        key: *key,
    });
    institutions.chain(teachers).collect()
}

/// Shows something that is trusted.
fn show(one: &Trusted, output: &Output) {
    let fingerprint = Fingerprint::of(&one.key).words();
    output.emit(&Line::Key(KeyLine {
        role: one.role,
        name: &one.name,
        key: one.key,
        fingerprint: &fingerprint,
        institution: "",
        serial: None,
        until: "",
    }));
    output.say(format!("Trusted {}: {}", one.role, one.name));
    output.say(format!("  Fingerprint: {fingerprint}"));
}
