//! What peers say about a set.

use super::bitmap::clean;
use super::cluster::Bond;
use super::lanes::Lanes;
use super::set::Set;
use super::types::SwarmOutput;
use crate::core::ids::LinkId;
use crate::core::wire::control::{Control, RejectReason};
use crate::core::wire::ranges::Ranges;

/// Chunks of one owner that are remembered as such; more are still found as held.
const MAX_FRESH: usize = 4_096;

impl Set {
    /// A message about this set.
    pub fn hear(&mut self, lanes: &mut Lanes, link: LinkId, message: &Control) {
        self.unanswered.remove(&link);
        match message {
            Control::Have {
                chunks, owner, all, ..
            } => {
                self.greet(lanes, link);
                if !owner && let Some(peer) = self.peers.get_mut(&link) {
                    peer.batches = [lanes.now, peer.batches[0]];
                }
                self.reported(link, chunks, *all);
                self.holds(link, chunks, *owner, *all);
                self.check_one_copy(lanes);
            }
            Control::Lost { chunks, .. } => {
                if let Some(peer) = self.peers.get_mut(&link) {
                    for (first, last) in clean(chunks, self.sizes.count) {
                        for chunk in first..=last {
                            peer.have.clear(chunk);
                        }
                    }
                }
            }
            Control::Request { chunks, .. } => self.requested(lanes, link, chunks),
            Control::Cancel { chunks, .. } => self.cancelled(link, chunks, lanes.now),
            Control::Reject { chunk, why, .. } if chunk.0 < self.sizes.count => {
                self.refused(lanes, link, chunk.0, *why == RejectReason::Missing);
            }
            Control::Ready { chunks, .. } => self.ready(link, chunks, lanes.now),
            Control::Air { spare, begin, .. } => {
                self.air_told(lanes, link, *spare, begin.map(|chunk| chunk.0));
            }
            Control::Leave { .. } => {
                self.air.stale = true;
                if let Some(peer) = self.peers.get_mut(&link) {
                    peer.left = true;
                    peer.queue.clear();
                }
                self.drop_asked(lanes, link, false);
            }
            _ => {}
        }
    }

    /// The first word of a peer about this set: it may have missed ours.
    fn greet(&mut self, lanes: &mut Lanes, link: LinkId) {
        if let Some(peer) = self.peers.get_mut(&link) {
            self.air.stale |= peer.left || !peer.open;
            peer.left = false;
            if !std::mem::replace(&mut peer.open, true) {
                self.tell_all(lanes, link);
            }
        }
    }

    fn holds(&mut self, link: LinkId, chunks: &Ranges, owner: bool, all: bool) {
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        let count = self.sizes.count;
        let whole = Ranges(vec![(0, count.saturating_sub(1))]);
        let ranges = if all { &whole } else { chunks };
        for (first, last) in clean(ranges, count) {
            if owner && peer.bond == Bond::Near && last - first < 64 {
                for chunk in first..=last {
                    let wanted = !self.have.get(chunk) && !self.asked.get(chunk);
                    if wanted && !peer.have.get(chunk) && peer.fresh.len() < MAX_FRESH {
                        peer.fresh.push_back(chunk);
                        self.owners.insert(link);
                        self.search_owned = true;
                    }
                }
            }
            self.horizon = self.horizon.max(last + 1);
            for giving in self.givings.iter_mut().filter(|g| g.to == peer.bond) {
                for chunk in (first..=last).filter(|&chunk| !peer.have.get(chunk)) {
                    giving.claims(link, chunk);
                }
            }
            peer.have.set_range(first, last);
        }
        let Some(peer) = self.peers.get(&link) else {
            return;
        };
        if self.is_sought(peer) {
            self.unsearched.insert(link);
            self.search = true;
        }
    }

    /// At the source: says once that it may go away.
    pub fn check_one_copy(&mut self, lanes: &mut Lanes) {
        let mut givings = self.givings.iter_mut();
        if givings.any(|giving| giving.to == Bond::Near && giving.one_copy_out()) {
            lanes.out.push_back(SwarmOutput::OneCopyOut {
                session: self.session,
                set: self.id,
            });
        }
    }
}
