//! The pages of one manifest: which are here, who else has which, and of whom they are wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(test, feature = "sim"))]
use super::KINDS;
use crate::core::ids::{Hash, LinkId};
use crate::core::layout::Layout;
use crate::core::limits;
use crate::core::manifest::{ManifestReader, chunks_of_page};
use crate::core::rng::Rng;
use crate::core::signed::Signed;
use crate::core::time::Moment;
use crate::core::wire::statements::{FileEntry, PageKind};

/// The pages of one manifest, and who else has which.
#[derive(Default)]
pub(in crate::core::machine) struct Pages {
    pub(super) reader: Option<ManifestReader>,
    /// Pages that are here, by kind.
    pub(super) here: [Vec<Signed>; 3],
    /// How many of each kind a link offers.
    pub(super) offers: BTreeMap<LinkId, [u32; 3]>,
    /// What was asked for, by kind.
    pub(super) wanted: BTreeMap<usize, Wanted>,
    /// When those who may lack pages are offered them, if none is asked for until then.
    pub(super) rest_due: Option<Moment>,
    /// When they are, even if some are asked for until then.
    pub(super) rest_last: Moment,
    /// Which these are: how many of each kind. Those that came since are offered after them: they may be on their way.
    pub(super) rest_offer: [u32; 3],
    /// How often some were offered these.
    pub(super) rest_round: u32,
    /// How often in a row pages did not come in time.
    pub(super) tries: u32,
    /// How many chunks' hashes may be offered, from the first on, where that grows with what is given away.
    pub(super) shown: Option<u32>,
    /// When it is looked at again, ...
    pub(super) show_due: Option<Moment>,
    /// ... after which time, ...
    show_pause: Duration,
    /// ... and how many chunks were given away last time.
    given: u32,
    /// How long what the known hashes are needed for lasts, or a part of that: nothing is repeated sooner.
    pub(super) slack: Duration,
    pub(super) active: bool,
    pub(super) root: Option<Hash>,
    pub(super) root_taken: bool,
}

/// Pages of one kind that a peer was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) link: LinkId,
    /// The number after the last of them.
    pub(super) end: u32,
    /// When the last page of them came, or they were asked for.
    pub(super) since: Moment,
    /// Until when the next should come.
    pub(super) due: Moment,
}

/// Who is asked for pages in another way than the rest.
pub(super) struct Others {
    /// The link to the teacher.
    pub(super) teacher: Option<LinkId>,
    /// Who let a page be waited for and has sent none since.
    pub(super) late: BTreeSet<LinkId>,
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

    /// Takes back what was asked for and did not come in time, and says of whom it was.
    ///
    /// What they offer stays: a page may take longer than that through a full link, and nobody repeats an offer.
    pub(super) fn late(&mut self, now: Moment) -> BTreeSet<LinkId> {
        let late = self.wanted.values().filter(|wanted| wanted.due <= now);
        let late: BTreeSet<_> = late.map(|wanted| wanted.link).collect();
        self.wanted.retain(|_, wanted| wanted.due > now);
        if !late.is_empty() {
            self.tries += 1;
        }
        late
    }

    /// How long a page may take, `elsewhere` where it can be asked for: twice as long each time in a row that none came,
    /// since whoever asks again while its line is full makes it fuller.
    fn patience(&self, elsewhere: bool) -> Duration {
        let once = if elsewhere {
            limits::PAGE_ELSEWHERE
        } else {
            limits::PAGE_AGAIN
        };
        once.max(self.slack.min(limits::PAGES_SLACK))
            * (1 << self.tries.min(limits::PAGE_DOUBLINGS))
    }

    /// A page came, and the next to come is known: it was asked for as well, or is to be now.
    pub(super) fn came(&mut self, index: usize, next: Option<u32>, now: Moment, others: &Others) {
        self.tries = 0;
        if let Some(wanted) = self.wanted.get_mut(&index) {
            wanted.since = now;
            if next.is_none_or(|next| next >= wanted.end) {
                self.wanted.remove(&index);
            }
        }
        if let Some(next) = next {
            self.wait(index, next, others);
        }
    }

