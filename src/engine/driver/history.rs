//! What is remembered: entries, sessions, saved copies, trust. Written in order by one thread, but
//! for the own entries, which are on the disk before anybody sees them.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::disk::lock;
use crate::api::{UnixTime, WarningKind};
use crate::core::ids::{
    AuthorId, DeviceId, Epoch, Hash, ItemId, PublicKey, SessionId, SetId, Version,
};
use crate::core::io::Kept as Remembered;
use crate::core::pin::Pin;
use crate::core::signed::Signed;
use crate::core::trust::TrustChange;
use crate::core::wire::statements::{Entry, EntryKind, Page, PageContent, PageKind};
use crate::engine::clock;
use crate::store::database::{Database, DatabaseError, Kept, Role, SessionRecord, SetRecord};
use crate::store::keys::KeyStore;
use crate::store::part::{Local, Names, ReceiveSet};
use crate::store::place::SavedCopy;
use crate::store::scan::SourceFile;

/// Name of the setting that lists ended sessions with their teachers.
const ENDED: &str = "ended";
/// Ended sessions that are remembered.
const MAX_ENDED: usize = 1_000;

/// Tells people what could not be kept.
pub type Report = Box<dyn Fn(WarningKind, String) + Send>;

/// The memory of the engine.
pub struct History {
    database: Arc<Database>,
    /// The logs that this machine writes.
    own: Mutex<BTreeSet<AuthorId>>,
    queue: Mutex<Option<Sender<Note>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Something to remember.
#[derive(Debug)]
pub enum Note {
    /// A change of what is trusted.
    Trust(TrustChange),
    /// An entry of somebody's log.
    Entry(Signed),
    /// What is known of a session.
    Session(SessionNote),
    /// A member's token.
    Token(SessionId, DeviceId, Signed),
    /// A student of the own session came or went, at a time of the local clock.
    Attendance(SessionId, DeviceId, bool, UnixTime),
    /// How an item of the own session ended for a student.
    Status(Signed),
    /// Of which local files an own set is made.
    Sources(SetId, Vec<SourceFile>),
    /// The final page of an own set.
    Finished(SetId, Signed),
}

/// What is known of a session.
#[derive(Debug)]
pub struct SessionNote {
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: String,
    /// The teacher's name.
    pub teacher: String,
    /// The teacher's key.
    pub teacher_key: PublicKey,
    /// Whether it is the own one.
    pub own: bool,
    /// Which life of it.
    pub epoch: Epoch,
    /// Whether it has ended.
    pub ended: bool,
    /// The local clock.
    pub now: UnixTime,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

impl History {
    /// Starts the thread that writes. `device` is the own log's author.
    pub fn start(
        database: Database,
        keys: KeyStore,
        device: AuthorId,
        report: Report,
    ) -> io::Result<Self> {
        let database = Arc::new(database);
        let (queue, notes) = channel();
        let thread = thread::Builder::new()
            .name("handout-history".to_owned())
            .spawn({
                let database = database.clone();
                move || {
                    for note in notes {
                        write(&database, &keys, &report, note);
                    }
                }
            })?;
        Ok(Self {
            database,
            own: Mutex::new(BTreeSet::from([device])),
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sessions that ended, with their teachers.
    pub fn ended(&self) -> Result<Vec<(SessionId, PublicKey)>, DatabaseError> {
        ended(&self.database)
    }

    /// What is known of a session.
    pub fn session(&self, session: SessionId) -> Result<Option<SessionRecord>, DatabaseError> {
        self.database.session(session)
    }

    /// The PIN of an own session.
    pub fn pin(&self, session: SessionId) -> Result<Option<Pin>, DatabaseError> {
        self.database.pin(session)
    }

    /// Keeps the PIN of an own session at once; `None` forgets it.
    pub fn keep_pin(&self, session: SessionId, pin: Option<&Pin>) -> Result<(), DatabaseError> {
        self.database.keep_pin(session, pin)
    }

    /// The local files that an own set was made of, and the hash over their hashes if all were read.
    pub fn source(&self, set: SetId) -> Result<(Vec<SourceFile>, Option<Hash>), DatabaseError> {
        let page = self.database.page(set, PageKind::Final, 0)?;
        let content = page.and_then(|page| Some(page.peek::<Page>().ok()?.content));
        let root = match content {
            Some(PageContent::Final { root }) => Some(root),
            _ => None,
        };
        Ok((self.database.sources(set)?, root))
    }

    /// Everything of a session that a next run needs.
    pub fn kept(&self, session: SessionId) -> Result<Remembered, DatabaseError> {
        let tokens = self.database.tokens(session)?.into_iter();
        Ok(Remembered {
            entries: self.database.entries(session)?,
            tokens: tokens.map(|(_, token)| token).collect(),
            sets: self.database.sets_of_session(session)?,
            statuses: self.database.statuses(session)?,
        })
    }

    /// A session that was taught here had stopped without a word: who was there then was there until the teacher's last entry.
    pub fn interrupted(&self, session: SessionId, entries: &[Signed]) -> Result<(), DatabaseError> {
        let entries: Vec<Entry> = entries.iter().filter_map(|it| it.peek().ok()).collect();
        let grant = entries.iter().find(|entry| entry.kind == EntryKind::Grant);
        let Some(teacher) = grant.map(|grant| grant.author) else {
            return Ok(());
        };
        let own = entries.iter().filter(|entry| entry.author == teacher);
        let last = own.map(|entry| entry.time).max().unwrap_or(UnixTime(0));
        self.database.all_left(session, last)
    }

    /// The sessions that were taught here and can go on.
    pub fn open_sessions(&self) -> Result<Vec<SessionId>, DatabaseError> {
        let now = clock();
        let all = self.database.sessions()?.into_iter();
        let open = all.filter(|record| record.can_go_on(now));
        Ok(open.map(|record| record.id).collect())
    }

    /// Remembers something, soon.
    pub fn note(&self, note: Note) {
        if let Note::Session(session) = &note
            && session.own
        {
            lock(&self.own).insert(session.teacher_key.into());
        }
        if let Some(queue) = &*lock(&self.queue) {
            let _ = queue.send(note);
        }
    }

    /// Keeps an entry: at once where it is an own one, so that no restart ever gives its number to
    /// another. An error is for people.
    pub fn entry(&self, entry: Signed) -> Result<(), String> {
        let author = entry.peek::<Entry>().map(|entry| entry.author);
        if author.is_ok_and(|author| lock(&self.own).contains(&author)) {
            return keep_entry(&self.database, &entry);
        }
        self.note(Note::Entry(entry));
        Ok(())
    }

    /// The copies of an item's earlier version that were saved in a folder.
    pub fn previous(
        &self,
        session: SessionId,
        (item, version): (ItemId, Version),
        folder: &Path,
    ) -> Result<Vec<SavedCopy>, DatabaseError> {
        let earlier = self.database.sets_of_item(session, item)?;
        let earlier = earlier
            .iter()
            .rev()
            .filter(|one| one.version < version && one.folder == folder);
        for one in earlier {
            let saved = self.database.saved(one.id)?;
            if !saved.is_empty() {
                return Ok(saved);
            }
        }
        Ok(Vec::new())
    }

    /// Keeps that a version of an item goes to a folder.
    pub fn received(&self, set: &SetRecord) -> Result<(), DatabaseError> {
        self.database.keep_set(set)
    }

    /// Where files were saved, of all sets but this one, whose names are among those of its files.
    pub fn locals(
        &self,
        (set, item): (SetId, ItemId),
        names: &Names,
    ) -> Result<Vec<Local>, DatabaseError> {
        self.database
            .saved_elsewhere(set, item, |wire| names.contain(wire))
    }

    /// A set was saved.
    pub fn saved(&self, set: SetId, receive: &ReceiveSet) -> Result<(), DatabaseError> {
        self.database.keep_saved(set, &receive.saved_copies())
    }

    /// Writes what waits, and ends.
    pub fn stop(&self) {
        *lock(&self.queue) = None;
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic there was reported.
            let _ = thread.join();
        }
    }
}

fn write(database: &Database, keys: &KeyStore, report: &Report, note: Note) {
    let done = match note {
        Note::Trust(change) => keys
            .commit_trust(&[change])
            .map(drop)
            .map_err(|error| format!("Cannot keep what was learnt about keys: {error}")),
        Note::Entry(entry) => keep_entry(database, &entry),
        Note::Session(note) => keep_session(database, &note).map_err(|error| error.to_string()),
        Note::Token(session, device, token) => database
            .keep_token(session, device, &token)
            .map_err(|error| error.to_string()),
        Note::Attendance(session, device, present, now) => database
            .keep_attendance(session, device, present, now)
            .map_err(|error| error.to_string()),
        Note::Status(status) => database
            .keep_status(&status)
            .map_err(|error| error.to_string()),
        Note::Sources(set, files) => database
            .keep_sources(set, &files)
            .map_err(|error| error.to_string()),
        Note::Finished(set, page) => database
            .keep_page(set, PageKind::Final, 0, &page)
            .map_err(|error| error.to_string()),
    };
    if let Err(text) = done {
        report(WarningKind::Disk, text);
    }
}

fn keep_entry(database: &Database, entry: &Signed) -> Result<(), String> {
    match database.keep_entry(entry) {
        Ok(Kept::New | Kept::Known) => Ok(()),
        Ok(Kept::Conflict) => Err("Another entry with the same number was kept before.".to_owned()),
        Err(error) => Err(format!("Cannot keep a message: {error}")),
    }
}

fn keep_session(database: &Database, note: &SessionNote) -> Result<(), DatabaseError> {
    database.keep_session(&SessionRecord {
        id: note.session,
        title: note.title.clone(),
        teacher: note.teacher.clone(),
        role: if note.own {
            Role::Teacher
        } else {
            Role::Student
        },
        epoch: note.epoch,
        started: note.now,
        ended: note.ended.then_some(note.now),
    })?;
    if note.ended {
        let mut all = ended(database)?;
        let this = (note.session, note.teacher_key);
        if !all.contains(&this) {
            let surplus = (all.len() + 1).saturating_sub(MAX_ENDED);
            all.drain(..surplus);
            all.push(this);
            let json = serde_json::to_vec(&all).expect("ids serialise");
            database.set(ENDED, &json)?;
        }
    }
    Ok(())
}

fn ended(database: &Database) -> Result<Vec<(SessionId, PublicKey)>, DatabaseError> {
    let json = database.get(ENDED)?;
    Ok(json
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default())
}
