//! Documents that a request names instead of sending: Apollo's automatic persisted queries, kept in memory, and the
//! fixed list of an installation that trusts no others.
//!
//! Memory is this node's own and bounded: a miss means one more round trip, in which the client sends the text again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest, Sha256};

use super::parameters::Wanted;
use super::refused::Refused;
use crate::error::ErrorCode;

pub const MOST_KEPT: usize = 1_000;
pub const MOST_KEPT_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Documents {
    kept: Arc<Mutex<Kept>>,
    trusted: Option<Arc<Trusted>>,
}

/// The text to run.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) text: String,
    /// The client asks to have it kept under its hash.
    pub(super) registers: Option<String>,
}

impl Documents {
    /// With a list, nothing else runs.
    pub(super) fn new(trusted: Option<Trusted>) -> Self {
        Self { kept: Arc::default(), trusted: trusted.map(Arc::new) }
    }

    pub(super) fn find(&self, wanted: Wanted) -> Result<Found, Refused> {
        match &self.trusted {
            Some(trusted) => trusted.find(&wanted).map(|text| Found { text: text.to_string(), registers: None }),
            None => self.find_any(wanted),
        }
    }

    fn find_any(&self, wanted: Wanted) -> Result<Found, Refused> {
        let Wanted { text, hash, id } = wanted;
        match (text, hash) {
            (Some(text), Some(hash)) if hash_of(&text) != hash => {
                drop(text);
                Err(Refused::malformed("the persisted query's sha256Hash is not that of \"query\""))
            }
            (Some(text), registers) => Ok(Found { text, registers }),
            (None, hash) => {
                let known = hash.or_else(|| Some(id?.strip_prefix("sha256:")?.to_ascii_lowercase()));
                let text = known.and_then(|hash| self.kept().get(&hash)).ok_or_else(Refused::unknown_document)?;
                Ok(Found { text: text.to_string(), registers: None })
            }
        }
    }

    /// Call once it has passed the limits.
    pub(super) fn keep(&self, hash: String, text: &str) {
        self.kept().put(hash, text);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Kept {
    by_hash: LruCache<String, Arc<str>>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { by_hash: LruCache::unbounded(), bytes: 0 }
    }
}

impl Kept {
    fn get(&mut self, hash: &str) -> Option<Arc<str>> {
        self.by_hash.get(hash).cloned()
    }

    fn put(&mut self, hash: String, text: &str) {
        self.bytes += text.len();
        if let Some(same) = self.by_hash.put(hash, text.into()) {
            self.bytes -= same.len();
        }
        while self.by_hash.len() > MOST_KEPT || self.bytes > MOST_KEPT_BYTES {
            let Some((_hash, oldest)) = self.by_hash.pop_lru() else { break };
            self.bytes -= oldest.len();
        }
    }
}

/// The only documents that run.
#[derive(Debug, Default)]
pub(super) struct Trusted {
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<String, Arc<str>>,
}

impl Trusted {
    /// From pairs of id and text.
    pub(super) fn of(list: Vec<(String, String)>) -> Self {
        let mut trusted = Self::default();
        for (id, text) in list {
            let text: Arc<str> = text.into();
            trusted.by_hash.insert(hash_of(&text), Arc::clone(&text));
            trusted.by_id.insert(id, text);
        }
        trusted
    }

    fn find(&self, wanted: &Wanted) -> Result<&str, Refused> {
        let named = wanted.hash.as_deref().or(wanted.id.as_deref());
        let by_name = named.map(|name| self.named(name));
        let by_text = wanted.text.as_deref().map(|text| self.by_hash.get(&hash_of(text)));
        let found = match (by_name, by_text) {
            // Whoever sends both must mean one document.
            (Some(named), Some(sent)) => named.filter(|named| sent.is_some_and(|sent| sent == *named)),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => None,
        };
        found.map(AsRef::as_ref).ok_or_else(|| {
            Refused::document(
                ErrorCode::DocumentNotTrusted,
                "this server runs the documents of its list only, and this is none of them",
            )
        })
    }

    fn named(&self, name: &str) -> Option<&Arc<str>> {
        let by_hash = |name: &str| self.by_hash.get(&name.to_ascii_lowercase());
        self.by_id.get(name).or_else(|| by_hash(name)).or_else(|| {
            let hash = name.strip_prefix("sha256:")?;
            by_hash(hash).or_else(|| self.by_id.get(hash))
        })
    }
}

/// SHA-256 of the text, in hex.
#[must_use]
pub fn hash_of(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let mut kept = Kept::default();
        for number in 0..MOST_KEPT + 10 {
            kept.put(number.to_string(), "{ a }");
        }
        assert_eq!((kept.by_hash.len(), kept.bytes), (MOST_KEPT, MOST_KEPT * 5));
        assert!(kept.get("9").is_none() && kept.get("10").is_some(), "the oldest went");
        let large = "x".repeat(64 * 1024);
        for number in 0..300 {
            kept.put(format!("large {number}"), &large);
            kept.put(format!("large {number}"), &large);
        }
        assert!(kept.bytes <= MOST_KEPT_BYTES, "{} bytes", kept.bytes);
        assert_eq!(kept.bytes, kept.by_hash.iter().map(|(_hash, text)| text.len()).sum::<usize>());
    }
}
