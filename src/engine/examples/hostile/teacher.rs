//! Attacks by somebody who has a teacher's key, in a session of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use handout_engine::api::InterfaceChoice;
use handout_engine::core::announce::{Announcement, Body, Datagram, Header};
use handout_engine::core::ids::{
    AuthorId, ChunkIndex, DeviceId, Epoch, Hash, ItemId, LinkId, Nonce, Seq, SessionId, SetId,
};
use handout_engine::core::io::{Input, Target, Ways};
use handout_engine::core::limits;
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::time::UnixTime;
use handout_engine::core::wire::control::{Control, Member};
use handout_engine::core::wire::frame::{MAX_RECORD, RecordHeader};
use handout_engine::core::wire::ranges::Ranges;
use handout_engine::core::wire::statements::{
    Admission, Announce, Audience, Authority, Certificate, Entry, EntryKind, Fresh, Grant, Join,
    ReceiveState, Status, Tick, Token,
};
use handout_engine::net::assembly::ChunkLengths;
use handout_engine::net::bulk::Outgoing;
use handout_engine::net::event::NetEvent;
use handout_engine::net::gate::GateLimits;
use handout_engine::net::link::Timing;
use handout_engine::net::{Net, NetConfig};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::datagrams::{PORT, announcement, device, random};
use crate::sets::Given;
use crate::{Failure, Words, lies, tell};

/// Records that are on their way to one student at a time, at most.
const UNDERWAY: usize = 64;

/// Nobody sends a teacher chunks.
struct Nothing;

impl ChunkLengths for Nothing {
    fn length(&self, _: &RecordHeader) -> Option<u32> {
        None
    }
}

/// A student's link.
struct Student {
    device: DeviceId,
    underway: usize,
    /// Chunks that are to be sent, and whether they were not asked for.
    waiting: VecDeque<(SetId, ChunkIndex, bool)>,
    /// The sets that it is ready to receive.
    ready: BTreeSet<SetId>,
    pushed: bool,
}

/// A teacher who means harm, and its session.
pub struct Teacher {
    /// The session's key, which is the device's too.
    pub key: SigningKey,
    /// The session.
    pub session: SessionId,
    /// The author of its log.
    pub author: AuthorId,
    /// The log, as far as it is told to whoever asks for it.
    pub log: Vec<Signed>,
    /// The sets that are shared.
    pub sets: BTreeMap<SetId, Given>,
    /// What is said again every half a second: not everybody is a member at once.
    pub repeated: Vec<Control>,
    /// What its ticks say the time is, where that is not the clock's.
    pub time: Option<UnixTime>,
    /// Devices that have saved something.
    pub saved: BTreeSet<DeviceId>,
    /// The announcements of other sessions that are sent beside its own.
    pub others: Vec<Vec<u8>>,
    items: BTreeMap<ItemId, SetId>,
    authority: Authority,
    title: String,
    net: Net,
    events: Receiver<NetEvent>,
    students: BTreeMap<LinkId, Student>,
    members: BTreeMap<DeviceId, Member>,
    interfaces: Vec<u32>,
    sequence: u64,
    asked: u64,
    given: u64,
}

