//! Every limit of the protocol at its edge, where it is taken, and one past it, where it is not.
//!
//! The rows of "Limits" in `docs/PROTOCOL.md`, and what holds them. Where no module is named, the test is here; `rules` is
//! [`rules`], `words` is [`words`], `net` is `net::tests::limits`.
//!
//! | row | tests |
//! |---|---|
//! | datagram | `rules::a_datagram_of_1200_bytes_is_read_and_sent_and_one_of_1201_is_not` |
//! | control frame | `rules::frames_are_read_up_to_their_limits_and_not_a_byte_further`, `net::a_control_frame_of_256_kib_arrives_and_one_byte_more_ends_the_link`, `what_others_have_signed_is_passed_on_in_frames_that_fit` |
//! | control frame before the greeting | the first of these, `net::a_greeting_of_4_kib_is_taken_and_one_byte_more_is_refused`, `net::tests::garbage_floods_and_silence_before_the_greeting_are_cut_off` |
//! | record | the first of these, `net::a_record_of_64_kib_is_taken_and_one_byte_more_ends_its_lane` |
//! | title of a session | `a_title_of_64_bytes_is_taken_and_one_of_65_is_refused`, `a_title_on_a_link_has_64_bytes_at_most`, `rules::an_announced_title_has_64_bytes_at_most` |
//! | name of a person or machine, roll number | `a_request_with_the_longest_names_is_granted_and_one_with_a_byte_more_is_not`, `a_device_cuts_the_names_that_it_asks_with`, `rules::certified_names_have_64_bytes_at_most` |
//! | text of a student, of a teacher | `words::messages_have_4_kib_of_a_student_and_16_of_a_teacher`, `words::messages_over_the_limit_are_not_shown_whoever_signed_them` |
//! | snippet, link, title of an item | `words::posts_at_their_limits_are_made_and_one_byte_more_is_refused`, `words::posts_over_a_limit_are_not_shown_whoever_signed_them` |
//! | members | `a_session_has_1024_members_and_the_next_device_is_denied`, `a_member_knows_1024_others_at_most` |
//! | addresses of one | `a_contact_with_16_addresses_is_kept_and_one_with_17_is_not`, `a_machine_with_17_addresses_tells_of_16` |
//! | files of a set | `words::a_set_of_20000_files_is_shared_and_one_more_is_refused`, `words::a_set_of_20001_files_fails_whoever_signed_it`, `rules::headers_of_sets_keep_to_their_limits`, `core::layout::tests::limits_are_refused` |
//! | chunks | the last two of these |
//! | depth of folders, part of a name, whole path | `rules::paths_in_a_manifest_keep_to_their_limits`, `core::names::tests::limits_of_length_and_depth_hold_exactly` |
//! | entries of a student's log | `words::a_students_log_has_10000_entries_and_not_one_more`, `words::a_student_whose_log_is_full_is_told_so` |
//! | the same in a short time | `words::a_student_is_heard_five_times_at_once_and_then_once_a_second`, `words::who_writes_too_fast_is_told_so` |
//! | readers of a sealed body | `rules::a_body_is_sealed_for_256_readers_and_opened_with_no_more`, `core::sealed::tests::weak_keys_and_odd_numbers_of_readers_are_refused` |
//! | hops of an announcement | `rules::an_announcement_is_passed_on_three_times`, `core::announce::relay::tests::it_goes_to_the_other_subnet_only_and_not_too_far` |
//! | hops of a join | `a_request_is_passed_on_eight_times_and_no_further` |
//! | digits of a PIN | `rules::a_pin_has_4_to_12_digits_and_6_where_it_is_made_up`, `core::pin::tests::a_pin_is_four_to_twelve_digits` |
//! | wrong PINs | `core::machine::gate::tests`: `a_device_has_five_tries_and_then_waits`, `devices_of_one_address_have_twenty_tries_and_leave_the_rest_to_others`, `devices_that_are_made_up_have_a_hundred_tries_together`, and for the time after that `after_too_many_tries_there_is_one_in_each_interval` |
//! | life of a grant | `rules::a_grant_of_24_hours_counts_and_one_of_a_second_more_does_not`, `rules::a_session_goes_on_for_less_than_24_hours` |
//! | unauthenticated connections | `net::three_of_an_address_and_64_in_all_are_let_in_half_of_them_members`, `net::gate::tests` |
//! | time for a handshake and greeting | `net::a_greeting_in_time_is_taken_and_a_late_one_is_not` |
#![allow(clippy::unwrap_used)]

