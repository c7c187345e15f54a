#![allow(clippy::unwrap_used)]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::*;
use crate::core::ids::{AuthorId, DeviceId, Epoch, Hash, ItemId, Seq, SessionId, SetId, Version};
use crate::core::names::SafePath;
use crate::core::signed::Domain;
use crate::core::time::UnixTime;
use crate::core::wire::statements::{
    Audience, Entry, EntryKind, FailReason, PageKind, ReceiveState, Status,
};
use crate::store::place::SavedCopy;
use crate::store::scan::SourceFile;

pub(super) const SESSION: SessionId = SessionId([1; 16]);
const AUTHOR: AuthorId = AuthorId([2; 32]);
const SET: SetId = SetId([3; 16]);

fn open(dir: &TempDir) -> Database {
    let opened = Database::open(&dir.path().join("handout.db")).unwrap();
    assert_eq!(opened.damaged, None);
    opened.database
}

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(super) fn entry(seq: u64, text: &str) -> Signed {
    let entry = Entry {
        session: SESSION,
        author: AUTHOR,
        epoch: Epoch(1),
        seq: Seq(seq),
        previous: None,
        audience: Audience::All,
        kind: EntryKind::Text,
        time: UnixTime(5),
        body: RawValue::from_string(format!("\"{text}\"")).unwrap(),
    };
    Signed::seal(Domain::Entry, &entry, &SigningKey::from_bytes(&[4; 32]))
}

pub(super) fn session() -> SessionRecord {
    SessionRecord {
        id: SESSION,
        title: "Lab 3".into(),
        teacher: "Asha".into(),
        role: Role::Student,
        epoch: Epoch(2),
        started: UnixTime(100),
        ended: None,
    }
}

#[test]
fn an_entry_is_kept_exactly_once_and_survives() {
    let dir = dir();
    let db = open(&dir);
    assert_eq!(db.keep_entry(&entry(2, "two")).unwrap(), Kept::New);
    assert_eq!(db.keep_entry(&entry(1, "one")).unwrap(), Kept::New);
    assert_eq!(db.keep_entry(&entry(2, "two")).unwrap(), Kept::Known);
    assert_eq!(db.keep_entry(&entry(2, "other")).unwrap(), Kept::Conflict);
    drop(db);
    let db = open(&dir);
    assert_eq!(
        db.entries(SESSION).unwrap(),
        [entry(1, "one"), entry(2, "two")]
    );
    assert_eq!(
        db.entries_after(SESSION, AUTHOR, Seq(1)).unwrap(),
        [entry(2, "two")]
    );
    assert_eq!(db.head(SESSION, AUTHOR).unwrap(), Seq(2));
    assert_eq!(db.head(SESSION, AuthorId([9; 32])).unwrap(), Seq(0));
    let not_an_entry = Signed {
        body: b"{}".to_vec(),
        signature: [0; 64],
    };
    assert!(matches!(
        db.keep_entry(&not_an_entry),
        Err(DatabaseError::NotAnEntry(_))
    ));
}

#[test]
fn a_session_keeps_its_highest_epoch_its_start_and_its_end() {
    let db = open(&dir());
    db.keep_session(&session()).unwrap();
    let later = SessionRecord {
        title: "Lab 3, again".into(),
        epoch: Epoch(1),
        started: UnixTime(500),
        ended: Some(UnixTime(600)),
        ..session()
    };
    db.keep_session(&later).unwrap();
    db.keep_session(&session()).unwrap();
    let expected = SessionRecord {
        ended: Some(UnixTime(600)),
        ..session()
    };
    assert_eq!(db.session(SESSION).unwrap(), Some(expected.clone()));
    assert_eq!(db.sessions().unwrap(), [expected]);
    assert_eq!(db.session(SessionId([9; 16])).unwrap(), None);
}

#[test]
fn attendance_keeps_the_first_and_the_last_time_and_statuses_the_last_word() {
    let db = open(&dir());
    let device = DeviceId([5; 32]);
    for (present, time) in [(true, 100), (false, 200), (true, 300), (false, 400)] {
        db.keep_attendance(SESSION, device, present, UnixTime(time))
            .unwrap();
    }
    let expected = Attended {
        device,
        joined: UnixTime(100),
        seen: UnixTime(400),
        present: false,
    };
    assert_eq!(db.attendance(SESSION).unwrap(), [expected]);
    assert_eq!(db.attendance(SessionId([9; 16])).unwrap(), []);
    db.keep_attendance(SESSION, device, true, UnixTime(500))
        .unwrap();
    db.all_left(SESSION, UnixTime(700)).unwrap();
    db.all_left(SESSION, UnixTime(900)).unwrap();
    let left = db.attendance(SESSION).unwrap()[0];
    assert_eq!((left.seen, left.present), (UnixTime(700), false));

    let status = |sequence, state| {
        let status = Status {
            session: SESSION,
            device,
            item: ItemId([6; 16]),
            version: Version(1),
            sequence,
            state,
            bytes: 7,
        };
        Signed::seal(Domain::Status, &status, &SigningKey::from_bytes(&[4; 32]))
    };
    let reason = FailReason::DiskFull;
    db.keep_status(&status(1, ReceiveState::Failed { reason }))
        .unwrap();
    let last = status(2, ReceiveState::Saved);
    db.keep_status(&last).unwrap();
    assert_eq!(db.statuses(SESSION).unwrap(), [last]);
    db.forget_session(SESSION).unwrap();
    assert_eq!(db.attendance(SESSION).unwrap(), []);
    assert_eq!(db.statuses(SESSION).unwrap(), []);
}

