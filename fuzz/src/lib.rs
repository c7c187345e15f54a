//! What is fuzzed. Each target takes any bytes and must neither panic nor hang, and what it accepts must survive being written
//! and read again.

mod class;

use std::path::Path;

use handout_engine::code;
use handout_engine::core::announce::{Datagram, Header, relayed};
use handout_engine::core::ids::{DeviceId, SessionId};
use handout_engine::core::layout::Layout;
use handout_engine::core::manifest::ManifestReader;
use handout_engine::core::names::SafePath;
use handout_engine::core::signed::Signed;
use handout_engine::core::wire::control::{Control, Greeting};
use handout_engine::core::wire::frame::{MAX_CONTROL, PREFIX, RECORD_HEADER, RecordHeader, decode_prefix};
use handout_engine::core::wire::statements::{
    Announce, Certificate, Contact, Entry, Fresh, Grant, ItemBody, Join, Page, PageKind, Revocation, SealedBody, SetHeader,
    Status, Tick, Token,
};
use handout_engine::store::keys::KeyInput;
use handout_engine::target::Target as Place;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("datagram", datagram),
    ("frame", frame),
    ("control", control),
    ("statement", statement),
    ("manifest", manifest),
    ("layout", layout),
    ("name", name),
    ("key-file", key_file),
    ("text", text),
    ("class", class::class),
    ("pin", class::pin),
];

/// A datagram of discovery, and passing it on.
fn datagram(data: &[u8]) {
    let own = Header::own(47_800, DeviceId([7; 32]), 0);
    if let Some(passed_on) = relayed(data, own) {
        assert_eq!(passed_on.len(), data.len(), "passing on changes the header alone");
    }
    if let Ok(read) = Datagram::decode(data) {
        let again = read.encode().expect("what was read is within the limits");
        assert_eq!(Datagram::decode(&again).as_ref(), Ok(&read));
    }
}

/// The beginning of a frame, and the header of a record.
fn frame(data: &[u8]) {
    if let Some(prefix) = data.first_chunk::<PREFIX>()
        && let Ok((_, length)) = decode_prefix(*prefix, MAX_CONTROL)
    {
        assert!(length <= MAX_CONTROL);
    }
    if let Some(bytes) = data.first_chunk::<RECORD_HEADER>() {
        let header = RecordHeader::decode(bytes);
        assert_eq!(RecordHeader::decode(&header.encode()), header);
    }
    _ = serde_json::from_slice::<Greeting>(data);
}

/// A control message.
fn control(data: &[u8]) {
    let Ok(message) = Control::decode(data) else { return };
    let again = message.encode();
    assert_eq!(Control::decode(&again).ok().as_ref(), Some(&message));
    if let Control::Have { chunks, .. } | Control::Request { chunks, .. } = &message {
        // What a message costs is bounded by its length and the set's.
        assert!(chunks.iter(1_000).count() <= 1_000 * data.len());
    }
}

/// The body of anything that is signed.
fn statement(data: &[u8]) {
    let signed = Signed { body: data.to_vec(), signature: [0; 64] };
    _ = signed.peek::<Certificate>();
    _ = signed.peek::<Revocation>();
    _ = signed.peek::<Grant>();
    _ = signed.peek::<Announce>();
    _ = signed.peek::<Tick>();
    _ = signed.peek::<Join>();
    _ = signed.peek::<Token>();
    _ = signed.peek::<Contact>();
    _ = signed.peek::<Status>();
    _ = signed.peek::<Fresh>();
    _ = signed.peek::<Page>();
    _ = signed.peek::<SealedBody>();
    _ = signed.peek::<ItemBody>();
    if let Ok(entry) = signed.peek::<Entry>() {
        _ = serde_json::from_str::<ItemBody>(entry.body.get());
        _ = serde_json::to_vec(&entry).expect("what was read can be written");
    }
}

/// A header and pages, each on a line; pages that a reader takes keep its promises.
fn manifest(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let header = lines.next().and_then(|line| serde_json::from_slice::<SetHeader>(line).ok());
    let Some(header) = header else { return };
    // Session and set of a page are put right, or nearly nothing would come further.
    let session = SessionId([1; 16]);
    let set = header.id;
    let Ok(mut reader) = ManifestReader::new(session, header.clone()) else { return };
    for line in lines {
        let Ok(mut page) = serde_json::from_slice::<Page>(line) else { continue };
        (page.session, page.set) = (session, set);
        if reader.accept(&page).is_err() {
            return;
        }
        assert!(reader.hashed_chunks() <= header.chunks);
        _ = [PageKind::Files, PageKind::Hashes, PageKind::Final].map(|kind| reader.next_page(kind));
    }
    if let Some((files, layout)) = reader.files() {
        assert_eq!(files.len(), layout.files());
        for file in files.iter() {
            SafePath::parse(&file.path).expect("what a reader accepts is a safe path");
        }
    }
}

/// The chunk space of a list of sizes.
fn layout(data: &[u8]) {
    let Some((&[power, ..], rest)) = data.split_first_chunk::<1>() else { return };
    let sizes = rest.chunks(5).map(|bytes| bytes.iter().fold(0, |size, &byte| size << 8 | u64::from(byte)));
    if let Ok(layout) = Layout::new(1 << (14 + power % 7), sizes) {
        for file in 0..layout.files().min(64) {
            let file = handout_engine::core::ids::FileIndex(u32::try_from(file).expect("few"));
            let chunks = layout.file_chunks(file);
            assert!(chunks.start <= chunks.end);
            if chunks.start < chunks.end {
                _ = layout.segments(chunks.start);
            }
        }
    }
}

/// A name from the wire: whatever is accepted stays below the folder it is put in.
fn name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(path) = SafePath::parse(&text) else { return };
    let whole = Path::new("/folder").join(path.as_str());
    assert!(whole.components().skip(1).all(|part| matches!(part, std::path::Component::Normal(_))));
    assert!(path.parts().all(|part| !part.is_empty() && part.len() <= 255));
    SafePath::parse(path.as_str()).expect("a safe path is one");
    _ = path.numbered(2);
}

/// A file of keys, as a file and as text.
fn key_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(input) = KeyInput::text(&text) {
        _ = input.kind();
        _ = input.describe();
    }
}

/// What a person pastes, or a link brings.
fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    _ = Place::parse(&text);
    _ = code::is_code(&text);
    _ = code::link(&text);
    assert!(!code::ending(code::language("file", &text)).contains('/'));
}
