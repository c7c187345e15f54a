//! What this machine knows about keys: pure state, kept on disk by the IO layer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::chain::VerifiedTeacher;
use super::error::TrustError;
use super::fingerprint::Fingerprint;
use super::floor::Floor;
use super::name::{check_name, same_name};
use crate::core::ids::PublicKey;
use crate::core::signed::{Domain, Signed};
use crate::core::time::UnixTime;
use crate::core::wire::statements::Revocation;

/// Most institutions that are trusted at once.
pub const MAX_INSTITUTIONS: usize = 64;
/// Most pinned teachers.
pub const MAX_PINNED: usize = 1_024;
/// Most serials in one revocation list.
pub const MAX_SERIALS: usize = 4_096;
/// Longest body of a revocation list in bytes.
pub const MAX_REVOCATION: usize = 96 * 1_024;

/// What happens when a teacher is met who is neither pinned nor of a trusted institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstContact {
    /// A person is asked, with name and fingerprint.
    #[default]
    Ask,
    /// Refused: on a managed machine the administrator decides.
    Refuse,
}

/// A trusted institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Institution {
    name: String,
}

/// A teacher whom a person trusted after seeing the fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The name at that time.
    pub name: String,
    /// The key that signed the certificate: an unknown institution's, or the teacher's own.
    pub issuer: PublicKey,
    /// The local clock at that time.
    pub since: UnixTime,
}

/// The newest list of withdrawn certificates of one institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationList {
    /// Its number.
    pub number: u64,
    /// The withdrawn serials.
    pub serials: BTreeSet<u64>,
    /// The list as signed, to pass on.
    pub signed: Signed,
}

/// A change of a [`TrustStore`] that wants to be kept on disk. Changes commute with those that
/// another process made meanwhile: they are applied to whatever the disk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustChange {
    /// An institution is trusted.
    Institution {
        /// Its key.
        key: PublicKey,
        /// Its name.
        name: String,
    },
    /// An institution is no longer trusted.
    InstitutionForgotten(PublicKey),
    /// A teacher is pinned.
    Pinned {
        /// The teacher's key.
        key: PublicKey,
        /// What is remembered.
        pinned: Pinned,
    },
    /// A teacher is no longer pinned.
    Unpinned(PublicKey),
    /// A revocation list is newer than the one before.
    Revocation {
        /// Whose.
        institution: PublicKey,
        /// The list.
        list: RevocationList,
    },
    /// Trusted time went on.
    Floor {
        /// Whose.
        institution: PublicKey,
        /// The floor now.
        floor: Floor,
    },
}

/// What this machine knows about keys. Every method that changes something worth keeping returns
/// the [`TrustChange`]; the state itself is changed at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustStore {
    #[serde(default)]
    institutions: BTreeMap<PublicKey, Institution>,
    #[serde(default)]
    pinned: BTreeMap<PublicKey, Pinned>,
    #[serde(default)]
    revocations: BTreeMap<PublicKey, RevocationList>,
    #[serde(default)]
    floors: BTreeMap<PublicKey, Floor>,
    /// Institutions that the administrator installed for the whole machine; found anew at start.
    #[serde(skip)]
    system: BTreeMap<PublicKey, Institution>,
    #[serde(skip)]
    first_contact: FirstContact,
}

impl TrustStore {
    /// What happens with unknown teachers; a setting, so it is not kept with the store.
    pub const fn first_contact(&self) -> FirstContact {
        self.first_contact
    }

    /// Sets what happens with unknown teachers.
    pub const fn set_first_contact(&mut self, first_contact: FirstContact) {
        self.first_contact = first_contact;
    }

    /// Trusts an institution that is installed for the whole machine, for this run only.
    pub fn add_system_institution(&mut self, key: PublicKey, name: &str) -> Result<(), TrustError> {
        check_name(name)?;
        self.system.insert(
            key,
            Institution {
                name: name.to_owned(),
            },
        );
        Ok(())
    }

