//! A teacher's machine, and what others send to it: control messages and datagrams, or proofs of a PIN.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ed25519_dalek::SigningKey;
use handout_engine::api::Person;
use handout_engine::core::ids::{DeviceId, Epoch, LinkId, PinProof, PinShare, PublicKey, SealingKey, SessionId};
use handout_engine::core::io::{Command, Input};
use handout_engine::core::machine::{Core, CoreConfig};
use handout_engine::core::pin::Pin;
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::time::{Moment, Now, UnixTime};
use handout_engine::core::trust::{TrustStore, self_signed};
use handout_engine::core::wire::control::{Control, Greeting, Lane};
use handout_engine::core::wire::statements::{Authority, Grant, Join, LinkKind, PinMove};
use x25519_dalek::StaticSecret;

const WALL: u64 = 1_795_000_000;
/// Of the examples in docs/PROTOCOL.md.
const SESSION: SessionId = SessionId([0x5e; 16]);
/// Outputs after one input: more is a machine that talks to itself.
const OUTPUTS: usize = 10_000;

/// The two who are linked to the teacher.
const STUDENTS: [u8; 2] = [3, 4];

/// A class of one teacher and two links. Each line is a control message, or a datagram if it begins with `!`.
pub fn class(data: &[u8]) {
    let (mut core, mut now) = linked(None);
    for (number, line) in data.split(|&byte| byte == b'\n').take(64).enumerate() {
        now.moment = Moment(now.moment.0 + 20_000);
        let input = match line.split_first() {
            Some((b'!', bytes)) => Input::Datagram { interface: 1, from: from(5), bytes: bytes.to_vec() },
            _ => frame(number % 2, line.to_vec()),
        };
        feed(&mut core, now, input);
    }
}

/// A session with a PIN, and joins that are signed as they should be and prove anything: the student and what is in the
/// join, how much later its number is, then the messages of the exchange.
pub fn pin(data: &[u8]) {
    let (mut core, mut now) = linked(Some(Pin::parse("314159").expect("a PIN")));
    let mut sequence = 1;
    for part in data.chunks_exact(1 + 3 * 32).take(64) {
        let (which, messages) = part.split_first().expect("97 bytes");
        let message = |number: usize| messages[number * 32..][..32].try_into().expect("32 bytes");
        let student = usize::from(which & 1);
        let [proves, names, newer] = [2, 4, 8].map(|bit| which & bit != 0);
        now.moment = Moment(now.moment.0 + (u64::from(which >> 4) << 20));
        sequence += u64::from(newer);
        let key = SigningKey::from_bytes(&[STUDENTS[student]; 32]);
        let join = Join {
            session: SESSION,
            device: DeviceId(key.verifying_key().to_bytes()),
            name: "Ravi".to_owned(),
            roll: String::new(),
            machine: String::new(),
            sealing: SealingKey([9; 32]),
            sequence,
            pin: Some(PinMove {
                share: PinShare(message(0)),
                proof: proves.then(|| PinProof(message(1))),
                theirs: names.then(|| PinShare(message(2))),
            }),
        };
        let join = Control::Join { session: SESSION, join: Signed::seal(Domain::Join, &join, &key), hops: 0 };
        feed(&mut core, now, frame(student, join.encode()));
    }
}

fn frame(student: usize, bytes: Vec<u8>) -> Input {
    Input::Frame { link: LinkId(u64::try_from(student).expect("two")), bytes }
}

/// One input, and what it leads to.
fn feed(core: &mut Core, now: Now, input: Input) {
    core.handle(now, input);
    drain(core);
    core.handle(now, Input::Timeout);
    drain(core);
}

fn linked(pin: Option<Pin>) -> (Core, Now) {
    let now = Now { moment: Moment(0), wall: UnixTime(WALL) };
    let mut core = teacher(now, pin);
    for (number, seed) in STUDENTS.into_iter().enumerate() {
        let peer = DeviceId(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes());
        let link = LinkId(u64::try_from(number).expect("two"));
        let greeting = Greeting { major: 1, minor: 0, features: 0, lane: Lane::Control, port: 47_800, link: LinkKind::Wired };
        core.handle(now, Input::LinkUp { link, peer, remote: from(seed), dial: None, greeting });
        core.handle(now, Input::Bulk { link, up: true });
        drain(&mut core);
    }
    (core, now)
}

fn from(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 60, 0, host)), 47_800)
}

fn drain(core: &mut Core) {
    let count = std::iter::from_fn(|| core.poll()).take(OUTPUTS).count();
    assert!(count < OUTPUTS, "one input brings no end of outputs");
}

fn teacher(now: Now, pin: Option<Pin>) -> Core {
    let (device, key, session_key) = ([1; 32], SigningKey::from_bytes(&[2; 32]), SigningKey::from_bytes(&[6; 32]));
    let device = SigningKey::from_bytes(&device);
    let secret = || StaticSecret::from([9; 32]);
    let sealing = SealingKey(x25519_dalek::PublicKey::from(&secret()).to_bytes());
    let mut core = Core::new(CoreConfig {
        device: device.clone(),
        sealing: secret(),
        person: Person::default(),
        trust: TrustStore::default(),
        auto_join: false,
        upload_limit: None,
        accept_limit: None,
        ended: Vec::new(),
        seed: [0; 32],
    });
    let certificate = self_signed(&key, sealing, "Asha Rao", UnixTime(WALL - 1), UnixTime(WALL + 86_400)).expect("a valid name and time");
    let grant = Grant {
        session: SESSION,
        key: PublicKey(session_key.verifying_key().to_bytes()),
        certificate: certificate.hash(),
        epoch: Epoch(1),
        device: DeviceId(device.verifying_key().to_bytes()),
        made: UnixTime(WALL),
        life: 43_200,
    };
    let authority = Authority { certificate, grant: Signed::seal(Domain::Grant, &grant, &key) };
    let start = Command::Start { session: SESSION, title: "DBMS Lab".to_owned(), session_key, authority, sealing: secret(), earlier: None, pin };
    core.command(now, start).expect("a session can be started");
    drain(&mut core);
    core
}
