//! A class in memory: every frame takes a millisecond, nothing is lost, disks are sets of numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use x25519_dalek::StaticSecret;

use super::keys::TeacherKeys;
use crate::api::{Event, Person, Post, PostContent, Progress, ShareOptions};
use crate::core::ids::{ChunkIndex, Hash, ItemId, LinkId, SessionId, SetId};
use crate::core::io::{ChunkOutcome, Command, Disk, Input, Interface, Output, Target};
use crate::core::layout::Layout;
use crate::core::machine::{Core, CoreConfig};
use crate::core::signed::Signed;
use crate::core::time::{Moment, Now, UnixTime};
use crate::core::trust::TrustStore;
use crate::core::wire::control::{Greeting, Lane};
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::statements::{FileEntry, LinkKind};

const PORT: u16 = 4_000;
pub const WALL: u64 = 1_800_000_000;
const TRIP: Duration = Duration::from_millis(1);

/// One machine of the class.
pub struct Host {
    pub core: Core,
    pub events: Vec<Event>,
    pub up: bool,
    nets: Vec<u8>,
    links: BTreeMap<LinkId, (usize, LinkId)>,
    sets: BTreeMap<SetId, DiskSet>,
    partial: BTreeMap<(LinkId, SetId, ChunkIndex), u32>,
    /// Entries on the disk.
    pub kept: Vec<Signed>,
    next_link: u64,
}

struct DiskSet {
    session: SessionId,
    layout: Layout,
    have: BTreeSet<ChunkIndex>,
    known: u32,
    done: bool,
    root: bool,
}

/// The class.
pub struct World {
    pub hosts: Vec<Host>,
    pub now: Moment,
    queue: BTreeMap<(Moment, u64), (usize, Input)>,
    order: u64,
    sizes: BTreeMap<SetId, Vec<u64>>,
    /// Frames that were delivered.
    pub frames: u64,
    pub wall: u64,
}

impl World {
    pub fn new() -> Self {
        Self {
            hosts: Vec::new(),
            now: Moment(1_000_000),
            queue: BTreeMap::new(),
            order: 0,
            sizes: BTreeMap::new(),
            frames: 0,
            wall: WALL,
        }
    }

    fn core(at: usize, name: &str) -> Core {
        let seed = u8::try_from(at + 1).unwrap();
        Core::new(CoreConfig {
            device: SigningKey::from_bytes(&[seed + 100; 32]),
            sealing: StaticSecret::from([seed + 100; 32]),
            person: Person {
                name: name.to_owned(),
                roll: format!("R{at}"),
                machine: format!("pc{at}"),
            },
            trust: TrustStore::default(),
            auto_join: true,
            upload_limit: None,
            ended: Vec::new(),
            seed: [seed; 32],
        })
    }

    /// Starts a killed machine anew: its disk is as it was, its memory is empty.
    pub fn restart(&mut self, host: usize) {
        let name = format!("student {host}");
        self.hosts[host].core = Self::core(host, &name);
        self.hosts[host].up = true;
        self.hosts[host].events.clear();
        self.switch_on(host);
    }

    fn switch_on(&mut self, host: usize) {
        let interfaces = self.hosts[host].nets.iter().map(|net| Interface {
            index: u32::from(*net),
            name: format!("eth{net}"),
            addresses: vec![(address(host, *net).ip(), 24)],
            kind: LinkKind::Wired,
        });
        let interfaces = interfaces.collect();
        self.input(
            host,
            Input::Interfaces {
                interfaces,
                port: PORT,
            },
        );
    }

    /// Adds a machine on some subnets; it is switched on at once.
    pub fn host(&mut self, name: &str, nets: &[u8]) -> usize {
        let at = self.hosts.len();
        let core = Self::core(at, name);
        self.hosts.push(Host {
            core,
            events: Vec::new(),
            up: true,
            nets: nets.to_vec(),
            links: BTreeMap::new(),
            sets: BTreeMap::new(),
            partial: BTreeMap::new(),
            kept: Vec::new(),
            next_link: 0,
        });
        self.switch_on(at);
        at
    }

