//! What the simulated network drives, and the bare swarm as the first of its kind.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::core::ids::{ChunkIndex, DeviceId, LinkId, SessionId, SetId};
use crate::core::io::ChunkOutcome;
use crate::core::swarm::{
    BadPeer, Clusters, SetProgress, SetSpec, Swarm, SwarmLimits, SwarmOutput,
};
use crate::core::time::Moment;
use crate::core::wire::control::Control;
use crate::core::wire::frame::RecordHeader;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::LinkKind;

use super::world::World;

/// What happens to a node.
#[derive(Debug)]
pub enum NodeInput<M, O = Infallible> {
    /// Time has passed.
    Timeout,
    /// A link with both lanes is up.
    LinkUp {
        /// The link, the same number at both ends.
        link: LinkId,
        /// The host at the other end.
        peer: usize,
    },
    /// A link is gone.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A control message came.
    Message {
        /// On this link.
        link: LinkId,
        /// The message.
        message: M,
    },
    /// A record has left.
    RecordSent {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Payload in bytes.
        length: u32,
    },
    /// A record came.
    RecordReceived {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Payload in bytes.
        length: u32,
    },
    /// A whole chunk was checked.
    Chunk {
        /// On this link.
        link: LinkId,
        /// The session.
        session: SessionId,
        /// The set.
        set: SetId,
        /// The chunk.
        chunk: ChunkIndex,
        /// What became of it.
        outcome: ChunkOutcome,
    },
    /// Something of the node's own kind.
    Own(O),
}

/// What a node wants done.
#[derive(Debug)]
pub enum NodeOutput<M, W = Infallible> {
    /// Send a control message.
    Message {
        /// On this link.
        link: LinkId,
        /// The message.
        message: M,
    },
    /// Send a record.
    Record {
        /// On this link.
        link: LinkId,
        /// Its header.
        header: RecordHeader,
        /// Payload in bytes.
        length: u32,
    },
    /// What came of a chunk on a link is not needed.
    Forget {
        /// The link.
        link: LinkId,
        /// The set.
        set: SetId,
        /// The chunk.
        chunk: ChunkIndex,
    },
    /// Something of the node's own kind.
    Want(W),
}

/// A program on a simulated host.
pub trait Node: Sized {
    /// Its control messages.
    type Message;
    /// What else happens to it.
    type Own;
    /// What else it wants of the network.
    type Want;
    /// Does what the node on a host wants.
    fn want(world: &mut World<Self>, host: usize, want: Self::Want);
    /// Payload of a message on the wire, in bytes.
    fn size(message: &Self::Message) -> u32;
    /// Something happens.
    fn handle(&mut self, now: Moment, input: NodeInput<Self::Message, Self::Own>);
    /// The next thing to do.
    fn poll(&mut self) -> Option<NodeOutput<Self::Message, Self::Want>>;
    /// When it wants a [`NodeInput::Timeout`].
    fn next_timeout(&self) -> Option<Moment>;
    /// Bytes on its heap that grow with the class, roughly.
    fn heap(&self) -> usize;
}

/// How a node behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Honest,
    /// The chunks it sends are wrong.
    Poison,
    /// It says that it has everything and answers no request.
    FalseHave,
    /// It says that it has every page of a manifest and sends none; where there are manifests.
    FalsePages,
    /// It receives and tells, and never sends a record.
    Stall,
}

/// The device id of a host.
pub fn device(host: usize) -> DeviceId {
    let mut device = [0; 32];
    device[..8].copy_from_slice(&(host as u64).to_be_bytes());
    DeviceId(device)
}

/// A swarm without the rest of the core: every linked host is a member of the one session.
#[derive(Debug)]
pub struct SwarmNode {
    swarm: Swarm,
    behaviour: Behaviour,
    lies: Vec<LinkId>,
    spec: SetSpec,
    /// The hosts that say they are wireless.
    pub wireless: BTreeSet<usize>,
    /// Its own number.
    pub host: usize,
    /// When the set was complete here.
    pub completed: Option<Moment>,
    /// When one copy was out, at the source.
    pub one_copy: Option<Moment>,
    /// Whom it reported.
    pub bad: Vec<(usize, BadPeer)>,
    now: Moment,
}

