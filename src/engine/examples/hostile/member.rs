//! Attacks by a device that was admitted like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use handout_engine::api::InterfaceChoice;
use handout_engine::core::announce::{Body, Datagram};
use handout_engine::core::ids::{
    AuthorId, ChunkIndex, DeviceId, DialId, Epoch, Hash, LinkId, Nonce, PublicKey, SealingKey, Seq,
    SessionId, SetId,
};
use handout_engine::core::io::Input;
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::time::UnixTime;
use handout_engine::core::wire::control::{Control, Member};
use handout_engine::core::wire::frame::{MAX_RECORD, RecordHeader};
use handout_engine::core::wire::ranges::Ranges;
use handout_engine::core::wire::statements::{
    Audience, Authority, Certificate, Contact, Entry, EntryKind, Grant, ItemBody, ItemContent,
    Join, SetHeader, Token,
};
use handout_engine::net::assembly::ChunkLengths;
use handout_engine::net::bulk::Outgoing;
use handout_engine::net::event::NetEvent;
use handout_engine::net::gate::GateLimits;
use handout_engine::net::link::Timing;
use handout_engine::net::{Net, NetConfig};
use serde_json::json;
use serde_json::value::RawValue;

use crate::datagrams::PORT;
use crate::{Failure, Words, tell};

/// From its admission to the first attack.
const SETTLED: Duration = Duration::from_millis(500);

/// Lengths of chunks, as far as sets are known.
#[derive(Default)]
struct Lengths(Mutex<BTreeMap<SetId, SetHeader>>);

impl Lengths {
    fn sets(&self) -> Vec<SetHeader> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.values().cloned().collect()
    }
}

impl ChunkLengths for Lengths {
    fn length(&self, header: &RecordHeader) -> Option<u32> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.get(&header.set).map(|set| set.chunk_size)
    }
}

/// A session that was heard of.
struct Heard {
    session: SessionId,
    authority: Authority,
    teacher: AuthorId,
}

struct Intruder {
    attack: String,
    key: SigningKey,
    net: Net,
    events: Receiver<NetEvent>,
    lengths: Arc<Lengths>,
    heard: Heard,
    token: Option<Signed>,
    /// When it was admitted.
    admitted: Option<Instant>,
    links: BTreeMap<LinkId, DeviceId>,
    dialled: BTreeSet<DeviceId>,
    dials: u64,
    /// By how many seconds its entries are dated back.
    age: u64,
    seq: Seq,
    previous: Option<Hash>,
    mine: Vec<Signed>,
    theirs: Vec<Signed>,
    told: u64,
    asked_for: u64,
    given: u64,
}

/// Joins the session of `to` and attacks it until interrupted.
pub fn attack(attack: &str, words: &Words) -> Result<(), Failure> {
    let to: IpAddr = words.get("to")?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    let (sender, events) = mpsc::channel();
    let lengths = Arc::new(Lengths::default());
    let config = NetConfig {
        key: key.clone(),
        port: PORT,
        interfaces: InterfaceChoice::Named(vec!["eth0".to_owned()]),
        chunks: lengths.clone(),
        timing: Timing::default(),
        gate: GateLimits::default(),
    };
    let sink = Arc::new(move |event| _ = sender.send(event));
    let net = Net::start(config, &(sink as _))?;
    let heard = loop {
        if let NetEvent::Input(Input::Datagram { bytes, .. }, _) = events.recv()?
            && let Some(heard) = read(&bytes)
        {
            break heard;
        }
    };
    let mut intruder = Intruder {
        attack: attack.to_owned(),
        key,
        net,
        events,
        lengths,
        heard,
        token: None,
        admitted: None,
        links: BTreeMap::new(),
        dialled: BTreeSet::new(),
        dials: 0,
        age: words.or("age", 0)?,
        seq: Seq(0),
        previous: None,
        mine: Vec::new(),
        theirs: Vec::new(),
        told: 0,
        asked_for: 0,
        given: 0,
    };
    intruder.dial(SocketAddr::new(to, PORT));
    intruder.run()
}

fn read(bytes: &[u8]) -> Option<Heard> {
    let Body::Announcement(announcement) = Datagram::decode(bytes).ok()?.body else {
        return None;
    };
    let grant: Grant = announcement.authority.grant.peek().ok()?;
    let certificate: Certificate = announcement.authority.certificate.peek().ok()?;
    Some(Heard {
        session: grant.session,
        teacher: certificate.teacher.into(),
        authority: announcement.authority,
    })
}

