//! File sets of a session: how far they are here, and what is told about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::pages::Pages;
use super::session::Session;
use super::shared::Shared;
use super::source::Posted;
use crate::api::{Event, ItemView, Progress};
use crate::core::ids::{ChunkIndex, DeviceId, Hash, ItemId, LinkId, Seq, SetId, Version};
use crate::core::io::Disk;
use crate::core::layout::Layout;
use crate::core::limits;
use crate::core::manifest::{ManifestReader, ManifestWriter, chunks_of_page};
use crate::core::signed::Signed;
use crate::core::swarm::{ChunkSizes, SetSpec};
use crate::core::time::{Moment, Now};
use crate::core::wire::entries::AgainBody;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::{FailReason, SetHeader, Status};

/// The place of a set on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Not asked for: the list of files is not complete.
    None,
    /// Asked for.
    Asked,
    /// There: chunks can come.
    Open,
    /// Given up, or no longer wanted.
    Closed,
}

/// One file set.
#[allow(clippy::struct_excessive_bools)] // independent facts, each named below
pub(super) struct Set {
    pub item: ItemId,
    pub version: Version,
    pub seq: Seq,
    pub header: SetHeader,
    pub pages: Pages,
    pub place: Place,
    pub progress: Progress,
    /// Hashes that wait for the place on the disk.
    pub hashes: Vec<Hash>,
    /// How many hashes the disk has been given.
    pub given: u32,
    /// Files of this machine may have bytes of the set.
    pub searching: bool,
    /// The teacher is asked for chunks before others.
    pub direct: bool,
    /// Chunks below this number were looked for on this machine, where `searching`.
    pub searched: u32,
    /// The teacher's: every chunk is verified at some student.
    pub chunks_out: bool,
    /// People were told that one copy is out.
    pub copy_out: bool,
    /// The teacher's, while hashing goes on.
    pub writer: Option<ManifestWriter>,
    /// The teacher's of an earlier life: the hash over the whole-file hashes.
    pub root: Option<Hash>,
    told: Option<Moment>,
    tell_due: Option<Moment>,
}

/// All file sets of a session.
#[derive(Default)]
pub(super) struct Items {
    pub sets: BTreeMap<SetId, Set>,
    /// Sets that an earlier run of the program had begun to receive.
    pub opened: BTreeSet<SetId>,
    /// The teacher's, while it takes up an interrupted session: the newest version of each item.
    pub earlier: BTreeMap<ItemId, Posted>,
    /// The newest status of each device and item.
    pub statuses: BTreeMap<(DeviceId, ItemId), (Status, Signed)>,
    /// Statuses on their way to the teacher.
    pub outgoing: BTreeMap<(DeviceId, ItemId), Signed>,
    pub status_due: Option<Moment>,
    pub status_sent: Option<Moment>,
    pub own_sequence: u64,
}

impl Set {
    /// Whether something of it may still come.
    fn is_receiving(&self) -> bool {
        self.place != Place::Closed && !matches!(self.progress, Progress::Saved { .. })
    }
}

impl Items {
    pub fn next_timeout(&self) -> Option<Moment> {
        let sets = self.sets.values();
        sets.flat_map(|set| [set.tell_due, set.pages.next_timeout()])
            .chain([self.status_due])
            .flatten()
            .min()
    }

    pub fn set_of(&self, item: ItemId) -> Option<SetId> {
        let sets = self.sets.iter().filter(|(_, set)| set.item == item);
        sets.max_by_key(|(_, set)| set.version).map(|(id, _)| *id)
    }
}