impl SwarmNode {
    /// A node that opens the set at once.
    pub fn new(
        now: Moment,
        seed: u64,
        behaviour: Behaviour,
        spec: SetSpec,
        clusters: Clusters,
    ) -> Self {
        let mut swarm = Swarm::new(seed, SwarmLimits::default());
        swarm.spread(now, spec.session, clusters);
        swarm.open_set(now, spec.clone());
        Self {
            swarm,
            behaviour,
            lies: Vec::new(),
            spec,
            wireless: BTreeSet::new(),
            host: usize::MAX,
            completed: None,
            one_copy: None,
            bad: Vec::new(),
            now,
        }
    }

    /// How far the set is.
    pub fn progress(&self) -> Option<SetProgress> {
        self.swarm.progress(self.spec.session, self.spec.set)
    }
}

impl Node for SwarmNode {
    type Message = Control;
    type Own = Infallible;
    type Want = Infallible;

    fn want(_: &mut World<Self>, _: usize, never: Infallible) {
        match never {}
    }

    fn size(message: &Control) -> u32 {
        u32::try_from(message.encode().len()).unwrap_or(u32::MAX)
    }

    fn handle(&mut self, now: Moment, input: NodeInput<Control>) {
        self.now = now;
        let swarm = &mut self.swarm;
        match input {
            NodeInput::Timeout => swarm.timeout(now),
            NodeInput::LinkUp { link, peer } => {
                let kind = |host: &usize| {
                    if self.wireless.contains(host) {
                        LinkKind::Wireless
                    } else {
                        LinkKind::Wired
                    }
                };
                let (own, kind) = (kind(&self.host), kind(&peer));
                swarm.connected(own);
                swarm.bulk(now, link, true);
                let session = self.spec.session;
                swarm.peer_entered(now, session, link, device(peer), peer == 0, kind);
                if self.behaviour == Behaviour::FalseHave {
                    self.lies.push(link);
                }
            }
            NodeInput::LinkDown { link } => swarm.link_down(now, link),
            NodeInput::Message { link, message } => {
                let ignored = self.behaviour == Behaviour::FalseHave
                    && matches!(message, Control::Request { .. });
                if !ignored {
                    swarm.control(now, link, &message);
                }
            }
            NodeInput::RecordSent {
                link,
                header,
                length,
            } => swarm.record_sent(now, link, &header, length, true),
            NodeInput::RecordReceived {
                link,
                header,
                length,
            } => swarm.record_received(now, link, &header, length),
            NodeInput::Chunk {
                link,
                session,
                set,
                chunk,
                outcome,
            } => swarm.chunk_done(now, link, session, set, chunk, outcome),
            NodeInput::Own(never) => match never {},
        }
    }

    fn poll(&mut self) -> Option<NodeOutput<Control>> {
        if let Some(link) = self.lies.pop() {
            let message = Control::Have {
                session: self.spec.session,
                set: self.spec.set,
                chunks: Ranges::default(),
                owner: false,
                all: true,
            };
            return Some(NodeOutput::Message { link, message });
        }
        loop {
            match self.swarm.poll()? {
                SwarmOutput::Control { link, message } => {
                    return Some(NodeOutput::Message { link, message });
                }
                SwarmOutput::Record { .. } if self.behaviour == Behaviour::Stall => {}
                SwarmOutput::Record {
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
                SwarmOutput::Forget {
                    link, set, chunk, ..
                } => {
                    return Some(NodeOutput::Forget { link, set, chunk });
                }
                SwarmOutput::Complete { .. } => self.completed = Some(self.now),
                SwarmOutput::OneCopyOut { .. } => self.one_copy = Some(self.now),
                SwarmOutput::BadPeer { peer, why, .. } => {
                    let mut number = [0; 8];
                    number.copy_from_slice(&peer.0[..8]);
                    let host = usize::try_from(u64::from_be_bytes(number)).unwrap_or(0);
                    self.bad.push((host, why));
                }
            }
        }
    }

    fn next_timeout(&self) -> Option<Moment> {
        self.swarm.next_timeout()
    }

    fn heap(&self) -> usize {
        self.swarm.heap()
    }
}
