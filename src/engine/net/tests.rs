//! Whole networks on the loopback interface, and hand-made other sides.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use futures_lite::AsyncWriteExt as _;

use super::event::NetEvent;
use super::lane::{Lane, LaneError, open_tcp};
use super::reactor::{Io, Way};
use super::*;
use crate::core::io::Input;
use crate::core::wire::MAJOR;
use crate::core::wire::control::{Control, Greeting, Lane as LaneKind};
use crate::core::wire::frame::{FrameKind, RecordHeader, encode_prefix};
use crate::core::wire::statements::LinkKind;

mod limits;

const CHUNK: u32 = 1024 * 1024;
const RECORD: u32 = 64 * 1024;

struct SameLength;

impl ChunkLengths for SameLength {
    fn length(&self, _: &RecordHeader) -> Option<u32> {
        Some(CHUNK)
    }
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn device(number: u8) -> DeviceId {
    DeviceId(key(number).verifying_key().to_bytes())
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

struct Node {
    net: Net,
    events: Receiver<NetEvent>,
}

impl Node {
    fn new(number: u8) -> Self {
        Self::with(number, free_port(), Timing::default())
    }

    fn with(number: u8, port: u16, timing: Timing) -> Self {
        let (tx, events) = async_channel::unbounded();
        let sink: Sink = Arc::new(move |event| _ = tx.try_send(event));
        let config = NetConfig {
            key: key(number),
            port,
            interfaces: InterfaceChoice::Named(vec!["lo".into()]),
            chunks: Arc::new(SameLength),
            timing,
            gate: GateLimits::default(),
        };
        let net = Net::start(config, &sink).unwrap();
        Self { net, events }
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.net.port()).into()
    }

    /// Waits for the event that `wanted` picks.
    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(NetEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.events.recv().await.unwrap()) {
                    return ControlFlow::Break(found);
                }
            }
        };
        let late = async {
            smol::Timer::after(Duration::from_secs(20)).await;
            ControlFlow::Continue(())
        };
        match smol::block_on(futures_lite::future::or(found, late)) {
            ControlFlow::Break(found) => found,
            ControlFlow::Continue(()) => panic!("waited for {what} in vain"),
        }
    }

    fn link_up(&self) -> (LinkId, DeviceId) {
        self.wait("a link", |event| match event {
            NetEvent::Input(Input::LinkUp { link, peer, .. }, _) => Some((link, peer)),
            _ => None,
        })
    }

    fn bulk(&self, wanted: bool) -> LinkId {
        self.wait("a bulk lane", |event| match event {
            NetEvent::Input(Input::Bulk { link, up }, _) if up == wanted => Some(link),
            _ => None,
        })
    }

    fn link_down(&self) -> LinkId {
        self.wait("the end of a link", |event| match event {
            NetEvent::Input(Input::LinkDown { link }, _) => Some(link),
            _ => None,
        })
    }

    fn dial_failed(&self) -> String {
        self.wait("a failed dial", |event| match event {
            NetEvent::Input(Input::DialFailed { reason, .. }, _) => Some(reason),
            _ => None,
        })
    }

    fn refused(&self) -> String {
        self.wait("a refusal", |event| match event {
            NetEvent::Refused { reason, .. } => Some(reason),
            _ => None,
        })
    }

    fn frame(&self) -> Vec<u8> {
        self.wait("a frame", |event| match event {
            NetEvent::Input(Input::Frame { bytes, .. }, _) => Some(bytes),
            _ => None,
        })
    }

    fn stop(self) {
        self.net.stop();
    }
}

/// Two linked nodes, the first having dialled, and each one's number of the link.
fn pair() -> (Node, Node, LinkId, LinkId) {
    let (a, b) = (Node::new(1), Node::new(2));
    a.net.dial(DialId(1), b.address(), Some(device(2)));
    let (at_a, peer) = a.link_up();
    assert_eq!(peer, device(2));
    let (at_b, peer) = b.link_up();
    assert_eq!(peer, device(1));
    assert_eq!(a.bulk(true), at_a);
    assert_eq!(b.bulk(true), at_b);
    (a, b, at_a, at_b)
}

fn greeting(major: u8, lane: LaneKind) -> Greeting {
    Greeting {
        major,
        minor: 0,
        features: 0,
        lane,
        port: 0,
        link: LinkKind::Unknown,
    }
}

/// A hand-made connection to a node, which lends its reactor.
async fn by_hand(number: u8, to: &Node) -> Lane {
    let reactor = to.net.spawner().reactor();
    let tcp = open_tcp(reactor, to.address(), Duration::from_secs(9));
    let tcp = tcp.await.unwrap();
    Lane::connect(&Tls::new(&key(number)).unwrap(), tcp)
        .await
        .unwrap()
}

