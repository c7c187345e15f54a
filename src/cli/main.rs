//! `handout-cli`: the engine without a display.
//!
//! | module | what it is |
//! |---|---|
//! | [`args`] | the command line, defined once |
//! | [`teach`], [`join`], [`keys`], [`doctor`], [`history`], [`demo`] | the commands |
//! | [`output`], [`lines`] | what is printed, for people and for machines |
//! | [`inbox`] | the engine's events, typed lines and signals in one queue |
//! | [`setup`], [`places`], [`person`], [`rate`] | from the command line to an engine's configuration |
//! | [`exit`] | how the program ends |
#![forbid(unsafe_code)]

mod args;
mod bars;
mod demo;
mod doctor;
mod exit;
mod generate;
mod history;
mod inbox;
mod join;
mod keys;
mod lines;
mod output;
mod passphrase;
mod person;
mod places;
mod rate;
mod setup;
mod slash;
mod teach;
mod text;
mod words;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, Global};
use crate::exit::{Code, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    trace(cli.global.verbose);
    let output = Output::new(cli.global.json);
    let code = match run(&cli.global, cli.command, &output) {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.code
        }
    };
    output.finished(code);
    code.into()
}

/// Carries out one command.
fn run(global: &Global, command: Command, output: &Output) -> Result<Code, Failure> {
    match command {
        Command::Teach(args) => smol::future::block_on(teach::run(global, args, output)),
        Command::Join(args) => smol::future::block_on(join::run(global, args, output)),
        Command::Keys(command) => keys::run(global, command, output),
        Command::Doctor(args) => smol::future::block_on(doctor::run(global, &args, output)),
        Command::History(args) => history::run(global, &args, output),
        Command::Demo(args) => smol::future::block_on(demo::run(global, &args, output)),
        Command::Completions(args) => generate::completions(&args),
        Command::Man => generate::manual(),
    }
}

/// Sends the engine's traces to standard error; `RUST_LOG` has the last word.
fn trace(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "handout_engine=info,handout_cli=info",
        2 => "handout_engine=debug,handout_cli=debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
