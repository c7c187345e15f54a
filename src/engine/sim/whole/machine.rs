//! One machine of a simulated class: a core, its disk, and what people there were told.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::hostile::{Flood, Flooder};
use super::keys::secret;
use super::net;
use super::store::{Done, Store};
use crate::api::{Event, Person};
use crate::core::ids::{AuthorId, DeviceId, DialId, LinkId, SessionId, SetId};
use crate::core::io::{ChunkOutcome, Command, CommandError, Input, Output, Target, Ways};
use crate::core::machine::{Core, CoreConfig};
use crate::core::signed::Signed;
use crate::core::swarm::ChunkSizes;
use crate::core::time::{Moment, Now, UnixTime};
use crate::core::trust::TrustStore;
use crate::core::wire::control::Control;
use crate::core::wire::frame::MAX_CONTROL;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::{Entry, ItemBody, ItemContent};
use crate::sim::node::{Behaviour, Node, NodeInput, NodeOutput};
use crate::sim::world::World;

/// What the clock on the wall says when a simulation starts.
pub const WALL: u64 = 1_800_000_000;
/// A core that wants so many timeouts at one moment never sleeps.
const BUSY: u32 = 200;

/// What the machine wants of the network, and of time.
pub enum Want {
    /// Send a datagram.
    Datagram {
        /// Where.
        to: Target,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Connect.
    Dial {
        /// The attempt.
        dial: DialId,
        /// Where.
        address: SocketAddr,
        /// Who must be there.
        expect: Option<DeviceId>,
    },
    /// Close a link.
    Close(LinkId),
    /// The disk's answer, after a while.
    Later(Duration, Input),
    /// A set is at home here.
    Source(SetId, ChunkSizes),
    /// More nonsense, after a while.
    Flood(Duration),
}

/// What happens to a machine beside what happens on its links.
pub enum Own {
    /// An input of its core.
    Input(Box<Input>),
    /// The next nonsense is due.
    Flood,
}

/// A machine with one program on it.
pub struct Machine {
    /// Who it is.
    pub name: String,
    /// Its number in the class.
    pub number: usize,
    /// The subnets that it is on.
    pub nets: Vec<u8>,
    /// Nothing comes in but answers.
    pub closed: bool,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// The rules.
    pub core: Core,
    /// The disk.
    pub store: Store,
    /// What people were told since the program started, and when.
    pub told: Vec<(Moment, Event)>,
    /// The ways that its datagrams to everybody took.
    pub cast: Vec<Ways>,
    /// Times that the program was started.
    pub starts: u32,
    /// What should never happen and did.
    pub violations: Vec<String>,
    /// The teachers' logs that are written here.
    own_logs: BTreeSet<(SessionId, AuthorId)>,
    pub(super) links: BTreeSet<LinkId>,
    seed: u64,
    ready: VecDeque<NodeOutput<Vec<u8>, Want>>,
    lied: BTreeSet<(LinkId, SetId)>,
    flooder: Option<Flooder>,
    now: Moment,
    timeouts: u32,
    trace: blake3::Hasher,
}

impl Machine {
    /// A machine that is switched on, and that knows no network yet.
    pub fn new(number: usize, name: &str, nets: &[u8], trust: TrustStore, seed: u64) -> Self {
        let store = Store::new(trust);
        Self {
            core: Self::program(number, name, &store, seed, 0),
            name: name.to_owned(),
            number,
            nets: nets.to_vec(),
            closed: false,
            behaviour: Behaviour::Honest,
            store,
            told: Vec::new(),
            cast: Vec::new(),
            starts: 1,
            violations: Vec::new(),
            own_logs: BTreeSet::new(),
            links: BTreeSet::new(),
            seed,
            ready: VecDeque::new(),
            lied: BTreeSet::new(),
            flooder: None,
            now: Moment(0),
            timeouts: 0,
            trace: blake3::Hasher::new(),
        }
    }

    fn program(number: usize, name: &str, store: &Store, seed: u64, life: u32) -> Core {
        let own = Self::key(number);
        Core::new(CoreConfig {
            sealing: StaticSecret::from(own.to_bytes()),
            device: own,
            person: Person {
                name: name.to_owned(),
                roll: format!("R{number}"),
                machine: format!("pc{number}"),
            },
            trust: store.trust.clone(),
            auto_join: true,
            upload_limit: None,
            accept_limit: None,
            ended: store.ended.clone(),
            seed: secret(&format!("chance {seed} {number} {life}")),
        })
    }

