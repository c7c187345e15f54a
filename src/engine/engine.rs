//! The handle that a window or a command line holds.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_channel::Sender;
use smol::future::block_on;

use crate::api::{
    Config, DeviceId, Diagnosis, Event, ItemId, NewPost, PublicKey, SessionId, SetId, ShareOptions,
    TextPolicy, UnixTime, Version, Warning, WarningKind,
};
use crate::core::io::Command;
use crate::core::limits::ITEM_TITLE;
use crate::core::machine::{Core, CoreConfig};
use crate::core::pin::Pin;
use crate::core::trust::FirstContact;
use crate::driver::disk::{DiskSide, Places, Receiving, Tell};
use crate::driver::events::EventQueue;
use crate::driver::history::History;
use crate::driver::share::Prepared;
use crate::driver::{Driver, Happening, Request, State, run};
use crate::error::EngineError;
use crate::net::{Net, NetConfig};
use crate::platform::files::create_private_folder;
use crate::store::database::Database;
use crate::store::keys::KeyStore;
use crate::store::scan::Skipped;

/// Events that may wait for a slow reader beside the queue that keeps the newest progress.
const EVENTS: usize = 256;

/// A running engine. Clones are handles of the same one; it ends with [`Engine::shutdown`], or
/// when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    requests: Sender<Request>,
    pub(crate) device: DeviceId,
    pub(crate) disk: Arc<DiskSide>,
    pub(crate) data_dir: PathBuf,
    /// Held from the first own session on.
    pub(crate) teaching: Arc<Mutex<Option<File>>>,
}

/// What became of a share command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The item.
    pub item: ItemId,
    /// Its version.
    pub version: Version,
    /// Number of files.
    pub files: u32,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

