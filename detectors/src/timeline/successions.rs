//! Which create is the successor of which destroyed resource, among resources of one stem: the resource destroyed first is
//! the first to be replaced. Kept up to date fact by fact, since one stem can have thousands of resources.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::lookup::family;
use super::order::FactKey;
use super::store::{Store, creates, destroys, stem_word};
use crate::engine::Fact;
use crate::event::Event;
use crate::limits::RECREATE_SECONDS_MAX;

/// A destroyed resource: the destroying fact, and the number of the resource in it.
pub(super) type Destroyed = (FactKey, usize);

/// Successors, by stem.
#[derive(Debug, Default)]
pub(super) struct Successions(HashMap<String, Stem, FixedState>);

/// The successors of one stem.
#[derive(Debug, Default)]
struct Stem {
    /// As anybody hears of them.
    all: Line,
    /// As those hear who ask for what may bear a pause, once that differs.
    trusted: Option<Box<Line>>,
}

/// What is heard, and what follows from it.
#[derive(Clone, Debug, Default)]
struct Line {
    /// What each fact says of the stem, if it says anything.
    said: BTreeMap<FactKey, Said>,
    /// Resources destroyed, and how many facts say so.
    ended: BTreeMap<Destroyed, usize>,
    /// Creates that may be successors.
    begun: BTreeSet<FactKey>,
    /// Destroyed resources without a successor.
    open: BTreeSet<Destroyed>,
    /// Destroyed resources by their successor, and the other way round.
    before: BTreeMap<FactKey, Destroyed>,
    after: BTreeMap<Destroyed, FactKey>,
}

/// What one fact says of a stem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    /// Whether it is a create that may be a successor: what came back as itself is nobody's.
    begins: bool,
    /// What was destroyed: by the fact itself, or what it had created.
    ended: SmallVec<[Destroyed; 1]>,
}

impl Successions {
    /// The create that succeeds a destroyed resource, for those who ask with `may_pause`.
    pub(super) fn after(&self, word: &str, may_pause: bool, destroyed: &Destroyed) -> Option<FactKey> {
        let stem = self.0.get(word)?;
        let line = stem.trusted.as_deref().filter(|_| may_pause).unwrap_or(&stem.all);
        line.after.get(destroyed).copied()
    }

    /// Works out anew what a fact says of the stems that it names; adds the facts that destroyed what has another
    /// successor now.
    pub(super) fn restate(&mut self, store: &Store, key: &FactKey, changed: &mut BTreeSet<FactKey>) {
        let Some(fact) = store.get(key).filter(|fact| creates(&fact.event) || destroys(&fact.event)) else { return };
        if fact.event.resources.iter().all(|mention| mention.name.is_empty()) {
            return;
        }
        for word in words(&fact.event) {
            let heard = said(store, key, fact, &word, false);
            let trusted = (!store.is_trusted()).then(|| said(store, key, fact, &word, true));
            let stem = self.0.entry(word).or_default();
            if stem.trusted.is_none() && trusted.as_ref().is_some_and(|trusted| *trusted != heard) {
                stem.trusted = Some(Box::new(stem.all.clone()));
            }
            if let Some(line) = stem.trusted.as_deref_mut() {
                line.state(key, trusted.unwrap_or_else(|| heard.clone()), changed);
            }
            stem.all.state(key, heard, changed);
        }
    }

    /// A fact is forgotten, and with it what follows from it.
    pub(super) fn forget(&mut self, key: &FactKey, event: &Event) {
        for word in words(event) {
            let Some(stem) = self.0.get_mut(&word) else { continue };
            stem.all.withdraw(key);
            if let Some(line) = stem.trusted.as_deref_mut() {
                line.withdraw(key);
            }
            if stem.all.said.is_empty() && stem.trusted.as_ref().is_none_or(|line| line.said.is_empty()) {
                self.0.remove(&word);
            }
        }
    }
}

/// The stems that an event names.
fn words(event: &Event) -> BTreeSet<String> {
    event.resources.iter().filter_map(|mention| stem_word(event, mention)).collect()
}

/// What a fact says of a stem to those who ask with `may_pause`.
fn said(store: &Store, key: &FactKey, fact: &Fact, word: &str, may_pause: bool) -> Said {
    let event = &fact.event;
    let mut said = Said::default();
    if !fact.may_pause & may_pause || store.is_shadowed(key, event, may_pause) {
        return said;
    }
    for (index, mention) in event.resources.iter().enumerate() {
        if stem_word(event, mention).as_deref() != Some(word) {
            continue;
        }
        if destroys(event) {
            said.ended.push((*key, index));
            continue;
        }
        let members = family(store, key, event, mention, may_pause);
        said.begins |= !members.iter().any(|member| member.key < key && destroys(&member.fact.event));
        let end = members.iter().find(|member| member.key > key && destroys(&member.fact.event));
        said.ended.extend(end.map(|end| (*end.key, end.index)));
    }
    said.ended.sort_unstable();
    said.ended.dedup();
    said
}

impl Line {
    /// A fact says something else than before.
    fn state(&mut self, key: &FactKey, said: Said, changed: &mut BTreeSet<FactKey>) {
        let before = self.said.remove(key).unwrap_or_default();
        if before == said {
            if said != Said::default() {
                self.said.insert(*key, said);
            }
            return;
        }
        let mut from: Option<FactKey> = None;
        let mut since = |place: &FactKey| from = Some(from.map_or(*place, |from| from.min(*place)));
        for gone in before.ended.iter().filter(|one| !said.ended.contains(one)) {
            since(&gone.0);
            if self.end_less(gone) {
                changed.insert(gone.0);
            }
        }
        for new in said.ended.iter().filter(|one| !before.ended.contains(one)) {
            since(&new.0);
            let times = self.ended.entry(*new).or_default();
            *times += 1;
            if *times == 1 {
                self.open.insert(*new);
            }
        }
        if before.begins != said.begins {
            since(key);
            if said.begins {
                self.begun.insert(*key);
            } else {
                self.begun.remove(key);
                changed.extend(self.set_free(key).map(|destroyed| destroyed.0));
            }
        }
        if said != Said::default() {
            self.said.insert(*key, said);
        }
        if let Some(from) = from {
            self.deal(&from, changed);
        }
    }