    /// Trusts an institution.
    pub fn trust_institution(
        &mut self,
        key: PublicKey,
        name: &str,
    ) -> Result<TrustChange, TrustError> {
        check_name(name)?;
        if self.institutions.len() >= MAX_INSTITUTIONS && !self.institutions.contains_key(&key) {
            return Err(TrustError::Full {
                what: "institutions",
                limit: MAX_INSTITUTIONS,
            });
        }
        Ok(self.commit(TrustChange::Institution {
            key,
            name: name.to_owned(),
        }))
    }

    /// Trusts an institution no longer; `None` if it was not trusted, or is the whole machine's.
    pub fn forget_institution(&mut self, key: &PublicKey) -> Option<TrustChange> {
        self.institutions
            .contains_key(key)
            .then(|| self.commit(TrustChange::InstitutionForgotten(*key)))
    }

    /// Pins a teacher whom a person has just decided to trust.
    pub fn pin(
        &mut self,
        teacher: &VerifiedTeacher,
        local: UnixTime,
    ) -> Result<TrustChange, TrustError> {
        let pinned = Pinned {
            name: teacher.name.clone(),
            issuer: teacher.institution,
            since: local,
        };
        if self.pinned.len() >= MAX_PINNED && !self.pinned.contains_key(&teacher.teacher) {
            return Err(TrustError::Full {
                what: "teachers",
                limit: MAX_PINNED,
            });
        }
        Ok(self.commit(TrustChange::Pinned {
            key: teacher.teacher,
            pinned,
        }))
    }

    /// Forgets a pinned teacher; `None` if the key was not pinned.
    pub fn unpin(&mut self, teacher: &PublicKey) -> Option<TrustChange> {
        self.pinned
            .contains_key(teacher)
            .then(|| self.commit(TrustChange::Unpinned(*teacher)))
    }

    /// Takes a signed revocation list, if it is newer than the one that is known.
    ///
    /// `Ok(None)` means that it is not newer. Lists count from trusted institutions and from
    /// whoever issued the certificate of a pinned teacher.
    pub fn accept_revocation(
        &mut self,
        signed: &Signed,
    ) -> Result<Option<Vec<TrustChange>>, TrustError> {
        const WHAT: &str = "revocation list";
        if signed.body.len() > MAX_REVOCATION {
            return Err(TrustError::TooLong {
                what: WHAT,
                bytes: signed.body.len(),
                limit: MAX_REVOCATION,
            });
        }
        let list: Revocation = signed.peek().map_err(|error| TrustError::Unreadable {
            what: WHAT,
            detail: error.to_string(),
        })?;
        if list.serials.len() > MAX_SERIALS {
            return Err(TrustError::Malformed {
                what: WHAT,
                detail: "more than 4,096 serials",
            });
        }
        let institution = list.institution;
        if !self.listens_to(&institution) {
            return Err(TrustError::ForeignRevocation {
                fingerprint: Fingerprint::of(&institution),
            });
        }
        if self
            .revocations
            .get(&institution)
            .is_some_and(|known| known.number >= list.number)
        {
            return Ok(None);
        }
        signed
            .verify(Domain::Revocation, institution.as_bytes())
            .map_err(|_| TrustError::BadSignature {
                what: WHAT,
                by: self
                    .institution_name(&institution)
                    .unwrap_or("the institution")
                    .to_owned(),
            })?;
        let serials = list.serials.iter().copied().collect();
        let kept = RevocationList {
            number: list.number,
            serials,
            signed: signed.clone(),
        };
        let mut changes = vec![self.commit(TrustChange::Revocation {
            institution,
            list: kept,
        })];
        changes.extend(self.raise_floor(institution, list.made));
        Ok(Some(changes))
    }

    /// Learns the time from a verified teacher: from the certificate's start, and from `claimed`,
    /// a time that the teacher signed (the grant's where nothing newer is at hand).
    ///
    /// Nothing is learnt from a teacher who is not trusted. At most one change a day and teacher.
    pub fn learn_time(
        &mut self,
        teacher: &VerifiedTeacher,
        claimed: UnixTime,
        local: UnixTime,
    ) -> Option<TrustChange> {
        let institution = teacher.institution;
        if !self.listens_to(&institution) {
            return None;
        }
        let mut floor = self.floors.get(&institution).cloned().unwrap_or_default();
        let raised = floor.raise(teacher.not_before);
        let claimed = floor.claim(teacher.teacher, claimed, teacher.not_after, local);
        (raised || claimed).then(|| self.commit(TrustChange::Floor { institution, floor }))
    }

