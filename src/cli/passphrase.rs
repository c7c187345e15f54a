//! Passphrases: asked for without showing them, or read from a file.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use console::Term;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// How a secret key is protected.
#[derive(Debug, Clone, Default, Args)]
pub struct PassphraseArgs {
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Use no passphrase: whoever can read the key file can use the key
    #[arg(long)]
    no_passphrase: bool,
}

/// A passphrase, wiped when dropped; `None` for a key without one.
pub type Passphrase = Option<Zeroizing<String>>;

impl PassphraseArgs {
    /// The passphrase of a key that exists and has one.
    pub fn existing(&self, of: &str) -> Result<Passphrase, Failure> {
        match &self.passphrase_file {
            Some(file) => from_file(file).map(Some),
            None if self.no_passphrase => Ok(None),
            None => ask(&format!("Passphrase of {of}: ")).map(Some),
        }
    }

    /// The passphrase of a new key, asked for twice.
    pub fn new_one(&self, of: &str) -> Result<Passphrase, Failure> {
        if self.passphrase_file.is_some() || self.no_passphrase {
            return self.existing(of);
        }
        let first = ask(&format!("New passphrase of {of} (empty for none): "))?;
        if first.is_empty() {
            return Ok(None);
        }
        if ask("The same again: ")? != first {
            return Err(Failure::failed(
                "the two passphrases differ: nothing was made",
            ));
        }
        Ok(Some(first))
    }
}

/// The first line of a file.
fn from_file(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::failed(format!(
                "cannot read the passphrase file {}: {error}",
                file.display()
            ))
        })?;
    Ok(Zeroizing::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

/// Asks on the terminal without showing what is typed.
fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let term = Term::stderr();
    if !io::stdin().is_terminal() || !term.is_term() {
        return Err(
            Failure::usage("a passphrase is needed and there is no terminal to ask on")
                .hint("use --passphrase-file FILE or --no-passphrase"),
        );
    }
    let broken = |error: io::Error| Failure::failed(format!("cannot read the passphrase: {error}"));
    term.write_str(prompt).map_err(broken)?;
    term.read_secure_line().map(Zeroizing::new).map_err(broken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_the_first_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, " two words \r\nnot this\n").unwrap();
        let args = PassphraseArgs {
            passphrase_file: Some(file),
            no_passphrase: false,
        };
        let passphrase = args.existing("a key").unwrap().unwrap();
        assert_eq!(passphrase.as_str(), " two words ");
    }
}
