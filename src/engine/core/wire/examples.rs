//! The examples of `docs/PROTOCOL.md` are exactly what this code writes, and it reads them.
//!
//! `HANDOUT_BLESS=1 cargo test -p handout-engine protocol` puts them into the document anew.
#![allow(clippy::unwrap_used)]

use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use x25519_dalek::StaticSecret;

use super::control::{Control, Greeting, Lane, Member};
use super::frame::{self, FrameKind, RecordHeader};
use super::ranges::Ranges;
use super::statements::{
    Admission, Announce, Audience, Authority, Certificate, Contact, Entry, EntryKind, FileEntry,
    Grant, ItemBody, ItemContent, LinkKind, Page, PageContent, ReceiveState, Right, SetHeader,
    Status, TextBody, Token,
};
use crate::core::announce::{Announcement, Body, Datagram, Header};
use crate::core::ids::{
    ChunkIndex, DeviceId, Epoch, Hash, ItemId, Nonce, PublicKey, SealingKey, Seq, SessionId, SetId,
    Version,
};
use crate::core::rng::Rng;
use crate::core::sealed;
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROTOCOL.md");
const SESSION: SessionId = SessionId([0x5e; 16]);
const ITEM: ItemId = ItemId([0x17; 16]);
const SET: SetId = SetId([0x5a; 16]);
const TIME: UnixTime = UnixTime(1_795_000_000);

