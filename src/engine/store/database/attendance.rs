//! Who was in the own sessions, and what became of each item.

use rusqlite::params;

use super::{Database, DatabaseError, fixed, int, signed, uint};
use crate::core::ids::{DeviceId, SessionId};
use crate::core::signed::Signed;
use crate::core::time::UnixTime;
use crate::core::wire::statements::Status;

/// From when to when a student was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attended {
    /// The student's device.
    pub device: DeviceId,
    /// When it came for the first time.
    pub joined: UnixTime,
    /// When it was last heard, as far as that was kept.
    pub seen: UnixTime,
    /// Whether it was there when that was kept.
    pub present: bool,
}

impl Database {
    /// Keeps that a student came or went. The first time stays.
    pub fn keep_attendance(
        &self,
        session: SessionId,
        device: DeviceId,
        present: bool,
        now: UnixTime,
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO attendance (session, device, joined, seen, present)
            VALUES (?1, ?2, ?3, ?3, ?4)
            ON CONFLICT (session, device) DO UPDATE SET seen = ?3, present = ?4";
        let (session, device) = (session.as_bytes(), device.as_bytes());
        let values = params![session, device, int(now.0), present];
        self.run(|db| db.execute(sql, values).map(drop))
    }

    /// Keeps that nobody is there any more, since a time where nothing later is known.
    pub fn all_left(&self, session: SessionId, since: UnixTime) -> Result<(), DatabaseError> {
        let sql = "UPDATE attendance SET present = 0, seen = max(seen, ?2)
            WHERE session = ?1 AND present = 1";
        let values = params![session.as_bytes(), int(since.0)];
        self.run(|db| db.execute(sql, values).map(drop))
    }

    /// Who was in a session.
    pub fn attendance(&self, session: SessionId) -> Result<Vec<Attended>, DatabaseError> {
        let sql = "SELECT device, joined, seen, present FROM attendance
            WHERE session = ?1 ORDER BY device";
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([session.as_bytes()], |row| {
                    Ok(Attended {
                        device: DeviceId(fixed(row, 0)?),
                        joined: UnixTime(uint(row, 1)?),
                        seen: UnixTime(uint(row, 2)?),
                        present: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    /// Keeps a student's signed status, in the place of an earlier one.
    pub fn keep_status(&self, status: &Signed) -> Result<(), DatabaseError> {
        let told = status.peek::<Status>()?;
        let sql = "INSERT OR REPLACE INTO statuses (session, device, item, body, signature)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![
            told.session.as_bytes(),
            told.device.as_bytes(),
            told.item.as_bytes(),
            status.body,
            status.signature
        ];
        self.run(|db| db.execute(sql, values).map(drop))
    }

    /// The signed statuses of a session's students.
    pub fn statuses(&self, session: SessionId) -> Result<Vec<Signed>, DatabaseError> {
        let sql = "SELECT body, signature FROM statuses WHERE session = ?1 ORDER BY device, item";
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([session.as_bytes()], |row| signed(row, 0))?
                .collect()
        })
    }
}
