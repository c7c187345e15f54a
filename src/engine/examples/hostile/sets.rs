//! File sets that a hostile teacher shares, true or not.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use handout_engine::core::ids::{ChunkIndex, Epoch, FileIndex, Hash, SessionId, SetId};
use handout_engine::core::layout::{Layout, MIN_CHUNK_SIZE};
use handout_engine::core::manifest::{ManifestWriter, chunks_of_page, plan};
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::tree::{chunk_hash, file_hash};
use handout_engine::core::wire::statements::{FileEntry, Page, PageContent, PageKind, SetHeader};

use crate::Failure;
use crate::datagrams::random;

/// A set that is shared: what its entry says, its pages, and its bytes if there are any.
#[derive(Clone)]
pub struct Given {
    /// What its entry says.
    pub header: SetHeader,
    /// The pages of each kind, not signed yet.
    pub pages: [Vec<Page>; 3],
    /// How many pages of each kind are offered.
    pub offer: [u32; 3],
    /// Chunks are given unasked.
    pub pushed: bool,
    /// Pages of hashes without end are made up when they are asked for.
    pub endless: bool,
    session: SessionId,
    layout: Layout,
    bytes: Arc<Vec<Vec<u8>>>,
}

impl Given {
    /// A set of these files, as an honest teacher would share it.
    pub fn new(session: SessionId, files: Vec<(String, Vec<u8>)>) -> Result<Self, Failure> {
        let (list, bytes): (Vec<_>, Vec<_>) = files
            .into_iter()
            .map(|(path, bytes)| {
                let size = bytes.len() as u64;
                (FileEntry { path, size }, bytes)
            })
            .unzip();
        let mut given = Self::claimed(session, MIN_CHUNK_SIZE, &list)?;
        given.bytes = Arc::new(bytes);
        let chunks = (0..given.header.chunks).map(ChunkIndex);
        let hashes: Vec<Hash> = chunks
            .map(|chunk| chunk_hash(&given.layout, chunk, &given.chunk(chunk)))
            .collect();
        let mut root = Vec::new();
        for (number, bytes) in (0_u32..).zip(given.bytes.iter()) {
            let own = given.layout.file_chunks(FileIndex(number));
            let whole = if bytes.len() >= MIN_CHUNK_SIZE as usize {
                file_hash(&hashes[own.start.0 as usize..own.end.0 as usize])
            } else {
                Hash::of(bytes)
            };
            root.extend(whole.0);
        }
        given.hash(&hashes, Hash::of(&root))?;
        Ok(given)
    }

    /// A set of files that nobody has, with hashes of nothing.
    pub fn claimed(
        session: SessionId,
        chunk_size: u32,
        files: &[FileEntry],
    ) -> Result<Self, Failure> {
        let (header, layout) = plan(SetId(random()), chunk_size, files)?;
        let lists = ManifestWriter::new(session, Epoch(1), header.clone()).files(files);
        let offer = [header.file_pages, header.hash_pages, 1];
        Ok(Self {
            header,
            pages: [lists, Vec::new(), Vec::new()],
            offer,
            pushed: false,
            endless: false,
            session,
            layout,
            bytes: Arc::default(),
        })
    }

    /// Makes the pages of hashes, and the final one.
    pub fn hash(&mut self, hashes: &[Hash], root: Hash) -> Result<(), Failure> {
        let mut writer = ManifestWriter::new(self.session, Epoch(1), self.header.clone());
        self.pages[1] = writer.hashes(hashes);
        self.pages[2] = vec![writer.finish(root)?];
        Ok(())
    }

    /// The same set under another id.
    pub fn again(&self) -> Result<Self, Failure> {
        let (hashes, root) = self.hashes();
        let mut other = self.clone();
        other.header.id = SetId(random());
        for page in &mut other.pages[0] {
            page.set = other.header.id;
        }
        other.hash(&hashes, root)?;
        Ok(other)
    }

    /// The hashes of its chunks and the hash over its files.
    fn hashes(&self) -> (Vec<Hash>, Hash) {
        let bytes = self.pages[1].iter().flat_map(|page| match &page.content {
            PageContent::Hashes { hashes } => hashes.clone(),
            _ => Vec::new(),
        });
        let bytes: Vec<u8> = bytes.collect();
        let hashes = bytes.chunks_exact(Hash::LEN).filter_map(Hash::from_slice);
        let root = match self.pages[2].first().map(|page| &page.content) {
            Some(PageContent::Final { root }) => *root,
            _ => Hash([0; 32]),
        };
        (hashes.collect(), root)
    }

    /// The bytes of a chunk; zeros where there are none.
    pub fn chunk(&self, chunk: ChunkIndex) -> Vec<u8> {
        let mut all = Vec::new();
        for segment in self.layout.segments(chunk) {
            let (start, length) = (
                usize::try_from(segment.offset).unwrap_or(usize::MAX),
                segment.len as usize,
            );
            let file = self.bytes.get(segment.file.0 as usize);
            let part = file.and_then(|file| file.get(start..start + length));
            all.extend(part.map_or_else(|| vec![0; length], <[u8]>::to_vec));
        }
        all
    }

    /// The page that somebody wants, signed. Beyond the end there is always another one.
    pub fn page(&mut self, kind: PageKind, number: u32, key: &SigningKey) -> Option<Signed> {
        let pages = &mut self.pages[kind as usize];
        while self.endless && kind == PageKind::Hashes && pages.len() <= number as usize {
            let next = u32::try_from(pages.len()).ok()?;
            let chunks = chunks_of_page(next, self.header.chunks);
            pages.push(Page {
                session: self.session,
                epoch: Epoch(1),
                set: self.header.id,
                number: next,
                previous: pages.last().map(Page::chain_hash),
                content: PageContent::Hashes {
                    hashes: vec![0x66; chunks.len() * Hash::LEN],
                },
            });
        }
        let page = pages.get(number as usize).or(pages.last())?;
        let page = if page.number == number || page.number == u32::MAX {
            page.clone()
        } else {
            Page {
                number,
                ..page.clone()
            }
        };
        Some(Signed::seal(Domain::Page, &page, key))
    }
}
