//! Completions and the manual page, made from the definition of the command line.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Code, Failure};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}

/// Prints the completions for a shell.
pub fn completions(args: &CompletionsArgs) -> Result<Code, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "handout-cli", &mut bytes);
    print(&bytes)
}

/// Prints the manual page, all commands in it.
pub fn manual() -> Result<Code, Failure> {
    let mut bytes = Vec::new();
    let mut command = Cli::command();
    command.build();
    write_manual(&command, &mut bytes)
        .map_err(|error| Failure::failed(format!("cannot make the manual page: {error}")))?;
    print(&bytes)
}

/// One page: the program's own sections, then the options of every command.
fn write_manual(command: &clap::Command, to: &mut Vec<u8>) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    page.render_title(to)?;
    page.render_name_section(to)?;
    page.render_synopsis_section(to)?;
    page.render_description_section(to)?;
    page.render_options_section(to)?;
    write_commands(command, "", to)?;
    page.render_extra_section(to)?;
    page.render_version_section(to)
}

/// The sections of the commands below `command`, depth first.
fn write_commands(command: &clap::Command, path: &str, to: &mut Vec<u8>) -> io::Result<()> {
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help" && !sub.is_hide_set())
    {
        let path = format!("{path}{} ", sub.get_name());
        if sub.has_subcommands() {
            write_commands(sub, &path, to)?;
            continue;
        }
        writeln!(
            to,
            ".SH {}",
            path.trim_end().to_uppercase().replace('-', "\\-")
        )?;
        // Global options stand in their own section; here they would repeat for every command.
        let own = sub.clone().mut_args(|arg| {
            let hide = arg.is_global_set() || arg.get_id() == "help";
            arg.hide(hide)
        });
        let page = clap_mangen::Man::new(own);
        let mut section = Vec::new();
        page.render_description_section(&mut section)?;
        page.render_options_section(&mut section)?;
        for line in section.split_inclusive(|byte| *byte == b'\n') {
            if !line.starts_with(b".SH ") {
                to.write_all(line)?;
            }
        }
    }
    Ok(())
}

/// Writes to standard output.
fn print(bytes: &[u8]) -> Result<Code, Failure> {
    io::stdout()
        .write_all(bytes)
        .map_err(|error| Failure::failed(format!("cannot write to standard output: {error}")))?;
    Ok(Code::Done)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_command_and_the_exit_status() {
        let mut bytes = Vec::new();
        let mut command = Cli::command();
        command.build();
        write_manual(&command, &mut bytes).unwrap();
        let page = String::from_utf8(bytes).unwrap();
        for section in ["TEACH", "JOIN", "KEYS TRUST ADD", "DOCTOR", "DEMO"] {
            assert!(
                page.contains(&format!(".SH {section}")),
                "no section {section}"
            );
        }
        assert!(page.contains("incomplete: the session ended"));
    }

    #[test]
    fn completions_exist_for_the_usual_shells() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "handout-cli", &mut bytes);
            assert!(!bytes.is_empty());
        }
    }
}
