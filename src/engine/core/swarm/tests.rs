//! Small classes on a network that takes a millisecond for everything; the simulator has the rest.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::large_enum_variant
)]

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::core::wire::ranges::Ranges;

const SESSION: SessionId = SessionId([1; 16]);
const SET: SetId = SetId([2; 16]);

/// Says that everything is here.
fn everything() -> Control {
    Control::Have {
        session: SESSION,
        set: SET,
        chunks: Ranges::default(),
        owner: false,
        all: true,
    }
}

enum Event {
    Control(usize, LinkId, Control),
    Record(usize, LinkId, RecordHeader, u32),
    Sent(usize, LinkId, RecordHeader, u32),
}

/// A class: node 0 is the teacher. The link between `a` and `b` is number `a * 100 + b` at `a`.
struct Class {
    now: Moment,
    nodes: Vec<Swarm>,
    queue: VecDeque<Event>,
    got: BTreeMap<(usize, LinkId, ChunkIndex), u32>,
    sizes: ChunkSizes,
    done: Vec<usize>,
    one_copy: bool,
    poisoner: Option<usize>,
    bad: Vec<(usize, BadPeer)>,
    /// One who does nothing until then: its machine is busy with something else.
    busy: Option<(usize, Moment)>,
    /// How many times a chunk came to somebody.
    came: BTreeMap<(usize, ChunkIndex), u32>,
}

impl Class {
    fn new(count: usize, bytes: u64, links: &[(usize, usize)]) -> Self {
        let sizes = ChunkSizes::run(bytes, 16_384);
        let mut nodes: Vec<Swarm> = (0..count)
            .map(|n| Swarm::new(n as u64, SwarmLimits::default()))
            .collect();
        for (number, node) in nodes.iter_mut().enumerate() {
            node.open_set(
                Moment(0),
                SetSpec {
                    session: SESSION,
                    set: SET,
                    priority: 0,
                    sizes: sizes.clone(),
                    source: number == 0,
                    have: Ranges::default(),
                    hashes: sizes.count,
                },
            );
        }
        for (a, b) in links.iter().flat_map(|&(a, b)| [(a, b), (b, a)]) {
            let link = LinkId((a * 100 + b) as u64);
            let device = DeviceId([b as u8; 32]);
            nodes[a].bulk(Moment(0), link, true);
            nodes[a].peer_entered(Moment(0), SESSION, link, device, b == 0, LinkKind::Wired);
        }
        Self {
            now: Moment(0),
            nodes,
            queue: VecDeque::new(),
            got: BTreeMap::new(),
            sizes,
            done: Vec::new(),
            one_copy: false,
            poisoner: None,
            bad: Vec::new(),
            busy: None,
            came: BTreeMap::new(),
        }
    }

    fn mesh(count: usize, bytes: u64) -> Self {
        let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        Self::new(count, bytes, &pairs.collect::<Vec<_>>())
    }

    fn poll(&mut self) {
        for (number, node) in self.nodes.iter_mut().enumerate() {
            while let Some(output) = node.poll() {
                let far = |link: LinkId| {
                    let to = (link.0 % 100) as usize;
                    (to, LinkId((to * 100 + number) as u64))
                };
                match output {
                    SwarmOutput::Control { link, message } => {
                        let (to, back) = far(link);
                        self.queue.push_back(Event::Control(to, back, message));
                    }
                    SwarmOutput::Record {
                        link,
                        header,
                        length,
                    } => {
                        let (to, back) = far(link);
                        self.queue
                            .push_back(Event::Sent(number, link, header, length));
                        self.queue
                            .push_back(Event::Record(to, back, header, length));
                    }
                    SwarmOutput::Complete { .. } => self.done.push(number),
                    SwarmOutput::OneCopyOut { .. } => self.one_copy = true,
                    SwarmOutput::BadPeer { why, .. } => self.bad.push((number, why)),
                    SwarmOutput::Forget { link, chunk, .. } => {
                        self.got.remove(&(number, link, chunk));
                    }
                }
            }
        }
    }

