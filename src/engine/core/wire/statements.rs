//! The bodies of everything that is signed. Unknown fields are ignored, so that later minor
//! versions can add some; field names are short because a whole announcement fits 1,200 bytes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use super::entries::*;
use crate::core::ids::{
    DeviceId, Epoch, Hash, ItemId, Nonce, PinProof, PinShare, PublicKey, SealingKey, Seq,
    SessionId, Version,
};
use crate::core::signed::Signed;
use crate::core::time::UnixTime;

/// An institution vouches for a teacher. Signed by the institution key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The institution's public key; the teacher's own where there is no institution.
    #[serde(rename = "i")]
    pub institution: PublicKey,
    /// The institution's name, for people.
    #[serde(rename = "in")]
    pub institution_name: String,
    /// The teacher's public key.
    #[serde(rename = "k")]
    pub teacher: PublicKey,
    /// The key that bodies for the teacher alone are sealed to.
    #[serde(rename = "x")]
    pub sealing: SealingKey,
    /// The teacher's name, for people.
    #[serde(rename = "n")]
    pub name: String,
    /// Number of the certificate, unique for its institution.
    #[serde(rename = "no")]
    pub serial: u64,
    /// Valid from.
    #[serde(rename = "nb")]
    pub not_before: UnixTime,
    /// Valid until.
    #[serde(rename = "na")]
    pub not_after: UnixTime,
    /// What the teacher may do.
    #[serde(rename = "r")]
    pub rights: Vec<Right>,
}

/// What a certificate allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Start sessions and post to them.
    Session,
    /// A right of a later version.
    #[serde(other)]
    Unknown,
}

/// The certificates that an institution has withdrawn. Signed by the institution key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The institution.
    #[serde(rename = "i")]
    pub institution: PublicKey,
    /// Number of this list; the highest one counts.
    #[serde(rename = "no")]
    pub number: u64,
    /// When it was made.
    #[serde(rename = "t")]
    pub made: UnixTime,
    /// The serials of the withdrawn certificates.
    #[serde(rename = "c")]
    pub serials: Vec<u64>,
}

/// A teacher's key empowers a session key. Signed by the teacher's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The session key, which lives in the teacher's memory only.
    #[serde(rename = "k")]
    pub key: PublicKey,
    /// Hash of the certificate's body: the teacher stands by that certificate and no other, so
    /// that nobody can pair the grant with one that names another sealing key.
    #[serde(rename = "c")]
    pub certificate: Hash,
    /// Which life of the session.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The teacher's device, as it proves itself on links.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// When it was made.
    #[serde(rename = "t")]
    pub made: UnixTime,
    /// Seconds for which it is valid, at most 24 hours, counted from receipt.
    #[serde(rename = "l")]
    pub life: u32,
}

/// The proof that a session key is a teacher's: certificate and grant together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Authority {
    /// A signed [`Certificate`].
    #[serde(rename = "c")]
    pub certificate: Signed,
    /// A signed [`Grant`].
    #[serde(rename = "g")]
    pub grant: Signed,
}

/// A session is there. Signed by the session key; sent by UDP, beside the [`Authority`] of that
/// key (see [`crate::core::announce`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// Counts up with every announcement of an epoch.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// What the session is called, at most 64 bytes.
    #[serde(rename = "n")]
    pub title: String,
    /// TCP port of the teacher's device.
    #[serde(rename = "p")]
    pub port: u16,
    /// How to be admitted.
    #[serde(rename = "j")]
    pub admission: Admission,
    /// Milliseconds for which it counts, from receipt.
    #[serde(rename = "l")]
    pub life: u32,
    /// The teacher's clock.
    #[serde(rename = "t")]
    pub time: UnixTime,
}

/// How a session admits devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// Whoever asks.
    #[default]
    Open,
    /// Whoever proves a PIN.
    Pin,
    /// A way of a later version.
    #[serde(other)]
    Unknown,
}

/// The teacher is there. Signed by the session key; relayed with a count of hops beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// Which life of it.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// Counts up.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// The highest entry of the teacher's log.
    #[serde(rename = "h")]
    pub head: Seq,
    /// The teacher's clock.
    #[serde(rename = "t")]
    pub time: UnixTime,
}