    /// Sets until when a page that was asked for should come.
    pub(super) fn wait(&mut self, index: usize, number: u32, others: &Others) {
        // Who is gone is not waited for.
        let known = |wanted: &&Wanted| self.offers.contains_key(&wanted.link);
        let Some(&wanted) = self.wanted.get(&index).filter(known) else {
            return;
        };
        let fit = |link: LinkId| link != wanted.link && !others.late.contains(&link);
        let due = wanted.since + self.patience(self.offering(index, number).any(fit));
        self.wanted.insert(index, Wanted { due, ..wanted });
    }

    fn offering(&self, index: usize, number: u32) -> impl Iterator<Item = LinkId> {
        let offers = self.offers.iter();
        offers.filter_map(move |(link, offer)| (offer[index] > number).then_some(*link))
    }

    /// Who offers a page. Where there is a choice: neither who was late before, nor the teacher.
    pub(super) fn sources(&self, index: usize, number: u32, others: &Others) -> Vec<LinkId> {
        let mut links: Vec<LinkId> = self.offering(index, number).collect();
        let fit = |link: &LinkId| !others.late.contains(link);
        if links.iter().any(fit) {
            links.retain(fit);
        }
        if links.len() > 1 {
            links.retain(|link| Some(*link) != others.teacher);
        }
        links
    }

    /// A peer offers pages. What was wanted of somebody who was late before is free to be wanted of this one.
    pub(super) fn offered(&mut self, link: LinkId, offer: [u32; 3], others: &Others) {
        self.offers.insert(link, offer);
        if !others.late.contains(&link) {
            self.wanted.retain(|index, wanted| {
                offer[*index] < wanted.end || !others.late.contains(&wanted.link)
            });
        }
    }

    /// So many pages of each kind are here now: those who may lack them are offered them later.
    pub(super) fn grew(&mut self, here: [u32; 3], now: Moment) {
        if self.rest_due.is_none() {
            self.rest_offer = here;
            self.rest_last = now + limits::PAGES_REST_MOST;
            self.rest_round = 0;
            self.rest_due = Some(self.rest_last);
        }
        self.put_off_rest(now);
    }

    /// Some are asked for: puts off the offer to those who may lack them, where there is to be one.
    pub(super) fn put_off_rest(&mut self, now: Moment) {
        let due = self.rest_last.min(now + self.rest());
        self.rest_due = self.rest_due.map(|_| due);
    }

    /// How long those who may lack pages are left to the others: these pass a page on one after the other, each through its full line.
    fn rest(&self) -> Duration {
        limits::PAGES_REST.max(self.slack.min(limits::PAGES_REST_MOST))
    }

    /// Whether who offers `offer` lacks pages that are to be offered.
    pub(super) fn lacks(&self, offer: Option<&[u32; 3]>) -> bool {
        let here = self.rest_offer.iter();
        offer.is_none_or(|offer| offer.iter().zip(here).any(|(theirs, here)| theirs < here))
    }

    /// Who of those that lack pages is offered them now: a few, then twice as many each time. To all at once, everybody
    /// would ask here, and nothing else would leave for seconds.
    pub(super) fn rest_now(
        &mut self,
        mut lacking: Vec<LinkId>,
        rng: &mut Rng,
        now: Moment,
    ) -> Vec<LinkId> {
        let most = limits::PAGES_REST_FIRST << self.rest_round.min(16);
        self.rest_round += 1;
        while lacking.len() > most {
            lacking.swap_remove(rng.below(lacking.len()));
            self.rest_due = Some(now + self.rest());
            self.rest_last = now + limits::PAGES_REST_MOST;
        }
        lacking
    }

