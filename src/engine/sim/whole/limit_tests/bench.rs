//! One machine, and hand-made other sides that say what no honest program would.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::api::{Event, PostContent};
use crate::core::ids::{
    AuthorId, DeviceId, Epoch, Hash, LinkId, Nonce, SealingKey, Seq, SessionId,
};
use crate::core::io::{Command, CommandError, Input};
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, UnixTime};
use crate::core::wire::control::{Control, Greeting, Lane, Member};
use crate::core::wire::frame::MAX_CONTROL;
use crate::core::wire::statements::{
    Audience, Authority, Entry, EntryKind, Join, LinkKind, PolicyBody, TextBody, TextPolicy, Token,
};
use crate::core::wire::{FEATURES, MAJOR, MINOR};
use crate::sim::node::{Node, NodeInput, NodeOutput};
use crate::sim::whole::keys::{School, TeacherKeys, secret};
use crate::sim::whole::machine::{Machine, Own, WALL};
use crate::sim::whole::net;

/// The session of all these tests.
pub const SESSION: SessionId = SessionId([1; 16]);
/// The number of the teacher's machine, where that is hand-made.
pub const TEACHER: usize = 5_000;

/// One machine.
pub struct Bench {
    pub machine: Machine,
    /// What it has said since it was last spoken to.
    said: Vec<(LinkId, Control)>,
    now: Moment,
    keys: TeacherKeys,
    links: u64,
}

/// The device of the machine with a number.
pub fn device(number: usize) -> DeviceId {
    DeviceId(Machine::key(number).verifying_key().to_bytes())
}

/// The session's key.
pub fn session_key() -> SigningKey {
    SigningKey::from_bytes(&secret("session key"))
}

/// `length` bytes of text.
pub fn text(length: usize) -> String {
    "x".repeat(length)
}

/// A signed request of a machine to be admitted.
pub fn join(number: usize, sequence: u64, [name, roll, machine]: [usize; 3]) -> Signed {
    let join = Join {
        session: SESSION,
        device: device(number),
        name: text(name),
        roll: text(roll),
        machine: text(machine),
        sealing: SealingKey([7; 32]),
        sequence,
        pin: None,
    };
    Signed::seal(Domain::Join, &join, &Machine::key(number))
}

/// The session's signed word that a machine is admitted.
pub fn token(number: usize) -> Member {
    let token = Token {
        session: SESSION,
        epoch: Epoch(1),
        device: device(number),
        name: format!("student {number}"),
        roll: String::new(),
        machine: String::new(),
        sealing: SealingKey([7; 32]),
        sequence: 1,
    };
    Member {
        token: Signed::seal(Domain::Token, &token, &session_key()),
        contact: None,
    }
}

impl Bench {
    fn new(number: usize, name: &str) -> Self {
        let school = School::new("GEHU");
        let machine = Machine::new(number, name, &[1], school.trust(), 1);
        let mut bench = Self {
            said: Vec::new(),
            now: Moment(0),
            keys: TeacherKeys::of(&school, "Asha Rao"),
            links: 0,
            machine,
        };
        let interfaces = net::interfaces(&bench.machine);
        bench.input(interfaces);
        bench
    }

    /// A teacher's machine, number 0, without a session.
    pub fn idle() -> Self {
        Self::new(0, "teacher")
    }

    /// A teacher's machine, number 0, with a session in which everybody may write to everybody.
    pub fn teacher() -> Self {
        let mut bench = Self::idle();
        assert_eq!(bench.start("DBMS Lab"), Ok(()));
        let texts = TextPolicy::All;
        let session = SESSION;
        let done = bench.command(Command::SetPolicy { session, texts });
        assert_eq!(done, Ok(()));
        bench
    }

    /// A machine, number 1, whose person has this name, with a link to the teacher's machine that shows the session; gives what
    /// the machine says to it.
    pub fn visitor(name: &str, title: &str) -> (Self, LinkId, Vec<Control>) {
        let mut bench = Self::new(1, name);
        let link = bench.link(TEACHER);
        let enter = Control::Enter {
            session: SESSION,
            token: None,
            authority: Some(bench.authority(TEACHER)),
            title: title.to_owned(),
            nonce: Nonce([0; 16]),
        };
        let said = bench.hears(link, &enter);
        (bench, link, said)
    }

    /// A student's machine, number 1, in a session in which everybody may write to everybody; its link to the teacher's machine,
    /// and the teacher's log.
    pub fn student() -> (Self, LinkId, Author) {
        let (mut bench, link, _) = Self::visitor("student", "DBMS Lab");
        bench.hears(
            link,
            &Control::Members {
                session: SESSION,
                members: vec![token(1)],
            },
        );
        let mut teacher = Author {
            key: session_key(),
            id: bench.keys.public().into(),
            epoch: Epoch(1),
            seq: Seq(0),
            previous: None,
        };
        let policy = PolicyBody {
            texts: TextPolicy::All,
            ..PolicyBody::default()
        };
        let entry = teacher.entry(bench.wall(), EntryKind::Policy, &policy);
        bench.reads(link, vec![entry]);
        (bench, link, teacher)
    }

    fn authority(&self, number: usize) -> Authority {
        let key = session_key();
        self.keys.authority(SESSION, &key, device(number), 1)
    }

    /// Starts the session.
    pub fn start(&mut self, title: &str) -> Result<(), CommandError> {
        let command = Command::Start {
            session: SESSION,
            title: title.to_owned(),
            session_key: session_key(),
            authority: self.authority(0),
            sealing: self.keys.sealing.clone(),
            pin: None,
            earlier: None,
        };
        self.command(command)
    }

