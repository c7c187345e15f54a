#![allow(clippy::unwrap_used)]

use super::*;
use crate::core::signed::Signed;
use crate::core::trust::FirstContact;
use crate::core::trust::testing::{TODAY, authority, key, public, revocation};
use crate::core::wire::statements::{Admission, Authority};

const INSTITUTION: u8 = 1;
const TEACHER: u8 = 2;
const SESSION: u8 = 3;
const STRANGER: u8 = 4;

fn at(seconds: u64) -> Now {
    Now {
        moment: Moment(seconds * 1_000_000),
        wall: TODAY,
    }
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 168, 0, last])
}

fn trust() -> TrustStore {
    let mut store = TrustStore::default();
    store
        .trust_institution(public(INSTITUTION), "GEHU")
        .unwrap();
    store
}

fn acceptor() -> Acceptor {
    Acceptor::new(DeviceId([77; 32]))
}

/// An announcement under `authority`, signed by the key number `signer`.
fn announce(authority: Authority, signer: u8, session: u8, sequence: u64) -> Vec<u8> {
    let announce = Announce {
        session: SessionId([session; 16]),
        sequence,
        title: "Lab 3".into(),
        port: 47_800,
        admission: Admission::Open,
        life: 10_000,
        time: TODAY,
    };
    let announce = Signed::seal(Domain::Announce, &announce, &key(signer));
    let header = Header::own(47_800, DeviceId([9; 32]), 0);
    let body = Body::Announcement(Announcement {
        authority,
        announce,
    });
    Datagram { header, body }.encode().unwrap()
}

/// The real teacher's announcement.
fn real(epoch: u32, sequence: u64) -> Vec<u8> {
    announce(
        authority(INSTITUTION, TEACHER, SESSION, epoch),
        SESSION,
        SESSION,
        sequence,
    )
}

fn ask(sender: u8) -> Vec<u8> {
    let header = Header::own(1, DeviceId([sender; 32]), 0);
    Datagram {
        header,
        body: Body::Ask { session: None },
    }
    .encode()
    .unwrap()
}

fn announced(heard: Result<Heard, Refusal>) -> Box<Announced> {
    match heard.unwrap() {
        Heard::Announced(announced) => announced,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trusted_teachers_session_is_announced_and_goes_when_no_more_is_heard() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let first = announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    assert!(first.first);
    assert_eq!(first.verdict.trusted().unwrap().teacher, public(TEACHER));
    assert_eq!(first.expires, at(10).moment);
    let second = announced(acceptor.receive(at(2), from(1), &real(1, 2), &trust));
    assert!(!second.first);
    assert!(acceptor.expired(at(11).moment).is_empty());
    assert_eq!(acceptor.next_expiry(), Some(at(12).moment));
    let gone = Gone {
        session: SessionId([SESSION; 16]),
        teacher: public(TEACHER),
    };
    assert_eq!(acceptor.expired(at(12).moment), [gone]);
    assert!(acceptor.expired(at(13).moment).is_empty());
    assert!(announced(acceptor.receive(at(14), from(1), &real(1, 3), &trust)).first);
}

#[test]
fn the_same_announcement_from_elsewhere_is_another_way_to_the_session() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    let other = Header {
        hop: 1,
        ..Header::own(5_000, DeviceId([8; 32]), 0)
    };
    let passed = super::super::relayed(&real(1, 1), other).unwrap();
    let Ok(Heard::Again(again)) = acceptor.receive(at(0), from(2), &passed, &trust) else {
        panic!("not recognised")
    };
    assert_eq!(
        (again.header.sender, again.header.hop),
        (DeviceId([8; 32]), 1)
    );
    assert_eq!(again.sequence, 1);
}

#[test]
fn replayed_and_late_announcements_are_refused() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(2, 5), &trust));
    let late = acceptor.receive(at(1), from(1), &real(2, 4), &trust);
    assert_eq!(late, Err(Refusal::OldSequence));
    let old = acceptor.receive(at(1), from(1), &real(1, 9), &trust);
    assert_eq!(
        old,
        Err(Refusal::OldEpoch {
            theirs: Epoch(1),
            known: Epoch(2)
        })
    );
    announced(acceptor.receive(at(2), from(1), &real(2, 6), &trust));
    let replayed = acceptor.receive(at(3), from(1), &real(2, 5), &trust);
    assert_eq!(replayed, Err(Refusal::Repeated));
    acceptor.expired(at(500).moment);
    let replayed = acceptor.receive(at(501), from(1), &real(2, 4), &trust);
    assert_eq!(replayed, Err(Refusal::OldSequence));
    assert!(
        !announced(acceptor.receive(at(502), from(1), &real(3, 1), &trust))
            .verdict
            .teacher()
            .is_self_signed()
    );
}

