//! What a hostile teacher shares and writes.
//!
//! Sets are titled by what an honest student makes of them: `refused …`, `taken …`, or `waiting …` where what is missing never
//! comes.

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use handout_engine::core::announce::{Body, Datagram, Header};
use handout_engine::core::ids::{
    AuthorId, Epoch, Hash, ItemId, Nonce, PublicKey, SealingKey, Seq, SetId,
};
use handout_engine::core::layout::MIN_CHUNK_SIZE;
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::time::UnixTime;
use handout_engine::core::wire::control::{Control, Member};
use handout_engine::core::wire::statements::{
    Audience, Entry, EntryKind, FileEntry, Join, PageContent, Revocation,
};
use serde_json::json;
use serde_json::value::RawValue;

use crate::datagrams::{PORT, announcement, device, random};
use crate::sets::Given;
use crate::teacher::{Teacher, now};
use crate::{Failure, Words};

/// From so many sets on that a student is ready for, it gets their chunks unasked.
pub const PUSHED: usize = 100;
/// So many sets are shared at once: more than are received at a time.
const MANY: usize = 300;
/// The most a set may claim.
const MOST: u64 = 4_000_000 << 20;

/// A change of a set that makes a lie of it.
type Lie = fn(&mut Given);

/// Writes what the attack is made of, and an honest file.
pub fn begin(attack: &str, words: &Words, teacher: &mut Teacher) -> Result<(), Failure> {
    match attack {
        "names" => names(words, teacher)?,
        "manifests" => manifests(teacher)?,
        "disk" => claims(teacher)?,
        _ => entries(teacher)?,
    }
    let path: PathBuf = words.get("honest")?;
    let title = path.file_name().unwrap_or_default().to_string_lossy();
    let honest = Given::new(
        teacher.session,
        vec![(title.to_string(), std::fs::read(&path)?)],
    )?;
    teacher.share(&title, honest);
    let all = teacher.log.clone();
    teacher.send_entries(None, &all);
    Ok(())
}

/// What every file has: its end shows that it is whole.
fn content(path: &str) -> Vec<u8> {
    format!("whole\n{path:?}\nend\n").into_bytes()
}

fn named(teacher: &Teacher, paths: &[String]) -> Result<Given, Failure> {
    let files = paths.iter().map(|path| (path.clone(), content(path)));
    Given::new(teacher.session, files.collect())
}

/// Names that leave the folder or mislead, one a set; and some that only look like it.
fn names(words: &Words, teacher: &mut Teacher) -> Result<(), Failure> {
    let outside: String = words.get("outside")?;
    let bad = [
        "../escaped.txt".to_owned(),
        "a/../../escaped.txt".to_owned(),
        "../../../../../../../../../../escaped.txt".to_owned(),
        format!("{outside}/escaped.txt"),
        "/etc/escaped.txt".to_owned(),
        "C:\\escaped.txt".to_owned(),
        "..\\escaped.txt".to_owned(),
        "a\\..\\..\\escaped.txt".to_owned(),
        "nul\0escaped.txt".to_owned(),
        "bidi\u{202e}txt.exe".to_owned(),
        "hidden\u{200b}.txt".to_owned(),
        "escape\u{1b}[2J.txt".to_owned(),
        "con.txt".to_owned(),
        "a/COM\u{b9}".to_owned(),
        "stream.txt:escaped".to_owned(),
        ".handout/journal".to_owned(),
        ".HANDOUT/escaped.txt".to_owned(),
        "a/.handout/escaped.txt".to_owned(),
        "a//escaped.txt".to_owned(),
        "./escaped.txt".to_owned(),
        String::new(),
        "ends.".to_owned(),
        "ends ".to_owned(),
        "b".repeat(256),
        format!("{}deep.txt", "d/".repeat(16)),
        format!("{0}/{0}/{0}/{0}/{0}", "l".repeat(230)),
    ];
    for (number, path) in bad.into_iter().enumerate() {
        let given = named(teacher, &[path])?;
        teacher.share(&format!("refused {number}"), given);
    }
    let good = [
        vec![
            "Case.txt".to_owned(),
            "case.txt".to_owned(),
            "CASE.TXT".to_owned(),
        ],
        vec!["both".to_owned(), "both/file.txt".to_owned()],
        vec!["n\u{e9}.txt".to_owned(), "ne\u{301}.txt".to_owned()],
        vec!["g".repeat(255)],
        vec![format!("{}deep.txt", "e/".repeat(15))],
        vec!["~/.bashrc".to_owned(), "-rf".to_owned(), "$(id)".to_owned()],
    ];
    for (number, paths) in good.into_iter().enumerate() {
        let given = named(teacher, &paths)?;
        teacher.share(&format!("taken {number}"), given);
    }
    // Long names that become one and the same where they are made shorter, to get a number.
    let alike = (0..12_000_u32).map(|number| FileEntry {
        path: format!("{}{:05}", "s".repeat(250), number / 2),
        size: 0,
    });
    let mut alike = Given::claimed(teacher.session, MIN_CHUNK_SIZE, &alike.collect::<Vec<_>>())?;
    alike.hash(&[], Hash([1; 32]))?;
    teacher.share("refused alike", alike);
    Ok(())
}

