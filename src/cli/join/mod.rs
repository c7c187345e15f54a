//! `join`: finds a session, joins it and receives.

mod follower;
mod received;
mod tell;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use handout_engine::api::Pin;
use handout_engine::target::Target;

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::inbox::Inbox;
use crate::output::Output;
use crate::person::person;
use crate::rate;
use crate::setup::{self, Wanted};
use follower::Follower;

/// Arguments of `join`.
#[allow(clippy::struct_excessive_bools)] // Each is a switch of the command line.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// A session's title, a teacher's address or a handout:// link [default: the first one seen]
    #[arg(value_name = "TITLE|ADDRESS|LINK", value_parser = Target::parse)]
    pub target: Option<Target>,
    /// Your name [default: that of your login]
    #[arg(long)]
    pub name: Option<String>,
    /// Your roll number
    #[arg(long)]
    pub roll: Option<String>,
    /// Where received files go [default: Handout in your download folder]
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Receive larger items only after /retry N; 500M and 2G are understood [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = rate::parse)]
    pub accept_limit: Option<u64>,
    /// The session's PIN, where it asks for one
    #[arg(long, value_name = "PIN", value_parser = Pin::parse)]
    pub pin: Option<Pin>,
    /// Trust any teacher without asking
    #[arg(long, conflicts_with = "certified_only")]
    pub trust_any: bool,
    /// Refuse every teacher whom no trusted institution has certified
    #[arg(long)]
    pub certified_only: bool,
    /// A message to the teacher once joined; may be repeated
    #[arg(short, long = "message", value_name = "TEXT")]
    pub messages: Vec<String>,
    /// Give up when no session was joined within this time
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
    /// End when the session has ended
    #[arg(long)]
    pub once: bool,
    /// End when this many items have been received
    #[arg(long, value_name = "N")]
    pub until_items: Option<usize>,
    /// End when this many messages have been received
    #[arg(long, value_name = "N")]
    pub until_texts: Option<usize>,
    /// Stay this long after that, passing on to others
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub linger: u64,
    /// Read messages to the teacher from standard input even if it is no terminal
    #[arg(long)]
    pub stdin: bool,
    /// End when standard input is closed
    #[arg(long, hide = true, requires = "stdin")]
    pub end_with_input: bool,
}

impl JoinArgs {
    /// Whether the program ends with its session.
    pub const fn ends_with_session(&self) -> bool {
        self.once || self.has_goal()
    }

    /// Whether a number of items or messages is waited for.
    pub const fn has_goal(&self) -> bool {
        self.until_items.is_some() || self.until_texts.is_some()
    }

    /// How long to stay once the goal is reached.
    pub const fn linger(&self) -> Duration {
        Duration::from_secs(self.linger)
    }
}

/// Receives until the goal is reached, the session has ended, or somebody interrupts.
pub async fn run(global: &Global, args: JoinArgs, output: &Output) -> Result<Code, Failure> {
    let person = person(args.name.as_deref(), args.roll.as_deref());
    let (engine, events) = setup::start(
        global,
        Wanted {
            person,
            receive_dir: args.save.clone(),
            accept_limit: args.accept_limit,
            allow_unknown_teachers: !args.certified_only,
        },
    )?;
    let result = async {
        let inbox = Inbox::new(events, args.stdin)?;
        if let Some(address) = args.target.as_ref().and_then(Target::address) {
            engine.connect(address).await?;
        }
        Follower::new(&engine, args, output).run(inbox).await
    }
    .await;
    setup::stop(&engine).await;
    result
}
