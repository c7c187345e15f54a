//! Checking the pages of a manifest as they come.

use std::sync::Arc;

use super::{FILES_PAGE, FIRST_FILES, ManifestError, check_header, chunks_of_page};
use crate::core::ids::{ChunkIndex, FileIndex, Hash, SessionId};
use crate::core::layout::Layout;
use crate::core::names::{SafePath, settle_collisions};
use crate::core::wire::statements::{FileEntry, Page, PageContent, PageKind, SetHeader};

/// What an accepted page brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Files of the list, from this one on; with the last page the list is complete.
    Files {
        /// Number of the first.
        first: FileIndex,
        /// How many.
        count: u32,
    },
    /// Hashes of chunks, from this one on. They are not kept here.
    Hashes {
        /// Number of the first.
        first: ChunkIndex,
        /// The hashes.
        hashes: Vec<Hash>,
    },
    /// The final page.
    Final {
        /// Hash over the whole-file hashes.
        root: Hash,
    },
    /// Nothing new: a page that was accepted before.
    Known,
}

/// The state of a manifest that is being received: a header that was accepted with its entry, and
/// the pages so far.
#[derive(Debug)]
pub struct ManifestReader {
    session: SessionId,
    header: SetHeader,
    paths: Vec<SafePath>,
    sizes: Vec<u64>,
    bytes: u64,
    file_pages: Chain,
    hash_pages: Chain,
    root: Option<Hash>,
    complete: Option<(Arc<[FileEntry]>, Arc<Layout>)>,
}

/// How far one chain of pages is.
#[derive(Debug, Default)]
struct Chain {
    next: u32,
    head: Option<Hash>,
}

impl ManifestReader {
    /// Begins with a header, if it keeps the limits.
    pub fn new(session: SessionId, header: SetHeader) -> Result<Self, ManifestError> {
        check_header(&header)?;
        Ok(Self {
            session,
            header,
            paths: Vec::new(),
            sizes: Vec::new(),
            bytes: 0,
            file_pages: Chain::default(),
            hash_pages: Chain::default(),
            root: None,
            complete: None,
        })
    }

    /// The header.
    pub const fn header(&self) -> &SetHeader {
        &self.header
    }

    /// The number of the page of `kind` that is due; `None` when there is no further one.
    ///
    /// The final page is due after the last page of hashes.
    pub fn next_page(&self, kind: PageKind) -> Option<u32> {
        let due = match kind {
            PageKind::Files => (self.file_pages.next, self.header.file_pages),
            PageKind::Hashes => (self.hash_pages.next, self.header.hash_pages),
            PageKind::Final => {
                let due = self.root.is_none() && self.next_page(PageKind::Hashes).is_none();
                return due.then_some(0);
            }
        };
        (due.0 < due.1).then_some(due.0)
    }

    /// How many chunks have their hashes, from the first on.
    pub fn hashed_chunks(&self) -> u32 {
        chunks_of_page(self.hash_pages.next, self.header.chunks).start
    }

    /// The files with safe and unique paths, and their chunk space, once the list is complete.
    pub const fn files(&self) -> Option<&(Arc<[FileEntry]>, Arc<Layout>)> {
        self.complete.as_ref()
    }

    /// The hash over the whole-file hashes, once the final page came.
    pub const fn root(&self) -> Option<Hash> {
        self.root
    }

    /// Whether every page came.
    pub const fn is_complete(&self) -> bool {
        self.complete.is_some() && self.root.is_some()
    }

    /// Takes a page whose signature was checked.
    ///
    /// Pages of one kind are taken in order; one that was taken before is [`Accepted::Known`].
    /// After any error but [`ManifestError::NotNext`] the manifest is not to be trusted further.
    pub fn accept(&mut self, page: &Page) -> Result<Accepted, ManifestError> {
        if page.session != self.session || page.set != self.header.id {
            return Err(ManifestError::OtherSet);
        }
        match &page.content {
            PageContent::Files { files } => self.accept_files(page, files),
            PageContent::Hashes { hashes } => self.accept_hashes(page, hashes),
            PageContent::Final { root } => self.accept_final(page, *root),
        }
    }

