//! Scenes: events as an engine would send them, so that every state of the windows can be looked at without a network.
//! Only in builds with the feature `scenes`.

use std::path::PathBuf;
use std::time::SystemTime;

use handout_engine::Shared;
use handout_engine::api::{
    AuthorId, AuthorView, DeliveryView, DeviceId, Diagnosis, Event, FailReason, ItemId, ItemView,
    MemberView, NewPost, Person, Pin, Post, PostContent, Presence, Progress, PublicKey, Seq,
    SessionId, SessionState, SessionView, ShareOptions, TextPolicy, UnixTime, Version, Warning,
    WarningKind,
};
use handout_engine::store::keys::UnlockedTeacher;

use super::backend::Backend;
use crate::error::AppError;

mod large;
mod network;

const SESSION: SessionId = SessionId([1; 16]);
const COURSE: &str = "Data Structures – Lab 3";
const CODE: &str = "import csv\n\nwith open(\"readings.csv\") as file:\n    for row in csv.DictReader(file):\n        print(row[\"time\"], float(row[\"volts\"]))\n";

/// Takes commands as an engine does; what is said or ended is seen.
#[derive(Debug, Clone)]
pub struct Scene {
    events: async_channel::Sender<Event>,
}

/// A scene by its name, and its events.
pub fn start(name: &str) -> (Backend, async_channel::Receiver<Event>) {
    let (events, receiver) = async_channel::unbounded();
    if name == "progress" {
        large::progress(events.clone());
    }
    for event in script(name) {
        // The receiver is at hand: nothing has closed the channel.
        let _ = events.try_send(event);
    }
    (Backend::Scene(Scene { events }), receiver)
}

fn script(name: &str) -> Vec<Event> {
    match name {
        "found" => vec![
            session(SESSION, COURSE, SessionState::Seen),
            session(
                SessionId([2; 16]),
                "Operating Systems",
                SessionState::Unknown,
            ),
        ],
        "unknown" => vec![session(SESSION, COURSE, SessionState::Unknown)],
        "pin" => {
            let asks = SessionState::PinWanted {
                wrong: true,
                seconds: 0,
            };
            vec![session(SESSION, COURSE, asks)]
        }
        "empty" => vec![session(SESSION, COURSE, SessionState::Teaching)],
        "teacher" => teacher(),
        "large" => large::feed(),
        "problem" => {
            let mut events = teacher();
            events.push(Event::Warning(Warning {
                kind: WarningKind::DuplicateRoll,
                session: Some(SESSION),
                text: String::new(),
            }));
            events
        }
        "student" => student(saved()),
        "trouble" => student(failed()),
        "ended" => {
            let mut events = student(saved());
            events.push(session(SESSION, COURSE, SessionState::Ended));
            events
        }
        _ => Vec::new(),
    }
}

