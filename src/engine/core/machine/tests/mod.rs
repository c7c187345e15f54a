//! Whole classes in memory.
#![allow(clippy::unwrap_used)]

mod keys;
mod world;

use std::time::Duration;

use crate::api::{Event, SessionState};
use crate::core::io::Command;
use keys::TeacherKeys;
use world::World;

const SECOND: Duration = Duration::from_secs(1);

/// A teacher on subnet 1 and students, all of whom trust the teacher.
fn class(students: usize) -> (World, TeacherKeys) {
    let mut world = World::new();
    let keys = TeacherKeys::new("Asha Rao", 9);
    world.host("teacher", &[1]);
    for student in 0..students {
        world.host(&format!("student {student}"), &[1]);
    }
    (world, keys)
}

fn state(world: &World, host: usize) -> Option<SessionState> {
    world.hosts[host]
        .core
        .sessions()
        .into_iter()
        .map(|session| session.state)
        .next()
}

fn joined(world: &World, host: usize) -> bool {
    state(world, host) == Some(SessionState::Joined)
}

/// Trusts whoever is announced, as a person would after comparing the fingerprint.
fn trust(world: &mut World, host: usize, keys: &TeacherKeys) {
    world.command(
        host,
        Command::Trust {
            teacher: keys.public(),
            trusted: true,
        },
    );
}

fn gathered(students: usize) -> (World, TeacherKeys, crate::core::ids::SessionId) {
    let (mut world, keys) = class(students);
    let session = world.teach(0, &keys, "DBMS Lab");
    for host in 1..=students {
        world.until(SECOND, |w| state(w, host) == Some(SessionState::Unknown));
        trust(&mut world, host, &keys);
    }
    world.until(SECOND * 2, |w| (1..=students).all(|host| joined(w, host)));
    (world, keys, session)
}

#[test]
fn students_wait_for_a_person_before_they_trust_an_unknown_teacher() {
    let (mut world, keys) = class(2);
    world.teach(0, &keys, "DBMS Lab");
    world.run(SECOND * 3);
    assert_eq!(state(&world, 1), Some(SessionState::Unknown));
    trust(&mut world, 1, &keys);
    world.until(SECOND, |w| joined(w, 1));
    assert_eq!(state(&world, 2), Some(SessionState::Unknown));
}

#[test]
fn a_message_and_files_reach_everybody_once_and_the_teacher_knows() {
    let (mut world, _, session) = gathered(8);
    world.say(0, session, "Welcome");
    let item = world.share(0, session, &[3_000_000, 10, 0]);
    world.until(SECOND * 20, |w| (1..=8).all(|host| w.saved(host, item)));
    world.until(SECOND * 3, |w| w.delivered(0, item) == 8);
    for host in 0..=8 {
        assert_eq!(world.texts(host), ["Welcome"], "host {host}");
    }
    let out = |event: &Event| matches!(event, Event::OneCopyOut { .. });
    assert!(world.hosts[0].events.iter().any(out));
}

#[test]
fn an_empty_file_alone_is_saved_everywhere() {
    let (mut world, _, session) = gathered(2);
    let item = world.share(0, session, &[0]);
    world.until(SECOND * 5, |w| (1..=2).all(|host| w.saved(host, item)));
}

#[test]
fn a_student_who_comes_late_gets_the_whole_feed_in_order() {
    let (mut world, keys, session) = gathered(4);
    for text in ["one", "two", "three"] {
        world.say(0, session, text);
    }
    let item = world.share(0, session, &[500_000]);
    world.until(SECOND * 10, |w| (1..=4).all(|host| w.saved(host, item)));
    let late = world.host("late", &[1]);
    world.until(SECOND, |w| state(w, late) == Some(SessionState::Unknown));
    trust(&mut world, late, &keys);
    world.until(SECOND, |w| joined(w, late));
    world.until(SECOND * 10, |w| w.saved(late, item));
    assert_eq!(world.texts(late), ["one", "two", "three"]);
}

#[test]
fn messages_of_students_reach_the_teacher_alone() {
    let (mut world, _, session) = gathered(3);
    world.say(2, session, "I am stuck");
    world.until(SECOND * 3, |w| w.texts(0) == ["I am stuck"]);
    world.run(SECOND * 5);
    assert_eq!(world.texts(2), ["I am stuck"]);
    assert!(world.texts(1).is_empty() && world.texts(3).is_empty());
}

