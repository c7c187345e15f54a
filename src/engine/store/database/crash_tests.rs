//! Programs that are killed, and machines that are switched off, in the middle of a write.
//!
//! A list of doings is done one after the other. Whatever happens, the database is afterwards as it was after one of them, and not
//! before the last one that was reported to be done. `HANDOUT_KILLS`, `HANDOUT_POWER_CUTS` and `HANDOUT_SEED` try more.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ed25519_dalek::SigningKey;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::tests::{SESSION, entry, session};
use super::*;
use crate::core::ids::{DeviceId, Epoch, Hash, ItemId, SessionId, SetId, Version};
use crate::core::pin::Pin;
use crate::core::rng::Rng;
use crate::core::signed::Domain;
use crate::core::time::UnixTime;
use crate::core::wire::statements::{PageKind, ReceiveState, Status};
use crate::store::place::SavedCopy;

/// Tells a run of this program which database to write to, and from which doing on.
const WRITER: &str = "HANDOUT_TEST_WRITER";
/// Written at once, in bytes.
const SECTOR: usize = 512;
/// Taken into the database from so many pages of its log on, so that this happens often.
const LOG_PAGES: u32 = 12;

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().unwrap())
}

/// In memory where there is such a folder.
fn dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Does one thing to the database that is there whole afterwards, or not at all.
fn do_one(db: &Database, n: u64) {
    let device = DeviceId([u8::try_from(n % 5).unwrap(); 32]);
    let set = SetId([u8::try_from(n % 7).unwrap(); 16]);
    let other = SessionId([7; 16]);
    match n % 10 {
        // Of very different lengths, so that some take several pages.
        0 | 8 => {
            let text = "x".repeat(usize::try_from(n * n * 7 % 9_000).unwrap());
            assert_eq!(db.keep_entry(&entry(n + 1, &text)).unwrap(), Kept::New);
        }
        1 => {
            let ended = (n % 20 == 11).then_some(UnixTime(n));
            let epoch = Epoch(u32::try_from(n).unwrap());
            let id = if n % 20 == 1 { SESSION } else { other };
            db.keep_session(&SessionRecord {
                id,
                epoch,
                ended,
                ..session()
            })
            .unwrap();
        }
        2 => db.keep_token(other, device, &entry(n, "token")).unwrap(),
        3 | 4 | 7 => {
            let copy = |number| SavedCopy {
                wire: format!("lab/{number}.txt"),
                path: format!("lab/{number} ({n}).txt"),
                hash: Hash::of(&n.to_le_bytes()),
            };
            let copies: Vec<_> = (0..60).map(copy).collect();
            db.keep_saved(set, &copies).unwrap();
        }
        5 => {
            let pin = Pin::parse(&format!("{:06}", 314_159 + n)).unwrap();
            db.keep_pin(SESSION, (n % 20 == 5).then_some(&pin)).unwrap();
        }
        6 => {
            let item = ItemId([6; 16]);
            let record = SetRecord {
                id: set,
                session: other,
                item,
                version: Version(1),
                folder: "/home/a/Handout".into(),
            };
            db.keep_set(&record).unwrap();
        }
        9 if n % 20 == 9 => {
            let status = Status {
                session: other,
                device,
                item: ItemId([6; 16]),
                version: Version(1),
                sequence: n,
                state: ReceiveState::Saved,
                bytes: n,
            };
            let key = SigningKey::from_bytes(&[4; 32]);
            db.keep_status(&Signed::seal(Domain::Status, &status, &key))
                .unwrap();
        }
        // What is of the other session goes, out of every table.
        9 if n % 60 == 39 => db.forget_session(other).unwrap(),
        _ => {
            let page = entry(n, &"p".repeat(6_000));
            db.keep_page(set, PageKind::Hashes, u32::try_from(n).unwrap(), &page)
                .unwrap();
        }
    }
}