mod bench;
mod rules;
mod words;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bench::{Bench, SESSION, device, join, text, token};
use serde_json::Value;

use super::machine::Machine;
use crate::api::Event;
use crate::core::ids::{DeviceId, ItemId, LinkId, SetId, Version};
use crate::core::io::{CommandError, Input, Interface};
use crate::core::limits;
use crate::core::manifest::plan;
use crate::core::signed::{Domain, Signed};
use crate::core::wire::control::{Control, DenyReason, Member};
use crate::core::wire::statements::{
    Contact, EntryKind, FileEntry, ItemBody, ItemContent, Join, LinkKind, ReceiveState, Status,
};

/// Whether a device is among the members that were told.
fn grants(said: &[Control], number: usize) -> bool {
    let is_it = |member: &Member| token_of(member) == device(number);
    said.iter().any(
        |message| matches!(message, Control::Members { members, .. } if members.iter().any(is_it)),
    )
}

fn token_of(member: &Member) -> DeviceId {
    let token: crate::core::wire::statements::Token = member.token.peek().unwrap();
    token.device
}

fn asks(bench: &mut Bench, link: LinkId, join: Signed, hops: u8) -> Vec<Control> {
    let session = SESSION;
    bench.hears(
        link,
        &Control::Join {
            session,
            join,
            hops,
        },
    )
}

#[test]
fn a_title_of_64_bytes_is_taken_and_one_of_65_is_refused() {
    assert_eq!(limits::SESSION_TITLE, 64);
    let too_long = |size| {
        let (what, limit) = ("the session's title", 64);
        Err(CommandError::TooLong { what, size, limit })
    };
    assert_eq!(Bench::idle().start(&text(64)), Ok(()));
    assert_eq!(Bench::idle().start(&text(65)), too_long(65));
    // Students refuse by the length that it has in JSON.
    assert_eq!(Bench::idle().start(&"\"".repeat(32)), Ok(()));
    assert_eq!(Bench::idle().start(&"\"".repeat(33)), too_long(66));
    let hidden = Bench::idle().start("Lab\u{200b}");
    assert!(matches!(hidden, Err(CommandError::BadTitle(_))));
    let empty = Err(CommandError::Empty("the session's title"));
    assert_eq!(Bench::idle().start(" "), empty);
}

#[test]
fn a_title_on_a_link_has_64_bytes_at_most() {
    for (length, shown) in [(64, 1), (65, 0)] {
        let (bench, ..) = Bench::visitor("student", &text(length));
        assert_eq!(bench.machine.core.sessions().len(), shown);
    }
}

#[test]
fn a_request_with_the_longest_names_is_granted_and_one_with_a_byte_more_is_not() {
    let most = [limits::PERSON_NAME, limits::ROLL, limits::PERSON_NAME];
    assert_eq!(most, [64, 32, 64]);
    let mut bench = Bench::teacher();
    let link = bench.link(1);
    for place in 0..3 {
        let mut more = most;
        more[place] += 1;
        assert!(asks(&mut bench, link, join(1, 1, more), 0).is_empty());
    }
    let said = asks(&mut bench, link, join(1, 1, most), 0);
    assert!(grants(&said, 1));
}

#[test]
fn a_device_cuts_the_names_that_it_asks_with() {
    for length in [64, 65] {
        let (_, _, said) = Bench::visitor(&text(length), "DBMS Lab");
        let asked = said.iter().find_map(|message| match message {
            Control::Join { join, .. } => Some(join.peek::<Join>().unwrap()),
            _ => None,
        });
        assert_eq!(asked.unwrap().name, text(64));
    }
}

