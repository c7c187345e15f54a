//! Students who lie, stall or flood: the class goes on.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn hostile_students_do_not_stop_a_class() {
    for behaviour in [Behaviour::Poison, Behaviour::FalseHave, Behaviour::Stall] {
        let (mut class, session) = gathered(9, 10, GIGABIT);
        class.corrupt(4, behaviour);
        let item = class.share(0, session, &[32 * MIB]);
        class.say(0, session, "go on");
        let honest = || (1..=10).filter(|&host| host != 4);
        let took = class.until(SECOND * 10, |class| all_saved(class, item, honest()));
        assert!(took < SECOND * 3, "{behaviour:?}: {took:?}");
        assert!(honest().all(|host| class.texts(host) == ["go on"]));
        class.check();
    }
}

#[test]
fn who_offers_pages_and_sends_none_is_waited_for_once_and_shortly() {
    let took = |liar: Option<usize>| {
        let (mut class, session) = gathered(19, 10, GIGABIT);
        if let Some(liar) = liar {
            class.corrupt(liar, Behaviour::FalsePages);
        }
        let honest = || (1..=10).filter(|host| Some(*host) != liar);
        [(); 5].map(|()| {
            let item = class.share(0, session, &[8 * MIB]);
            class.until(SECOND * 10, |class| all_saved(class, item, honest()))
        })
    };
    let alone = took(None);
    for liar in 1..=10 {
        let lied = took(Some(liar));
        let waited = [0, 1, 2, 3, 4].map(|set| lied[set].saturating_sub(alone[set]));
        assert!(
            waited.iter().all(|waited| *waited < SECOND * 3 / 4),
            "{liar}: {waited:?}"
        );
        assert!(
            waited[2..].iter().all(|waited| *waited < SECOND / 20),
            "{liar}: {waited:?}"
        );
    }
}

#[test]
fn a_flood_of_nonsense_does_not_stop_a_class() {
    flooded(UnixTime(WALL + 5));
}

#[test]
fn a_flood_that_is_dated_back_does_not_come_through_faster() {
    flooded(UnixTime(WALL - 3_600));
}

#[test]
fn a_flood_that_is_dated_at_the_end_of_time_stops_nobody() {
    flooded(UnixTime(u64::MAX));
}

/// A class in which one student floods with entries that claim this time.
fn flooded(time: UnixTime) {
    let (mut class, session) = gathered(10, 10, GIGABIT);
    let texts = crate::core::wire::statements::TextPolicy::All;
    class.command(0, Command::SetPolicy { session, texts });
    class.run(SECOND);
    let school = School::new("GEHU");
    let until = class.now() + SECOND * 10;
    class.flood(
        4,
        Flood {
            session,
            teacher: asha(&school).public().into(),
            net: 1,
            time,
            until,
            every: Duration::from_millis(2),
        },
    );
    let item = class.share(0, session, &[64 * MIB]);
    class.say(0, session, "go on");
    let at = class.now();
    let honest = || (1..=10).filter(|&host| host != 4);
    class.until(SECOND * 5, |class| all_saved(class, item, honest()));
    for host in honest() {
        let delay = class.shown(host, "go on").unwrap().since(at);
        assert!(delay < SECOND / 4, "{delay:?}");
    }
    class.run(SECOND * 10);
    for host in honest() {
        let texts = class.texts(host);
        let nonsense = texts.iter().filter(|text| text.starts_with("nonsense"));
        let nonsense = nonsense.count();
        assert!(nonsense <= 5 + 10, "{nonsense} of the flood were shown");
    }
    class.check();
}
