//! Whole classes on the simulated network, all lines alike and nothing lost.

use std::time::Duration;

use crate::api::{Event, FailReason, PostContent, Progress, SessionState};
use crate::core::ids::SessionId;
use crate::core::io::{Command, CommandError, Ways};
use crate::core::limits;
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

/// A teacher and a student on one subnet, two students on another, and one on both.
fn two_subnets() -> (Class, SessionId) {
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
    (class, session)
}

#[test]
fn two_subnets_are_joined_by_a_student_with_two_interfaces() {
    let (mut class, session) = two_subnets();
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
fn who_is_not_linked_to_the_author_hears_a_moment_after_the_others() {
    let (mut class, session) = two_subnets();
    class.run(SECOND * 10);
    let said = class.now();
    class.say(0, session, "hello there");
    class.run(SECOND);
    let took = |host| class.shown(host, "hello there").map(|at| at.since(said));
    let soon = limits::AFTER_AUTHOR / 2;
    let near = Duration::ZERO..soon;
    let far = limits::AFTER_AUTHOR..limits::AFTER_AUTHOR + soon;
    assert!((1..=2).all(|host| took(host).is_some_and(|took| near.contains(&took))));
    assert!((3..=4).all(|host| took(host).is_some_and(|took| far.contains(&took))));
    class.check();
}

#[test]
fn announcements_take_turns_between_the_ways_after_the_burst() {
    let (mut class, ..) = gathered(1);
    class.run(SECOND * 12);
    let cast = &class.world.node(0).cast;
    let all = cast.iter().take_while(|ways| **ways == Ways::All).count();
    // Before the session there was a question as well.
    assert_eq!(all, limits::ANNOUNCE_BURST.len() + 1);
    let turns = [Ways::Broadcast, Ways::Multicast].into_iter().cycle();
    let rest = &cast[all..];
    assert!(rest.len() >= 4);
    assert!(rest.iter().copied().eq(turns.take(rest.len())), "{rest:?}");
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

#[test]
fn an_interrupted_session_goes_on_with_its_feed_and_its_files() {
    let (mut class, keys, session) = gathered(6);
    class.say(0, session, "Welcome");
    let item = class.share(0, session, &[4_000_000, 10]);
    class.until(SECOND * 20, |w| {
        w.world.node(1).store.part(Class::set_of(item)) > 0.3
    });
    assert!(!class.saved(1, item), "interrupted too late");
    class.kill(0);
    class.run(SECOND * 20);
    assert!(matches!(
        class.state(1),
        Some(SessionState::TeacherAway { .. })
    ));
    class.restart(0);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    assert_eq!(class.texts(0), ["Welcome"]);
    class.until(SECOND * 20, |w| (1..=6).all(|host| w.saved(host, item)));
    class.until(SECOND * 5, |w| w.delivered(0, item) == 6);
    class.say(0, session, "Here again");
    class.until(SECOND * 2, |w| (1..=6).all(|host| w.texts(host).len() == 2));
    assert_eq!(class.state(1), Some(SessionState::Joined));
    // Who comes now gets all of it, in order.
    let late = host(&mut class, "late", &[1]);
    class.until(SECOND * 3, |w| w.state(late) == Some(SessionState::Unknown));
    trust(&mut class, late, &keys);
    class.until(SECOND * 10, |w| w.saved(late, item));
    assert_eq!(class.texts(late), ["Welcome", "Here again"]);
    class.check();
}

#[test]
fn a_session_goes_on_also_when_its_teacher_waits_before_resuming() {
    let (mut class, keys, session) = gathered(4);
    class.say(0, session, "Welcome");
    class.run(SECOND);
    class.kill(0);
    class.run(SECOND);
    class.restart(0);
    // Students find the machine, which is in no session yet, and shows none.
    class.run(SECOND * 20);
    assert_eq!(class.state(0), None);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    class.say(0, session, "Here again");
    class.until(SECOND * 3, |w| (1..=4).all(|host| w.texts(host).len() == 2));
    let item = class.share(0, session, &[300_000]);
    class.until(SECOND * 5, |w| w.delivered(0, item) == 4);
    class.check();
}

#[test]
fn a_session_that_goes_on_still_knows_who_has_what() {
    let (mut class, keys, session) = gathered(3);
    let item = class.share(0, session, &[100_000]);
    class.until(SECOND * 20, |w| w.delivered(0, item) == 3);
    class.kill(2);
    class.kill(0);
    class.run(SECOND);
    class.restart(0);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    // Nobody is linked yet, and one never comes back.
    class.run(SECOND / 100);
    assert_eq!(class.delivered(0, item), 3);
    class.check();
}

#[test]
fn a_session_that_goes_on_keeps_what_was_withdrawn_or_changed_apart() {
    let (mut class, keys, session) = gathered(3);
    let kept = class.share(0, session, &[100_000]);
    let gone = class.share(0, session, &[200_000]);
    let changed = class.share(0, session, &[300_000]);
    let all = [kept, gone, changed];
    class.until(SECOND * 20, |w| all.iter().all(|item| w.saved(1, *item)));
    let reason = String::new();
    class.command(
        0,
        Command::Withdraw {
            session,
            item: gone,
            reason,
        },
    );
    class.run(SECOND);
    class.kill(0);
    class.lose_files(0, changed);
    class.restart(0);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    class.run(SECOND * 10);
    let state = |item| {
        let views = class.events(0).filter_map(|event| match event {
            Event::Item(view) if view.item == item => Some(view.progress.clone()),
            _ => None,
        });
        views.last()
    };
    assert!(matches!(state(kept), Some(Progress::Saved { .. })));
    assert_eq!(state(gone), None);
    assert!(matches!(state(changed), Some(Progress::Failed { .. })));
    // What the teacher's machine cannot read any more comes from the class.
    let late = host(&mut class, "late", &[1]);
    class.until(SECOND * 3, |w| w.state(late) == Some(SessionState::Unknown));
    trust(&mut class, late, &keys);
    class.until(SECOND * 5, |w| w.joined(late));
    let students = vec![class.world.node(late).core.device()];
    // Nor does it hold up a student to whom it was to be sent directly.
    let direct = Command::AskAgain {
        session,
        item: changed,
        students,
        direct: true,
    };
    class.command(0, direct);
    class.until(SECOND * 20, |w| {
        w.saved(late, changed) && w.saved(late, kept)
    });
    class.check();
}

#[test]
fn a_muted_student_is_not_heard_until_the_teacher_says_so() {
    let (mut class, _, session) = gathered(3);
    let device = class.world.node(1).core.device();
    let mute = |muted| Command::Mute {
        session,
        device,
        muted,
    };
    class.command(0, mute(true));
    class.run(SECOND);
    let text = "spam".to_owned();
    assert!(
        class
            .try_command(1, Command::Say { session, text })
            .is_err()
    );
    let shown = |class: &Class| {
        let views = class.events(0).filter_map(|event| match event {
            Event::Member(view) if view.device == device => Some(view.muted),
            _ => None,
        });
        views.last()
    };
    assert_eq!(shown(&class), Some(true));
    class.command(0, mute(false));
    class.run(SECOND);
    class.say(1, session, "sorry");
    class.until(SECOND * 3, |w| w.texts(0) == ["sorry"]);
    assert_eq!(shown(&class), Some(false));
    let own = class.world.node(0).core.device();
    let refused = class.try_command(
        0,
        Command::Mute {
            session,
            device: own,
            muted: true,
        },
    );
    assert_eq!(refused, Err(CommandError::NoStudent));
    class.check();
}

#[test]
fn what_is_too_large_waits_for_the_person() {
    let (mut class, _, session) = gathered(2);
    class.command(1, Command::SetAcceptLimit(Some(1_000_000)));
    let small = class.share(0, session, &[900_000]);
    let large = class.share(0, session, &[1_100_000]);
    class.until(SECOND * 10, |w| {
        w.saved(1, small) && w.saved(2, small) && w.saved(2, large)
    });
    let refused = |event: &Event| {
        matches!(event, Event::Item(view) if view.item == large
            && matches!(view.progress, Progress::Failed { reason: FailReason::TooLarge, .. }))
    };
    assert!(class.events(1).any(refused));
    assert!(!class.saved(1, large));
    class.command(
        1,
        Command::Retry {
            session,
            item: large,
        },
    );
    class.until(SECOND * 10, |w| w.saved(1, large));
    // The wish is remembered over a restart.
    class.kill(1);
    class.run(SECOND);
    class.restart(1);
    class.command(1, Command::SetAcceptLimit(Some(1_000_000)));
    class.until(SECOND * 20, |w| w.saved(1, large) && w.saved(1, small));
    assert!(!class.events(1).any(refused));
    class.check();
}

#[test]
fn a_running_session_is_not_resumed() {
    let (mut class, keys, session) = gathered(1);
    class.say(0, session, "Welcome");
    let again = class.try_resume(0, &keys, "DBMS Lab", session, 2);
    assert_eq!(again, Err(CommandError::Running));
    class.say(0, session, "Still here");
    class.until(SECOND, |w| w.texts(1) == ["Welcome", "Still here"]);
    class.check();
}

#[test]
fn a_teacher_who_starts_anew_takes_the_class_along() {
    let (mut class, keys, _) = gathered(3);
    class.kill(0);
    class.run(SECOND * 20);
    class.restart(0);
    let anew = class.teach(0, &keys, "DBMS Lab, again");
    class.until(SECOND * 10, |w| {
        (1..=3).all(|host| w.state_of(host, anew) == Some(SessionState::Joined))
    });
    class.check();
}

#[test]
fn a_teacher_who_has_been_gone_for_long_does_not_keep_the_class_from_the_next() {
    let (mut class, _, _) = gathered(1);
    let next = host(&mut class, "next teacher", &[1]);
    let keys = TeacherKeys::alone("Bela Sen");
    class.kill(0);
    let lesson = class.teach(next, &keys, "Networks Lab");
    let state = |w: &Class| w.state_of(1, lesson);
    class.until(SECOND * 5, |w| state(w) == Some(SessionState::Unknown));
    trust(&mut class, 1, &keys);
    // A teacher whose machine only starts anew is waited for.
    class.run(SECOND * 300);
    assert_eq!(state(&class), Some(SessionState::Seen));
    class.until(SECOND * 330, |w| state(w) == Some(SessionState::Joined));
}

#[test]
fn a_program_that_runs_for_a_term_still_finds_the_next_session() {
    let (mut class, keys, mut session) = gathered(1);
    for lesson in 0..limits::SESSIONS + 2 {
        class.command(0, Command::End(session));
        class.until(SECOND * 5, |w| {
            w.state_of(1, session) == Some(SessionState::Ended)
        });
        session = class.teach(0, &keys, &format!("Lesson {lesson}"));
        class.until(SECOND * 5, |w| {
            w.state_of(1, session) == Some(SessionState::Joined)
        });
    }
    class.check();
}

#[test]
fn a_version_that_cannot_be_read_any_more_takes_no_newer_one_with_it() {
    let (mut class, _, session) = gathered(2);
    let item = class.share(0, session, &[300_000]);
    let first = Class::set_of(item);
    class.replace(0, session, item, &[400_000]);
    class.fail(0, session, first);
    class.until(SECOND * 20, |w| w.saved(1, item) && w.saved(2, item));
    let withdrawn = |event: &Event| matches!(event, Event::Posted(post) if matches!(post.content, PostContent::Withdrawn { .. }));
    assert!(!class.events(1).any(withdrawn));
    class.check();
}

#[test]
fn a_session_has_more_items_than_are_received_at_a_time() {
    let (mut class, _, session) = gathered(1);
    for _ in 0..=limits::OPEN_SETS / 16 {
        let items: Vec<_> = (0..16).map(|_| class.share(0, session, &[1_000])).collect();
        class.until(SECOND * 20, |w| items.iter().all(|item| w.saved(1, *item)));
    }
    class.check();
}

#[test]
fn who_comes_late_does_not_ask_for_what_a_muted_student_wrote() {
    let (mut class, keys, session) = gathered(3);
    class.say(1, session, "before");
    class.run(SECOND);
    let device = class.world.node(1).core.device();
    let muted = true;
    class.command(
        0,
        Command::Mute {
            session,
            device,
            muted,
        },
    );
    class.run(SECOND);
    let late = host(&mut class, "late", &[1]);
    class.until(SECOND, |w| w.state(late) == Some(SessionState::Unknown));
    trust(&mut class, late, &keys);
    class.run(SECOND * 60);
    let before = class.world.control.0;
    class.run(SECOND * 60);
    let each = (class.world.control.0 - before) / (5 * 60);
    assert!(each <= 3, "{each} frames a second and machine");
    class.check();
}

#[test]
fn a_resumed_feed_is_in_the_order_of_its_times_and_names_its_authors() {
    let (mut class, keys, session) = gathered(2);
    for (host, text) in [(1, "one"), (0, "two"), (2, "three"), (0, "four")] {
        class.say(host, session, text);
        class.run(SECOND * 2);
    }
    class.kill(0);
    class.run(SECOND);
    class.restart(0);
    class.resume(0, &keys, "DBMS Lab", session, 2);
    assert_eq!(class.texts(0), ["one", "two", "three", "four"]);
    let named = |event: &Event| match event {
        Event::Posted(post) if !post.author.teacher => Some(post.author.name.clone()),
        _ => None,
    };
    let names: Vec<_> = class.events(0).filter_map(named).collect();
    assert_eq!(names, ["student 0", "student 1"]);
    class.check();
}
