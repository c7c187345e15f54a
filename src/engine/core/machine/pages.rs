//! The pages of manifests: offered to neighbours, asked for one after the other, passed on.

mod book;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::book::{Others, Wanted};
use super::items::Place;
use super::session::Session;
use super::shared::Shared;
use crate::core::ids::{DeviceId, LinkId, SetId};
use crate::core::limits;
use crate::core::manifest::{Accepted, ManifestError, chunks_of_page, end_of_fetch};
use crate::core::signed::{Domain, Signed};
use crate::core::time::Now;
use crate::core::wire::control::Control;
use crate::core::wire::statements::{FailReason, Page, PageKind};

pub(super) use self::book::Pages;

const KINDS: [PageKind; 3] = [PageKind::Files, PageKind::Hashes, PageKind::Final];

impl Session {
    /// Offers the pages of all sets to links that just came.
    pub(super) fn send_pages_here(&self, shared: &mut Shared, links: &[LinkId]) {
        for (id, set) in &self.items.sets {
            shared.send_all(links, &self.pages_here(*id, set.offer()));
        }
    }

    fn pages_here(&self, set: SetId, [files, hashes, last]: [u32; 3]) -> Control {
        Control::PagesHere {
            session: self.id,
            set,
            files,
            hashes,
            last: last > 0,
        }
    }

    /// Offers the pages of one set to those below, and to the teacher, who wants to know.
    pub(super) fn offer_pages(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        except: Option<LinkId>,
    ) {
        self.reckon_slack(shared, id);
        let mut to = self.below(shared, id, except);
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let here = set.offer();
        set.pages.grew(here, now.moment);
        if let Some(teacher) = self.teacher_link()
            && !to.contains(&teacher)
        {
            to.push(teacher);
        }
        shared.send_all(&to, &self.pages_here(id, here));
    }

    /// Whom pages are passed on to: by students to two, in one of two trees over all of them that are others for each set; by the
    /// teacher's device to the first in each. With more, a few would have most of the work, and everybody would wait for them. Who passes on in one tree
    /// passes nothing on in the other: one device that is silent cuts nobody off (after `SplitStream`, Castro et al. 2003).
    /// Who is not linked is replaced by those below. In a class that is spread over clusters not all are linked: neighbours.
    fn below(&self, shared: &mut Shared, id: SetId, except: Option<LinkId>) -> Vec<LinkId> {
        if self.clusters(shared.id).count() > 1 {
            return self.neighbours(shared, except);
        }
        let members = self.members.known.keys();
        let mut students: Vec<DeviceId> = members.copied().collect();
        students.retain(|device| *device != self.teacher.device);
        let half = students.len() / 2;
        let turn = usize::from(id.0[0]) * students.len() / 256;
        students.rotate_left(turn);
        let links = self.peers.iter().filter(|(_, peer)| peer.member);
        let links: BTreeMap<_, _> = links.map(|(link, peer)| (peer.device, *link)).collect();
        let mut below = BTreeSet::new();
        for _tree in 0..2 {
            let below_of =
                |at: usize| limits::PAGES_BELOW * at + 1..=limits::PAGES_BELOW * (at + 1);
            let own = students.iter().position(|device| *device == shared.id);
            let mut places: Vec<usize> = own.map_or(vec![0], |own| below_of(own).collect());
            while let Some(at) = places.pop() {
                match students.get(at).map(|device| links.get(device)) {
                    Some(Some(link)) => _ = below.insert(*link),
                    Some(None) => places.extend(below_of(at)),
                    None => {}
                }
            }
            students.rotate_left(half);
        }
        below
            .into_iter()
            .filter(|link| Some(*link) != except)
            .collect()
    }

