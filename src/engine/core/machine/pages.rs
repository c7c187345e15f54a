//! The pages of manifests: offered to neighbours, asked for one after the other, passed on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::items::Place;
use super::session::Session;
use super::shared::Shared;
use crate::core::ids::{DeviceId, Hash, LinkId, SetId};
use crate::core::layout::Layout;
use crate::core::limits;
use crate::core::manifest::{
    Accepted, ManifestError, ManifestReader, chunks_of_page, end_of_fetch,
};
use crate::core::rng::Rng;
use crate::core::signed::{Domain, Signed};
use crate::core::time::{Moment, Now};
use crate::core::wire::control::Control;
use crate::core::wire::statements::{FailReason, FileEntry, Page, PageKind};

const KINDS: [PageKind; 3] = [PageKind::Files, PageKind::Hashes, PageKind::Final];

/// The pages of one manifest, and who else has which.
#[derive(Default)]
pub(super) struct Pages {
    reader: Option<ManifestReader>,
    /// Pages that are here, by kind.
    here: [Vec<Signed>; 3],
    /// How many of each kind a link offers.
    offers: BTreeMap<LinkId, [u32; 3]>,
    /// What was asked for, by kind.
    wanted: BTreeMap<usize, Wanted>,
    /// When those who may lack pages are offered them, if none is asked for until then.
    rest_due: Option<Moment>,
    /// When they are, even if some are asked for until then.
    rest_last: Moment,
    /// How often some were offered them since the pages grew.
    rest_round: u32,
    /// How often in a row pages did not come in time.
    tries: u32,
    active: bool,
    root: Option<Hash>,
    root_taken: bool,
}

/// Pages of one kind that a peer was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    link: LinkId,
    /// The number after the last of them.
    end: u32,
    /// Until when the next should come.
    due: Moment,
}

impl Pages {
    pub fn new(active: bool) -> Self {
        Self {
            active,
            ..Self::default()
        }
    }

    pub fn begin(&mut self, reader: ManifestReader, offers: BTreeMap<LinkId, [u32; 3]>) {
        self.reader = Some(reader);
        self.offers.extend(offers);
    }

    pub fn stop(&mut self) {
        self.active = false;
        self.wanted.clear();
    }

    pub fn resume(&mut self) {
        self.active = true;
        self.root_taken = false;
    }

    /// Takes back what was asked for and did not come in time: of whom it was, by kind.
    ///
    /// What they offer stays: a page may take longer than that through a full link, and nobody repeats an offer.
    fn late(&mut self, now: Moment) -> BTreeMap<usize, LinkId> {
        let late: BTreeMap<_, _> = self
            .wanted
            .iter()
            .filter(|(_, wanted)| wanted.due <= now)
            .map(|(index, wanted)| (*index, wanted.link))
            .collect();
        self.wanted.retain(|_, wanted| wanted.due > now);
        if !late.is_empty() {
            self.tries += 1;
        }
        late
    }

    /// How long a page may take: twice as long each time in a row that none came, since whoever asks again while its line
    /// is full makes it fuller.
    fn patience(&self) -> Duration {
        limits::PAGE_AGAIN * (1 << self.tries.min(limits::PAGE_DOUBLINGS))
    }

    /// A page came, and the next to come is known: it was asked for as well, or is to be now.
    fn came(&mut self, index: usize, next: Option<u32>, now: Moment) {
        self.tries = 0;
        let due = now + self.patience();
        if let Some(wanted) = self.wanted.get_mut(&index) {
            wanted.due = due;
            if next.is_none_or(|next| next >= wanted.end) {
                self.wanted.remove(&index);
            }
        }
    }

    /// Who offers a page. Where there is a choice: neither the teacher nor who was late.
    fn sources(
        &self,
        index: usize,
        number: u32,
        teacher: Option<LinkId>,
        late: Option<LinkId>,
    ) -> Vec<LinkId> {
        let having = |(_, offer): &(&LinkId, &[u32; 3])| offer[index] > number;
        let mut links: Vec<_> = self
            .offers
            .iter()
            .filter(having)
            .map(|(link, _)| *link)
            .collect();
        for other in [late, teacher].into_iter().flatten() {
            if links.len() > 1 {
                links.retain(|link| *link != other);
            }
        }
        links
    }

    /// Puts off the offer to those who may lack pages; `again` where one is put off already.
    fn put_off_rest(&mut self, now: Moment, again: bool) {
        if self.rest_due.is_none() {
            if again {
                return;
            }
            self.rest_last = now + limits::PAGES_REST_MOST;
        }
        self.rest_due = Some(self.rest_last.min(now + limits::PAGES_REST));
    }

    /// Who of those that lack pages is offered them now: a few, then twice as many each time. To all at once, everybody
    /// would ask here, and nothing else would leave for seconds.
    fn rest_now(&mut self, mut lacking: Vec<LinkId>, rng: &mut Rng, now: Moment) -> Vec<LinkId> {
        let most = limits::PAGES_REST_FIRST << self.rest_round.min(16);
        self.rest_round += 1;
        while lacking.len() > most {
            lacking.swap_remove(rng.below(lacking.len()));
            self.rest_due = Some(now + limits::PAGES_REST);
            self.rest_last = now + limits::PAGES_REST_MOST;
        }
        lacking
    }

