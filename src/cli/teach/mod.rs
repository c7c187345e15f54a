//! `teach`: starts a session and hands things out.

mod board;
mod lesson;
mod report;
mod table;

pub use table::Table;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use handout_engine::Engine;
use handout_engine::api::{Pin, TextPolicy};

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::inbox::Inbox;
use crate::keys;
use crate::output::Output;
use crate::passphrase::PassphraseArgs;
use crate::person::person;
use crate::rate;
use crate::setup::{self, Wanted};
use lesson::Lesson;

/// Arguments of `teach`.
#[derive(Debug, Args)]
pub struct TeachArgs {
    /// Files and folders to hand out at once, together as one item
    #[arg(value_name = "FILE|FOLDER")]
    pub paths: Vec<PathBuf>,
    /// What the session is called
    #[arg(short, long, default_value = "Session")]
    pub title: String,
    /// Go on with a session of this computer that was interrupted: the last one, or the one of this id
    #[arg(long, value_name = "SESSION", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with_all = ["title", "texts"])]
    pub resume: Option<String>,
    /// A message to send at once; may be repeated
    #[arg(short, long = "message", value_name = "TEXT")]
    pub messages: Vec<String>,
    /// Teach with the key of this name, when there are several
    #[arg(long, value_name = "NAME")]
    pub teacher: Option<String>,
    /// Make a key of your own first, when there is none; students are asked whether to trust it
    #[arg(long, value_name = "NAME")]
    pub new_key: Option<String>,
    /// How the key is protected
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    /// Whom students may write to
    #[arg(long, value_enum, default_value_t = Texts::Teacher)]
    pub texts: Texts,
    /// Admit only students who know this PIN of 4 to 12 digits; without one, six digits are made up and shown
    #[arg(long, value_name = "PIN", num_args = 0..=1, require_equals = true, value_parser = Pin::parse, conflicts_with = "resume")]
    #[allow(
        clippy::option_option,
        reason = "clap's own form of an option whose value may be left out"
    )]
    pub pin: Option<Option<Pin>>,
    /// Have every computer of the session send at most so many bytes a second, as in 500K or 2M
    #[arg(long, value_name = "RATE", value_parser = rate::parse)]
    pub class_limit: Option<u64>,
    /// Copy what is shared first, because it may change or vanish
    #[arg(long)]
    pub copy: bool,
    /// Read messages and commands from standard input even if it is no terminal
    #[arg(long)]
    pub stdin: bool,
    /// Write attendance and delivery there as CSV when the session ends
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// End when this many students have saved everything
    #[arg(long, value_name = "N")]
    pub until_saved: Option<usize>,
    /// Stay this long after that
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub linger: u64,
    /// End when standard input is closed
    #[arg(long, hide = true, requires = "stdin")]
    pub end_with_input: bool,
}

impl TeachArgs {
    /// What students have to prove, if anything.
    pub fn pin(&self) -> Result<Option<Pin>, Failure> {
        Ok(match &self.pin {
            None => None,
            Some(None) => Some(Engine::random_pin()?),
            Some(Some(pin)) => Some(pin.clone()),
        })
    }

    /// How long the session stays after everything was saved.
    pub const fn linger(&self) -> Duration {
        Duration::from_secs(self.linger)
    }
}

/// Whom students may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Texts {
    /// Nobody
    Nothing,
    /// The teacher
    Teacher,
    /// Everybody
    All,
}

impl From<Texts> for TextPolicy {
    fn from(texts: Texts) -> Self {
        match texts {
            Texts::Nothing => Self::Nothing,
            Texts::Teacher => Self::Teacher,
            Texts::All => Self::All,
        }
    }
}

/// Runs a session until it is ended.
pub async fn run(global: &Global, args: TeachArgs, output: &Output) -> Result<Code, Failure> {
    let teacher = keys::teacher_for_session(global, &args, output)?;
    let (engine, events) = setup::start(global, Wanted::by(person(Some(teacher.name()), None)))?;
    let result = async {
        let inbox = Inbox::new(events, args.stdin)?;
        Lesson::start(global, &engine, &teacher, args, output)
            .await?
            .run(inbox)
            .await
    }
    .await;
    setup::stop(&engine).await;
    result
}