/// One example: its name, what it is, and its text.
struct Example {
    name: &'static str,
    text: String,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn sealing(seed: u8) -> SealingKey {
    SealingKey(x25519_dalek::PublicKey::from(&StaticSecret::from([seed; 32])).to_bytes())
}

fn fence(kind: &str, lines: &[String]) -> String {
    format!("```{kind}\n{}\n```", lines.join("\n"))
}

fn hex(bytes: &[u8]) -> Vec<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let text: String = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    text.as_bytes()
        .chunks(96)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// A signed statement as its readable body; checks that it survives the wire.
fn statement<T>(name: &'static str, domain: Domain, body: &T, signer: u8) -> (Example, Signed)
where
    T: Serialize + DeserializeOwned,
{
    let signed = Signed::seal(domain, body, &key(signer));
    let json = serde_json::to_string(&signed).unwrap();
    let back: Signed = serde_json::from_str(&json).unwrap();
    back.open::<T>(domain, &public(signer)).unwrap();
    let body = String::from_utf8(signed.body.clone()).unwrap();
    (
        Example {
            name,
            text: fence("json", &[body]),
        },
        signed,
    )
}

/// A control message as JSON; checks that it survives the wire.
fn control(name: &'static str, message: &Control) -> Example {
    let json = serde_json::to_vec(message).unwrap();
    assert!(json.len() <= frame::MAX_CONTROL);
    assert_eq!(&Control::decode(&json).unwrap(), message);
    Example {
        name,
        text: fence("json", &[String::from_utf8(json).unwrap()]),
    }
}

/// The same in the short form.
fn short(name: &'static str, message: &Control) -> Example {
    let bytes = message.encode();
    assert!(super::short::is_short(&bytes));
    assert_eq!(&Control::decode(&bytes).unwrap(), message);
    Example {
        name,
        text: fence("hex", &hex(&bytes)),
    }
}

fn authority() -> (Vec<Example>, Authority) {
    let certificate = Certificate {
        institution: PublicKey(public(1)),
        institution_name: "GEHU".into(),
        teacher: PublicKey(public(2)),
        sealing: sealing(2),
        name: "Asha Rao".into(),
        serial: 7,
        not_before: UnixTime(1_790_000_000),
        not_after: UnixTime(1_821_536_000),
        rights: vec![Right::Session],
    };
    let (first, certificate) = statement("certificate", Domain::Certificate, &certificate, 1);
    let grant = Grant {
        session: SESSION,
        key: PublicKey(public(3)),
        certificate: certificate.hash(),
        epoch: Epoch(1),
        device: DeviceId(public(4)),
        made: TIME,
        life: 43_200,
    };
    let (second, grant) = statement("grant", Domain::Grant, &grant, 2);
    (vec![first, second], Authority { certificate, grant })
}

fn datagrams(authority: &Authority) -> Vec<Example> {
    let announce = Announce {
        session: SESSION,
        sequence: 1,
        title: "DBMS Lab".into(),
        port: 47_800,
        admission: Admission::Open,
        life: 15_000,
        time: TIME,
    };
    let announce = Signed::seal(Domain::Announce, &announce, &key(3));
    let announcement = Body::Announcement(Announcement {
        authority: authority.clone(),
        announce,
    });
    [
        ("announcement", 4, announcement),
        ("ask", 5, Body::Ask { session: None }),
    ]
    .into_iter()
    .map(|(name, sender, body)| {
        let header = Header::own(47_800, DeviceId(public(sender)), 0);
        let datagram = Datagram { header, body };
        let bytes = datagram.encode().unwrap();
        assert_eq!(Datagram::decode(&bytes).unwrap(), datagram);
        Example {
            name,
            text: fence("hex", &hex(&bytes)),
        }
    })
    .collect()
}

fn frames() -> Vec<Example> {
    let greeting = Greeting {
        major: super::MAJOR,
        minor: super::MINOR,
        features: super::FEATURES,
        lane: Lane::Control,
        port: 47_800,
        link: LinkKind::Wired,
    };
    let json = serde_json::to_string(&greeting).unwrap();
    assert_eq!(serde_json::from_str::<Greeting>(&json).unwrap(), greeting);
    let prefix = frame::encode_prefix(FrameKind::Control, json.len());
    let lines = [hex(&prefix), vec![json]].concat();
    let header = RecordHeader {
        session: SESSION,
        set: SET,
        chunk: ChunkIndex(5),
        offset: 65_536,
        owner: true,
    };
    assert_eq!(RecordHeader::decode(&header.encode()), header);
    let prefix = frame::encode_prefix(FrameKind::Record, header.encode().len() + 4);
    let record = [&prefix[..], &header.encode(), b"data"].concat();
    vec![
        Example {
            name: "greeting",
            text: fence("text", &lines),
        },
        Example {
            name: "record",
            text: fence("hex", &hex(&record)),
        },
    ]
}

fn membership(authority: &Authority) -> Vec<Example> {
    let token = Token {
        session: SESSION,
        epoch: Epoch(1),
        device: DeviceId(public(5)),
        name: "Ravi Kumar".into(),
        roll: "2261001".into(),
        machine: "lab3-pc17".into(),
        sealing: sealing(5),
        sequence: 4_503_599_627_370_495,
    };
    let (example, token) = statement("token", Domain::Token, &token, 3);
    let contact = Contact {
        session: SESSION,
        device: DeviceId(public(5)),
        sequence: 1_795_000_000,
        addresses: vec!["10.3.0.17".parse().unwrap(), "fe80::17".parse().unwrap()],
        port: 47_800,
        kind: LinkKind::Wired,
    };
    let contact = Signed::seal(Domain::Contact, &contact, &key(5));
    let enter = Control::Enter {
        session: SESSION,
        token: Some(token.clone()),
        authority: Some(authority.clone()),
        title: "DBMS Lab".into(),
        nonce: Nonce([9; 16]),
    };
    let members = vec![Member {
        token,
        contact: Some(contact),
    }];
    vec![
        example,
        control("enter", &enter),
        control(
            "members",
            &Control::Members {
                session: SESSION,
                members,
            },
        ),
    ]
}

fn feed() -> Vec<Example> {
    let set = SetHeader {
        id: SET,
        files: 2,
        bytes: 1_048_600,
        chunk_size: 16_384,
        chunks: 65,
        file_pages: 1,
        hash_pages: 5,
    };
    let (title, content) = ("Lab 3".into(), ItemContent::Files { set });
    let body = ItemBody {
        item: ITEM,
        version: Version(1),
        title,
        content,
    };
    let entry = Entry {
        session: SESSION,
        author: PublicKey(public(2)).into(),
        epoch: Epoch(1),
        seq: Seq(2),
        previous: Some(Hash::of(b"the first entry")),
        audience: Audience::All,
        kind: EntryKind::Item,
        time: TIME,
        body: to_raw_value(&body).unwrap(),
    };
    let context = sealed::entry_context(SESSION, DeviceId(public(5)).into(), Seq(1));
    let text = serde_json::to_vec(&TextBody {
        text: "I am stuck".into(),
    })
    .unwrap();
    let mut rng = Rng::from_number(1);
    let body = sealed::seal(&text, &[sealing(2)], &context, &mut |bytes| rng.fill(bytes)).unwrap();
    let opened = sealed::open(&body, &StaticSecret::from([2; 32]), &context).unwrap();
    assert_eq!(opened.as_slice(), text);
    let question = Entry {
        session: SESSION,
        author: DeviceId(public(5)).into(),
        epoch: Epoch(0),
        seq: Seq(1),
        previous: None,
        audience: Audience::Teacher,
        kind: EntryKind::Text,
        time: TIME,
        body: to_raw_value(&body).unwrap(),
    };
    vec![
        statement("entry", Domain::Entry, &entry, 3).0,
        statement("sealed", Domain::Entry, &question, 5).0,
    ]
}

fn swarm() -> Vec<Example> {
    let file = |path: &str, size| FileEntry {
        path: path.into(),
        size,
    };
    let page = Page {
        session: SESSION,
        epoch: Epoch(1),
        set: SET,
        number: 0,
        previous: None,
        content: PageContent::Files {
            files: vec![file("lab3/data.csv", 1_048_576), file("lab3/main.py", 24)],
        },
    };
    let have = Control::Have {
        session: SESSION,
        set: SET,
        chunks: Ranges(vec![(0, 3), (17, 17)]),
        owner: true,
        all: false,
    };
    let air = Control::Air {
        session: SESSION,
        set: SET,
        spare: true,
        begin: Some(ChunkIndex(12)),
    };
    let status = Status {
        session: SESSION,
        device: DeviceId(public(5)),
        item: ITEM,
        version: Version(1),
        sequence: 3,
        state: ReceiveState::Receiving,
        bytes: 524_288,
    };
    vec![
        statement("page", Domain::Page, &page, 3).0,
        control("have", &have),
        short("short", &have),
        control("air", &air),
        statement("status", Domain::Status, &status, 5).0,
    ]
}

/// The document with each example in its place; a marker without example, or an example without
/// marker, is an error.
fn with_examples(document: &str, examples: &[Example]) -> String {
    let mut lines = document.lines().peekable();
    let mut out: Vec<String> = Vec::new();
    let mut used = Vec::new();
    while let Some(line) = lines.next() {
        out.push(line.to_owned());
        let name = line
            .strip_prefix("<!-- example: ")
            .and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        let known = examples.iter().find(|example| example.name == name);
        let example = known.unwrap_or_else(|| panic!("the document wants an example of {name}"));
        if lines.peek().is_some_and(|next| next.starts_with("```")) {
            lines.next();
            for line in lines.by_ref() {
                if line == "```" {
                    break;
                }
            }
        }
        out.push(example.text.clone());
        used.push(name);
    }
    for example in examples {
        assert!(
            used.contains(&example.name),
            "the document lacks {}",
            example.name
        );
    }
    out.join("\n") + "\n"
}

#[test]
fn the_examples_of_the_protocol_document_are_what_this_code_writes_and_reads() {
    let (mut examples, authority) = authority();
    examples.extend(datagrams(&authority));
    examples.extend(frames());
    examples.extend(membership(&authority));
    examples.extend(feed());
    examples.extend(swarm());
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let wanted = with_examples(&document, &examples);
    if std::env::var_os("HANDOUT_BLESS").is_some() {
        std::fs::write(DOCUMENT, wanted).unwrap();
        return;
    }
    assert!(
        document == wanted,
        "docs/PROTOCOL.md is behind the code: see the top of this file"
    );
}
