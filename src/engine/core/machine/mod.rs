//! The whole of one machine's rules: discovery, links, sessions, and the swarm beneath them.
//!
//! `Core` takes inputs and commands and queues outputs. Each session is a [`session::Session`];
//! what they have in common is [`shared::Shared`]. The swarm knows chunks and links only.

mod admission;
#[cfg(any(test, feature = "sim"))]
mod audit;
mod contacts;
mod discovery;
mod feed;
mod gate;
mod items;
mod links;
mod members;
mod pages;
mod peers;
mod posts;
mod presence;
mod session;
mod shared;
mod source;
mod status;
mod teach;
#[cfg(test)]
mod tests;
mod ticks;

pub(crate) use posts::item_content;
pub(crate) use status::delivery;

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use crate::api::{Event, LinkReport, Person, RefusedReport, SessionView};
use crate::core::ids::{DeviceId, PublicKey, SessionId};
use crate::core::io::{Command, CommandError, Input, Output};
use crate::core::limits;
use crate::core::rng::Rng;
use crate::core::swarm::{Swarm, SwarmLimits};
use crate::core::time::{Moment, Now};
use crate::core::trust::TrustStore;
use discovery::Discovery;
#[cfg(any(test, feature = "sim"))]
pub(crate) use items::sizes as chunk_sizes;
use links::Dials;
use session::Session;
use shared::Shared;

/// How a core is set up.
pub struct CoreConfig {
    /// The device's key.
    pub device: SigningKey,
    /// The device's sealing secret.
    pub sealing: StaticSecret,
    /// Who is sitting here.
    pub person: Person,
    /// What is known about keys.
    pub trust: TrustStore,
    /// Whether a trusted session is joined without asking, as long as no other one is joined.
    pub auto_join: bool,
    /// The most bytes a second to send.
    pub upload_limit: Option<u64>,
    /// The most bytes of one item that are received without asking.
    pub accept_limit: Option<u64>,
    /// Sessions that ended earlier: they are never joined by themselves.
    pub ended: Vec<(SessionId, PublicKey)>,
    /// Seed of everything random, from the system's random source.
    pub seed: [u8; 32],
}

/// The rules of one machine.
pub struct Core {
    shared: Shared,
    discovery: Discovery,
    dials: Dials,
    sessions: BTreeMap<SessionId, Session>,
    auto_join: bool,
    stopping: bool,
    /// The person's own limit, and the lowest of it and the teachers', which is in force.
    upload_limit: Option<u64>,
    upload_in_force: Option<u64>,
}

impl Core {
    /// A core that knows no network yet: the first input is [`Input::Interfaces`].
    pub fn new(config: CoreConfig) -> Self {
        let mut rng = Rng::new(config.seed);
        let id = DeviceId(config.device.verifying_key().to_bytes());
        let limits = SwarmLimits {
            upload_limit: config.upload_limit,
        };
        let swarm = Swarm::new(rng.number(), limits);
        Self {
            discovery: Discovery::new(id, config.ended),
            dials: Dials::default(),
            sessions: BTreeMap::new(),
            auto_join: config.auto_join,
            stopping: false,
            upload_limit: config.upload_limit,
            upload_in_force: config.upload_limit,
            shared: Shared {
                id,
                device: config.device,
                sealing: config.sealing,
                person: config.person,
                accept_limit: config.accept_limit,
                trust: config.trust,
                rng,
                links: BTreeMap::new(),
                interfaces: Vec::new(),
                port: 0,
                swarm,
                out: VecDeque::new(),
            },
        }
    }

    /// The own device.
    pub fn device(&self) -> DeviceId {
        self.shared.id
    }

    /// The next output, if there is one. Call until there is none after every input and command.
    pub fn poll(&mut self) -> Option<Output> {
        self.drain_swarm();
        self.shared.out.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.sessions
            .values()
            .map(|session| session.next_timeout(&self.shared))
            .chain([
                self.shared.swarm.next_timeout(),
                self.discovery.next_timeout(),
                self.dials.next_timeout(),
            ])
            .flatten()
            .min()
    }

