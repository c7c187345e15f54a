#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::core::ids::{Epoch, SealingKey};
use crate::core::signed::Domain;
use crate::core::time::UnixTime;
use crate::core::trust::testing::{authority_of, certificate, key, public};
use crate::core::trust::{MAX_CERTIFICATE, MAX_GRANT, check_name};
use crate::core::wire::statements::{Admission, Announce, Certificate, Grant};

/// The last second of the year 9999.
const LATEST: UnixTime = UnixTime(253_402_300_799);

fn header() -> Header {
    Header {
        minor: 7,
        hop: 2,
        port: 47_800,
        sender: DeviceId([5; 32]),
        features: 0x0102_0304,
    }
}

/// An announcement of which nothing could be longer: every name has its 64 bytes (quotation marks,
/// which JSON doubles, count twice), and every number has as many digits as it may.
fn longest() -> (Announcement, String) {
    let name = "\"".repeat(32);
    check_name(&name).unwrap();
    let certificate = Certificate {
        institution_name: name.clone(),
        name: name.clone(),
        sealing: SealingKey([255; 32]),
        serial: u64::MAX,
        not_before: LATEST,
        not_after: LATEST,
        ..certificate(1, 2)
    };
    let certificate = Signed::seal(Domain::Certificate, &certificate, &key(1));
    let grant = Grant {
        session: SessionId([255; 16]),
        key: public(3),
        certificate: certificate.hash(),
        epoch: Epoch(u32::MAX),
        device: DeviceId([255; 32]),
        made: LATEST,
        life: 86_400,
    };
    let announce = Announce {
        session: SessionId([255; 16]),
        sequence: u64::MAX,
        title: name.clone(),
        port: u16::MAX,
        admission: Admission::Unknown,
        life: 60_000,
        time: LATEST,
    };
    let grant = Signed::seal(Domain::Grant, &grant, &key(2));
    let announce = Signed::seal(Domain::Announce, &announce, &key(3));
    (
        Announcement {
            authority: Authority { certificate, grant },
            announce,
        },
        name,
    )
}

#[test]
fn the_longest_announcement_fits_a_datagram_and_each_part_its_limit() {
    let (announcement, _) = longest();
    assert!(announcement.authority.certificate.body.len() <= MAX_CERTIFICATE);
    assert!(announcement.authority.grant.body.len() <= MAX_GRANT);
    let datagram = Datagram {
        header: header(),
        body: Body::Announcement(announcement),
    };
    let bytes = datagram.encode().unwrap();
    // Room for fields of later minor versions: 185 bytes.
    assert_eq!(bytes.len(), 1_015);
    assert_eq!(Datagram::decode(&bytes).unwrap(), datagram);
}

#[test]
fn signatures_hold_after_the_journey() {
    let (announcement, name) = longest();
    let datagram = Datagram {
        header: header(),
        body: Body::Announcement(announcement),
    };
    let Body::Announcement(read) = Datagram::decode(&datagram.encode().unwrap()).unwrap().body
    else {
        panic!("not an announcement")
    };
    let announce: Announce = read
        .announce
        .open(Domain::Announce, public(3).as_bytes())
        .unwrap();
    assert_eq!(announce.title, name);
}

#[test]
fn an_ask_is_small_and_is_read_back() {
    for session in [None, Some(SessionId([7; 16]))] {
        let datagram = Datagram {
            header: header(),
            body: Body::Ask { session },
        };
        let bytes = datagram.encode().unwrap();
        assert!(bytes.len() < 100);
        assert_eq!(Datagram::decode(&bytes).unwrap(), datagram);
    }
}

#[test]
fn the_header_stands_where_the_protocol_says() {
    let datagram = Datagram {
        header: header(),
        body: Body::Ask { session: None },
    };
    let bytes = datagram.encode().unwrap();
    assert_eq!(&bytes[..10], b"HDO1\x01\x07\x02\x02\xba\xb8");
    assert_eq!(&bytes[10..42], [5; 32]);
    assert_eq!(&bytes[42..], b"\x01\x02\x03\x04{}");
}

