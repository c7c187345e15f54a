//! A room full of machines, and what can be done to them.

use std::collections::BTreeSet;
use std::time::Duration;

use ed25519_dalek::SigningKey;

use super::audit::Audit;
use super::hostile::Flood;
use super::keys::{TeacherKeys, secret};
use super::machine::{Machine, Own};
use super::net::{self, DEAD};
use crate::api::{Event, Post, PostContent, Progress, SessionState, ShareOptions};
use crate::core::ids::{ItemId, SessionId, SetId};
use crate::core::io::{Command, CommandError, Input};
use crate::core::pin::Pin;
use crate::core::time::Moment;
use crate::core::trust::TrustStore;
use crate::core::wire::statements::{FailReason, FileEntry};
use crate::sim::class::GIGABIT;
use crate::sim::node::{Behaviour, NodeInput};
use crate::sim::world::{Line, Plan, World};

/// Events between two looks of the audit.
const LOOK: u32 = 4_000;
/// So many events at one moment never end.
const BUSY: u32 = 200_000;
/// How soon the others learn that a program has ended: its machine says so.
const TOLD: Duration = Duration::from_micros(100);

/// A class in virtual time.
pub struct Class {
    /// The network with its machines.
    pub world: World<Machine>,
    /// What must hold.
    pub audit: Audit,
    /// What students prove in the sessions that are started from now on.
    pub pin: Option<Pin>,
    seed: u64,
    items: u16,
    sessions: u8,
    steps: u32,
    /// Events at the present moment.
    same: u32,
}

/// An id with a number in it.
fn numbered(number: u16) -> [u8; 16] {
    let bytes = number.to_be_bytes();
    std::array::from_fn(|place| bytes[place % 2])
}