    /// What a fact said is withdrawn; who follows whom otherwise stays as it is.
    fn withdraw(&mut self, key: &FactKey) {
        let Some(said) = self.said.remove(key) else { return };
        for gone in &said.ended {
            self.end_less(gone);
        }
        if said.begins {
            self.begun.remove(key);
            self.set_free(key);
        }
    }

    /// One fact less says that a resource was destroyed; says whether it had a successor, and was the last.
    fn end_less(&mut self, destroyed: &Destroyed) -> bool {
        let Some(times) = self.ended.get_mut(destroyed) else { return false };
        *times -= 1;
        if *times > 0 {
            return false;
        }
        self.ended.remove(destroyed);
        self.open.remove(destroyed);
        let successor = self.after.remove(destroyed);
        if let Some(create) = &successor {
            self.before.remove(create);
        }
        successor.is_some()
    }

    /// Takes from a create what it succeeds.
    fn set_free(&mut self, create: &FactKey) -> Option<Destroyed> {
        let destroyed = self.before.remove(create)?;
        self.after.remove(&destroyed);
        self.open.insert(destroyed);
        Some(destroyed)
    }

    /// Deals out anew all creates from a place on.
    fn deal(&mut self, from: &FactKey, changed: &mut BTreeSet<FactKey>) {
        let later: Vec<FactKey> = self.begun.range(from..).copied().collect();
        let before: Vec<Option<Destroyed>> = later.iter().map(|create| self.set_free(create)).collect();
        for (create, before) in later.iter().zip(before) {
            let since = FactKey::first_of(create.second.plus(-RECREATE_SECONDS_MAX));
            let destroyed = self.open.range((since, 0)..(*create, 0)).next().copied();
            if let Some(destroyed) = destroyed {
                self.open.remove(&destroyed);
                self.before.insert(*create, destroyed);
                self.after.insert(destroyed, *create);
            }
            if before != destroyed {
                changed.extend(before.into_iter().chain(destroyed).map(|(key, _)| key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Timeline;
    use super::super::tests::{cases, everything};
    use super::*;
    use crate::testing::facts;

    /// The same from all facts at once: slow, obvious.
    fn successors(store: &Store, word: &str, may_pause: bool) -> BTreeMap<Destroyed, FactKey> {
        let mut ended: BTreeSet<Destroyed> = BTreeSet::new();
        let mut begun: BTreeSet<FactKey> = BTreeSet::new();
        for (key, fact) in store.iter().filter(|(_, fact)| creates(&fact.event) || destroys(&fact.event)) {
            let said = said(store, key, fact, word, may_pause);
            ended.extend(said.ended);
            begun.extend(said.begins.then_some(*key));
        }
        let mut after = BTreeMap::new();
        for create in begun {
            let since = create.second.plus(-RECREATE_SECONDS_MAX);
            let oldest = ended.iter().find(|(end, _)| *end < create && end.second >= since).copied();
            if let Some(oldest) = oldest {
                ended.remove(&oldest);
                after.insert(oldest, create);
            }
        }
        after
    }

    /// Few resources, which come and go under few names, within and past the time that counts.
    fn stories() -> impl Strategy<Value = Vec<String>> {
        let line = (
            0..600_i64,
            prop::sample::select(vec!["create", "put", "new", "delete", "delete", "unguard", "disrupt"]),
            0..4_u8,
            prop::sample::select(vec!["", "name=web-1", "name=web-2", "name=api", "name=web-1 in=p", "in=p", "in=q"]),
            prop::sample::select(vec!["", "", "also=other", "also=db-1", "shared=q", "shared=q account=222222222222"]),
            prop::bool::weighted(0.8),
        );
        let pace = prop::sample::select(vec![1, 1, 8, 90]);
        (prop::collection::vec(line, 1..50), pace, 1..4_u8).prop_map(|(lines, pace, ids)| {
            let told = lines.into_iter();
            told.map(|(second, verb, id, name, extra, trusted)| {
                let second = second * pace;
                let time = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
                let trust = if trusted { "" } else { "trust=no" };
                format!("{time} agent {verb} db db-{} {name} {extra} {trust}", id % ids)
            })
            .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(200), ..ProptestConfig::default() })]

        /// Whatever the order in which facts come, each resource has the successor that all facts together give it, and
        /// what is worked out anew at each fact is all that has to be.
        #[test]
        fn successors_are_those_of_all_facts(told in stories(), seed in any::<u64>()) {
            let mut shuffled = facts(&told.join("\n"));
            let mut at_once = Timeline::default();
            at_once.load(shuffled.clone(), []);
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let mut one_by_one = Timeline::default();
            for fact in shuffled {
                one_by_one.insert(fact);
            }
            prop_assert_eq!(everything(&one_by_one), everything(&at_once));
            for timeline in [&one_by_one, &at_once] {
                for (word, stem) in &timeline.successions.0 {
                    prop_assert_eq!(&stem.all.after, &successors(&timeline.store, word, false));
                    let trusted = stem.trusted.as_deref().unwrap_or(&stem.all);
                    prop_assert_eq!(&trusted.after, &successors(&timeline.store, word, true));
                }
            }
        }
    }
}
