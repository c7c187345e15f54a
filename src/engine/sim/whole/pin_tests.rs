//! Sessions that ask for a PIN.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::class::Class;
use super::keys::{School, TeacherKeys};
use super::net::address;
use crate::api::{Event, SessionState, WarningKind};
use crate::core::ids::SessionId;
use crate::core::io::Command;
use crate::core::limits;
use crate::core::pin::Pin;

const SECOND: Duration = Duration::from_secs(1);
const PIN: &str = "314159";

fn pin(digits: &str) -> Pin {
    Pin::parse(digits).unwrap()
}

/// A teacher on subnet 1 with a session that asks for a PIN, and students on these subnets.
fn class(nets: &[&[u8]]) -> (Class, TeacherKeys, SessionId) {
    let (school, mut class) = (School::new("GEHU"), Class::new(11));
    class.host("teacher", &[1], school.trust());
    for (number, nets) in nets.iter().enumerate() {
        class.host(&format!("student {}", number + 1), nets, school.trust());
    }
    let keys = TeacherKeys::of(&school, "Asha Rao");
    class.pin = Some(pin(PIN));
    let session = class.teach(0, &keys, "DBMS Lab");
    (class, keys, session)
}

fn wanted(class: &Class, host: usize) -> Option<(bool, u64)> {
    match class.state(host) {
        Some(SessionState::PinWanted { wrong, seconds }) => Some((wrong, seconds)),
        _ => None,
    }
}

fn enter(class: &mut Class, host: usize, session: SessionId, digits: &str) {
    let pin = pin(digits);
    class.command(host, Command::EnterPin { session, pin });
}

#[test]
fn who_knows_the_pin_is_admitted_and_nobody_else() {
    let (mut class, _, session) = class(&[&[1], &[1], &[1], &[1]]);
    class.until(SECOND * 3, |class| {
        (1..=4).all(|host| wanted(class, host) == Some((false, 0)))
    });
    for host in 1..=3 {
        enter(&mut class, host, session, PIN);
    }
    enter(&mut class, 4, session, "314158");
    class.until(SECOND * 3, |class| (1..=3).all(|host| class.joined(host)));
    class.until(SECOND * 3, |class| wanted(class, 4) == Some((true, 0)));
    let item = class.share(0, session, &[1_000_000]);
    class.say(0, session, "for members");
    class.until(SECOND * 10, |class| {
        (1..=3).all(|host| class.saved(host, item))
    });
    class.run(SECOND * 5);
    assert!(!class.saved(4, item));
    assert!(class.texts(4).is_empty());
    // After the slip it is in, and has all of it.
    enter(&mut class, 4, session, PIN);
    class.until(SECOND * 3, |class| class.joined(4));
    class.until(SECOND * 10, |class| class.saved(4, item));
    assert_eq!(class.texts(4), ["for members"]);
    class.check();
}

#[test]
fn a_pin_is_proven_over_students_where_the_teacher_is_on_another_subnet() {
    let (mut class, _, session) = class(&[&[1, 2], &[2, 3], &[3]]);
    for host in 1..=3 {
        class.until(SECOND * 20, |class| wanted(class, host) == Some((false, 0)));
        enter(&mut class, host, session, "271828");
        class.until(SECOND * 10, |class| wanted(class, host) == Some((true, 0)));
        enter(&mut class, host, session, PIN);
        class.until(SECOND * 10, |class| class.joined(host));
    }
    class.say(0, session, "far");
    class.until(SECOND * 10, |class| class.texts(3) == ["far"]);
    class.check();
}

#[test]
fn after_five_wrong_ones_a_device_waits_and_the_teacher_is_told_of_ten() {
    let (mut class, _, session) = class(&[&[1], &[1]]);
    for host in 1..=2 {
        class.until(SECOND * 3, |class| wanted(class, host).is_some());
        for _ in 0..limits::PIN_BURST {
            enter(&mut class, host, session, "000000");
            class.until(SECOND * 3, |class| wanted(class, host) == Some((true, 0)));
        }
        // The right one is not even looked at now.
        enter(&mut class, host, session, PIN);
        class.until(SECOND * 3, |class| {
            wanted(class, host).is_some_and(|(wrong, seconds)| !wrong && seconds > 0)
        });
    }
    let told = |event: &&Event| matches!(event, Event::Warning(warning) if warning.kind == WarningKind::WrongPins);
    assert_eq!(class.events(0).filter(told).count(), 1);
    class.run(limits::PIN_EVERY + SECOND);
    enter(&mut class, 1, session, PIN);
    class.until(SECOND * 3, |class| class.joined(1));
    class.check();
}