/// Everything that is in it.
fn contents(db: &Database) -> Hash {
    let read = |db: &mut Connection| {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let tables: Vec<String> = db
            .prepare(sql)?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut all = BTreeSet::new();
        for table in tables {
            let mut statement = db.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let mut line = table.clone();
                for column in 0..columns {
                    match row.get(column)? {
                        Value::Blob(bytes) => write!(line, " {}", Hash::of(&bytes)).unwrap(),
                        value => write!(line, " {value:?}").unwrap(),
                    }
                }
                all.insert(line);
            }
        }
        Ok(Vec::from_iter(all).join("\n"))
    };
    Hash::of(db.run(read).unwrap().as_bytes())
}

/// What is in it before each of so many doings, and after the last.
fn expected(doings: u64) -> Vec<Hash> {
    let dir = dir();
    let db = Database::open(&dir.path().join("handout.db"))
        .unwrap()
        .database;
    db.run(|db| db.pragma_update(None, "synchronous", "OFF"))
        .unwrap();
    let mut all = vec![contents(&db)];
    for n in 0..doings {
        do_one(&db, n);
        all.push(contents(&db));
    }
    all
}

/// A database as it is used, and how many doings it has: one of `between`.
#[track_caller]
fn open_and_count(path: &Path, expected: &[Hash], between: [u64; 2]) -> (Database, u64) {
    let opened = Database::open(path).unwrap();
    assert_eq!(
        opened.damaged, None,
        "nothing that was written in order is damage"
    );
    let db = opened.database;
    let pragma =
        |name| db.run(|db| db.pragma_query_value(None, name, |row| row.get::<_, Value>(0)));
    assert_eq!(pragma("synchronous").unwrap(), Value::Integer(2), "FULL");
    assert_eq!(pragma("journal_mode").unwrap(), Value::Text("wal".into()));
    assert_eq!(pragma("integrity_check").unwrap(), Value::Text("ok".into()));
    let found = contents(&db);
    let at = |n: &u64| expected[usize::try_from(*n).unwrap()] == found;
    let [least, most] = between;
    let count = (least..=most).find(at);
    (
        db,
        count.unwrap_or_else(|| panic!("not as after {least} to {most} doings")),
    )
}

fn often_taken_in(db: &Database) {
    db.run(|db| db.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(())))
        .unwrap();
}

/// Writes to a database and reports each doing, until it is killed.
fn write_and_report(writer: &str) {
    let (first, path) = writer.split_once(' ').unwrap();
    let db = Database::open(Path::new(path)).unwrap().database;
    often_taken_in(&db);
    for n in first.parse().unwrap().. {
        do_one(&db, n);
        println!("\ndone {n}");
    }
}

#[test]
fn a_program_that_is_killed_again_and_again_keeps_what_it_reported() {
    if let Ok(writer) = std::env::var(WRITER) {
        return write_and_report(&writer);
    }
    let name = "a_program_that_is_killed_again_and_again_keeps_what_it_reported";
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut rng = Rng::from_number(number("HANDOUT_SEED", 1));
    let kills = number("HANDOUT_KILLS", 12);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("handout.db");
    let mut there = 0;
    let mut wanted = expected(64);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&format!("{module}::{name}"), "--exact", "--nocapture"])
            .env(WRITER, format!("{there} {}", path.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + rng.below(24);
        let mut reported = there;
        for line in lines.map_while(Result::ok) {
            let Some(n) = line.strip_prefix("done ") else {
                continue;
            };
            reported = n.parse::<u64>().unwrap() + 1;
            // It goes on, and is somewhere in what comes next when it dies.
            left = left.saturating_sub(1);
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(reported > there, "the writer wrote nothing, kill {kill}");
        if wanted.len() as u64 <= reported + 1 {
            wanted = expected((reported + 1) * 2);
        }
        there = open_and_count(&path, &wanted, [reported, reported + 1]).1;
    }
}

/// The files of a database: itself, its log, and what programs share about that.
#[derive(Clone, Default, PartialEq)]
struct Files {
    main: Vec<u8>,
    log: Vec<u8>,
    shared: Vec<u8>,
}

fn paths(folder: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| folder.join(format!("handout.db{end}")))
}

impl Files {
    fn read(folder: &Path) -> Self {
        let [main, log, shared] = paths(folder).map(|path| fs::read(path).unwrap_or_default());
        Self { main, log, shared }
    }

