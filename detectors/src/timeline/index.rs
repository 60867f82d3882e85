//! Facts by a word, in their order. Made for many words with few facts each: of a word only its digest is held, so that
//! whoever asks looks at the facts themselves where it matters that the word is the same.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::order::FactKey;

/// The digest of a word, or of several parts that make one up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word(u64);

impl Word {
    /// The digest of these parts, in this order.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut hasher = FixedState::default().build_hasher();
        for part in parts {
            part.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

/// Facts by word.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Word, SmallVec<[FactKey; 1]>, FixedState>);

impl Index {
    /// Adds a fact under a word, or takes it away.
    pub(super) fn change(&mut self, word: Word, key: &FactKey, add: bool) {
        if !add {
            return self.remove(word, key);
        }
        let keys = self.0.entry(word).or_default();
        // Nearly always it is the newest.
        if keys.last().is_none_or(|last| last < key) {
            keys.push(*key);
        } else if let Err(at) = keys.binary_search(key) {
            keys.insert(at, *key);
        }
    }

    fn remove(&mut self, word: Word, key: &FactKey) {
        let Some(keys) = self.0.get_mut(&word) else { return };
        if let Ok(at) = keys.binary_search(key) {
            keys.remove(at);
        }
        if keys.is_empty() {
            self.0.remove(&word);
        }
    }

    /// Facts under a word, in order.
    pub(super) fn get(&self, word: Word) -> &[FactKey] {
        self.0.get(&word).map_or(&[], |keys| keys)
    }

    /// Facts under a word before a place, in order.
    pub(super) fn before(&self, word: Word, place: &FactKey) -> &[FactKey] {
        let keys = self.get(word);
        &keys[..keys.partition_point(|key| key < place)]
    }

    /// Facts under a word from one place on and before another, in order.
    pub(super) fn between(&self, word: Word, from: &FactKey, before: &FactKey) -> &[FactKey] {
        let keys = self.before(word, before);
        &keys[keys.partition_point(|key| key < from)..]
    }
}
