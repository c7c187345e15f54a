//! Starting an own session, and going on with one that was interrupted.

use std::fs::{File, TryLockError};
use std::sync::PoisonError;

use ed25519_dalek::SigningKey;

use crate::api::{PublicKey, SessionId, SetId};
use crate::core::ids::{AuthorId, Epoch};
use crate::core::io::{Command, Earlier};
use crate::core::pin::Pin;
use crate::core::rng::Rng;
use crate::core::wire::statements::{Entry, EntryKind, PolicyBody};
use crate::engine::{Engine, clock, random};
use crate::error::EngineError;
use crate::store::database::SessionRecord;
use crate::store::keys::UnlockedTeacher;

impl Engine {
    /// Starts a session as the given teacher. With a PIN, students are admitted who prove it; without, whoever asks.
    pub async fn start_session(
        &self,
        title: &str,
        teacher: &UnlockedTeacher,
        pin: Option<Pin>,
    ) -> Result<SessionId, EngineError> {
        self.only_teacher()?;
        let session = SessionId(random()?);
        let title = title.to_owned();
        self.teach(session, title, teacher, Epoch(1), pin, None)
            .await?;
        Ok(session)
    }

    /// A PIN by chance, for a session.
    pub fn random_pin() -> Result<Pin, EngineError> {
        Ok(Pin::random(&mut Rng::new(random()?)))
    }

    /// What students of an own session prove to be admitted; of an interrupted one, too.
    pub fn pin(&self, session: SessionId) -> Result<Option<Pin>, EngineError> {
        Ok(self.disk.history.pin(session)?)
    }

    /// Goes on with an own session that was interrupted before it ended: the same feed, the same files where they are as
    /// they were; students come back by themselves, and newcomers need the PIN that it had.
    pub async fn resume_session(
        &self,
        session: SessionId,
        teacher: &UnlockedTeacher,
    ) -> Result<(), EngineError> {
        let record = self.disk.history.session(session)?;
        let record = record.filter(|record| record.can_go_on(clock()));
        let record = record.ok_or(EngineError::NotResumable)?;
        self.only_teacher()?;
        let earlier = self.disk.earlier(session).await?;
        let sources: Vec<SetId> = earlier.sources.keys().copied().collect();
        let resumed = self.go_on(session, teacher, record, earlier).await;
        // What was replaced or withdrawn meanwhile was not taken.
        for set in sources {
            self.disk.unprepare(set);
        }
        resumed
    }

    async fn go_on(
        &self,
        session: SessionId,
        teacher: &UnlockedTeacher,
        record: SessionRecord,
        earlier: Earlier,
    ) -> Result<(), EngineError> {
        let author = AuthorId::from(teacher.info().key);
        let entries = earlier.kept.entries.iter();
        let entries = entries.filter_map(|signed| signed.peek::<Entry>().ok());
        let own: Vec<Entry> = entries.filter(|entry| entry.author == author).collect();
        if own.iter().any(|entry| entry.kind == EntryKind::End) {
            return Err(EngineError::NotResumable);
        }
        let last = own.iter().map(|entry| entry.epoch).max();
        let Some(last) = last else {
            return Err(EngineError::OtherTeacher(record.teacher));
        };
        let epoch = last.max(record.epoch).next();
        let pin = match self.pin(session)? {
            // What was closed does not open because a PIN was lost.
            None if asked_for_pin(&own) => Some(Self::random_pin()?),
            kept => kept,
        };
        self.teach(session, record.title, teacher, epoch, pin, Some(earlier))
            .await
    }

    /// Takes the lock of those who teach with this data folder: two writers of one log would be taken for a copied key.
    fn only_teacher(&self) -> Result<(), EngineError> {
        let mut held = self.teaching.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        let path = self.data_dir.join("teaching.lock");
        let file = File::create(&path).map_err(|source| EngineError::DataDir { path, source })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(EngineError::AlreadyTeaching),
            // A file system without locks holds up nobody.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("no lock of the data folder: {error}");
            }
            Ok(()) => {}
        }
        *held = Some(file);
        Ok(())
    }

    async fn teach(
        &self,
        session: SessionId,
        title: String,
        teacher: &UnlockedTeacher,
        epoch: Epoch,
        pin: Option<Pin>,
        earlier: Option<Earlier>,
    ) -> Result<(), EngineError> {
        // Before anybody is admitted by it, so that a machine that dies goes on with it.
        self.disk.history.keep_pin(session, pin.as_ref())?;
        let session_key = SigningKey::from_bytes(&random()?);
        let public = PublicKey(session_key.verifying_key().to_bytes());
        let authority = teacher.authority(session, public, epoch, self.device, clock());
        self.command(Command::Start {
            session,
            title,
            session_key,
            authority,
            sealing: teacher.sealing_secret().clone(),
            pin,
            earlier,
        })
        .await
    }
}

/// Whether the last word of a teacher's log about it is that a PIN has to be proven.
fn asked_for_pin(log: &[Entry]) -> bool {
    let policies = log.iter().filter(|entry| entry.kind == EntryKind::Policy);
    let last = policies.max_by_key(|entry| entry.seq);
    let policy = last.and_then(|entry| serde_json::from_str::<PolicyBody>(entry.body.get()).ok());
    policy.is_some_and(|policy| policy.pin)
}
