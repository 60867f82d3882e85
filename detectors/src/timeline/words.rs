//! Words that occur again and again (types, regions, zones), each held once.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::event::Event;
use crate::limits::WORDS_HELD_MAX;

/// Words held. Whether one is held makes no difference but in memory and time.
#[derive(Debug, Default)]
pub(super) struct Words(HashSet<Arc<str>, FixedState>);

impl Words {
    /// Holds the words of an event.
    pub(super) fn keep(&mut self, event: &Event) {
        if event.resources.is_empty() {
            return;
        }
        self.add(&event.region);
        for mention in &event.resources {
            self.add(&mention.kind);
            for zone in &mention.zones {
                self.add(zone);
            }
        }
    }

    fn add(&mut self, word: &str) {
        if self.0.contains(word) {
            return;
        }
        if self.0.len() >= WORDS_HELD_MAX {
            self.0.clear();
        }
        self.0.insert(word.into());
    }

    /// A word, the held one if there is one.
    pub(super) fn get(&self, word: &str) -> Arc<str> {
        self.0.get(word).map_or_else(|| word.into(), Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::facts;

    #[test]
    fn equal_words_are_one_and_there_are_never_too_many() {
        let mut words = Words::default();
        words.keep(&facts("00:00:00 agent delete instance i-1 zone=a")[0].event);
        assert!(Arc::ptr_eq(&words.get("eu-west-1a"), &words.get("eu-west-1a")));
        assert!(!Arc::ptr_eq(&words.get("unheard"), &words.get("unheard")));
        for number in 0..=WORDS_HELD_MAX {
            words.add(&number.to_string());
        }
        assert!(words.0.len() <= WORDS_HELD_MAX);
        assert_eq!(&*words.get("eu-west-1a"), "eu-west-1a");
    }
}
