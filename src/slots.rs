//! Slots: a bounded number of something that goes on at once, of everybody and of each. A slot is given back when it is
//! dropped. Bounds are of this node.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are taken of each key. Nothing is remembered of a key of which none is taken.
#[derive(Debug)]
pub struct Slots<Key>(Arc<Mutex<HashMap<Key, usize>>>);

impl<Key> Default for Slots<Key> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Key> Clone for Slots<Key> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Key> Slots<Key> {
    fn taken(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        // Only counts: none is half-done when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Key: Eq + Hash> Slots<Key> {
    /// Takes one of each key, where none has more than its bound. None: one of them is full, and nothing is taken.
    #[must_use]
    pub fn take<const KEYS: usize>(&self, bounds: [Option<(Key, usize)>; KEYS]) -> Option<Slot<Key>>
    where
        Key: Clone,
    {
        let mut taken = self.taken();
        let bounds = || bounds.iter().flatten();
        if bounds().any(|(key, most)| taken.get(key).copied().unwrap_or_default() >= *most) {
            return None;
        }
        for (key, _most) in bounds() {
            *taken.entry(key.clone()).or_default() += 1;
        }
        let keys = bounds().map(|(key, _most)| key.clone()).collect();
        Some(Slot { slots: self.clone(), keys })
    }

    /// How many are taken of this key.
    #[must_use]
    pub fn count(&self, key: &Key) -> usize {
        self.taken().get(key).copied().unwrap_or_default()
    }

    /// Whether none is taken of any key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken().is_empty()
    }
}

/// Taken until it is dropped.
#[derive(Debug)]
pub struct Slot<Key: Eq + Hash> {
    slots: Slots<Key>,
    keys: Vec<Key>,
}

impl<Key: Eq + Hash> Drop for Slot<Key> {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        for key in &self.keys {
            match taken.get_mut(key) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(taken.remove(key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_bound_refuses_counts_nowhere() {
        let slots = Slots::default();
        let take = |key: &'static str| slots.take([Some(("all", 3)), Some((key, 2))]);
        let (first, second) = (take("a").expect("a slot"), take("a").expect("a slot"));
        assert!(take("a").is_none(), "a has two");
        assert_eq!(slots.count(&"all"), 2);
        let other = take("b").expect("a slot");
        assert!(take("c").is_none(), "all have three");
        drop(first);
        let again = take("a").expect("a slot");
        drop((second, other, again));
        assert!(slots.is_empty(), "nothing is remembered");
    }
}
