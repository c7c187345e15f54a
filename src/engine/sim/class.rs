//! A teacher and students: what is simulated, and what came out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::node::{Behaviour, Node, SwarmNode, device};
use super::world::{Line, Plan, World};
use crate::core::ids::{DeviceId, SessionId, SetId};
use crate::core::layout::chunk_size;
use crate::core::swarm::{BadPeer, Bond, ChunkSizes, Clusters, SetSpec};
use crate::core::time::Moment;
use crate::core::wire::ranges::Ranges;

/// Gigabit Ethernet in bytes of TCP payload a second.
pub const GIGABIT: f64 = 117.7e6;

/// A Wi-Fi cell: see `world/air.rs`.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Bytes of TCP payload that its air carries in a second.
    pub rate: f64,
    /// The hosts that are its stations.
    pub stations: BTreeSet<usize>,
}

/// A class and what happens to it. Host 0 is the teacher, students count from 1.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Number of students.
    pub students: usize,
    /// Bytes of the one set.
    pub bytes: u64,
    /// Rate of every line in bytes of TCP payload a second, both ways.
    pub rate: f64,
    /// Students whose lines have this part of the rate.
    pub slow: Vec<(usize, f64)>,
    /// Students who behave badly.
    pub hostile: Vec<(usize, Behaviour)>,
    /// Hosts that vanish: when, as a part of one copy's time.
    pub dying: Vec<(usize, f64)>,
    /// After which time the others notice that a host has vanished.
    pub noticed: Duration,
    /// Students who join later: when, as a part of one copy's time.
    pub late: Vec<(usize, f64)>,
    /// Who is linked to whom; everybody if `None`.
    pub links: Option<Vec<(usize, usize)>>,
    /// Wi-Fi cells; hosts in none of them have a line.
    pub cells: Vec<Cell>,
    /// Hosts that say they are wireless and are not.
    pub mislabelled: BTreeSet<usize>,
    /// Part of the packets that is lost.
    pub loss: f64,
    /// Where chance starts.
    pub seed: u64,
    /// The longest that a student may go without a byte while others could help.
    pub patience: Duration,
    /// Bytes of a chunk, where it is not what the program would choose.
    pub chunk: Option<u32>,
}

impl Scenario {
    /// Equal lines, everybody linked to everybody, nothing bad.
    pub fn new(students: usize, bytes: u64, rate: f64) -> Self {
        Self {
            students,
            bytes,
            rate,
            slow: Vec::new(),
            hostile: Vec::new(),
            dying: Vec::new(),
            noticed: Duration::from_millis(1),
            late: Vec::new(),
            links: None,
            cells: Vec::new(),
            mislabelled: BTreeSet::new(),
            loss: 0.0,
            seed: 1,
            patience: Duration::from_secs(20),
            chunk: None,
        }
    }

    /// Bytes of a chunk.
    pub fn chunk_size(&self) -> u32 {
        let class = u32::try_from(self.students).unwrap_or(u32::MAX);
        self.chunk.unwrap_or_else(|| chunk_size(self.bytes, class))
    }

    fn sizes(&self) -> ChunkSizes {
        ChunkSizes::run(self.bytes, self.chunk_size())
    }

    /// Time of one copy over the teacher's uplink, in seconds.
    pub fn copy_time(&self) -> f64 {
        self.bytes as f64 / self.rate
    }

    pub(super) fn share(&self, host: usize) -> f64 {
        let slow = self.slow.iter().find(|&&(who, _)| who == host);
        slow.map_or(1.0, |&(_, share)| share)
    }

    pub(super) fn behaviour(&self, host: usize) -> Behaviour {
        let bad = self.hostile.iter().find(|&&(who, _)| who == host);
        bad.map_or(Behaviour::Honest, |&(_, behaviour)| behaviour)
    }

    /// Lower bound for the last student: `max(F/u_s, F/d_min, N·F/(u_s + Σu_i))` (Kumar and Ross
    /// 2006), in seconds, over students with a full line.
    pub fn bound(&self) -> f64 {
        let shares: f64 = (0..=self.students).map(|host| self.share(host)).sum();
        let wanted: f64 = (1..=self.students).map(|host| self.share(host)).sum();
        let air = self.cells.iter().map(|cell| self.air_bound(cell));
        air.fold(
            self.copy_time().max(wanted * self.copy_time() / shares),
            f64::max,
        )
    }

    /// The least time that the air of a cell needs, in seconds. A copy comes down for each of its
    /// students, and goes up once from the teacher if it is in there; where there is nothing but this
    /// cell, every copy goes up.
    fn air_bound(&self, cell: &Cell) -> f64 {
        let teacher = usize::from(cell.stations.contains(&0));
        let down = cell.stations.len() - teacher;
        let alone = cell.stations.len() == self.students + 1;
        let up = if alone { down } else { teacher };
        (down + up) as f64 * self.bytes as f64 / cell.rate
    }