impl Session {
    /// An item with files was posted: get its manifest, then its chunks.
    pub(super) fn open_item(
        &mut self,
        shared: &mut Shared,
        now: Now,
        seq: Seq,
        item: ItemId,
        version: Version,
        header: SetHeader,
    ) {
        self.close_older(shared, now, item, version);
        if self.items.sets.contains_key(&header.id) {
            return;
        }
        let posted = Posted {
            item,
            version,
            seq,
            header,
        };
        // The own sets are open already, but those of an earlier life of the session.
        if self.own.is_some() {
            self.items.earlier.insert(item, posted);
            return;
        }
        let id = posted.header.id;
        let sets = self.items.sets.values();
        let open = sets.filter(|set| set.is_receiving()).count();
        let reader = ManifestReader::new(self.id, posted.header.clone());
        let set = Set::new(posted, Pages::new(reader.is_ok()));
        self.items.sets.insert(id, set);
        match reader {
            Ok(reader) => {
                let offers = self.early.remove(&id).unwrap_or_default();
                let Some(set) = self.items.sets.get_mut(&id) else {
                    return;
                };
                set.pages.begin(reader, offers);
                if open >= limits::OPEN_SETS {
                    let text =
                        "too many file sets are being received; try again when some are here";
                    self.fail(shared, now, id, FailReason::BadManifest, text);
                    return;
                }
                // What was begun before the limit, or by the person's own wish, goes on.
                let begun = self.items.opened.contains(&id);
                if !begun
                    && shared
                        .accept_limit
                        .is_some_and(|most| set.header.bytes > most)
                {
                    let text = "it is larger than this computer accepts by itself";
                    self.fail(shared, now, id, FailReason::TooLarge, text);
                    return;
                }
                self.tell_item(shared, now, id, true);
                self.report(shared, now, id);
                self.want_pages(shared, now, id);
                self.manifest_grew(shared, now, id);
            }
            Err(error) => {
                self.fail(shared, now, id, FailReason::BadManifest, &error.to_string());
            }
        }
    }

    /// A newer version makes an older one that is not complete superfluous.
    fn close_older(&mut self, shared: &mut Shared, now: Now, item: ItemId, version: Version) {
        let older = self.items.sets.iter().filter(|(_, set)| {
            set.item == item && set.version < version && set.place != Place::Closed
        });
        let older: Vec<_> = older.map(|(id, _)| *id).collect();
        for id in older {
            self.close_set(shared, now, id);
        }
    }

    /// An item was withdrawn.
    pub(super) fn close_item(&mut self, shared: &mut Shared, now: Now, item: ItemId) {
        self.items.earlier.remove(&item);
        self.close_older(shared, now, item, Version(u32::MAX));
    }

    pub(super) fn close_set(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.place = Place::Closed;
        set.pages.stop();
        shared.swarm.close_set(now.moment, self.id, id);
        shared.disk(Disk::Close { set: id });
    }

    /// More of the manifest is here: prepare the disk, hand over hashes, let chunks come.
    pub(super) fn manifest_grew(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let Some((files, _)) = set.pages.files() else {
            return;
        };
        if set.place == Place::None {
            set.place = Place::Asked;
            shared.disk(Disk::Open {
                session: self.id,
                folder: self.title.clone(),
                set: id,
                item: set.item,
                version: set.version,
                chunk_size: set.header.chunk_size,
                files: files.to_vec(),
            });
        }
        if matches!(set.place, Place::Asked | Place::Open) {
            set.hand_over(shared, id);
        }
        if set.place == Place::Open {
            let known = set.to_ask_for();
            shared.swarm.hashes_known(now.moment, self.id, id, known);
        }
    }

    /// Files of this machine may have bytes of a set that is about to open.
    pub(super) fn searching(&mut self, id: SetId) {
        if let Some(set) = self.items.sets.get_mut(&id) {
            (set.searching, set.searched) = (true, 0);
        }
    }

    /// Chunks were found on this machine.
    pub(super) fn chunks_found(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        found: Vec<(u32, u32)>,
    ) {
        shared
            .swarm
            .chunks_found(now.moment, self.id, id, &Ranges(found));
        self.chunk_stored(shared, now, id);
    }