    /// The device key of a machine.
    pub fn key(number: usize) -> SigningKey {
        SigningKey::from_bytes(&secret(&format!("device {number}")))
    }

    /// Starts the program anew: the disk is as it was, memory is empty.
    pub fn restart(&mut self) {
        let (number, life) = (self.number, self.starts);
        self.core = Self::program(number, &self.name, &self.store, self.seed, life);
        self.starts += 1;
        self.told.clear();
        self.links.clear();
        self.ready.clear();
        self.lied.clear();
    }

    /// A teacher's log is written here.
    pub fn author(&mut self, session: SessionId, author: AuthorId) {
        self.own_logs.insert((session, author));
    }

    /// Whether a log is written here.
    pub fn writes(&self, session: SessionId, author: AuthorId) -> bool {
        author == self.core.device().into() || self.own_logs.contains(&(session, author))
    }

    /// Both clocks.
    pub fn time(&self) -> Now {
        Now {
            moment: self.now,
            wall: UnixTime(WALL + self.now.0 / 1_000_000),
        }
    }

    /// Takes a command of a person.
    pub fn command(&mut self, now: Moment, command: Command) -> Result<(), CommandError> {
        self.now = now;
        self.core.command(self.time(), command)
    }

    /// Begins to send nonsense.
    pub fn flood(&mut self, flood: Flood) {
        let key = Self::key(self.number);
        self.flooder = Some(Flooder::new(key, flood));
        self.ready
            .push_back(NodeOutput::Want(Want::Flood(Duration::ZERO)));
    }

    /// Hash over everything that the core has said so far.
    pub fn trace(&self) -> [u8; 32] {
        *self.trace.finalize().as_bytes()
    }

    fn input(&mut self, input: Input) {
        match &input {
            Input::LinkUp { link, .. } => _ = self.links.insert(*link),
            Input::LinkDown { link } => _ = self.links.remove(link),
            _ => {}
        }
        self.core.handle(self.time(), input);
    }

    fn done(&mut self, done: Done) {
        let wants = done.wants.into_iter().map(NodeOutput::Want);
        self.ready.extend(wants);
        if let Some(wrong) = done.wrong {
            self.wrong(&wrong);
        }
        if let Some(input) = done.input {
            self.input(input);
        }
    }

    pub(super) fn wrong(&mut self, what: &str) {
        let (name, now) = (&self.name, self.now);
        self.violations.push(format!("{now:?}: {name}: {what}"));
    }

    /// Whether a liar keeps a message from its core; it may say something instead.
    fn lies(&mut self, link: LinkId, bytes: &[u8]) -> bool {
        let pages = self.behaviour == Behaviour::FalsePages;
        match Control::decode(bytes) {
            Ok(Control::PageWanted { .. }) => pages,
            Ok(Control::Request { .. }) => !pages,
            Ok(Control::Entries { session, entries }) if pages => {
                for set in entries.iter().filter_map(set_of) {
                    self.offer_false_pages(session, set);
                }
                false
            }
            Ok(Control::PagesHere { session, set, .. })
                if !pages && self.lied.insert((link, set)) =>
            {
                let have = Control::Have {
                    session,
                    set,
                    chunks: Ranges::default(),
                    owner: false,
                    all: true,
                };
                let message = have.encode();
                self.ready.push_back(NodeOutput::Message { link, message });
                false
            }
            _ => false,
        }
    }

    /// Tells everybody, before anybody else can, that all pages of a set are here.
    fn offer_false_pages(&mut self, session: SessionId, set: SetId) {
        let offer = Control::PagesHere {
            session,
            set,
            files: u32::MAX,
            hashes: u32::MAX,
            last: true,
        };
        for &link in &self.links {
            let message = offer.encode();
            self.ready.push_back(NodeOutput::Message { link, message });
        }
    }

    fn note(&mut self, output: &Output) {
        self.trace.update(&self.now.0.to_be_bytes());
        if let Output::Frame { link, bytes } = output {
            self.trace.update(&link.0.to_be_bytes());
            self.trace.update(bytes);
        } else {
            self.trace.update(format!("{output:?}").as_bytes());
        }
    }
}

/// The set of files that an entry hands out.
fn set_of(signed: &Signed) -> Option<SetId> {
    let entry = signed.peek::<Entry>().ok()?;
    let item: ItemBody = serde_json::from_str(entry.body.get()).ok()?;
    match item.content {
        ItemContent::Files { set } => Some(set.id),
        _ => None,
    }
}

impl Node for Machine {
    type Message = Vec<u8>;
    type Own = Own;
    type Want = Want;