    pub fn next_timeout(&self) -> Option<Moment> {
        let wanted = self.wanted.values().map(|wanted| wanted.due);
        wanted.chain(self.rest_due).chain(self.show_due).min()
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

    /// How many chunks' hashes may be offered, where not all may.
    pub const fn shown(&self) -> Option<u32> {
        self.shown
    }

    /// Pages of hashes go out as the chunks do: at once they would fill a slow line for seconds, and the first chunks would wait.
    pub fn show_some(&mut self, now: Moment) {
        (self.shown, self.show_due) = (Some(limits::HASHES_SHOWN), Some(now));
        self.show_pause = limits::SHOW_EVERY;
    }

    /// So many chunks of `chunks` are given away, and so many more leave soon.
    pub(super) fn show(&mut self, given: u32, soon: u32, chunks: u32, now: Moment) {
        let most = given.saturating_add(soon.max(given.saturating_mul(2)));
        let shown = most.max(self.shown.unwrap_or(0));
        self.shown = (shown < chunks).then_some(shown);
        self.show_pause = if given == self.given {
            (self.show_pause * 2).min(limits::SHOW_RARELY)
        } else {
            limits::SHOW_EVERY
        };
        self.given = given;
        self.show_due = self.shown.map(|_| now + self.show_pause);
    }

    /// Somebody asks: chunks will be given away.
    pub(super) fn show_soon(&mut self, now: Moment) {
        self.show_pause = limits::SHOW_EVERY;
        self.show_due = self.show_due.min(Some(now + limits::SHOW_EVERY));
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEACHER: LinkId = LinkId(1);
    const HASHES: usize = PageKind::Hashes as usize;

    fn wanted(due: Moment) -> Wanted {
        let (link, end, since) = (TEACHER, 2, Moment(0));
        Wanted {
            link,
            end,
            since,
            due,
        }
    }

    /// The teacher offers three pages of hashes and was asked for the second; others offer what they have.
    fn asked(others: &[(LinkId, [u32; 3])]) -> Pages {
        let mut pages = Pages::new(true);
        pages.offers.insert(TEACHER, [1, 3, 1]);
        pages.offers.extend(others.iter().copied());
        pages.wanted.insert(HASHES, wanted(Moment(0)));
        pages
    }

    fn others(late: &[u64]) -> Others {
        Others {
            teacher: Some(TEACHER),
            late: late.iter().map(|link| LinkId(*link)).collect(),
        }
    }

    fn due(pages: &Pages) -> Option<Duration> {
        let wanted = pages.wanted.get(&HASHES);
        wanted.map(|wanted| wanted.due.since(Moment(0)))
    }

    #[test]
    fn who_was_late_is_not_asked_where_there_is_a_choice() {
        let pages = asked(&[(LinkId(2), [1, 2, 0]), (LinkId(3), [1, 2, 0])]);
        let sources = |number: u32, late: &[u64]| pages.sources(HASHES, number, &others(late));
        assert_eq!(sources(1, &[2]), [LinkId(3)]);
        assert_eq!(sources(1, &[]), [LinkId(2), LinkId(3)]);
        assert_eq!(sources(1, &[2, 3]), [TEACHER]);
        assert_eq!(sources(1, &[1, 2]), [LinkId(3)]);
        assert_eq!(sources(1, &[1, 2, 3]), [LinkId(2), LinkId(3)]);
        // The teacher alone offers the third.
        assert_eq!(sources(2, &[]), [TEACHER]);
        assert_eq!(sources(2, &[1]), [TEACHER]);
        assert_eq!(sources(3, &[]), []);
    }

    #[test]
    fn what_is_wanted_of_who_was_late_is_wanted_of_the_next_who_offers_it() {
        let free = |link: u64, pages: u32, late: &[u64]| {
            let mut book = asked(&[]);
            book.offered(LinkId(link), [1, pages, 0], &others(late));
            book.wanted.is_empty()
        };
        assert!(free(2, 2, &[1]));
        assert!(!free(2, 1, &[1]));
        assert!(!free(2, 2, &[1, 2]));
        assert!(!free(2, 2, &[]));
    }

    #[test]
    fn a_page_is_waited_for_less_where_it_can_be_had_elsewhere() {
        let wait = |pages: &mut Pages, late: &[u64]| {
            pages.wait(HASHES, 1, &others(late));
            due(pages)
        };
        let (again, elsewhere) = (Some(limits::PAGE_AGAIN), Some(limits::PAGE_ELSEWHERE));
        let mut pages = asked(&[]);
        assert_eq!(wait(&mut pages, &[]), again);
        pages.offers.insert(LinkId(2), [1, 1, 0]);
        assert_eq!(wait(&mut pages, &[]), again);
        pages.offers.insert(LinkId(2), [1, 2, 0]);
        assert_eq!(wait(&mut pages, &[2]), again);
        assert_eq!(wait(&mut pages, &[]), elsewhere);
        // Who is gone is not waited for, whoever else comes.
        pages.offers.remove(&TEACHER);
        pages.wanted.insert(HASHES, wanted(Moment(0)));
        assert_eq!(wait(&mut pages, &[]), Some(Duration::ZERO));
    }

    #[test]
    fn hashes_are_shown_as_chunks_are_given_away() {
        let at = |millis| Moment(0) + Duration::from_millis(millis);
        let mut pages = Pages::new(false);
        pages.show_some(at(0));
        assert_eq!(pages.shown(), Some(512));
        // Nothing is given away: looked at more and more rarely, ...
        for (pause, now) in [(100, 0), (200, 100), (400, 300), (800, 700), (1_600, 1_500)] {
            pages.show(0, 0, 2_048, at(now));
            assert_eq!(pages.show_due, Some(at(now + pause)));
        }
        pages.show(0, 0, 2_048, at(3_100));
        assert_eq!(pages.show_due, Some(at(5_100)));
        // ... until somebody asks.
        pages.show_soon(at(4_000));
        assert_eq!(pages.show_due, Some(at(4_050)));
        // Twice as many again as are given away, or as leave soon; never fewer than before.
        pages.show(300, 90, 2_048, at(4_050));
        assert_eq!(pages.shown(), Some(900));
        pages.show(301, 1_000, 2_048, at(4_100));
        assert_eq!(pages.shown(), Some(1_301));
        pages.show(302, 0, 2_048, at(4_150));
        assert_eq!(pages.shown(), Some(1_301));
        pages.show(1_024, 0, 2_048, at(4_200));
        assert_eq!((pages.shown(), pages.show_due), (None, None));
    }

    #[test]
    fn a_page_is_waited_for_as_long_as_the_known_hashes_allow() {
        let mut pages = asked(&[(LinkId(2), [1, 3, 1])]);
        pages.slack = Duration::from_secs(2);
        pages.wait(HASHES, 1, &others(&[]));
        assert_eq!(due(&pages), Some(Duration::from_secs(2)));
        pages.grew([1, 3, 1], Moment(0));
        assert_eq!(pages.rest_due, Some(Moment(0) + Duration::from_secs(2)));
    }

    #[test]
    fn pages_that_came_since_are_left_to_those_below() {
        let at = |millis| Moment(0) + Duration::from_millis(millis);
        let mut pages = Pages::new(false);
        pages.grew([1, 2, 0], at(0));
        assert_eq!(pages.rest_due, Some(at(500)));
        // Requests put the offer off, and so do new pages; but these are not what is to be offered.
        pages.put_off_rest(at(400));
        pages.grew([1, 3, 0], at(800));
        assert_eq!(pages.rest_due, Some(at(1_300)));
        assert!(pages.lacks(None) && pages.lacks(Some(&[1, 1, 0])));
        assert!(!pages.lacks(Some(&[1, 2, 0])) && !pages.lacks(Some(&[1, 3, 0])));
        // Whatever is requested, they are offered in the end.
        for now in (1_000..9_000).step_by(400) {
            pages.put_off_rest(at(now));
        }
        let last = Moment(0) + limits::PAGES_REST_MOST;
        assert_eq!(pages.rest_due, Some(last));
        // Once that is done, those that came since are next.
        pages.rest_due = None;
        pages.put_off_rest(at(9_000));
        assert_eq!(pages.rest_due, None);
        pages.grew([1, 3, 0], at(9_000));
        assert_eq!(pages.rest_due, Some(at(9_500)));
        assert!(pages.lacks(Some(&[1, 2, 0])));
    }

    #[test]
    fn what_is_not_late_yet_stays_asked_for() {
        let mut pages = asked(&[]);
        pages
            .wanted
            .insert(2, wanted(Moment(0) + limits::PAGE_AGAIN));
        assert_eq!(pages.late(Moment(0)), BTreeSet::from([TEACHER]));
        assert_eq!(pages.wanted.len(), 1);
        assert_eq!(pages.late(Moment(0)), BTreeSet::new());
    }
}
