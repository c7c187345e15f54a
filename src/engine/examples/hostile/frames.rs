//! Frames that cannot be, from a device that has proven its key.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use handout_engine::core::wire::control::{Greeting, Lane};
use handout_engine::core::wire::frame::{FrameKind, MAX_CONTROL, MAX_GREETING, encode_prefix};
use handout_engine::core::wire::statements::LinkKind;
use handout_engine::core::wire::{MAJOR, MINOR};
use handout_engine::net::tls::Tls;
use serde_json::json;
use smol::net::TcpStream;

use crate::datagrams::PORT;
use crate::{Failure, Words, tell};

/// What is sent after the handshake, each on a connection of its own: its name, whether a greeting comes first, its bytes.
fn frames() -> Vec<(&'static str, bool, Vec<u8>)> {
    let frame = |payload: &[u8]| {
        [
            &encode_prefix(FrameKind::Control, payload.len())[..],
            payload,
        ]
        .concat()
    };
    let nested =
        |open: &str, close: &str, depth| [open.repeat(depth), close.repeat(depth)].concat();
    let deep = format!("{{\"t\":\"later\",\"x\":{}}}", nested("[", "]", 120_000));
    let objects = format!(
        "{{\"t\":\"later\",\"x\":{}1{}}}",
        "{\"x\":".repeat(40_000),
        "}".repeat(40_000)
    );
    let ranges = format!(
        "{{\"t\":\"have\",\"s\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"set\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"c\":[{}]}}",
        vec!["[0,4294967295]"; 17_000].join(",")
    );
    let members = format!(
        "{{\"t\":\"members\",\"s\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"members\":[{}]}}",
        vec!["{\"token\":{\"b\":\"e30\",\"s\":\"\"}}"; 8_000].join(",")
    );
    vec![
        ("a length of 4 GiB", false, vec![0xff, 0xff, 0xff, 0xff, 1]),
        ("a length of nothing", false, vec![0, 0, 0, 0, 1]),
        (
            "a kind that is none",
            false,
            vec![0, 0, 0, 5, 9, 1, 2, 3, 4],
        ),
        (
            "a greeting over its limit",
            false,
            frame(&vec![b' '; MAX_GREETING + 1]),
        ),
        ("a greeting that is no JSON", false, frame(b"hello")),
        (
            "a greeting of another version",
            false,
            frame(br#"{"major":200,"minor":0,"lane":"control"}"#),
        ),
        (
            "a control frame over its limit",
            true,
            encode_prefix(FrameKind::Control, MAX_CONTROL + 1).to_vec(),
        ),
        (
            "a control frame that is no JSON",
            true,
            frame(&[0xfe; 2_000]),
        ),
        (
            "a record on the control lane",
            true,
            [&encode_prefix(FrameKind::Record, 60)[..], &[0; 60]].concat(),
        ),
        (
            "a record without a header",
            true,
            [&encode_prefix(FrameKind::Record, 8)[..], &[0; 8]].concat(),
        ),
        ("lists in lists", true, frame(deep.as_bytes())),
        ("objects in objects", true, frame(objects.as_bytes())),
        ("ranges without end", true, frame(ranges.as_bytes())),
        ("members that are none", true, frame(members.as_bytes())),
    ]
}

/// Sends each of them, round and round, and tells of each round how many connections were closed by the other side.
pub fn send(words: &Words) -> Result<(), Failure> {
    let to = SocketAddr::new(words.get::<IpAddr>("to")?, PORT);
    tell("ready", json!({}));
    smol::block_on(async {
        loop {
            for (name, greeted, bytes) in frames() {
                let outcome = match one(to, greeted, &bytes).await {
                    Ok(answered) => format!("{answered} bytes came, then it was closed or silent"),
                    Err(error) => error.to_string(),
                };
                tell("sent", json!({ "frame": name, "outcome": outcome }));
            }
            tell("round", json!({}));
        }
    })
}

/// One connection: gives how many bytes the other side answered within half a second.
async fn one(to: SocketAddr, greeted: bool, bytes: &[u8]) -> Result<usize, Failure> {
    // Another device each time, so that nothing is held against the next.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let tls = Tls::new(&SigningKey::from_bytes(&seed))?;
    let tcp = TcpStream::connect(to).await?;
    let mut stream = tls.connector.connect(Tls::server_name(), tcp).await?;
    if greeted {
        let greeting = Greeting {
            major: MAJOR,
            minor: MINOR,
            features: 0,
            lane: Lane::Control,
            port: 0,
            link: LinkKind::Wired,
        };
        let json = serde_json::to_vec(&greeting)?;
        stream
            .write_all(&encode_prefix(FrameKind::Control, json.len()))
            .await?;
        stream.write_all(&json).await?;
    }
    stream.write_all(bytes).await?;
    stream.flush().await?;
    let mut answer = vec![0; 64 * 1024];
    let mut answered = 0;
    let read = async {
        while let Ok(length @ 1..) = stream.read(&mut answer).await {
            answered += length;
        }
    };
    futures_lite::future::or(read, async {
        smol::Timer::after(Duration::from_millis(500)).await;
    })
    .await;
    Ok(answered)
}
