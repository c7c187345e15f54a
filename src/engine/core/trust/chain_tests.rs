#![allow(clippy::unwrap_used)]

use super::super::testing::{self, DAY, TODAY, authority, authority_of, certificate, public};
use super::*;

const INSTITUTION: u8 = 1;
const TEACHER: u8 = 2;
const SESSION: u8 = 3;
const STRANGER: u8 = 4;

fn store() -> TrustStore {
    let mut store = TrustStore::default();
    store
        .trust_institution(public(INSTITUTION), "GEHU")
        .unwrap();
    store
}

fn verify(authority: &Authority, store: &TrustStore) -> Result<Verdict, TrustError> {
    verify_authority(authority, store, TODAY)
}

/// A store that pinned the self-signed teacher `who`.
fn pinned(who: u8) -> TrustStore {
    let mut store = TrustStore::default();
    let verdict = verify(&authority(who, who, SESSION, 1), &store).unwrap();
    store.pin(verdict.teacher(), TODAY).unwrap();
    store
}

#[test]
fn a_teacher_of_a_trusted_institution_is_trusted() {
    let verdict = verify(&authority(INSTITUTION, TEACHER, SESSION, 1), &store()).unwrap();
    let teacher = verdict.trusted().unwrap();
    assert_eq!(teacher.basis, Basis::Institution);
    assert_eq!(teacher.teacher, public(TEACHER));
    assert_eq!(teacher.session_key, public(SESSION));
    assert_eq!(teacher.name, "Teacher 2");
    assert_eq!(teacher.institution_name, "GEHU");
    assert_eq!(teacher.clock, None);
}

#[test]
fn a_self_signed_teacher_is_a_first_contact_and_is_trusted_once_pinned() {
    let authority = authority(TEACHER, TEACHER, SESSION, 1);
    let mut store = store();
    let verdict = verify(&authority, &store).unwrap();
    assert!(verdict.trusted().is_none());
    assert!(verdict.teacher().is_self_signed());
    store.pin(verdict.teacher(), TODAY).unwrap();
    assert_eq!(
        verify(&authority, &store).unwrap().trusted().unwrap().basis,
        Basis::Pinned
    );
    store.unpin(&public(TEACHER)).unwrap();
    assert!(verify(&authority, &store).unwrap().trusted().is_none());
}

#[test]
fn a_teacher_of_an_unknown_institution_is_a_first_contact_on_a_private_machine() {
    let verdict = verify(
        &authority(INSTITUTION, TEACHER, SESSION, 1),
        &TrustStore::default(),
    )
    .unwrap();
    assert_eq!(verdict.teacher().basis, Basis::FirstContact);
    assert_eq!(verdict.teacher().institution_name, "GEHU");
}

#[test]
fn a_managed_machine_refuses_unknown_teachers_and_institutions() {
    let mut store = TrustStore::default();
    store.set_first_contact(FirstContact::Refuse);
    assert!(matches!(
        verify(&authority(TEACHER, TEACHER, SESSION, 1), &store),
        Err(TrustError::UnknownTeacher { .. })
    ));
    assert!(matches!(
        verify(&authority(INSTITUTION, TEACHER, SESSION, 1), &store),
        Err(TrustError::UnknownInstitution { .. })
    ));
    store
        .add_system_institution(public(INSTITUTION), "GEHU")
        .unwrap();
    assert!(verify(&authority(INSTITUTION, TEACHER, SESSION, 1), &store).is_ok());
}

#[test]
fn another_key_under_a_pinned_name_is_an_alarm() {
    let store = pinned(TEACHER);
    let mut borrowed = certificate(STRANGER, STRANGER);
    borrowed.name = " TEACHER  2".into();
    let fake = authority_of(&borrowed, STRANGER, STRANGER, SESSION, 1);
    let error = verify(&fake, &store).unwrap_err();
    assert!(error.is_alarm());
    assert!(matches!(error, TrustError::ChangedKey { .. }));
}

#[test]
fn another_key_under_an_institutions_name_is_an_alarm() {
    let fake = authority(STRANGER, TEACHER, SESSION, 1);
    assert!(matches!(
        verify(&fake, &store()),
        Err(TrustError::ChangedInstitution { .. })
    ));
}

#[test]
fn a_borrowed_name_that_nobody_signed_raises_no_alarm() {
    let mut fake = authority(STRANGER, TEACHER, SESSION, 1);
    fake.certificate.signature = [0; 64];
    assert!(matches!(
        verify(&fake, &store()),
        Err(TrustError::BadSignature { .. })
    ));
}

#[test]
fn forged_certificates_and_grants_are_refused() {
    let forged = authority_of(
        &certificate(INSTITUTION, TEACHER),
        STRANGER,
        TEACHER,
        SESSION,
        1,
    );
    assert!(matches!(
        verify(&forged, &store()),
        Err(TrustError::BadSignature {
            what: "certificate",
            ..
        })
    ));
    let forged = authority_of(
        &certificate(INSTITUTION, TEACHER),
        INSTITUTION,
        STRANGER,
        SESSION,
        1,
    );
    assert!(matches!(
        verify(&forged, &store()),
        Err(TrustError::BadSignature { what: "grant", .. })
    ));
}