    /// Takes an input. Whatever is due by `now` is done as well.
    #[allow(
        clippy::too_many_lines,
        reason = "one short arm for each kind of input"
    )]
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            // What is due is done below; a single file needs nothing until its set is complete.
            Input::Timeout | Input::FileSaved { .. } => {}
            Input::Interfaces { interfaces, port } => self.on_interfaces(now, interfaces, port),
            Input::Datagram {
                interface,
                from,
                bytes,
            } => {
                self.on_datagram(now, interface, from, &bytes);
            }
            Input::LinkUp {
                link,
                peer,
                remote,
                dial,
                greeting,
            } => {
                self.on_link_up(now, link, peer, remote, dial, greeting);
            }
            Input::Bulk { link, up } => self.on_bulk(now, link, up),
            Input::LinkDown { link } => self.on_link_down(now, link),
            Input::DialFailed { dial, reason } => self.dials.failed(now.moment, dial, &reason),
            Input::Frame { link, bytes } => self.on_frame(now, link, &bytes),
            Input::RecordSent {
                link,
                header,
                length,
                sent,
            } => {
                self.shared
                    .swarm
                    .record_sent(now.moment, link, &header, length, sent);
            }
            Input::RecordReceived {
                link,
                header,
                length,
            } => {
                self.shared
                    .swarm
                    .record_received(now.moment, link, &header, length);
            }
            Input::Chunk {
                link,
                session,
                set,
                chunk,
                outcome,
            } => {
                self.shared
                    .swarm
                    .chunk_done(now.moment, link, session, set, chunk, outcome);
                self.with(session, |s, shared| s.chunk_stored(shared, now, set));
            }
            Input::Restored { session, kept } => {
                self.with(session, |s, shared| s.restored(shared, now, kept));
            }
            Input::ChunkLost {
                session,
                set,
                chunk,
            } => {
                self.shared
                    .swarm
                    .chunk_lost(now.moment, session, set, chunk);
            }
            Input::SetOpened { session, set, have } => {
                self.with(session, |s, shared| s.set_opened(shared, now, set, have));
                // What is here goes out before the word that its hashes are known.
                self.drain_swarm();
                self.with(session, |s, shared| s.offer_pages(shared, now, set, None));
            }
            Input::Searching { session, set } => {
                self.with(session, |s, _| s.searching(set));
            }
            Input::ChunksFound {
                session,
                set,
                upto,
                found,
            } => {
                self.with(session, |s, shared| s.chunks_found(shared, now, set, found));
                // What is here goes out before the word that its hashes are known.
                self.drain_swarm();
                self.with(session, |s, shared| s.searched(shared, now, set, upto));
            }
            Input::SetSaved { session, set, path } => {
                self.with(session, |s, shared| s.set_saved(shared, now, set, path));
            }
            Input::SetFailed {
                session,
                set,
                reason,
                text,
            } => {
                self.with(session, |s, shared| {
                    s.set_failed(shared, now, set, reason, &text);
                });
            }
            Input::Hashed {
                session,
                set,
                hashes,
                root,
            } => {
                self.with(session, |s, shared| {
                    s.hashed(shared, now, set, &hashes, root);
                });
            }
        }
        self.on_time(now);
    }

    /// Takes a command.
    pub fn command(&mut self, now: Now, command: Command) -> Result<(), CommandError> {
        let done = self.run(now, command);
        self.on_time(now);
        done
    }

    /// Keeps to the lowest limit of the person and of the teachers of joined sessions.
    fn limit_upload(&mut self, now: Now) {
        let joined = self.sessions.values();
        let limit = joined
            .filter(|session| session.active() && !session.ended)
            .filter_map(|session| session.feed.policy.upload)
            .chain(self.upload_limit)
            .min()
            .map(|limit| limit.max(limits::LEAST_UPLOAD));
        if limit != self.upload_in_force {
            self.upload_in_force = limit;
            let limits = SwarmLimits {
                upload_limit: limit,
            };
            self.shared.swarm.set_limits(now.moment, limits);
        }
    }

    fn on_time(&mut self, now: Now) {
        self.limit_upload(now);
        if self
            .shared
            .swarm
            .next_timeout()
            .is_some_and(|due| due <= now.moment)
        {
            self.shared.swarm.timeout(now.moment);
        }
        self.drain_swarm();
        self.discover(now);
        let ids: Vec<_> = self.sessions.keys().copied().collect();
        for id in ids {
            self.with(id, |session, shared| session.on_time(shared, now));
            self.dial_members(now, id);
        }
        self.dial_due(now);
    }

    fn with<T>(
        &mut self,
        id: SessionId,
        act: impl FnOnce(&mut Session, &mut Shared) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(&id)?;
        Some(act(session, &mut self.shared))
    }

    /// What is known of all sessions.
    pub fn sessions(&self) -> Vec<SessionView> {
        self.sessions
            .values()
            .map(|session| session.view(&self.shared))
            .collect()
    }

    /// Connected peers.
    pub fn links(&self) -> Vec<LinkReport> {
        let report = |link: &shared::Link| LinkReport {
            device: link.peer,
            remote: link.remote,
            dialled: link.dialled,
            bulk: link.bulk,
        };
        self.shared.links.values().map(report).collect()
    }

    /// The latest refusals, newest first.
    pub fn refused(&self, now: Now) -> Vec<RefusedReport> {
        self.discovery.refused(now.moment)
    }

    fn tell(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get(&id) {
            let view = session.view(&self.shared);
            self.shared.event(Event::Session(view));
        }
    }
}
