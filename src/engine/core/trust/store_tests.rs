#![allow(clippy::unwrap_used)]

use super::super::chain::verify_authority;
use super::super::testing::{DAY, TODAY, authority, authority_of, certificate, public, revocation};
use super::*;

fn with_institution() -> TrustStore {
    let mut store = TrustStore::default();
    store.trust_institution(public(1), "GEHU").unwrap();
    store
}

#[test]
fn a_store_survives_its_text_form_without_what_belongs_to_the_run() {
    let mut store = with_institution();
    store
        .accept_revocation(&revocation(1, 3, TODAY, &[7, 9]))
        .unwrap();
    let verdict = verify_authority(&authority(5, 5, 6, 1), &store, TODAY).unwrap();
    store.pin(verdict.teacher(), TODAY).unwrap();
    let mut running = store.clone();
    running
        .add_system_institution(public(8), "Of the machine")
        .unwrap();
    running.set_first_contact(FirstContact::Refuse);
    let text = serde_json::to_string(&running).unwrap();
    assert_eq!(serde_json::from_str::<TrustStore>(&text).unwrap(), store);
}

#[test]
fn changes_bring_another_copy_to_the_same_state() {
    let mut store = TrustStore::default();
    let mut changes = vec![store.trust_institution(public(1), "GEHU").unwrap()];
    changes.extend(
        store
            .accept_revocation(&revocation(1, 3, TODAY, &[7]))
            .unwrap()
            .unwrap(),
    );
    let verdict = verify_authority(&authority(1, 2, 3, 1), &store, TODAY).unwrap();
    changes.extend(store.learn_time(verdict.teacher(), TODAY, TODAY));
    changes.push(store.pin(verdict.teacher(), TODAY).unwrap());
    let mut copy = TrustStore::default();
    for change in changes {
        copy.apply(change);
    }
    assert_eq!(copy, store);
}

#[test]
fn the_revocation_list_with_the_highest_number_counts() {
    let mut store = with_institution();
    assert!(
        store
            .accept_revocation(&revocation(1, 2, TODAY, &[7]))
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .accept_revocation(&revocation(1, 2, TODAY, &[8]))
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .accept_revocation(&revocation(1, 1, TODAY, &[]))
            .unwrap()
            .is_none()
    );
    assert!(store.is_revoked(&public(1), 7));
    assert!(!store.is_revoked(&public(1), 8));
    assert_eq!(store.floor(&public(1)), TODAY);
    store.apply(TrustChange::Revocation {
        institution: public(1),
        list: RevocationList {
            number: 1,
            serials: BTreeSet::new(),
            signed: revocation(1, 1, TODAY, &[]),
        },
    });
    assert!(store.is_revoked(&public(1), 7));
}

#[test]
fn revocation_lists_of_strangers_and_forged_ones_are_refused() {
    let mut store = with_institution();
    assert!(matches!(
        store.accept_revocation(&revocation(2, 1, TODAY, &[7])),
        Err(TrustError::ForeignRevocation { .. })
    ));
    let mut forged = revocation(1, 1, TODAY, &[7]);
    forged.signature[0] ^= 1;
    assert!(matches!(
        store.accept_revocation(&forged),
        Err(TrustError::BadSignature { .. })
    ));
    let many: Vec<u64> = (0..=MAX_SERIALS as u64).collect();
    assert!(
        store
            .accept_revocation(&revocation(1, 1, TODAY, &many))
            .is_err()
    );
    assert_eq!(store, with_institution());
}

#[test]
fn the_longest_allowed_revocation_list_fits_its_limit() {
    let serials: Vec<u64> = (0..MAX_SERIALS as u64).map(|n| u64::MAX - n).collect();
    let list = revocation(1, u64::MAX, UnixTime(u64::MAX), &serials);
    assert!(list.body.len() <= MAX_REVOCATION, "{}", list.body.len());
    assert!(with_institution().accept_revocation(&list).is_ok());
}

#[test]
fn a_teachers_rogue_clock_does_not_expire_others() {
    let mut store = with_institution();
    let mut rogue = certificate(1, 2);
    rogue.not_after = UnixTime(TODAY.0 + 20 * 365 * DAY);
    let rogue = authority_of(&rogue, 1, 2, 3, 1);
    let verdict = verify_authority(&rogue, &store, TODAY).unwrap();
    let far = UnixTime(TODAY.0 + 10 * 365 * DAY);
    store.learn_time(verdict.teacher(), far, far);
    assert!(verify_authority(&authority(1, 5, 6, 1), &store, TODAY).is_ok());
    assert_eq!(store.floor(&public(1)), TODAY);
}

#[test]
fn nothing_is_learnt_from_a_teacher_who_is_not_trusted() {
    let mut store = with_institution();
    let verdict = verify_authority(&authority(5, 5, 6, 1), &store, TODAY).unwrap();
    assert_eq!(store.learn_time(verdict.teacher(), TODAY, TODAY), None);
}

#[test]
fn the_machines_institutions_cannot_be_forgotten_by_a_person() {
    let mut store = TrustStore::default();
    store.add_system_institution(public(1), "GEHU").unwrap();
    assert_eq!(store.forget_institution(&public(1)), None);
    assert_eq!(store.institution_name(&public(1)), Some("GEHU"));
    store.trust_institution(public(2), "Other").unwrap();
    assert!(store.forget_institution(&public(2)).is_some());
    assert_eq!(store.institutions().count(), 1);
}

#[test]
fn there_is_a_limit_to_institutions() {
    let mut store = TrustStore::default();
    for number in 0..MAX_INSTITUTIONS {
        let key = PublicKey([u8::try_from(number).unwrap(); 32]);
        store.trust_institution(key, "One of many").unwrap();
    }
    assert!(matches!(
        store.trust_institution(PublicKey([200; 32]), "One more"),
        Err(TrustError::Full { .. })
    ));
    assert!(
        store
            .trust_institution(PublicKey([0; 32]), "New name")
            .is_ok()
    );
}
