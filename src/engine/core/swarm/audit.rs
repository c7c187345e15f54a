//! What the simulator looks after.

use super::Swarm;
use super::lanes::Lanes;
use super::set::Set;
use crate::core::ids::SetId;
use crate::core::time::Moment;

impl Swarm {
    /// A set of which chunks are missing that peers could give, and none is asked for; `None` if
    /// there is no such set. It may take a moment to pass.
    pub fn neglected(&self, now: Moment) -> Option<SetId> {
        let neglected = |set: &&Set| set.neglected(&self.lanes, now);
        self.sets.values().find(neglected).map(|set| set.id)
    }
}

impl Set {
    fn neglected(&self, lanes: &Lanes, now: Moment) -> bool {
        let waits = self.complete || self.is_source() || now < self.paused;
        let busy = lanes.awaited >= lanes.budget(self.sizes.chunk_size);
        if waits || busy || !self.asked.is_empty() {
            return false;
        }
        // The source is asked only where too little comes from others, of any set.
        let starving = lanes.awaited < lanes.budget(0) / 2;
        self.peers.iter().any(|(link, peer)| {
            let wanted = || {
                let have = &peer.have;
                have.first_wanted(&self.have, &self.asked, self.low, self.hashes, self.low)
            };
            peer.takes_part()
                && !peer.banned
                && peer.hold <= now
                && lanes.bulk(*link)
                && (starving || !self.asked_last(peer, false))
                && wanted().is_some()
        })
    }
}