    pub fn next_timeout(&self) -> Option<Moment> {
        let wanted = self.wanted.values().map(|wanted| wanted.due);
        wanted.chain(self.rest_due).min()
    }

    pub fn files(&self) -> Option<&(Arc<[FileEntry]>, Arc<Layout>)> {
        self.reader.as_ref()?.files()
    }

    /// The hash over all files, once.
    pub fn take_root(&mut self) -> Option<Hash> {
        if self.root_taken {
            return None;
        }
        self.root_taken = self.root.is_some();
        self.root
    }

    /// Adds pages of the own session.
    pub fn add(&mut self, kind: PageKind, page: Signed) {
        self.here[kind as usize].push(page);
    }

    /// How many chunks the pages that are here have the hashes of, from the first on.
    pub fn hashed(&self, chunks: u32) -> u32 {
        match self.counts()[1] {
            0 => 0,
            pages => chunks_of_page(pages - 1, chunks).end,
        }
    }

    /// How many pages of each kind are here.
    pub fn counts(&self) -> [u32; 3] {
        [0, 1, 2].map(|kind| u32::try_from(self.here[kind].len()).unwrap_or(u32::MAX))
    }

    /// Whether a page is wanted and offered, and nobody is asked for it.
    #[cfg(any(test, feature = "sim"))]
    pub fn neglected(&self) -> bool {
        let Some(reader) = self.reader.as_ref().filter(|_| self.active) else {
            return false;
        };
        KINDS.into_iter().enumerate().any(|(index, kind)| {
            let offered = |number| self.offers.values().any(|offer| offer[index] > number);
            reader.next_page(kind).is_some_and(offered) && !self.wanted.contains_key(&index)
        })
    }

    /// Bytes on the heap, roughly.
    #[cfg(any(test, feature = "sim"))]
    pub fn heap(&self) -> usize {
        let pages = self.here.iter().flatten();
        pages.map(|page| page.body.len() + 64).sum::<usize>() + self.offers.len() * 64
    }

    /// Whether some student has everything that the teacher has.
    pub fn complete_elsewhere(&self) -> bool {
        self.offers
            .values()
            .any(|offer| *offer == self.counts() && offer[2] == 1)
    }
}

