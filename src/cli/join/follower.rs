//! A student: looks for a session, joins it, tells what arrives.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use handout_engine::Engine;
use handout_engine::api::{
    Event, ItemView, Pin, Post, PostContent, Progress, PublicKey, SessionId, SessionState,
    SessionView, WarningKind,
};

use super::JoinArgs;
use super::received::{FileSet, Received};
use super::tell;
use crate::bars::Bars;
use crate::exit::{Code, Failure};
use crate::inbox::{Happening, Inbox};
use crate::lines::Line;
use crate::output::Output;
use crate::slash::Slash;
use crate::text::{plain, who};
use crate::words;

/// How long what lacks may still come from others once the session has ended.
const AFTER_END: Duration = Duration::from_secs(10);

/// What can be typed.
const HELP: &str = "\
A line is a message to the teacher. Commands:
  /who       what has arrived
  /retry N   receive item N again
  /leave     leave the session";

/// A student's run.
pub struct Follower<'a> {
    engine: &'a Engine,
    args: JoinArgs,
    output: &'a Output,
    bars: Bars,
    /// The session that was asked for or joined.
    chosen: Option<SessionId>,
    /// Whether the teacher ever let this machine in.
    joined: bool,
    received: Received,
    /// An unknown teacher that the person is being asked about.
    asking: Option<SessionView>,
    /// The person is being asked for the PIN of the session.
    asking_pin: bool,
    /// Unknown teachers that were told of.
    told: BTreeSet<PublicKey>,
    /// Why the last announcement was refused; empty if none was.
    refused: String,
    /// When the program ends, and how.
    ends: Option<(Instant, Code)>,
}

impl<'a> Follower<'a> {
    /// Nothing has happened yet.
    pub fn new(engine: &'a Engine, args: JoinArgs, output: &'a Output) -> Self {
        let ends = args.wait.map(|wait| {
            (
                Instant::now() + Duration::from_secs(wait),
                Code::NothingFound,
            )
        });
        Self {
            engine,
            args,
            output,
            bars: Bars::default(),
            chosen: None,
            joined: false,
            received: Received::default(),
            asking: None,
            asking_pin: false,
            told: BTreeSet::new(),
            refused: String::new(),
            ends,
        }
    }

    /// Runs until the end.
    pub async fn run(mut self, mut inbox: Inbox) -> Result<Code, Failure> {
        self.output.say("Looking for a session on this network");
        let ended = loop {
            let ended = match inbox.next(self.ends.map(|(at, _)| at)).await {
                Happening::Event(event) => self.event(&event).await,
                Happening::Line(line) => self.line(&line).await,
                Happening::InputEnded if self.args.end_with_input => Some(Ok(self.code())),
                Happening::InputEnded => None,
                Happening::Interrupted => Some(Ok(self.code())),
                Happening::Due => Some(self.due()),
                Happening::EngineGone => Some(Err(Failure::failed("the engine has stopped"))),
            };
            if let Some(result) = ended {
                break result;
            }
        };
        self.bars.clear();
        ended
    }

    /// The exit status if the program ends now.
    fn code(&self) -> Code {
        if !self.args.ends_with_session() || self.reached() {
            Code::Done
        } else if !self.joined {
            Code::NothingFound
        } else if self.args.has_goal() || !self.received.missing().is_empty() {
            Code::Incomplete
        } else {
            Code::Done
        }
    }

    /// Whether as much as was asked for has arrived.
    fn reached(&self) -> bool {
        self.args.has_goal()
            && self
                .args
                .until_items
                .is_none_or(|wanted| self.received.items() >= wanted)
            && self
                .args
                .until_texts
                .is_none_or(|wanted| self.received.texts() >= wanted)
    }

    /// The awaited moment has come.
    fn due(&self) -> Result<Code, Failure> {
        match self.ends.map_or(Code::Done, |(_, code)| code) {
            Code::NothingFound if self.told.is_empty() && !self.refused.is_empty() => {
                let text = format!("no session could be joined; refused: {}", self.refused);
                Err(Failure::new(Code::Refused, text))
            }
            Code::NothingFound if self.told.is_empty() => Err(Failure::new(
                Code::NothingFound,
                "no session was found on this network",
            )
            .hint("handout-cli doctor shows what was heard and why it was refused")),
            Code::NothingFound => Err(Failure::new(
                Code::Refused,
                "the teachers that were seen are not trusted here",
            )
            .hint("add the institution's key with: handout-cli keys trust add FILE, or use --trust-any")),
            Code::Incomplete => Err(Failure::new(
                Code::Incomplete,
                format!("the session ended before this had arrived: {}", self.lacking()),
            )),
            code => Ok(code),
        }
    }

    /// What lacks, in words.
    fn lacking(&self) -> String {
        let missing = self.received.missing();
        if missing.is_empty() {
            "as much as was asked for".to_owned()
        } else {
            plain(&missing.join(", "))
        }
    }

