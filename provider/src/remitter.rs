//! Who sent money that came in.

use serde::{Deserialize, Serialize};

/// Who sent money and what they wrote, as far as the rail says: for operators to match by, kept encrypted, never logged.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remitter {
    pub name: Option<String>,
    /// An IBAN or an account number.
    pub account: Option<String>,
    pub text: Option<String>,
}

impl std::fmt::Debug for Remitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remitter(***)")
    }
}