/// The lies about one set, each refused.
const LIES: [(&str, Lie); 17] = [
    ("many files", |set| set.header.files = u32::MAX),
    ("no files", |set| set.header.files = 0),
    ("many chunks", |set| set.header.chunks = u32::MAX),
    ("few chunks", |set| set.header.chunks -= 3),
    ("many bytes", |set| set.header.bytes = u64::MAX),
    ("many of all", |set| {
        (set.header.files, set.header.chunks, set.header.bytes) = (u32::MAX, u32::MAX, u64::MAX);
        (set.header.file_pages, set.header.hash_pages) = (u32::MAX, u32::MAX);
    }),
    ("hash pages", |set| set.header.hash_pages = u32::MAX),
    ("list pages", |set| set.header.file_pages = u32::MAX),
    ("no chunk size", |set| set.header.chunk_size = 0),
    ("chunk size", |set| set.header.chunk_size = 1 << 31),
    ("one chunk more", |set| {
        set.header.chunks += 1;
    }),
    ("fewer bytes in the list", |set| {
        list(set, |files| files[0].size -= 1);
    }),
    ("more bytes than there are", |set| {
        list(set, |files| {
            for file in files {
                file.size = u64::MAX;
            }
        });
    }),
    ("an empty list", |set| list(set, Vec::clear)),
    ("a longer list", |set| {
        list(set, |files| files.push(files[0].clone()));
    }),
    ("crooked hashes", |set| {
        if let PageContent::Hashes { hashes } = &mut set.pages[1][0].content {
            hashes.push(0);
        }
    }),
    ("another chain", |set| {
        set.pages[1][1].previous = Some(Hash([0; 32]));
    }),
];

/// Changes the list of files.
fn list(set: &mut Given, change: impl Fn(&mut Vec<FileEntry>)) {
    if let PageContent::Files { files } = &mut set.pages[0][0].content {
        change(files);
    }
}