    fn want(world: &mut World<Self>, host: usize, want: Want) {
        match want {
            Want::Datagram { to, bytes } => net::datagram(world, host, &to, &bytes),
            Want::Dial {
                dial,
                address,
                expect,
            } => net::dial(world, host, dial, address, expect),
            Want::Close(link) => world.close(host, link),
            Want::Later(after, input) => world.later(after, host, Own::Input(Box::new(input))),
            Want::Source(set, sizes) => world.add_set(set, sizes, host),
            Want::Flood(after) => world.later(after, host, Own::Flood),
        }
    }

    fn size(message: &Vec<u8>) -> u32 {
        u32::try_from(message.len()).unwrap_or(u32::MAX)
    }

    fn handle(&mut self, now: Moment, input: NodeInput<Vec<u8>, Own>) {
        let again = now == self.now && matches!(input, NodeInput::Timeout);
        self.timeouts = if again { self.timeouts + 1 } else { 0 };
        if self.timeouts == BUSY {
            self.wrong("the core is never done with this moment");
        }
        self.now = now;
        match input {
            NodeInput::Timeout => self.input(Input::Timeout),
            // Machines learn of their links when they are greeted: see `net`.
            NodeInput::LinkUp { .. } => {}
            NodeInput::LinkDown { link } => self.input(Input::LinkDown { link }),
            NodeInput::Message { link, message } => {
                let liar = matches!(self.behaviour, Behaviour::FalseHave | Behaviour::FalsePages);
                if !liar || !self.lies(link, &message) {
                    self.input(Input::Frame {
                        link,
                        bytes: message,
                    });
                }
            }
            NodeInput::RecordSent {
                link,
                header,
                length,
            } => self.input(Input::RecordSent {
                link,
                header,
                length,
                sent: true,
            }),
            NodeInput::RecordReceived {
                link,
                header,
                length,
            } => self.input(Input::RecordReceived {
                link,
                header,
                length,
            }),
            NodeInput::Chunk {
                link,
                session,
                set,
                chunk,
                outcome,
            } => {
                if outcome == ChunkOutcome::Stored {
                    let done = self.store.stored(set, chunk);
                    self.done(done);
                }
                self.input(Input::Chunk {
                    link,
                    session,
                    set,
                    chunk,
                    outcome,
                });
            }
            NodeInput::Own(Own::Input(input)) => self.input(*input),
            NodeInput::Own(Own::Flood) => {
                if let Some(flooder) = &mut self.flooder {
                    let links: Vec<LinkId> = self.links.iter().copied().collect();
                    self.ready.extend(flooder.more(now, &links));
                }
            }
        }
    }

    fn poll(&mut self) -> Option<NodeOutput<Vec<u8>, Want>> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let output = self.core.poll()?;
            self.note(&output);
            match output {
                Output::Datagram { to, bytes } => {
                    if let Target::Everybody { ways, .. } = to {
                        self.cast.push(ways);
                    }
                    return Some(NodeOutput::Want(Want::Datagram { to, bytes }));
                }
                Output::Dial {
                    dial,
                    address,
                    expect,
                } => {
                    return Some(NodeOutput::Want(Want::Dial {
                        dial,
                        address,
                        expect,
                    }));
                }
                Output::Frame {
                    link,
                    bytes: message,
                } => {
                    if message.len() > MAX_CONTROL {
                        self.wrong("a control frame is longer than anybody takes");
                    }
                    return Some(NodeOutput::Message { link, message });
                }
                Output::Record { .. } if self.behaviour == Behaviour::Stall => {}
                Output::Record {
                    link,
                    header,
                    length,
                } => {
                    return Some(NodeOutput::Record {
                        link,
                        header,
                        length,
                    });
                }
                Output::Forget {
                    link, set, chunk, ..
                } => return Some(NodeOutput::Forget { link, set, chunk }),
                Output::Close { link } => return Some(NodeOutput::Want(Want::Close(link))),
                Output::Disk(disk) => {
                    let done = self.store.carry_out(disk);
                    self.done(done);
                }
                Output::Event(event) => self.told.push((self.now, event)),
            }
        }
    }

    fn next_timeout(&self) -> Option<Moment> {
        self.core.next_timeout()
    }

    fn heap(&self) -> usize {
        self.core.heap()
    }
}
