//! Facts by a word, in their order. Made for many words with few facts each.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::order::FactKey;

/// Facts by word.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<Box<str>, SmallVec<[FactKey; 1]>, FixedState>);

impl Index {
    /// Adds a fact under a word, or takes it away.
    pub(super) fn change(&mut self, word: &str, key: &FactKey, add: bool) {
        if !add {
            return self.remove(word, key);
        }
        match self.0.get_mut(word) {
            // Nearly always it is the newest.
            Some(keys) if keys.last().is_none_or(|last| last < key) => keys.push(key.clone()),
            Some(keys) => {
                if let Err(at) = keys.binary_search(key) {
                    keys.insert(at, key.clone());
                }
            }
            None => {
                self.0.insert(word.into(), SmallVec::from_iter([key.clone()]));
            }
        }
    }

    fn remove(&mut self, word: &str, key: &FactKey) {
        let Some(keys) = self.0.get_mut(word) else { return };
        if let Ok(at) = keys.binary_search(key) {
            keys.remove(at);
        }
        if keys.is_empty() {
            self.0.remove(word);
        }
    }

    /// Facts under a word, in order.
    pub(super) fn get(&self, word: &str) -> &[FactKey] {
        self.0.get(word).map_or(&[], |keys| keys)
    }

    /// Facts under a word before a place, in order.
    pub(super) fn before(&self, word: &str, place: &FactKey) -> &[FactKey] {
        let keys = self.get(word);
        &keys[..keys.partition_point(|key| key < place)]
    }

    /// Facts under a word from one place on and before another, in order.
    pub(super) fn between(&self, word: &str, from: &FactKey, before: &FactKey) -> &[FactKey] {
        let keys = self.before(word, before);
        &keys[keys.partition_point(|key| key < from)..]
    }
}