fn manifests(teacher: &mut Teacher) -> Result<(), Failure> {
    let session = teacher.session;
    let model = Given::new(
        session,
        vec![
            (
                "large.bin".to_owned(),
                vec![0x55; 20 * MIN_CHUNK_SIZE as usize],
            ),
            ("small.txt".to_owned(), content("small.txt")),
        ],
    )?;
    for (what, lie) in LIES {
        let mut set = model.again()?;
        lie(&mut set);
        teacher.share(&format!("refused {what}"), set);
    }
    let mut set = model.again()?;
    set.pages[2][0].content = PageContent::Final {
        root: Hash([0; 32]),
    };
    teacher.share("refused final hash", set);
    // Pages under numbers that there are not, and pages that are said to be there without end.
    let mut set = model.again()?;
    for page in set.pages.iter_mut().flatten() {
        page.number = u32::MAX;
    }
    teacher.share("waiting for its pages", set);
    let mut set = model.again()?;
    set.offer = [u32::MAX, u32::MAX, 1];
    teacher.share("taken with pages without end", set);
    // As large as a set may be, with hashes that do not end and a list that does not come.
    let claim = FileEntry {
        path: "endless.bin".to_owned(),
        size: MOST,
    };
    let mut set = Given::claimed(session, 1 << 20, &[claim])?;
    set.endless = true;
    set.offer[0] = 0;
    teacher.share("waiting for its list", set);
    // The header of a set that is there already, changed: under another item, and as its next version.
    let set = model.again()?;
    let mut changed = set.header.clone();
    (changed.bytes, changed.chunks) = (changed.bytes + 1, changed.chunks + 1);
    teacher.share("taken before it changed", set);
    let item = ItemId(random());
    let body = json!({ "i": item, "v": u32::MAX, "n": "changed", "c": "files", "set": changed });
    teacher.write(EntryKind::Replace, &body);
    Ok(())
}

/// Claims to more than any disk has.
fn claims(teacher: &mut Teacher) -> Result<(), Failure> {
    for number in 0..20 {
        let claim = FileEntry {
            path: "huge.bin".to_owned(),
            size: MOST,
        };
        let mut set = Given::claimed(teacher.session, 1 << 20, &[claim])?;
        set.endless = true;
        teacher.share(&format!("refused {number}"), set);
    }
    Ok(())
}

/// Many sets, each of which fits.
pub fn many(teacher: &mut Teacher) -> Result<(), Failure> {
    let bytes = vec![0x55; 128 * MIN_CHUNK_SIZE as usize];
    let model = Given::new(teacher.session, vec![("part.bin".to_owned(), bytes)])?;
    for number in 0..MANY {
        let mut set = model.again()?;
        set.pushed = true;
        teacher.share(&format!("many {number}"), set);
    }
    Ok(())
}

/// Entries that contradict each other, are too large, out of order, dated wrong; and names that mislead.
fn entries(teacher: &mut Teacher) -> Result<(), Failure> {
    let session = teacher.session;
    let text = |text: &str| RawValue::from_string(json!({ "t": text }).to_string());
    let nested = "[".repeat(40_000) + &"]".repeat(40_000);
    let nested = |key: &str| RawValue::from_string(format!("{{\"{key}\":{nested}}}"));
    for kind in [
        EntryKind::Text,
        EntryKind::Policy,
        EntryKind::Other("deep".to_owned()),
    ] {
        let entry = teacher.entry(teacher.next(), now(), kind, nested("t")?);
        teacher.log.push(entry);
    }
    let entry = teacher.entry(teacher.next(), now(), EntryKind::Item, nested("i")?);
    teacher.log.push(entry);
    let long = json!({ "i": ItemId(random()), "v": 1, "n": "t".repeat(64 << 10), "c": "announcement", "text": "long" });
    teacher.write(EntryKind::Item, &long);
    teacher.write(EntryKind::Text, &json!({ "t": "x".repeat(17 << 10) }));
    teacher.write(EntryKind::Policy, &json!({ "t": "all", "u": 0 }));
    let own = Revocation {
        institution: PublicKey(teacher.author.0),
        number: u64::MAX,
        made: UnixTime(u64::MAX),
        serials: vec![u64::MAX; 4_096],
    };
    let own = Signed::seal(Domain::Revocation, &own, &teacher.key);
    teacher.write(EntryKind::Revoke, &serde_json::to_value(&own)?);
    // Dated at the end of time, by the teacher, by ticks and by a student that is none.
    let entry = teacher.entry(
        teacher.next(),
        UnixTime(u64::MAX),
        EntryKind::Text,
        text("late")?,
    );
    teacher.log.push(entry);
    teacher.time = Some(UnixTime(u64::MAX));
    let (member, message) = invented(teacher, &text("forged")?);
    teacher.repeated.push(Control::Members {
        session,
        members: vec![member],
    });
    teacher.repeated.push(Control::Entries {
        session,
        entries: message,
    });
    // Two with one number, and numbers far ahead.
    let (one, other) = (text("one word")?, text("another word")?);
    let second = teacher.entry(teacher.next(), now(), EntryKind::Text, other);
    let first = teacher.entry(teacher.next(), now(), EntryKind::Text, one);
    teacher.log.push(first);
    let ahead = [0, 1_000_000_000, u64::MAX - 1, u64::MAX].map(Seq);
    let ahead =
        ahead.map(|seq| text("ahead").map(|body| teacher.entry(seq, now(), EntryKind::Text, body)));
    let mut wrong = vec![second];
    for entry in ahead {
        wrong.push(entry?);
    }
    teacher.repeated.push(Control::Entries {
        session,
        entries: wrong,
    });
    misleading(teacher)?;
    for number in 0..10_000 {
        teacher.write(EntryKind::Text, &json!({ "t": format!("flood {number}") }));
    }
    Ok(())
}