/// Starts a session, waits for its students, and attacks them until interrupted.
pub fn teach(attack: &str, words: &Words) -> Result<(), Failure> {
    let title: String = words.get("title")?;
    let wanted: usize = words.get("students")?;
    let mut teacher = Teacher::start(&title)?;
    tell("ready", json!({}));
    let (start, mut acted, mut told) = (Instant::now(), Instant::now(), 0);
    let (mut begun, mut filled) = (false, false);
    loop {
        match teacher.events.recv_timeout(Duration::from_millis(50)) {
            Ok(event) => teacher.take(event),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
        if acted.elapsed() >= Duration::from_millis(500) {
            acted = Instant::now();
            teacher.announce()?;
            teacher.tick();
            for message in &teacher.repeated {
                teacher.send_all(message);
            }
        }
        if !begun && teacher.members.len() >= wanted {
            begun = true;
            lies::begin(attack, words, &mut teacher)?;
            teacher.offer_all();
            tell(
                "begun",
                json!({ "entries": teacher.log.len(), "sets": teacher.sets.len() }),
            );
        }
        if attack == "disk" && !filled && teacher.saved.len() >= wanted {
            filled = true;
            lies::many(&mut teacher)?;
            teacher.offer_all();
        }
        if start.elapsed().as_secs() > told {
            told = start.elapsed().as_secs();
            let (links, asked, given) = (teacher.students.len(), teacher.asked, teacher.given);
            tell(
                "did",
                json!({ "links": links, "asked_for": asked, "given": given }),
            );
        }
    }
}

/// The time by this machine's clock.
pub fn now() -> UnixTime {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    UnixTime(since.unwrap_or_default().as_secs())
}

impl Teacher {
    fn start(title: &str) -> Result<Self, Failure> {
        let (own, key) = (
            SigningKey::from_bytes(&random()),
            SigningKey::from_bytes(&random()),
        );
        let first = announcement(&own, &key, None, "Dr. Evil", title)?;
        let grant: Grant = first.authority.grant.peek()?;
        let certificate: Certificate = first.authority.certificate.peek()?;
        let (sender, events) = mpsc::channel();
        let config = NetConfig {
            key: key.clone(),
            port: PORT,
            interfaces: InterfaceChoice::Named(vec!["eth0".to_owned()]),
            chunks: Arc::new(Nothing),
            timing: Timing::default(),
            gate: GateLimits::default(),
        };
        let sender = Mutex::new(sender);
        let sink = Arc::new(move |event| {
            _ = sender
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .send(event);
        });
        let net = Net::start(config, &(sink as _))?;
        let mut teacher = Self {
            key,
            session: grant.session,
            author: certificate.teacher.into(),
            log: Vec::new(),
            sets: BTreeMap::new(),
            repeated: Vec::new(),
            time: None,
            saved: BTreeSet::new(),
            others: Vec::new(),
            items: BTreeMap::new(),
            authority: first.authority,
            title: title.to_owned(),
            net,
            events,
            students: BTreeMap::new(),
            members: BTreeMap::new(),
            interfaces: Vec::new(),
            sequence: 0,
            asked: 0,
            given: 0,
        };
        let authority = serde_json::to_value(&teacher.authority)?;
        teacher.write(EntryKind::Grant, &authority);
        Ok(teacher)
    }

    fn announce(&mut self) -> Result<(), Failure> {
        self.sequence += 1;
        let announce = Announce {
            session: self.session,
            sequence: self.sequence,
            title: self.title.clone(),
            port: self.net.port(),
            admission: Admission::Open,
            life: 15_000,
            time: now(),
        };
        let announcement = Announcement {
            authority: self.authority.clone(),
            announce: Signed::seal(Domain::Announce, &announce, &self.key),
        };
        let header = Header::own(self.net.port(), device(&self.key), 0);
        let body = Body::Announcement(announcement);
        let own = Datagram { header, body }.encode();
        let own = own.ok_or("the title is too long")?;
        for bytes in self.others.iter().chain([&own]) {
            for &interface in &self.interfaces {
                let ways = Ways::Broadcast;
                self.net
                    .send_datagram(&Target::Everybody { interface, ways }, bytes);
            }
        }
        Ok(())
    }

    fn tick(&self) {
        let tick = Tick {
            session: self.session,
            epoch: Epoch(1),
            sequence: self.sequence,
            head: Seq(self.log.len() as u64),
            time: self.time.unwrap_or_else(now),
        };
        let tick = Signed::seal(Domain::Tick, &tick, &self.key);
        let session = self.session;
        self.send_all(&Control::Tick {
            session,
            tick,
            hops: 0,
        });
    }

    /// Sends a message to every student.
    pub fn send_all(&self, message: &Control) {
        let bytes = message.encode();
        for &link in self.students.keys() {
            self.net.send(link, bytes.clone());
        }
    }

    fn take(&mut self, event: NetEvent) {
        match event {
            NetEvent::Input(Input::Interfaces { interfaces, .. }, _) => {
                self.interfaces = interfaces.iter().map(|one| one.index).collect();
            }
            NetEvent::Input(Input::LinkUp { link, peer, .. }, _) => {
                let student = Student {
                    device: peer,
                    underway: 0,
                    waiting: VecDeque::new(),
                    ready: BTreeSet::new(),
                    pushed: false,
                };
                self.students.insert(link, student);
            }
            NetEvent::Input(Input::LinkDown { link }, _) => _ = self.students.remove(&link),
            NetEvent::Input(Input::RecordSent { link, .. }, _) => {
                if let Some(student) = self.students.get_mut(&link) {
                    student.underway = student.underway.saturating_sub(1);
                }
                self.go_on(link);
            }
            NetEvent::Input(Input::Frame { link, bytes }, _) => {
                if let Ok(message) = Control::decode(&bytes)
                    && message
                        .session()
                        .is_none_or(|session| session == self.session)
                {
                    self.read(link, message);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, link: LinkId, message: Control) {
        let session = self.session;
        match message {
            Control::Ping => self.net.send(link, Control::Pong.encode()),
            Control::Enter { nonce, .. } => self.enter(link, nonce),
            Control::Join { join, .. } => self.admit(link, &join),
            Control::Members { members, .. } => {
                for member in members
                    .into_iter()
                    .filter(|member| member.contact.is_some())
                {
                    if let Ok(token) = member.token.peek::<Token>() {
                        self.members.insert(token.device, member);
                    }
                }
                self.send_members();
            }
            Control::LackMembers { .. } => self.send_members(),
            Control::Digest { .. } => {
                self.digest(link);
                self.offer(link);
            }
            Control::Lack { author, from, .. } if author == self.author => {
                let from = usize::try_from(from.0.saturating_sub(1)).unwrap_or(usize::MAX);
                let entries = self.log.get(from..).unwrap_or_default().to_vec();
                self.send_entries(Some(link), &entries);
            }
            Control::PageWanted {
                set, kind, number, ..
            } => {
                self.asked += 1;
                let given = self.sets.get_mut(&set);
                if let Some(page) = given.and_then(|given| given.page(kind, number, &self.key)) {
                    self.net
                        .send(link, Control::Page { session, set, page }.encode());
                }
            }
            Control::Status { list, .. } => {
                for status in list
                    .iter()
                    .filter_map(|signed| signed.peek::<Status>().ok())
                {
                    if status.state == ReceiveState::Saved {
                        self.saved.insert(status.device);
                    }
                    let set = self.items.get(&status.item).copied();
                    if let Some(set) = set.filter(|_| status.state == ReceiveState::Receiving) {
                        self.have(link, set);
                        self.push(link, set);
                    }
                }
            }
            Control::Request { set, chunks, .. } => {
                let Some(most) = self.sets.get(&set).map(|given| given.header.chunks) else {
                    return;
                };
                if let Some(student) = self.students.get_mut(&link) {
                    let asked = chunks.iter(most).map(|chunk| (set, chunk, false));
                    student.waiting.extend(asked);
                }
                self.go_on(link);
            }
            _ => {}
        }
    }

    fn enter(&self, link: LinkId, nonce: Nonce) {
        let session = self.session;
        let enter = Control::Enter {
            session,
            token: None,
            authority: Some(self.authority.clone()),
            title: self.title.clone(),
            nonce: Nonce(random()),
        };
        let device = self
            .students
            .get(&link)
            .map_or(DeviceId([0; 32]), |student| student.device);
        let fresh = Fresh {
            session,
            epoch: Epoch(1),
            nonce,
            device,
            time: now(),
        };
        let proof = Signed::seal(Domain::Fresh, &fresh, &self.key);
        self.net.send(link, enter.encode());
        self.net
            .send(link, Control::Fresh { session, proof }.encode());
        self.digest(link);
        self.offer(link);
    }

    fn admit(&mut self, link: LinkId, join: &Signed) {
        let Ok(join) = join.peek::<Join>() else {
            return;
        };
        if !self.members.contains_key(&join.device) {
            let member = Member {
                token: self.token(&join),
                contact: None,
            };
            self.members.insert(join.device, member);
        }
        let members = vec![self.members[&join.device].clone()];
        let session = self.session;
        self.net
            .send(link, Control::Members { session, members }.encode());
        self.digest(link);
    }

    /// Admits whoever asked.
    pub fn token(&self, join: &Join) -> Signed {
        let token = Token {
            session: self.session,
            epoch: Epoch(1),
            device: join.device,
            name: join.name.clone(),
            roll: join.roll.clone(),
            machine: join.machine.clone(),
            sealing: join.sealing,
            sequence: join.sequence,
        };
        Signed::seal(Domain::Token, &token, &self.key)
    }

    fn send_members(&self) {
        let all: Vec<_> = self.members.values().cloned().collect();
        for part in all.chunks(limits::MEMBERS_PER_MESSAGE) {
            let (session, members) = (self.session, part.to_vec());
            self.send_all(&Control::Members { session, members });
        }
    }

    fn digest(&self, link: LinkId) {
        let heads = BTreeMap::from([(self.author, Seq(self.log.len() as u64))]);
        let (session, members) = (self.session, 0);
        self.net.send(
            link,
            Control::Digest {
                session,
                heads,
                members,
            }
            .encode(),
        );
    }

    /// Offers every set to one student.
    fn offer(&self, link: LinkId) {
        for (&set, given) in &self.sets {
            let ([files, hashes, last], session) = (given.offer, self.session);
            let last = last > 0;
            let here = Control::PagesHere {
                session,
                set,
                files,
                hashes,
                last,
            };
            self.net.send(link, here.encode());
        }
    }

    /// Says to one student that every chunk of a set is here.
    fn have(&self, link: LinkId, set: SetId) {
        let (session, owner, all) = (self.session, false, true);
        let chunks = Ranges::default();
        self.net.send(
            link,
            Control::Have {
                session,
                set,
                chunks,
                owner,
                all,
            }
            .encode(),
        );
    }

    fn offer_all(&self) {
        for &link in self.students.keys() {
            self.digest(link);
            self.offer(link);
        }
    }

    /// Sends entries to one student, or to all.
    pub fn send_entries(&self, link: Option<LinkId>, entries: &[Signed]) {
        let mut rest = entries;
        while !rest.is_empty() {
            let mut size = 0;
            let few = rest.iter().take_while(|entry| {
                size += entry.body.len();
                size <= limits::BYTES_PER_MESSAGE
            });
            let (now, later) = rest.split_at(few.count().max(1));
            rest = later;
            let (session, entries) = (self.session, now.to_vec());
            let message = Control::Entries { session, entries };
            match link {
                Some(link) => self.net.send(link, message.encode()),
                None => self.send_all(&message),
            }
        }
    }

    /// The next entry of the log, or one that says it is another.
    pub fn entry(&self, seq: Seq, time: UnixTime, kind: EntryKind, body: Box<RawValue>) -> Signed {
        let entry = Entry {
            session: self.session,
            author: self.author,
            epoch: Epoch(1),
            seq,
            previous: self.previous(),
            audience: Audience::All,
            kind,
            time,
            body,
        };
        Signed::seal(Domain::Entry, &entry, &self.key)
    }

    /// The hash of the last entry.
    pub fn previous(&self) -> Option<Hash> {
        self.log.last().map(Signed::hash)
    }

    /// The number of the next entry.
    pub fn next(&self) -> Seq {
        Seq(self.log.len() as u64 + 1)
    }

    /// Writes an entry into the log.
    pub fn write(&mut self, kind: EntryKind, body: &serde_json::Value) {
        let body = to_raw_value(body).unwrap_or_default();
        let entry = self.entry(self.next(), now(), kind, body);
        self.log.push(entry);
    }

    /// Shares a set under a title.
    pub fn share(&mut self, title: &str, given: Given) {
        let item = ItemId(random());
        let body = json!({ "i": item, "v": 1, "n": title, "c": "files", "set": given.header });
        self.write(EntryKind::Item, &body);
        self.items.insert(item, given.header.id);
        self.sets.insert(given.header.id, given);
    }

    /// A student is ready for a set that is to be given unasked: once there are many of them, it gets a chunk of each, then the
    /// next of each.
    fn push(&mut self, link: LinkId, set: SetId) {
        let chunks = match self.sets.get(&set) {
            Some(given) if given.pushed => given.header.chunks,
            _ => return,
        };
        let Some(student) = self.students.get_mut(&link) else {
            return;
        };
        student.ready.insert(set);
        if student.pushed || student.ready.len() < lies::PUSHED {
            return;
        }
        student.pushed = true;
        for chunk in 0..chunks {
            let next = student
                .ready
                .iter()
                .map(|&id| (id, ChunkIndex(chunk), true));
            student.waiting.extend(next);
        }
        self.go_on(link);
    }

    /// Sends what waits, as far as there is room.
    fn go_on(&mut self, link: LinkId) {
        let Some(student) = self.students.get_mut(&link) else {
            return;
        };
        while student.underway < UNDERWAY
            && let Some((set, chunk, owner)) = student.waiting.pop_front()
        {
            let Some(given) = self.sets.get(&set) else {
                continue;
            };
            let bytes: Arc<[u8]> = given.chunk(chunk).into();
            for offset in (0..bytes.len()).step_by(MAX_RECORD) {
                let header = RecordHeader {
                    session: self.session,
                    set,
                    chunk,
                    offset: u32::try_from(offset).unwrap_or(0),
                    owner,
                };
                let range = offset..(offset + MAX_RECORD).min(bytes.len());
                let chunk = bytes.clone();
                student.underway += 1;
                self.net.send_record(
                    link,
                    Outgoing {
                        header,
                        chunk,
                        range,
                    },
                );
            }
            self.given += 1;
        }
    }
}
