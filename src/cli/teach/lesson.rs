//! A running session of the own teacher.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use handout_engine::Engine;
use handout_engine::api::{Event, ItemId, NewPost, Pin, Presence, SessionId, ShareOptions};
use handout_engine::archive::{Archive, PastSession};
use handout_engine::code;
use handout_engine::target::qr_code;

use super::TeachArgs;
use super::board::Board;
use super::report::Report;
use super::table::Table;
use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::inbox::{Happening, Inbox};
use crate::keys::Teacher;
use crate::lines::Line;
use crate::output::Output;
use crate::setup::{self, absolute};
use crate::slash::Slash;
use crate::text::{count, in_blocks, plain, size};

/// What can be typed.
const HELP: &str = "\
A line is a message to everybody. Commands:
  /share PATH            hand out a file or a folder
  /replace N PATH        hand out a new version of item N
  /withdraw N [REASON]   take item N back
  /snippet FILE          show a text file, white space exact
  /link URL [TITLE]      show a link
  /who                   who is here, who has what
  /retry N [WHO]         have students try again where item N failed
  /direct N [WHO]        send item N from here to students who lack it, before all others
  /mute WHO, /unmute WHO  let nobody read what a student writes, or let them again
  /address               the links of the session, for students who do not see it, and a QR code
  /export FILE           write attendance and delivery as CSV
  /end                   end the session for everybody";

/// The session.
pub struct Lesson<'a> {
    engine: &'a Engine,
    session: SessionId,
    args: TeachArgs,
    output: &'a Output,
    report: Report<'a>,
    board: Board,
    table: Table,
    /// Set once everything was saved by as many as were asked for.
    ends_at: Option<Instant>,
}

/// A session of this computer that can go on: the newest, or the one of an id.
fn interrupted(global: &Global, wanted: &str) -> Result<PastSession, Failure> {
    let archive = Archive::open(&absolute(&setup::data_dir(global)?)?)?;
    let mut sessions = archive.sessions()?.into_iter().filter(|one| one.open);
    let found = match wanted {
        "" => sessions.next(),
        id => sessions.find(|one| one.session.to_string() == id),
    };
    found.ok_or_else(|| {
        Failure::failed("no session was interrupted here that could go on")
            .hint("a session that ended, or was begun a day ago, is over: handout-cli history")
    })
}

impl<'a> Lesson<'a> {
    /// Starts the session and hands out what the command line names.
    pub async fn start(
        global: &Global,
        engine: &'a Engine,
        teacher: &Teacher,
        args: TeachArgs,
        output: &'a Output,
    ) -> Result<Self, Failure> {
        let (session, title, begins) = match &args.resume {
            None => {
                let session = engine
                    .start_session(&args.title, teacher.key(), args.pin()?)
                    .await?;
                (session, args.title.clone(), "has started")
            }
            Some(wanted) => {
                let one = interrupted(global, wanted)?;
                engine.resume_session(one.session, teacher.key()).await?;
                (one.session, one.title, "goes on")
            }
        };
        let pin = engine.pin(session)?;
        output.emit(&Line::Started {
            session,
            title: &title,
            teacher: teacher.name(),
            fingerprint: teacher.fingerprint(),
            pin: pin.as_ref().map(Pin::digits),
        });
        output.say(format!(
            "\"{title}\" {begins}. Fingerprint of {}: {}",
            teacher.name(),
            teacher.fingerprint()
        ));
        if let Some(pin) = pin {
            output.say(format!("PIN for the students: {}", pin.digits()));
        }
        let mut lesson = Self {
            engine,
            session,
            output,
            report: Report::new(output),
            board: Board::default(),
            table: Table::default(),
            ends_at: None,
            args,
        };
        lesson.hand_out().await?;
        Ok(lesson)
    }

