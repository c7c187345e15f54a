#![allow(clippy::unwrap_used)]

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::core::ids::{Epoch, PublicKey, SessionId};
use crate::core::time::UnixTime;
use crate::core::trust::{Basis, TrustError, TrustStore, verify_authority};

const NOW: UnixTime = UnixTime(1_780_000_000);

/// A machine with a folder of keys.
struct Machine {
    store: KeyStore,
    folder: TempDir,
}

fn machine() -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::open_with(&folder.path().join("keys"), Protection::FOR_TESTS).unwrap();
    Machine { store, folder }
}

impl Machine {
    fn institution(&self) -> UnlockedInstitution {
        let info = self
            .store
            .create_institution("GEHU", Some("of the institution"))
            .unwrap();
        self.store
            .unlock_institution(&info.key, Some("of the institution"))
            .unwrap()
    }
}

/// Whether `machine` trusts a session that `teacher` starts, and why.
fn verdict(machine: &Machine, teacher: &UnlockedTeacher) -> Result<Basis, TrustError> {
    let authority = teacher.authority(
        SessionId([1; 16]),
        PublicKey([2; 32]),
        Epoch(1),
        machine.store.device().id(),
        NOW,
    );
    let verdict = verify_authority(&authority, &machine.store.trust().unwrap(), NOW)?;
    Ok(verdict.teacher().basis)
}

#[test]
fn the_devices_keys_are_made_once_and_private() {
    let machine = machine();
    let again = KeyStore::open(machine.store.dir()).unwrap();
    assert_eq!(again.device().id(), machine.store.device().id());
    assert_eq!(
        again.device().sealing_key(),
        machine.store.device().sealing_key()
    );
    assert_ne!(again.device().id(), DeviceKeys::random().unwrap().id());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(machine.store.dir()), 0o700);
        assert_eq!(mode(&machine.store.dir().join("device.json")), 0o600);
    }
}

#[test]
fn many_programs_that_start_at_once_agree_on_one_device() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("keys");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| KeyStore::open(&dir).unwrap().device().id()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    let left: Vec<_> = fs::read_dir(&dir).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_teacher_asks_an_institution_gets_a_certificate_and_is_trusted_in_the_lab() {
    let (office, teachers, lab) = (machine(), machine(), machine());
    let institution = office.institution();
    let public = office.store.export_institution(&institution.key()).unwrap();
    lab.store
        .import(&KeyInput::text(&public.to_text()).unwrap())
        .unwrap();

    let teacher = teachers
        .store
        .create_teacher("Rao", Some("of Rao"), NOW)
        .unwrap();
    assert_eq!(teacher.institution, None);
    let request = teachers.folder.path().join("rao.handout-request");
    teachers
        .store
        .request(&teacher.key)
        .unwrap()
        .write(&request)
        .unwrap();

    let input = KeyInput::file(&request).unwrap();
    assert!(
        input
            .describe()
            .unwrap()
            .contains(&teacher.fingerprint.words())
    );
    let (record, certificate) = institution
        .issue(&input, None, Term::default(), NOW)
        .unwrap();
    assert_eq!(record.serial, 1);
    let Imported::Certificate(info) = teachers.store.import(&certificate.as_input()).unwrap()
    else {
        panic!("not a certificate")
    };
    assert_eq!(info.institution.as_deref(), Some("GEHU"));
    assert_eq!(teachers.store.teachers().unwrap(), [info]);

    let unlocked = teachers
        .store
        .unlock_teacher(&teacher.key, Some("of Rao"))
        .unwrap();
    assert_eq!(verdict(&lab, &unlocked), Ok(Basis::Institution));
    assert_eq!(verdict(&teachers, &unlocked), Ok(Basis::FirstContact));
    assert_eq!(unlocked.remaining(NOW).as_secs(), 365 * 86_400);
}

#[test]
fn a_teachers_key_made_by_the_institution_is_carried_to_the_teachers_machine() {
    let (office, teachers) = (machine(), machine());
    let institution = office.institution();
    let (record, bundle) = institution
        .issue_teacher("Rao", Some("of Rao"), Term::default(), NOW)
        .unwrap();
    assert_eq!(bundle.file_name(), "Rao.handout-teacher");
    let Imported::Teacher(info) = teachers.store.import(&bundle.as_input()).unwrap() else {
        panic!("not a key")
    };
    assert_eq!((info.serial, info.key), (record.serial, record.teacher));
    let unlocked = teachers
        .store
        .unlock_teacher(&info.key, Some("of Rao"))
        .unwrap();
    assert_eq!(verdict(&office, &unlocked), Ok(Basis::Institution));
    assert!(matches!(
        teachers.store.import(&bundle.as_input()),
        Err(KeyError::AlreadyHere { .. })
    ));
}

