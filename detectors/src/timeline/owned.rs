//! What a key made, and has not been destroyed since, as far as facts tell.

use std::collections::BTreeSet;

use super::Timeline;
use super::lineage::actor_of;
use super::lookup::{end_of, family};
use super::store::creates;
use crate::event::{Proof, Text};
use crate::time::Second;

/// A resource that a key made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    /// When it was made.
    pub created_at: Second,
    /// Its type.
    pub kind: String,
    /// An identifier to show.
    pub id: String,
    /// The region.
    pub region: String,
    /// Whether the call proves that it made it: it was not there before, and the API would have said so if it had been.
    pub is_proven: bool,
}

impl Timeline {
    /// What a key made that is still there, in the order in which it was made.
    pub fn owned(&self, name: &str) -> Vec<Owned> {
        let mut owned = BTreeSet::new();
        for (key, fact) in self.store.iter().filter(|(_, fact)| creates(&fact.event)) {
            let event = &fact.event;
            if self.store.is_shadowed(key, event, fact.may_pause) || *actor_of(&self.store, key, event).key != *name {
                continue;
            }
            for mention in &event.resources {
                let members = family(&self.store, key, event, mention, fact.may_pause);
                let is_first = members.first().is_some_and(|first| first.key == key);
                let is_new = members.iter().rfind(|member| member.key < key).is_none_or(|before| {
                    // What was seen before, and not destroyed, was only changed by this call.
                    super::store::destroys(&before.fact.event)
                });
                if end_of(&members, key).is_some() || !is_new {
                    continue;
                }
                let aliases = mention.aliases.iter().map(Text::as_str);
                let inventory = self.store.inventory();
                let was_there =
                    is_first && inventory.existed(&mention.kind, &event.account, &event.region, aliases, event.time);
                owned.insert(Owned {
                    created_at: event.time,
                    kind: mention.kind.to_string(),
                    id: mention.aliases.first().map(Text::to_string).unwrap_or_default(),
                    region: event.region.to_string(),
                    is_proven: mention.proof != Proof::None && !was_there,
                });
            }
        }
        owned.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::judged;
    use crate::testing::role;

    #[test]
    fn what_is_gone_or_was_there_before_is_not_owned() {
        let timeline = judged(
            "00:10:00 agent new db a
             00:11:00 agent new db b
             00:12:00 other new db c
             00:13:00 agent delete db b
             00:14:00 agent put db d
             00:15:00 agent put db a
             00:16:00 agent new db b",
        );
        let owned = timeline.owned(&role("agent"));
        let told: Vec<_> = owned.iter().map(|one| (one.id.as_str(), one.is_proven)).collect();
        assert_eq!(told, [("a", true), ("d", false), ("b", true)]);
    }
}
