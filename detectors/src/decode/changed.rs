//! What one call deletes and makes again is changed: it is neither destroyed nor new.

use std::collections::BTreeSet;

use super::resource::{Call, Found};
use crate::catalog::Rule;
use crate::event::{Effect, Mention, Proof, Text};

/// Rules that pick their resources among the items of a list, by what each says is to be done with it.
fn picks(rule: &Rule) -> bool {
    rule.each.iter().any(|each| !each.filters.is_empty())
}

/// The first rule that applies, and the resources that it finds. A call has one effect: where it deletes some things of a
/// list for good and makes others, it destroys; where it makes all of them again, it is a create, which proves nothing of
/// what was there before.
pub(super) fn found<'r>(call: &Call<'_>, rules: &'r [Rule]) -> Option<(&'r Rule, Found)> {
    let rule = call.applicable(rules)?;
    let mut found = call.mentions(rule);
    if rule.effect != Effect::Destroy || !picks(rule) {
        return Some((rule, found));
    }
    let makes = |other: &&Rule| other.effect == Effect::Create && other.kind == rule.kind && picks(other);
    let made: Vec<Found> = rules.iter().filter(makes).map(|other| call.mentions(other)).collect();
    let again: BTreeSet<_> = made.iter().flat_map(|one| &one.mentions).map(named).collect();
    let is_changed: Vec<bool> = found.mentions.iter().map(|one| again.contains(&named(one))).collect();
    if found.left_out > 0 || !is_changed.contains(&true) {
        return Some((rule, found));
    }
    if is_changed.contains(&false) {
        let mut is_changed = is_changed.into_iter();
        found.mentions.retain(|_| !is_changed.next().unwrap_or_default());
        return Some((rule, found));
    }
    let changed: BTreeSet<_> = found.mentions.iter().map(named).collect();
    let (other, mut made) = rules.iter().filter(makes).zip(made).find(|(_, made)| !made.mentions.is_empty())?;
    for mention in &mut made.mentions {
        if changed.contains(&named(mention)) {
            mention.proof = Proof::None;
        }
    }
    Some((other, made))
}

fn named(mention: &Mention) -> (&[Text], &[Text]) {
    (&mention.parents, &mention.aliases)
}
