//! The engine as the windows know it. Nothing else in this program calls it.

use std::net::SocketAddr;
use std::path::PathBuf;

use handout_engine::api::{
    Config, DeviceId, Diagnosis, Event, ItemId, NewPost, Pin, PublicKey, SessionId, ShareOptions,
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

    /// Starts a session; with a PIN, for those who know it.
    pub async fn start_session(
        &self,
        title: &str,
        teacher: &UnlockedTeacher,
        pin: Option<Pin>,
    ) -> Result<SessionId, AppError> {
        ask!(self.start_session(title, teacher, pin))
    }

    /// Joins a session that asks for a PIN.
    pub async fn enter_pin(&self, session: SessionId, pin: Pin) -> Result<(), AppError> {
        ask!(self.enter_pin(session, pin))
    }

    /// Goes on with an interrupted session.
    pub async fn resume_session(
        &self,
        session: SessionId,
        teacher: &UnlockedTeacher,
    ) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => Ok(engine.resume_session(session, teacher).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
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

    /// Looks for a session at an address.
    pub async fn connect(&self, address: SocketAddr) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => Ok(engine.connect(address).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
    }

    /// Trusts a teacher.
    pub async fn trust(&self, teacher: PublicKey) -> Result<(), AppError> {
        ask!(self.trust(teacher, true))
    }

    /// Trusts a teacher no longer.
    pub async fn distrust(&self, teacher: PublicKey) -> Result<(), AppError> {
        ask!(self.trust(teacher, false))
    }

    /// Sets how many bytes a second this computer sends at most, and how large items it receives without asking.
    pub async fn set_limits(
        &self,
        upload: Option<u64>,
        accept: Option<u64>,
    ) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => {
                engine.set_upload_limit(upload).await?;
                Ok(engine.set_accept_limit(accept).await?)
            }
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
    }

    /// Has what is received from now on go to another folder.
    pub fn receive_in(&self, folder: PathBuf, reserve: u64) {
        match self {
            Self::Engine(engine) => engine.receive_in(folder, reserve),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => {}
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

    /// Sends an item directly to students.
    pub async fn send_directly(
        &self,
        session: SessionId,
        item: ItemId,
        students: Vec<DeviceId>,
    ) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => Ok(engine.send_directly(session, item, students).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
    }

    /// Lets nobody read any more what a student writes, or lets them again.
    pub async fn mute(
        &self,
        session: SessionId,
        device: DeviceId,
        muted: bool,
    ) -> Result<(), AppError> {
        match self {
            Self::Engine(engine) => Ok(engine.mute(session, device, muted).await?),
            #[cfg(feature = "scenes")]
            Self::Scene(_) => Ok(()),
        }
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
