//! Keys for sessions: the teacher's own, and those of a whole class for the demo.

use std::path::{Path, PathBuf};

use handout_engine::core::trust::Fingerprint;
use handout_engine::store::keys::{KeyStore, Term, UnlockedTeacher};

use super::{folder, now, open};
use crate::args::Global;
use crate::exit::Failure;
use crate::output::Output;
use crate::teach::TeachArgs;

/// A teacher who can start a session.
pub struct Teacher {
    key: UnlockedTeacher,
    fingerprint: String,
}

impl Teacher {
    fn new(key: UnlockedTeacher) -> Self {
        let fingerprint = Fingerprint::of(&key.info().key).words();
        Self { key, fingerprint }
    }

    /// The opened key.
    pub const fn key(&self) -> &UnlockedTeacher {
        &self.key
    }

    /// The name in the certificate.
    pub fn name(&self) -> &str {
        &self.key.info().name
    }

    /// Fingerprint of the key in words.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// The teacher that the command line means, made first if it says so and there is none.
pub fn teacher_for_session(
    global: &Global,
    args: &TeachArgs,
    output: &Output,
) -> Result<Teacher, Failure> {
    let store = open(global)?;
    if let Some(name) = &args.new_key
        && store.teachers()?.is_empty()
    {
        let passphrase = args.passphrase.new_one(name)?;
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        let info = store.create_teacher(name, passphrase, now())?;
        output.say(format!(
            "Made a key for {name}: students will be asked whether to trust it."
        ));
        return Ok(Teacher::new(store.unlock_teacher(&info.key, passphrase)?));
    }
    let info = store.find_teacher(args.teacher.as_deref())?;
    let passphrase = if info.protected {
        args.passphrase.existing(&info.name)?
    } else {
        None
    };
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    Ok(Teacher::new(store.unlock_teacher(&info.key, passphrase)?))
}

/// Makes an institution that is gone afterwards, a teacher whom it vouches for, and students who
/// trust it.
pub fn make_class(teacher: &Path, students: &[PathBuf]) -> Result<(), Failure> {
    let desk = KeyStore::open(&folder(teacher))?;
    let institution = desk.create_institution("Demo institution", None)?;
    let institution = desk.unlock_institution(&institution.key, None)?;
    let (_, key) = institution.issue_teacher("Demo teacher", None, Term::default(), now())?;
    desk.import(&key.as_input())?;
    let public = desk.export_institution(&institution.key())?;
    for student in students {
        KeyStore::open(&folder(student))?.import(&public.as_input())?;
    }
    Ok(())
}