    /// The chunks below `upto` were looked for on this machine: what was not found can be asked
    /// for, and given by the teacher.
    pub(super) fn searched(&mut self, shared: &mut Shared, now: Now, id: SetId, upto: u32) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let before = set.offer();
        set.searched = set.searched.max(upto);
        if set.place != Place::Open {
            return;
        }
        let (after, known) = (set.offer(), set.to_ask_for());
        shared.swarm.hashes_known(now.moment, self.id, id, known);
        if after != before {
            self.offer_pages(shared, now, id, None);
        }
    }

    /// The place on the disk is there.
    pub(super) fn set_opened(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        have: Vec<(u32, u32)>,
    ) {
        let session = self.id;
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let (Place::Asked, Some((_, layout))) = (set.place, set.pages.files()) else {
            return;
        };
        set.place = Place::Open;
        let spec = SetSpec {
            session,
            set: id,
            priority: set.seq.0,
            sizes: sizes(layout),
            source: false,
            have: Ranges(have),
            hashes: set.to_ask_for(),
        };
        let direct = set.direct;
        shared.swarm.open_set(now.moment, spec);
        if direct {
            shared.swarm.ask_source_first(now.moment, session, id);
        }
        set.progress = Progress::Receiving;
        self.tell_item(shared, now, id, true);
        self.report(shared, now, id);
        // The hashes that waited for it.
        self.want_pages(shared, now, id);
    }

    /// A chunk was dealt with.
    pub(super) fn chunk_stored(&mut self, shared: &mut Shared, now: Now, id: SetId) {
        self.tell_item(shared, now, id, false);
        if self.own.is_none() {
            let due = now.moment + self.status_pause();
            self.items.status_due.get_or_insert(due);
        }
    }

    /// Everything is verified and under its final name.
    pub(super) fn set_saved(&mut self, shared: &mut Shared, now: Now, id: SetId, path: PathBuf) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.progress = Progress::Saved { path: Some(path) };
        self.tell_item(shared, now, id, true);
        self.report(shared, now, id);
    }

    /// The disk gave up on a set.
    pub(super) fn set_failed(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        reason: FailReason,
        text: &str,
    ) {
        if self.own.is_some() {
            self.source_failed(shared, now, id, text);
            return;
        }
        self.fail(shared, now, id, reason, text);
    }

    pub(super) fn fail(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        reason: FailReason,
        text: &str,
    ) {
        self.close_set(shared, now, id);
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.progress = Progress::Failed {
            reason,
            text: text.to_owned(),
        };
        self.tell_item(shared, now, id, true);
        self.report(shared, now, id);
    }

    /// Tries a failed item again. Says whether there was one.
    pub(super) fn retry(&mut self, shared: &mut Shared, now: Now, item: ItemId) -> bool {
        let Some(id) = self.items.set_of(item) else {
            return false;
        };
        let Some(set) = self.items.sets.get_mut(&id) else {
            return false;
        };
        if set.place == Place::Closed && matches!(set.progress, Progress::Failed { .. }) {
            set.place = Place::None;
            set.progress = Progress::Waiting;
            set.given = 0;
            set.searching = false;
            set.pages.resume();
            self.tell_item(shared, now, id, true);
            self.report(shared, now, id);
            self.want_pages(shared, now, id);
            self.manifest_grew(shared, now, id);
        }
        true
    }

    /// The teacher asks to try again. What a person here declined stays declined.
    pub(super) fn asked_again(&mut self, shared: &mut Shared, now: Now, body: &AgainBody) {
        let Some(id) = self.items.set_of(body.item) else {
            return;
        };
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        set.direct |= body.direct;
        if body.direct {
            shared.swarm.ask_source_first(now.moment, self.id, id);
        }
        let fault = matches!(&set.progress, Progress::Failed { reason, .. }
            if !matches!(reason, FailReason::Declined | FailReason::TooLarge));
        if fault {
            self.retry(shared, now, body.item);
        }
    }

    pub(super) fn verified_bytes(&self, shared: &Shared, id: SetId, set: &Set) -> (u64, u64) {
        let total = set.header.bytes;
        match set.progress {
            Progress::Saved { .. } => (total, 0),
            _ => shared
                .swarm
                .progress(self.id, id)
                .map_or((0, 0), |progress| {
                    (progress.have_bytes, whole(progress.rate))
                }),
        }
    }

    /// Tells people how far a set is: at once, or when it was not told for a while.
    pub(super) fn tell_item(&mut self, shared: &mut Shared, now: Now, id: SetId, at_once: bool) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let next = set
            .told
            .map_or(now.moment, |told| told + limits::PROGRESS_EVERY);
        if !at_once && next > now.moment {
            set.tell_due.get_or_insert(next);
            return;
        }
        set.told = Some(now.moment);
        set.tell_due = None;
        let Some(set) = self.items.sets.get(&id) else {
            return;
        };
        let (bytes, rate) = self.verified_bytes(shared, id, set);
        shared.event(Event::Item(ItemView {
            session: self.id,
            item: set.item,
            version: set.version,
            progress: set.progress.clone(),
            bytes,
            total: set.header.bytes,
            rate,
        }));
    }

    /// Does what is due for items.
    pub(super) fn items_on_time(&mut self, shared: &mut Shared, now: Now) {
        let due = |due: Option<Moment>| due.is_some_and(|due| due <= now.moment);
        let ids: Vec<_> = self.items.sets.keys().copied().collect();
        for id in ids {
            if due(self.items.sets[&id].tell_due) {
                self.tell_item(shared, now, id, true);
            }
            self.pages_on_time(shared, now, id);
        }
        if due(self.items.status_due) {
            self.items.status_due = None;
            self.flush_statuses(shared, now);
        }
    }

    /// A peer does not want a set, or leaves the session.
    pub(super) fn on_leave(
        &mut self,
        shared: &mut Shared,
        now: Now,
        link: LinkId,
        set: Option<SetId>,
    ) {
        if set.is_none() && self.peers.contains_key(&link) {
            self.link_down(shared, now, link);
        }
    }
}

