//! Classes too large for everybody to be linked to everybody: clusters in a tree.
//!
//! Members are spread over clusters by their device ids with linear hashing (Litwin 1980): another
//! cluster takes its members from one other, and the rest stay where they are. Cluster `c` feeds
//! the clusters `2c + 1` and `2c + 2`; the source gives to cluster 0. A device that owns a chunk in
//! its cluster gives it to one device in each cluster below, as the source gave it: with the same
//! books ([`super::give`]), so that the slow and the dead are passed over in the same way.
//!
//! Whoever sees another number of members for a while only misplaces those of one cluster: what
//! nobody brings is fetched across.

use std::collections::BTreeSet;

use super::give::Giving;
use super::rate::mix;
use super::set::{Member, Set};
use crate::core::ids::{DeviceId, LinkId};

/// Up to so many members are all linked to each other.
pub const FLAT: usize = 200;
/// Members of a cluster, on average.
pub const CLUSTER: usize = 50;
/// Each member seeks so many others in each cluster that it feeds or is fed by; being sought by
/// others, it has about twice as many.
const PARTNERS: usize = 4;

/// How a session's members are spread, as one of them sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clusters {
    count: u32,
    own: u32,
    source: bool,
}

/// Where a member stands, seen from this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// In the same cluster.
    Near,
    /// In the cluster that feeds the own one.
    Above,
    /// In this cluster, which the own one feeds.
    Below(u32),
    /// Anywhere else.
    Apart,
}

impl Clusters {
    /// One cluster of all.
    pub const ONE: Self = Self {
        count: 1,
        own: 0,
        source: false,
    };

    /// The clusters of so many members, the teacher not counted, seen from `own`.
    pub fn new(own: DeviceId, teacher: bool, members: usize) -> Self {
        let count = if members > FLAT { members / CLUSTER } else { 1 };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let own = if teacher { 0 } else { place(own, count) };
        let source = teacher;
        Self { count, own, source }
    }

    /// How many clusters there are.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The own cluster.
    pub const fn own(&self) -> u32 {
        self.own
    }

    /// The clusters that the own one feeds.
    pub fn below(&self) -> impl Iterator<Item = u32> + use<> {
        let (count, first) = (self.count, self.own * 2 + 1);
        (first..first + 2).filter(move |&cluster| cluster < count)
    }

    /// Where a member stands. The teacher counts to the first cluster and gives to no other.
    pub fn bond(&self, device: DeviceId, teacher: bool) -> Bond {
        let theirs = if teacher {
            0
        } else {
            place(device, self.count)
        };
        if theirs == self.own {
            Bond::Near
        } else if teacher || self.source {
            Bond::Apart
        } else if theirs > 0 && (theirs - 1) / 2 == self.own {
            Bond::Below(theirs)
        } else if self.own > 0 && (self.own - 1) / 2 == theirs {
            Bond::Above
        } else {
            Bond::Apart
        }
    }

    /// The members that `own` should be linked to, of `members` without the teacher: all of its
    /// cluster, and a few of each cluster that feeds it or is fed by it. Both ends of a pair come
    /// to the same answer, and it changes for few when somebody comes or goes.
    pub fn partners(
        &self,
        own: DeviceId,
        members: impl IntoIterator<Item = DeviceId>,
    ) -> BTreeSet<DeviceId> {
        let others = members.into_iter().filter(|&device| device != own);
        let (near, others): (Vec<_>, Vec<_>) =
            others.partition(|&device| self.bond(device, false) == Bond::Near);
        let mut partners: BTreeSet<DeviceId> = near.iter().copied().collect();
        let bond = |device: &DeviceId| self.bond(*device, false);
        let mut far: Vec<DeviceId> = others;
        far.retain(|device| bond(device) != Bond::Apart);
        far.sort_unstable_by_key(bond);
        for cluster in far.chunk_by(|a, b| bond(a) == bond(b)) {
            partners.extend(closest(own, cluster.iter().copied()));
            let seeks_own = |device: &&DeviceId| {
                let ours = near.iter().copied().chain([own]);
                closest(**device, ours).contains(&own)
            };
            partners.extend(cluster.iter().filter(seeks_own));
        }
        partners
    }
}

