//! What is remembered: sessions, their entries and members, what was shared and saved.
//!
//! `SQLite` in one file, every write on the disk before the call returns. It holds no chunk bits:
//! those are in the journals, and everything about transfers can be rebuilt from them. A file that
//! is damaged is moved aside and a new one begun.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use crate::core::signed::Signed;
use crate::platform::files;

mod attendance;
mod feed;
mod sessions;
mod transfers;

pub use attendance::Attended;
pub use feed::Kept;
pub use sessions::{Role, SessionRecord};
pub use transfers::SetRecord;

/// How long to wait for another program that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// The steps from an empty file to the newest schema; `user_version` counts those taken. A step
/// that was released is never changed: a new one is added.
const STEPS: &[&str] = &[
    "
    CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        title TEXT NOT NULL,
        teacher TEXT NOT NULL,
        role TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE entries (
        session BLOB NOT NULL,
        author BLOB NOT NULL,
        seq INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        body BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (session, author, seq)
    );
    CREATE TABLE members (
        session BLOB NOT NULL,
        device BLOB NOT NULL,
        kind TEXT NOT NULL,
        body BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (session, device, kind)
    );
    CREATE TABLE sets (
        id BLOB PRIMARY KEY,
        session BLOB NOT NULL,
        item BLOB NOT NULL,
        version INTEGER NOT NULL,
        folder BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sets_by_item ON sets (session, item, version);
    CREATE TABLE saved (
        set_id BLOB NOT NULL,
        wire TEXT NOT NULL,
        path TEXT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (set_id, wire)
    ) WITHOUT ROWID;
    CREATE TABLE sources (
        set_id BLOB NOT NULL,
        file INTEGER NOT NULL,
        wire TEXT NOT NULL,
        local BLOB NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER,
        PRIMARY KEY (set_id, file)
    ) WITHOUT ROWID;
    CREATE TABLE pages (
        set_id BLOB NOT NULL,
        kind INTEGER NOT NULL,
        number INTEGER NOT NULL,
        body BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (set_id, kind, number)
    );
",
    "
    CREATE TABLE attendance (
        session BLOB NOT NULL,
        device BLOB NOT NULL,
        joined INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        present INTEGER NOT NULL,
        PRIMARY KEY (session, device)
    ) WITHOUT ROWID;
    CREATE TABLE statuses (
        session BLOB NOT NULL,
        device BLOB NOT NULL,
        item BLOB NOT NULL,
        body BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (session, device, item)
    );
",
];

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `SQLite` or the disk refused.
    #[error("the database {} cannot be used: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What `SQLite` said.
        source: rusqlite::Error,
    },
    /// The file or its folder cannot be made or moved.
    #[error("the database {} cannot be made: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A later version of the program made it.
    #[error(
        "the database {} was made by a newer Handout (schema {found}, this one knows {}): \
         install that version again, or move the file away to begin anew",
        path.display(), STEPS.len()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// What is to be kept is no entry of a log.
    #[error("this is no signed entry: {0}")]
    NotAnEntry(#[from] crate::core::signed::SignedError),
}

impl DatabaseError {
    fn is_damage(&self) -> bool {
        let Self::Sqlite { source, .. } = self else {
            return false;
        };
        matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
    }
}

/// A database that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The database.
    pub database: Database,
    /// Where a damaged one was moved to, for a warning.
    pub damaged: Option<PathBuf>,
}

/// The open database. Shared by reference; one call at a time.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Database {
    /// Opens or makes the database. A damaged one is moved aside, as `<name>.damaged` with a number
    /// where needed, and a new one is made.
    pub fn open(path: &Path) -> Result<Opened, DatabaseError> {
        match Self::try_open(path) {
            Ok(database) => Ok(Opened {
                database,
                damaged: None,
            }),
            Err(error) if error.is_damage() => {
                let file = |source| DatabaseError::File {
                    path: path.to_owned(),
                    source,
                };
                let damaged = move_aside(path).map_err(file)?;
                Ok(Opened {
                    database: Self::try_open(path)?,
                    damaged: Some(damaged),
                })
            }
            Err(error) => Err(error),
        }
    }

    fn try_open(path: &Path) -> Result<Self, DatabaseError> {
        // SQLite takes the mode of its other files from this one.
        match files::create_private(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(DatabaseError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let sqlite = |source| DatabaseError::Sqlite {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(sqlite)?;
        prepare(&mut connection, path).map_err(sqlite)?;
        let found = version(&connection).map_err(sqlite)?;
        if usize::try_from(found).is_ok_and(|found| found > STEPS.len()) {
            return Err(DatabaseError::Newer {
                path: path.to_owned(),
                found,
            });
        }
        migrate(&mut connection).map_err(sqlite)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Keeps a value under a name, in the place of an earlier one.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)";
        self.run(|db| db.execute(sql, params![key, value]).map(drop))
    }

    /// The value under a name.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        let sql = "SELECT value FROM settings WHERE key = ?1";
        self.run(|db| db.query_row(sql, [key], |row| row.get(0)).optional())
    }

    fn run<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        work(&mut self.lock()).map_err(|source| DatabaseError::Sqlite {
            path: self.path.clone(),
            source,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // A write-ahead log needs shared memory, which other machines' disks do not have.
    let mode = if files::is_remote(path) {
        "TRUNCATE"
    } else {
        "WAL"
    };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(check)))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Another program may be doing the same: the version is read again under the lock.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let taken = usize::try_from(version(&transaction)?).unwrap_or(0);
    for (number, step) in (1_i64..).zip(STEPS).skip(taken) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.commit()
}

/// Moves a damaged database away with the files beside it, and returns its new name.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    for number in 1_u32.. {
        let suffix = if number == 1 {
            ".damaged".to_owned()
        } else {
            format!(".damaged-{number}")
        };
        let to = beside(&suffix);
        match files::rename_no_replace(path, &to) {
            Ok(()) => {
                for other in ["-wal", "-shm"] {
                    let from = beside(other);
                    if from.exists() {
                        std::fs::rename(from, beside(&format!("{suffix}{other}")))?;
                    }
                }
                return Ok(to);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `SQLite`'s integers are signed; numbers that do not fit never occur, and stay the largest.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn uint(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or(0))
}

fn uint32(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    uint(row, column).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Bytes of a fixed length, as an identifier or a signature.
fn fixed<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    row.get::<_, Vec<u8>>(column)?
        .try_into()
        .map_err(|bytes: Vec<u8>| {
            let text = format!("{} bytes where {N} were expected", bytes.len()).into();
            rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, text)
        })
}

/// A signed body in two columns.
fn signed(row: &Row<'_>, column: usize) -> rusqlite::Result<Signed> {
    Ok(Signed {
        body: row.get(column)?,
        signature: fixed(row, column + 1)?,
    })
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