    fn time(&self) -> Now {
        Now {
            moment: self.now,
            wall: UnixTime(self.wall + self.now.0 / 1_000_000),
        }
    }

    pub fn input(&mut self, host: usize, input: Input) {
        let now = self.time();
        self.hosts[host].core.handle(now, input);
        self.drain(host);
    }

    pub fn command(&mut self, host: usize, command: Command) {
        let now = self.time();
        self.hosts[host].core.command(now, command).unwrap();
        self.drain(host);
    }

    /// Starts a session; gives its id.
    pub fn teach(&mut self, host: usize, keys: &TeacherKeys, title: &str) -> SessionId {
        let session = SessionId([u8::try_from(host).unwrap() + 7; 16]);
        let key = SigningKey::from_bytes(&[77; 32]);
        let device = self.hosts[host].core.device();
        let authority = keys.authority(session, &key, device, 1);
        self.command(
            host,
            Command::Start {
                session,
                title: title.to_owned(),
                session_key: key,
                authority,
                sealing: keys.sealing.clone(),
            },
        );
        session
    }

    /// Shares files of these sizes; gives the item.
    pub fn share(&mut self, host: usize, session: SessionId, sizes: &[u64]) -> ItemId {
        self.order += 1;
        let number = u8::try_from(self.order % 250).unwrap();
        let (item, set) = (ItemId([number; 16]), SetId([number; 16]));
        let entry = |(n, size): (usize, &u64)| FileEntry {
            path: format!("f{n}"),
            size: *size,
        };
        let files = sizes.iter().enumerate().map(entry).collect();
        self.sizes.insert(set, sizes.to_vec());
        let (title, options) = ("files".to_owned(), ShareOptions::default());
        self.command(
            host,
            Command::ShareFiles {
                session,
                item,
                set,
                title,
                files,
                options,
            },
        );
        item
    }

    pub fn say(&mut self, host: usize, session: SessionId, text: &str) {
        self.command(
            host,
            Command::Say {
                session,
                text: text.to_owned(),
            },
        );
    }

    /// Switches a machine off: nothing reaches it, its links break.
    pub fn kill(&mut self, host: usize) {
        self.hosts[host].up = false;
        let links = std::mem::take(&mut self.hosts[host].links);
        for (peer, link) in links.into_values() {
            self.hosts[peer].links.remove(&link);
            self.later(peer, Input::LinkDown { link });
        }
    }