#[test]
fn a_session_has_1024_members_and_the_next_device_is_denied() {
    assert_eq!(limits::MEMBERS, 1_024);
    let mut bench = Bench::teacher();
    let mut link = bench.link(1);
    // The teacher's own device is the first member.
    for number in 1..1_024 {
        let direct = number % 200 == 1;
        if direct {
            link = bench.link(number);
        }
        let said = asks(
            &mut bench,
            link,
            join(number, 1, [1, 1, 1]),
            u8::from(!direct),
        );
        assert!(grants(&said, number), "{number}");
        bench.run(limits::JOIN_EVERY);
    }
    let denied = Control::Denied {
        session: SESSION,
        why: DenyReason::Full,
    };
    let said = asks(&mut bench, link, join(1_024, 1, [1, 1, 1]), 1);
    assert_eq!(said, [denied]);
    // Who is in may still ask again.
    bench.run(limits::JOIN_EVERY);
    let said = asks(&mut bench, link, join(1_023, 2, [1, 1, 1]), 1);
    assert!(grants(&said, 1_023));
}

#[test]
fn one_address_brings_64_new_devices_and_passes_on_256_and_then_one_every_two_seconds() {
    for (hops, burst) in [(0, limits::NEWCOMERS), (1, limits::NEWCOMERS_PASSED_ON)] {
        let mut bench = Bench::teacher();
        let mut link = bench.link_at(500, 1);
        let mut came = 0;
        for number in 1..=400 {
            if hops == 0 {
                link = bench.link_at(number, 1);
            }
            let said = asks(&mut bench, link, join(number, 1, [1, 1, 1]), hops);
            came += u32::from(grants(&said, number));
            bench.run(limits::JOIN_EVERY);
        }
        // In 40 s.
        assert_eq!(came, burst + 19);
        let other = bench.link(401);
        let said = asks(&mut bench, other, join(401, 1, [1, 1, 1]), 0);
        assert!(grants(&said, 401), "another address is held up");
    }
}

#[test]
fn a_member_knows_1024_others_at_most() {
    let (mut bench, link, _) = Bench::student();
    let told = |bench: &Bench| -> BTreeSet<DeviceId> {
        let told = bench.machine.told.iter();
        told.filter_map(|(_, event)| match event {
            Event::Member(view) => Some(view.device),
            _ => None,
        })
        .collect()
    };
    // The own device, which is number 1, is among them.
    for number in 2..=1_024 {
        bench.knows(link, vec![token(number)]);
    }
    assert_eq!(told(&bench).len(), 1_024);
    bench.knows(link, vec![token(1_025)]);
    assert_eq!(told(&bench).len(), 1_024);
    assert_eq!(bench.members(link).len(), 1_024);
}

fn address(number: usize) -> IpAddr {
    Ipv4Addr::new(10, 1, 2, u8::try_from(number).unwrap()).into()
}

fn contact(number: usize, sequence: u64, addresses: usize) -> Contact {
    Contact {
        session: SESSION,
        device: device(number),
        sequence,
        addresses: (0..addresses).map(address).collect(),
        port: 0,
        kind: LinkKind::Wired,
    }
}

/// How many addresses a machine says that a device has.
fn addresses(bench: &mut Bench, link: LinkId, number: usize) -> Option<usize> {
    let members = bench.members(link);
    let member = members.iter().find(|one| token_of(one) == device(number));
    let contact: Contact = member?.contact.as_ref()?.peek().unwrap();
    Some(contact.addresses.len())
}

#[test]
fn a_contact_with_16_addresses_is_kept_and_one_with_17_is_not() {
    assert_eq!(limits::ADDRESSES, 16);
    let (mut bench, link, _) = Bench::student();
    for (sequence, count, kept) in [(1, 17, None), (1, 16, Some(16)), (2, 17, Some(16))] {
        let contact = contact(2, sequence, count);
        let contact = Signed::seal(Domain::Contact, &contact, &Machine::key(2));
        let contact = Some(contact);
        bench.knows(
            link,
            vec![Member {
                contact,
                ..token(2)
            }],
        );
        assert_eq!(addresses(&mut bench, link, 2), kept, "{count}");
    }
}

#[test]
fn a_machine_with_17_addresses_tells_of_16() {
    for (count, told) in [(16, 16), (17, 16)] {
        let mut bench = Bench::idle();
        let interface = Interface {
            index: 1,
            name: "eth1".to_owned(),
            addresses: (0..count).map(|number| (address(number), 16)).collect(),
            kind: LinkKind::Wired,
        };
        bench.input(Input::Interfaces {
            interfaces: vec![interface],
            port: 1,
        });
        assert_eq!(bench.start("DBMS Lab"), Ok(()));
        let link = bench.link(1);
        asks(&mut bench, link, join(1, 1, [1, 1, 1]), 0);
        assert_eq!(addresses(&mut bench, link, 0), Some(told));
    }
}

