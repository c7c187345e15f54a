//! The scenarios of the bare swarm, with whole machines: what the rest of the core costs.
//!
//! The bare swarm starts with everybody linked, the set open and all hashes known, and ends with
//! the last chunk. Whole machines get the entry first, then the pages of files and hashes, hop by
//! hop; they make a place on the disk, tell the teacher how far they are, and end when the set is
//! saved. The teacher's line is busy with pages before the first chunks leave: 50 students, 32 MiB
//! and 8 Mbit/s have two pages of 59 KB, which go to eight neighbours in about a second.
//!
//! Ratios to the bound, medians of three seeds (`sim --whole`), bare and whole: 8 x 10 MiB at
//! 1 Gbit/s 1.14 and 1.17, 24 x 32 MiB at 16 Mbit/s 1.08 and 1.10, 24 x 128 MiB at 16 Mbit/s 1.08
//! and 1.09, 50 x 32 MiB at 1 Gbit/s 1.14 and 1.21, at 8 Mbit/s 1.15 and 1.24. Control takes 0.1
//! to 0.5 % more of what is delivered.

use std::time::Duration;

use super::class::Class;
use super::keys::{School, TeacherKeys};
use crate::core::ids::ItemId;
use crate::sim::class::Scenario;

/// Most time that a class may take to gather, and to get a set, beside one copy's time.
const GATHER: Duration = Duration::from_secs(30);

/// What came out of a run with whole machines.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// From the session's start until everybody had joined, in seconds.
    pub gathered: f64,
    /// From sharing until the last student with a full line had saved it, in seconds; infinite if
    /// one did not.
    pub last: f64,
    /// The same over the scenario's lower bound.
    pub ratio: f64,
    /// Copies that the teacher sent.
    pub copies: f64,
    /// Control messages after sharing, and their bytes on the wire.
    pub control: (u64, u64),
    /// What should never have happened and did.
    pub violations: Vec<String>,
}

/// Runs a scenario's students, bytes, rate, slow lines and loss with whole machines: a class
/// gathers, then the teacher shares one file. Links, deaths and late students are not taken over.
pub fn run(scenario: &Scenario) -> Outcome {
    let (school, mut class) = (School::new("GEHU"), Class::new(scenario.seed));
    let keys = TeacherKeys::of(&school, "Asha Rao");
    for host in 0..=scenario.students {
        let rate = scenario.rate * scenario.share(host);
        class.slow_host(&format!("host {host}"), &[1], school.trust(), rate);
        class.corrupt(host, scenario.behaviour(host));
    }
    class.world.loss = scenario.loss;
    let session = class.teach(0, &keys, "DBMS Lab");
    let students = 1..=scenario.students;
    let gathered = class.until(GATHER, |class| {
        let all = class.world.node(0).core.links().len() == scenario.students;
        all && students.clone().all(|host| class.joined(host))
    });
    // Everybody is linked to everybody before the file comes, as in the bare swarm.
    class.run(Duration::from_secs(5));
    let (shared, before) = (class.now(), class.world.control);
    let sent = class.world.bytes(0).0;
    let item = class.share(0, session, &[scenario.bytes]);
    let most = Duration::from_secs_f64(scenario.bound() * 20.0) + GATHER;
    let full = |host: &usize| scenario.share(*host) >= 1.0;
    let usual: Vec<usize> = students.filter(full).collect();
    let end = class.now() + most;
    while class.now() < end && !usual.iter().all(|&host| class.saved(host, item)) {
        class.run(Duration::from_secs_f64(scenario.bound() / 200.0));
    }
    let last = usual
        .iter()
        .map(|&host| seconds(&class, host, item, shared.0));
    let last = last.fold(0.0, f64::max);
    let after = class.world.control;
    let violations = class.violations();
    Outcome {
        gathered: gathered.as_secs_f64(),
        last,
        ratio: last / scenario.bound(),
        copies: (class.world.bytes(0).0 - sent) as f64 / scenario.bytes as f64,
        control: (after.0 - before.0, after.1 - before.1),
        violations,
    }
}

fn seconds(class: &Class, host: usize, item: ItemId, since: u64) -> f64 {
    let saved = class.saved_at(host, item);
    saved.map_or(f64::INFINITY, |at| (at.0 - since) as f64 / 1e6)
}