#[test]
fn two_subnets_are_joined_by_a_student_with_two_interfaces() {
    let mut world = World::new();
    let keys = TeacherKeys::new("Asha Rao", 9);
    world.host("teacher", &[1]);
    world.host("near", &[1]);
    world.host("bridge", &[1, 2]);
    world.host("far", &[2]);
    world.host("farther", &[2]);
    let session = world.teach(0, &keys, "DBMS Lab");
    for host in [1, 2, 3, 4] {
        world.until(SECOND * 8, |w| {
            state(w, host) == Some(SessionState::Unknown)
        });
        trust(&mut world, host, &keys);
        world.until(SECOND * 8, |w| joined(w, host));
    }
    world.say(0, session, "hello there");
    let item = world.share(0, session, &[2_000_000]);
    world.until(SECOND * 30, |w| (1..=4).all(|host| w.saved(host, item)));
    world.until(SECOND * 5, |w| w.delivered(0, item) == 4);
    world.say(3, session, "hello back");
    world.until(SECOND * 10, |w| {
        w.texts(0).contains(&"hello back".to_owned())
    });
    assert_eq!(world.texts(4), ["hello there"]);
}

#[test]
fn the_class_completes_when_the_teacher_vanishes_after_one_copy() {
    let (mut world, _, session) = gathered(6);
    let item = world.share(0, session, &[4_000_000]);
    let out = |event: &Event| matches!(event, Event::OneCopyOut { .. });
    world.until(SECOND * 20, |w| w.hosts[0].events.iter().any(out));
    world.kill(0);
    world.until(SECOND * 20, |w| (1..=6).all(|host| w.saved(host, item)));
    world.until(SECOND * 30, |w| {
        matches!(state(w, 1), Some(SessionState::TeacherAway { .. }))
    });
}

#[test]
fn an_ended_session_is_over_for_everybody() {
    let (mut world, _, session) = gathered(3);
    world.command(0, Command::End(session));
    world.until(SECOND * 3, |w| {
        (0..=3).all(|host| state(w, host) == Some(SessionState::Ended))
    });
    let refused = world.hosts[0].core.command(
        crate::core::time::Now {
            moment: world.now,
            wall: crate::core::time::UnixTime(0),
        },
        Command::Say {
            session,
            text: "too late".into(),
        },
    );
    assert!(refused.is_err());
}

#[test]
fn a_quiet_class_sends_little() {
    let (mut world, _, _) = gathered(12);
    world.run(SECOND * 60);
    let before = world.frames;
    world.run(SECOND * 60);
    let each = (world.frames - before) / (13 * 60);
    assert!(each <= 3, "{each} frames a second and machine");
}

#[test]
fn a_restarted_student_goes_on_with_its_own_log() {
    let (mut world, keys, session) = gathered(2);
    world.say(1, session, "before");
    world.until(SECOND * 3, |w| w.texts(0) == ["before"]);
    world.kill(1);
    world.run(SECOND);
    world.restart(1);
    world.until(SECOND, |w| state(w, 1) == Some(SessionState::Unknown));
    trust(&mut world, 1, &keys);
    world.until(SECOND, |w| joined(w, 1));
    world.say(1, session, "after");
    world.until(SECOND * 3, |w| w.texts(0) == ["before", "after"]);
    let alarm = |event: &Event| matches!(event, Event::Warning(_));
    assert!(!world.hosts[0].events.iter().any(alarm));
}

#[test]
fn a_newcomer_gets_everything_from_the_class_while_the_teacher_is_away() {
    let (mut world, keys, session) = gathered(3);
    world.say(0, session, "Welcome");
    let item = world.share(0, session, &[600_000]);
    world.until(SECOND * 20, |w| (1..=3).all(|host| w.saved(host, item)));
    world.kill(0);
    world.until(SECOND * 30, |w| {
        (1..=3).all(|host| matches!(state(w, host), Some(SessionState::TeacherAway { .. })))
    });
    let late = world.host("late", &[1]);
    world.until(SECOND * 5, |w| {
        state(w, late) == Some(SessionState::Unknown)
    });
    trust(&mut world, late, &keys);
    world.until(SECOND * 20, |w| w.saved(late, item));
    assert_eq!(world.texts(late), ["Welcome"]);
    assert!(matches!(
        state(&world, late),
        Some(SessionState::TeacherAway { .. })
    ));
}
