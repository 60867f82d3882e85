//! Resources of which the zones are unknown and would bear on judgement.

use std::collections::BTreeSet;

use super::contribution::Contribution;
use super::store::Store;
use crate::engine::Wanted;
use crate::limits::{WANTED_MAX, WANTED_REMEMBERED_MAX};

/// Which of these destroyed resources lived in zones that nobody knows, and were not asked for before: each once, the
/// latest first (of those that are gone a service still answers for a while), at most [`WANTED_MAX`].
pub fn unplaced<'a>(
    store: &Store,
    destroyed: impl DoubleEndedIterator<Item = &'a Contribution>,
    asked: &Asked,
) -> Vec<Wanted> {
    let mut seen = BTreeSet::new();
    let unknown = destroyed.rev().filter(|contribution| contribution.is_unplaced);
    let wanted = unknown.filter_map(|contribution| {
        let account = store.get(&contribution.fact)?.event.account.to_string();
        let (region, kind, id) =
            (contribution.region.to_string(), contribution.kind.to_string(), contribution.id.to_string());
        Some(Wanted { account, region, kind, id })
    });
    wanted.filter(|wanted| !asked.0.contains(wanted) && seen.insert(wanted.clone())).take(WANTED_MAX).collect()
}

/// What was asked for already.
#[derive(Debug, Default)]
pub struct Asked(BTreeSet<Wanted>);

impl Asked {
    /// Remembers that these were asked for. When full, what was remembered before is let go.
    pub fn remember(&mut self, wanted: &[Wanted]) {
        if self.0.len() + wanted.len() > WANTED_REMEMBERED_MAX {
            self.0.clear();
        }
        self.0.extend(wanted.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{destroyed, judged};
    use super::*;
    use crate::testing::role;

    #[test]
    fn what_is_unplaced_and_was_not_asked_for_is_wanted() {
        let timeline = judged(
            "00:00:00 agent delete instance i-1 zone=a
             00:00:01 agent delete instance i-2
             00:00:02 agent delete table t
             00:00:03 agent delete instance i-3
             00:00:04 other put instance i-3
             00:00:05 agent delete instance i-3",
        );
        let found = destroyed(&timeline, &role("agent"));
        let mut asked = Asked::default();
        let wanted = unplaced(timeline.store(), found.iter().copied(), &asked);
        let ids: Vec<&str> = wanted.iter().map(|wanted| wanted.id.as_str()).collect();
        assert_eq!(ids, ["i-3", "i-2"]);
        assert_eq!((&*wanted[0].account, &*wanted[0].region), ("111111111111", "eu-west-1"));
        asked.remember(&wanted[1..]);
        assert_eq!(unplaced(timeline.store(), found.iter().copied(), &asked), wanted[..1]);
    }
}