/// A number that belongs to a device.
fn number(device: DeviceId) -> u64 {
    let part = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&device.0[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    mix(part(0) ^ mix(part(8)))
}

/// The cluster of a device among `count`.
fn place(device: DeviceId, count: u32) -> u32 {
    let level = 1 << count.max(1).ilog2();
    let number = u32::try_from(number(device) >> 32).unwrap_or(0);
    let finer = number % (2 * level);
    if finer < count { finer } else { number % level }
}

/// The devices that one seeks among others: those with the least number in common with it.
fn closest(device: DeviceId, others: impl IntoIterator<Item = DeviceId>) -> Vec<DeviceId> {
    let common = |other: DeviceId| mix(number(device).wrapping_add(number(other)));
    let mut others: Vec<_> = others.into_iter().map(|o| (common(o), o)).collect();
    others.sort_unstable();
    others.truncate(PARTNERS);
    others.into_iter().map(|(_, other)| other).collect()
}

impl Set {
    /// The members are spread in another way.
    pub fn spread(&mut self, clusters: Clusters) {
        self.clusters = clusters;
        self.air.stale = true;
        for peer in self.peers.values_mut() {
            peer.bond = clusters.bond(peer.member.device, peer.member.teacher);
        }
        self.wanted_again();
        let chunks = self.sizes.count;
        let mut old = std::mem::take(&mut self.givings);
        let source = old.iter().position(|giving| giving.to == Bond::Near);
        self.givings.extend(source.map(|at| old.swap_remove(at)));
        if clusters.source {
            return;
        }
        for bond in clusters.below().map(Bond::Below) {
            let kept = old.iter().position(|giving| giving.to == bond);
            let kept = kept.map(|at| old.swap_remove(at));
            self.givings
                .push(kept.unwrap_or_else(|| Giving::feeding(bond, chunks)));
        }
    }

    /// Where a new peer stands.
    pub fn bond(&self, member: Member) -> Bond {
        self.clusters.bond(member.device, member.teacher)
    }

    /// A chunk is this device's to give to the clusters below.
    pub fn feed(&mut self, chunk: u32) {
        let feeders = self.givings.iter_mut();
        for giving in feeders.filter(|giving| giving.to != Bond::Near) {
            giving.offer(chunk);
        }
    }

    /// Whether a link leads out of the own cluster.
    pub fn is_far(&self, link: LinkId) -> bool {
        let peer = self.peers.get(&link);
        peer.is_some_and(|peer| peer.bond != Bond::Near)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::rng::Rng;

    fn devices(count: usize) -> Vec<DeviceId> {
        let mut rng = Rng::from_number(1);
        (0..count).map(|_| DeviceId(rng.bytes())).collect()
    }

    fn partners(all: &[DeviceId]) -> BTreeMap<DeviceId, BTreeSet<DeviceId>> {
        let of = |&own: &DeviceId| {
            let clusters = Clusters::new(own, false, all.len());
            (own, clusters.partners(own, all.iter().copied()))
        };
        all.iter().map(of).collect()
    }

    #[test]
    fn up_to_two_hundred_members_are_one_cluster() {
        let all = devices(FLAT);
        let clusters = Clusters::new(all[0], false, all.len());
        assert_eq!((clusters.count(), clusters.below().count()), (1, 0));
        assert!(partners(&all).values().all(|p| p.len() == FLAT - 1));
        assert_eq!(clusters.bond(DeviceId([9; 32]), true), Bond::Near);
    }

    #[test]
    fn another_cluster_takes_its_members_from_one_other() {
        let all = devices(1_000);
        for count in 1..40 {
            let from: BTreeSet<u32> = all
                .iter()
                .filter(|&&device| place(device, count) != place(device, count + 1))
                .inspect(|&&device| assert_eq!(place(device, count + 1), count))
                .map(|&device| place(device, count))
                .collect();
            assert!(from.len() <= 1, "{count}: {from:?}");
        }
    }

    #[test]
    fn both_ends_of_a_pair_come_to_the_same_answer() {
        let all = devices(600);
        let linked = partners(&all);
        for (own, others) in &linked {
            assert!(others.iter().all(|other| linked[other].contains(own)));
            let clusters = Clusters::new(*own, false, all.len());
            for &other in &all {
                let back = Clusters::new(other, false, all.len()).bond(*own, false);
                match clusters.bond(other, false) {
                    Bond::Above => assert_eq!(back, Bond::Below(clusters.own)),
                    Bond::Below(_) => assert_eq!(back, Bond::Above),
                    same => assert_eq!(back, same),
                }
            }
        }
    }

    #[test]
    fn a_member_of_a_large_class_has_few_links_and_every_cluster_is_fed() {
        let all = devices(1_000);
        let linked = partners(&all);
        let most = linked.values().map(BTreeSet::len).max().unwrap_or(0);
        assert!(most < 150, "{most} links");
        for (own, others) in &linked {
            let clusters = Clusters::new(*own, false, all.len());
            let at = |bond| {
                let bonds = others.iter().map(|&other| clusters.bond(other, false));
                bonds.filter(|&other| other == bond).count()
            };
            assert!(clusters.own == 0 || at(Bond::Above) >= PARTNERS);
            assert!(clusters.below().all(|c| at(Bond::Below(c)) >= PARTNERS));
        }
    }

    #[test]
    fn somebody_who_comes_changes_the_links_of_few() {
        let all = devices(620);
        let (before, after) = (partners(&all[..619]), partners(&all));
        let other = |device: &&DeviceId| before[device] != after[device];
        let changed = before.keys().filter(other).count();
        assert!(changed < 150, "{changed} of 619");
        let lost: usize = before
            .iter()
            .map(|(device, others)| others.difference(&after[device]).count())
            .sum();
        assert!(lost < 50, "{lost} links are no longer needed");
    }

    #[test]
    fn the_teacher_gives_to_the_first_cluster_alone() {
        let all = devices(500);
        let teacher = DeviceId([7; 32]);
        let clusters = Clusters::new(teacher, true, all.len());
        for &device in &all {
            let first = place(device, clusters.count()) == 0;
            let bond = if first { Bond::Near } else { Bond::Apart };
            assert_eq!(clusters.bond(device, false), bond);
            let own = Clusters::new(device, false, all.len());
            assert_eq!(own.bond(teacher, true), bond);
        }
    }
}