/// A statement that is made as long as it may be, by a field that nobody knows.
fn padded(domain: Domain, body: &impl serde::Serialize, number: usize, length: usize) -> Signed {
    let mut body = serde_json::to_value(body).unwrap();
    body["later"] = Value::String(String::new());
    let missing = length - body.to_string().len();
    body["later"] = Value::String(text(missing));
    let signed = Signed::seal(domain, &body, &Machine::key(number));
    assert_eq!(signed.body.len(), length);
    signed
}

#[test]
fn what_others_have_signed_is_passed_on_in_frames_that_fit() {
    const LONGEST: usize = limits::STATEMENT_BODY;
    let (mut bench, link, mut teacher) = Bench::student();
    let other = bench.member(2);
    // The bench looks at the length of every frame.
    let padded_contact = |number, length| {
        let contact = contact(number, 1, 1);
        Some(padded(Domain::Contact, &contact, number, length))
    };
    for some in (2..66).collect::<Vec<_>>().chunks(8) {
        let member = |number: &usize| Member {
            contact: padded_contact(*number, LONGEST),
            ..token(*number)
        };
        bench.knows(link, some.iter().map(member).collect());
    }
    let one_more = padded_contact(66, LONGEST + 1);
    bench.knows(
        link,
        vec![Member {
            contact: one_more,
            ..token(66)
        }],
    );
    let members = bench.members(other);
    let reachable = |member: &&Member| member.contact.is_some();
    assert_eq!(members.len(), 66);
    // The own one is short.
    assert_eq!(members.iter().filter(reachable).count(), 65);

    let file = FileEntry {
        path: "a".to_owned(),
        size: 1,
    };
    let (set, _) = plan(SetId([3; 16]), 16 * 1024, &[file]).unwrap();
    let item = ItemBody {
        item: ItemId([3; 16]),
        version: Version(1),
        title: String::new(),
        content: ItemContent::Files { set },
    };
    let entry = teacher.entry(bench.wall(), EntryKind::Item, &item);
    bench.reads(link, vec![entry]);
    let status = |number: &usize| {
        let status = Status {
            session: SESSION,
            device: device(*number),
            item: ItemId([3; 16]),
            version: Version(1),
            sequence: 1,
            state: ReceiveState::Saved,
            bytes: 1,
        };
        padded(Domain::Status, &status, *number, LONGEST)
    };
    let mut passed_on = BTreeSet::new();
    let mut collect = |bench: &Bench| {
        for message in bench.said_on(link) {
            if let Control::Status { list, .. } = message {
                let device = |signed: &Signed| signed.peek::<Status>().unwrap().device;
                passed_on.extend(list.iter().map(device));
            }
        }
    };
    for some in (2..66).collect::<Vec<_>>().chunks(8) {
        let (session, list) = (SESSION, some.iter().map(status).collect());
        bench.hears(other, &Control::Status { session, list });
        collect(&bench);
    }
    bench.run(limits::STATUS_EVERY);
    collect(&bench);
    assert!((2..66).all(|number| passed_on.contains(&device(number))));
}

#[test]
fn a_request_is_passed_on_eight_times_and_no_further() {
    assert_eq!(limits::JOIN_HOPS, 8);
    let (mut bench, link, _) = Bench::student();
    let other = bench.link(2);
    for (hops, further) in [(7, vec![8]), (8, vec![]), (u8::MAX, vec![])] {
        asks(&mut bench, other, join(3, 1, [1, 1, 1]), hops);
        let sent = bench.said_on(link).into_iter();
        let sent = sent.filter_map(|message| match message {
            Control::Join { hops, .. } => Some(hops),
            _ => None,
        });
        assert_eq!(sent.collect::<Vec<u8>>(), further, "after {hops}");
    }
    let mut bench = Bench::teacher();
    let link = bench.link(1);
    assert!(asks(&mut bench, link, join(3, 1, [1, 1, 1]), 9).is_empty());
    let said = asks(&mut bench, link, join(3, 1, [1, 1, 1]), 8);
    assert!(grants(&said, 3));
}
