//! Keyset pages: a cursor names the last row seen, so that page 9,000 costs what page 1 costs and nothing is skipped
//! when rows come in between.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{ErrorCode, Result};
use crate::validate::Checks;

pub const MOST_PER_PAGE: i32 = 100;
pub const USUAL_PER_PAGE: i32 = 20;

/// What part of a list was asked for. `K` is the key of the row after which it begins.
#[derive(Clone, Debug)]
pub struct Page<K> {
    pub limit: u64,
    pub after: Option<K>,
}

impl<K: DeserializeOwned> Page<K> {
    /// From the arguments `first` and `after`.
    pub fn parse(first: Option<i32>, after: Option<&str>) -> Result<Self> {
        let mut checks = Checks::arguments();
        let first = checks.within("first", first.unwrap_or(USUAL_PER_PAGE), 1..=MOST_PER_PAGE);
        let after = after.map(|cursor| {
            let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|json| serde_json::from_slice(&json).ok());
            if key.is_none() {
                checks.problem(
                    "after",
                    ErrorCode::InvalidInput,
                    "is not a cursor of this list; pass the endCursor of the page before",
                );
            }
            key
        });
        checks.finish()?;
        Ok(Self { limit: u64::try_from(first).unwrap_or(1), after: after.flatten() })
    }

    /// How many rows to ask the database for: one more than shown tells whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> u64 {
        self.limit + 1
    }
}

/// Opaque to clients.
pub fn cursor<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}