#[test]
fn other_versions_foreign_bytes_and_unknown_kinds_are_told_apart() {
    let mut bytes = Datagram {
        header: header(),
        body: Body::Ask { session: None },
    }
    .encode()
    .unwrap();
    assert_eq!(Datagram::decode(b"GET / HTTP/1.1"), Err(Refusal::Foreign));
    assert_eq!(Datagram::decode(b""), Err(Refusal::Foreign));
    bytes[6] = 77;
    assert_eq!(Datagram::decode(&bytes), Err(Refusal::UnknownKind(77)));
    bytes[7] = 4;
    assert_eq!(Datagram::decode(&bytes), Err(Refusal::TooManyHops(4)));
    bytes[4] = 9;
    assert_eq!(
        Datagram::decode(&bytes),
        Err(Refusal::OtherVersion { theirs: 9 })
    );
}

#[test]
fn what_is_cut_off_anywhere_is_refused_and_what_is_longer_too() {
    let (announcement, _) = longest();
    let bytes = Datagram {
        header: header(),
        body: Body::Announcement(announcement),
    }
    .encode()
    .unwrap();
    for length in 0..bytes.len() {
        assert!(Datagram::decode(&bytes[..length]).is_err(), "{length}");
    }
    let mut long = bytes;
    long.resize(MAX_DATAGRAM + 1, 0);
    assert_eq!(
        Datagram::decode(&long),
        Err(Refusal::TooLong(MAX_DATAGRAM + 1))
    );
}

#[test]
fn relaying_changes_the_header_and_nothing_else() {
    let (announcement, _) = longest();
    let mut bytes = Datagram {
        header: header(),
        body: Body::Announcement(announcement),
    }
    .encode()
    .unwrap();
    bytes.truncate(MAX_DATAGRAM - 4);
    bytes.extend_from_slice(b"more");
    let own = Header::own(1_234, DeviceId([6; 32]), 0);
    let passed = relayed(&bytes, own).unwrap();
    assert_eq!(passed[46..], bytes[46..]);
    let header = Datagram::decode(&passed).unwrap().header;
    assert_eq!((header.hop, header.port, header.minor), (3, 1_234, 7));
    assert_eq!(header.sender, DeviceId([6; 32]));
    assert_eq!(relayed(&passed, own), None);
}

#[test]
fn a_title_that_is_far_too_long_is_not_sent() {
    let (mut announcement, _) = longest();
    announcement.announce.body.resize(MAX_DATAGRAM, b' ');
    let datagram = Datagram {
        header: header(),
        body: Body::Announcement(announcement),
    };
    assert_eq!(datagram.encode(), None);
}

proptest! {
    #[test]
    fn any_statements_come_back_as_they_were_signed(
        name in "\\PC{1,16}", title in "\\PC{0,16}", seed in 1u8..200, sequence: u64,
    ) {
        let certificate = Certificate { name, ..certificate(seed, seed) };
        let announce = Announce {
            session: SessionId([seed; 16]),
            sequence,
            title,
            port: 1,
            admission: Admission::Open,
            life: 1,
            time: UnixTime(sequence),
        };
        let announcement = Announcement {
            authority: authority_of(&certificate, seed, seed, seed, 1),
            announce: Signed::seal(Domain::Announce, &announce, &key(seed)),
        };
        let datagram = Datagram { header: header(), body: Body::Announcement(announcement) };
        prop_assert_eq!(Datagram::decode(&datagram.encode().unwrap()).unwrap(), datagram);
    }

    #[test]
    fn no_bytes_make_the_reader_fail(mut bytes: Vec<u8>) {
        let _ = Datagram::decode(&bytes);
        bytes.splice(0..0, *b"HDO1\x01\x00\x01\x00");
        let _ = Datagram::decode(&bytes);
        let _ = relayed(&bytes, Header::own(1, DeviceId([1; 32]), 0));
    }
}
