//! Judges a key's facts in their order, one after the other: what is known after one fact is all that the next one needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cap::{cap, has_bearer};
use super::entries::Entries;
use super::order::FactKey;
use super::pairing::Pairing;
use super::running::{Back, Sight, View};
use crate::detector::{ALL, Basis, Detector, Finding, Limits, Rebuilt, Returned, Window};
use crate::incident::{Episode, Severity, absorb};
use crate::time::Second;

/// What a detector said at one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// How bad.
    pub level: Severity,
    /// How bad by facts alone that may bear a pause.
    pub pausing_level: Option<Severity>,
    /// The first fact that it rests on.
    pub from: FactKey,
    /// The last.
    pub to: FactKey,
}

/// Where a point lies: at which fact, by which detector, and whether it is about all of a role or user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PointKey {
    /// The fact.
    pub at: FactKey,
    /// The detector's name.
    pub detector: &'static str,
    /// About all that passed through a role or user, whoever answers for it; else about the actor alone.
    pub is_whole: bool,
}

/// Hears what comes of judging facts, one after the other.
pub trait Ear {
    /// A detector spoke.
    fn point(&mut self, key: &PointKey, point: &Point);

    /// This is what detectors saw, whether or not they spoke: what one actor did or, whole, all of a role or user.
    fn window(&mut self, at: &FactKey, is_whole: bool, window: &Window<'_>);
}

/// Hears nothing.
pub(super) struct Deaf;

impl Ear for Deaf {
    fn point(&mut self, _: &PointKey, _: &Point) {}
    fn window(&mut self, _: &FactKey, _: bool, _: &Window<'_>) {}
}

/// Resources that come back by a fact: the facts that had destroyed them, and their numbers there.
pub(super) type Returns = BTreeMap<FactKey, BTreeSet<(FactKey, usize)>>;

/// What a sweep looks at.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    /// The key.
    pub name: &'a str,
    /// Whether others than the key itself act here.
    pub is_mixed: bool,
    /// What came back, by the fact by which it did.
    pub returns: &'a Returns,
    /// Until when humans have judged: later windows don't reach back past it.
    pub judged_until: &'a BTreeSet<Second>,
    /// Limits and weights.
    pub limits: &'a Limits,
}

/// What is known after some facts.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The last fact judged.
    at: Option<FactKey>,
    /// The position of the next entry.
    next: usize,
    /// The last human judgement that counts.
    cut: Option<Second>,
    pairing: Pairing,
    /// Of the actor alone.
    alone: Sights,
    /// Of all, where others than the actor act.
    whole: Option<Box<Sights>>,
    /// Findings close together, in order.
    pub(super) episodes: Vec<Arc<Episode>>,
}

/// One view, and what of it may bear a pause if that is not all of it.
#[derive(Clone, Debug, Default)]
struct Sights {
    all: Sight,
    trusted: Option<Box<Sight>>,
}

impl Sights {
    /// Nothing before this position counts.
    fn from(position: usize) -> Self {
        Self { all: Sight::from(position), trusted: None }
    }
}

/// What came back at a fact, as one view sees it.
#[derive(Default)]
struct Came {
    returned: Option<Returned>,
    rebuilt: Vec<Rebuilt>,
}

impl State {
    /// Nothing is known before this position.
    pub(super) fn from(position: usize) -> Self {
        Self { next: position, alone: Sights::from(position), ..Self::default() }
    }

    /// Whether all that is known was known before a fact.
    pub(super) fn is_before(&self, fact: &FactKey) -> bool {
        self.at.as_ref().is_none_or(|at| at < fact)
    }

    /// Whether the next entry is the first at or after a place.
    pub(super) fn is_last_before(&self, place: &FactKey, entries: &Entries) -> bool {
        self.is_before(place) && entries.at(self.next).is_some_and(|held| held.key >= *place)
    }

    /// Whether sums still hold what lies before a position.
    pub(super) fn reaches_before(&self, position: usize) -> bool {
        let reaches = |sights: &Sights| {
            sights.all.reaches_before(position)
                || sights.trusted.as_ref().is_some_and(|sight| sight.reaches_before(position))
        };
        self.next < position || reaches(&self.alone) || self.whole.as_deref().is_some_and(reaches)
    }

