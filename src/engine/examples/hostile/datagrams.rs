//! Attacks by datagrams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use handout_engine::core::announce::{Announcement, Body, Datagram, Header};
use handout_engine::core::ids::{DeviceId, Epoch, PublicKey, SealingKey, SessionId};
use handout_engine::core::signed::{Domain, Signed};
use handout_engine::core::time::UnixTime;
use handout_engine::core::trust::self_signed;
use handout_engine::core::wire::statements::{
    Admission, Announce, Authority, Certificate, Grant, Right,
};
use serde_json::json;
use socket2::{Protocol, Socket, Type};

use crate::{Failure, Words, tell};

/// The port of discovery.
pub const PORT: u16 = 47_800;

/// Does something so many times a second, evenly, and tells each second how often it was done.
pub fn at_rate(rate: u64, mut work: impl FnMut(u64) -> bool) -> ! {
    tell("ready", json!({}));
    let (start, mut tried, mut done, mut told) = (Instant::now(), 0, 0, 0);
    loop {
        let passed = start.elapsed();
        let due = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX) / 1_000 * rate / 1_000;
        while tried < due {
            done += u64::from(work(tried));
            tried += 1;
        }
        if passed.as_secs() > told {
            told = passed.as_secs();
            tell(
                "did",
                json!({ "tried": tried, "done": done, "seconds": told }),
            );
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Bytes that nobody knows.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// The device that proves itself by a key.
pub fn device(key: &SigningKey) -> DeviceId {
    DeviceId(key.verifying_key().to_bytes())
}

/// A socket on the port of discovery, as every device has one.
fn socket() -> Result<UdpSocket, Failure> {
    let socket = Socket::new(socket2::Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
    Ok(socket.into())
}

/// Many datagrams: nonsense, announcements with random signatures, or asks.
pub fn flood(attack: &str, words: &Words) -> Result<(), Failure> {
    let (to, rate) = (words.get::<IpAddr>("to")?, words.get("rate")?);
    let (socket, key) = (socket()?, SigningKey::from_bytes(&random()));
    let header = Header::own(PORT, device(&key), 0);
    let model = announcement(&key, &key, None, "Dr. Nobody", "Quiz")?;
    let attack = attack.to_owned();
    at_rate(rate, move |number| {
        let bytes = match (attack.as_str(), number % 4) {
            ("packets", 0) => Vec::new(),
            ("packets", 1) => random::<24>().to_vec(),
            ("packets", 2) => [&b"HDO1\x01\x00\x01\x00"[..], &random::<56>()].concat(),
            ("announcements", _) => {
                let mut forged = model.clone();
                forged.announce.signature = random();
                // Another device and another session each time: nothing is known from before.
                forged.authority.grant.signature = random();
                let header = Header::own(PORT, DeviceId(random()), 0);
                let body = Body::Announcement(forged);
                Datagram { header, body }.encode().unwrap_or_default()
            }
            _ => {
                let session = Some(SessionId(random()));
                let body = Body::Ask { session };
                Datagram { header, body }.encode().unwrap_or_default()
            }
        };
        socket.send_to(&bytes, (to, PORT)).is_ok()
    })
}

/// A session's announcement. Where an institution is named, it has not signed the certificate.
pub fn announcement(
    teacher: &SigningKey,
    session_key: &SigningKey,
    institution: Option<PublicKey>,
    name: &str,
    title: &str,
) -> Result<Announcement, Failure> {
    let now = UnixTime(std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs());
    let (from, until) = (UnixTime(now.0 - 86_400), UnixTime(now.0 + 86_400 * 300));
    let sealing = SealingKey(random());
    let certificate = match institution {
        None => self_signed(teacher, sealing, name, from, until)?,
        Some(institution) => {
            let certificate = Certificate {
                institution,
                institution_name: "GEHU".to_owned(),
                teacher: PublicKey(teacher.verifying_key().to_bytes()),
                sealing,
                name: name.to_owned(),
                serial: 1,
                not_before: from,
                not_after: until,
                rights: vec![Right::Session],
            };
            Signed::seal(Domain::Certificate, &certificate, teacher)
        }
    };
    let session = SessionId(random());
    let grant = Grant {
        session,
        key: PublicKey(session_key.verifying_key().to_bytes()),
        certificate: certificate.hash(),
        epoch: Epoch(1),
        device: device(session_key),
        made: now,
        life: 3_600,
    };
    let announce = Announce {
        session,
        sequence: 1,
        title: title.to_owned(),
        port: PORT,
        admission: Admission::Open,
        life: 15_000,
        time: now,
    };
    Ok(Announcement {
        authority: Authority {
            certificate,
            grant: Signed::seal(Domain::Grant, &grant, teacher),
        },
        announce: Signed::seal(Domain::Announce, &announce, session_key),
    })
}

/// Announces a session of its own every half a second, and counts who comes.
pub fn fake(words: &Words) -> Result<(), Failure> {
    let to: IpAddr = words.get("to")?;
    let name: String = words.or("name", "Dr. Nobody".to_owned())?;
    let title: String = words.or("title", "Lab".to_owned())?;
    let institution = match words.or("institution", String::new())?.as_str() {
        "heard" => Some(certificate(&hear(&socket()?)?)?.institution),
        _ => None,
    };
    let (teacher, session_key) = (
        SigningKey::from_bytes(&random()),
        SigningKey::from_bytes(&random()),
    );
    let body = Body::Announcement(announcement(
        &teacher,
        &session_key,
        institution,
        &name,
        &title,
    )?);
    let header = Header::own(PORT, device(&session_key), 0);
    let bytes = Datagram { header, body }
        .encode()
        .ok_or("a name or a title is too long")?;
    let came = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
    thread::spawn({
        let came = came.clone();
        move || {
            // Kept open, so that whoever came waits for an answer.
            let kept: Vec<_> = listener
                .incoming()
                .inspect(|_| _ = came.fetch_add(1, Ordering::Relaxed))
                .collect();
            drop(kept);
        }
    });
    let socket = socket()?;
    at_rate(2, |_| {
        tell(
            "came",
            json!({ "connections": came.load(Ordering::Relaxed) }),
        );
        socket.send_to(&bytes, (to, PORT)).is_ok()
    })
}

/// The next announcement of somebody else.
fn hear(socket: &UdpSocket) -> Result<Vec<u8>, Failure> {
    let mut heard = vec![0; 2_048];
    loop {
        let (length, _) = socket.recv_from(&mut heard)?;
        if matches!(
            Datagram::decode(&heard[..length]),
            Ok(Datagram {
                body: Body::Announcement(_),
                ..
            })
        ) {
            heard.truncate(length);
            return Ok(heard);
        }
    }
}

/// The certificate in an announcement.
fn certificate(bytes: &[u8]) -> Result<Certificate, Failure> {
    match Datagram::decode(bytes)?.body {
        Body::Announcement(announcement) => Ok(announcement.authority.certificate.peek()?),
        Body::Ask { .. } => Err("an ask has no certificate".into()),
    }
}

/// Sends again what was heard, in every wrong form, a hundred times a second.
pub fn replay(words: &Words) -> Result<(), Failure> {
    let to: IpAddr = words.get("to")?;
    let socket = socket()?;
    let genuine = hear(&socket)?;
    tell("heard", json!({ "bytes": genuine.len() }));
    // Under its own device and address, as if it were the teacher's.
    let mine: [u8; 32] = random();
    at_rate(100, |number| {
        let mut bytes = genuine.clone();
        let at = usize::try_from(number).unwrap_or(0) % bytes.len();
        match number % 5 {
            0 => {}
            1 => bytes[at] ^= 1,
            2 => bytes.truncate(at),
            3 => bytes.extend([0x7b; 64]),
            _ => bytes[10..42].copy_from_slice(&mine),
        }
        socket.send_to(&bytes, (to, PORT)).is_ok()
    })
}