    /// Takes in what the engine told; `Some` ends the program.
    async fn event(&mut self, event: &Event) -> Option<Result<Code, Failure>> {
        self.output.emit(event);
        match event {
            Event::Session(view) => return self.session(view).await,
            Event::Ready {
                port, interfaces, ..
            } => {
                self.output.say(format!(
                    "Listening on port {port} on {}",
                    interfaces.join(", ")
                ));
            }
            Event::SessionGone { session } if self.chosen == Some(*session) => {
                self.chosen = None;
                self.asking_pin = false;
                self.output.say("The session is no longer there");
            }
            Event::Posted(post) if self.chosen == Some(post.session) => {
                self.received.apply(event);
                self.posted(post);
            }
            Event::Item(view) if self.chosen == Some(view.session) => {
                let was_saved = self.is_saved(view);
                self.received.apply(event);
                self.item(view, was_saved);
            }
            Event::Warning(warning) => {
                if matches!(warning.kind, WarningKind::Refused | WarningKind::Alarm) {
                    self.refused.clone_from(&warning.text);
                }
                self.output.say(words::warning(warning));
            }
            _ => (),
        }
        self.look_at_goal();
        None
    }

    /// Ends, after the time to linger, once everything that was asked for is here.
    fn look_at_goal(&mut self) {
        let going_to_end_well = matches!(self.ends, Some((_, Code::Done)));
        if self.reached() && !going_to_end_well {
            self.ends = Some((Instant::now() + self.args.linger(), Code::Done));
        }
        // Others went on sending after the end and now nothing lacks.
        if matches!(self.ends, Some((_, Code::Incomplete)))
            && !self.args.has_goal()
            && self.received.missing().is_empty()
        {
            self.ends = Some((Instant::now(), Code::Done));
        }
    }

    /// A session was seen or changed.
    async fn session(&mut self, view: &SessionView) -> Option<Result<Code, Failure>> {
        match self.chosen {
            Some(chosen) if chosen == view.session => self.chosen_changed(view).await,
            Some(_) => None,
            None if self
                .args
                .target
                .as_ref()
                .is_some_and(|target| !target.matches(view)) =>
            {
                None
            }
            None => self.candidate(view).await,
        }
    }

    /// A session that could be joined.
    async fn candidate(&mut self, view: &SessionView) -> Option<Result<Code, Failure>> {
        match view.state {
            SessionState::Seen => {
                self.chosen = Some(view.session);
                if let Err(error) = self.engine.join(view.session).await {
                    return Some(Err(error.into()));
                }
            }
            SessionState::Joining
            | SessionState::Joined
            | SessionState::TeacherAway { .. }
            | SessionState::PinWanted { .. } => {
                self.chosen = Some(view.session);
                return self.chosen_changed(view).await;
            }
            SessionState::Unknown if self.args.trust_any => {
                if let Err(error) = self.engine.trust(view.teacher_key, true).await {
                    return Some(Err(error.into()));
                }
            }
            SessionState::Unknown => self.ask(view),
            _ => (),
        }
        None
    }

    /// Tells of an unknown teacher, and asks where somebody can answer.
    fn ask(&mut self, view: &SessionView) {
        if !self.told.insert(view.teacher_key) {
            return;
        }
        self.output.emit(&Line::TrustNeeded {
            session: view.session,
            teacher: &view.teacher,
            teacher_key: view.teacher_key,
            fingerprint: &view.fingerprint,
        });
        let (title, teacher) = (plain(&view.title), plain(&view.teacher));
        self.output.say(format!(
            "\"{title}\" is taught by {teacher}, who is not known here."
        ));
        self.output
            .say(format!("  Fingerprint: {}", view.fingerprint));
        if self.output.is_terminal() {
            self.output
                .say("Compare it with the teacher's screen. Trust this teacher? [y/N]");
            self.asking = Some(view.clone());
        } else {
            self.output
                .say("  Not trusted. --trust-any trusts without asking.");
        }
    }

    /// The session that was asked for changed.
    async fn chosen_changed(&mut self, view: &SessionView) -> Option<Result<Code, Failure>> {
        let title = plain(&view.title);
        match &view.state {
            SessionState::Joined | SessionState::TeacherAway { .. } if !self.joined => {
                self.joined = true;
                // Only finding a session was bounded in time.
                if matches!(self.ends, Some((_, Code::NothingFound))) {
                    self.ends = None;
                }
                let teacher = plain(&who(&view.teacher, &view.institution));
                self.output.say(format!("Joined \"{title}\" of {teacher}"));
                for message in std::mem::take(&mut self.args.messages) {
                    self.say(&message).await;
                }
                None
            }
            SessionState::PinWanted { .. } => self.pin_wanted(view).await,
            SessionState::Denied { why } => Some(Err(Failure::new(
                Code::Refused,
                format!("\"{title}\" did not admit this machine: {why}"),
            ))),
            SessionState::Ended => {
                self.session_ended(&title);
                None
            }
            SessionState::Left => Some(Ok(self.code())),
            _ => None,
        }
    }