    /// Judges the next fact, if there is one; `ear` is told what detectors say of it.
    pub(super) fn step(&mut self, entries: &mut Entries, ground: Ground<'_>, ear: &mut dyn Ear) -> bool {
        let entry = entries.at(self.next).map(|held| &held.key);
        let after = match &self.at {
            Some(at) => ground.returns.range((std::ops::Bound::Excluded(at), std::ops::Bound::Unbounded)).next(),
            None => ground.returns.iter().next(),
        };
        let at = match (entry, after.map(|(key, _)| key)) {
            (None, None) => return false,
            (Some(one), None) | (None, Some(one)) => *one,
            (Some(one), Some(other)) => *one.min(other),
        };
        let back = after.filter(|(key, _)| **key == at).map(|(_, back)| back);
        let is_entry = entry.is_some_and(|key| *key == at);
        self.cut_before(&at, ground);
        self.judge(&at, is_entry, back, entries, ground, ear);
        self.next += usize::from(is_entry);
        self.at = Some(at);
        true
    }

    /// Where humans judged, sums begin anew.
    fn cut_before(&mut self, at: &FactKey, ground: Ground<'_>) {
        let Some(cut) = ground.judged_until.range(..at.second).next_back().copied() else { return };
        if self.cut.is_none_or(|held| held < cut) {
            self.cut = Some(cut);
            self.alone = Sights::from(self.next);
            self.whole = None;
        }
    }

    fn judge(
        &mut self,
        at: &FactKey,
        is_entry: bool,
        back: Option<&BTreeSet<(FactKey, usize)>>,
        entries: &mut Entries,
        ground: Ground<'_>,
        ear: &mut dyn Ear,
    ) {
        let next = self.next;
        if is_entry && let Some(held) = entries.at(next) {
            self.pairing.created(next, held);
            let paired = self.pairing.destroyed(entries, held);
            if let Some(held) = entries.at_mut(next) {
                held.paired = paired;
            }
        }
        let entries = &*entries;
        let held = entries.at(next).filter(|_| is_entry);
        if ground.is_mixed && self.whole.is_none() {
            // Nothing before this entry is in the view: it began at the first, or behind a human's judgement.
            self.whole = Some(Box::new(Sights::from(next)));
        }
        for (is_whole, sights) in [(false, Some(&mut self.alone)), (true, self.whole.as_deref_mut())] {
            let Some(sights) = sights else { continue };
            let actor = (!is_whole).then_some(ground.name);
            let view = View { actor, trusted: false };
            let scene = Scene { at, next, held, back, entries, ground, cut: self.cut };
            if sights.trusted.is_none() && held.is_some_and(|held| !held.entry.may_pause && view.holds(held)) {
                // All that came before may bear a pause.
                sights.trusted = Some(Box::new(sights.all.clone()));
            }
            let came = scene.take_in(&mut sights.all, view);
            let trusted_view = View { actor, trusted: true };
            let trusted_came = sights.trusted.as_mut().map(|sight| scene.take_in(sight, trusted_view));
            if !scene.bears(view, &came) {
                continue;
            }
            ear.window(at, is_whole, &scene.window(&sights.all, &came, view));
            for detector in ALL {
                let Some(seen) = scene.judge(*detector, &sights.all, &came, view) else { continue };
                let pausing_level = match (&sights.trusted, &trusted_came) {
                    (Some(sight), Some(came)) if scene.bears(trusted_view, came) => {
                        scene.judge(*detector, sight, came, trusted_view).map(|(finding, ..)| finding.level)
                    }
                    (Some(_), _) => None,
                    _ => Some(seen.0.level),
                };
                let (finding, from, to) = seen;
                let key = PointKey { at: *at, detector: detector.name(), is_whole };
                let point = Point { level: finding.level, pausing_level, from, to };
                ear.point(&key, &point);
                absorb(&mut self.episodes, ground.judged_until, &key, &point);
            }
        }
    }

