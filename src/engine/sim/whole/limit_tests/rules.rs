//! Limits that one function holds, without a machine around it.

use std::net::{IpAddr, Ipv4Addr};

use x25519_dalek::StaticSecret;

use super::bench::text;
use crate::core::announce::{
    Acceptor, Announcement, Body, Datagram, Header, Heard, MAX_DATAGRAM, Refusal, relayed,
};
use crate::core::ids::{DeviceId, Epoch, FileIndex, SessionId, SetId};
use crate::core::layout::{MAX_CHUNKS, MAX_FILES};
use crate::core::manifest::{
    Accepted, ManifestError, ManifestReader, ManifestWriter, check_header, hash_pages, plan,
};
use crate::core::names::{MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, NameError};
use crate::core::pin::{BadPin, Pin};
use crate::core::rng::Rng;
use crate::core::sealed::{MAX_READERS, SealError, open, seal, sealing_key};
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now, UnixTime};
use crate::core::trust::testing::{TODAY, authority, certificate, grant, key, public};
use crate::core::trust::{
    self, MAX_GRANT_LIFE, MAX_NAME, TrustError, TrustStore, check_name, verify_authority,
};
use crate::core::wire::frame::{
    FrameError, FrameKind, MAX_CONTROL, MAX_GREETING, MAX_RECORD, RECORD_HEADER, decode_prefix,
    encode_prefix,
};
use crate::core::wire::statements::{Admission, Announce, Authority, FileEntry, SetHeader};
use crate::store::database::{Role, SessionRecord};

const INSTITUTION: u8 = 1;
const TEACHER: u8 = 2;
const SESSION: u8 = 3;
const CHUNK: u32 = 16 * 1024;

fn trust() -> TrustStore {
    let mut store = TrustStore::default();
    store
        .trust_institution(public(INSTITUTION), "GEHU")
        .unwrap();
    store
}

fn announcement(title: &str) -> Datagram {
    let announce = Announce {
        session: SessionId([SESSION; 16]),
        sequence: 1,
        title: title.to_owned(),
        port: 47_800,
        admission: Admission::Open,
        life: 10_000,
        time: TODAY,
    };
    Datagram {
        header: Header::own(47_800, DeviceId([9; 32]), 0),
        body: Body::Announcement(Announcement {
            authority: authority(INSTITUTION, TEACHER, SESSION, 1),
            announce: Signed::seal(Domain::Announce, &announce, &key(SESSION)),
        }),
    }
}

#[test]
fn a_datagram_of_1200_bytes_is_read_and_sent_and_one_of_1201_is_not() {
    assert_eq!(MAX_DATAGRAM, 1_200);
    let mut bytes = announcement("Lab 3").encode().unwrap();
    // What follows is of a later version.
    bytes.resize(1_200, 0);
    assert!(Datagram::decode(&bytes).is_ok());
    bytes.push(0);
    assert_eq!(Datagram::decode(&bytes), Err(Refusal::TooLong(1_201)));

    let room = 1_200 - announcement("").encode().unwrap().len();
    assert_eq!(announcement(&text(room)).encode().unwrap().len(), 1_200);
    assert_eq!(announcement(&text(room + 1)).encode(), None);
}

#[test]
fn an_announcement_is_passed_on_three_times() {
    let mut bytes = announcement("Lab 3").encode().unwrap();
    let own = Header::own(1, DeviceId([6; 32]), 0);
    for hop in 1..=3 {
        bytes = relayed(&bytes, own).unwrap();
        assert_eq!(Datagram::decode(&bytes).unwrap().header.hop, hop);
    }
    assert_eq!(relayed(&bytes, own), None);
    bytes[7] = 4;
    assert_eq!(Datagram::decode(&bytes), Err(Refusal::TooManyHops(4)));
}

#[test]
fn frames_are_read_up_to_their_limits_and_not_a_byte_further() {
    let limits = (MAX_CONTROL, MAX_GREETING, MAX_RECORD);
    assert_eq!(limits, (256 * 1024, 4 * 1024, 64 * 1024));
    let with_header = RECORD_HEADER + MAX_RECORD;
    for (kind, given, most) in [
        (FrameKind::Control, MAX_CONTROL, MAX_CONTROL),
        (FrameKind::Control, MAX_GREETING, MAX_GREETING),
        (FrameKind::Record, MAX_CONTROL, with_header),
        (FrameKind::Record, MAX_GREETING, with_header),
    ] {
        let read = |length| decode_prefix(encode_prefix(kind, length), given);
        assert_eq!(read(most), Ok((kind, most)));
        let (length, limit) = (most + 1, most);
        assert_eq!(read(length), Err(FrameError::TooLong { length, limit }));
    }
}

#[test]
fn an_announced_title_has_64_bytes_at_most() {
    let receive = |length| {
        let mut acceptor = Acceptor::new(DeviceId([77; 32]));
        let now = Now {
            moment: Moment(0),
            wall: TODAY,
        };
        let bytes = announcement(&text(length)).encode().unwrap();
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        acceptor.receive(now, from, &bytes, &trust())
    };
    assert!(matches!(receive(64), Ok(Heard::Announced(_))));
    let refused = Refusal::BadTitle(trust::NameError::TooLong(65));
    assert_eq!(receive(65).unwrap_err(), refused);
}

#[test]
fn certified_names_have_64_bytes_at_most() {
    assert_eq!(MAX_NAME, 64);
    assert_eq!(check_name(&text(64)), Ok(()));
    assert_eq!(check_name(&text(65)), Err(trust::NameError::TooLong(65)));
}

