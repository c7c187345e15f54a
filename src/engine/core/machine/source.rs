//! The teacher's sets: shared, hashed, taken up again after a restart.

use super::session::Session;
use super::shared::Shared;
use super::teach::check_length;
use super::{items, pages};
use crate::api::{Event, Progress, ShareOptions, WarningKind};
use crate::core::ids::{Hash, ItemId, Seq, SetId, Version};
use crate::core::io::{CommandError, Disk, Earlier, EarlierSet};
use crate::core::layout::{self, Layout};
use crate::core::limits;
use crate::core::manifest::{self, ManifestWriter};
use crate::core::signed::{Domain, Signed};
use crate::core::swarm::SetSpec;
use crate::core::time::Now;
use crate::core::wire::ranges::Ranges;
use crate::core::wire::statements::{
    Audience, EntryKind, FailReason, FileEntry, ItemBody, ItemContent, PageKind, SetHeader,
    WithdrawBody,
};

/// Where a set stands in the feed.
#[derive(Clone)]
pub(super) struct Posted {
    pub item: ItemId,
    pub version: Version,
    pub seq: Seq,
    pub header: SetHeader,
}

impl Session {
    #[allow(clippy::too_many_arguments, reason = "the fields of one command")]
    pub(super) fn share(
        &mut self,
        shared: &mut Shared,
        now: Now,
        item: ItemId,
        id: SetId,
        title: String,
        files: &[FileEntry],
        options: &ShareOptions,
    ) -> Result<(), CommandError> {
        check_length("the title", &title, limits::ITEM_TITLE)?;
        let earlier = match options.replaces {
            Some(item) => {
                let set = self
                    .items
                    .set_of(item)
                    .and_then(|id| self.items.sets.get(&id));
                Some(set.ok_or(CommandError::NoItem)?)
            }
            None => None,
        };
        let total = files.iter().map(|file| file.size).sum();
        let students = self.members.present(shared.id, self.teacher.device);
        let (item, version, chunk_size, kind) = match earlier {
            Some(set) => (
                set.item,
                set.version.next(),
                set.header.chunk_size,
                EntryKind::Replace,
            ),
            None => (
                item,
                Version(1),
                layout::chunk_size(total, students),
                EntryKind::Item,
            ),
        };
        let (header, layout) = manifest::plan(id, chunk_size, files)
            .map_err(|error| CommandError::NotShareable(error.to_string()))?;
        let content = ItemContent::Files {
            set: header.clone(),
        };
        let body = ItemBody {
            item,
            version,
            title,
            content,
        };
        let seq = self.feed.head(self.feed.teacher).next();

        let posted = Posted {
            item,
            version,
            seq,
            header,
        };
        // Before the entry, which first has to be on the disk: reading begins meanwhile.
        self.read_source(shared, posted, files, None)?;
        if let Err(error) = self.write(shared, now, kind, Audience::All, &body) {
            self.items.sets.remove(&id);
            shared.disk(Disk::Close { set: id });
            return Err(error);
        }
        self.open_source(shared, now, id, &layout);
        Ok(())
    }

    /// Lists the files of an own set, and has them read.
    fn read_source(
        &mut self,
        shared: &mut Shared,
        posted: Posted,
        files: &[FileEntry],
        root: Option<Hash>,
    ) -> Result<(), CommandError> {
        let (id, chunk_size) = (posted.header.id, posted.header.chunk_size);
        let writer = ManifestWriter::new(self.id, self.teacher.epoch, posted.header.clone());
        let mut set = items::Set::new(posted, pages::Pages::new(false));
        set.place = items::Place::Open;
        set.progress = Progress::Preparing;
        set.root = root;
        for page in writer.files(files) {
            set.pages.add(PageKind::Files, self.sign_page(&page)?);
        }
        set.writer = Some(writer);
        self.items.sets.insert(id, set);
        shared.disk(Disk::Hash {
            session: self.id,
            set: id,
            chunk_size,
        });
        Ok(())
    }

    /// From now on chunks of an own set can be given away.
    fn open_source(&mut self, shared: &mut Shared, now: Now, id: SetId, layout: &Layout) {
        let Some(set) = self.items.sets.get(&id) else {
            return;
        };
        let spec = SetSpec {
            session: self.id,
            set: id,
            priority: set.seq.0,
            sizes: items::sizes(layout),
            source: true,
            have: Ranges::default(),
            hashes: 0,
        };
        shared.swarm.open_set(now.moment, spec);
        self.tell_item(shared, now, id, true);
        if let Some(set) = self.items.sets.get_mut(&id) {
            set.pages.show_some(now.moment);
        }
        self.offer_pages(shared, now, id, None);
    }