/// A student whom the teacher has made up, and what it says at the end of time and at its beginning.
fn invented(teacher: &Teacher, body: &RawValue) -> (Member, Vec<Signed>) {
    let key = SigningKey::from_bytes(&random());
    let join = Join {
        session: teacher.session,
        device: device(&key),
        name: "Nobody".to_owned(),
        roll: String::new(),
        machine: "none".to_owned(),
        sealing: SealingKey(random()),
        sequence: u64::MAX,
        pin: None,
    };
    let said = [(u64::MAX, 1), (0, u64::MAX), (u64::MAX - 59, 1)].map(|(time, seq)| {
        let entry = Entry {
            session: teacher.session,
            author: AuthorId::from(join.device),
            epoch: Epoch(0),
            seq: Seq(seq),
            previous: None,
            audience: Audience::All,
            kind: EntryKind::Text,
            time: UnixTime(time),
            body: body.to_owned(),
        };
        Signed::seal(Domain::Entry, &entry, &key)
    });
    let member = Member {
        token: teacher.token(&join),
        contact: None,
    };
    (member, said.to_vec())
}

/// Sessions whose titles and teachers' names write over the screen or turn it round.
fn misleading(teacher: &mut Teacher) -> Result<(), Failure> {
    const BAD: [&str; 3] = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "Lab\u{202e}live",
        "two\nlines",
    ];
    for bad in BAD {
        for (name, title) in [("Dr. Nobody", bad), (bad, "Lab")] {
            let (own, key) = (
                SigningKey::from_bytes(&random()),
                SigningKey::from_bytes(&random()),
            );
            let itself = PublicKey(own.verifying_key().to_bytes());
            let announcement = announcement(&own, &key, Some(itself), name, title)?;
            let header = Header::own(PORT, device(&teacher.key), 0);
            let session = announcement
                .authority
                .grant
                .peek::<handout_engine::core::wire::statements::Grant>()?
                .session;
            teacher.repeated.push(Control::Enter {
                session,
                token: None,
                authority: Some(announcement.authority.clone()),
                title: title.to_owned(),
                nonce: Nonce(random()),
            });
            let body = Body::Announcement(announcement);
            teacher.others.extend(Datagram { header, body }.encode());
        }
    }
    // A set that nobody has offered an item for.
    let (files, hashes, last) = (u32::MAX, u32::MAX, true);
    let (session, set) = (teacher.session, SetId(random()));
    teacher.repeated.push(Control::PagesHere {
        session,
        set,
        files,
        hashes,
        last,
    });
    Ok(())
}