/// A device asks to be admitted. Signed by the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The device that asks, whose key signs this.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Name of the person, at most 64 bytes.
    #[serde(rename = "n")]
    pub name: String,
    /// Roll number, at most 32 bytes, may be empty.
    #[serde(rename = "r")]
    pub roll: String,
    /// Name of the machine, at most 64 bytes.
    #[serde(rename = "m")]
    pub machine: String,
    /// The key that bodies for this device alone are sealed to.
    #[serde(rename = "x")]
    pub sealing: SealingKey,
    /// Counts up, so that a later name replaces an earlier one.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// Where the session asks for a PIN: what proves it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinMove>,
}

/// A student's part of the proof of a PIN (see [`crate::core::pin`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinMove {
    /// The student's message of the exchange.
    #[serde(rename = "a")]
    pub share: PinShare,
    /// The proof, once the teacher's message is there.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<PinProof>,
    /// The teacher's message that the proof was made with.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<PinShare>,
}

/// What the teacher's device says to a request that has not proven the session's PIN. Signed by the session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinAnswer {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The device that asked.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The number of its request.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// What it comes to.
    #[serde(rename = "w")]
    pub word: PinWord,
    /// The teacher's message of the exchange, with [`PinWord::Share`].
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub share: Option<PinShare>,
    /// Seconds until another try counts, with [`PinWord::Wait`].
    #[serde(rename = "t", default)]
    pub seconds: u32,
}

/// What a request without a proven PIN comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinWord {
    /// A PIN has to be proven first.
    Needed,
    /// The teacher's part of the exchange is here: prove it.
    Share,
    /// It is another PIN.
    Wrong,
    /// There were too many wrong ones: nothing was looked at.
    Wait,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// A session key admits a device. Signed by the session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The life of the session whose key signs this.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The admitted device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Name of the person.
    #[serde(rename = "n")]
    pub name: String,
    /// Roll number, may be empty.
    #[serde(rename = "r")]
    pub roll: String,
    /// Name of the machine.
    #[serde(rename = "m")]
    pub machine: String,
    /// The key that bodies for this device alone are sealed to.
    #[serde(rename = "x")]
    pub sealing: SealingKey,
    /// The request it answers; the highest of a device and epoch counts.
    #[serde(rename = "q")]
    pub sequence: u64,
}

/// Where a device can be reached. Signed by the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// Counts up; the highest counts.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// Its addresses, at most 16.
    #[serde(rename = "a")]
    pub addresses: Vec<IpAddr>,
    /// Its TCP port.
    #[serde(rename = "p")]
    pub port: u16,
    /// How it is connected.
    #[serde(rename = "l", default)]
    pub kind: LinkKind,
}

/// How a device is connected to its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// By cable.
    Wired,
    /// By radio.
    Wireless,
    /// Not known on this system.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How far a device is with an item. Signed by the device; the highest sequence counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemId,
    /// Which version of it.
    #[serde(rename = "v")]
    pub version: Version,
    /// Counts up over all statuses of the device in the session.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// How far.
    #[serde(rename = "st")]
    pub state: ReceiveState,
    /// Verified bytes on the device.
    #[serde(rename = "b")]
    pub bytes: u64,
}

/// How far a device is with an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "kebab-case")]
pub enum ReceiveState {
    /// Nothing of it has come yet.
    Waiting,
    /// It is coming.
    Receiving,
    /// All of it is verified and under its final name.
    Saved,
    /// It is not coming.
    Failed {
        /// Why.
        #[serde(rename = "w")]
        reason: FailReason,
    },
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

/// Why a device does not get an item; each has a remedy that the interfaces name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailReason {
    /// Not enough room on the disk.
    DiskFull,
    /// The folder cannot be written to.
    NotWritable,
    /// Another error of the disk.
    DiskError,
    /// The manifest is not acceptable: a limit or a name.
    BadManifest,
    /// The person did not want it.
    Declined,
    /// It is larger than the person accepts by itself.
    TooLarge,
    /// A reason of a later version.
    #[serde(other)]
    Unknown,
}

/// A teacher's device answers a nonce. Signed by the session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fresh {
    /// The session.
    #[serde(rename = "s")]
    pub session: SessionId,
    /// Which life of it.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The nonce that was asked with.
    #[serde(rename = "n")]
    pub nonce: Nonce,
    /// The device that asked, so that the answer serves nobody else.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The teacher's clock.
    #[serde(rename = "t")]
    pub time: UnixTime,
}