#[test]
fn a_withdrawn_certificate_no_longer_counts_where_the_list_has_come() {
    let (office, lab) = (machine(), machine());
    let institution = office.institution();
    lab.store
        .import(
            &office
                .store
                .export_institution(&institution.key())
                .unwrap()
                .as_input(),
        )
        .unwrap();
    let (record, bundle) = institution
        .issue_teacher("Rao", None, Term::default(), NOW)
        .unwrap();
    let info = lab.store.import_teacher(&bundle.as_input()).unwrap();
    let unlocked = lab.store.unlock_teacher(&info.key, None).unwrap();
    assert!(verdict(&lab, &unlocked).is_ok());
    let list = institution.revoke(&[record.serial], NOW).unwrap();
    let newer = Imported::Revocation { newer: true };
    assert_eq!(lab.store.import(&list.as_input()).unwrap(), newer);
    assert!(!lab.store.import_revocation(&list.as_input()).unwrap());
    assert!(matches!(
        verdict(&lab, &unlocked),
        Err(TrustError::Revoked { serial: 1, .. })
    ));
    assert!(matches!(
        verdict(&office, &unlocked),
        Err(TrustError::Revoked { .. })
    ));
    assert!(office.store.find_institution(None).unwrap().issued[0].revoked);
    assert!(matches!(
        institution.revoke(&[9], NOW),
        Err(KeyError::BadSerial { .. })
    ));
}

#[test]
fn an_institution_that_lost_its_register_withdraws_no_less_than_before() {
    let office = machine();
    let institution = office.institution();
    let (record, _) = institution
        .issue_teacher("Rao", None, Term::default(), NOW)
        .unwrap();
    institution.revoke(&[record.serial], NOW).unwrap();
    for path in fs::read_dir(office.store.dir().join("institutions"))
        .unwrap()
        .flatten()
    {
        if path.path().to_string_lossy().contains("register") {
            fs::remove_file(path.path()).unwrap();
        }
    }
    institution.revoke(&[], NOW).unwrap();
    let trust = office.store.trust().unwrap();
    let list = trust.revocation(&institution.key()).unwrap();
    assert_eq!(list.number, 2);
    assert!(list.serials.contains(&record.serial));
}

#[test]
fn a_wrong_passphrase_and_none_at_all_name_the_file() {
    let machine = machine();
    let teacher = machine
        .store
        .create_teacher("Rao", Some("right"), NOW)
        .unwrap();
    assert!(teacher.protected);
    let wrong = machine
        .store
        .unlock_teacher(&teacher.key, Some("wrong"))
        .unwrap_err();
    assert!(matches!(wrong, KeyError::WrongPassphrase { .. }));
    assert!(
        wrong.to_string().contains(&teacher.fingerprint.compact()),
        "{wrong}"
    );
    let none = machine
        .store
        .unlock_teacher(&teacher.key, None)
        .unwrap_err();
    assert!(matches!(none, KeyError::PassphraseNeeded { .. }));
}

#[test]
fn a_certificate_for_another_key_is_refused_by_name() {
    let (office, teachers, elsewhere) = (machine(), machine(), machine());
    let institution = office.institution();
    let teacher = teachers.store.create_teacher("Rao", None, NOW).unwrap();
    let request = teachers.store.request(&teacher.key).unwrap().as_input();
    let (_, certificate) = institution
        .issue(&request, None, Term::default(), NOW)
        .unwrap();
    let path = elsewhere.folder.path().join("c");
    certificate.write(&path).unwrap();
    elsewhere.store.create_teacher("Rao", None, NOW).unwrap();
    let error = elsewhere
        .store
        .import_certificate(&KeyInput::file(&path).unwrap())
        .unwrap_err();
    assert!(matches!(error, KeyError::OtherKey { .. }));
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn broken_foreign_newer_and_wrong_files_are_told_apart() {
    let machine = machine();
    let path = machine.folder.path().join("file");
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        let input = KeyInput::file(&path)?;
        machine.store.import_certificate(&input)
    };
    assert!(matches!(
        check("not json"),
        Err(KeyError::NotHandout { .. })
    ));
    assert!(matches!(check(""), Err(KeyError::NotHandout { .. })));
    assert!(matches!(
        check("-----BEGIN HANDOUT CERTIFICATE-----\nabc"),
        Err(KeyError::NotHandout { .. })
    ));
    let newer = r#"{"handout":"certificate","version":2,"body":{}}"#;
    assert!(matches!(
        check(newer),
        Err(KeyError::Newer { version: 2, .. })
    ));
    let other = r#"{"handout":"institution","version":1,"body":{}}"#;
    let wrong = check(other).unwrap_err();
    assert!(matches!(wrong, KeyError::WrongKind { .. }));
    assert!(
        wrong.to_string().contains("an institution's public key"),
        "{wrong}"
    );
    assert!(matches!(
        KeyInput::file(&machine.folder.path().join("none")),
        Err(KeyError::Io { .. })
    ));
}