    fn moment(&self, part: f64) -> Moment {
        Moment(0) + Duration::from_secs_f64(part * self.copy_time())
    }

    /// Runs it to its end.
    pub fn run(&self) -> Report {
        let sizes = self.sizes();
        let mut world = World::new(self.seed);
        world.loss = self.loss;
        let stations = self.cells.iter().flat_map(|cell| &cell.stations);
        let wireless: BTreeSet<usize> = stations.chain(&self.mislabelled).copied().collect();
        for host in 0..=self.students {
            let spec = SetSpec {
                session: SessionId([1; 16]),
                set: SetId([2; 16]),
                priority: 0,
                sizes: sizes.clone(),
                source: host == 0,
                have: Ranges::default(),
                hashes: sizes.count,
            };
            let joined = self.joined(host);
            let behaviour = self.behaviour(host);
            let seed = self.seed.wrapping_mul(0x1_0001).wrapping_add(host as u64);
            let line = Line {
                up: self.rate * self.share(host),
                down: self.rate * self.share(host),
                poison: behaviour == Behaviour::Poison,
            };
            let mut node = SwarmNode::new(joined, seed, behaviour, spec, self.clusters(host));
            node.wireless.clone_from(&wireless);
            node.host = host;
            world.add(node, line);
        }
        for cell in &self.cells {
            let number = world.add_cell(cell.rate);
            for &host in &cell.stations {
                world.enter_cell(host, number);
            }
        }
        world.add_set(SetId([2; 16]), sizes, 0);
        for (a, b) in self.pairs() {
            world.plan(self.joined(a).max(self.joined(b)), Plan::Connect(a, b));
        }
        for &(host, part) in &self.dying {
            world.plan(self.moment(part), Plan::Die(host, self.noticed));
        }
        let samples = self.watch(&mut world);
        self.report(&world, samples)
    }

    fn joined(&self, host: usize) -> Moment {
        let late = self.late.iter().find(|&&(who, _)| who == host);
        late.map_or(Moment(0), |&(_, part)| self.moment(part))
    }

    /// How the class is spread over clusters, as a host sees it.
    fn clusters(&self, host: usize) -> Clusters {
        Clusters::new(device(host), host == 0, self.students)
    }

    /// The cluster in which a student is.
    pub fn cluster(&self, host: usize) -> u32 {
        self.clusters(host).own()
    }

    /// Who is linked to whom, the smaller one first.
    fn pairs(&self) -> Vec<(usize, usize)> {
        self.links.clone().unwrap_or_else(|| {
            let students = || (1..=self.students).map(|host| (device(host), host));
            let hosts: BTreeMap<DeviceId, usize> = students().collect();
            let near = |host: &usize| self.clusters(0).bond(device(*host), false) == Bond::Near;
            let taught = (1..=self.students).filter(near).map(|host| (0, host));
            let linked = students().flat_map(|(own, host)| {
                let all = hosts.keys().copied();
                let partners = self.clusters(host).partners(own, all);
                let partners = partners.into_iter().map(|device| hosts[&device]);
                let pairs = partners
                    .filter(|&other| other > host)
                    .map(|other| (host, other));
                pairs.collect::<Vec<_>>()
            });
            taught.chain(linked).collect()
        })
    }

    /// Lets time pass until everybody who can has everything, and looks after the invariants.
    fn watch(&self, world: &mut World<SwarmNode>) -> Vec<Sample> {
        let mut samples = vec![Sample::default()];
        let pace = Duration::from_secs_f64(self.copy_time() / 20.0);
        let limit = self.moment(1_000.0) + Duration::from_secs(100);
        let chunks = u64::from(self.sizes().count);
        let memory = 65_536 + (self.students + 1) * (4_096 + usize::try_from(chunks).unwrap_or(0));
        loop {
            for _ in 0..2_000.max(self.students * 200) {
                if !world.step() {
                    return samples;
                }
            }
            let now = world.now();
            if now.since(samples[samples.len() - 1].at) >= pace {
                samples.push(self.sample(world));
            }
            let mut open = false;
            for host in (1..=self.students).filter(|&host| world.alive(host)) {
                if self.behaviour(host) == Behaviour::FalseHave
                    || world.node(host).completed.is_some()
                {
                    continue;
                }
                open = true;
                let since = now.since(world.heard(host).max(self.joined(host)));
                if since > self.patience {
                    let text = format!("{now:?}: host {host} waits for {since:?}");
                    world.violations.push(text);
                    return samples;
                }
                let heap = world.node(host).heap();
                if heap > memory {
                    let text = format!("{now:?}: host {host} holds {heap} bytes");
                    world.violations.push(text);
                    return samples;
                }
            }
            if !open || now > limit {
                return samples;
            }
        }
    }

