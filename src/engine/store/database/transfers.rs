//! What was shared and saved, and the signed pages of manifests.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Database, DatabaseError, fixed, int, signed, uint, uint32};
use crate::core::ids::{Hash, ItemId, SessionId, SetId, Version};
use crate::core::names::SafePath;
use crate::core::signed::Signed;
use crate::core::wire::statements::PageKind;
use crate::platform::paths;
use crate::store::part::Local;
use crate::store::place::SavedCopy;
use crate::store::scan::SourceFile;

/// The files of one version of one item, and where they went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRecord {
    /// The set.
    pub id: SetId,
    /// The session.
    pub session: SessionId,
    /// The item.
    pub item: ItemId,
    /// Which version of it.
    pub version: Version,
    /// The folder that it is received into, or that has the session's own copy.
    pub folder: PathBuf,
}

impl Database {
    /// Keeps what is known of a set.
    pub fn keep_set(&self, set: &SetRecord) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO sets (id, session, item, version, folder)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(|db| {
            let values = params![
                set.id.as_bytes(),
                set.session.as_bytes(),
                set.item.as_bytes(),
                set.version.0,
                paths::to_bytes(&set.folder),
            ];
            db.execute(sql, values).map(drop)
        })
    }

    /// One set.
    pub fn set_record(&self, id: SetId) -> Result<Option<SetRecord>, DatabaseError> {
        let sql = "SELECT id, session, item, version, folder FROM sets WHERE id = ?1";
        self.run(|db| db.query_row(sql, [id.as_bytes()], set_record).optional())
    }

    /// The sets of a session that have a place here.
    pub fn sets_of_session(&self, session: SessionId) -> Result<BTreeSet<SetId>, DatabaseError> {
        let sql = "SELECT id FROM sets WHERE session = ?1";
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([session.as_bytes()], |row| Ok(SetId(fixed(row, 0)?)))?
                .collect()
        })
    }

    /// All sets of an item, the oldest version first.
    pub fn sets_of_item(
        &self,
        session: SessionId,
        item: ItemId,
    ) -> Result<Vec<SetRecord>, DatabaseError> {
        let sql = "SELECT id, session, item, version, folder FROM sets
            WHERE session = ?1 AND item = ?2 ORDER BY version";
        let values = params![session.as_bytes(), item.as_bytes()];
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map(values, set_record)?
                .collect()
        })
    }

    /// Keeps where files of a set were saved.
    pub fn keep_saved(&self, set: SetId, copies: &[SavedCopy]) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO saved (set_id, wire, path, hash) VALUES (?1, ?2, ?3, ?4)";
        self.run(|db| {
            let transaction = db.transaction()?;
            for copy in copies {
                let values = params![set.as_bytes(), copy.wire, copy.path, copy.hash.as_bytes()];
                transaction.prepare_cached(sql)?.execute(values)?;
            }
            transaction.commit()
        })
    }

    /// Where the files of a set were saved.
    pub fn saved(&self, set: SetId) -> Result<Vec<SavedCopy>, DatabaseError> {
        let sql = "SELECT wire, path, hash FROM saved WHERE set_id = ?1 ORDER BY wire";
        let copy = |row: &Row<'_>| {
            Ok(SavedCopy {
                wire: row.get(0)?,
                path: row.get(1)?,
                hash: Hash(fixed(row, 2)?),
            })
        };
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([set.as_bytes()], copy)?
                .collect()
        })
    }

    /// Where files of all sets but this one were saved, as far as `worth` says of their paths in
    /// the manifests. Those of `item` are of its earlier versions.
    pub fn saved_elsewhere(
        &self,
        set: SetId,
        item: ItemId,
        worth: impl Fn(&str) -> bool,
    ) -> Result<Vec<Local>, DatabaseError> {
        let sql = "SELECT saved.wire, saved.path, sets.folder, sets.item = ?2
            FROM saved JOIN sets ON sets.id = saved.set_id WHERE sets.id <> ?1";
        self.run(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query(params![set.as_bytes(), item.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let wire: String = row.get(0)?;
                if worth(&wire) {
                    let path: String = row.get(1)?;
                    found.push(Local {
                        wire,
                        path: paths::from_bytes(row.get(2)?).join(path),
                        earlier: row.get(3)?,
                    });
                }
            }
            Ok(found)
        })
    }

    /// Keeps which local files a set of the own session is made of.
    pub fn keep_sources(&self, set: SetId, files: &[SourceFile]) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO sources (set_id, file, wire, local, size, modified)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.run(|db| {
            let transaction = db.transaction()?;
            for (number, file) in (0_i64..).zip(files) {
                let values = params![
                    set.as_bytes(),
                    number,
                    file.path.as_str(),
                    paths::to_bytes(&file.local),
                    int(file.size),
                    file.modified.and_then(nanoseconds),
                ];
                transaction.prepare_cached(sql)?.execute(values)?;
            }
            transaction.commit()
        })
    }

    /// The local files that a set of the own session is made of, in its order.
    pub fn sources(&self, set: SetId) -> Result<Vec<SourceFile>, DatabaseError> {
        let sql = "SELECT wire, local, size, modified FROM sources
            WHERE set_id = ?1 ORDER BY file";
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([set.as_bytes()], source)?
                .collect()
        })
    }

    /// Keeps a signed page of a manifest.
    pub fn keep_page(
        &self,
        set: SetId,
        kind: PageKind,
        number: u32,
        page: &Signed,
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT OR REPLACE INTO pages (set_id, kind, number, body, signature)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(|db| {
            let kind = kind_number(kind);
            let values = params![set.as_bytes(), kind, number, page.body, page.signature];
            db.execute(sql, values).map(drop)
        })
    }

    /// One signed page of a manifest.
    pub fn page(
        &self,
        set: SetId,
        kind: PageKind,
        number: u32,
    ) -> Result<Option<Signed>, DatabaseError> {
        let sql = "SELECT body, signature FROM pages
            WHERE set_id = ?1 AND kind = ?2 AND number = ?3";
        let values = params![set.as_bytes(), kind_number(kind), number];
        self.run(|db| db.query_row(sql, values, |row| signed(row, 0)).optional())
    }

    /// Every signed page of a manifest: file list, hashes, the final one, each in its order.
    pub fn pages(&self, set: SetId) -> Result<Vec<Signed>, DatabaseError> {
        let sql = "SELECT body, signature FROM pages WHERE set_id = ?1 ORDER BY kind, number";
        let page = |row: &Row<'_>| signed(row, 0);
        self.run(|db| {
            db.prepare_cached(sql)?
                .query_map([set.as_bytes()], page)?
                .collect()
        })
    }
}

const fn kind_number(kind: PageKind) -> u8 {
    match kind {
        PageKind::Files => 0,
        PageKind::Hashes => 1,
        PageKind::Final => 2,
    }
}

/// Nanoseconds since 1970, which fit until the year 2262.
fn nanoseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn set_record(row: &Row<'_>) -> rusqlite::Result<SetRecord> {
    Ok(SetRecord {
        id: SetId(fixed(row, 0)?),
        session: SessionId(fixed(row, 1)?),
        item: ItemId(fixed(row, 2)?),
        version: Version(uint32(row, 3)?),
        folder: paths::from_bytes(row.get(4)?),
    })
}

fn source(row: &Row<'_>) -> rusqlite::Result<SourceFile> {
    let wire: String = row.get(0)?;
    let path = SafePath::checked(&wire).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })?;
    let modified: Option<i64> = row.get(3)?;
    Ok(SourceFile {
        path,
        local: paths::from_bytes(row.get(1)?),
        size: uint(row, 2)?,
        modified: modified
            .and_then(|time| u64::try_from(time).ok())
            .map(|time| UNIX_EPOCH + Duration::from_nanos(time)),
    })
}