    /// Shares and says what the command line names.
    async fn hand_out(&mut self) -> Result<(), Failure> {
        if self.args.resume.is_none() {
            self.engine
                .set_policy(self.session, self.args.texts.into())
                .await?;
        }
        if self.args.class_limit.is_some() {
            self.engine
                .set_class_limit(self.session, self.args.class_limit)
                .await?;
        }
        if !self.args.paths.is_empty() {
            self.share(self.args.paths.clone(), None).await?;
        }
        for message in &self.args.messages {
            self.engine.say(self.session, message).await?;
        }
        Ok(())
    }

    /// Runs until somebody or something ends it.
    pub async fn run(mut self, mut inbox: Inbox) -> Result<Code, Failure> {
        let code = loop {
            match inbox.next(self.ends_at).await {
                Happening::Event(event) => self.event(&event),
                Happening::Line(line) => {
                    if self.line(&line).await == Flow::End {
                        break self.code();
                    }
                }
                Happening::InputEnded if self.args.end_with_input => break self.code(),
                Happening::InputEnded => (),
                Happening::Interrupted => break self.code(),
                Happening::Due => break Code::Done,
                Happening::EngineGone => return Err(Failure::failed("the engine has stopped")),
            }
        };
        self.report.finish();
        self.engine.end(self.session).await?;
        self.output.say("The session has ended.");
        if let Some(path) = &self.args.report {
            self.table.write(path, self.output)?;
        }
        Ok(code)
    }

    /// The exit status if the session ends now.
    const fn code(&self) -> Code {
        match (self.args.until_saved, self.ends_at) {
            (Some(_), None) => Code::Incomplete,
            _ => Code::Done,
        }
    }

    /// Takes in what the engine told.
    fn event(&mut self, event: &Event) {
        let came_or_went = match event {
            Event::Member(member) => {
                let was = self.board.member(member.device).map(|known| known.presence);
                (was.unwrap_or(Presence::Away) == Presence::Away)
                    != (member.presence == Presence::Away)
            }
            _ => false,
        };
        self.board.apply(event);
        self.table.apply(event);
        self.report.event(event, came_or_went, &self.board);
        let Some(wanted) = self.args.until_saved else {
            return;
        };
        let students = self.board.have_everything();
        if self.ends_at.is_none() && students >= wanted {
            self.ends_at = Some(Instant::now() + self.args.linger());
            self.output.emit(&Line::AllSaved { students });
            self.output.say(format!(
                "{} have everything.",
                count(students as u64, "student")
            ));
        }
    }

    /// Does what a typed line says; what cannot be done is told and the session goes on.
    async fn line(&mut self, line: &str) -> Flow {
        let done = match Slash::parse(line) {
            Slash::Nothing => Ok(()),
            Slash::Say(text) => self
                .engine
                .say(self.session, &text)
                .await
                .map_err(Failure::from),
            Slash::Share(path) => self.share(vec![path], None).await,
            Slash::Replace { number, path } => match self.numbered(number) {
                Ok(item) => self.share(vec![path], Some(item)).await,
                Err(failure) => Err(failure),
            },
            Slash::Withdraw { number, reason } => match self.numbered(number) {
                Ok(item) => {
                    let done = self.engine.withdraw(self.session, item, &reason).await;
                    done.map_err(Failure::from)
                }
                Err(failure) => Err(failure),
            },
            Slash::Link { title, url } => self.post(NewPost::Link { title, url }).await,
            Slash::Snippet(path) => self.snippet(&path).await,
            Slash::Who => {
                self.report.who(&self.board);
                Ok(())
            }
            Slash::Address => self.address().await,
            Slash::Help => {
                self.output.say(HELP);
                Ok(())
            }
            Slash::End => return Flow::End,
            Slash::Retry { number, who } => self.retry(number, &who).await,
            Slash::Direct { number, who } => self.direct(number, &who).await,
            Slash::Mute { who, muted } => self.mute(&who, muted).await,
            Slash::Export(path) => self.table.write(&path, self.output),
            Slash::Wrong(text) => Err(Failure::usage(text)),
        };
        if let Err(failure) = done {
            self.output.failure(&failure);
        }
        Flow::GoOn
    }

