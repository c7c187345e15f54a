//! The engine as the windows know it. Nothing else in this program calls it.

use std::path::PathBuf;

use handout_engine::api::{
    Config, DeviceId, Diagnosis, Event, ItemId, NewPost, PublicKey, SessionId, ShareOptions,
};
use handout_engine::store::keys::UnlockedTeacher;
use handout_engine::{Engine, Shared};

#[cfg(feature = "scenes")]
use super::scenes::Scene;
use crate::error::AppError;

/// What takes the commands: the engine, or a scene made for pictures.
#[derive(Debug, Clone)]
pub enum Backend {
    /// A running engine.
    Engine(Engine),
    /// A scene that answers like one.
    #[cfg(feature = "scenes")]
    Scene(Scene),
}

/// The same call on whatever takes the commands.
macro_rules! ask {
    ($self:ident.$call:ident($($arg:expr),*)) => {
        match $self {
            Self::Engine(engine) => Ok(engine.$call($($arg),*).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(scene) => scene.$call($($arg),*),
        }
    };
}

impl Backend {
    /// Starts the engine; its events come from the receiver.
    pub fn start(config: Config) -> Result<(Self, async_channel::Receiver<Event>), AppError> {
        let (engine, events) = Engine::start(config)?;
        Ok((Self::Engine(engine), events))
    }

    /// Starts a session.
    pub async fn start_session(
        &self,
        title: &str,
        teacher: &UnlockedTeacher,
    ) -> Result<SessionId, AppError> {
        ask!(self.start_session(title, teacher))
    }

    /// Shares files and folders.
    pub async fn share(
        &self,
        session: SessionId,
        paths: Vec<PathBuf>,
        options: ShareOptions,
    ) -> Result<Shared, AppError> {
        ask!(self.share(session, paths, options))
    }

    /// Posts a snippet, a link or an announcement.
    pub async fn post(&self, session: SessionId, post: NewPost) -> Result<ItemId, AppError> {
        ask!(self.post(session, post))
    }

    /// Withdraws an item.
    pub async fn withdraw(&self, session: SessionId, item: ItemId) -> Result<(), AppError> {
        ask!(self.withdraw(session, item, ""))
    }

    /// Writes a message.
    pub async fn say(&self, session: SessionId, text: &str) -> Result<(), AppError> {
        ask!(self.say(session, text))
    }

    /// Joins a session.
    pub async fn join(&self, session: SessionId) -> Result<(), AppError> {
        ask!(self.join(session))
    }

    /// Trusts a teacher.
    pub async fn trust(&self, teacher: PublicKey) -> Result<(), AppError> {
        ask!(self.trust(teacher, true))
    }

    /// Trusts a teacher no longer.
    pub async fn distrust(&self, teacher: PublicKey) -> Result<(), AppError> {
        ask!(self.trust(teacher, false))
    }

    /// Sets how many bytes a second this computer sends at most.
    pub async fn set_upload_limit(&self, limit: Option<u64>) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => Ok(engine.set_upload_limit(limit).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
    }

    /// Receives a failed item again.
    pub async fn retry(&self, session: SessionId, item: ItemId) -> Result<(), AppError> {
        ask!(self.retry(session, item))
    }

    /// Has students try again to receive an item.
    pub async fn ask_again(
        &self,
        session: SessionId,
        item: ItemId,
        students: Vec<DeviceId>,
    ) -> Result<(), AppError> {
        ask!(self.ask_again(session, item, students))
    }

    /// Ends the own session for everybody.
    pub async fn end(&self, session: SessionId) -> Result<(), AppError> {
        ask!(self.end(session))
    }

    /// Leaves a session.
    pub async fn leave(&self, session: SessionId) -> Result<(), AppError> {
        ask!(self.leave(session))
    }

    /// What the network looks like from here.
    pub async fn diagnosis(&self) -> Result<Diagnosis, AppError> {
        ask!(self.diagnosis())
    }

    /// Stops; returns when everything is on the disk.
    pub async fn shutdown(&self) {
        match self {
            Self::Engine(engine) => engine.shutdown().await,
            #[cfg(feature = "scenes")]
            Self::Scene(_) => {}
        }
    }
}