/// A hand-made other side that accepts one lane.
async fn accept_by_hand(number: u8, listener: &Io<mio::net::TcpListener>) -> Lane {
    let accepted = listener.io(Way::In, mio::net::TcpListener::accept).await;
    let tcp = Io::new(listener.reactor(), accepted.unwrap().0).unwrap();
    Lane::accept(&Tls::new(&key(number)).unwrap(), tcp)
        .await
        .unwrap()
}

fn listen_by_hand(beside: &Node) -> (Io<mio::net::TcpListener>, SocketAddr) {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = mio::net::TcpListener::bind(any).unwrap();
    let address = listener.local_addr().unwrap();
    let reactor = beside.net.spawner().reactor();
    (Io::new(reactor, listener).unwrap(), address)
}

#[test]
fn two_devices_link_with_both_lanes_and_talk() {
    let (a, b, at_a, at_b) = pair();
    a.net.send(at_a, b"{\"t\":\"from a\"}".to_vec());
    b.net.send(at_b, b"{\"t\":\"from b\"}".to_vec());
    assert_eq!(b.frame(), b"{\"t\":\"from a\"}");
    assert_eq!(a.frame(), b"{\"t\":\"from b\"}");
    let report = b.net.links();
    assert_eq!(
        (report.len(), report[0].device, report[0].bulk),
        (1, device(1), true)
    );
    a.stop();
    assert_eq!(b.link_down(), at_b);
    b.stop();
}

#[test]
fn another_device_than_expected_is_no_link() {
    let (a, b) = (Node::new(1), Node::new(2));
    a.net.dial(DialId(1), b.address(), Some(device(3)));
    assert!(a.dial_failed().contains("another device answers there"));
    a.net.dial(DialId(2), a.address(), None);
    assert!(a.dial_failed().contains("the own device"));
    assert_eq!((a.net.links().len(), b.net.links().len()), (0, 0));
    a.stop();
    b.stop();
}

#[test]
fn a_caller_of_another_version_is_told_so() {
    let node = Node::new(1);
    let (first, second) = smol::block_on(async {
        let mut lane = by_hand(2, &node).await;
        lane.write_greeting(&greeting(9, LaneKind::Control))
            .await
            .unwrap();
        let (_, first) = frames::read_frame(&mut lane.stream, 4096).await.unwrap();
        let (_, second) = frames::read_frame(&mut lane.stream, 4096).await.unwrap();
        (first, second)
    });
    let theirs: Greeting = serde_json::from_slice(&first).unwrap();
    assert_eq!(theirs.major, MAJOR);
    assert!(matches!(
        Control::decode(&second).unwrap(),
        Control::Bye { .. }
    ));
    assert!(node.refused().contains("version 9"));
    node.stop();
}

#[test]
fn a_callee_of_another_version_is_no_link() {
    let node = Node::new(1);
    smol::block_on(async {
        let (listener, address) = listen_by_hand(&node);
        node.net.dial(DialId(1), address, None);
        let mut lane = accept_by_hand(2, &listener).await;
        lane.write_greeting(&greeting(3, LaneKind::Control))
            .await
            .unwrap();
        let (_, own) = frames::read_frame(&mut lane.stream, 4096).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<Greeting>(&own).unwrap().major,
            MAJOR
        );
        let (_, bye) = frames::read_frame(&mut lane.stream, 4096).await.unwrap();
        assert!(matches!(
            Control::decode(&bye).unwrap(),
            Control::Bye { .. }
        ));
    });
    assert!(node.dial_failed().contains("update the older program"));
    node.stop();
}