    /// The item that `/who` shows with this number.
    fn numbered(&self, number: usize) -> Result<ItemId, Failure> {
        let item = self.board.items().get(number.wrapping_sub(1));
        item.map(|item| item.id)
            .ok_or_else(|| Failure::usage(format!("there is no item {number}: /who lists them")))
    }

    /// Has students try again where an item failed: all of them, or one by name or roll number.
    async fn retry(&self, number: usize, who: &str) -> Result<(), Failure> {
        let item = self.numbered(number)?;
        let students = self.board.failed(item, who);
        if students.is_empty() {
            return Err(Failure::usage(format!(
                "item {number} has failed nowhere that fits: /who lists the students"
            )));
        }
        self.output.say(format!(
            "{} try again.",
            count(students.len() as u64, "student")
        ));
        self.engine.ask_again(self.session, item, students).await?;
        Ok(())
    }

    /// Sends an item directly to students who lack it: all of them, or one by name or roll number.
    async fn direct(&self, number: usize, who: &str) -> Result<(), Failure> {
        let item = self.numbered(number)?;
        let students = self.board.lacking(item, who);
        if students.is_empty() {
            return Err(Failure::usage(format!(
                "nobody who fits lacks item {number}: /who lists the students"
            )));
        }
        let many = count(students.len() as u64, "student");
        self.output.say(format!("Sent directly to {many}."));
        self.engine
            .send_directly(self.session, item, students)
            .await?;
        Ok(())
    }

    /// The links by which the session can be found, and the first one as a QR code.
    async fn address(&self) -> Result<(), Failure> {
        let links = self.engine.diagnosis().await?.own_links();
        for link in &links {
            self.output.say(link);
        }
        if let Some(code) = links.first().and_then(|link| qr_code(link)) {
            self.output.say(in_blocks(&code));
        }
        Ok(())
    }

    async fn mute(&self, who: &str, muted: bool) -> Result<(), Failure> {
        let student = self.board.student(who).ok_or_else(|| {
            Failure::usage(format!(
                "{who} is not the name or roll number of one student: /who lists them"
            ))
        })?;
        self.engine
            .mute(self.session, student.device, muted)
            .await?;
        let state = if muted { "muted" } else { "no longer muted" };
        self.output
            .say(plain(&format!("{} is {state}.", student.person.name)));
        Ok(())
    }

    /// Hands out files, or a new version of an item.
    async fn share(
        &mut self,
        paths: Vec<PathBuf>,
        replaces: Option<ItemId>,
    ) -> Result<(), Failure> {
        let paths = paths
            .iter()
            .map(|path| absolute(path))
            .collect::<Result<_, _>>()?;
        let options = ShareOptions {
            copy: self.args.copy,
            replaces,
            ..ShareOptions::default()
        };
        let shared = self.engine.share(self.session, paths, options).await?;
        self.board.handed_out(shared.item, shared.version);
        let skipped = shared.skipped.iter();
        let skipped = skipped.map(|one| (one.local.as_path(), one.why.to_string()));
        let skipped: Vec<_> = skipped.collect();
        self.output.emit(&Line::Shared {
            item: shared.item,
            version: shared.version,
            files: shared.files,
            bytes: shared.bytes,
            skipped: skipped.clone(),
        });
        let files = count(shared.files.into(), "file");
        self.output
            .say(format!("Handing out {files}, {}", size(shared.bytes)));
        for (path, reason) in skipped {
            self.output
                .say(plain(&format!("  left out {}: {reason}", path.display())));
        }
        Ok(())
    }

    /// Shows a text file.
    async fn snippet(&self, path: &Path) -> Result<(), Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::failed(format!("cannot read {} as text: {error}", path.display()))
                .hint("a file that is not text can be handed out with /share")
        })?;
        let title = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let language = code::language(&title, &text).to_owned();
        self.post(NewPost::Snippet {
            title,
            text,
            language,
        })
        .await
    }

    /// Hands out something without files.
    async fn post(&self, post: NewPost) -> Result<(), Failure> {
        let item = self.engine.post(self.session, post).await?;
        self.output.emit(&Line::Shown { item });
        Ok(())
    }
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// It does.
    GoOn,
    /// It was ended.
    End,
}