    fn accept_files(
        &mut self,
        page: &Page,
        files: &[FileEntry],
    ) -> Result<Accepted, ManifestError> {
        let kind = PageKind::Files;
        if !self
            .file_pages
            .is_next(page, kind, self.header.file_pages)?
        {
            return Ok(Accepted::Known);
        }
        let most = if page.number == 0 {
            FIRST_FILES
        } else {
            FILES_PAGE
        };
        let left = self.header.files as usize - self.paths.len();
        let last = page.number + 1 == self.header.file_pages;
        let fits = if last {
            files.len() == left
        } else {
            files.len() < left
        };
        if files.is_empty() || files.len() > most as usize || !fits {
            return Err(ManifestError::Count {
                kind,
                number: page.number,
                got: files.len(),
            });
        }
        let first = self.paths.len();
        let mut paths = Vec::new();
        let mut bytes = self.bytes;
        for file in files {
            paths.push(SafePath::parse(&file.path)?);
            bytes = bytes.checked_add(file.size).ok_or(ManifestError::Totals)?;
        }
        if bytes > self.header.bytes || (last && bytes != self.header.bytes) {
            return Err(ManifestError::Totals);
        }
        self.bytes = bytes;
        self.paths.append(&mut paths);
        self.sizes.extend(files.iter().map(|file| file.size));
        self.file_pages.take(page.chain_hash());
        if last {
            self.finish_files()?;
        }
        let number = |n: usize| u32::try_from(n).expect("a list has at most 20,000 files");
        Ok(Accepted::Files {
            first: FileIndex(number(first)),
            count: number(files.len()),
        })
    }

    fn finish_files(&mut self) -> Result<(), ManifestError> {
        let layout = Layout::new(self.header.chunk_size, self.sizes.iter().copied())?;
        if layout.chunks() != self.header.chunks {
            return Err(ManifestError::Totals);
        }
        let mut paths = std::mem::take(&mut self.paths);
        settle_collisions(&mut paths);
        let files = paths
            .into_iter()
            .zip(std::mem::take(&mut self.sizes))
            .map(|(path, size)| FileEntry {
                path: path.to_string(),
                size,
            })
            .collect();
        self.complete = Some((files, Arc::new(layout)));
        Ok(())
    }

    fn accept_hashes(&mut self, page: &Page, bytes: &[u8]) -> Result<Accepted, ManifestError> {
        let kind = PageKind::Hashes;
        if !self
            .hash_pages
            .is_next(page, kind, self.header.hash_pages)?
        {
            return Ok(Accepted::Known);
        }
        let chunks = chunks_of_page(page.number, self.header.chunks);
        if bytes.len() != chunks.len() * Hash::LEN {
            let got = bytes.len() / Hash::LEN;
            return Err(ManifestError::Count {
                kind,
                number: page.number,
                got,
            });
        }
        let hashes = bytes
            .chunks_exact(Hash::LEN)
            .filter_map(Hash::from_slice)
            .collect();
        self.hash_pages.take(page.chain_hash());
        Ok(Accepted::Hashes {
            first: ChunkIndex(chunks.start),
            hashes,
        })
    }

    fn accept_final(&mut self, page: &Page, root: Hash) -> Result<Accepted, ManifestError> {
        let kind = PageKind::Final;
        if let Some(known) = self.root {
            let same = known == root;
            return if same {
                Ok(Accepted::Known)
            } else {
                Err(ManifestError::Broken {
                    kind,
                    number: page.number,
                })
            };
        }
        if self.next_page(PageKind::Hashes).is_some() {
            return Err(ManifestError::NotNext {
                kind,
                expected: self.hash_pages.next,
                got: 0,
            });
        }
        if page.number != 0 || page.previous != self.hash_pages.head {
            return Err(ManifestError::Broken {
                kind,
                number: page.number,
            });
        }
        self.root = Some(root);
        Ok(Accepted::Final { root })
    }
}

impl Chain {
    /// Whether the page is the one due (`true`) or one that was taken (`false`).
    fn is_next(&self, page: &Page, kind: PageKind, pages: u32) -> Result<bool, ManifestError> {
        let number = page.number;
        if number < self.next {
            return Ok(false);
        }
        if number >= pages {
            return Err(ManifestError::Broken { kind, number });
        }
        if number > self.next {
            return Err(ManifestError::NotNext {
                kind,
                expected: self.next,
                got: number,
            });
        }
        if page.previous != self.head {
            return Err(ManifestError::Broken { kind, number });
        }
        Ok(true)
    }

    fn take(&mut self, hash: Hash) {
        self.next += 1;
        self.head = Some(hash);
    }
}
