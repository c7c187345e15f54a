#![allow(clippy::unwrap_used)]

use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::core::ids::{Epoch, FileIndex, Hash, SessionId};
use crate::core::layout::MIN_CHUNK_SIZE;
use crate::core::signed::{Domain, Signed};
use crate::core::wire::statements::{Page, PageContent};

const SESSION: SessionId = SessionId([1; 16]);
const SET: SetId = SetId([2; 16]);

fn file(path: impl Into<String>, size: u64) -> FileEntry {
    FileEntry {
        path: path.into(),
        size,
    }
}

fn hash(n: u32) -> Hash {
    Hash::of(&n.to_le_bytes())
}

struct Made {
    header: SetHeader,
    lists: Vec<Page>,
    hashes: Vec<Page>,
    last: Page,
}

fn make(files: &[FileEntry]) -> Made {
    let (header, layout) = plan(SET, MIN_CHUNK_SIZE, files).unwrap();
    let mut writer = ManifestWriter::new(SESSION, Epoch(1), header.clone());
    let lists = writer.files(files);
    let mut hashes = Vec::new();
    let all: Vec<Hash> = (0..layout.chunks()).map(hash).collect();
    for few in all.chunks(100) {
        hashes.extend(writer.hashes(few));
    }
    let last = writer.finish(hash(99)).unwrap();
    Made {
        header,
        lists,
        hashes,
        last,
    }
}

fn reader(header: &SetHeader) -> ManifestReader {
    ManifestReader::new(SESSION, header.clone()).unwrap()
}

fn give(reader: &mut ManifestReader, page: &Page) -> Result<Accepted, ManifestError> {
    let signed = Signed::seal(Domain::Page, page, &SigningKey::from_bytes(&[5; 32]));
    let read: Page = signed.peek().unwrap();
    assert_eq!(&read, page);
    reader.accept(&read)
}

fn many(count: u32) -> Vec<FileEntry> {
    (0..count)
        .map(|n| file(format!("folder/{n}.c"), 3000))
        .collect()
}

#[test]
fn a_manifest_is_read_back_page_by_page() {
    let mut files = many(700);
    files.push(file("big.iso", 2000 * u64::from(MIN_CHUNK_SIZE)));
    files.push(file("empty", 0));
    let made = make(&files);
    assert_eq!(made.header.file_pages, 4);
    assert_eq!(made.header.hash_pages, 14);
    let mut reader = reader(&made.header);
    assert_eq!(reader.next_page(PageKind::Final), None);
    let mut next = 0;
    for page in &made.hashes {
        assert_eq!(reader.next_page(PageKind::Hashes), Some(page.number));
        let Accepted::Hashes { first, hashes } = give(&mut reader, page).unwrap() else {
            panic!()
        };
        assert_eq!(first.0, next);
        assert_eq!(page_of_chunk(first), page.number);
        for got in hashes {
            assert_eq!(got, hash(next));
            next += 1;
        }
        assert_eq!(reader.hashed_chunks(), next);
    }
    assert_eq!(next, made.header.chunks);
    assert_eq!(reader.next_page(PageKind::Final), Some(0));
    for page in &made.lists {
        assert!(reader.files().is_none());
        give(&mut reader, page).unwrap();
    }
    assert_eq!(
        give(&mut reader, &made.last).unwrap(),
        Accepted::Final { root: hash(99) }
    );
    assert!(reader.is_complete());
    let (list, layout) = reader.files().unwrap();
    assert_eq!(list[..], files[..]);
    assert_eq!(
        layout.file_size(FileIndex(700)),
        2000 * u64::from(MIN_CHUNK_SIZE)
    );
    for page in made.lists.iter().chain(&made.hashes).chain([&made.last]) {
        assert_eq!(give(&mut reader, page), Ok(Accepted::Known));
    }
}

#[test]
fn the_first_pages_are_small() {
    let made = make(&many(700));
    let PageContent::Files { files } = &made.lists[0].content else {
        panic!()
    };
    assert_eq!(files.len(), 32);
}

#[test]
fn pages_of_hashes_double_up_to_the_largest() {
    let lengths = |chunks| {
        let pages = 0..hash_pages(chunks);
        pages
            .map(|page| chunks_of_page(page, chunks).len())
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(1), [1]);
    assert_eq!(lengths(65), [8, 8, 16, 32, 1]);
    assert_eq!(lengths(1000), [8, 8, 16, 32, 64, 128, 256, 256, 232]);
}

#[test]
fn no_more_pages_are_fetched_than_there_are() {
    assert_eq!(end_of_fetch(0, u32::MAX, 100), hash_pages(100));
    assert_eq!(end_of_fetch(8, u32::MAX, 1_000), hash_pages(1_000));
    assert_eq!(end_of_fetch(0, u32::MAX, 1_000), 6);
    assert_eq!(end_of_fetch(0, 3, 1_000), 3);
}

#[test]
fn a_page_of_the_longest_names_fits_a_frame() {
    let long = vec!["भ".repeat(67); 5].join("/");
    let files: Vec<_> = (0..20_000_u32)
        .map(|n| file(format!("{long}/{n:05}"), u64::from(n)))
        .collect();
    let made = make(&files);
    assert_eq!(made.lists.len(), made.header.file_pages as usize);
    let mut reader = reader(&made.header);
    for page in &made.lists {
        let signed = Signed::seal(Domain::Page, page, &SigningKey::from_bytes(&[5; 32]));
        let frame = serde_json::to_vec(&signed).unwrap().len();
        assert!(frame < 250 * 1024, "{frame} bytes");
        give(&mut reader, page).unwrap();
    }
    assert_eq!(reader.files().unwrap().0.len(), 20_000);
}