impl Engine {
    /// Starts an engine; its events come from the receiver. Blocks for some milliseconds.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the engine is what the configuration was made for"
    )]
    pub fn start(config: Config) -> Result<(Self, async_channel::Receiver<Event>), EngineError> {
        crate::platform::network::raise_open_files();
        make_folder(&config.data_dir).map_err(|source| EngineError::DataDir {
            path: config.data_dir.clone(),
            source,
        })?;
        let keys = KeyStore::open(&config.data_dir.join("keys"))?;
        let (happened, happenings) = async_channel::unbounded();
        let (requests, asked) = async_channel::unbounded();

        let opened = Database::open(&config.data_dir.join("history.sqlite"))?;
        let report = warner(&happened);
        if let Some(damaged) = &opened.damaged {
            let text = format!(
                "The history was damaged; a new one was begun. The old one is kept as {}.",
                damaged.display()
            );
            report(WarningKind::Database, text);
        }
        let tell: Tell = {
            let happened = happened.clone();
            Arc::new(move |input| _ = happened.try_send(Happening::Disk(input)))
        };
        let device = keys.device().clone();
        let history = History::start(
            opened.database,
            keys.clone(),
            device.id().into(),
            Box::new(report),
        )
        .map_err(system)?;
        let ended = history.ended()?;
        let places = Places::of(&config);
        let disk = DiskSide::start(places, Arc::new(history), tell).map_err(system)?;

        let net = Net::start(
            NetConfig {
                key: device.signing_key().clone(),
                port: config.port,
                interfaces: config.interfaces.clone(),
                chunks: disk.clone(),
                timing: crate::net::link::Timing::default(),
                gate: crate::net::gate::GateLimits::default(),
            },
            &{
                let happened = happened.clone();
                Arc::new(move |event| _ = happened.try_send(Happening::Net(event)))
            },
        )?;
        let net = Arc::new(net);
        disk.set_sender({
            let net = Arc::downgrade(&net);
            Box::new(move |link, record| {
                if let Some(net) = net.upgrade() {
                    net.send_record(link, record);
                }
            })
        });

        let core = Core::new(CoreConfig {
            device: device.signing_key().clone(),
            sealing: device.sealing_secret().clone(),
            person: config.person.clone(),
            trust: trust(&keys, &config, &happened)?,
            auto_join: config.auto_join,
            upload_limit: config.upload_limit,
            accept_limit: config.accept_limit,
            ended,
            seed: random()?,
        });
        let events = Arc::new(EventQueue::default());
        let (tell_people, people) = async_channel::bounded(EVENTS);
        std::thread::Builder::new()
            .name("handout-events".to_owned())
            .spawn({
                let events = events.clone();
                move || block_on(events.forward(tell_people))
            })
            .map_err(system)?;
        let driver = Driver {
            core,
            state: State::new(config.port, net.port()),
            net,
            disk: disk.clone(),
            events,
            happenings,
            requests: asked,
        };
        std::thread::Builder::new()
            .name("handout-core".to_owned())
            .spawn(move || run(driver))
            .map_err(system)?;
        let engine = Self {
            requests,
            device: device.id(),
            disk,
            data_dir: config.data_dir.clone(),
            teaching: Arc::default(),
        };
        Ok((engine, people))
    }

    /// Shares files and folders. Returns once they are scanned; sending has begun by then.
    pub async fn share(
        &self,
        session: SessionId,
        paths: Vec<PathBuf>,
        options: ShareOptions,
    ) -> Result<Shared, EngineError> {
        let title = options.title.clone().unwrap_or_else(|| title_of(&paths));
        let scan = self
            .disk
            .scan(paths)
            .await
            .map_err(|error| EngineError::NothingToShare(error.to_string()))?;
        if scan.files.is_empty() {
            let reasons: Vec<String> = scan
                .skipped
                .iter()
                .take(3)
                .map(ToString::to_string)
                .collect();
            let reasons = if reasons.is_empty() {
                "the folder has no files".to_owned()
            } else {
                reasons.join("; ")
            };
            return Err(EngineError::NothingToShare(reasons));
        }
        let (entries, bytes) = (scan.entries(), scan.bytes());
        let skipped = scan.skipped.clone();
        let files = u32::try_from(scan.files.len()).unwrap_or(u32::MAX);
        let set = SetId(random()?);
        let item = match options.replaces {
            Some(item) => item,
            None => ItemId(random()?),
        };
        let copy = options.copy;
        self.disk.prepare(
            set,
            Prepared {
                files: scan.files,
                copy,
            },
        );
        let command = Command::ShareFiles {
            session,
            item,
            set,
            title,
            files: entries,
            options,
        };
        let answer = self
            .ask(|reply| Request::Share {
                item,
                command,
                reply,
            })
            .await
            .and_then(|done| Ok(done?));
        let version = answer.inspect_err(|_| self.disk.unprepare(set))?;
        Ok(Shared {
            item,
            version,
            files,
            bytes,
            skipped,
        })
    }

    /// Posts a snippet, a link or an announcement.
    pub async fn post(&self, session: SessionId, post: NewPost) -> Result<ItemId, EngineError> {
        let item = ItemId(random()?);
        self.command(Command::Post {
            session,
            item,
            post,
        })
        .await?;
        Ok(item)
    }

    /// Withdraws an item.
    pub async fn withdraw(
        &self,
        session: SessionId,
        item: ItemId,
        reason: &str,
    ) -> Result<(), EngineError> {
        let reason = reason.to_owned();
        self.command(Command::Withdraw {
            session,
            item,
            reason,
        })
        .await
    }

    /// Writes a message.
    pub async fn say(&self, session: SessionId, text: &str) -> Result<(), EngineError> {
        let text = text.to_owned();
        self.command(Command::Say { session, text }).await
    }

    /// Sets whom students may write to.
    pub async fn set_policy(
        &self,
        session: SessionId,
        texts: TextPolicy,
    ) -> Result<(), EngineError> {
        self.command(Command::SetPolicy { session, texts }).await
    }

    /// Sets how many bytes a second each device of the own session sends at most, the teacher's
    /// too; `None` for as fast as it goes. Rates below 16 KiB a second count as that.
    pub async fn set_class_limit(
        &self,
        session: SessionId,
        upload: Option<u64>,
    ) -> Result<(), EngineError> {
        self.command(Command::SetClassLimit { session, upload })
            .await
    }

    /// Sets how many bytes a second this machine sends at most, over all sessions; `None` for as
    /// fast as it goes. A lower limit of a session's teacher goes first. Rates below 16 KiB a
    /// second count as that.
    pub async fn set_upload_limit(&self, upload: Option<u64>) -> Result<(), EngineError> {
        self.command(Command::SetUploadLimit(upload)).await
    }

    /// Joins a session that was seen.
    pub async fn join(&self, session: SessionId) -> Result<(), EngineError> {
        self.command(Command::Join(session)).await
    }

    /// Joins a session that asks for a PIN ([`crate::api::SessionState::PinWanted`]) with what the person typed.
    pub async fn enter_pin(&self, session: SessionId, pin: Pin) -> Result<(), EngineError> {
        self.command(Command::EnterPin { session, pin }).await
    }

    /// Looks for a session at an address.
    pub async fn connect(&self, address: SocketAddr) -> Result<(), EngineError> {
        self.command(Command::Connect(address)).await
    }

    /// Trusts a teacher that was shown as unknown, or forgets one.
    pub async fn trust(&self, teacher: PublicKey, trusted: bool) -> Result<(), EngineError> {
        self.command(Command::Trust { teacher, trusted }).await
    }

    /// Receives a failed or declined item again.
    pub async fn retry(&self, session: SessionId, item: ItemId) -> Result<(), EngineError> {
        self.command(Command::Retry { session, item }).await
    }

    /// Sets how many bytes of one item are received without asking; `None` for no limit. What is on its way goes on.
    pub async fn set_accept_limit(&self, most: Option<u64>) -> Result<(), EngineError> {
        self.command(Command::SetAcceptLimit(most)).await
    }

    /// Has what is received from now on go to another folder, and leaves so many bytes of its disk free. What has begun stays where
    /// it is; what failed goes to the new folder when it is tried again.
    pub fn receive_in(&self, folder: PathBuf, reserve: u64) {
        self.disk.receive_in(Receiving { folder, reserve });
    }

    /// Lets nobody read any more what a student of the own session writes, or lets them again.
    pub async fn mute(
        &self,
        session: SessionId,
        device: DeviceId,
        muted: bool,
    ) -> Result<(), EngineError> {
        self.command(Command::Mute {
            session,
            device,
            muted,
        })
        .await
    }

    /// Has students try again to receive an item of the own session that failed there. What they
    /// declined themselves stays declined.
    pub async fn ask_again(
        &self,
        session: SessionId,
        item: ItemId,
        students: Vec<DeviceId>,
    ) -> Result<(), EngineError> {
        self.command(Command::AskAgain {
            session,
            item,
            students,
            direct: false,
        })
        .await
    }

    /// Sends an item of the own session directly to students who have to wait for others: this machine serves them first, and they
    /// ask it alone while it sends and has everything. Who is not linked to this machine gets it from others as before; where it failed it is tried again.
    pub async fn send_directly(
        &self,
        session: SessionId,
        item: ItemId,
        students: Vec<DeviceId>,
    ) -> Result<(), EngineError> {
        self.command(Command::AskAgain {
            session,
            item,
            students,
            direct: true,
        })
        .await
    }

    /// Ends the own session for everybody.
    pub async fn end(&self, session: SessionId) -> Result<(), EngineError> {
        self.command(Command::End(session)).await
    }

    /// Leaves a session.
    pub async fn leave(&self, session: SessionId) -> Result<(), EngineError> {
        self.command(Command::Leave(session)).await
    }

    /// What the network looks like from here.
    pub async fn diagnosis(&self) -> Result<Diagnosis, EngineError> {
        self.ask(Request::Diagnosis).await
    }

    /// Says goodbye, gives whole files their names, and stops. Returns when that is done: within
    /// a second or two, unless the disk is slow.
    pub async fn shutdown(&self) {
        // Nothing is answered: the reply is dropped when the engine has stopped.
        let _ = self.ask(Request::Shutdown).await;
        *self.teaching.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) async fn command(&self, command: Command) -> Result<(), EngineError> {
        let done = self.ask(|reply| Request::Command(command, reply)).await?;
        Ok(done?)
    }

    async fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Result<T, EngineError> {
        let (reply, answer) = async_channel::bounded(1);
        let asked = self.requests.send(request(reply)).await;
        asked.map_err(|_| EngineError::Stopped)?;
        answer.recv().await.map_err(|_| EngineError::Stopped)
    }
}

