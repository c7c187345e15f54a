//! What must hold in every run, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::machine::Machine;
use crate::api::Event;
use crate::core::ids::{AuthorId, Hash, Seq, SessionId};
use crate::core::signed::Signed;
use crate::core::time::Moment;
use crate::core::wire::statements::Entry;
use crate::sim::node::{Behaviour, Node};
use crate::sim::world::World;

/// How long something may be wanted without a request and without a reason.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that a core may hold whatever the class is.
const BASE: usize = 512 * 1024;
/// Bytes for each machine that is known.
const EACH: usize = 24 * 1024;

type Place = (SessionId, AuthorId, Seq);

/// Looks after a class.
#[derive(Default)]
pub struct Audit {
    /// What each author wrote under each number, as the author's own machine kept it.
    written: BTreeMap<Place, Hash>,
    /// Bytes of all that was written.
    bytes: usize,
    /// Chunks of all sets.
    pub chunks: usize,
    /// Devices that write entries behind their core's back.
    pub liars: BTreeSet<AuthorId>,
    machines: Vec<Seen>,
    /// What should never have happened and did.
    pub violations: Vec<String>,
}

/// How far one machine was looked at.
#[derive(Default)]
struct Seen {
    starts: u32,
    told: usize,
    kept: usize,
    shown: BTreeMap<(SessionId, AuthorId), Seq>,
    neglected: Option<(String, Moment)>,
}

impl Audit {
    /// Looks at everything that is new.
    pub fn look(&mut self, world: &World<Machine>) {
        self.machines.resize_with(world.hosts(), Seen::default);
        // What authors keep of their own logs comes first: others may only repeat it.
        for own in [true, false] {
            for host in 0..world.hosts() {
                self.entries(world.node(host), own);
            }
        }
        for host in 0..world.hosts() {
            let machine = world.node(host);
            self.posts(machine);
            self.violations.extend(machine.violations.iter().cloned());
            if world.alive(host) {
                self.wants(machine, world.now());
                let (heap, most) = (machine.heap(), self.memory(world.hosts()));
                if heap > most {
                    let now = world.now();
                    self.wrong(machine, now, &format!("holds {heap} bytes, not {most}"));
                }
            }
        }
        self.violations.sort();
        self.violations.dedup();
    }

    fn memory(&self, machines: usize) -> usize {
        // Each page of hashes is kept signed and read, and peers' chunks are known.
        BASE + machines * (EACH + self.chunks) + 4 * self.bytes + 256 * self.chunks
    }

    fn wrong(&mut self, machine: &Machine, now: Moment, what: &str) {
        self.violations
            .push(format!("{now:?}: {}: {what}", machine.name));
    }

    /// One author's number never has two entries, and nobody keeps what its author did not write.
    fn entries(&mut self, machine: &Machine, own: bool) {
        let from = self.machines[machine.number].kept;
        let new: Vec<(SessionId, Signed)> = machine.store.entries[from..].to_vec();
        if !own {
            self.machines[machine.number].kept = machine.store.entries.len();
        }
        for (session, signed) in new {
            let Ok(entry) = signed.peek::<Entry>() else {
                self.wrong(machine, Moment(0), "an entry was kept that cannot be read");
                continue;
            };
            if machine.writes(session, entry.author) != own {
                continue;
            }
            let place = (session, entry.author, entry.seq);
            let hash = signed.hash();
            match self.written.get(&place) {
                Some(known) if *known == hash => {}
                Some(_) => {
                    let text = format!("keeps another entry {} of {}", entry.seq, entry.author);
                    self.wrong(machine, Moment(0), &text);
                }
                // What a hostile machine writes outside of its core is known by nobody else.
                None if own || self.liars.contains(&entry.author) => {
                    self.bytes += signed.body.len();
                    self.written.insert(place, hash);
                }
                None => {
                    let text = format!(
                        "keeps entry {} that {} never wrote",
                        entry.seq, entry.author
                    );
                    self.wrong(machine, Moment(0), &text);
                }
            }
        }
    }

    /// Every entry is shown once, in its author's order.
    fn posts(&mut self, machine: &Machine) {
        let seen = &mut self.machines[machine.number];
        if seen.starts != machine.starts {
            *seen = Seen {
                starts: machine.starts,
                kept: seen.kept,
                ..Seen::default()
            };
        }
        let new = &machine.told[seen.told..];
        seen.told = machine.told.len();
        let mut bad = Vec::new();
        for (at, event) in new {
            let Event::Posted(post) = event else { continue };
            let last = seen.shown.entry((post.session, post.author.id));
            let last = last.or_insert(Seq(0));
            if post.seq <= *last {
                bad.push((*at, format!("shows entry {} after {last}", post.seq)));
            }
            *last = post.seq;
        }
        for (at, text) in bad {
            self.wrong(machine, at, &text);
        }
    }

    /// Nothing is wanted without a live request, or a reason to wait.
    fn wants(&mut self, machine: &Machine, now: Moment) {
        let honest = machine.behaviour == Behaviour::Honest;
        let neglected = machine.core.neglected(now);
        let seen = &mut self.machines[machine.number];
        let Some(what) = neglected.filter(|_| honest) else {
            seen.neglected = None;
            return;
        };
        let same = seen.neglected.as_ref().filter(|(known, _)| *known == what);
        let since = same.map_or(now, |(_, since)| *since);
        seen.neglected = Some((what.clone(), since));
        if now.since(since) > PATIENCE {
            self.wrong(machine, since, &format!("wants and does not ask: {what}"));
            self.machines[machine.number].neglected = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::trust::TrustStore;
    use crate::sim::whole::class::Class;
    use crate::sim::whole::keys::TeacherKeys;

    /// A class of two in which the teacher has said something.
    fn class() -> Class {
        let mut class = Class::new(1);
        let keys = TeacherKeys::alone("Asha Rao");
        for name in ["teacher", "student"] {
            class.host(name, &[1], TrustStore::default());
        }
        let session = class.teach(0, &keys, "DBMS Lab");
        class.say(0, session, "Welcome");
        class.run(Duration::from_secs(1));
        class.check();
        class
    }

    #[test]
    fn an_entry_that_its_author_never_wrote_is_found() {
        let mut class = class();
        let (session, mut signed) = class.world.node(0).store.entries[1].clone();
        let text = String::from_utf8(signed.body).unwrap_or_default();
        signed.body = text.replace("Welcome", "Farewell").into_bytes();
        let kept = &mut class.world.node_mut(1).store.entries;
        kept.push((session, signed));
        assert!(class.violations()[0].contains("keeps another entry 2"));
    }

    #[test]
    fn an_entry_that_is_shown_twice_is_found() {
        let mut class = class();
        let told = &mut class.world.node_mut(0).told;
        let again: Vec<_> = told.iter().rev().cloned().collect();
        told.extend(again);
        assert!(class.violations()[0].contains("shows entry 2 after 2"));
    }
}