    fn raise_floor(&mut self, institution: PublicKey, time: UnixTime) -> Option<TrustChange> {
        let mut floor = self.floors.get(&institution).cloned().unwrap_or_default();
        floor
            .raise(time)
            .then(|| self.commit(TrustChange::Floor { institution, floor }))
    }

    fn commit(&mut self, change: TrustChange) -> TrustChange {
        self.apply(change.clone());
        change
    }

    /// Applies a change that was made to another copy of the store. Older lists and floors lose.
    pub fn apply(&mut self, change: TrustChange) {
        match change {
            TrustChange::Institution { key, name } => {
                self.institutions.insert(key, Institution { name });
            }
            TrustChange::InstitutionForgotten(key) => {
                self.institutions.remove(&key);
            }
            TrustChange::Pinned { key, pinned } => {
                self.pinned.insert(key, pinned);
            }
            TrustChange::Unpinned(key) => {
                self.pinned.remove(&key);
            }
            TrustChange::Revocation { institution, list } => {
                let newer = self
                    .revocations
                    .get(&institution)
                    .is_none_or(|known| known.number < list.number);
                if newer {
                    self.revocations.insert(institution, list);
                }
            }
            TrustChange::Floor { institution, floor } => {
                self.floors.entry(institution).or_default().merge(&floor);
            }
        }
    }

    /// Trusted institutions by key, with their names: the person's and the whole machine's.
    pub fn institutions(&self) -> impl Iterator<Item = (&PublicKey, &str)> {
        let own = self
            .institutions
            .iter()
            .filter(|(key, _)| !self.system.contains_key(key));
        self.system
            .iter()
            .chain(own)
            .map(|(key, institution)| (key, institution.name.as_str()))
    }

    /// The name of a trusted institution.
    pub fn institution_name(&self, key: &PublicKey) -> Option<&str> {
        self.system
            .get(key)
            .or_else(|| self.institutions.get(key))
            .map(|institution| institution.name.as_str())
    }

    /// Whether an institution is installed for the whole machine.
    pub fn is_system_institution(&self, key: &PublicKey) -> bool {
        self.system.contains_key(key)
    }

    /// Pinned teachers by key.
    pub fn pinned(&self) -> impl Iterator<Item = (&PublicKey, &Pinned)> {
        self.pinned.iter()
    }

    /// What is remembered of a pinned teacher.
    pub fn pinned_teacher(&self, key: &PublicKey) -> Option<&Pinned> {
        self.pinned.get(key)
    }

    /// The newest revocation list of an institution, to pass on.
    pub fn revocation(&self, institution: &PublicKey) -> Option<&RevocationList> {
        self.revocations.get(institution)
    }

    /// Whether a certificate was withdrawn.
    pub fn is_revoked(&self, institution: &PublicKey, serial: u64) -> bool {
        self.revocations
            .get(institution)
            .is_some_and(|list| list.serials.contains(&serial))
    }

    /// What is certainly past, by an institution; 0 if nothing is known.
    pub fn floor(&self, institution: &PublicKey) -> UnixTime {
        self.floors
            .get(institution)
            .map(Floor::time)
            .unwrap_or_default()
    }

    /// Another trusted institution that looks to a person as if it were called `name`.
    pub(super) fn other_institution_called(
        &self,
        name: &str,
        than: &PublicKey,
    ) -> Option<&PublicKey> {
        self.institutions()
            .find(|(key, known)| *key != than && same_name(known, name))
            .map(|(key, _)| key)
    }

    /// Another pinned teacher who looks to a person as if called `name`.
    pub(super) fn other_pinned_called(&self, name: &str, than: &PublicKey) -> Option<&PublicKey> {
        self.pinned()
            .find(|(key, known)| *key != than && same_name(&known.name, name))
            .map(|(key, _)| key)
    }

    /// Whether what this key signs as an institution is of any interest.
    fn listens_to(&self, key: &PublicKey) -> bool {
        self.institution_name(key).is_some()
            || self.pinned.values().any(|pinned| pinned.issuer == *key)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
