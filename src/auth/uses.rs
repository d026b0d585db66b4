//! When credentials were last used, noted in memory, so that no request waits for it. `party` writes it down.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use entity::{CredentialId, Time};

/// Uses that are not written down yet, on this node.
#[derive(Debug, Default)]
pub struct CredentialUses(Mutex<BTreeMap<CredentialId, Time>>);

impl CredentialUses {
    pub fn note(&self, id: CredentialId, wall: Time) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, wall);
    }

    /// All of them, which are forgotten here.
    pub fn take(&self) -> BTreeMap<CredentialId, Time> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
