//! The command line, defined once: parsing, help, completions and the manual page come from here.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use handout_engine::api::DEFAULT_PORT;

use crate::exit::EXIT_STATUS;
use crate::{demo, doctor, generate, history, join, keys, rate, teach};

/// Hand files and messages to a whole lab, over its own network.
///
/// One machine teaches, the others join by themselves and pass on what they receive. There is no
/// server, no account and no internet.
#[derive(Debug, Parser)]
#[command(name = "handout-cli", version, after_long_help = EXIT_STATUS)]
pub struct Cli {
    /// What goes for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What goes for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Folder of keys and history [default: the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Use exactly this network interface; may be repeated [default: every usual one]
    #[arg(long = "interface", global = true, value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// UDP port of discovery and first choice for TCP; the same on every machine
    #[arg(long, global = true, value_name = "PORT", default_value_t = DEFAULT_PORT,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Send at most so many bytes a second; 500K and 2M are understood [default: as fast as it goes]
    #[arg(long, global = true, value_name = "RATE", value_parser = rate::parse)]
    pub upload_limit: Option<u64>,
    /// Print one JSON object per line instead of words
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell on standard error what happens inside; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a session and hand things out
    Teach(teach::TeachArgs),
    /// Join a session and receive what is handed out
    Join(join::JoinArgs),
    /// Make, issue, show and trust keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Show what the network looks like from here
    Doctor(doctor::DoctorArgs),
    /// Show earlier sessions
    History(history::HistoryArgs),
    /// Hand a file to a class of processes on this machine alone, and check every copy
    Demo(demo::DemoArgs),
    /// Print the completions for a shell
    Completions(generate::CompletionsArgs),
    /// Print the manual page
    Man,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_may_follow_the_command() {
        let cli =
            Cli::try_parse_from(["handout-cli", "doctor", "--json", "--interface", "lo"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.interfaces, ["lo"]);
        assert_eq!(cli.global.port, DEFAULT_PORT);
    }

    #[test]
    fn port_zero_is_refused() {
        assert!(Cli::try_parse_from(["handout-cli", "--port", "0", "doctor"]).is_err());
    }
}