#[test]
fn garbage_floods_and_silence_before_the_greeting_are_cut_off() {
    let timing = Timing {
        handshake: Duration::from_millis(300),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    let closed = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(node.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let _ = stream.write_all(bytes);
        let mut answer = [0; 512];
        while matches!(stream.read(&mut answer), Ok(1..)) {}
    };
    closed(b"GET / HTTP/1.1\r\n\r\n");
    assert!(node.refused().contains("does not speak"));
    // The head of a client's first message of 16,000 bytes, which never ends.
    let mut endless = vec![22, 3, 1, 0x3e, 0x80, 1, 0, 0x3e, 0x7c];
    endless.resize(8 * 1024, 0);
    closed(&endless);
    assert!(node.refused().contains("more than 6144 bytes"));
    closed(b"");
    assert!(node.refused().contains("no answer within"));
    smol::block_on(async {
        let mut lane = by_hand(2, &node).await;
        let prefix = encode_prefix(FrameKind::Control, 200_000);
        lane.stream.write_all(&prefix).await.unwrap();
        lane.stream.flush().await.unwrap();
        assert!(lane.read_greeting().await.is_err());
    });
    assert!(node.refused().contains("over the limit"));
    assert!(node.net.links().is_empty());
    node.stop();
}

#[test]
fn silent_connections_do_not_keep_a_member_out() {
    let node = Node::new(1);
    let silent: Vec<TcpStream> = (0..32)
        .map(|_| TcpStream::connect(node.address()).unwrap())
        .collect();
    let mut one_more = TcpStream::connect(node.address()).unwrap();
    assert_eq!(one_more.read(&mut [0]).unwrap(), 0, "closed at once");
    assert!(node.refused().contains("too many unfinished"));
    node.net.add_member(Ipv4Addr::LOCALHOST.into());
    let friend = Node::new(2);
    friend.net.dial(DialId(1), node.address(), Some(device(1)));
    friend.link_up();
    drop(silent);
    friend.stop();
    node.stop();
}

#[test]
fn a_goodbye_arrives_before_the_link_closes() {
    let (a, b, at_a, at_b) = pair();
    for number in 0..1000 {
        a.net.send(at_a, format!("{{\"n\":{number}}}").into_bytes());
    }
    a.net.close(at_a);
    for number in 0..1000 {
        assert_eq!(b.frame(), format!("{{\"n\":{number}}}").into_bytes());
    }
    assert_eq!(b.link_down(), at_b);
    assert_eq!(a.link_down(), at_a);
    a.stop();
    b.stop();
}

#[test]
fn the_last_frames_of_a_node_that_stops_arrive() {
    let (a, b, at_a, at_b) = pair();
    let frame = |number: usize| format!("{{\"number\":{number},\"x\":\"{:9999}\"}}", "");
    for number in 0..300 {
        a.net.send(at_a, frame(number).into_bytes());
    }
    let stopping = thread::spawn(move || a.stop());
    for number in 0..300 {
        assert_eq!(b.frame(), frame(number).as_bytes());
    }
    assert_eq!(b.link_down(), at_b);
    stopping.join().unwrap();
    b.stop();
}

#[test]
fn a_node_that_stops_does_not_wait_for_who_does_not_answer() {
    let long = Duration::from_mins(1);
    let timing = Timing {
        close: long,
        goodbye: long,
        quiet: Duration::from_millis(100),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    smol::block_on(async {
        let mut silent = by_hand(2, &node).await;
        let own = greeting(MAJOR, LaneKind::Control);
        silent.write_greeting(&own).await.unwrap();
        silent.read_greeting().await.unwrap();
        let (link, _) = node.link_up();
        // More than the system takes for somebody who does not read.
        for _ in 0..70 {
            node.net.send(link, vec![b' '; 100_000]);
        }
        let began = Instant::now();
        node.stop();
        assert!(began.elapsed() < long / 2);
        drop(silent);
    });
}

#[test]
fn a_side_that_no_longer_answers_is_noticed() {
    let timing = Timing {
        ping: Duration::from_millis(50),
        dead: Duration::from_millis(400),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    smol::block_on(async {
        let mut lane = by_hand(2, &node).await;
        lane.write_greeting(&greeting(MAJOR, LaneKind::Control))
            .await
            .unwrap();
        lane.read_greeting().await.unwrap();
        let (_, ping) = frames::read_frame(&mut lane.stream, 4096).await.unwrap();
        assert_eq!(Control::decode(&ping).unwrap(), Control::Ping);
        let began = Instant::now();
        node.link_down();
        assert!(began.elapsed() >= Duration::from_millis(200));
    });
    node.stop();
}

#[test]
fn a_silent_but_living_link_stays() {
    let timing = Timing {
        ping: Duration::from_millis(20),
        dead: Duration::from_millis(500),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    smol::block_on(async {
        let mut lane = by_hand(2, &node).await;
        lane.write_greeting(&greeting(MAJOR, LaneKind::Control))
            .await
            .unwrap();
        lane.read_greeting().await.unwrap();
        let (link, _) = node.link_up();
        let stream = &mut lane.stream;
        let began = Instant::now();
        // Nothing but pings and answers, for twice the time after which it would be dead.
        while began.elapsed() < timing.dead * 2 {
            let (_, ping) = frames::read_frame(stream, 4096).await.unwrap();
            assert_eq!(Control::decode(&ping).unwrap(), Control::Ping);
            let pong = Control::Pong.encode();
            frames::write_control(stream, &pong).await.unwrap();
        }
        let ping = Control::Ping.encode();
        frames::write_control(stream, &ping).await.unwrap();
        node.net.send(link, b"still here".to_vec());
        let (mut answered, mut here) = (false, false);
        while !(answered && here) {
            let (_, frame) = frames::read_frame(stream, 4096).await.unwrap();
            match Control::decode(&frame) {
                Ok(Control::Pong) => answered = true,
                Ok(other) => assert_eq!(other, Control::Ping),
                Err(_) => {
                    assert_eq!(frame, b"still here");
                    here = true;
                }
            }
        }
    });
    node.stop();
}

#[test]
fn a_side_that_does_not_read_is_dropped_before_it_costs_memory() {
    let node = Node::new(1);
    smol::block_on(async {
        let mut lane = by_hand(2, &node).await;
        lane.write_greeting(&greeting(MAJOR, LaneKind::Control))
            .await
            .unwrap();
        lane.read_greeting().await.unwrap();
        let (link, _) = node.link_up();
        for _ in 0..200 {
            node.net.send(link, vec![b' '; 256 * 1024]);
        }
        assert_eq!(node.link_down(), link);
    });
    node.stop();
}

#[test]
fn a_lost_bulk_lane_is_dialled_again() {
    let node = Node::new(1);
    smol::block_on(async {
        let (listener, address) = listen_by_hand(&node);
        node.net.dial(DialId(1), address, Some(device(2)));
        let mut lanes = Vec::new();
        for kind in [LaneKind::Control, LaneKind::Bulk, LaneKind::Bulk] {
            let mut lane = accept_by_hand(2, &listener).await;
            assert_eq!(lane.read_greeting().await.unwrap().lane, kind);
            lane.write_greeting(&greeting(MAJOR, kind)).await.unwrap();
            if kind == LaneKind::Control {
                lanes.push(lane);
            } else {
                node.bulk(true);
                drop(lane);
                node.bulk(false);
            }
        }
    });
    node.stop();
}

#[test]
fn records_without_a_bulk_lane_come_back() {
    let node = Node::new(1);
    let record = Outgoing {
        header: header(0, 0),
        chunk: Arc::new([0; 9]),
        range: 0..9,
    };
    node.net.send_record(LinkId(77), record);
    let sent = node.wait("an outcome", |event| match event {
        NetEvent::Input(Input::RecordSent { sent, .. }, _) => Some(sent),
        _ => None,
    });
    assert!(!sent);
    node.stop();
}

#[test]
fn a_taken_port_is_a_warning() {
    let port = free_port();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let node = Node::with(1, port, Timing::default());
    assert_ne!(node.net.port(), port);
    let text = node.wait("a warning", |event| match event {
        NetEvent::Warning(warning) => Some(warning.text),
        _ => None,
    });
    assert!(text.contains(&port.to_string()));
    node.stop();
}

fn header(chunk: u32, offset: u32) -> RecordHeader {
    RecordHeader {
        session: SessionId([1; 16]),
        set: SetId([2; 16]),
        chunk: ChunkIndex(chunk),
        offset,
        owner: false,
    }
}

#[test]
fn two_hundred_mebibytes_of_records_arrive_encrypted_and_whole() {
    let (a, b, at_a, _) = pair();
    let chunks = 200;
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut waiting = 0;
            for number in 0..chunks {
                let fill = u8::try_from(number % 251).unwrap();
                let chunk: Arc<[u8]> = vec![fill; CHUNK as usize].into();
                for offset in (0..CHUNK).step_by(RECORD as usize) {
                    let record = Outgoing {
                        header: header(number, offset),
                        chunk: chunk.clone(),
                        range: offset as usize..(offset + RECORD) as usize,
                    };
                    a.net.send_record(at_a, record);
                    waiting += 1;
                    while waiting > 8 {
                        a.wait("a sent record", |event| match event {
                            NetEvent::Input(Input::RecordSent { sent: true, .. }, _) => Some(()),
                            _ => None,
                        });
                        waiting -= 1;
                    }
                }
            }
        });
        for number in 0..chunks {
            let chunk = b.wait("a chunk", |event| match event {
                NetEvent::Chunk(chunk) => Some(chunk),
                _ => None,
            });
            assert_eq!(chunk.header.chunk, ChunkIndex(number));
            let fill = u8::try_from(number % 251).unwrap();
            assert!(chunk.bytes.iter().all(|&byte| byte == fill));
        }
    });
    let speed = f64::from(chunks) / began.elapsed().as_secs_f64();
    println!("{speed:.0} MiB/s over one link on loopback");
    a.stop();
    b.stop();
}

#[test]
fn the_port_is_free_again_when_the_engine_has_stopped() {
    let port = free_port();
    for _ in 0..20 {
        let node = Node::with(1, port, Timing::default());
        assert_eq!(node.net.port(), port);
        let links = Arc::downgrade(&node.net.links);
        node.stop();
        assert!(links.upgrade().is_none(), "something still holds the links");
    }
}

#[test]
fn the_errors_of_lanes_say_what_to_do() {
    let text = LaneError::Timeout(Duration::from_secs(3)).to_string();
    assert!(text.contains("within 3 s") && text.contains("firewall"));
}
