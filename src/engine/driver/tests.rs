//! Whole engines on the loopback interface: a teacher and students, real files and messages.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_channel::Receiver;
use futures_lite::future::or;
use smol::block_on;

use crate::api::{
    Config, Event, FailReason, InterfaceChoice, ItemId, ItemView, Person, Post, PostContent,
    Progress, SessionId, SessionState, ShareOptions, UnixTime,
};
use crate::archive::Archive;
use crate::engine::Engine;
use crate::store::keys::{KeyStore, Protection, Term};

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

/// A lab on one machine: a port of its own and a folder for everybody.
struct Lab {
    root: tempfile::TempDir,
    port: u16,
}

struct Machine {
    engine: Engine,
    events: Receiver<Event>,
    received: PathBuf,
}

impl Lab {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            port: free_port(),
        }
    }

    fn keys(&self, name: &str) -> KeyStore {
        let folder = self.root.path().join(name).join("data/keys");
        fs::create_dir_all(&folder).unwrap();
        KeyStore::open_with(&folder, Protection::FOR_TESTS).unwrap()
    }

    /// Makes an institution and a teacher, whom the named students trust.
    fn trust(&self, students: &[&str]) {
        let desk = self.keys("teacher");
        let institution = desk.create_institution("GEHU", None).unwrap();
        let institution = desk.unlock_institution(&institution.key, None).unwrap();
        let now = UnixTime(1_790_000_000);
        let key = institution.issue_teacher("A. Teacher", None, Term::default(), now);
        let (_, key) = key.unwrap();
        desk.import(&key.as_input()).unwrap();
        let public = desk.export_institution(&institution.key()).unwrap();
        for student in students {
            self.keys(student).import(&public.as_input()).unwrap();
        }
    }

    fn start(&self, name: &str) -> Machine {
        let folder = self.root.path().join(name);
        let received = folder.join("received");
        let config = Config {
            data_dir: folder.join("data"),
            receive_dir: received.clone(),
            person: Person {
                name: name.to_owned(),
                roll: format!("roll of {name}"),
                machine: "lab".to_owned(),
            },
            interfaces: InterfaceChoice::Named(vec!["lo".into()]),
            port: self.port,
            auto_join: true,
            allow_unknown_teachers: false,
            free_space_reserve: 1024 * 1024,
            upload_limit: None,
            accept_limit: None,
        };
        let (engine, events) = Engine::start(config).unwrap();
        Machine {
            engine,
            events,
            received,
        }
    }

    fn teach(&self, title: &str) -> (Machine, SessionId) {
        let machine = self.start("teacher");
        let keys = self.keys("teacher");
        let teacher = keys.find_teacher(None).unwrap();
        let unlocked = keys.unlock_teacher(&teacher.key, None).unwrap();
        let session = block_on(machine.engine.start_session(title, &unlocked, None)).unwrap();
        (machine, session)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root.path().join("shared").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Machine {
    /// Waits for the event that `wanted` picks.
    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if let Some(found) = wanted(&event) {
                    return Some(found);
                }
                seen.push(format!("{event:?}"));
            }
        };
        let late = async {
            smol::Timer::after(Duration::from_secs(30)).await;
            None
        };
        let found = block_on(or(found, late));
        found.unwrap_or_else(|| panic!("no {what}, but {seen:#?}"))
    }

    fn joined(&self) {
        self.wait("joined session", |event| match event {
            Event::Session(view) => (view.state == SessionState::Joined).then_some(()),
            _ => None,
        });
    }

    fn over(&self) -> ItemView {
        self.wait("end of an item", |event| match event {
            Event::Item(view) => matches!(
                view.progress,
                Progress::Saved { .. } | Progress::Failed { .. }
            )
            .then(|| view.clone()),
            _ => None,
        })
    }

    fn text(&self) -> String {
        self.wait("message", |event| match event {
            Event::Posted(post) => match &post.content {
                PostContent::Text { text } => Some(text.clone()),
                _ => None,
            },
            _ => None,
        })
    }

    fn stop(self) {
        block_on(self.engine.shutdown());
    }
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Every file below a folder, our own bookkeeping left out.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.file_name().unwrap() == ".handout" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_file_and_messages_reach_every_student() {
    let lab = Lab::new();
    let names = ["asha", "bela", "chitra"];
    lab.trust(&names);
    let early = lab.start("asha");
    let (teacher, session) = lab.teach("Networks 3/4");
    let late: Vec<Machine> = names[1..].iter().map(|name| lab.start(name)).collect();
    let students: Vec<&Machine> = std::iter::once(&early).chain(&late).collect();
    for student in &students {
        student.joined();
    }

    let bytes = noise(9_000_001, 7);
    let path = lab.file("lab3.zip", &bytes);
    let shared = block_on(
        teacher
            .engine
            .share(session, vec![path], ShareOptions::default()),
    );
    let shared = shared.unwrap();
    assert_eq!(
        (shared.files, shared.bytes, shared.version.0),
        (1, 9_000_001, 1)
    );
    block_on(teacher.engine.say(session, "Read it first.")).unwrap();

    for student in &students {
        let view = student.over();
        let Progress::Saved { path: Some(path) } = view.progress else {
            panic!("{view:?}");
        };
        assert!(path.ends_with("Networks 3_4/lab3.zip"), "{path:?}");
        assert!(fs::read(&path).unwrap() == bytes);
    }
    for _ in &students {
        teacher.wait("delivery", |event| match event {
            Event::Delivery(view) => matches!(view.progress, Progress::Saved { .. }).then_some(()),
            _ => None,
        });
    }
    block_on(early.engine.say(session, "Which page?")).unwrap();
    assert_eq!(teacher.text(), "Which page?");

    let report = block_on(teacher.engine.diagnosis()).unwrap();
    assert_eq!(report.links.len(), 3);
    assert!(report.links.iter().all(|link| link.bulk));
    let lo = report
        .interfaces
        .iter()
        .find(|one| one.name == "lo")
        .unwrap();
    assert!(lo.used && lo.sent > 0 && lo.heard > 0);
    for machine in late.into_iter().chain([early, teacher]) {
        machine.stop();
    }
}

