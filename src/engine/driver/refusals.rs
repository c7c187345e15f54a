//! Connections that were refused: for the diagnosis.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::api::RefusedReport;

/// How many are kept.
const KEPT: usize = 64;

/// The latest refusals.
#[derive(Debug, Default)]
pub struct Refusals(VecDeque<Refusal>);

#[derive(Debug)]
struct Refusal {
    from: SocketAddr,
    reason: String,
    at: Instant,
    count: u32,
}

impl Refusals {
    /// Adds one; the same of the same machine is counted.
    pub fn add(&mut self, from: SocketAddr, reason: String) {
        let same = |one: &Refusal| ip(one.from) == ip(from) && one.reason == reason;
        let count = match self.0.iter().position(same) {
            Some(at) => self.0.remove(at).map_or(0, |one| one.count),
            None => 0,
        };
        self.0.truncate(KEPT - 1);
        self.0.push_front(Refusal {
            from,
            reason,
            at: Instant::now(),
            count: count.saturating_add(1),
        });
    }

    /// The refusals with those of the core, newest first.
    pub fn report(&self, core: Vec<RefusedReport>) -> Vec<RefusedReport> {
        let own = self.0.iter().map(|one| RefusedReport {
            from: one.from,
            seconds: one.at.elapsed().as_secs(),
            reason: one.reason.clone(),
            count: one.count,
        });
        let mut all: Vec<RefusedReport> = core.into_iter().chain(own).collect();
        all.sort_by_key(|one| one.seconds);
        all.truncate(KEPT);
        all
    }
}

fn ip(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_counted_and_few_are_kept() {
        let mut refusals = Refusals::default();
        let from = |text: &str| text.parse().unwrap();
        for number in 0..100 {
            refusals.add(from("10.0.0.1:1"), format!("reason {number}"));
        }
        refusals.add(from("10.0.0.1:9"), "reason 98".to_owned());
        let report = refusals.report(Vec::new());
        assert_eq!(report.len(), 64);
        assert_eq!(
            (report[0].reason.as_str(), report[0].count),
            ("reason 98", 2)
        );
    }
}