#[test]
fn a_session_remembered_from_an_earlier_run_does_not_go_back() {
    let (mut acceptor, trust) = (acceptor(), trust());
    acceptor.remember(SessionId([SESSION; 16]), public(TEACHER), Epoch(3));
    assert!(
        acceptor
            .receive(at(0), from(1), &real(2, 9), &trust)
            .is_err()
    );
    assert!(announced(acceptor.receive(at(0), from(1), &real(3, 1), &trust)).first);
}

#[test]
fn an_ended_session_stays_ended() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    acceptor.end(SessionId([SESSION; 16]), public(TEACHER));
    for epoch in [1, 2] {
        let heard = acceptor.receive(at(1), from(1), &real(epoch, 2), &trust);
        assert_eq!(
            heard,
            Err(Refusal::Ended {
                title: "Lab 3".into()
            })
        );
    }
    assert!(acceptor.expired(at(100).moment).is_empty());
}

#[test]
fn a_students_key_cannot_start_a_session() {
    let (mut acceptor, mut trust) = (acceptor(), trust());
    let own = announce(
        authority(STRANGER, STRANGER, SESSION, 1),
        SESSION,
        SESSION,
        1,
    );
    let heard = announced(acceptor.receive(at(0), from(1), &own, &trust));
    assert!(heard.verdict.trusted().is_none());
    trust.set_first_contact(FirstContact::Refuse);
    let own = announce(
        authority(STRANGER, STRANGER, SESSION, 1),
        SESSION,
        SESSION,
        2,
    );
    assert!(matches!(
        acceptor.receive(at(0), from(1), &own, &trust),
        Err(Refusal::Trust(TrustError::UnknownTeacher { .. }))
    ));
}

#[test]
fn a_forged_announcement_is_refused_and_its_copies_cost_nothing() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let forged = announce(
        authority(INSTITUTION, TEACHER, SESSION, 1),
        STRANGER,
        SESSION,
        1,
    );
    let refused = acceptor.receive(at(0), from(1), &forged, &trust);
    assert_eq!(
        refused,
        Err(Refusal::Forged {
            title: "Lab 3".into()
        })
    );
    for _ in 0..100 {
        let again = acceptor.receive(at(0), from(1), &forged, &trust);
        assert_eq!(again, Err(Refusal::Repeated));
    }
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
}

#[test]
fn a_grant_for_another_session_is_refused() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let mixed = announce(
        authority(INSTITUTION, TEACHER, SESSION, 1),
        SESSION,
        SESSION + 1,
        1,
    );
    assert_eq!(
        acceptor.receive(at(0), from(1), &mixed, &trust),
        Err(Refusal::Trust(TrustError::OtherSession))
    );
}

#[test]
fn a_copied_session_id_does_not_touch_the_real_session() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let copy = authority(STRANGER, STRANGER, SESSION, 900);
    announced(acceptor.receive(
        at(0),
        from(6),
        &announce(copy.clone(), SESSION, SESSION, 1),
        &trust,
    ));
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    let refused = acceptor.receive(at(1), from(6), &announce(copy, SESSION, SESSION, 2), &trust);
    assert!(refused.as_ref().unwrap_err().is_alarm());
    assert!(matches!(refused, Err(Refusal::SessionOfAnother { .. })));
    announced(acceptor.receive(at(2), from(1), &real(1, 2), &trust));
}

#[test]
fn two_keys_for_one_life_of_a_session_are_noticed() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    let certificate = authority(INSTITUTION, TEACHER, SESSION, 1).certificate;
    let mut grant = crate::core::trust::testing::grant(&certificate, SESSION, 1);
    grant.key = public(STRANGER);
    let grant = Signed::seal(Domain::Grant, &grant, &key(TEACHER));
    let second = announce(Authority { certificate, grant }, STRANGER, SESSION, 2);
    let refused = acceptor.receive(at(0), from(1), &second, &trust);
    assert_eq!(
        refused,
        Err(Refusal::TwoKeys {
            title: "Lab 3".into()
        })
    );
}