impl Class {
    /// An empty room.
    pub fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            audit: Audit::default(),
            pin: None,
            seed,
            items: 0,
            sessions: 0,
            steps: 0,
            same: 0,
        }
    }

    /// Adds a machine with a gigabit line on some subnets; it is switched on at once.
    pub fn host(&mut self, name: &str, nets: &[u8], trust: TrustStore) -> usize {
        self.slow_host(name, nets, trust, GIGABIT)
    }

    /// The same with a line of `rate` bytes of TCP payload a second, both ways.
    pub fn slow_host(&mut self, name: &str, nets: &[u8], trust: TrustStore, rate: f64) -> usize {
        let number = self.world.hosts();
        let machine = Machine::new(number, name, nets, trust, self.seed);
        let line = Line {
            up: rate,
            down: rate,
            poison: false,
        };
        let host = self.world.add(machine, line);
        self.switch_on(host);
        host
    }

    fn switch_on(&mut self, host: usize) {
        let interfaces = net::interfaces(self.world.node(host));
        let input = NodeInput::Own(Own::Input(Box::new(interfaces)));
        self.world.tell(host, input);
    }

    /// Lets a machine behave badly from now on.
    pub fn corrupt(&mut self, host: usize, behaviour: Behaviour) {
        self.world.node_mut(host).behaviour = behaviour;
        self.world.poison(host, behaviour == Behaviour::Poison);
    }

    /// Lets a member send nonsense for a while.
    pub fn flood(&mut self, host: usize, flood: Flood) {
        let device = self.world.node(host).core.device();
        self.audit.liars.insert(device.into());
        self.world.node_mut(host).flood(flood);
        self.world.tell(host, NodeInput::Timeout);
    }

    /// Closes a machine's firewall to everything but answers.
    pub fn close_firewall(&mut self, host: usize) {
        self.world.node_mut(host).closed = true;
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.world.now()
    }

    /// Gives a command that may be refused.
    pub fn try_command(&mut self, host: usize, command: Command) -> Result<(), CommandError> {
        let now = self.now();
        let done = self.world.node_mut(host).command(now, command);
        // What the command brought about is carried out.
        self.world.tell(host, NodeInput::Timeout);
        done
    }

    /// Gives a command; panics if it is refused.
    #[track_caller]
    pub fn command(&mut self, host: usize, command: Command) {
        let done = self.try_command(host, command);
        assert_eq!(done, Ok(()), "refused");
    }

    /// Starts a session; gives its id.
    pub fn teach(&mut self, host: usize, keys: &TeacherKeys, title: &str) -> SessionId {
        self.sessions += 1;
        let session = SessionId([self.sessions; 16]);
        self.resume(host, keys, title, session, 1);
        session
    }

    /// Begins a life of a session: the first, or the next after the teacher's program was started anew.
    #[track_caller]
    pub fn resume(
        &mut self,
        host: usize,
        keys: &TeacherKeys,
        title: &str,
        session: SessionId,
        epoch: u32,
    ) {
        let done = self.try_resume(host, keys, title, session, epoch);
        assert_eq!(done, Ok(()), "refused");
    }

    /// Tries to; gives why not.
    pub fn try_resume(
        &mut self,
        host: usize,
        keys: &TeacherKeys,
        title: &str,
        session: SessionId,
        epoch: u32,
    ) -> Result<(), CommandError> {
        let key = SigningKey::from_bytes(&secret(&format!("session {session} {epoch}")));
        let device = self.world.node(host).core.device();
        let authority = keys.authority(session, &key, device, epoch);
        let store = &self.world.node(host).store;
        let earlier = (epoch > 1).then(|| store.earlier(session));
        self.world
            .node_mut(host)
            .author(session, keys.public().into());
        let command = Command::Start {
            session,
            title: title.to_owned(),
            session_key: key,
            authority,
            sealing: keys.sealing.clone(),
            pin: self.pin.clone(),
            earlier,
        };
        self.try_command(host, command)
    }

    /// Shares files of these sizes in bytes; gives the item.
    pub fn share(&mut self, host: usize, session: SessionId, sizes: &[u64]) -> ItemId {
        let item = ItemId(numbered(self.items + 1));
        self.share_as(host, session, item, sizes, None);
        item
    }

    /// Shares a new version of an item.
    pub fn replace(&mut self, host: usize, session: SessionId, item: ItemId, sizes: &[u64]) {
        self.share_as(host, session, item, sizes, Some(item));
    }

    fn share_as(
        &mut self,
        host: usize,
        session: SessionId,
        item: ItemId,
        sizes: &[u64],
        replaces: Option<ItemId>,
    ) {
        self.items += 1;
        let set = SetId(numbered(self.items));
        let entry = |(n, size): (usize, &u64)| FileEntry {
            path: format!("f{n}"),
            size: *size,
        };
        let files: Vec<_> = sizes.iter().enumerate().map(entry).collect();
        let machine = self.world.node_mut(host);
        machine.store.sources.insert(set, files.clone());
        let title = "files".to_owned();
        let options = ShareOptions {
            replaces,
            ..ShareOptions::default()
        };
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
        self.audit.chunks += self.world.chunks(set);
    }

    /// The files of an item are no longer where they were shared from.
    pub fn lose_files(&mut self, host: usize, item: ItemId) {
        let store = &mut self.world.node_mut(host).store;
        store.sources.remove(&Self::set_of(item));
    }

    /// A set's files cannot be read any more as they were shared.
    pub fn fail(&mut self, host: usize, session: SessionId, set: SetId) {
        let machine = self.world.node_mut(host);
        let failed = Input::SetFailed {
            session,
            set,
            reason: FailReason::DiskError,
            text: "a file was changed while it was shared".to_owned(),
        };
        machine.core.handle(machine.time(), failed);
        self.world.tell(host, NodeInput::Timeout);
    }

    /// The set of an item that was shared here.
    pub fn set_of(item: ItemId) -> SetId {
        SetId(item.0)
    }

    /// Writes a message.
    #[track_caller]
    pub fn say(&mut self, host: usize, session: SessionId, text: &str) {
        let text = text.to_owned();
        self.command(host, Command::Say { session, text });
    }

    /// Ends a program at once: its machine closes the links and refuses new ones.
    pub fn kill(&mut self, host: usize) {
        self.world.carry_out(Plan::Die(host, TOLD));
    }

    /// Starts a killed program anew: its disk is as it was, its memory is empty.
    pub fn restart(&mut self, host: usize) {
        self.world.revive(host, Machine::restart);
        self.switch_on(host);
    }

    /// Takes some machines out of reach of the others, without a word.
    pub fn part(&mut self, away: &[usize]) {
        let away: BTreeSet<usize> = away.iter().copied().collect();
        self.world
            .cut(|host| usize::from(away.contains(&host)), DEAD);
    }

    /// Everybody reaches everybody again.
    pub fn heal(&mut self) {
        self.world.cut(|_| 0, DEAD);
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        self.reach(end, |_| false);
    }

    /// Lets time pass until something is so, and says how long that took; panics after `most`.
    #[track_caller]
    pub fn until(&mut self, most: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let start = self.now();
        let so = self.reach(start + most, &mut done);
        assert!(so, "did not happen within {most:?}; {:?}", self.states());
        self.now().since(start)
    }

    fn reach(&mut self, end: Moment, mut done: impl FnMut(&Self) -> bool) -> bool {
        let mut told = usize::MAX;
        loop {
            // Whatever a test may wait for, people are told.
            let now = self.told();
            if now != told && done(self) {
                return true;
            }
            told = now;
            let before = self.now();
            if !self.world.step_until(end) {
                self.look();
                return done(self);
            }
            self.same = if before == self.now() {
                self.same + 1
            } else {
                0
            };
            assert!(
                self.same < BUSY,
                "busy without end: {:?}",
                self.violations()
            );
            self.steps = self.steps.wrapping_add(1);
            if self.steps.is_multiple_of(LOOK) {
                self.look();
            }
        }
    }

    fn told(&self) -> usize {
        let hosts = 0..self.world.hosts();
        hosts.map(|host| self.world.node(host).told.len()).sum()
    }

    /// Lets the audit look at everything that is new.
    pub fn look(&mut self) {
        self.audit.look(&self.world);
    }

    /// What should never have happened and did.
    pub fn violations(&mut self) -> Vec<String> {
        self.look();
        [self.audit.violations.clone(), self.world.violations.clone()].concat()
    }

    /// Panics if anything was wrong.
    #[track_caller]
    pub fn check(&mut self) {
        assert_eq!(self.violations(), Vec::<String>::new());
    }

    /// Hash over everything that every core has said.
    pub fn trace(&self) -> [u8; 32] {
        let mut all = blake3::Hasher::new();
        for host in 0..self.world.hosts() {
            all.update(&self.world.node(host).trace());
        }
        *all.finalize().as_bytes()
    }

    /// What people at a machine were told since its program started.
    pub fn events(&self, host: usize) -> impl Iterator<Item = &Event> {
        self.world.node(host).told.iter().map(|(_, event)| event)
    }

    /// How a machine stands to the first session that it knows.
    pub fn state(&self, host: usize) -> Option<SessionState> {
        let sessions = self.world.node(host).core.sessions();
        sessions.into_iter().map(|session| session.state).next()
    }

    /// How a machine stands to a session.
    pub fn state_of(&self, host: usize, session: SessionId) -> Option<SessionState> {
        let sessions = self.world.node(host).core.sessions();
        let mut known = sessions.into_iter().filter(|view| view.session == session);
        known.next().map(|view| view.state)
    }

    /// Whether a machine takes part in the first session that it knows.
    pub fn joined(&self, host: usize) -> bool {
        self.state(host) == Some(SessionState::Joined)
    }

    fn states(&self) -> Vec<(usize, Option<SessionState>)> {
        let hosts = 0..self.world.hosts();
        hosts.map(|host| (host, self.state(host))).collect()
    }

    /// The texts that people at a machine were shown, in order.
    pub fn texts(&self, host: usize) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::Posted(Post {
                content: PostContent::Text { text },
                ..
            }) => Some(text.clone()),
            _ => None,
        };
        self.events(host).filter_map(text).collect()
    }

    /// When a machine showed a text.
    pub fn shown(&self, host: usize, wanted: &str) -> Option<Moment> {
        let shows = |event: &Event| {
            matches!(event, Event::Posted(Post { content: PostContent::Text { text }, .. })
                if text == wanted)
        };
        let told = &self.world.node(host).told;
        told.iter()
            .find(|(_, event)| shows(event))
            .map(|told| told.0)
    }

    /// When a machine had saved an item.
    pub fn saved_at(&self, host: usize, item: ItemId) -> Option<Moment> {
        let saved = |event: &Event| {
            matches!(event, Event::Item(view)
                if view.item == item && matches!(view.progress, Progress::Saved { .. }))
        };
        let told = &self.world.node(host).told;
        told.iter()
            .find(|(_, event)| saved(event))
            .map(|told| told.0)
    }

    /// Whether a machine has saved an item.
    pub fn saved(&self, host: usize, item: ItemId) -> bool {
        self.saved_at(host, item).is_some()
    }

    /// How many students the teacher's machine knows to have an item.
    pub fn delivered(&self, host: usize, item: ItemId) -> usize {
        let device = |event: &Event| match event {
            Event::Delivery(view)
                if view.item == item && matches!(view.progress, Progress::Saved { .. }) =>
            {
                Some(view.device)
            }
            _ => None,
        };
        let devices: BTreeSet<_> = self.events(host).filter_map(device).collect();
        devices.len()
    }

    /// Whether the teacher's machine has said that a copy of an item is out.
    pub fn one_copy_out(&self, host: usize, wanted: ItemId) -> bool {
        let out =
            |event: &Event| matches!(event, Event::OneCopyOut { item, .. } if *item == wanted);
        self.events(host).any(out)
    }
}
