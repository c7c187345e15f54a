//! The lines that `--json` prints beside the engine's own events. `docs/JSON.md` documents them.

use std::path::Path;

use handout_engine::api::{DeliveryView, Diagnosis, ItemId, Post, PublicKey, SessionId, Version};
use handout_engine::archive::{PastSession, PastStudent};
use serde::Serialize;

use crate::exit::Code;

/// One line of a command's own.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line<'a> {
    /// The own session has started.
    Started {
        /// The session.
        session: SessionId,
        /// What it is called.
        title: &'a str,
        /// The teacher's name.
        teacher: &'a str,
        /// Fingerprint of the teacher's key in words.
        fingerprint: &'a str,
        /// What students have to prove to be admitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        pin: Option<&'a str>,
    },
    /// Files were scanned and are being handed out.
    Shared {
        /// The item.
        item: ItemId,
        /// Its version.
        version: Version,
        /// Number of files.
        files: u32,
        /// Sum of their sizes in bytes.
        bytes: u64,
        /// What was left out, each with its reason.
        skipped: Vec<(&'a Path, String)>,
    },
    /// Something without files was handed out.
    Shown {
        /// The item.
        item: ItemId,
    },
    /// As many students as were asked for have saved everything.
    AllSaved {
        /// How many.
        students: usize,
    },
    /// A teacher that this machine does not trust: somebody has to decide.
    TrustNeeded {
        /// The session.
        session: SessionId,
        /// The teacher's name, as claimed.
        teacher: &'a str,
        /// The teacher's key.
        teacher_key: PublicKey,
        /// Fingerprint of the key in words.
        fingerprint: &'a str,
    },
    /// What the network looks like from here.
    Diagnosis(&'a Diagnosis),
    /// A key or a certificate, made or shown.
    Key(KeyLine<'a>),
    /// An earlier session.
    Past(&'a PastSession),
    /// What was posted in an earlier session.
    PastPost(&'a Post),
    /// An item of an earlier session that was saved here.
    PastSaved {
        /// The item.
        item: ItemId,
        /// Which version.
        version: Version,
        /// The folder or the file.
        path: &'a Path,
    },
    /// Who was in an earlier session that was taught here.
    PastStudent(&'a PastStudent),
    /// How an item of it ended for a student.
    PastDelivery(&'a DeliveryView),
    /// A file was written.
    Written {
        /// Which.
        path: &'a Path,
    },
    /// Demo: one student's copy was checked against the original.
    Checked {
        /// Number of the student, from 1.
        student: usize,
        /// Whether every byte and every message is there.
        good: bool,
        /// What lacks, if not.
        lacks: &'a str,
    },
    /// Demo: the result.
    Demo {
        /// Number of students.
        students: usize,
        /// How many have everything.
        complete: usize,
        /// Bytes of one copy.
        bytes: u64,
        /// Seconds from the session's start to the last student's last byte.
        seconds: f64,
    },
    /// Something could not be done; the program may go on.
    Error {
        /// The exit status it would end with.
        code: Code,
        /// What went wrong, and where.
        text: &'a str,
        /// What to do about it; may be empty.
        hint: &'a str,
    },
    /// The last line.
    Finished {
        /// The exit status in words.
        code: Code,
        /// The exit status.
        status: u8,
    },
}

/// A key or a certificate.
#[derive(Debug, Clone, Serialize)]
pub struct KeyLine<'a> {
    /// `institution`, `teacher` or `trusted`.
    pub role: &'a str,
    /// Whose.
    pub name: &'a str,
    /// The public key.
    pub key: PublicKey,
    /// Its fingerprint in words.
    pub fingerprint: &'a str,
    /// The institution that vouches for it; empty where none does.
    pub institution: &'a str,
    /// Number of the certificate, if there is one.
    pub serial: Option<u64>,
    /// Valid until, as a date; empty where there is no end.
    pub until: &'a str,
}
