//! Making the pages of a manifest on the teacher's machine.

use super::{ManifestError, chunks_of_page, file_pages};
use crate::core::ids::{Epoch, Hash, SessionId};
use crate::core::wire::statements::{FileEntry, Page, PageContent, SetHeader};

/// Makes the pages of one set: those of the file list at once, those of the hashes as they come.
///
/// It hands out unsigned pages in order; each is to be signed as it is.
#[derive(Debug)]
pub struct ManifestWriter {
    session: SessionId,
    epoch: Epoch,
    header: SetHeader,
    pending: Vec<Hash>,
    next: u32,
    head: Option<Hash>,
}

impl ManifestWriter {
    /// Begins with a header from [`super::plan`].
    pub const fn new(session: SessionId, epoch: Epoch, header: SetHeader) -> Self {
        Self {
            session,
            epoch,
            header,
            pending: Vec::new(),
            next: 0,
            head: None,
        }
    }

    /// All pages of the file list, which must be the one that the header was made from.
    pub fn files(&self, files: &[FileEntry]) -> Vec<Page> {
        let mut head = None;
        let mut pages = Vec::new();
        for (number, range) in (0..).zip(file_pages(files)) {
            let content = PageContent::Files {
                files: files[range].to_vec(),
            };
            let page = self.page(number, head, content);
            head = Some(page.chain_hash());
            pages.push(page);
        }
        pages
    }

    /// Takes the hashes of the next chunks and gives the pages that they fill.
    pub fn hashes(&mut self, hashes: &[Hash]) -> Vec<Page> {
        self.pending.extend_from_slice(hashes);
        let mut pages = Vec::new();
        let mut used = 0;
        loop {
            let chunks = chunks_of_page(self.next, self.header.chunks);
            if chunks.is_empty() || self.pending.len() - used < chunks.len() {
                break;
            }
            let bytes = self.pending[used..used + chunks.len()]
                .iter()
                .flat_map(|hash| hash.0)
                .collect();
            used += chunks.len();
            let page = self.page(self.next, self.head, PageContent::Hashes { hashes: bytes });
            self.head = Some(page.chain_hash());
            self.next += 1;
            pages.push(page);
        }
        self.pending.drain(..used);
        pages
    }

    /// The final page, once every chunk's hash was taken: `root` is the hash over all whole-file
    /// hashes.
    pub fn finish(&self, root: Hash) -> Result<Page, ManifestError> {
        if self.next < self.header.hash_pages || !self.pending.is_empty() {
            return Err(ManifestError::Totals);
        }
        Ok(self.page(0, self.head, PageContent::Final { root }))
    }

    const fn page(&self, number: u32, previous: Option<Hash>, content: PageContent) -> Page {
        Page {
            session: self.session,
            epoch: self.epoch,
            set: self.header.id,
            number,
            previous,
            content,
        }
    }
}