impl Session {
    /// Offers that came before the item itself did are gone; peers repeat theirs when they grow.
    pub(super) fn early_offers(&self, set: SetId) -> BTreeMap<LinkId, [u32; 3]> {
        self.early.get(&set).cloned().unwrap_or_default()
    }

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
        let mut to = self.below(shared, id, except);
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.pages.put_off_rest(now.moment, false);
        set.pages.rest_round = 0;
        let here = set.offer();
        if let Some(teacher) = self.teacher_link()
            && !to.contains(&teacher)
        {
            to.push(teacher);
        }
        shared.send_all(&to, &self.pages_here(id, here));
    }

    /// Whom pages are passed on to: two, in a tree over all students that starts at the teacher and
    /// is another one for each set. With more, a few would have most of the work, and everybody
    /// would wait for them. Who is not linked is replaced by those below. In a class that is spread
    /// over clusters not all are linked: neighbours.
    fn below(&self, shared: &mut Shared, id: SetId, except: Option<LinkId>) -> Vec<LinkId> {
        if self.clusters(shared.id).count() > 1 {
            return self.neighbours(shared, except);
        }
        let members = self.members.known.keys();
        let mut students: Vec<DeviceId> = members.copied().collect();
        students.retain(|device| *device != self.teacher.device);
        let turn = usize::from(id.0[0]) * students.len() / 256;
        students.rotate_left(turn);
        let links = self.peers.iter().filter(|(_, peer)| peer.member);
        let links: BTreeMap<_, _> = links.map(|(link, peer)| (peer.device, *link)).collect();
        let own = students.iter().position(|device| *device == shared.id);
        let mut below = Vec::new();
        let mut roots = vec![own.map_or(0, |own| own + 1)];
        while let Some(root) = roots.pop() {
            let first = limits::PAGES_BELOW * root;
            for at in first..first + limits::PAGES_BELOW {
                match students.get(at).map(|device| links.get(device)) {
                    Some(Some(link)) => below.push(*link),
                    Some(None) => roots.push(at + 1),
                    None => {}
                }
            }
        }
        below.retain(|link| Some(*link) != except);
        below
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
        let Some(set) = self.items.sets.get_mut(&id) else {
            // The item's entry may be on its way: a few of these are remembered.
            if self.early.len() < limits::OPEN_SETS {
                self.early.entry(id).or_default().insert(link, offer);
            }
            return;
        };
        set.pages.offers.insert(link, offer);
        let hashed = match offer[1] {
            0 => 0,
            pages => chunks_of_page(pages - 1, set.header.chunks).end,
        };
        shared
            .swarm
            .peer_hashes(now.moment, link, (self.id, id), hashed);
        if self.own.is_some() {
            self.tell_copy_out(shared, id);
        } else {
            self.want_pages(shared, now, id);
        }
    }

    /// Asks for the pages that are due: one of each kind at a time, or several that are small.
    pub(super) fn want_pages(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        self.want_pages_elsewhere(shared, now, id, &BTreeMap::new());
    }

    /// The same, after some peers were late with a page of some kinds.
    fn want_pages_elsewhere(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        late: &BTreeMap<usize, LinkId>,
    ) {
        let session = self.id;
        let teacher = self.teacher_link();
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let pages = &mut set.pages;
        let Some(reader) = pages.reader.as_ref().filter(|_| pages.active) else {
            return;
        };
        for (index, kind) in KINDS.into_iter().enumerate() {
            let Some(number) = reader.next_page(kind) else {
                continue;
            };
            if pages.wanted.contains_key(&index) {
                continue;
            }
            // Hashes are kept in memory until there is a place on the disk, for which the list of files is needed.
            if kind == PageKind::Hashes
                && number >= limits::HASHES_AHEAD
                && set.place != Place::Open
            {
                continue;
            }
            let links = pages.sources(index, number, teacher, late.get(&index).copied());
            let Some(&link) = links.get(shared.rng.below(links.len())) else {
                continue;
            };
            let mut end = number + 1;
            if kind == PageKind::Hashes {
                let offered = pages.offers.get(&link).map_or(end, |offer| offer[index]);
                end = end_of_fetch(number, offered, set.header.chunks);
            }
            let due = now.moment + pages.patience();
            pages.wanted.insert(index, Wanted { link, end, due });
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
        set.pages.put_off_rest(now.moment, true);
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
        if due != Some(page.number) || signed.verify(Domain::Page, key.as_bytes()).is_err() {
            return;
        }
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
                set.pages.came(kind as usize, next, now.moment);
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
        let links = self.member_links();
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let due = set.pages.rest_due.take_if(|due| *due <= now.moment);
        if due.is_none() {
            return;
        }
        let here = set.offer();
        let lacks = |link: &LinkId| set.pages.offers.get(link) != Some(&here);
        let lacking: Vec<LinkId> = links.into_iter().filter(lacks).collect();
        let to = set.pages.rest_now(lacking, &mut shared.rng, now.moment);
        shared.send_all(&to, &self.pages_here(id, here));
    }

    /// Asks elsewhere for what did not come, and offers what is here.
    pub(super) fn pages_on_time(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        self.offer_rest(shared, now, id);
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let late = set.pages.late(now.moment);
        if !late.is_empty() {
            self.want_pages_elsewhere(shared, now, id, &late);
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEACHER: LinkId = LinkId(1);
    const HASHES: usize = PageKind::Hashes as usize;

    fn wanted(due: Moment) -> Wanted {
        let (link, end) = (TEACHER, 2);
        Wanted { link, end, due }
    }

    /// The teacher offers three pages of hashes and was asked for the second; others offer what they have.
    fn asked(others: &[(LinkId, [u32; 3])]) -> Pages {
        let mut pages = Pages::new(true);
        pages.offers.insert(TEACHER, [1, 3, 1]);
        pages.offers.extend(others.iter().copied());
        pages.wanted.insert(HASHES, wanted(Moment(0)));
        pages
    }

    #[test]
    fn who_was_late_once_is_asked_again_where_nobody_else_has_the_page() {
        let mut pages = asked(&[(LinkId(2), [1, 1, 0])]);
        let late = pages.late(Moment(0) + limits::PAGE_AGAIN);
        assert_eq!(late, BTreeMap::from([(HASHES, TEACHER)]));
        assert!(pages.wanted.is_empty());
        assert_eq!(
            pages.sources(HASHES, 1, Some(TEACHER), Some(TEACHER)),
            [TEACHER]
        );
        assert_eq!(pages.sources(HASHES, 2, Some(TEACHER), None), [TEACHER]);
    }

    #[test]
    fn who_was_late_is_not_asked_where_there_is_a_choice() {
        let pages = asked(&[(LinkId(2), [1, 2, 0]), (LinkId(3), [1, 2, 0])]);
        assert_eq!(
            pages.sources(HASHES, 1, Some(TEACHER), Some(LinkId(2))),
            [LinkId(3)]
        );
        assert_eq!(
            pages.sources(HASHES, 1, Some(TEACHER), None),
            [LinkId(2), LinkId(3)]
        );
    }

    #[test]
    fn what_is_not_late_yet_stays_asked_for() {
        let mut pages = asked(&[]);
        pages
            .wanted
            .insert(2, wanted(Moment(0) + limits::PAGE_AGAIN));
        assert_eq!(pages.late(Moment(0)).len(), 1);
        assert_eq!(pages.wanted.len(), 1);
    }
}
