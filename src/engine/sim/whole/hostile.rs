//! A student's machine that sends nonsense besides taking part.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;

use super::machine::Want;
use crate::core::ids::{AuthorId, DeviceId, Epoch, Hash, LinkId, Seq, SessionId};
use crate::core::io::{Target, Ways};
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, UnixTime};
use crate::core::wire::control::Control;
use crate::core::wire::statements::{Audience, Entry, EntryKind, TextBody};
use crate::sim::node::NodeOutput;

/// What is sent, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// In which session.
    pub session: SessionId,
    /// Whose log is forged too.
    pub teacher: AuthorId,
    /// On which subnet.
    pub net: u8,
    /// What the clock on the wall says.
    pub time: UnixTime,
    /// Until then.
    pub until: Moment,
    /// Between two handfuls; each has a message of its own, a forged one and a datagram.
    pub every: Duration,
}

/// Who floods.
pub struct Flooder {
    flood: Flood,
    key: SigningKey,
    seq: Seq,
    previous: Option<Hash>,
}

impl Flooder {
    /// Floods with the device's own key.
    pub fn new(key: SigningKey, flood: Flood) -> Self {
        Self {
            flood,
            key,
            seq: Seq(0),
            previous: None,
        }
    }

    /// The next handful, for these links.
    pub fn more(&mut self, now: Moment, links: &[LinkId]) -> Vec<NodeOutput<Vec<u8>, Want>> {
        let mut out = Vec::new();
        if now >= self.flood.until {
            return out;
        }
        self.seq = self.seq.next();
        let own = DeviceId(self.key.verifying_key().to_bytes());
        let mine = self.entry(own.into(), Audience::All);
        self.previous = Some(mine.hash());
        let forged = self.entry(self.flood.teacher, Audience::All);
        let message = Control::Entries {
            session: self.flood.session,
            entries: vec![mine, forged],
        };
        let message = message.encode();
        let to = |&link: &LinkId| NodeOutput::Message {
            link,
            message: message.clone(),
        };
        out.extend(links.iter().map(to));
        let to = Target::Everybody {
            interface: u32::from(self.flood.net),
            ways: Ways::All,
        };
        let bytes = [b"HANDOUT?".as_slice(), &[0xaa; 300]].concat();
        out.push(NodeOutput::Want(Want::Datagram { to, bytes }));
        out.push(NodeOutput::Want(Want::Flood(self.flood.every)));
        out
    }

    fn entry(&self, author: AuthorId, audience: Audience) -> Signed {
        let text = format!("nonsense {}", self.seq.0);
        let body = serde_json::to_string(&TextBody { text });
        let entry = Entry {
            session: self.flood.session,
            author,
            epoch: Epoch(u32::from(author == self.flood.teacher)),
            seq: self.seq,
            previous: self.previous,
            audience,
            kind: EntryKind::Text,
            time: self.flood.time,
            body: RawValue::from_string(body.unwrap_or_default()).unwrap_or_default(),
        };
        Signed::seal(Domain::Entry, &entry, &self.key)
    }
}
