//! Manifests: what a set is made of, as a header in the feed and signed pages that are fetched.
//!
//! Pages come in two chains, the list of files and the hashes of chunks, and one final page that
//! ends the second: the teacher has read everything and nothing changed meanwhile. The first page of
//! each chain is small, so that sending starts within milliseconds. [`ManifestWriter`] makes pages,
//! [`ManifestReader`] checks them.

use std::ops::Range;

use super::ids::{ChunkIndex, SetId};
use super::layout::{self, Layout, LayoutError, MAX_CHUNKS, MAX_FILES};
use super::names::NameError;
use super::wire::statements::{FileEntry, PageKind, SetHeader};

mod reader;
mod writer;

pub use reader::{Accepted, ManifestReader};
pub use writer::ManifestWriter;

/// Most files in the first page.
pub const FIRST_FILES: u32 = 32;
/// Most files in a later page.
pub const FILES_PAGE: u32 = 256;
/// Hashes in the first page and in the second. Each later one has as many as all before, so that
/// what is hashed never waits for more than was hashed before it.
pub const FIRST_HASHES: u32 = 8;
/// Hashes in a page at most; how many pages there are up to as many.
pub const HASHES_PAGE: u32 = 256;
const GROWING: u32 = (HASHES_PAGE / FIRST_HASHES).ilog2() + 1;
/// Most bytes that the file list of one page takes as JSON. Signed and in base64 it stays well below
/// the 256 KiB of a frame.
pub const FILES_PAGE_BYTES: usize = 128 * 1024;
/// JSON of a file entry but its path, in bytes, at most.
const ENTRY_BYTES: usize = 40;

/// Why a manifest is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No files.
    #[error("a set needs at least one file")]
    Empty,
    /// The header is beyond a limit or contradicts itself.
    #[error("the header of the file set is not acceptable: {0}")]
    Header(&'static str),
    /// The files have no chunk space.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A page is of another session or set.
    #[error("the page belongs to another file set")]
    OtherSet,
    /// A page came before the one that it follows.
    #[error("page {got} of {kind:?} came when page {expected} was due")]
    NotNext {
        /// Which kind.
        kind: PageKind,
        /// The next one.
        expected: u32,
        /// What came.
        got: u32,
    },
    /// A page does not follow the previous one of its kind.
    #[error("page {number} of {kind:?} does not follow the one before it")]
    Broken {
        /// Which kind.
        kind: PageKind,
        /// Its number.
        number: u32,
    },
    /// A page has more or less than it should.
    #[error("page {number} of {kind:?} has {got} entries, which does not fit the file set")]
    Count {
        /// Which kind.
        kind: PageKind,
        /// Its number.
        number: u32,
        /// How many entries it has.
        got: usize,
    },
    /// The list of files does not add up to what the header says.
    #[error("the list of files does not add up to what its header says")]
    Totals,
}

/// Makes the header of a set and its chunk space, from the files in their order.
///
/// The paths should come from [`super::names::SafePath::clean`] and
/// [`super::names::settle_collisions`]. A new version takes `chunk_size` from its predecessor, a new
/// set from [`layout::chunk_size`].
pub fn plan(
    id: SetId,
    chunk_size: u32,
    files: &[FileEntry],
) -> Result<(SetHeader, Layout), ManifestError> {
    if files.is_empty() {
        return Err(ManifestError::Empty);
    }
    let layout = Layout::new(chunk_size, files.iter().map(|file| file.size))?;
    let count = |n: usize| u32::try_from(n).map_err(|_| LayoutError::TooManyFiles);
    let header = SetHeader {
        id,
        files: count(files.len())?,
        bytes: layout.total(),
        chunk_size,
        chunks: layout.chunks(),
        file_pages: count(file_pages(files).len())?,
        hash_pages: hash_pages(layout.chunks()),
    };
    Ok((header, layout))
}

/// Which files go into which page of the list.
pub fn file_pages(files: &[FileEntry]) -> Vec<Range<usize>> {
    let mut pages: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (number, file) in files.iter().enumerate() {
        let cost = file.path.len() + ENTRY_BYTES;
        let limit = if pages.len() <= 1 {
            FIRST_FILES
        } else {
            FILES_PAGE
        };
        match pages.last_mut() {
            Some(page) if page.len() < limit as usize && bytes + cost <= FILES_PAGE_BYTES => {
                page.end = number + 1;
                bytes += cost;
            }
            _ => {
                pages.push(number..number + 1);
                bytes = cost;
            }
        }
    }
    pages
}

/// The number of pages of hashes that a set with so many chunks has.
pub const fn hash_pages(chunks: u32) -> u32 {
    if chunks == 0 {
        0
    } else {
        page_of_chunk(ChunkIndex(chunks - 1)) + 1
    }
}

/// The page that has the hash of `chunk`.
pub const fn page_of_chunk(chunk: ChunkIndex) -> u32 {
    if chunk.0 < FIRST_HASHES {
        0
    } else if chunk.0 < HASHES_PAGE {
        1 + (chunk.0 / FIRST_HASHES).ilog2()
    } else {
        GROWING - 1 + chunk.0 / HASHES_PAGE
    }
}

/// The chunks whose hashes page `page` has, in a set of `chunks`; empty beyond the last page.
pub fn chunks_of_page(page: u32, chunks: u32) -> Range<u32> {
    let after = |pages: u32| match pages {
        0 => 0,
        n if n <= GROWING => FIRST_HASHES << (n - 1),
        n => HASHES_PAGE.saturating_mul(n - GROWING + 1),
    };
    after(page).min(chunks)..after(page.saturating_add(1)).min(chunks)
}

/// The number after the last page of hashes that is fetched together with page `number`, of so many that somebody offers: small
/// pages come together, and there are no more than the set has, whatever is offered.
pub fn end_of_fetch(number: u32, offered: u32, chunks: u32) -> u32 {
    let first = chunks_of_page(number, chunks).start;
    let fits = |page| chunks_of_page(page, chunks).end - first <= HASHES_PAGE;
    let last = offered.min(hash_pages(chunks));
    let mut end = number + 1;
    while end < last && fits(end) {
        end += 1;
    }
    end
}

/// Checks a header against the limits and itself. Nothing is allocated by what it says.
pub fn check_header(header: &SetHeader) -> Result<(), ManifestError> {
    let wrong = |what| Err(ManifestError::Header(what));
    if header.files == 0 {
        return Err(ManifestError::Empty);
    }
    if header.files > MAX_FILES {
        return wrong("it has more than 20,000 files");
    }
    if !layout::is_chunk_size(header.chunk_size) {
        return wrong("its chunk size is not a power of two from 16 KiB to 1 MiB");
    }
    if header.chunks > MAX_CHUNKS {
        return wrong("it has more than 4 million chunks");
    }
    let step = u64::from(header.chunk_size);
    let fewest = header.bytes.div_ceil(step);
    if u64::from(header.chunks) < fewest
        || u64::from(header.chunks) > fewest + u64::from(header.files)
    {
        return wrong("its number of chunks does not fit its size");
    }
    if header.hash_pages != hash_pages(header.chunks) {
        return wrong("its number of hash pages does not fit its chunks");
    }
    let least = if header.files <= FIRST_FILES {
        1
    } else {
        1 + (header.files - FIRST_FILES).div_ceil(FILES_PAGE)
    };
    if header.file_pages < least || header.file_pages > header.files {
        return wrong("its number of list pages does not fit its files");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