#[test]
fn a_late_student_gets_the_feed_and_a_folder_of_odd_files() {
    let lab = Lab::new();
    lab.trust(&["asha"]);
    let (teacher, session) = lab.teach("C");
    let folder = lab.root.path().join("shared/work");
    lab.file("work/empty", b"");
    lab.file("work/sub folder/größe & co.txt", b"text");
    lab.file("work/big.bin", &noise(300_000, 3));
    for number in 0..200 {
        lab.file(
            &format!("work/many/{number}.c"),
            format!("int x{number};").as_bytes(),
        );
    }
    block_on(teacher.engine.say(session, "hello")).unwrap();
    let shared = block_on(teacher.engine.share(
        session,
        vec![folder.clone()],
        ShareOptions::default(),
    ));
    assert_eq!(shared.unwrap().files, 203);

    let student = lab.start("asha");
    assert_eq!(student.text(), "hello");
    let view = student.over();
    assert!(matches!(view.progress, Progress::Saved { .. }), "{view:?}");
    assert!(tree(&student.received.join("C/work")) == tree(&folder));
    student.stop();
    teacher.stop();
}

#[test]
fn a_student_that_was_restarted_goes_on_where_it_was() {
    let lab = Lab::new();
    lab.trust(&["asha"]);
    let (teacher, session) = lab.teach("Data");
    let bytes = noise(40_000_000, 9);
    let path = lab.file("data.bin", &bytes);
    let student = lab.start("asha");
    student.joined();
    block_on(
        teacher
            .engine
            .share(session, vec![path], ShareOptions::default()),
    )
    .unwrap();
    student.wait("first bytes", |event| match event {
        Event::Item(view) => (view.bytes > 0).then_some(()),
        _ => None,
    });
    student.stop();
    let again = lab.start("asha");
    let view = again.over();
    let Progress::Saved { path: Some(path) } = view.progress else {
        panic!("{view:?}");
    };
    assert!(fs::read(path).unwrap() == bytes);
    again.stop();
    teacher.stop();
}

#[test]
fn a_file_that_changes_is_withdrawn_and_the_session_goes_on() {
    let lab = Lab::new();
    lab.trust(&["asha"]);
    let (teacher, session) = lab.teach("Data");
    let path = lab.file("data.bin", &noise(2_000_000, 1));
    // The second one is larger than what stays in memory: the first has to be read again.
    let filler = lab.file("filler.bin", &noise(20_000_000, 5));
    for path in [path.clone(), filler] {
        let shared = teacher
            .engine
            .share(session, vec![path], ShareOptions::default());
        let item = block_on(shared).unwrap().item;
        teacher.wait("hashed file", |event| match event {
            Event::Item(view) if view.item == item => {
                (view.progress != Progress::Preparing).then_some(())
            }
            _ => None,
        });
    }
    fs::write(path, noise(2_000_000, 2)).unwrap();
    let student = lab.start("asha");
    student.wait("withdrawn item", |event| match event {
        Event::Posted(post) => matches!(post.content, PostContent::Withdrawn { .. }).then_some(()),
        _ => None,
    });
    let view = student.over();
    assert!(matches!(view.progress, Progress::Saved { .. }), "{view:?}");
    assert_eq!(tree(&student.received).len(), 1);
    student.stop();
    teacher.stop();
}

#[test]
fn a_full_disk_is_told_to_both_sides() {
    let lab = Lab::new();
    lab.trust(&["asha"]);
    let (teacher, session) = lab.teach("Data");
    let path = lab.root.path().join("huge.bin");
    // Sparse: more than the disk has free, and nothing on the teacher's.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let student = lab.start("asha");
    student.joined();
    let _ = block_on(
        teacher
            .engine
            .share(session, vec![path], ShareOptions::default()),
    );
    let view = student.over();
    let Progress::Failed { reason, text } = view.progress else {
        panic!("{view:?}");
    };
    assert_eq!(reason, FailReason::DiskFull, "{text}");
    assert!(text.contains("Free some space"));
    student.stop();
    teacher.stop();
}