#[test]
fn an_altered_certificate_or_request_is_refused() {
    let (office, teachers) = (machine(), machine());
    let institution = office.institution();
    let teacher = teachers.store.create_teacher("Rao", None, NOW).unwrap();
    let request = teachers.store.request(&teacher.key).unwrap();
    let altered = |document: &KeyDocument, what: &str| {
        let path = teachers.folder.path().join(what);
        document.write(&path).unwrap();
        let mut json: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let signature = &mut json["body"][what]["s"];
        let text = signature.as_str().unwrap();
        let flipped = if text.starts_with('A') { "B" } else { "A" };
        *signature = format!("{flipped}{}", &text[1..]).into();
        KeyInput::text(&json.to_string()).unwrap()
    };
    let bad = institution.issue(&altered(&request, "own"), None, Term::default(), NOW);
    assert!(matches!(bad, Err(KeyError::Refused { .. })));
    let (_, certificate) = institution
        .issue(&request.as_input(), None, Term::default(), NOW)
        .unwrap();
    let bad = teachers
        .store
        .import_certificate(&altered(&certificate, "certificate"));
    assert!(matches!(bad, Err(KeyError::Refused { .. })));
}

#[test]
fn serials_count_up_and_are_never_used_twice() {
    let office = machine();
    let institution = office.institution();
    let issue = |serial| {
        let term = Term { days: 30, serial };
        institution
            .issue_teacher("Rao", None, term, NOW)
            .map(|(record, _)| record.serial)
    };
    assert_eq!(issue(None).unwrap(), 1);
    assert_eq!(issue(Some(40)).unwrap(), 40);
    assert_eq!(issue(None).unwrap(), 41);
    assert!(matches!(
        issue(Some(40)),
        Err(KeyError::BadSerial { serial: 40, .. })
    ));
    assert!(matches!(issue(Some(0)), Err(KeyError::BadSerial { .. })));
}

#[test]
fn senseless_terms_names_and_clocks_are_refused_before_anything_is_signed() {
    let office = machine();
    let institution = office.institution();
    let issue = |name, days, now| {
        institution
            .issue_teacher(name, None, Term { days, serial: None }, now)
            .map(drop)
    };
    assert!(matches!(
        issue("Rao", 0, NOW),
        Err(KeyError::BadTerm { .. })
    ));
    assert!(matches!(
        issue("Rao", 40_000, NOW),
        Err(KeyError::BadTerm { .. })
    ));
    assert!(matches!(issue(" ", 1, NOW), Err(KeyError::Name(_))));
    assert!(matches!(
        issue("Rao", 1, UnixTime(0)),
        Err(KeyError::ClockNotSet { .. })
    ));
    assert!(
        office
            .store
            .find_institution(None)
            .unwrap()
            .issued
            .is_empty()
    );
    let dead_clock = office
        .store
        .create_teacher("Rao", None, UnixTime(0))
        .unwrap();
    assert!(dead_clock.not_after > NOW);
}