    /// Lets go of what is too old to count.
    pub(super) fn tidy(&mut self, entries: &Entries) {
        let Some(at) = self.at else { return };
        self.pairing.tidy(entries, &at);
        for sights in std::iter::once(&mut self.alone).chain(self.whole.as_deref_mut()) {
            sights.all.tidy(&at);
            if let Some(sight) = &mut sights.trusted {
                sight.tidy(&at);
            }
        }
    }
}

/// One fact, as it is judged.
struct Scene<'a> {
    at: &'a FactKey,
    next: usize,
    held: Option<&'a super::entries::Held>,
    back: Option<&'a BTreeSet<(FactKey, usize)>>,
    entries: &'a Entries,
    ground: Ground<'a>,
    cut: Option<Second>,
}

impl Scene<'_> {
    /// Brings a view up to this fact; says what came back at it.
    fn take_in(&self, sight: &mut Sight, view: View<'_>) -> Came {
        let Self { at, next, entries, ground, .. } = *self;
        let weights = &ground.limits.weights;
        sight.expire(at, next, entries, view, weights);
        let mut touched = BTreeSet::new();
        for (fact, number) in self.back.into_iter().flatten() {
            if self.cut.is_some_and(|cut| fact.second <= cut) {
                continue;
            }
            let Ok(position) = entries.position(fact) else { continue };
            let Some(held) = entries.at(position).filter(|held| view.holds(held)) else { continue };
            let Some(contribution) = held.entry.destroyed.iter().find(|one| one.index == *number) else { continue };
            if contribution.ownership != super::Ownership::OwnYoung {
                sight.came_back(at, position, Back { held, contribution }, view, weights);
                touched.insert(fact.second.0);
            }
        }
        let mut came = Came { returned: sight.most_returned(&touched), rebuilt: Vec::new() };
        if let Some(held) = self.held.filter(|held| view.holds(held)) {
            sight.enter(next, entries, view, ground.limits);
            if !held.entry.created.is_empty() {
                came.rebuilt = sight.created(at, held.entry.created.iter().map(|created| &created.kind));
            }
        }
        came
    }

    /// Whether a view can be over a limit because of this fact.
    fn bears(&self, view: View<'_>, came: &Came) -> bool {
        self.held.is_some_and(|held| view.holds(held) && held.entry.may_raise())
            || came.returned.is_some()
            || !came.rebuilt.is_empty()
    }

    /// What detectors see of a view.
    fn window<'a>(&self, sight: &'a Sight, came: &'a Came, view: View<'_>) -> Window<'a> {
        let held = self.held.filter(|held| view.holds(held));
        let is_denied = held.is_some_and(|held| held.entry.is_denied_destruction);
        Window {
            sums: sight.sums(),
            denied: if is_denied { sight.denied() } else { 0 },
            loses_trail: held.is_some_and(|held| held.entry.loses_trail()),
            returned: came.returned.as_ref(),
            rebuilt: &came.rebuilt,
        }
    }

    /// A detector's word, held to what ownership and AWS services allow; with the first and the last fact it rests on.
    fn judge(
        &self,
        detector: &dyn Detector,
        sight: &Sight,
        came: &Came,
        view: View<'_>,
    ) -> Option<(Finding, FactKey, FactKey)> {
        let window = self.window(sight, came, view);
        let mut finding = detector.judge(&window, self.ground.limits)?;
        if view.is_whole() && !view.trusted && has_bearer(&window, finding.basis) {
            return None;
        }
        finding.level = finding.level.min(cap(&window, finding.basis).level);
        let (from, to) = self.extent(sight, &window, finding.basis)?;
        Some((finding, from, to))
    }

    fn extent(&self, sight: &Sight, window: &Window<'_>, basis: Basis) -> Option<(FactKey, FactKey)> {
        match basis {
            Basis::Destroyed(span) => Some((*sight.first_of(span, self.entries)?, sight.last?)),
            Basis::Denied => Some((*sight.first_denied(self.entries)?, *self.at)),
            Basis::Returned => window.returned?.extent,
            Basis::Rebuilt(number) => window.rebuilt.get(number).map(|set| set.extent),
            Basis::Itself => Some((*self.at, *self.at)),
        }
    }
}