impl Intruder {
    fn run(&mut self) -> Result<(), Failure> {
        let (mut acted, mut told) = (Instant::now(), Instant::now());
        loop {
            match self.events.recv_timeout(Duration::from_millis(10)) {
                Ok(event) => self.take(event),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
            // Whom the others do not know yet as a member, they do not listen to.
            let settled = self.admitted.is_some_and(|at| at.elapsed() > SETTLED);
            if settled && acted.elapsed() >= Duration::from_millis(10) {
                acted = Instant::now();
                self.act();
            }
            if told.elapsed() >= Duration::from_secs(1) {
                told = Instant::now();
                let (links, sets) = (self.links.len(), self.lengths.sets().len());
                tell(
                    "did",
                    json!({ "links": links, "sets": sets, "sent": self.told, "asked_for": self.asked_for, "given": self.given }),
                );
                self.every_second();
            }
        }
    }

    fn device(&self) -> DeviceId {
        DeviceId(self.key.verifying_key().to_bytes())
    }

    fn dial(&mut self, to: SocketAddr) {
        self.dials += 1;
        self.net.dial(DialId(self.dials), to, None);
    }

    fn now() -> UnixTime {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default();
        UnixTime(since.as_secs())
    }

    fn take(&mut self, event: NetEvent) {
        match event {
            NetEvent::Input(Input::LinkUp { link, peer, .. }, _) => {
                self.links.insert(link, peer);
                self.enter(link);
                if self.token.is_none() {
                    self.join(link);
                }
            }
            NetEvent::Input(Input::LinkDown { link }, _) => _ = self.links.remove(&link),
            NetEvent::Input(Input::Frame { link, bytes }, _) => {
                if let Ok(message) = Control::decode(&bytes) {
                    self.read(link, message);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, link: LinkId, message: Control) {
        match message {
            Control::Members { members, .. } => {
                for member in members {
                    self.meet(member);
                }
            }
            Control::Entries { entries, .. } => {
                for entry in entries {
                    self.note(entry);
                }
            }
            Control::Denied { why, .. } => tell("denied", json!({ "why": why })),
            Control::Lack { author, from, .. } if author == self.device().into() => {
                self.repeat(link, from);
            }
            Control::Bye { code, text } => tell("bye", json!({ "code": code, "text": text })),
            Control::Request { set, chunks, .. } => {
                let count = chunks.iter(u32::MAX).count();
                self.asked_for += u64::try_from(count).unwrap_or(0);
                if self.attack == "poison" {
                    self.poison(link, set, &chunks);
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, message: &Control) {
        let bytes = message.encode();
        for &link in self.links.keys() {
            self.net.send(link, bytes.clone());
            self.told += 1;
        }
    }

    fn enter(&self, link: LinkId) {
        let enter = Control::Enter {
            session: self.heard.session,
            token: self.token.clone(),
            authority: Some(self.heard.authority.clone()),
            title: String::new(),
            nonce: Nonce([7; 16]),
        };
        self.net.send(link, enter.encode());
    }

    fn join(&self, link: LinkId) {
        let since = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default();
        let join = Join {
            session: self.heard.session,
            device: self.device(),
            name: "Mallory".to_owned(),
            roll: "66".to_owned(),
            machine: "mallory".to_owned(),
            sealing: SealingKey(self.device().0),
            sequence: u64::try_from(since.as_micros()).unwrap_or(0),
            pin: None,
        };
        let join = Signed::seal(Domain::Join, &join, &self.key);
        let session = self.heard.session;
        self.net.send(
            link,
            Control::Join {
                session,
                join,
                hops: 0,
            }
            .encode(),
        );
    }

    /// The own token, or somebody to connect to.
    fn meet(&mut self, member: Member) {
        let Ok(token) = member.token.peek::<Token>() else {
            return;
        };
        if token.device == self.device() {
            if self.token.is_none() {
                self.token = Some(member.token);
                self.admitted = Some(Instant::now());
                tell("ready", json!({ "links": self.links.len() }));
                let links: Vec<_> = self.links.keys().copied().collect();
                for link in links {
                    self.enter(link);
                }
            }
            return;
        }
        let Some(contact) = member
            .contact
            .and_then(|contact| contact.peek::<Contact>().ok())
        else {
            return;
        };
        let address = contact.addresses.iter().find(|address| address.is_ipv4());
        if let Some(&address) = address
            && self.dialled.insert(contact.device)
        {
            self.dial(SocketAddr::new(address, contact.port));
        }
    }

    /// Keeps what the teacher wrote, and learns of its sets.
    fn note(&mut self, signed: Signed) {
        let Ok(entry) = signed.peek::<Entry>() else {
            return;
        };
        if entry.author != self.heard.teacher {
            return;
        }
        if let Ok(ItemBody {
            content: ItemContent::Files { set },
            ..
        }) = serde_json::from_str(entry.body.get())
        {
            let mut sets = self
                .lengths
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            sets.insert(set.id, set);
        }
        self.theirs.push(signed);
    }

    /// What the attack does a hundred times a second.
    fn act(&mut self) {
        match self.attack.as_str() {
            "talk" => {
                let entries = (0..8).map(|_| self.own("nonsense")).collect();
                self.send(&Control::Entries {
                    session: self.heard.session,
                    entries,
                });
            }
            "forge" => self.forge(),
            _ => {}
        }
    }

    fn every_second(&mut self) {
        if self.token.is_none() {
            return;
        }
        let session = self.heard.session;
        for set in self.lengths.sets() {
            let chunks = Ranges(vec![(0, set.chunks.saturating_sub(1))]);
            match self.attack.as_str() {
                "lie" | "poison" => {
                    let (files, mut hashes) = (set.file_pages, set.hash_pages);
                    if self.attack == "lie" {
                        // More than anybody could ask for.
                        hashes = u32::MAX;
                    }
                    self.send(&Control::PagesHere {
                        session,
                        set: set.id,
                        files,
                        hashes,
                        last: true,
                    });
                    self.send(&Control::Have {
                        session,
                        set: set.id,
                        chunks,
                        owner: false,
                        all: true,
                    });
                }
                "leech" => self.send(&Control::Request {
                    session,
                    set: set.id,
                    chunks,
                }),
                _ => {}
            }
        }
    }

    /// Gives other bytes than asked for.
    fn poison(&mut self, link: LinkId, id: SetId, chunks: &Ranges) {
        let Some(set) = self.lengths.sets().into_iter().find(|set| set.id == id) else {
            return;
        };
        for ChunkIndex(chunk) in chunks.iter(set.chunks) {
            let start = u64::from(chunk) * u64::from(set.chunk_size);
            let left = set
                .bytes
                .saturating_sub(start)
                .min(u64::from(set.chunk_size));
            let length = usize::try_from(left).unwrap_or(0);
            let bytes: Arc<[u8]> = vec![0x66; length].into();
            for offset in (0..length).step_by(MAX_RECORD) {
                let header = RecordHeader {
                    session: self.heard.session,
                    set: id,
                    chunk: ChunkIndex(chunk),
                    offset: u32::try_from(offset).unwrap_or(0),
                    owner: false,
                };
                let range = offset..(offset + MAX_RECORD).min(length);
                self.net.send_record(
                    link,
                    Outgoing {
                        header,
                        chunk: bytes.clone(),
                        range,
                    },
                );
            }
            self.given += 1;
        }
    }

    /// An entry of the own log.
    fn own(&mut self, text: &str) -> Signed {
        self.seq = self.seq.next();
        let body = json!({ "t": format!("{text} {}", self.seq.0) });
        let signed = self.entry(self.device().into(), self.seq, EntryKind::Text, &body);
        self.previous = Some(signed.hash());
        self.mine.push(signed.clone());
        signed
    }

    /// Sends what somebody lacks of the own log.
    fn repeat(&mut self, link: LinkId, Seq(from): Seq) {
        let skipped = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let entries: Vec<_> = self.mine.iter().skip(skipped).take(100).cloned().collect();
        let session = self.heard.session;
        self.net
            .send(link, Control::Entries { session, entries }.encode());
    }

    fn entry(
        &self,
        author: AuthorId,
        seq: Seq,
        kind: EntryKind,
        body: &serde_json::Value,
    ) -> Signed {
        let entry = Entry {
            session: self.heard.session,
            author,
            epoch: Epoch(u32::from(author == self.heard.teacher)),
            seq,
            previous: self.previous,
            audience: Audience::All,
            kind,
            time: UnixTime(Self::now().0.saturating_sub(self.age)),
            body: RawValue::from_string(body.to_string()).unwrap_or_default(),
        };
        Signed::seal(Domain::Entry, &entry, &self.key)
    }

    /// A handful of entries that nobody may take: as the teacher, above a student's rights, altered, replayed, out of order.
    fn forge(&mut self) {
        let (teacher, own) = (self.heard.teacher, AuthorId::from(self.device()));
        let next = Seq(u64::try_from(self.theirs.len()).unwrap_or(0) + 1);
        let announcement = json!({ "i": "FxcXFxcXFxcXFxcXFxcXFw", "v": 1, "n": "forged", "c": "announcement", "text": "forged" });
        let device = PublicKey(self.device().0);
        let mut entries = vec![
            self.entry(teacher, next, EntryKind::Text, &json!({ "t": "forged" })),
            self.entry(teacher, next, EntryKind::Item, &announcement),
            self.entry(own, Seq(1), EntryKind::Item, &announcement),
            self.entry(own, Seq(1), EntryKind::Policy, &json!({ "t": "nothing" })),
            self.entry(
                own,
                Seq(1),
                EntryKind::Mute,
                &json!({ "d": device, "m": true }),
            ),
            self.entry(own, Seq(1), EntryKind::End, &json!({ "w": "forged" })),
            self.entry(own, Seq(5_000), EntryKind::Text, &json!({ "t": "forged" })),
        ];
        for genuine in self.theirs.iter().rev().take(4) {
            let mut altered = genuine.clone();
            let text = String::from_utf8_lossy(&altered.body).replace("\"all\"", "\"teacher\"");
            altered.body = text.into_bytes();
            entries.extend([altered, genuine.clone(), genuine.clone()]);
        }
        let session = self.heard.session;
        for entry in entries {
            self.send(&Control::Entries {
                session,
                entries: vec![entry],
            });
        }
    }
}