    /// Opens them, after a power cut, in a folder of their own.
    #[track_caller]
    fn check(&self, expected: &[Hash], between: [u64; 2]) {
        let dir = dir();
        for (path, bytes) in paths(dir.path())
            .iter()
            .zip([&self.main, &self.log, &self.shared])
        {
            if !bytes.is_empty() {
                fs::write(path, bytes).unwrap();
            }
        }
        let (db, there) = open_and_count(&paths(dir.path())[0], expected, between);
        // And it goes on.
        do_one(&db, there);
        let next = usize::try_from(there).unwrap() + 1;
        assert!(contents(&db) == expected[next]);
    }
}

/// What a disk may have of a file that is being written anew and was not synced since.
fn between(old: &[u8], new: &[u8], rng: &mut Rng) -> Vec<u8> {
    let same = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let changed = new.len() - same;
    match rng.below(4) {
        // Up to here, and then what was there before, or zeros, or what the disk had there.
        0 => {
            let upto = same + rng.below(changed + 1);
            let rest = old.get(upto..).unwrap_or_default();
            [&new[..upto], rest].concat()
        }
        1 => {
            let upto = same + rng.below(changed + 1);
            let fill = if rng.below(2) == 0 { 0 } else { 0xa5 };
            let from = upto.max(old.len());
            let mut file = [&new[..upto], old.get(upto..).unwrap_or_default()].concat();
            file.resize(from.max(new.len()), fill);
            file
        }
        // Sector by sector.
        _ => {
            let mut file = old.to_vec();
            file.resize(old.len().max(new.len()), 0);
            for start in (0..new.len()).step_by(SECTOR) {
                let end = new.len().min(start + SECTOR);
                if rng.below(2) == 0 {
                    file[start..end].copy_from_slice(&new[start..end]);
                }
            }
            file
        }
    }
}

#[test]
fn wherever_the_power_is_cut_what_was_reported_is_there_and_nothing_is_half_there() {
    const DOINGS: u64 = 90;
    const HEADER: usize = 32;
    let mut rng = Rng::from_number(number("HANDOUT_SEED", 1));
    let expected = expected(DOINGS + 1);
    let dir = dir();
    let path = &paths(dir.path())[0];
    // An empty database, before its first tables.
    drop(files::create_private(path).unwrap());
    let mut connection = Connection::open(path).unwrap();
    prepare(&mut connection, path).unwrap();
    let mut points = vec![Files::read(dir.path())];
    let db = Database::open(path).unwrap().database;
    drop(connection);
    often_taken_in(&db);
    points.push(Files::read(dir.path()));
    for n in 0..DOINGS {
        do_one(&db, n);
        points.push(Files::read(dir.path()));
    }
    drop(db);
    let (mut taken_in, mut begun_anew) = (0, 0);
    for (number, pair) in (0_u64..).zip(points.windows(2)) {
        let [old, new] = pair else { unreachable!() };
        let [before, after] = [number.saturating_sub(1), number];
        old.check(&expected, [before, before]);
        for _ in 0..self::number("HANDOUT_POWER_CUTS", 3) {
            let mut cut = old.clone();
            if rng.below(2) == 0 {
                cut.shared.clear();
            }
            // A log that is begun anew: its header is synced before what follows.
            if old.log.get(..HEADER) != new.log.get(..HEADER) && !old.log.is_empty() {
                begun_anew += 1;
                cut.log[..HEADER].copy_from_slice(&new.log[..HEADER]);
                cut.check(&expected, [before, before]);
            }
            cut.log = between(&cut.log, &new.log, &mut rng);
            cut.check(&expected, [before, after]);
            // All of it is on the disk before it is taken into the database.
            cut.log.clone_from(&new.log);
            cut.check(&expected, [after, after]);
            if old.main != new.main {
                taken_in += 1;
                cut.main = between(&old.main, &new.main, &mut rng);
                cut.check(&expected, [after, after]);
            }
        }
    }
    assert!(
        taken_in > 10 && begun_anew > 10,
        "{taken_in} and {begun_anew} times"
    );
}