    fn is_busy(&self, node: usize) -> bool {
        self.busy
            .is_some_and(|(busy, until)| busy == node && self.now < until)
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.poll();
            self.now = self.now + Duration::from_millis(1);
            for event in std::mem::take(&mut self.queue) {
                match event {
                    Event::Control(at, ..) | Event::Record(at, ..) | Event::Sent(at, ..)
                        if self.is_busy(at) =>
                    {
                        self.queue.push_back(event);
                    }
                    Event::Control(to, link, message) => {
                        let message = Control::decode(&message.encode()).unwrap();
                        self.nodes[to].control(self.now, link, &message);
                    }
                    Event::Sent(at, link, header, length) => {
                        self.nodes[at].record_sent(self.now, link, &header, length, true);
                    }
                    Event::Record(to, link, header, length) => {
                        self.record(to, link, header, length);
                    }
                }
                self.poll();
            }
            for number in 0..self.nodes.len() {
                let due = self.nodes[number].next_timeout();
                if due.is_some_and(|at| at <= self.now) && !self.is_busy(number) {
                    self.nodes[number].timeout(self.now);
                }
            }
        }
    }

    fn record(&mut self, to: usize, link: LinkId, header: RecordHeader, length: u32) {
        let node = &mut self.nodes[to];
        node.record_received(self.now, link, &header, length);
        let got = self.got.entry((to, link, header.chunk)).or_default();
        assert_eq!(*got, header.offset, "records of a chunk come in order");
        *got += length;
        if *got == self.sizes.of(header.chunk.0) {
            self.got.remove(&(to, link, header.chunk));
            *self.came.entry((to, header.chunk)).or_default() += 1;
            let outcome = if self.poisoner == Some((link.0 % 100) as usize) {
                ChunkOutcome::Bad
            } else {
                ChunkOutcome::Stored
            };
            node.chunk_done(self.now, link, SESSION, SET, header.chunk, outcome);
        }
    }
}

#[test]
fn a_class_gets_every_chunk_and_the_source_learns_of_the_first_copy() {
    let mut class = Class::mesh(9, 3_000_000);
    class.run(3_000);
    class.done.sort_unstable();
    assert_eq!(class.done, (1..9).collect::<Vec<_>>());
    assert!(class.one_copy);
    let progress = class.nodes[3].progress(SESSION, SET).unwrap();
    assert_eq!(progress.have_bytes, 3_000_000);
    assert!(class.bad.is_empty());
}

#[test]
fn a_swarm_that_has_nothing_to_do_sleeps() {
    let mut class = Class::mesh(4, 200_000);
    class.run(3_000);
    assert_eq!(class.done.len(), 3);
    assert!(class.nodes.iter().all(|node| node.next_timeout().is_none()));
}

#[test]
fn a_student_that_sees_only_another_student_gets_everything() {
    let mut class = Class::new(4, 1_000_000, &[(0, 1), (1, 2), (2, 3)]);
    class.run(5_000);
    class.done.sort_unstable();
    assert_eq!(class.done, [1, 2, 3]);
}

#[test]
fn an_empty_set_is_complete_at_once() {
    let mut class = Class::mesh(3, 0);
    class.run(10);
    assert_eq!(class.done.len(), 2);
    assert!(class.one_copy);
}

#[test]
fn who_sends_a_wrong_chunk_is_reported_and_left_out() {
    let mut class = Class::mesh(6, 2_000_000);
    class.poisoner = Some(2);
    class.run(5_000);
    class.done.sort_unstable();
    assert_eq!(class.done, [1, 2, 3, 4, 5]);
    assert!(class.bad.iter().all(|&(_, why)| why == BadPeer::WrongChunk));
    assert!(!class.bad.is_empty());
}