#[test]
fn nothing_is_ever_written_over() {
    let machine = machine();
    let teacher = machine.store.create_teacher("Rao", None, NOW).unwrap();
    let path = machine.folder.path().join("precious");
    fs::write(&path, "precious").unwrap();
    let request = machine.store.request(&teacher.key).unwrap();
    assert!(matches!(request.write(&path), Err(KeyError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let missing = machine.folder.path().join("no/such/folder");
    assert!(matches!(request.write(&missing), Err(KeyError::Io { .. })));
    assert_eq!(fs::read_dir(machine.folder.path()).unwrap().count(), 2);
}

#[test]
fn keys_are_found_by_name_by_fingerprint_or_by_being_alone() {
    let machine = machine();
    assert!(matches!(
        machine.store.find_teacher(None),
        Err(KeyError::None { .. })
    ));
    let rao = machine.store.create_teacher("Rao", None, NOW).unwrap();
    assert_eq!(machine.store.find_teacher(None).unwrap(), rao);
    let roy = machine.store.create_teacher("Roy", None, NOW).unwrap();
    assert!(matches!(
        machine.store.find_teacher(None),
        Err(KeyError::Several { .. })
    ));
    assert_eq!(machine.store.find_teacher(Some("rao")).unwrap(), rao);
    for form in [roy.fingerprint.words(), roy.fingerprint.hex()] {
        assert_eq!(machine.store.find_teacher(Some(&form)).unwrap(), roy);
    }
    let none = machine.store.find_teacher(Some("Rey")).unwrap_err();
    assert!(matches!(none, KeyError::NotFound { .. }));
}

#[test]
fn secrets_never_show_in_debug_output() {
    let machine = machine();
    let institution = machine.institution();
    let (_, bundle) = institution
        .issue_teacher("Rao", None, Term::default(), NOW)
        .unwrap();
    let info = machine.store.import_teacher(&bundle.as_input()).unwrap();
    let unlocked = machine.store.unlock_teacher(&info.key, None).unwrap();
    let seed = unlocked.signing_key().to_bytes();
    let shown = format!(
        "{unlocked:?} {institution:?} {bundle:?} {:?} {:?} {:?}",
        machine.store,
        machine.store.device(),
        bundle.as_input(),
    );
    assert!(
        !shown.contains(&format!("{}, {}", seed[0], seed[1])),
        "{shown}"
    );
    assert!(shown.len() < 1_500, "{shown}");
}

#[test]
fn a_key_survives_a_pasted_message_with_quotation_marks() {
    let machine = machine();
    let teacher = machine.store.create_teacher("Rao", None, NOW).unwrap();
    let text = machine.store.request(&teacher.key).unwrap().to_text();
    let quoted = text.replace('\n', "\r\n> ");
    let pasted = format!("Dear office,\n\n{quoted}\nRao");
    assert_eq!(
        KeyInput::text(&pasted).unwrap().kind().unwrap(),
        FileKind::Request
    );
    assert!(text.lines().all(|line| line.len() <= 64));
}

#[test]
fn two_programs_that_change_what_is_trusted_keep_each_others_changes() {
    let machine = machine();
    let other = KeyStore::open(machine.store.dir()).unwrap();
    let mut first = machine.store.trust().unwrap();
    let mut second = other.trust().unwrap();
    let one = first.trust_institution(PublicKey([1; 32]), "One").unwrap();
    let two = second.trust_institution(PublicKey([2; 32]), "Two").unwrap();
    machine.store.commit_trust(&[one]).unwrap();
    let both = other.commit_trust(&[two]).unwrap();
    assert_eq!(both.institutions().count(), 2);
    assert_eq!(machine.store.trust().unwrap(), both);
}

#[test]
fn a_damaged_list_of_what_is_trusted_is_an_error_and_not_an_empty_list() {
    let machine = machine();
    machine.store.commit_trust(&[]).unwrap();
    fs::write(machine.store.dir().join("trust.json"), "{").unwrap();
    assert!(matches!(
        machine.store.trust(),
        Err(KeyError::NotHandout { .. })
    ));
}

/// An institution, and a folder where its public key is installed for a whole machine.
fn installed(office: &Machine) -> (UnlockedInstitution, TempDir) {
    let institution = office.institution();
    let public = office.store.export_institution(&institution.key()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    public
        .write(&folder.path().join("gehu.handout-institution"))
        .unwrap();
    (institution, folder)
}

#[test]
fn institutions_of_the_whole_machine_are_read_from_a_folder() {
    let office = machine();
    let (institution, folder) = installed(&office);
    let folder = folder.path();
    fs::write(folder.join("bad.handout-institution"), "?").unwrap();
    fs::write(folder.join("readme.txt"), "?").unwrap();
    let mut trust = TrustStore::default();
    let bad = KeyStore::add_system(&mut trust, folder);
    assert_eq!(bad.len(), 1);
    assert!(trust.is_system_institution(&institution.key()));
    assert_eq!(trust.institution_name(&institution.key()), Some("GEHU"));
    assert!(KeyStore::add_system(&mut trust, &folder.join("none")).is_empty());
}

#[test]
fn certificates_that_were_withdrawn_for_the_whole_machine_are_read_from_that_folder() {
    let office = machine();
    let (institution, folder) = installed(&office);
    let folder = folder.path();
    let (record, _) = institution
        .issue_teacher("Rao", None, Term::default(), NOW)
        .unwrap();
    let list = institution.revoke(&[record.serial], NOW).unwrap();
    list.write(&folder.join("a.handout-revocation")).unwrap();
    let mut trust = TrustStore::default();
    let bad = KeyStore::add_system(&mut trust, folder);
    assert!(bad.is_empty(), "{bad:?}");
    assert!(trust.is_revoked(&institution.key(), record.serial));
}

#[test]
fn an_institutions_key_can_be_carried_to_another_office() {
    let (office, other) = (machine(), machine());
    let institution = office.institution();
    let backup = office
        .store
        .export_institution_key(&institution.key())
        .unwrap();
    assert!(matches!(
        other.store.import(&backup.as_input()),
        Err(KeyError::WrongKind { .. })
    ));
    let info = other
        .store
        .import_institution_key(&backup.as_input())
        .unwrap();
    assert!(info.protected);
    let unlocked = other
        .store
        .unlock_institution(&info.key, Some("of the institution"))
        .unwrap();
    assert_eq!(unlocked.name(), "GEHU");
    assert_eq!(
        other.store.trust().unwrap().institution_name(&info.key),
        Some("GEHU")
    );
}