fn session(id: SessionId, title: &str, state: SessionState) -> Event {
    let known = state != SessionState::Unknown;
    Event::Session(SessionView {
        pin: None,
        session: id,
        title: title.into(),
        teacher: if known { "Dr. Meera Joshi" } else { "R. Negi" }.into(),
        institution: if known {
            "Graphic Era Hill University"
        } else {
            ""
        }
        .into(),
        teacher_key: PublicKey([7; 32]),
        fingerprint: "maple orbit velvet canyon copper lantern".into(),
        state,
        texts: TextPolicy::Teacher,
        present: 46,
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn post(teacher: bool, own: bool, name: &str, ago: u64, content: PostContent) -> Event {
    Event::Posted(Post {
        session: SESSION,
        author: AuthorView {
            id: AuthorId([if teacher { 7 } else { 9 }; 32]),
            name: name.into(),
            roll: String::new(),
            teacher,
            own,
        },
        seq: Seq(1),
        time: UnixTime(now() - ago * 60),
        private: !teacher,
        again: false,
        content,
    })
}

fn text(text: &str) -> PostContent {
    PostContent::Text { text: text.into() }
}

fn files(n: u8, title: &str, files: u32, bytes: u64, version: u32) -> PostContent {
    PostContent::Files {
        item: ItemId([n; 16]),
        version: Version(version),
        title: title.into(),
        files,
        bytes,
    }
}

/// What the teacher has posted, seen from the teacher's or from a student's machine.
fn feed(own: bool) -> Vec<Event> {
    let say = |ago, content| post(true, own, "Dr. Meera Joshi", ago, content);
    vec![
        say(
            34,
            PostContent::Announcement {
                item: ItemId([10; 16]),
                title: "Lab 3 is due on Friday at 17:00".into(),
                text: "Work in pairs. Write both roll numbers into the first line of your report."
                    .into(),
            },
        ),
        say(31, files(11, "lab3-dataset", 214, 186_400_000, 1)),
        say(
            27,
            PostContent::Snippet {
                item: ItemId([12; 16]),
                title: "Read the readings".into(),
                text: CODE.into(),
                language: "Python".into(),
            },
        ),
        say(
            19,
            text("The third column is in millivolts, not volts: divide by 1000 before you plot."),
        ),
        post(
            false,
            !own,
            "Asha Rao",
            12,
            text("Is the file with the readings the same one as last week?"),
        ),
        say(
            11,
            text("No, please use the new one. It is in the folder above."),
        ),
        say(2, files(13, "lab3-template.ipynb", 1, 48_300, 2)),
        say(
            1,
            files(14, "Lecture 7 – Hash tables.mp4", 1, 734_000_000, 1),
        ),
    ]
}

const FIRST: [&str; 12] = [
    "Asha", "Vikram", "Zoya", "Harsh", "Ishita", "Kabir", "Neha", "Rohan", "Simran", "Tanvi",
    "Aarav", "Divya",
];
const LAST: [&str; 12] = [
    "Rao", "Bisht", "Khan", "Tiwari", "Rawat", "Singh", "Pant", "Mehta", "Kaur", "Joshi", "Gupta",
    "Nair",
];

fn name(n: usize) -> String {
    format!("{} {}", FIRST[n % 12], LAST[(n + 5 * (n / 12)) % 12])
}

fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

fn teacher() -> Vec<Event> {
    let mut events = vec![session(SESSION, COURSE, SessionState::Teaching)];
    events.extend((0..46).map(|n| {
        Event::Member(MemberView {
            session: SESSION,
            device: device(n),
            person: Person {
                name: name(usize::from(n)),
                roll: format!("21BCS{:03}", n + 1),
                machine: format!("lab2-pc{:02}", n + 1),
            },
            teacher: false,
            own: false,
            presence: if n == 9 {
                Presence::Away
            } else {
                Presence::Linked
            },
            duplicate_roll: false,
            muted: false,
        })
    }));
    events.extend(feed(true));
    for n in 0..46 {
        events.push(delivery(n, 11, 1, Progress::Saved { path: None }, 1));
        events.push(delivery(n, 13, 2, Progress::Saved { path: None }, 1));
        events.push(match n {
            5 => delivery(n, 14, 1, failed(), 0),
            0..28 => delivery(n, 14, 1, Progress::Saved { path: None }, 734_000_000),
            28..41 => delivery(n, 14, 1, Progress::Receiving, 15_000_000 * u64::from(n)),
            _ => delivery(n, 14, 1, Progress::Waiting, 0),
        });
    }
    events
}

fn failed() -> Progress {
    Progress::Failed {
        reason: FailReason::DiskFull,
        text: "the disk is full".into(),
    }
}

fn delivery(student: u8, item: u8, version: u32, progress: Progress, bytes: u64) -> Event {
    Event::Delivery(DeliveryView {
        session: SESSION,
        item: ItemId([item; 16]),
        version: Version(version),
        device: device(student),
        progress,
        bytes,
        total: 734_000_000,
    })
}

fn saved() -> Progress {
    Progress::Saved {
        path: Some(PathBuf::from("/tmp")),
    }
}

fn student(template: Progress) -> Vec<Event> {
    let mut events = vec![session(SESSION, COURSE, SessionState::Joined)];
    events.extend(feed(false));
    let item = |item: u8, version, progress, bytes, total| {
        Event::Item(ItemView {
            session: SESSION,
            item: ItemId([item; 16]),
            version: Version(version),
            progress,
            bytes,
            total,
            rate: 11_300_000,
        })
    };
    events.push(item(11, 1, saved(), 186_400_000, 186_400_000));
    events.push(item(13, 2, template, 48_300, 48_300));
    events.push(item(14, 1, Progress::Receiving, 466_000_000, 734_000_000));
    events
}

#[allow(
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    clippy::unused_self
)]
impl Scene {
    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    pub fn start_session(
        &self,
        title: &str,
        _: &UnlockedTeacher,
        _: Option<Pin>,
    ) -> Result<SessionId, AppError> {
        self.tell(session(SESSION, title, SessionState::Teaching));
        Ok(SESSION)
    }

    pub fn enter_pin(&self, _: SessionId, _: Pin) -> Result<(), AppError> {
        Ok(())
    }

    pub fn share(
        &self,
        _: SessionId,
        paths: Vec<PathBuf>,
        _: ShareOptions,
    ) -> Result<Shared, AppError> {
        let first = paths.first().and_then(|path| path.file_name());
        let title = first.unwrap_or_default().to_string_lossy();
        self.tell(post(
            true,
            true,
            "Dr. Meera Joshi",
            0,
            files(90, &title, 1, 4096, 1),
        ));
        Ok(Shared {
            item: ItemId([90; 16]),
            version: Version(1),
            files: 1,
            bytes: 4096,
            skipped: Vec::new(),
        })
    }

    pub fn post(&self, _: SessionId, _: NewPost) -> Result<ItemId, AppError> {
        Ok(ItemId([91; 16]))
    }

    pub fn withdraw(&self, _: SessionId, item: ItemId, reason: &str) -> Result<(), AppError> {
        let reason = reason.to_owned();
        let content = PostContent::Withdrawn { item, reason };
        self.tell(post(true, true, "Dr. Meera Joshi", 0, content));
        Ok(())
    }

    pub fn say(&self, _: SessionId, words: &str) -> Result<(), AppError> {
        self.tell(post(true, true, "Dr. Meera Joshi", 0, text(words)));
        Ok(())
    }

    pub fn join(&self, id: SessionId) -> Result<(), AppError> {
        self.tell(session(id, COURSE, SessionState::Joined));
        Ok(())
    }

    pub fn trust(&self, _: PublicKey, _: bool) -> Result<(), AppError> {
        Ok(())
    }

    pub fn retry(&self, _: SessionId, _: ItemId) -> Result<(), AppError> {
        Ok(())
    }

    pub fn ask_again(&self, _: SessionId, _: ItemId, _: Vec<DeviceId>) -> Result<(), AppError> {
        Ok(())
    }

    pub fn end(&self, id: SessionId) -> Result<(), AppError> {
        self.tell(session(id, COURSE, SessionState::Ended));
        Ok(())
    }

    pub fn leave(&self, id: SessionId) -> Result<(), AppError> {
        self.tell(session(id, COURSE, SessionState::Left));
        Ok(())
    }

    pub fn diagnosis(&self) -> Result<Diagnosis, AppError> {
        Ok(network::diagnosis())
    }
}