#[test]
fn members_pages_sets_sources_and_copies_are_read_back() {
    let db = open(&dir());
    let device = DeviceId([5; 32]);
    db.keep_token(SESSION, device, &entry(1, "old")).unwrap();
    db.keep_token(SESSION, device, &entry(1, "token")).unwrap();
    db.keep_contact(SESSION, device, &entry(1, "contact"))
        .unwrap();
    assert_eq!(db.tokens(SESSION).unwrap(), [(device, entry(1, "token"))]);
    assert_eq!(
        db.contacts(SESSION).unwrap(),
        [(device, entry(1, "contact"))]
    );

    let set = SetRecord {
        id: SET,
        session: SESSION,
        item: ItemId([6; 16]),
        version: Version(1),
        folder: "/home/a/Handout".into(),
    };
    db.keep_set(&set).unwrap();
    assert_eq!(db.set_record(SET).unwrap(), Some(set.clone()));
    assert_eq!(db.sets_of_item(SESSION, ItemId([6; 16])).unwrap(), [set]);

    for (kind, number) in [
        (PageKind::Final, 0),
        (PageKind::Hashes, 1),
        (PageKind::Hashes, 0),
    ] {
        db.keep_page(SET, kind, number, &entry(number.into(), "page"))
            .unwrap();
    }
    assert_eq!(db.pages(SET).unwrap().len(), 3);
    assert_eq!(
        db.page(SET, PageKind::Hashes, 1).unwrap(),
        Some(entry(1, "page"))
    );
    assert_eq!(db.page(SET, PageKind::Files, 0).unwrap(), None);

    let copy = SavedCopy {
        wire: "a".into(),
        path: "a (2)".into(),
        hash: Hash([7; 32]),
    };
    db.keep_saved(SET, std::slice::from_ref(&copy)).unwrap();
    assert_eq!(db.saved(SET).unwrap(), [copy]);

    let modified = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let file = SourceFile {
        path: SafePath::parse("lab/a").unwrap(),
        local: paths_of_any_bytes(),
        size: 1 << 40,
        modified: Some(UNIX_EPOCH + modified),
    };
    db.keep_sources(SET, std::slice::from_ref(&file)).unwrap();
    assert_eq!(db.sources(SET).unwrap(), [file]);

    db.keep_session(&session()).unwrap();
    db.keep_entry(&entry(1, "one")).unwrap();
    db.forget_session(SESSION).unwrap();
    assert!(db.pages(SET).unwrap().is_empty() && db.entries(SESSION).unwrap().is_empty());
    assert!(db.set_record(SET).unwrap().is_none() && db.sessions().unwrap().is_empty());
}

fn paths_of_any_bytes() -> PathBuf {
    crate::platform::paths::from_bytes(if cfg!(unix) {
        b"/x/\xff\n".to_vec()
    } else {
        vec![b'x']
    })
}

#[test]
fn settings_are_replaced() {
    let db = open(&dir());
    assert_eq!(db.get("trust").unwrap(), None);
    db.set("trust", b"one").unwrap();
    db.set("trust", b"two").unwrap();
    assert_eq!(db.get("trust").unwrap(), Some(b"two".to_vec()));
}

#[test]
fn a_damaged_database_is_moved_aside_each_time() {
    let dir = dir();
    let path = dir.path().join("handout.db");
    for damaged in ["handout.db.damaged", "handout.db.damaged-2"] {
        fs::write(&path, vec![b'x'; 5000]).unwrap();
        let opened = Database::open(&path).unwrap();
        assert_eq!(opened.damaged, Some(dir.path().join(damaged)));
        opened.database.keep_entry(&entry(1, "one")).unwrap();
        assert_eq!(
            fs::read(dir.path().join(damaged)).unwrap(),
            vec![b'x'; 5000]
        );
    }
}

#[test]
fn a_page_of_garbage_inside_is_damage_too() {
    let dir = dir();
    let path = dir.path().join("handout.db");
    let db = open(&dir);
    for seq in 1..200 {
        db.keep_entry(&entry(seq, &"x".repeat(500))).unwrap();
    }
    drop(db);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    assert!(Database::open(&path).unwrap().damaged.is_some());
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let dir = dir();
    let db = open(&dir);
    db.run(|db| db.pragma_update(None, "user_version", 99))
        .unwrap();
    drop(db);
    let error = Database::open(&dir.path().join("handout.db")).unwrap_err();
    assert!(matches!(error, DatabaseError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("newer Handout"));
}

#[test]
fn two_programs_share_one_database() {
    let dir = dir();
    let [one, two] = [open(&dir), open(&dir)];
    one.keep_entry(&entry(1, "one")).unwrap();
    assert_eq!(two.keep_entry(&entry(1, "one")).unwrap(), Kept::Known);
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = dir();
    let db = open(&dir);
    db.set("key", b"value").unwrap();
    for file in fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{file:?}"
        );
    }
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let error = Database::open(&dir().path().join("no/handout.db")).unwrap_err();
    assert!(error.to_string().contains("no/handout.db"), "{error}");
}
