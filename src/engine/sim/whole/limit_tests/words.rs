//! What is written and shared: messages, posts, sets of files.

use std::time::Duration;

use super::asks;
use super::bench::{Author, Bench, SESSION, join, text};
use crate::api::{Event, FailReason, NewPost, PostContent, Progress, ShareOptions};
use crate::core::ids::{ItemId, LinkId, SetId, Version};
use crate::core::io::{Command, CommandError};
use crate::core::layout::MAX_FILES;
use crate::core::limits;
use crate::core::manifest::plan;
use crate::core::wire::control::Control;
use crate::core::wire::statements::{EntryKind, FileEntry, ItemBody, ItemContent, SetHeader};

const KIB: usize = 1024;
const SECOND: Duration = Duration::from_secs(1);
const ALMOST: Duration = Duration::from_micros(999_999);

fn too_long(what: &'static str, size: usize, limit: usize) -> Result<(), CommandError> {
    let (size, limit) = (size as u64, limit as u64);
    Err(CommandError::TooLong { what, size, limit })
}

/// A teacher's machine with the link to a hand-made student, and the student's log.
fn teacher() -> (Bench, LinkId, Author) {
    let mut bench = Bench::teacher();
    let link = bench.link(1);
    asks(&mut bench, link, join(1, 1, [1, 1, 1]), 0);
    (bench, link, Author::student(1))
}

#[test]
fn messages_have_4_kib_of_a_student_and_16_of_a_teacher() {
    assert_eq!(limits::STUDENT_TEXT, 4 * KIB);
    assert_eq!(limits::TEACHER_TEXT, 16 * KIB);
    let (mut student, ..) = Bench::student();
    let mut teacher = Bench::teacher();
    for (bench, most) in [(&mut student, 4 * KIB), (&mut teacher, 16 * KIB)] {
        assert_eq!(bench.say(most), Ok(()));
        assert_eq!(bench.say(most + 1), too_long("the message", most + 1, most));
        assert_eq!(bench.texts(), [most]);
    }
}

#[test]
fn messages_over_the_limit_are_not_shown_whoever_signed_them() {
    let (mut bench, link, mut author) = teacher();
    let now = bench.wall();
    let log = [4 * KIB, 4 * KIB + 1, 1].map(|length| author.text(now, length));
    bench.reads(link, log.to_vec());
    assert_eq!(bench.texts(), [4 * KIB, 1]);

    let (mut bench, link, mut author) = Bench::student();
    let now = bench.wall();
    let log = [16 * KIB, 16 * KIB + 1, 1].map(|length| author.text(now, length));
    bench.reads(link, log.to_vec());
    assert_eq!(bench.texts(), [16 * KIB, 1]);
}

fn snippet(title: usize, length: usize) -> NewPost {
    NewPost::Snippet {
        title: text(title),
        text: text(length),
        language: String::new(),
    }
}

fn link(title: usize, length: usize) -> NewPost {
    let start = "https://";
    NewPost::Link {
        title: text(title),
        url: format!("{start}{}", text(length - start.len())),
    }
}

fn announcement(title: usize, length: usize) -> NewPost {
    NewPost::Announcement {
        title: text(title),
        text: text(length),
    }
}

/// Makes a post of a title and a content of these lengths.
type Make = fn(usize, usize) -> NewPost;

/// What each kind of post is made by, called, and limited to.
const POSTS: [(Make, &str, usize); 3] = [
    (snippet, "the snippet", 64 * KIB),
    (link, "the link", 2 * KIB),
    (announcement, "the announcement", 16 * KIB),
];

#[test]
fn posts_at_their_limits_are_made_and_one_byte_more_is_refused() {
    assert_eq!((limits::SNIPPET, limits::URL), (64 * KIB, 2 * KIB));
    assert_eq!(limits::ITEM_TITLE, 255);
    let mut bench = Bench::teacher();
    let mut post = |post| {
        let (session, item) = (SESSION, ItemId([9; 16]));
        bench.command(Command::Post {
            session,
            item,
            post,
        })
    };
    for (make, what, most) in POSTS {
        assert_eq!(post(make(255, most)), Ok(()));
        assert_eq!(post(make(1, most + 1)), too_long(what, most + 1, most));
        assert_eq!(post(make(256, 100)), too_long("the title", 256, 255));
    }
    assert_eq!(bench.posts().len(), POSTS.len());
}