    /// What the clock on the wall says.
    pub fn wall(&self) -> UnixTime {
        UnixTime(WALL + self.now.0 / 1_000_000)
    }

    /// Gives a command.
    pub fn command(&mut self, command: Command) -> Result<(), CommandError> {
        let done = self.machine.command(self.now, command);
        self.take();
        done
    }

    /// Writes a message of so many bytes.
    pub fn say(&mut self, length: usize) -> Result<(), CommandError> {
        self.command(Command::Say {
            session: SESSION,
            text: text(length),
        })
    }

    /// Gives an input of the machine's core.
    pub fn input(&mut self, input: Input) {
        let input = NodeInput::Own(Own::Input(Box::new(input)));
        self.machine.handle(self.now, input);
        self.take();
    }

    /// Links the machine with a hand-made one.
    pub fn link(&mut self, number: usize) -> LinkId {
        self.link_at(number, number)
    }

    /// The same, from the address of another machine.
    pub fn link_at(&mut self, number: usize, address: usize) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        let greeting = Greeting {
            major: MAJOR,
            minor: MINOR,
            features: FEATURES,
            lane: Lane::Control,
            port: 47_800,
            link: LinkKind::Wired,
        };
        self.input(Input::LinkUp {
            link,
            peer: device(number),
            remote: net::address(address, 1),
            dial: None,
            greeting,
        });
        link
    }

    /// A link to a member, which it has shown to be.
    pub fn member(&mut self, number: usize) -> LinkId {
        let link = self.link(number);
        let enter = Control::Enter {
            session: SESSION,
            token: Some(token(number).token),
            authority: None,
            title: String::new(),
            nonce: Nonce([0; 16]),
        };
        self.hears(link, &enter);
        link
    }

    /// Says something to the machine; gives what it says on that link.
    pub fn hears(&mut self, link: LinkId, message: &Control) -> Vec<Control> {
        self.said.clear();
        let message = message.encode();
        assert!(message.len() <= MAX_CONTROL, "no link would carry that");
        let input = NodeInput::Message { link, message };
        self.machine.handle(self.now, input);
        self.take();
        self.said_on(link)
    }

    /// What the machine has said on a link since it was last spoken to.
    pub fn said_on(&self, link: LinkId) -> Vec<Control> {
        let said = self.said.iter().filter(|(on, _)| *on == link);
        said.map(|(_, message)| message.clone()).collect()
    }

    /// Has the machine read entries of logs.
    pub fn reads(&mut self, link: LinkId, entries: Vec<Signed>) {
        let session = SESSION;
        self.hears(link, &Control::Entries { session, entries });
    }

    /// Tells the machine of members.
    pub fn knows(&mut self, link: LinkId, members: Vec<Member>) {
        let session = SESSION;
        self.hears(link, &Control::Members { session, members });
    }

    /// Asks the machine for all members.
    pub fn members(&mut self, link: LinkId) -> Vec<Member> {
        let said = self.hears(link, &Control::LackMembers { session: SESSION });
        let members = said.into_iter().filter_map(|message| match message {
            Control::Members { members, .. } => Some(members),
            _ => None,
        });
        members.flatten().collect()
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle(self.now, NodeInput::Timeout);
            self.take();
        }
        self.now = end;
    }

    /// What people were shown.
    pub fn posts(&self) -> Vec<&PostContent> {
        let told = self.machine.told.iter();
        told.filter_map(|(_, event)| match event {
            Event::Posted(post) => Some(&post.content),
            _ => None,
        })
        .collect()
    }

    /// The lengths of the messages that people were shown.
    pub fn texts(&self) -> Vec<usize> {
        let posts = self.posts().into_iter();
        posts
            .filter_map(|post| match post {
                PostContent::Text { text } => Some(text.len()),
                _ => None,
            })
            .collect()
    }

    fn take(&mut self) {
        while let Some(output) = self.machine.poll() {
            if let NodeOutput::Message { link, message } = output {
                let message = Control::decode(&message).expect("what a machine says can be read");
                self.said.push((link, message));
            }
        }
        // A frame that no link would carry is one of them.
        assert_eq!(self.machine.violations, Vec::<String>::new());
    }
}

/// Somebody who writes a log by hand.
pub struct Author {
    key: SigningKey,
    id: AuthorId,
    epoch: Epoch,
    seq: Seq,
    previous: Option<Hash>,
}

impl Author {
    /// A student.
    pub fn student(number: usize) -> Self {
        Self {
            key: Machine::key(number),
            id: device(number).into(),
            epoch: Epoch(0),
            seq: Seq(0),
            previous: None,
        }
    }

    /// The next entry of the log.
    pub fn entry(&mut self, time: UnixTime, kind: EntryKind, body: &impl Serialize) -> Signed {
        self.seq = self.seq.next();
        let entry = Entry {
            session: SESSION,
            author: self.id,
            epoch: self.epoch,
            seq: self.seq,
            previous: self.previous,
            audience: Audience::All,
            kind,
            time,
            body: to_raw_value(body).expect("bodies have string keys and serialise"),
        };
        let signed = Signed::seal(Domain::Entry, &entry, &self.key);
        self.previous = Some(signed.hash());
        signed
    }

    /// The next entry: a message of so many bytes.
    pub fn text(&mut self, time: UnixTime, length: usize) -> Signed {
        let body = TextBody { text: text(length) };
        self.entry(time, EntryKind::Text, &body)
    }
}
