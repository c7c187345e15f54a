//! Whole classes on the simulated network, all lines alike and nothing lost.

use std::time::Duration;

use crate::api::{Event, SessionState};
use crate::core::ids::SessionId;
use crate::core::io::Command;
use crate::core::trust::TrustStore;
use crate::sim::whole::class::Class;
use crate::sim::whole::keys::TeacherKeys;

const SECOND: Duration = Duration::from_secs(1);

/// A machine that trusts nobody yet.
fn host(class: &mut Class, name: &str, nets: &[u8]) -> usize {
    class.host(name, nets, TrustStore::default())
}

/// A teacher without institution and students on one subnet.
fn class(students: usize) -> (Class, TeacherKeys) {
    let mut class = Class::new(1);
    host(&mut class, "teacher", &[1]);
    for student in 0..students {
        host(&mut class, &format!("student {student}"), &[1]);
    }
    (class, TeacherKeys::alone("Asha Rao"))
}

/// Trusts whoever is announced, as a person would after comparing the fingerprint.
fn trust(class: &mut Class, host: usize, keys: &TeacherKeys) {
    class.command(
        host,
        Command::Trust {
            teacher: keys.public(),
            trusted: true,
        },
    );
}

fn gathered(students: usize) -> (Class, TeacherKeys, SessionId) {
    let (mut class, keys) = class(students);
    let session = class.teach(0, &keys, "DBMS Lab");
    for host in 1..=students {
        class.until(SECOND, |w| w.state(host) == Some(SessionState::Unknown));
        trust(&mut class, host, &keys);
    }
    class.until(SECOND * 2, |w| (1..=students).all(|host| w.joined(host)));
    (class, keys, session)
}

#[test]
fn students_wait_for_a_person_before_they_trust_an_unknown_teacher() {
    let (mut class, keys) = class(2);
    class.teach(0, &keys, "DBMS Lab");
    class.run(SECOND * 3);
    assert_eq!(class.state(1), Some(SessionState::Unknown));
    trust(&mut class, 1, &keys);
    class.until(SECOND, |w| w.joined(1));
    assert_eq!(class.state(2), Some(SessionState::Unknown));
    class.check();
}

#[test]
fn a_message_and_files_reach_everybody_once_and_the_teacher_knows() {
    let (mut class, _, session) = gathered(8);
    class.say(0, session, "Welcome");
    let item = class.share(0, session, &[3_000_000, 10, 0]);
    class.until(SECOND * 20, |w| (1..=8).all(|host| w.saved(host, item)));
    class.until(SECOND * 3, |w| w.delivered(0, item) == 8);
    for host in 0..=8 {
        assert_eq!(class.texts(host), ["Welcome"], "host {host}");
    }
    assert!(class.one_copy_out(0, item));
    class.check();
}

#[test]
fn an_empty_file_alone_is_saved_everywhere() {
    let (mut class, _, session) = gathered(2);
    let item = class.share(0, session, &[0]);
    class.until(SECOND * 5, |w| (1..=2).all(|host| w.saved(host, item)));
    class.check();
}

#[test]
fn a_student_who_comes_late_gets_the_whole_feed_in_order() {
    let (mut class, keys, session) = gathered(4);
    for text in ["one", "two", "three"] {
        class.say(0, session, text);
    }
    let item = class.share(0, session, &[500_000]);
    class.until(SECOND * 10, |w| (1..=4).all(|host| w.saved(host, item)));
    let late = host(&mut class, "late", &[1]);
    class.until(SECOND, |w| w.state(late) == Some(SessionState::Unknown));
    trust(&mut class, late, &keys);
    class.until(SECOND, |w| w.joined(late));
    class.until(SECOND * 10, |w| w.saved(late, item));
    assert_eq!(class.texts(late), ["one", "two", "three"]);
    class.check();
}

#[test]
fn messages_of_students_reach_the_teacher_alone() {
    let (mut class, _, session) = gathered(3);
    class.say(2, session, "I am stuck");
    class.until(SECOND * 3, |w| w.texts(0) == ["I am stuck"]);
    class.run(SECOND * 5);
    assert_eq!(class.texts(2), ["I am stuck"]);
    assert!(class.texts(1).is_empty() && class.texts(3).is_empty());
    class.check();
}