#[test]
fn a_student_who_pushes_chunks_as_if_it_gave_them_takes_no_request_from_anybody() {
    let mut class = Class::new(4, 300_000, &[(0, 1), (1, 2), (1, 3)]);
    let (honest, other) = (LinkId(102), LinkId(103));
    let node = &mut class.nodes[1];
    node.control(Moment(0), honest, &everything());
    let mut asked = Vec::new();
    while let Some(output) = node.poll() {
        if let SwarmOutput::Control {
            link,
            message: Control::Request { chunks, .. },
        } = output
        {
            assert_eq!(link, honest);
            asked.extend(chunks.0.iter().flat_map(|&(first, last)| first..=last));
        }
    }
    assert!(!asked.is_empty());
    for chunk in asked {
        let header = RecordHeader {
            session: SESSION,
            set: SET,
            chunk: ChunkIndex(chunk),
            offset: 0,
            owner: true,
        };
        node.record_received(Moment(1_000), other, &header, 0);
    }
    while let Some(output) = node.poll() {
        let SwarmOutput::Control { message, .. } = output else {
            continue;
        };
        assert!(!matches!(message, Control::Cancel { .. }), "{message:?}");
    }
}

#[test]
fn an_upload_limit_is_kept() {
    let mut class = Class::mesh(2, 1_000_000);
    let limits = SwarmLimits {
        upload_limit: Some(500_000),
    };
    class.nodes[0].set_limits(Moment(0), limits);
    class.run(1_700);
    assert!(class.done.is_empty());
    class.run(600);
    assert_eq!(class.done, [1]);
}

#[test]
fn a_machine_that_is_busy_is_not_given_again_what_it_has() {
    for begin in (20..200).step_by(3) {
        let mut class = Class::mesh(3, 3_000_000);
        class.run(begin);
        class.busy = Some((2, class.now + Duration::from_secs(1)));
        class.run(4_000);
        assert_eq!(class.done.len(), 2, "after {begin} ms");
        // The other one asks elsewhere for what it asked of this one, and may get both.
        let twice = class.came.iter().filter(|((to, _), _)| *to == 2);
        let twice: Vec<_> = twice.filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "after {begin} ms: {twice:?}");
    }
}

#[test]
fn what_is_usual_is_learnt_from_what_comes_after_it_was_given_up() {
    let mut class = Class::new(3, 200 * 16_384, &[(1, 0), (1, 2)]);
    let node = &mut class.nodes[1];
    let links = [LinkId(100), LinkId(102)];
    for link in links {
        node.control(Moment(0), link, &everything());
    }
    let mut answers: Vec<(u64, LinkId, u32)> = Vec::new();
    let (mut came, mut given_up) = (0, Vec::new());
    for now in 0..15_000 {
        while let Some(output) = node.poll() {
            match output {
                SwarmOutput::Control {
                    link,
                    message: Control::Request { chunks, .. },
                } => {
                    // The lines are free at first; then both have much to do, and what was asked for is on its way when it is given up.
                    let takes = if came < 10 { 10 } else { 400 };
                    let asked = chunks.0.iter().flat_map(|&(first, last)| first..=last);
                    answers.extend(asked.map(|chunk| (now + takes, link, chunk)));
                }
                SwarmOutput::Control {
                    message: Control::Cancel { .. },
                    ..
                } => given_up.push(now),
                _ => {}
            }
        }
        let at = Moment(now * 1_000);
        for (_, link, chunk) in answers.extract_if(.., |&mut (due, ..)| due == now) {
            let (session, set, chunk) = (SESSION, SET, ChunkIndex(chunk));
            let header = RecordHeader {
                session,
                set,
                chunk,
                offset: 0,
                owner: false,
            };
            node.record_received(at, link, &header, 16_384);
            node.chunk_done(at, link, session, set, chunk, ChunkOutcome::Stored);
            came += 1;
        }
        if node.next_timeout().is_some_and(|due| due <= at) {
            node.timeout(at);
        }
    }
    let progress = node.progress(SESSION, SET).unwrap();
    assert_eq!(progress.have_chunks, 200);
    let late = given_up.iter().filter(|&&at| at > 3_000).count();
    assert!(!given_up.is_empty() && late == 0, "{given_up:?}");
}