    /// A peer has pages.
    pub(super) fn on_pages_here(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        id: SetId,
        offer: [u32; 3],
    ) {
        // Also before this machine is admitted: nobody repeats an offer.
        if !self.peers.get(&link).is_some_and(|peer| peer.member) {
            return;
        }
        let others = self.others();
        let Some(set) = self.items.sets.get_mut(&id) else {
            // The item's entry may be on its way: a few of these are remembered.
            if self.early.len() < limits::OPEN_SETS {
                self.early.entry(id).or_default().insert(link, offer);
            }
            return;
        };
        let more = set.pages.offers.get(&link) != Some(&offer);
        set.pages.offered(link, offer, &others);
        if more {
            set.pages.put_off_rest(now.moment);
        }
        let hashed = chunks_of_page(offer[1], set.header.chunks).start;
        shared
            .swarm
            .peer_hashes(now.moment, link, (self.id, id), hashed);
        if self.own.is_some() {
            self.tell_copy_out(shared, id);
        } else {
            self.want_pages(shared, now, id);
        }
    }

    /// Reckons anew how long the hashes last that are known; at the source, those that have been offered for long.
    fn reckon_slack(&mut self, shared: &Shared, id: SetId) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let chunks = set.header.chunks;
        let given = shared.swarm.given(self.id, id);
        let known = given.map_or_else(|| set.pages.counts()[1], |_| set.pages.rest_offer[1]);
        let received = || {
            let progress = shared.swarm.progress(self.id, id)?;
            let rate = progress.rate / f64::from(set.header.chunk_size);
            Some((progress.have_chunks, rate))
        };
        let ahead = |(used, rate): (u32, f64)| {
            let left = f64::from(chunks_of_page(known, chunks).start.saturating_sub(used));
            Duration::try_from_secs_f64(left / rate).ok()
        };
        let going = given.or_else(received);
        set.pages.slack = going.and_then(ahead).unwrap_or_default() / 4;
    }

    /// Asks for the pages that are due: one of each kind at a time, or several that are small.
    pub(super) fn want_pages(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        self.reckon_slack(shared, id);
        let session = self.id;
        let others = self.others();
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let pages = &mut set.pages;
        let Some(reader) = pages.reader.as_ref().filter(|_| pages.active) else {
            return;
        };
        let next = KINDS.map(|kind| reader.next_page(kind));
        for (index, kind) in KINDS.into_iter().enumerate() {
            let Some(number) = next[index] else {
                continue;
            };
            if pages.wanted.contains_key(&index) {
                // Somebody else may offer it now.
                pages.wait(index, number, &others);
                continue;
            }
            // Hashes are kept in memory until there is a place on the disk, for which the list of files is needed.
            if kind == PageKind::Hashes
                && number >= limits::HASHES_AHEAD
                && set.place != Place::Open
            {
                continue;
            }
            let links = pages.sources(index, number, &others);
            let Some(&link) = links.get(shared.rng.below(links.len())) else {
                continue;
            };
            let mut end = number + 1;
            if kind == PageKind::Hashes {
                let offered = pages.offers.get(&link).map_or(end, |offer| offer[index]);
                end = end_of_fetch(number, offered, set.header.chunks);
            }
            let (since, due) = (now.moment, now.moment);
            let wanted = Wanted {
                link,
                end,
                since,
                due,
            };
            pages.wanted.insert(index, wanted);
            pages.wait(index, number, &others);
            for number in number..end {
                shared.send(
                    link,
                    &Control::PageWanted {
                        session,
                        set: id,
                        kind,
                        number,
                    },
                );
            }
        }
    }

    pub(super) fn on_page_wanted(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        id: SetId,
        kind: PageKind,
        number: u32,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.pages.put_off_rest(now.moment);
        set.pages.show_soon(now.moment);
        let page = set.pages.here[kind as usize].get(number as usize);
        if let Some(page) = page.cloned() {
            shared.send(
                link,
                &Control::Page {
                    session: self.id,
                    set: id,
                    page,
                },
            );
        }
    }

    /// A page came.
    pub(super) fn on_page(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        id: SetId,
        signed: Signed,
    ) {
        if !self.is_member_link(link) {
            return;
        }
        let Some(set) = self.items.sets.get_mut(&id).filter(|set| set.pages.active) else {
            return;
        };
        let Ok(page) = signed.peek::<Page>() else {
            return;
        };
        let Some(key) = self.keys.get(&page.epoch) else {
            return;
        };
        let kind = match page.content {
            crate::core::wire::statements::PageContent::Files { .. } => PageKind::Files,
            crate::core::wire::statements::PageContent::Hashes { .. } => PageKind::Hashes,
            crate::core::wire::statements::PageContent::Final { .. } => PageKind::Final,
        };
        let due = set
            .pages
            .reader
            .as_ref()
            .and_then(|reader| reader.next_page(kind));
        let copy = set.pages.here[kind as usize].get(page.number as usize);
        if copy == Some(&signed) {
            // Late, but here: its line was full.
            self.sends_pages(link);
            return;
        }
        if due != Some(page.number) || signed.verify(Domain::Page, key.as_bytes()).is_err() {
            return;
        }
        self.sends_pages(link);
        let others = self.others();
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let Some(reader) = &mut set.pages.reader else {
            return;
        };
        match reader.accept(&page) {
            Ok(accepted) => {
                let next = reader.next_page(kind);
                match accepted {
                    Accepted::Hashes { hashes, .. } => set.hashes.extend(hashes),
                    Accepted::Final { root } => set.pages.root = Some(root),
                    Accepted::Files { .. } | Accepted::Known => {}
                }
                set.pages.here[kind as usize].push(signed);
                set.pages.came(kind as usize, next, now.moment, &others);
                self.want_pages(shared, now, id);
                self.manifest_grew(shared, now, id);
                self.offer_pages(shared, now, id, Some(link));
            }
            Err(ManifestError::NotNext { .. }) => {}
            Err(error) => {
                self.fail(shared, now, id, FailReason::BadManifest, &error.to_string());
            }
        }
    }

    /// Offers pages to those who have not offered as many: who sees nobody else would not hear
    /// of them from others.
    fn offer_rest(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        let set = self.items.sets.get_mut(&id);
        let due = set.and_then(|set| set.pages.rest_due.take_if(|due| *due <= now.moment));
        if due.is_none() {
            return;
        }
        let links = self.member_links();
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let lacks = |link: &LinkId| set.pages.lacks(set.pages.offers.get(link));
        let lacking: Vec<LinkId> = links.into_iter().filter(lacks).collect();
        let to = set.pages.rest_now(lacking, &mut shared.rng, now.moment);
        let here = set.offer();
        if set.pages.rest_due.is_none() && here != set.pages.rest_offer {
            set.pages.grew(here, now.moment);
        }
        shared.send_all(&to, &self.pages_here(id, here));
    }

    /// Offers pages of an own set whose hashes are needed soon.
    fn show_pages(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let due = set.pages.show_due.take_if(|due| *due <= now.moment);
        if due.is_none() {
            return;
        }
        let offered = set.offer();
        let (given, _) = shared.swarm.given(self.id, id).unwrap_or_default();
        let size = set.header.chunk_size;
        let soon = shared.swarm.leaves_within(limits::SHOWN_AHEAD, size);
        set.pages.show(given, soon, set.header.chunks, now.moment);
        if set.offer() != offered {
            self.offer_pages(shared, now, id, None);
        }
    }

    /// Asks elsewhere for what did not come, and offers what is here.
    pub(super) fn pages_on_time(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        self.show_pages(shared, now, id);
        self.offer_rest(shared, now, id);
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let late = set.pages.late(now.moment);
        for link in &late {
            if let Some(peer) = self.peers.get_mut(link) {
                peer.late_with_pages = true;
            }
        }
        if !late.is_empty() {
            self.want_pages(shared, now, id);
        }
    }

    /// A page came from a peer.
    fn sends_pages(&mut self, link: LinkId) {
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.late_with_pages = false;
        }
    }

    fn others(&self) -> Others {
        let late = self.peers.iter().filter(|(_, peer)| peer.late_with_pages);
        Others {
            teacher: self.teacher_link(),
            late: late.map(|(link, _)| *link).collect(),
        }
    }

    /// A link is gone, and with it what it offered.
    pub(super) fn forget_page_source(&mut self, now: Now, link: LinkId) {
        for offers in self.early.values_mut() {
            offers.remove(&link);
        }
        for set in self.items.sets.values_mut() {
            set.pages.offers.remove(&link);
            for wanted in set.pages.wanted.values_mut() {
                if wanted.link == link {
                    wanted.due = now.moment;
                }
            }
        }
    }
}