    fn sample(&self, world: &World<SwarmNode>) -> Sample {
        let had = |host| world.node(host).progress().map_or(0, |p| p.have_bytes);
        Sample {
            at: world.now(),
            sent: (0..=self.students)
                .map(|host| world.bytes(host).0)
                .collect(),
            received: (0..=self.students)
                .map(|host| world.bytes(host).1)
                .collect(),
            had: (0..=self.students).map(had).collect(),
            lost: world.lost,
        }
    }

    fn report(&self, world: &World<SwarmNode>, samples: Vec<Sample>) -> Report {
        let students: Vec<Student> = (1..=self.students)
            .map(|host| {
                let done = world.node(host).completed;
                let time = done.map(|at| at.since(self.joined(host)).as_secs_f64());
                Student {
                    host,
                    share: self.share(host),
                    alive: world.alive(host),
                    late: self.joined(host) > Moment(0),
                    honest: self.behaviour(host) == Behaviour::Honest,
                    time,
                    sent: world.bytes(host).0,
                    received: world.bytes(host).1,
                    accused: world.node(host).bad.clone(),
                }
            })
            .collect();
        Report {
            bound: self.bound(),
            copy_time: self.copy_time(),
            bytes: self.bytes,
            teacher_sent: world.bytes(0).0,
            one_copy: world.node(0).one_copy.map(|at| at.0 as f64 / 1e6),
            students,
            crossed: (0..self.cells.len())
                .map(|cell| world.crossed(cell))
                .collect(),
            lost: world.lost,
            control: world.control,
            events: world.events,
            trace: world.trace,
            violations: world.violations.clone(),
            samples,
        }
    }
}

/// How far everybody was at a moment.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The moment.
    pub at: Moment,
    /// Payload sent by each host so far, in bytes.
    pub sent: Vec<u64>,
    /// Payload received by each host so far, in bytes.
    pub received: Vec<u64>,
    /// Bytes verified at each host.
    pub had: Vec<u64>,
    /// Bytes lost so far.
    pub lost: u64,
}

/// How one student fared.
#[derive(Debug, Clone)]
pub struct Student {
    /// Its host.
    pub host: usize,
    /// Part of the usual rate.
    pub share: f64,
    /// It did not vanish.
    pub alive: bool,
    /// It joined later.
    pub late: bool,
    /// It behaved.
    pub honest: bool,
    /// From joining to everything verified, in seconds.
    pub time: Option<f64>,
    /// Payload sent, in bytes.
    pub sent: u64,
    /// Payload received, in bytes.
    pub received: u64,
    /// Whom it reported, and why.
    pub accused: Vec<(usize, BadPeer)>,
}

/// What came out of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Lower bound in seconds.
    pub bound: f64,
    /// Time of one copy over a full line, in seconds.
    pub copy_time: f64,
    /// Bytes of the set.
    pub bytes: u64,
    /// Payload that the teacher sent, in bytes.
    pub teacher_sent: u64,
    /// When one copy was out, in seconds.
    pub one_copy: Option<f64>,
    /// All students.
    pub students: Vec<Student>,
    /// Bytes that crossed the air of each cell.
    pub crossed: Vec<f64>,
    /// Bytes lost in full queues or on the way.
    pub lost: u64,
    /// Control messages, and their bytes on the wire.
    pub control: (u64, u64),
    /// Number of events.
    pub events: u64,
    /// Hash over all events.
    pub trace: u64,
    /// Invariants that did not hold.
    pub violations: Vec<String>,
    /// Every twentieth of one copy's time.
    pub samples: Vec<Sample>,
}

impl Report {
    /// Time of the last usual student (full line, there from the start, still there, honest) over
    /// the bound; infinite if one did not finish.
    pub fn ratio(&self) -> f64 {
        let usual = |s: &&Student| s.share >= 1.0 && s.alive && !s.late && s.honest;
        let times = self.students.iter().filter(usual).map(|s| s.time);
        let last = times.map(|time| time.unwrap_or(f64::INFINITY));
        last.fold(0.0, f64::max) / self.bound
    }

    /// The longest time of the late or slow ones over one copy's time on their own line.
    pub fn others_ratio(&self) -> f64 {
        let other = |s: &&Student| (s.share < 1.0 || s.late) && s.alive && s.honest;
        let others = self.students.iter().filter(other);
        let ratios = others.map(|s| {
            let own = self.copy_time / s.share;
            s.time.map_or(f64::INFINITY, |time| time / own)
        });
        ratios.fold(0.0, f64::max)
    }

    /// Copies that the teacher sent.
    pub fn copies(&self) -> f64 {
        self.teacher_sent as f64 / self.bytes as f64
    }

    /// Part of all received payload that was not needed.
    pub fn waste(&self) -> f64 {
        let all: u64 = self.students.iter().map(|s| s.received).sum();
        let done = self.students.iter().filter(|s| s.time.is_some()).count();
        all as f64 / (done as f64 * self.bytes as f64) - 1.0
    }
}