    /// Takes up what an earlier life of the session left: its feed, and the sets whose files are as they were.
    pub(super) fn go_on(&mut self, shared: &mut Shared, now: Now, mut earlier: Earlier) {
        let statuses = std::mem::take(&mut earlier.kept.statuses);
        self.replay_all(shared, now, earlier.kept);
        let mut sets: Vec<_> = std::mem::take(&mut self.items.earlier)
            .into_values()
            .collect();
        sets.sort_by_key(|posted| posted.seq);
        for posted in sets {
            let source = earlier.sources.remove(&posted.header.id);
            self.take_up(shared, now, posted, source);
        }
        self.recall_statuses(shared, statuses);
    }

    fn take_up(
        &mut self,
        shared: &mut Shared,
        now: Now,
        posted: Posted,
        source: Option<EarlierSet>,
    ) {
        let header = posted.header.clone();
        let same = source.and_then(|source| {
            let (planned, layout) =
                manifest::plan(header.id, header.chunk_size, &source.files).ok()?;
            (planned == header).then_some((source, layout))
        });
        if let Some((source, layout)) = same
            && self
                .read_source(shared, posted.clone(), &source.files, source.root)
                .is_ok()
        {
            self.open_source(shared, now, header.id, &layout);
            return;
        }
        let text = "its files are not as they were when the session was interrupted: students who have it pass it on; \
                    replace it to send it again from here";
        let mut set = items::Set::new(posted, pages::Pages::new(false));
        set.place = items::Place::Closed;
        set.progress = Progress::Failed {
            reason: FailReason::DiskError,
            text: text.to_owned(),
        };
        self.items.sets.insert(header.id, set);
        self.tell_item(shared, now, header.id, true);
    }

    fn sign_page<T: serde::Serialize>(&self, page: &T) -> Result<Signed, CommandError> {
        let own = self.own.as_ref().ok_or(CommandError::NotTeacher)?;
        Ok(Signed::seal(Domain::Page, page, &own.key))
    }

    /// The teacher's machine has hashed more of a set.
    pub(super) fn hashed(
        &mut self,
        shared: &mut Shared,
        now: Now,
        id: SetId,
        hashes: &[Hash],
        root: Option<Hash>,
    ) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let Some(writer) = &mut set.writer else {
            return;
        };
        let mut pages: Vec<_> = writer
            .hashes(hashes)
            .into_iter()
            .map(|page| (PageKind::Hashes, page))
            .collect();
        if let Some(root) = root {
            if set.root.is_some_and(|earlier| earlier != root) {
                let text = "its files changed while the session was interrupted: share them again";
                self.source_failed(shared, now, id, text);
                return;
            }
            match writer.finish(root) {
                Ok(page) => pages.push((PageKind::Final, page)),
                Err(error) => {
                    self.source_failed(shared, now, id, &error.to_string());
                    return;
                }
            }
        }
        if pages.is_empty() {
            return;
        }
        for (kind, page) in pages {
            let Ok(signed) = self.sign_page(&page) else {
                return;
            };
            if kind == PageKind::Final {
                let page = signed.clone();
                shared.disk(Disk::Finished { set: id, page });
            }
            if let Some(set) = self.items.sets.get_mut(&id) {
                set.pages.add(kind, signed);
            }
        }
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let known = set.pages.hashed(set.header.chunks);
        shared.swarm.hashes_known(now.moment, self.id, id, known);
        if root.is_some() {
            set.writer = None;
            set.progress = Progress::Saved { path: None };
            self.tell_item(shared, now, id, true);
        }
        self.offer_pages(shared, now, id, None);
    }

    /// The teacher's files cannot be read as they were: the item is withdrawn, with the reason.
    pub(super) fn source_failed(&mut self, shared: &mut Shared, now: Now, id: SetId, text: &str) {
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        let item = set.item;
        set.writer = None;
        // A newer version has taken its place: that one stays.
        if set.place == items::Place::Closed {
            return;
        }
        let reason = FailReason::DiskError;
        set.progress = Progress::Failed {
            reason,
            text: text.to_owned(),
        };
        self.tell_item(shared, now, id, true);
        shared.warn(WarningKind::SourceChanged, Some(self.id), text.to_owned());
        let body = WithdrawBody {
            item,
            reason: text.to_owned(),
        };
        // A session that has just ended withdraws nothing any more.
        let _ = self.write(shared, now, EntryKind::Withdraw, Audience::All, &body);
    }

    /// A student has every chunk and page: the teacher's machine may vanish.
    pub(super) fn one_copy_out(&mut self, shared: &mut Shared, id: SetId) {
        if let Some(set) = self.items.sets.get_mut(&id) {
            set.chunks_out = true;
        }
        self.tell_copy_out(shared, id);
    }

    pub(super) fn tell_copy_out(&mut self, shared: &mut Shared, id: SetId) {
        let session = self.id;
        let Some(set) = self.items.sets.get_mut(&id) else {
            return;
        };
        if set.chunks_out && !set.copy_out && set.pages.complete_elsewhere() {
            set.copy_out = true;
            let (item, version) = (set.item, set.version);
            shared.event(Event::OneCopyOut {
                session,
                item,
                version,
            });
        }
    }
}