#[test]
fn a_set_of_empty_files_has_no_hash_pages() {
    let made = make(&[file("a", 0), file("b", 0)]);
    assert_eq!((made.header.chunks, made.header.hash_pages), (0, 0));
    let mut reader = reader(&made.header);
    give(&mut reader, &made.last).unwrap();
    give(&mut reader, &made.lists[0]).unwrap();
    assert!(reader.is_complete());
}

#[test]
fn pages_out_of_order_or_out_of_their_chain_are_refused() {
    let made = make(&many(7000));
    let mut reader = reader(&made.header);
    let late = give(&mut reader, &made.hashes[1]);
    assert!(matches!(
        late,
        Err(ManifestError::NotNext {
            expected: 0,
            got: 1,
            ..
        })
    ));
    give(&mut reader, &made.hashes[0]).unwrap();
    let mut page = made.hashes[1].clone();
    page.previous = Some(hash(0));
    assert!(matches!(
        give(&mut reader, &page),
        Err(ManifestError::Broken { .. })
    ));
    page.previous = None;
    assert!(matches!(
        give(&mut reader, &page),
        Err(ManifestError::Broken { .. })
    ));
    assert!(matches!(
        give(&mut reader, &made.last),
        Err(ManifestError::NotNext { .. })
    ));
    page.number = 4000;
    assert!(matches!(
        give(&mut reader, &page),
        Err(ManifestError::Broken { .. })
    ));
    page = made.lists[0].clone();
    page.set = SetId([9; 16]);
    assert_eq!(give(&mut reader, &page), Err(ManifestError::OtherSet));
}

#[test]
fn pages_that_do_not_fit_the_header_are_refused() {
    let made = make(&many(300));
    let content = |files| PageContent::Files { files };
    let page = |number, content| Page {
        number,
        content,
        ..made.lists[0].clone()
    };
    for files in [
        vec![],
        many(33),
        vec![file("a", u64::MAX)],
        vec![file("a", u64::MAX), file("b", u64::MAX)],
        vec![file("../../.bashrc", 1)],
        vec![file(".handout/journal", 1)],
    ] {
        assert!(give(&mut reader(&made.header), &page(0, content(files))).is_err());
    }
    let short = PageContent::Hashes {
        hashes: vec![0; 32 * 7],
    };
    assert!(give(&mut reader(&made.header), &page(0, short)).is_err());
    let crooked = PageContent::Hashes {
        hashes: vec![0; 32 * 8 + 1],
    };
    assert!(give(&mut reader(&made.header), &page(0, crooked)).is_err());
    // As many files as the header says, but not its bytes.
    let header = SetHeader {
        files: 2,
        bytes: 10,
        chunks: 1,
        file_pages: 1,
        hash_pages: 1,
        ..made.header
    };
    let mut reader = reader(&header);
    let less = Page {
        content: content(vec![file("a", 4), file("b", 5)]),
        ..made.lists[0].clone()
    };
    assert_eq!(give(&mut reader, &less), Err(ManifestError::Totals));
}

#[test]
fn headers_beyond_a_limit_are_refused() {
    let good = make(&many(100)).header;
    let bad = [
        SetHeader {
            files: 0,
            ..good.clone()
        },
        SetHeader {
            files: MAX_FILES + 1,
            ..good.clone()
        },
        SetHeader {
            chunk_size: 3 << 14,
            ..good.clone()
        },
        SetHeader {
            chunk_size: 1 << 30,
            ..good.clone()
        },
        SetHeader {
            chunks: MAX_CHUNKS + 1,
            ..good.clone()
        },
        SetHeader {
            chunks: good.chunks - 1,
            ..good.clone()
        },
        SetHeader {
            chunks: u32::MAX,
            bytes: u64::MAX,
            ..good.clone()
        },
        SetHeader {
            hash_pages: 9,
            ..good.clone()
        },
        SetHeader {
            file_pages: 1,
            ..good.clone()
        },
        SetHeader {
            file_pages: 101,
            ..good.clone()
        },
    ];
    assert_eq!(check_header(&good), Ok(()));
    for header in bad {
        assert!(check_header(&header).is_err(), "{header:?}");
    }
}

#[test]
fn colliding_names_of_a_hostile_list_are_settled_by_the_reader() {
    let made = make(&[file("A", 1), file("a", 2), file("x/y", 3), file("X", 4)]);
    let mut reader = reader(&made.header);
    give(&mut reader, &made.lists[0]).unwrap();
    let names: Vec<_> = reader
        .files()
        .unwrap()
        .0
        .iter()
        .map(|f| f.path.clone())
        .collect();
    assert_eq!(names, ["A", "a (2)", "x/y", "X (2)"]);
}

proptest! {
    #[test]
    fn every_chunk_is_in_the_page_that_is_said(chunks in 0..10_000_u32) {
        let mut next = 0;
        for page in 0..hash_pages(chunks) {
            let range = chunks_of_page(page, chunks);
            prop_assert_eq!(range.start, next);
            prop_assert!(!range.is_empty());
            prop_assert_eq!(page_of_chunk(ChunkIndex(range.start)), page);
            prop_assert_eq!(page_of_chunk(ChunkIndex(range.end - 1)), page);
            next = range.end;
        }
        prop_assert_eq!(next, chunks);
        prop_assert!(chunks_of_page(hash_pages(chunks), chunks).is_empty());
    }
}
