//! The entries of all logs.

use rusqlite::params;

use super::{Database, DatabaseError, int, signed, uint};
use crate::core::ids::{AuthorId, Seq, SessionId};
use crate::core::signed::Signed;
use crate::core::wire::statements::Entry;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is new, and on the disk.
    New,
    /// It was kept before.
    Known,
    /// Another one has its number: an alarm. The first one stays.
    Conflict,
}

impl Database {
    /// Keeps a signed entry whose signature was checked, exactly once. It is on the disk when this
    /// returns.
    pub fn keep_entry(&self, entry: &Signed) -> Result<Kept, DatabaseError> {
        let read: Entry = entry.peek()?;
        let insert = "INSERT OR IGNORE INTO entries (session, author, seq, epoch, body, signature)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let select = "SELECT body FROM entries WHERE session = ?1 AND author = ?2 AND seq = ?3";
        self.run(|db| {
            let (session, author) = (read.session.as_bytes(), read.author.as_bytes());
            let (seq, epoch) = (int(read.seq.0), read.epoch.0);
            let values = params![session, author, seq, epoch, entry.body, entry.signature];
            if db.execute(insert, values)? == 1 {
                return Ok(Kept::New);
            }
            let kept: Vec<u8> =
                db.query_row(select, params![session, author, seq], |row| row.get(0))?;
            Ok(if kept == entry.body {
                Kept::Known
            } else {
                Kept::Conflict
            })
        })
    }

    /// The entries of one log after a number, in their order.
    pub fn entries_after(
        &self,
        session: SessionId,
        author: AuthorId,
        seq: Seq,
    ) -> Result<Vec<Signed>, DatabaseError> {
        let sql = "SELECT body, signature FROM entries
            WHERE session = ?1 AND author = ?2 AND seq > ?3 ORDER BY seq";
        self.run(|db| {
            let values = params![session.as_bytes(), author.as_bytes(), int(seq.0)];
            db.prepare_cached(sql)?
                .query_map(values, |row| signed(row, 0))?
                .collect()
        })
    }

    /// Every entry of a session, each log in its order.
    pub fn entries(&self, session: SessionId) -> Result<Vec<Signed>, DatabaseError> {
        let sql = "SELECT body, signature FROM entries WHERE session = ?1 ORDER BY author, seq";
        self.run(|db| {
            let values = params![session.as_bytes()];
            db.prepare_cached(sql)?
                .query_map(values, |row| signed(row, 0))?
                .collect()
        })
    }

    /// The highest number in one log, 0 when it is empty.
    pub fn head(&self, session: SessionId, author: AuthorId) -> Result<Seq, DatabaseError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM entries WHERE session = ?1 AND author = ?2";
        let values = params![session.as_bytes(), author.as_bytes()];
        self.run(|db| db.query_row(sql, values, |row| uint(row, 0)).map(Seq))
    }
}