    /// The session asks for a PIN: the one of the command line is tried once, then a person is asked.
    async fn pin_wanted(&mut self, view: &SessionView) -> Option<Result<Code, Failure>> {
        if let Some(pin) = self.args.pin.take() {
            return self.enter(view.session, pin).await;
        }
        let title = plain(&view.title);
        let why = format!("\"{title}\": {}", words::session_state(&view.state));
        if !self.output.is_terminal() {
            let hint = "the teacher's screen shows the PIN: --pin PIN";
            return Some(Err(Failure::new(Code::Refused, why).hint(hint)));
        }
        self.output
            .say(format!("{why}. Type the PIN from the teacher's screen:"));
        self.asking_pin = true;
        None
    }

    /// Joins with a PIN.
    async fn enter(&self, session: SessionId, pin: Pin) -> Option<Result<Code, Failure>> {
        let entered = self.engine.enter_pin(session, pin).await;
        entered.err().map(|error| Err(error.into()))
    }

    /// The person typed a PIN.
    async fn typed_pin(&mut self, line: &str) -> Option<Result<Code, Failure>> {
        match (self.chosen, Pin::parse(line)) {
            (Some(session), Ok(pin)) => self.enter(session, pin).await,
            (_, Err(error)) => {
                self.output.say(format!("{error}. Type it again:"));
                self.asking_pin = true;
                None
            }
            (None, _) => None,
        }
    }

    /// The session has ended; what lacks may still come from others for a while.
    fn session_ended(&mut self, title: &str) {
        self.output.say(format!("\"{title}\" has ended"));
        if !self.args.ends_with_session() {
            self.chosen = None;
            self.joined = false;
            self.received = Received::default();
            self.bars.clear();
        } else if !matches!(self.ends, Some((_, Code::Done))) {
            self.ends = Some(match self.code() {
                Code::Done => (Instant::now(), Code::Done),
                code => (Instant::now() + AFTER_END, code),
            });
        }
    }

    /// Whether the own machine already had all of an item.
    fn is_saved(&self, view: &ItemView) -> bool {
        self.received.set(view.item).is_some_and(FileSet::is_saved)
    }

    /// Something of the feed is shown.
    fn posted(&mut self, post: &Post) {
        if let PostContent::Withdrawn { item, .. } = &post.content {
            self.bars.remove(*item);
        }
        if !post.author.own {
            self.output.say(tell::post(post));
        }
    }

    /// The own machine got further with an item.
    fn item(&mut self, view: &ItemView, was_saved: bool) {
        let Some(set) = self.received.set(view.item) else {
            return;
        };
        let title = plain(&set.title);
        match &view.progress {
            Progress::Saved { path } => {
                self.bars.remove(view.item);
                if !was_saved {
                    self.output.say(tell::saved(&title, path.as_deref()));
                }
            }
            Progress::Failed { text, .. } => {
                self.bars.remove(view.item);
                self.output
                    .say(format!("{title}: not received: {}", plain(text)));
            }
            Progress::Preparing | Progress::Waiting | Progress::Receiving => {
                let note = tell::rate(view);
                self.bars.show(
                    self.output,
                    view.item,
                    &title,
                    view.bytes,
                    view.total,
                    &note,
                );
            }
        }
    }

    /// Does what a typed line says; `Some` ends the program.
    async fn line(&mut self, line: &str) -> Option<Result<Code, Failure>> {
        if self.asking_pin && !line.trim_start().starts_with('/') {
            self.asking_pin = false;
            return self.typed_pin(line).await;
        }
        if let Some(view) = self.asking.take() {
            return self.answer(&view, line).await;
        }
        match Slash::parse(line) {
            Slash::Nothing => (),
            Slash::Say(text) => self.say(&text).await,
            Slash::Retry { number, .. } => self.retry(number).await,
            Slash::Who => {
                for (number, set) in (1..).zip(self.received.sets()) {
                    self.output.say(format!("#{number} {}", tell::set(set)));
                }
            }
            Slash::Help => self.output.say(HELP),
            Slash::End => return Some(Ok(self.code())),
            Slash::Wrong(text) => self.output.failure(&Failure::usage(text)),
            _ => self
                .output
                .failure(&Failure::usage("only a teacher can do that")),
        }
        None
    }

    /// The person said whether to trust a teacher.
    async fn answer(&mut self, view: &SessionView, line: &str) -> Option<Result<Code, Failure>> {
        if !matches!(line.trim(), "y" | "Y" | "yes") {
            self.output.say("Not trusted; looking for another session.");
            return None;
        }
        match self.engine.trust(view.teacher_key, true).await {
            Ok(()) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Writes a message.
    async fn say(&self, text: &str) {
        let said = match self.chosen {
            Some(session) => self.engine.say(session, text).await.map_err(Failure::from),
            None => Err(Failure::failed(
                "no session was joined yet: nobody got this message",
            )),
        };
        if let Err(failure) = said {
            self.output.failure(&failure);
        }
    }

    /// Receives an item again.
    async fn retry(&self, number: usize) {
        let retried = match (self.chosen, self.received.numbered(number)) {
            (Some(session), Some(item)) => self
                .engine
                .retry(session, item)
                .await
                .map_err(Failure::from),
            _ => Err(Failure::usage(format!(
                "there is no item {number}: /who lists them"
            ))),
        };
        if let Err(failure) = retried {
            self.output.failure(&failure);
        }
    }
}