#[test]
fn posts_over_a_limit_are_not_shown_whoever_signed_them() {
    let (mut bench, from, mut author) = Bench::student();
    let mut shown = 0;
    for (make, what, most) in POSTS {
        for (title, length, more) in [(255, most, 1), (1, most + 1, 0), (256, 100, 0)] {
            let (title, content) = match make(title, length) {
                NewPost::Snippet {
                    title,
                    text,
                    language,
                } => (title, ItemContent::Snippet { text, language }),
                NewPost::Link { title, url } => (title, ItemContent::Link { url }),
                NewPost::Announcement { title, text } => {
                    (title, ItemContent::Announcement { text })
                }
            };
            let body = ItemBody {
                item: ItemId([9; 16]),
                version: Version(1),
                title,
                content,
            };
            let entry = author.entry(bench.wall(), EntryKind::Item, &body);
            bench.reads(from, vec![entry]);
            shown += more;
            assert_eq!(bench.posts().len(), shown, "{what}");
        }
    }
}

fn files(count: u32) -> Vec<FileEntry> {
    let file = |number| FileEntry {
        path: format!("{number}"),
        size: 1,
    };
    (0..count).map(file).collect()
}

#[test]
fn a_set_of_20000_files_is_shared_and_one_more_is_refused() {
    assert_eq!(MAX_FILES, 20_000);
    let mut bench = Bench::teacher();
    let mut share = |count, title| {
        let (item, set, files) = (ItemId([9; 16]), SetId([9; 16]), files(count));
        bench.machine.store.sources.insert(set, files.clone());
        bench.command(Command::ShareFiles {
            session: SESSION,
            item,
            set,
            title: text(title),
            files,
            options: ShareOptions::default(),
        })
    };
    let refused = share(20_001, 1);
    assert!(matches!(refused, Err(CommandError::NotShareable(_))));
    assert_eq!(share(1, 256), too_long("the title", 256, 255));
    assert_eq!(share(20_000, 255), Ok(()));
}

#[test]
fn a_set_of_20001_files_fails_whoever_signed_it() {
    let (most, _) = plan(SetId([9; 16]), 16 * 1024, &files(20_000)).unwrap();
    let more = SetHeader {
        id: SetId([8; 16]),
        files: 20_001,
        bytes: 20_001,
        file_pages: most.file_pages + 1,
        ..most.clone()
    };
    let (mut bench, from, mut author) = Bench::student();
    for (set, failed) in [(most, None), (more, Some(FailReason::BadManifest))] {
        let item = ItemId(set.id.0);
        let body = ItemBody {
            item,
            version: Version(1),
            title: String::new(),
            content: ItemContent::Files { set },
        };
        let entry = author.entry(bench.wall(), EntryKind::Item, &body);
        bench.reads(from, vec![entry]);
        let told = bench.machine.told.iter().rev();
        let mut states = told.filter_map(|(_, event)| match event {
            Event::Item(view) if view.item == item => Some(&view.progress),
            _ => None,
        });
        let why = match states.next().unwrap() {
            Progress::Failed { reason, text } => {
                assert!(text.contains("more than 20,000 files"), "{text}");
                Some(*reason)
            }
            _ => None,
        };
        assert_eq!(why, failed);
        let shown = |post: &&&PostContent| matches!(post, PostContent::Files { .. });
        assert!(bench.posts().iter().filter(shown).count() > 0);
    }
}

/// How long a log of 10,000 messages takes at the usual rate.
const HOURS: Duration = Duration::from_secs(10_100);

/// Gives a machine the next messages of a student, as if they were written when the session began.
fn read_many(bench: &mut Bench, from: LinkId, author: &mut Author, count: usize) {
    let began = Bench::teacher().wall();
    let all: Vec<_> = (0..count).map(|_| author.text(began, 1)).collect();
    for some in all.chunks(100) {
        bench.reads(from, some.to_vec());
    }
}

#[test]
fn a_students_log_has_10000_entries_and_not_one_more() {
    assert_eq!(limits::STUDENT_ENTRIES, 10_000);
    let (mut bench, link, mut author) = teacher();
    bench.run(HOURS);
    read_many(&mut bench, link, &mut author, 10_000);
    assert_eq!(bench.texts().len(), 10_000);
    read_many(&mut bench, link, &mut author, 1);
    assert_eq!(bench.texts().len(), 10_000);
}