#[test]
fn a_withdrawn_certificate_stops_its_running_session() {
    let (mut acceptor, mut trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    let list = revocation(INSTITUTION, 1, TODAY, &[u64::from(TEACHER)]);
    trust.accept_revocation(&list).unwrap();
    assert!(matches!(
        acceptor.receive(at(2), from(1), &real(1, 2), &trust),
        Err(Refusal::Trust(TrustError::Revoked { .. }))
    ));
}

#[test]
fn checks_are_rationed_by_address_and_key_and_shared_with_nobody() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let mut refusals = Vec::new();
    for sequence in 1..=20 {
        let authority = authority(INSTITUTION, TEACHER, SESSION, 1);
        let forged = announce(authority, STRANGER, SESSION, sequence);
        refusals.extend(acceptor.receive(at(0), from(66), &forged, &trust).err());
    }
    assert_eq!(
        refusals
            .iter()
            .filter(|refusal| **refusal == Refusal::Rationed)
            .count(),
        14
    );
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
}

#[test]
fn strangers_cannot_use_up_the_checks_of_known_sessions() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    let mut rationed = 0;
    for number in 0..=250 {
        let authority = authority(STRANGER, STRANGER, number, 1);
        let forged = announce(authority, INSTITUTION, number, 1);
        let heard = acceptor.receive(at(0), from(number), &forged, &trust);
        rationed += u32::from(heard == Err(Refusal::Rationed));
    }
    assert!(rationed > 40, "{rationed}");
    announced(acceptor.receive(at(0), from(1), &real(1, 2), &trust));
}

#[test]
fn unknown_teachers_are_limited_and_never_push_out_trusted_ones() {
    let (mut acceptor, trust) = (acceptor(), trust());
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
    for number in 100..132 {
        let authority = authority(number, number, number, 1);
        announced(acceptor.receive(
            at(1),
            from(number),
            &announce(authority, number, number, 1),
            &trust,
        ));
    }
    let one_more = announce(authority(99, 99, 99, 1), 99, 99, 1);
    assert_eq!(
        acceptor.receive(at(1), from(2), &one_more, &trust),
        Err(Refusal::TooManySessions(MAX_UNKNOWN))
    );
    announced(acceptor.receive(at(2), from(1), &real(1, 2), &trust));
    acceptor.expired(at(30).moment);
    let one_more = announce(authority(99, 99, 99, 1), 99, 99, 2);
    announced(acceptor.receive(at(31), from(2), &one_more, &trust));
}

#[test]
fn the_own_datagrams_and_the_own_session_are_left_alone() {
    let (mut acceptor, trust) = (acceptor(), trust());
    assert_eq!(
        acceptor.receive(at(0), from(1), &ask(77), &trust),
        Err(Refusal::OwnEcho)
    );
    acceptor.set_own(SessionId([SESSION; 16]), true);
    let heard = acceptor.receive(at(0), from(1), &real(1, 1), &trust);
    assert_eq!(heard, Err(Refusal::OwnSession));
    acceptor.set_own(SessionId([SESSION; 16]), false);
    announced(acceptor.receive(at(0), from(1), &real(1, 1), &trust));
}

#[test]
fn asks_are_heard_and_rationed_by_address() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let answered = (0..40)
        .filter(|_| acceptor.receive(at(0), from(1), &ask(5), &trust).is_ok())
        .count();
    assert_eq!(answered, 24);
    let refusal = acceptor
        .receive(at(0), from(1), &ask(5), &trust)
        .unwrap_err();
    assert!(
        !refusal.is_noteworthy(),
        "many start at one machine: {refusal}"
    );
    assert!(matches!(
        acceptor.receive(at(0), from(2), &ask(5), &trust),
        Ok(Heard::Asked(Asked { session: None, .. }))
    ));
}

#[test]
fn a_clock_that_differs_from_the_teachers_is_told() {
    let (mut acceptor, trust) = (acceptor(), trust());
    let now = Now {
        wall: UnixTime(TODAY.0 + 3_600),
        ..at(0)
    };
    let heard = announced(acceptor.receive(now, from(1), &real(1, 1), &trust));
    let warning = heard.verdict.teacher().clock.unwrap();
    assert_eq!(
        warning.to_string(),
        "this computer's clock is 60 minutes ahead of the teacher's: times in the session may look wrong"
    );
    assert_eq!(heard.claimed_time(), TODAY);
}
