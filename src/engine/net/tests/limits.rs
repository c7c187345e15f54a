//! What one connection may cost, at each limit and one past it.

use super::*;
use crate::core::wire::frame::{MAX_CONTROL, MAX_GREETING, MAX_RECORD, RECORD_HEADER};
use crate::net::gate::{GateError, Pass};

/// A connection on which both sides have greeted.
async fn greeted(number: u8, to: &Node, lane: LaneKind) -> Lane {
    let mut connection = by_hand(number, to).await;
    let own = greeting(MAJOR, lane);
    connection.write_greeting(&own).await.unwrap();
    connection.read_greeting().await.unwrap();
    connection
}

/// Sends a whole frame; the other side may cut it off.
async fn write(lane: &mut Lane, kind: FrameKind, payload: &[u8]) {
    let frame = [&encode_prefix(kind, payload.len())[..], payload].concat();
    if lane.stream.write_all(&frame).await.is_ok() {
        let _ = lane.stream.flush().await;
    }
}

#[test]
fn a_control_frame_of_256_kib_arrives_and_one_byte_more_ends_the_link() {
    let node = Node::new(1);
    smol::block_on(async {
        let mut lane = greeted(2, &node, LaneKind::Control).await;
        let (link, _) = node.link_up();
        let mut bytes = vec![b' '; MAX_CONTROL];
        write(&mut lane, FrameKind::Control, &bytes).await;
        assert_eq!(node.frame(), bytes);
        bytes.push(b' ');
        write(&mut lane, FrameKind::Control, &bytes).await;
        let ended = node.wait("the end of the link", |event| match event {
            NetEvent::Input(Input::LinkDown { link }, _) => Some(Ok(link)),
            NetEvent::Input(Input::Frame { bytes, .. }, _) => Some(Err(bytes.len())),
            _ => None,
        });
        assert_eq!(ended, Ok(link));
    });
    node.stop();
}

#[test]
fn a_greeting_of_4_kib_is_taken_and_one_byte_more_is_refused() {
    let node = Node::new(1);
    smol::block_on(async {
        let mut bytes = serde_json::to_vec(&greeting(MAJOR, LaneKind::Control)).unwrap();
        bytes.resize(MAX_GREETING, b' ');
        let mut lane = by_hand(2, &node).await;
        write(&mut lane, FrameKind::Control, &bytes).await;
        assert_eq!(node.link_up().1, device(2));
        bytes.push(b' ');
        let mut lane = by_hand(3, &node).await;
        write(&mut lane, FrameKind::Control, &bytes).await;
        let refused = node.wait("a refusal", |event| match event {
            NetEvent::Refused { reason, .. } => Some(Ok(reason)),
            NetEvent::Input(Input::LinkUp { peer, .. }, _) => Some(Err(peer)),
            _ => None,
        });
        assert!(refused.unwrap().contains("4097 bytes is over the limit"));
    });
    node.stop();
}

#[test]
fn a_record_of_64_kib_is_taken_and_one_byte_more_ends_its_lane() {
    let node = Node::new(1);
    smol::block_on(async {
        let _control = greeted(2, &node, LaneKind::Control).await;
        let (link, _) = node.link_up();
        let mut lane = greeted(2, &node, LaneKind::Bulk).await;
        assert_eq!(node.bulk(true), link);
        let mut record = header(0, 0).encode().to_vec();
        record.resize(RECORD_HEADER + MAX_RECORD, 1);
        write(&mut lane, FrameKind::Record, &record).await;
        let next = || {
            node.wait("a record, or the end of its lane", |event| match event {
                NetEvent::Input(Input::RecordReceived { length, .. }, _) => Some(Some(length)),
                NetEvent::Input(Input::Bulk { up: false, .. }, _) => Some(None),
                _ => None,
            })
        };
        assert_eq!(next(), Some(RECORD));
        record.push(1);
        write(&mut lane, FrameKind::Record, &record).await;
        assert_eq!(next(), None);
    });
    node.stop();
}

#[test]
fn three_of_an_address_and_64_in_all_are_let_in_half_of_them_members() {
    let host = |number: u8| IpAddr::from([10, 0, 0, number]);
    let limits = GateLimits::default();
    let rules = (limits.per_address, limits.total, limits.for_members);
    assert_eq!(rules, (3, 64, 32));
    let gate = Gate::new(limits);
    (101..=133).for_each(|number| gate.add_member(host(number)));
    let mut passes: Vec<Pass> = (0..3).map(|_| gate.enter(host(1)).unwrap()).collect();
    assert_eq!(gate.enter(host(1)).unwrap_err(), GateError::Address);
    // With these three, half of all.
    passes.extend((2..=30).map(|number| gate.enter(host(number)).unwrap()));
    assert_eq!(gate.enter(host(31)).unwrap_err(), GateError::Total);
    passes.extend((101..=132).map(|number| gate.enter(host(number)).unwrap()));
    assert_eq!(passes.len(), 64);
    assert_eq!(gate.enter(host(133)).unwrap_err(), GateError::Total);
    passes.pop();
    assert!(gate.enter(host(133)).is_ok());
}

#[test]
fn a_greeting_in_time_is_taken_and_a_late_one_is_not() {
    let limit = Timing::default().handshake;
    assert_eq!(limit, Duration::from_secs(3));
    let node = Node::new(1);
    smol::block_on(async {
        let began = Instant::now();
        let _silent = by_hand(3, &node).await;
        let mut slow = by_hand(2, &node).await;
        // It is the time that counts here.
        smol::Timer::after(limit / 2).await;
        let own = greeting(MAJOR, LaneKind::Control);
        slow.write_greeting(&own).await.unwrap();
        assert_eq!(node.link_up().1, device(2));
        assert!(node.refused().contains("no answer within 3 s"));
        assert!(began.elapsed() >= limit);
        assert_eq!(node.net.links().len(), 1);
    });
    node.stop();
}

#[test]
fn who_is_connected_may_answer_later_than_others_connect() {
    let timing = Timing {
        dial: Duration::from_millis(200),
        answer: Duration::from_secs(10),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    smol::block_on(async {
        let (listener, address) = listen_by_hand(&node);
        node.net.dial(DialId(1), address, Some(device(2)));
        let mut lane = accept_by_hand(2, &listener).await;
        // It is the time that counts here.
        smol::Timer::after(timing.dial * 2).await;
        let own = greeting(MAJOR, LaneKind::Control);
        lane.write_greeting(&own).await.unwrap();
        assert_eq!(node.link_up().1, device(2));
    });
    node.stop();
}

#[test]
fn who_is_connected_and_says_nothing_is_given_up() {
    let timing = Timing {
        answer: Duration::from_millis(300),
        ..Timing::default()
    };
    let node = Node::with(1, free_port(), timing);
    let (listener, address) = smol::block_on(async { listen_by_hand(&node) });
    node.net.dial(DialId(1), address, Some(device(2)));
    let _silent = smol::block_on(accept_by_hand(2, &listener));
    assert!(node.dial_failed().contains("no answer within"));
    node.stop();
}
