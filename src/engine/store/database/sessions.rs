//! Sessions and their members.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Database, DatabaseError, fixed, int, signed, uint, uint32};
use crate::core::ids::{DeviceId, Epoch, SessionId};
use crate::core::pin::Pin;
use crate::core::signed::Signed;
use crate::core::time::UnixTime;
use crate::core::trust::MAX_GRANT_LIFE;

/// What this machine is in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is the own session.
    Teacher,
    /// It was joined.
    Student,
}

/// A session that was started, joined or seen to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// What it is called.
    pub title: String,
    /// The teacher's name.
    pub teacher: String,
    /// What this machine is in it.
    pub role: Role,
    /// The highest life of it that was seen.
    pub epoch: Epoch,
    /// When it was first kept.
    pub started: UnixTime,
    /// When it was seen to end: it is never joined again by itself.
    pub ended: Option<UnixTime>,
}

impl SessionRecord {
    /// Whether its teacher's machine can go on with it: it was taught here and did not end, and what its first life signed
    /// still counts with newcomers.
    pub fn can_go_on(&self, now: UnixTime) -> bool {
        let age = now.0.saturating_sub(self.started.0);
        self.role == Role::Teacher && self.ended.is_none() && age < MAX_GRANT_LIFE.as_secs()
    }
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Student => "student",
        }
    }
}

impl Database {
    /// Keeps what is known of a session. Its start stays the first one, its epoch the highest and
    /// its end, once there, what it was.
    pub fn keep_session(&self, session: &SessionRecord) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO sessions (id, title, teacher, role, epoch, started, ended)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (id) DO UPDATE SET
                title = ?2, teacher = ?3, role = ?4, epoch = max(epoch, ?5),
                ended = coalesce(ended, ?7)";
        self.run(|db| {
            let values = params![
                session.id.as_bytes(),
                session.title,
                session.teacher,
                session.role.name(),
                session.epoch.0,
                int(session.started.0),
                session.ended.map(|time| int(time.0)),
            ];
            db.execute(sql, values).map(drop)
        })
    }

    /// One session.
    pub fn session(&self, id: SessionId) -> Result<Option<SessionRecord>, DatabaseError> {
        let sql = "SELECT id, title, teacher, role, epoch, started, ended FROM sessions
            WHERE id = ?1";
        self.run(|db| db.query_row(sql, [id.as_bytes()], session).optional())
    }

    /// Every session, the newest first.
    pub fn sessions(&self) -> Result<Vec<SessionRecord>, DatabaseError> {
        let sql = "SELECT id, title, teacher, role, epoch, started, ended FROM sessions
            ORDER BY started DESC, id";
        self.run(|db| db.prepare_cached(sql)?.query_map([], session)?.collect())
    }

    /// Keeps the PIN of an own session; `None` forgets it.
    pub fn keep_pin(&self, session: SessionId, pin: Option<&Pin>) -> Result<(), DatabaseError> {
        let Some(pin) = pin else {
            let sql = "DELETE FROM settings WHERE key = ?1";
            return self.run(|db| db.execute(sql, [pin_key(session)]).map(drop));
        };
        self.set(&pin_key(session), pin.digits().as_bytes())
    }

    /// The PIN of an own session.
    pub fn pin(&self, session: SessionId) -> Result<Option<Pin>, DatabaseError> {
        let kept = self.get(&pin_key(session))?;
        let text = kept.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| Pin::parse(&text).ok()))
    }

    /// Forgets a session with everything that is known of it. Saved files stay.
    pub fn forget_session(&self, id: SessionId) -> Result<(), DatabaseError> {
        let of_sets = ["saved", "sources", "pages"].map(|table| {
            format!("DELETE FROM {table} WHERE set_id IN (SELECT id FROM sets WHERE session = ?1)")
        });
        let own = ["sets", "members", "entries", "attendance", "statuses"]
            .map(|table| format!("DELETE FROM {table} WHERE session = ?1"));
        self.run(|db| {
            let transaction = db.transaction()?;
            for sql in of_sets.iter().chain(&own) {
                transaction.execute(sql, [id.as_bytes()])?;
            }
            transaction.execute("DELETE FROM sessions WHERE id = ?1", [id.as_bytes()])?;
            transaction.execute("DELETE FROM settings WHERE key = ?1", [pin_key(id)])?;
            transaction.commit()
        })
    }

    /// Keeps a device's signed token, in the place of an earlier one.
    pub fn keep_token(
        &self,
        session: SessionId,
        device: DeviceId,
        token: &Signed,
    ) -> Result<(), DatabaseError> {
        self.keep_member(session, device, "token", token)
    }

    /// Keeps where a device can be reached, signed, in the place of an earlier one.
    pub fn keep_contact(
        &self,
        session: SessionId,
        device: DeviceId,
        contact: &Signed,
    ) -> Result<(), DatabaseError> {
        self.keep_member(session, device, "contact", contact)
    }

    /// The signed tokens of a session's members.
    pub fn tokens(&self, session: SessionId) -> Result<Vec<(DeviceId, Signed)>, DatabaseError> {
        self.members(session, "token")
    }

    /// Where a session's members can be reached, signed.
    pub fn contacts(&self, session: SessionId) -> Result<Vec<(DeviceId, Signed)>, DatabaseError> {
        self.members(session, "contact")
    }

    fn keep_member(
        &self,
        session: SessionId,
        device: DeviceId,
        kind: &str,
        body: &Signed,
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO members (session, device, kind, body, signature)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(|db| {
            let (session, device) = (session.as_bytes(), device.as_bytes());
            let values = params![session, device, kind, body.body, body.signature];
            db.execute(sql, values).map(drop)
        })
    }

    fn members(
        &self,
        session: SessionId,
        kind: &str,
    ) -> Result<Vec<(DeviceId, Signed)>, DatabaseError> {
        let sql = "SELECT device, body, signature FROM members
            WHERE session = ?1 AND kind = ?2 ORDER BY device";
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map(params![session.as_bytes(), kind], |row| {
                    Ok((DeviceId(fixed(row, 0)?), signed(row, 1)?))
                })?
                .collect()
        })
    }
}

/// The name of the setting that holds a session's PIN.
fn pin_key(session: SessionId) -> String {
    format!("pin/{session}")
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    let role: String = row.get(3)?;
    let ended: Option<i64> = row.get(6)?;
    Ok(SessionRecord {
        id: SessionId(fixed(row, 0)?),
        title: row.get(1)?,
        teacher: row.get(2)?,
        role: if role == Role::Teacher.name() {
            Role::Teacher
        } else {
            Role::Student
        },
        epoch: Epoch(uint32(row, 4)?),
        started: UnixTime(uint(row, 5)?),
        ended: ended.map(|time| UnixTime(u64::try_from(time).unwrap_or(0))),
    })
}