#[test]
fn members_come_back_without_the_pin_and_newcomers_need_it() {
    let (mut class, keys, session) = class(&[&[1], &[1], &[1]]);
    for host in [1, 2] {
        class.until(SECOND * 3, |class| wanted(class, host).is_some());
        enter(&mut class, host, session, PIN);
        class.until(SECOND * 3, |class| class.joined(host));
    }
    class.restart(1);
    class.until(SECOND * 10, |class| class.joined(1));
    class.kill(0);
    class.run(SECOND * 2);
    class.restart(0);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    class.say(0, session, "again here");
    class.until(SECOND * 30, |class| {
        [1, 2]
            .iter()
            .all(|host| class.texts(*host) == ["again here"])
    });
    class.until(SECOND * 10, |class| wanted(class, 3).is_some());
    enter(&mut class, 3, session, PIN);
    class.until(SECOND * 10, |class| class.joined(3));
    class.check();
}

#[test]
fn a_member_that_restarts_while_the_teacher_is_away_is_a_member_still() {
    let (mut class, _, session) = class(&[&[1], &[1]]);
    for host in 1..=2 {
        class.until(SECOND * 3, |class| wanted(class, host).is_some());
        enter(&mut class, host, session, PIN);
        class.until(SECOND * 3, |class| class.joined(host));
    }
    class.say(0, session, "before");
    class.until(SECOND * 3, |class| class.texts(2) == ["before"]);
    class.kill(0);
    class.until(limits::TEACHER_AWAY * 2, |class| {
        matches!(class.state(1), Some(SessionState::TeacherAway { .. }))
    });
    class.restart(2);
    class.command(2, Command::Connect(address(1, 1)));
    class.until(SECOND * 20, |class| {
        matches!(
            class.state(2),
            Some(SessionState::TeacherAway { .. } | SessionState::Joined)
        )
    });
    class.check();
}

#[test]
fn a_teacher_who_restarts_in_the_middle_of_a_proof_costs_no_try() {
    // From the first message on its way to the device admitted. (A dial that is answered by a machine that is just dying, the
    // simulator takes for a link.)
    for pause in [2, 3, 5, 20] {
        let (mut class, keys, session) = class(&[&[1]]);
        class.until(SECOND * 3, |class| wanted(class, 1).is_some());
        enter(&mut class, 1, session, PIN);
        class.run(Duration::from_micros(pause * 100));
        class.kill(0);
        class.run(SECOND * 2);
        class.restart(0);
        class.resume(0, &keys, "DBMS Lab", session, 2);
        class.until(SECOND * 40, |class| class.joined(1));
        let wrong = |event: &&Event| matches!(event, Event::Session(view) if matches!(view.state, SessionState::PinWanted { wrong: true, .. }));
        assert_eq!(class.events(1).filter(wrong).count(), 0, "after {pause}");
        class.check();
    }
}

#[test]
fn nobody_is_a_guest_of_a_session_with_a_pin() {
    let (mut class, _, session) = class(&[&[1], &[1]]);
    class.until(SECOND * 3, |class| wanted(class, 1).is_some());
    enter(&mut class, 1, session, PIN);
    class.until(SECOND * 3, |class| class.joined(1));
    class.until(SECOND * 3, |class| wanted(class, 2).is_some());
    class.kill(0);
    class.until(limits::TEACHER_AWAY * 2, |class| {
        matches!(class.state(1), Some(SessionState::TeacherAway { .. }))
    });
    // Who comes by an address has heard no announcement that tells of the PIN, and asks again and again.
    class.command(2, Command::Connect(address(1, 1)));
    class.until(SECOND * 5, |class| {
        class.state(2) == Some(SessionState::Joining)
    });
    class.run(SECOND * 20);
    assert_eq!(class.state(2), Some(SessionState::Joining));
    class.check();
}