#[test]
fn a_student_whose_log_is_full_is_told_so() {
    let (mut bench, link, mut teacher) = Bench::student();
    bench.run(HOURS);
    // Its machine sees by the teacher's log how old the session is.
    let now = bench.wall();
    bench.reads(link, vec![teacher.text(now, 2)]);
    // The own log comes back from the class, as after a loss of the disk.
    read_many(&mut bench, link, &mut Author::student(1), 9_999);
    assert_eq!(bench.say(1), Ok(()));
    assert_eq!(bench.say(1), Err(CommandError::LogFull));
    // With the one of the teacher.
    assert_eq!(bench.texts().len(), 10_001);
}

#[test]
fn a_student_is_heard_five_times_at_once_and_then_once_a_second() {
    assert_eq!(limits::TEXT_BURST, 5);
    assert_eq!(limits::TEXT_EVERY, SECOND);
    let (mut bench, link, mut author) = teacher();
    let now = bench.wall();
    let log: Vec<_> = (0..7).map(|_| author.text(now, 1)).collect();
    bench.reads(link, log[..6].to_vec());
    assert_eq!(bench.texts().len(), 5);
    bench.run(ALMOST);
    bench.reads(link, log[5..].to_vec());
    assert_eq!(bench.texts().len(), 5);
    bench.run(Duration::from_micros(1));
    bench.reads(link, log[5..].to_vec());
    assert_eq!(bench.texts().len(), 6);
    bench.run(SECOND);
    bench.reads(link, log[6..].to_vec());
    assert_eq!(bench.texts().len(), 7);
}

#[test]
fn who_writes_too_fast_is_told_so() {
    let (mut bench, ..) = Bench::student();
    for _ in 0..5 {
        assert_eq!(bench.say(1), Ok(()));
    }
    assert_eq!(bench.say(1), Err(CommandError::TooFast));
    bench.run(ALMOST);
    assert_eq!(bench.say(1), Err(CommandError::TooFast));
    bench.run(Duration::from_micros(1));
    assert_eq!(bench.say(1), Ok(()));
    assert_eq!(bench.say(1), Err(CommandError::TooFast));
}

#[test]
fn a_teacher_whose_log_is_full_is_told_so_and_can_still_withdraw_and_end() {
    let mut bench = Bench::teacher();
    let (session, item) = (SESSION, ItemId([9; 16]));
    let mut made = 0;
    let refused = loop {
        let post = snippet(1, limits::SNIPPET);
        match bench.command(Command::Post {
            session,
            item,
            post,
        }) {
            Ok(()) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1_024, "64 MiB in posts of 64 KiB each");
    };
    assert_eq!(refused, CommandError::LogFull);
    assert!(made > 950, "{made} posts");
    // A short message would fit, and has to leave its room as well.
    while bench.say(16 * KIB) == Ok(()) {
        made += 1;
        assert!(made < 1_024);
    }
    assert_eq!(bench.say(16 * KIB), Err(CommandError::LogFull));
    let reason = String::from("too much");
    let withdrawn = bench.command(Command::Withdraw {
        session,
        item,
        reason,
    });
    assert_eq!(withdrawn, Ok(()));
    assert_eq!(bench.command(Command::End(session)), Ok(()));
}

#[test]
fn a_teachers_log_is_read_to_its_limit_and_no_more_is_asked_for() {
    let (mut bench, link, mut author) = Bench::student();
    let now = bench.wall();
    // What the fields around a text take is not in its length.
    let most = limits::LOG_BYTES / (16 * KIB);
    for _ in 0..most / 8 {
        bench.reads(link, (0..8).map(|_| author.text(now, 16 * KIB)).collect());
    }
    let read = bench.texts().len();
    assert!(read < most && read > most * 9 / 10, "{read} texts");
    let asks = |said: Vec<Control>| {
        let mut said = said.iter();
        said.any(|message| matches!(message, Control::Lack { .. }))
    };
    bench.run(2 * SECOND);
    let entries = vec![author.text(now, 1), author.text(now, 1)];
    let session = SESSION;
    let said = bench.hears(link, &Control::Entries { session, entries });
    assert!(!asks(said));
    assert_eq!(bench.texts().len(), read);
}