#[test]
fn what_was_posted_and_saved_can_be_read_later() {
    let lab = Lab::new();
    lab.trust(&["asha"]);
    let student = lab.start("asha");
    let (teacher, session) = lab.teach("Data");
    student.joined();
    block_on(teacher.engine.say(session, "hello")).unwrap();
    let path = lab.file("lab3.bin", &noise(300_000, 5));
    let shared = teacher
        .engine
        .share(session, vec![path], ShareOptions::default());
    block_on(shared).unwrap();
    let view = student.over();
    let Progress::Saved { path: Some(saved) } = view.progress else {
        panic!("{view:?}");
    };
    block_on(student.engine.say(session, "Which page?")).unwrap();
    assert_eq!(teacher.text(), "hello");
    assert_eq!(teacher.text(), "Which page?");
    block_on(teacher.engine.end(session)).unwrap();
    student.wait("end", |event| match event {
        Event::Session(view) => (view.state == SessionState::Ended).then_some(()),
        _ => None,
    });
    student.stop();
    teacher.stop();

    let archive = Archive::open(&lab.root.path().join("asha/data")).unwrap();
    let [past] = &archive.sessions().unwrap()[..] else {
        panic!("not one session");
    };
    assert_eq!((past.title.as_str(), past.own), ("Data", false));
    assert!(past.ended.is_some());
    let feed = archive.feed(past).unwrap();
    let texts = feed.posts.iter().filter_map(|post| match &post.content {
        PostContent::Text { text } => Some((text.as_str(), post.author.own, post.private)),
        _ => None,
    });
    let texts: Vec<_> = texts.collect();
    assert!(texts.contains(&("hello", false, false)), "{texts:?}");
    assert!(texts.contains(&("Which page?", true, true)), "{texts:?}");
    assert_eq!(feed.saved.len(), 1);
    assert_eq!(feed.saved[0].2, saved);

    let archive = Archive::open(&lab.root.path().join("teacher/data")).unwrap();
    let past = archive.sessions().unwrap();
    assert!(past[0].own);
    let feed = archive.feed(&past[0]).unwrap();
    assert!(
        feed.posts
            .iter()
            .any(|post| post.content == PostContent::Ended)
    );
    let asked = |post: &Post| post.author.name == "asha" && post.private;
    assert!(feed.posts.iter().any(asked), "{:?}", feed.posts);
    let [student] = &feed.students[..] else {
        panic!("{:?}", feed.students);
    };
    assert_eq!(student.member.person.name, "asha");
    assert!(student.joined <= student.seen);
    let [delivery] = &feed.deliveries[..] else {
        panic!("{:?}", feed.deliveries);
    };
    assert_eq!(delivery.device, student.member.device);
    assert_eq!((delivery.bytes, delivery.total), (300_000, 300_000));
    assert!(matches!(delivery.progress, Progress::Saved { .. }));
}

#[test]
fn a_teacher_has_a_student_try_again_where_it_failed() {
    let lab = Lab::new();
    lab.trust(&["one"]);
    let one = lab.start("one");
    // A file where the folder should be: nothing can be received.
    fs::write(&one.received, b"in the way").unwrap();
    let (teacher, session) = lab.teach("DBMS Lab");
    one.joined();
    let path = lab.file("lab3.bin", &noise(300_000, 7));
    let shared = teacher
        .engine
        .share(session, vec![path], ShareOptions::default());
    let item = block_on(shared).unwrap().item;
    let failed = |event: &Event| match event {
        Event::Delivery(view) => {
            matches!(view.progress, Progress::Failed { .. }).then_some(view.device)
        }
        _ => None,
    };
    let student = teacher.wait("failure of the student", failed);
    fs::remove_file(&one.received).unwrap();
    let nobody = block_on(
        teacher
            .engine
            .ask_again(session, ItemId([9; 16]), vec![student]),
    );
    assert!(nobody.is_err(), "an item that is not there");
    block_on(teacher.engine.ask_again(session, item, vec![student])).unwrap();
    teacher.wait("delivery after all", |event| match event {
        Event::Delivery(view) => matches!(view.progress, Progress::Saved { .. }).then_some(()),
        _ => None,
    });
    let refused = block_on(one.engine.ask_again(session, item, vec![student]));
    assert!(refused.is_err(), "a student asks nobody");
    block_on(one.engine.shutdown());
    block_on(teacher.engine.shutdown());
}

#[test]
fn what_cannot_be_shared_says_why() {
    let lab = Lab::new();
    lab.trust(&[]);
    let (teacher, session) = lab.teach("Data");
    let missing = lab.root.path().join("missing.txt");
    let error = block_on(
        teacher
            .engine
            .share(session, vec![missing], ShareOptions::default()),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("nothing to share") && error.contains("missing.txt"),
        "{error}"
    );
    teacher.stop();
}

#[test]
fn a_dropped_engine_stops_by_itself() {
    let lab = Lab::new();
    lab.trust(&[]);
    let machine = lab.start("teacher");
    let Machine { engine, events, .. } = machine;
    drop(engine);
    block_on(async { while events.recv().await.is_ok() {} });
}
