//! What has arrived of the session's feed.

use std::collections::BTreeMap;

use handout_engine::api::{Event, ItemId, ItemView, Post, PostContent, Progress, Version};

/// One file set of the feed.
#[derive(Debug, Clone)]
pub struct FileSet {
    /// Which version is the newest.
    pub version: Version,
    /// Title.
    pub title: String,
    /// How far the own machine is.
    pub progress: Progress,
}

/// Everything of one session.
#[derive(Debug, Default)]
pub struct Received {
    sets: BTreeMap<ItemId, FileSet>,
    order: Vec<ItemId>,
    others: usize,
    texts: usize,
}

impl Received {
    /// Takes in what the engine told.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Posted(post) => self.posted(post),
            Event::Item(view) => self.progress(view),
            _ => (),
        }
    }

    fn posted(&mut self, post: &Post) {
        match &post.content {
            PostContent::Text { .. } if !post.author.own => self.texts += 1,
            PostContent::Files {
                item,
                version,
                title,
                ..
            } => self.offered(*item, *version, title),
            PostContent::Withdrawn { item, .. } => {
                self.sets.remove(item);
                self.order.retain(|known| known != item);
            }
            PostContent::Snippet { .. }
            | PostContent::Link { .. }
            | PostContent::Announcement { .. } => self.others += 1,
            PostContent::Text { .. } | PostContent::Ended => (),
        }
    }

    /// A file set, or a new version of one.
    fn offered(&mut self, item: ItemId, version: Version, title: &str) {
        let known = self.sets.get(&item).map(|set| set.version);
        if known.is_some_and(|known| known >= version) {
            return;
        }
        if known.is_none() {
            self.order.push(item);
        }
        let set = FileSet {
            version,
            title: title.to_owned(),
            progress: Progress::Waiting,
        };
        self.sets.insert(item, set);
    }

    fn progress(&mut self, view: &ItemView) {
        if let Some(set) = self.sets.get_mut(&view.item)
            && set.version == view.version
        {
            set.progress = view.progress.clone();
        }
    }

    /// A file set.
    pub fn set(&self, item: ItemId) -> Option<&FileSet> {
        self.sets.get(&item)
    }

    /// The item with this number, from 1, in the order of the feed.
    pub fn numbered(&self, number: usize) -> Option<ItemId> {
        self.order.get(number.wrapping_sub(1)).copied()
    }

    /// The file sets in the order of the feed.
    pub fn sets(&self) -> impl Iterator<Item = &FileSet> {
        self.order.iter().filter_map(|item| self.sets.get(item))
    }

    /// Items of any kind that are completely here.
    pub fn items(&self) -> usize {
        self.others + self.sets.values().filter(|set| set.is_saved()).count()
    }

    /// Messages of others.
    pub const fn texts(&self) -> usize {
        self.texts
    }

    /// Titles of the file sets that are not completely here.
    pub fn missing(&self) -> Vec<&str> {
        self.sets()
            .filter(|set| !set.is_saved())
            .map(|set| set.title.as_str())
            .collect()
    }
}

impl FileSet {
    /// Whether all of it is here.
    pub const fn is_saved(&self) -> bool {
        matches!(self.progress, Progress::Saved { .. })
    }
}

#[cfg(test)]
mod tests {
    use handout_engine::api::SessionId;

    use super::*;

    const ITEM: ItemId = ItemId([1; 16]);

    fn saved(version: u32) -> Event {
        Event::Item(ItemView {
            session: SessionId([1; 16]),
            item: ITEM,
            version: Version(version),
            progress: Progress::Saved { path: None },
            bytes: 1,
            total: 1,
            rate: 0,
        })
    }

    #[test]
    fn a_new_version_has_to_arrive_again() {
        let mut received = Received::default();
        received.offered(ITEM, Version(1), "a");
        received.apply(&saved(1));
        assert_eq!((received.items(), received.missing().len()), (1, 0));
        received.offered(ITEM, Version(2), "a");
        received.apply(&saved(1));
        assert_eq!((received.items(), received.missing()), (0, vec!["a"]));
        received.apply(&saved(2));
        received.offered(ITEM, Version(1), "a");
        assert_eq!((received.items(), received.missing().len()), (1, 0));
    }
}