    fn later(&mut self, host: usize, input: Input) {
        self.order += 1;
        self.queue
            .insert((self.now + TRIP, self.order), (host, input));
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until something is so; panics after `most`.
    pub fn until(&mut self, most: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let start = self.now;
        let end = self.now + most;
        assert!(
            self.run_until(end, &mut done),
            "did not happen within {most:?}"
        );
        self.now.since(start)
    }

    fn run_until(&mut self, end: Moment, mut done: impl FnMut(&Self) -> bool) -> bool {
        let mut steps = 0_u32;
        loop {
            if done(self) {
                return true;
            }
            steps += 1;
            assert!(steps < 3_000_000, "the class is busy without end");
            let due = |host: &Host| host.core.next_timeout().filter(|_| host.up);
            let timeout = self
                .hosts
                .iter()
                .enumerate()
                .filter_map(|(at, host)| Some((due(host)?.max(self.now), at)))
                .min();
            let event = self.queue.first_key_value().map(|((at, _), _)| *at);
            match (timeout, event) {
                (Some((at, host)), event) if event.is_none_or(|event| at < event) => {
                    if at > end {
                        break;
                    }
                    self.now = at;
                    self.input(host, Input::Timeout);
                }
                (_, Some(at)) if at <= end => {
                    let (_, (host, input)) = self.queue.pop_first().unwrap();
                    self.now = at.max(self.now);
                    if matches!(input, Input::Frame { .. }) {
                        self.frames += 1;
                    }
                    if self.hosts[host].up {
                        self.deliver(host, input);
                    }
                }
                _ => break,
            }
        }
        self.now = end;
        done(self)
    }

    fn deliver(&mut self, host: usize, input: Input) {
        let stored = match &input {
            Input::RecordReceived {
                link,
                header,
                length,
            } => self.received(host, *link, header, *length),
            _ => None,
        };
        self.input(host, input);
        if let Some((link, header, done)) = stored {
            let RecordHeader {
                session,
                set,
                chunk,
                ..
            } = header;
            let outcome = ChunkOutcome::Stored;
            self.input(
                host,
                Input::Chunk {
                    link,
                    session,
                    set,
                    chunk,
                    outcome,
                },
            );
            if done {
                let path = "/received".into();
                self.input(host, Input::SetSaved { session, set, path });
            }
        }
    }

    fn received(
        &mut self,
        host: usize,
        link: LinkId,
        header: &RecordHeader,
        length: u32,
    ) -> Option<(LinkId, RecordHeader, bool)> {
        let host = &mut self.hosts[host];
        let set = host.sets.get_mut(&header.set)?;
        let key = (link, header.set, header.chunk);
        let got = host.partial.entry(key).or_default();
        *got += length;
        if *got < set.layout.chunk_len(header.chunk) {
            return None;
        }
        host.partial.remove(&key);
        assert!(
            header.chunk.0 < set.known,
            "a chunk came whose hash is not known"
        );
        set.have.insert(header.chunk);
        let done = set.root && !set.done && set.have.len() == set.layout.chunks() as usize;
        set.done |= done;
        Some((link, *header, done))
    }

    fn drain(&mut self, host: usize) {
        while let Some(output) = self.hosts[host].core.poll() {
            self.output(host, output);
        }
    }

    fn output(&mut self, from: usize, output: Output) {
        match output {
            Output::Event(event) => self.hosts[from].events.push(event),
            Output::Datagram {
                to: Target::Everybody { interface },
                bytes,
            } => {
                let net = u8::try_from(interface).unwrap();
                for to in 0..self.hosts.len() {
                    if to != from && self.hosts[to].nets.contains(&net) {
                        let (from, bytes) = (address(from, net), bytes.clone());
                        self.later(
                            to,
                            Input::Datagram {
                                interface,
                                from,
                                bytes,
                            },
                        );
                    }
                }
            }
            Output::Datagram { .. } => panic!("the core sends to everybody only"),
            Output::Dial {
                dial,
                address: to,
                expect,
            } => {
                let found = (0..self.hosts.len()).find_map(|host| {
                    let nets = &self.hosts[host].nets;
                    let net = nets.iter().find(|net| address(host, **net) == to)?;
                    self.hosts[from].nets.contains(net).then_some((host, *net))
                });
                let fits = |host: usize| {
                    self.hosts[host].up
                        && expect.is_none_or(|device| self.hosts[host].core.device() == device)
                };
                match found {
                    Some((host, net)) if fits(host) => self.connect(from, host, net, dial),
                    _ => {
                        let reason = "nobody there".to_owned();
                        self.later(from, Input::DialFailed { dial, reason });
                    }
                }
            }
            Output::Frame { link, json } => {
                if let Some(&(peer, link)) = self.hosts[from].links.get(&link) {
                    self.later(peer, Input::Frame { link, json });
                }
            }
            Output::Record {
                link,
                header,
                length,
            } => {
                let sent = Input::RecordSent {
                    link,
                    header,
                    length,
                    sent: true,
                };
                self.later(from, sent);
                if let Some(&(peer, link)) = self.hosts[from].links.get(&link) {
                    self.later(
                        peer,
                        Input::RecordReceived {
                            link,
                            header,
                            length,
                        },
                    );
                }
            }
            Output::Forget {
                link, set, chunk, ..
            } => {
                self.hosts[from].partial.remove(&(link, set, chunk));
            }
            Output::Close { link } => {
                if let Some((peer, other)) = self.hosts[from].links.remove(&link) {
                    self.hosts[peer].links.remove(&other);
                    self.later(from, Input::LinkDown { link });
                    self.later(peer, Input::LinkDown { link: other });
                }
            }
            Output::Disk(disk) => self.disk(from, disk),
        }
    }

    fn connect(&mut self, from: usize, to: usize, net: u8, dial: crate::core::ids::DialId) {
        let mut link = |host: usize| {
            self.hosts[host].next_link += 1;
            LinkId(self.hosts[host].next_link)
        };
        let (here, there) = (link(from), link(to));
        self.hosts[from].links.insert(here, (to, there));
        self.hosts[to].links.insert(there, (from, here));
        let greeting = Greeting {
            major: 1,
            minor: 0,
            features: 0,
            lane: Lane::Control,
            port: PORT,
            link: LinkKind::Wired,
        };
        for (host, link, other, dial) in [(from, here, to, Some(dial)), (to, there, from, None)] {
            let peer = self.hosts[other].core.device();
            let remote = address(other, net);
            let greeting = greeting.clone();
            self.later(
                host,
                Input::LinkUp {
                    link,
                    peer,
                    remote,
                    dial,
                    greeting,
                },
            );
            self.later(host, Input::Bulk { link, up: true });
        }
    }

    fn disk(&mut self, host: usize, disk: Disk) {
        match disk {
            Disk::Open {
                session,
                set,
                chunk_size,
                files,
                ..
            } => {
                let layout = Layout::new(chunk_size, files.iter().map(|file| file.size)).unwrap();
                let new = DiskSet {
                    session,
                    layout,
                    have: BTreeSet::new(),
                    known: 0,
                    done: false,
                    root: false,
                };
                self.hosts[host].sets.insert(set, new);
                self.later(
                    host,
                    Input::SetOpened {
                        session,
                        set,
                        have: Vec::new(),
                    },
                );
            }
            Disk::Hashes { set, first, hashes } => {
                let set = self.hosts[host].sets.get_mut(&set).unwrap();
                assert_eq!(set.known, first.0);
                set.known += u32::try_from(hashes.len()).unwrap();
            }
            Disk::Final { set: id, .. } => {
                let set = self.hosts[host].sets.get_mut(&id).unwrap();
                set.root = true;
                if !set.done && set.have.len() == set.layout.chunks() as usize {
                    set.done = true;
                    let (session, path) = (set.session, "/received".into());
                    self.later(
                        host,
                        Input::SetSaved {
                            session,
                            set: id,
                            path,
                        },
                    );
                }
            }
            Disk::Hash {
                session,
                set,
                chunk_size,
            } => {
                let layout = Layout::new(chunk_size, self.sizes[&set].iter().copied()).unwrap();
                let hashes = (0..layout.chunks())
                    .map(|n| Hash::of(&n.to_be_bytes()))
                    .collect();
                let root = Some(Hash::of(b"root"));
                self.later(
                    host,
                    Input::Hashed {
                        session,
                        set,
                        hashes,
                        root,
                    },
                );
            }
            Disk::Restore { session } => {
                let entries = self.hosts[host].kept.clone();
                self.later(host, Input::Restored { session, entries });
            }
            Disk::Entry { entry, .. } => self.hosts[host].kept.push(entry),
            Disk::Close { .. } | Disk::Session { .. } | Disk::Trust(_) => {}
        }
    }

    /// The texts that a machine was told of, in order.
    pub fn texts(&self, host: usize) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::Posted(Post {
                content: PostContent::Text { text },
                ..
            }) => Some(text.clone()),
            _ => None,
        };
        self.hosts[host].events.iter().filter_map(text).collect()
    }

    pub fn saved(&self, host: usize, item: ItemId) -> bool {
        let saved = |event: &Event| matches!(event, Event::Item(view) if view.item == item && matches!(view.progress, Progress::Saved { .. }));
        self.hosts[host].events.iter().any(saved)
    }

    /// How many students the teacher knows to have an item.
    pub fn delivered(&self, host: usize, item: ItemId) -> usize {
        let mut devices = BTreeSet::new();
        for event in &self.hosts[host].events {
            if let Event::Delivery(view) = event
                && view.item == item
                && matches!(view.progress, Progress::Saved { .. })
            {
                devices.insert(view.device);
            }
        }
        devices.len()
    }
}

fn address(host: usize, net: u8) -> SocketAddr {
    let host = u8::try_from(host + 1).unwrap();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, net, 0, host)), PORT)
}