#[test]
fn a_grant_counts_with_its_own_certificate_only() {
    let mut swapped = certificate(STRANGER, TEACHER);
    swapped.sealing = SealingKey([STRANGER; 32]);
    let swapped = authority_of(&swapped, STRANGER, TEACHER, SESSION, 1).certificate;
    let real = authority(TEACHER, TEACHER, SESSION, 1);
    let mixed = Authority {
        certificate: swapped,
        grant: real.grant,
    };
    assert!(matches!(
        verify(&mixed, &pinned(TEACHER)),
        Err(TrustError::Malformed { what: "grant", .. })
    ));
}

#[test]
fn a_certificate_without_the_right_starts_no_session() {
    let mut without = certificate(INSTITUTION, TEACHER);
    without.rights = vec![Right::Unknown];
    let authority = authority_of(&without, INSTITUTION, TEACHER, SESSION, 1);
    assert!(matches!(
        verify(&authority, &store()),
        Err(TrustError::NoRight { .. })
    ));
}

#[test]
fn a_withdrawn_certificate_is_refused() {
    let mut store = store();
    let list = testing::revocation(INSTITUTION, 1, TODAY, &[u64::from(TEACHER)]);
    store.accept_revocation(&list).unwrap().unwrap();
    assert!(matches!(
        verify(&authority(INSTITUTION, TEACHER, SESSION, 1), &store),
        Err(TrustError::Revoked { serial: 2, .. })
    ));
}

#[test]
fn a_certificate_expires_by_trusted_time_and_only_warns_by_the_local_clock() {
    let mut store = store();
    let authority = authority(INSTITUTION, TEACHER, SESSION, 1);
    let late = UnixTime(TODAY.0 + 400 * DAY);
    let verdict = verify_authority(&authority, &store, late).unwrap();
    assert!(matches!(
        verdict.trusted().unwrap().clock,
        Some(ClockWarning::SeemsExpired { .. })
    ));
    store
        .accept_revocation(&testing::revocation(INSTITUTION, 1, late, &[]))
        .unwrap();
    let error = verify_authority(&authority, &store, late).unwrap_err();
    assert!(matches!(error, TrustError::Expired { .. }));
    assert!(error.to_string().contains("ended on 2027-"), "{error}");
}

#[test]
fn a_clock_that_stands_before_the_certificate_only_warns() {
    let authority = authority(INSTITUTION, TEACHER, SESSION, 1);
    let verdict = verify_authority(&authority, &store(), UnixTime(0)).unwrap();
    assert!(matches!(
        verdict.trusted().unwrap().clock,
        Some(ClockWarning::Behind { .. })
    ));
}

#[test]
fn lengths_and_limits_are_checked_before_signatures() {
    let mut long = authority(INSTITUTION, TEACHER, SESSION, 1);
    long.certificate.body.resize(MAX_CERTIFICATE + 1, b' ');
    assert!(matches!(
        verify(&long, &store()),
        Err(TrustError::TooLong { .. })
    ));

    let mut empty = authority(INSTITUTION, TEACHER, SESSION, 1);
    empty.grant.body.clear();
    assert!(matches!(
        verify(&empty, &store()),
        Err(TrustError::Unreadable { .. })
    ));

    let mut backwards = certificate(INSTITUTION, TEACHER);
    backwards.not_after = backwards.not_before;
    let backwards = authority_of(&backwards, INSTITUTION, TEACHER, SESSION, 1);
    assert!(matches!(
        verify(&backwards, &store()),
        Err(TrustError::Malformed { .. })
    ));

    let nought = authority(INSTITUTION, TEACHER, SESSION, 0);
    assert!(matches!(
        verify(&nought, &store()),
        Err(TrustError::Malformed { .. })
    ));

    let mut nameless = certificate(INSTITUTION, TEACHER);
    nameless.name = "a\u{202E}b".into();
    let nameless = authority_of(&nameless, INSTITUTION, TEACHER, SESSION, 1);
    assert!(matches!(
        verify(&nameless, &store()),
        Err(TrustError::BadName(_))
    ));
}

#[test]
fn a_grant_of_more_than_a_day_is_refused() {
    let certificate = Signed::seal(
        Domain::Certificate,
        &certificate(INSTITUTION, TEACHER),
        &testing::key(1),
    );
    let mut grant = testing::grant(&certificate, SESSION, 1);
    grant.life = 86_401;
    let grant = Signed::seal(Domain::Grant, &grant, &testing::key(TEACHER));
    assert!(matches!(
        verify(&Authority { certificate, grant }, &store()),
        Err(TrustError::Malformed { what: "grant", .. })
    ));
}

#[test]
fn a_self_signed_certificate_is_made_in_one_call() {
    let key = testing::key(TEACHER);
    let sealing = SealingKey([5; 32]);
    let made = self_signed(&key, sealing, "Rao", TODAY, UnixTime(TODAY.0 + DAY)).unwrap();
    let read: Certificate = made
        .open(Domain::Certificate, key.verifying_key().as_bytes())
        .unwrap();
    assert_eq!((read.name.as_str(), read.sealing), ("Rao", sealing));
    assert!(self_signed(&key, sealing, "", TODAY, UnixTime(TODAY.0 + DAY)).is_err());
}