#[test]
fn two_subnets_are_joined_by_a_student_with_two_interfaces() {
    let mut class = Class::new(1);
    let keys = TeacherKeys::alone("Asha Rao");
    host(&mut class, "teacher", &[1]);
    host(&mut class, "near", &[1]);
    host(&mut class, "bridge", &[1, 2]);
    host(&mut class, "far", &[2]);
    host(&mut class, "farther", &[2]);
    let session = class.teach(0, &keys, "DBMS Lab");
    for host in [1, 2, 3, 4] {
        class.until(SECOND * 8, |w| w.state(host) == Some(SessionState::Unknown));
        trust(&mut class, host, &keys);
        class.until(SECOND * 8, |w| w.joined(host));
    }
    class.say(0, session, "hello there");
    let item = class.share(0, session, &[2_000_000]);
    class.until(SECOND * 30, |w| (1..=4).all(|host| w.saved(host, item)));
    class.until(SECOND * 5, |w| w.delivered(0, item) == 4);
    class.say(3, session, "hello back");
    class.until(SECOND * 10, |w| {
        w.texts(0).contains(&"hello back".to_owned())
    });
    assert_eq!(class.texts(4), ["hello there"]);
    class.check();
}

#[test]
fn the_class_completes_when_the_teacher_vanishes_after_one_copy() {
    let (mut class, _, session) = gathered(6);
    let item = class.share(0, session, &[4_000_000]);
    class.until(SECOND * 20, |w| w.one_copy_out(0, item));
    class.kill(0);
    class.until(SECOND * 20, |w| (1..=6).all(|host| w.saved(host, item)));
    class.until(SECOND * 30, |w| {
        matches!(w.state(1), Some(SessionState::TeacherAway { .. }))
    });
    class.check();
}

#[test]
fn an_ended_session_is_over_for_everybody() {
    let (mut class, _, session) = gathered(3);
    class.command(0, Command::End(session));
    class.until(SECOND * 3, |w| {
        (0..=3).all(|host| w.state(host) == Some(SessionState::Ended))
    });
    let text = "too late".to_owned();
    let refused = class.try_command(0, Command::Say { session, text });
    assert!(refused.is_err());
    class.check();
}

#[test]
fn a_quiet_class_sends_little() {
    let (mut class, _, _) = gathered(12);
    class.run(SECOND * 60);
    let before = class.world.control.0;
    class.run(SECOND * 60);
    let each = (class.world.control.0 - before) / (13 * 60);
    assert!(each <= 3, "{each} frames a second and machine");
    class.check();
}

#[test]
fn a_restarted_student_goes_on_with_its_own_log() {
    let (mut class, _, session) = gathered(2);
    class.say(1, session, "before");
    class.until(SECOND * 3, |w| w.texts(0) == ["before"]);
    class.kill(1);
    class.run(SECOND);
    class.restart(1);
    class.until(SECOND, |w| w.joined(1));
    class.say(1, session, "after");
    class.until(SECOND * 3, |w| w.texts(0) == ["before", "after"]);
    let alarm = |event: &Event| matches!(event, Event::Warning(_));
    assert!(!class.events(0).any(alarm));
    class.check();
}

#[test]
fn a_newcomer_gets_everything_from_the_class_while_the_teacher_is_away() {
    let (mut class, keys, session) = gathered(3);
    class.say(0, session, "Welcome");
    let item = class.share(0, session, &[600_000]);
    class.until(SECOND * 20, |w| (1..=3).all(|host| w.saved(host, item)));
    class.kill(0);
    class.until(SECOND * 30, |w| {
        (1..=3).all(|host| matches!(w.state(host), Some(SessionState::TeacherAway { .. })))
    });
    let late = host(&mut class, "late", &[1]);
    class.until(SECOND * 5, |w| w.state(late) == Some(SessionState::Unknown));
    trust(&mut class, late, &keys);
    class.until(SECOND * 20, |w| w.saved(late, item));
    assert_eq!(class.texts(late), ["Welcome"]);
    assert!(matches!(
        class.state(late),
        Some(SessionState::TeacherAway { .. })
    ));
    class.check();
}