#[test]
fn headers_of_sets_keep_to_their_limits() {
    assert_eq!((MAX_FILES, MAX_CHUNKS), (20_000, 4_000_000));
    let file = |number| FileEntry {
        path: format!("{number}"),
        size: 0,
    };
    let files: Vec<_> = (0..20_000).map(file).collect();
    let (most, _) = plan(SetId([1; 16]), CHUNK, &files).unwrap();
    assert_eq!(check_header(&most), Ok(()));
    let more = SetHeader {
        files: 20_001,
        ..most
    };
    let refused = ManifestError::Header("it has more than 20,000 files");
    assert_eq!(check_header(&more), Err(refused));

    let chunks = |chunks: u32| SetHeader {
        id: SetId([1; 16]),
        files: 1,
        bytes: u64::from(chunks) * u64::from(CHUNK),
        chunk_size: CHUNK,
        chunks,
        file_pages: 1,
        hash_pages: hash_pages(chunks),
    };
    assert_eq!(check_header(&chunks(4_000_000)), Ok(()));
    let refused = ManifestError::Header("it has more than 4 million chunks");
    assert_eq!(check_header(&chunks(4_000_001)), Err(refused));
}

/// What a reader says of a list with one file of this path.
fn listed(path: &str) -> Result<Accepted, ManifestError> {
    let (session, files) = (
        SessionId([1; 16]),
        [FileEntry {
            path: path.to_owned(),
            size: 1,
        }],
    );
    let (header, _) = plan(SetId([1; 16]), CHUNK, &files)?;
    let pages = ManifestWriter::new(session, Epoch(1), header.clone()).files(&files);
    ManifestReader::new(session, header)?.accept(&pages[0])
}

#[test]
fn paths_in_a_manifest_keep_to_their_limits() {
    assert_eq!((MAX_DEPTH, MAX_NAME_BYTES), (16, 255));
    assert_eq!(MAX_PATH_BYTES, 1_024);
    let taken = Ok(Accepted::Files {
        first: FileIndex(0),
        count: 1,
    });
    let too_long = |bytes, limit| Err(NameError::TooLong { bytes, limit }.into());
    let long = vec![text(204); 5].join("/");
    for (most, more, refused) in [
        (text(255), text(256), too_long(256, 255)),
        (
            vec!["a"; 16].join("/"),
            vec!["a"; 17].join("/"),
            Err(NameError::TooDeep.into()),
        ),
        (long.clone(), format!("{long}x"), too_long(1_025, 1_024)),
    ] {
        assert_eq!(listed(&most), taken);
        assert_eq!(listed(&more), refused);
    }
}

#[test]
fn a_body_is_sealed_for_256_readers_and_opened_with_no_more() {
    assert_eq!(MAX_READERS, 256);
    let secrets = (0..=256_u32).map(|number| {
        let hash = blake3::hash(&number.to_be_bytes());
        StaticSecret::from(*hash.as_bytes())
    });
    let secrets: Vec<_> = secrets.collect();
    let readers: Vec<_> = secrets.iter().map(sealing_key).collect();
    let mut rng = Rng::from_number(1);
    let mut fill = |bytes: &mut [u8]| rng.fill(bytes);
    let refused = seal(b"help", &readers, b"here", &mut fill);
    assert_eq!(refused, Err(SealError::Readers(257)));
    let mut body = seal(b"help", &readers[..256], b"here", &mut fill).unwrap();
    assert_eq!(open(&body, &secrets[255], b"here").unwrap(), b"help");
    body.readers.push(body.readers[0].clone());
    let refused = open(&body, &secrets[255], b"here");
    assert_eq!(refused, Err(SealError::Readers(257)));
}

#[test]
fn a_pin_has_4_to_12_digits_and_6_where_it_is_made_up() {
    assert_eq!((Pin::LEAST, Pin::MOST, Pin::MADE), (4, 12, 6));
    for (digits, taken) in [(3, false), (4, true), (12, true), (13, false)] {
        let read = Pin::parse(&"7".repeat(digits));
        assert_eq!(read.is_ok(), taken, "{digits}");
        assert!(taken || read == Err(BadPin));
    }
    let made = Pin::random(&mut Rng::from_number(1));
    assert_eq!(made.digits().len(), 6);
}

#[test]
fn a_grant_of_24_hours_counts_and_one_of_a_second_more_does_not() {
    assert_eq!(MAX_GRANT_LIFE.as_secs(), 86_400);
    let of_life = |life| {
        let certificate = certificate(INSTITUTION, TEACHER);
        let certificate = Signed::seal(Domain::Certificate, &certificate, &key(INSTITUTION));
        let mut grant = grant(&certificate, SESSION, 1);
        grant.life = life;
        let grant = Signed::seal(Domain::Grant, &grant, &key(TEACHER));
        verify_authority(&Authority { certificate, grant }, &trust(), TODAY)
    };
    let verdict = of_life(86_400).unwrap();
    assert_eq!(verdict.trusted().unwrap().life, MAX_GRANT_LIFE);
    let refused = of_life(86_401);
    assert!(matches!(
        refused,
        Err(TrustError::Malformed { what: "grant", .. })
    ));
}

#[test]
fn a_session_goes_on_for_less_than_24_hours() {
    let record = SessionRecord {
        id: SessionId([1; 16]),
        title: String::new(),
        teacher: String::new(),
        role: Role::Teacher,
        epoch: Epoch(1),
        started: TODAY,
        ended: None,
    };
    let after = |seconds| record.can_go_on(UnixTime(TODAY.0 + seconds));
    assert!(after(86_399) && !after(86_400));
}