/// Makes the data folder where it is missing, for its owner alone.
fn make_folder(path: &Path) -> std::io::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above)?;
    }
    create_private_folder(path)
}

/// What is trusted: by the person, by the whole machine, and by the settings.
fn trust(
    keys: &KeyStore,
    config: &Config,
    happened: &Sender<Happening>,
) -> Result<crate::core::trust::TrustStore, EngineError> {
    let (mut trust, bad) = keys.machine_trust()?;
    trust.set_first_contact(if config.allow_unknown_teachers {
        FirstContact::Ask
    } else {
        FirstContact::Refuse
    });
    let warn = warner(happened);
    for error in bad {
        warn(WarningKind::Refused, error.to_string());
    }
    Ok(trust)
}

/// Tells people of problems.
fn warner(happened: &Sender<Happening>) -> impl Fn(WarningKind, String) + Send + use<> {
    let happened = happened.clone();
    move |kind, text| {
        let warning = Warning {
            kind,
            session: None,
            text,
        };
        let _ = happened.try_send(Happening::Warning(warning));
    }
}

/// The title of an item that was not given one: its first path, and how many more there are.
fn title_of(paths: &[PathBuf]) -> String {
    let first = paths.first().and_then(|path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.or_else(|| {
            path.canonicalize()
                .ok()?
                .file_name()
                .map(|n| n.to_string_lossy().into())
        })
    });
    let mut title = first.unwrap_or_else(|| "/".to_owned());
    let more = match paths.len() {
        0 | 1 => String::new(),
        count => format!(" + {}", count - 1),
    };
    let mut end = title.len().min(ITEM_TITLE - more.len());
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    title.truncate(end);
    title + &more
}

pub(crate) fn clock() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime(since.map_or(0, |since| since.as_secs()))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], EngineError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| EngineError::System(error.to_string()))?;
    Ok(bytes)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn system(error: std::io::Error) -> EngineError {
    EngineError::System(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_made_of_the_paths() {
        let title = |paths: &[&str]| title_of(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(title(&["/home/a/lab3.zip"]), "lab3.zip");
        assert_eq!(title(&["/home/a/x.c", "y.c", "z"]), "x.c + 2");
        let long = "é".repeat(300);
        let made = title(&[&long, "b"]);
        assert!(made.len() <= ITEM_TITLE && made.ends_with("é + 1"));
    }
}