impl Set {
    pub fn new(posted: Posted, pages: Pages) -> Self {
        Self {
            item: posted.item,
            version: posted.version,
            seq: posted.seq,
            header: posted.header,
            pages,
            place: Place::None,
            progress: Progress::Waiting,
            hashes: Vec::new(),
            given: 0,
            searching: false,
            direct: false,
            searched: 0,
            chunks_out: false,
            copy_out: false,
            writer: None,
            root: None,
            told: None,
            tell_due: None,
        }
    }

    /// How many chunks can be asked for, from the first on.
    fn to_ask_for(&self) -> u32 {
        if self.searching {
            self.given.min(self.searched)
        } else {
            self.given
        }
    }

    /// How many pages of each kind peers may know to be here. The teacher gives away the chunks
    /// whose hashes a peer has: so while they are looked for here, these pages are kept back. So are those of own sets that are
    /// not needed yet.
    pub fn offer(&self) -> [u32; 3] {
        let mut counts = self.pages.counts();
        let known = match (self.place, self.pages.shown()) {
            (_, Some(shown)) => shown,
            (Place::None | Place::Asked, _) => 0,
            (Place::Open, _) if self.searching => self.searched,
            (Place::Open | Place::Closed, _) => return counts,
        };
        while let Some(last) = counts[1].checked_sub(1)
            && chunks_of_page(last, self.header.chunks).end > known
        {
            counts[1] = last;
            // Nobody can use it without these.
            counts[2] = 0;
        }
        counts
    }

    /// Gives the disk the hashes that it does not have yet, and the final one.
    fn hand_over(&mut self, shared: &mut Shared, id: SetId) {
        let from = self.given as usize;
        if let Some(hashes) = self.hashes.get(from..).filter(|hashes| !hashes.is_empty()) {
            let first = ChunkIndex(self.given);
            shared.disk(Disk::Hashes {
                set: id,
                first,
                hashes: hashes.to_vec(),
            });
            self.given = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        }
        if let Some(root) = self.pages.take_root() {
            shared.disk(Disk::Final { set: id, root });
        }
    }
}

/// A rate for people, in whole bytes a second.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn whole(rate: f64) -> u64 {
    rate.max(0.0) as u64
}

/// The sizes of chunks as the swarm wants them.
pub(crate) fn sizes(layout: &Layout) -> ChunkSizes {
    let chunk_size = layout.chunk_size();
    let short = (0..layout.chunks())
        .map(|chunk| (chunk, layout.chunk_len(ChunkIndex(chunk))))
        .filter(|(_, length)| *length != chunk_size)
        .collect();
    ChunkSizes {
        chunk_size,
        count: layout.chunks(),
        short,
    }
}
