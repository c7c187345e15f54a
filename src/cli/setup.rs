//! From the command line to a running engine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_channel::Receiver;
use handout_engine::Engine;
use handout_engine::api::{Config, Event, InterfaceChoice, Person};

use crate::args::Global;
use crate::exit::Failure;
use crate::places;

/// Bytes of the disk that stay free.
const FREE_SPACE_RESERVE: u64 = 64 << 20;

/// Where keys and history are.
pub fn data_dir(global: &Global) -> Result<PathBuf, Failure> {
    match &global.data_dir {
        Some(dir) => Ok(dir.clone()),
        None => places::data_dir(),
    }
}

/// What a command decides about its engine.
pub struct Wanted {
    /// Who is sitting here.
    pub person: Person,
    /// Where received files go, if it was said.
    pub receive_dir: Option<PathBuf>,
    /// The most bytes of one item that are received without asking.
    pub accept_limit: Option<u64>,
    /// Whether teachers whom no trusted institution has certified may be trusted after asking.
    pub allow_unknown_teachers: bool,
}

impl Wanted {
    /// What is usual, for this person.
    pub const fn by(person: Person) -> Self {
        Self {
            person,
            receive_dir: None,
            accept_limit: None,
            allow_unknown_teachers: true,
        }
    }
}

/// Starts an engine.
pub fn start(global: &Global, wanted: Wanted) -> Result<(Engine, Receiver<Event>), Failure> {
    let receive_dir = match wanted.receive_dir {
        Some(dir) => absolute(&dir)?,
        None => places::receive_dir()?,
    };
    let interfaces = if global.interfaces.is_empty() {
        InterfaceChoice::Usual
    } else {
        InterfaceChoice::Named(global.interfaces.clone())
    };
    let config = Config {
        data_dir: absolute(&data_dir(global)?)?,
        receive_dir,
        person: wanted.person,
        interfaces,
        port: global.port,
        // Which session is joined is decided here, because a command line joins exactly one.
        auto_join: false,
        allow_unknown_teachers: wanted.allow_unknown_teachers,
        free_space_reserve: FREE_SPACE_RESERVE,
        upload_limit: global.upload_limit,
        accept_limit: wanted.accept_limit,
    };
    Ok(Engine::start(config)?)
}

/// A path that does not depend on the working folder.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::failed(format!("cannot use the path {}: {error}", path.display()))
    })
}

/// Stops an engine; gives up waiting for it after a while, so that the program always ends.
pub async fn stop(engine: &Engine) {
    let patience = async {
        smol::Timer::after(Duration::from_secs(10)).await;
        tracing::warn!("the engine did not stop in time");
    };
    futures_lite::future::or(engine.shutdown(), patience).await;
}
