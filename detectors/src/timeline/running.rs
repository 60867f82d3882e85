//! Running sums over what one key destroyed in the last so many seconds: a fact is added once and taken away once,
//! however many the window holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contribution::{Contribution, Ownership};
use super::entries::{Entries, Held, is_itself_before, may_be_retired};
use super::order::FactKey;
use crate::detector::{Limits, Rebuilt, Returned, Shares, Span, Sums, Weights};
use crate::event::{Text, WeightClass};
use crate::limits::{RECREATE_SECONDS_MAX, TEARDOWNS_MAX};

/// Which entries are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// Only those of this actor; without it all who passed through a role or user.
    pub actor: Option<&'a str>,
    /// Only those that may bear a pause.
    pub trusted: bool,
}

impl View<'_> {
    pub(super) fn holds(&self, held: &Held) -> bool {
        (!self.trusted || held.entry.may_pause) && self.actor.is_none_or(|actor| *held.entry.actor.key == *actor)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.actor.is_none()
    }
}

/// What is known of one view after some facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    spans: [Running; Span::ALL.len()],
    denied: Denied,
    returns: BTreeMap<i64, Cell>,
    teardowns: Vec<Teardown>,
    /// The last destroying fact.
    pub(super) last: Option<FactKey>,
}

/// The sums of one span, and the position of the first entry in it that destroys.
#[derive(Clone, Debug, Default)]
struct Running {
    start: usize,
    sums: Sums,
}

#[derive(Clone, Debug, Default)]
struct Denied {
    start: usize,
    calls: u64,
}

/// What came back of the deletes of one second.
#[derive(Clone, Debug)]
struct Cell {
    weight: u64,
    first: FactKey,
    last: FactKey,
    by_aws_services: bool,
    actors: Shares<Arc<str>>,
}

/// A set of types that was torn down.
#[derive(Clone, Debug)]
struct Teardown {
    weight: u64,
    kinds: BTreeSet<Text>,
    again: BTreeSet<Text>,
    first: FactKey,
    last: FactKey,
    by_aws_services: bool,
    actors: Shares<Arc<str>>,
}

impl Sight {
    /// Nothing before this position counts.
    pub(super) fn from(position: usize) -> Self {
        let mut sight = Self::default();
        sight.denied.start = position;
        for running in &mut sight.spans {
            running.start = position;
        }
        sight
    }

    pub(super) fn sums(&self) -> [&Sums; Span::ALL.len()] {
        self.spans.each_ref().map(|running| &running.sums)
    }

    pub(super) fn denied(&self) -> u64 {
        self.denied.calls
    }

    /// The first destroying fact of a span.
    pub(super) fn first_of<'a>(&self, span: Span, entries: &'a Entries) -> Option<&'a FactKey> {
        Some(&entries.at(self.spans[span as usize].start)?.key)
    }

    /// The first refused call of its span.
    pub(super) fn first_denied<'a>(&self, entries: &'a Entries) -> Option<&'a FactKey> {
        Some(&entries.at(self.denied.start)?.key)
    }

    /// Whether a sum holds what lies before a position, or begins there.
    pub(super) fn reaches_before(&self, position: usize) -> bool {
        self.denied.start < position || self.spans.iter().any(|running| running.start < position)
    }

    /// Lets what is too old at a fact leave. `next` is the position of what is not in any sum yet.
    pub(super) fn expire(&mut self, at: &FactKey, next: usize, entries: &Entries, view: View<'_>, weights: &Weights) {
        for (running, span) in self.spans.iter_mut().zip(Span::ALL) {
            let until = at.second.plus(-span.seconds());
            while running.start < next
                && let Some(held) = entries.at(running.start)
            {
                let is_in = !held.entry.destroyed.is_empty() && view.holds(held);
                if is_in && held.key.second > until {
                    break;
                }
                if is_in {
                    for contribution in &held.entry.destroyed {
                        let item = Item { held, contribution, span, view, weights };
                        item.leave(&mut running.sums, !is_itself_before(contribution, at));
                    }
                }
                running.start += 1;
            }
        }
        let until = at.second.plus(-Span::TenMinutes.seconds());
        while self.denied.start < next
            && let Some(held) = entries.at(self.denied.start)
        {
            let is_in = held.entry.is_denied_destruction && view.holds(held);
            if is_in && held.key.second > until {
                break;
            }
            self.denied.calls -= u64::from(is_in);
            self.denied.start += 1;
        }
    }

    /// Takes in what a fact of the view did.
    pub(super) fn enter(&mut self, position: usize, entries: &Entries, view: View<'_>, limits: &Limits) {
        let Some(held) = entries.at(position) else { return };
        if held.entry.is_denied_destruction {
            self.denied.calls += 1;
        }
        if held.entry.destroyed.is_empty() {
            return;
        }
        for (running, span) in self.spans.iter_mut().zip(Span::ALL) {
            for contribution in &held.entry.destroyed {
                Item { held, contribution, span, view, weights: &limits.weights }.enter(&mut running.sums);
            }
        }
        self.last = Some(held.key);
        self.watch_teardown(&held.key, entries, limits);
    }

    /// A set of types that is large and heavy enough was torn down, or goes on being so.
    fn watch_teardown(&mut self, at: &FactKey, entries: &Entries, limits: &Limits) {
        let sums = &self.spans[Span::QuarterHour as usize].sums;
        let limits = &limits.delete_recreate;
        let least = limits.rebuilt.from_worst().map(|(limit, _)| limit).min();
        if least.is_none_or(|least| sums.weight_full < least) || (sums.kinds.len() as u64) < limits.kinds {
            return;
        }
        let by_aws_services = sums.by_aws_services == sums.resources;
        let kinds = sums.kinds.iter().map(|(kind, _)| kind.clone());
        let quarter = Span::QuarterHour.seconds();
        match self.teardowns.last_mut().filter(|set| set.last.second.plus(quarter) >= at.second) {
            Some(set) => {
                set.kinds.extend(kinds);
                set.by_aws_services &= by_aws_services;
                set.last = *at;
                if sums.weight_full > set.weight {
                    set.weight = sums.weight_full;
                    set.actors = sums.actors.clone();
                }
            }
            None => {
                let Some(first) = self.first_of(Span::QuarterHour, entries).cloned() else { return };
                let (again, kinds) = (BTreeSet::new(), kinds.collect());
                let (weight, actors, last) = (sums.weight_full, sums.actors.clone(), *at);
                if self.teardowns.len() >= TEARDOWNS_MAX {
                    self.teardowns.remove(0);
                }
                self.teardowns.push(Teardown { weight, kinds, again, first, last, by_aws_services, actors });
            }
        }
    }

    /// Types were created: says which torn-down sets that bears on, and how much of each is back.
    pub(super) fn created<'k>(&mut self, at: &FactKey, kinds: impl Iterator<Item = &'k Text> + Clone) -> Vec<Rebuilt> {
        self.teardowns.retain(|set| set.last.second.plus(RECREATE_SECONDS_MAX) >= at.second);
        let mut rebuilt = Vec::new();
        for set in &mut self.teardowns {
            let before = set.again.len();
            let again: Vec<&Text> = kinds.clone().filter(|kind| set.kinds.contains(*kind)).collect();
            if again.is_empty() {
                continue;
            }
            set.again.extend(again.into_iter().cloned());
            debug_assert!(set.again.len() >= before, "what is back stays back");
            rebuilt.push(Rebuilt {
                weight: set.weight,
                kinds: set.kinds.len() as u64,
                again: set.again.len() as u64,
                extent: (set.first, set.last),
                by_aws_services: set.by_aws_services,
                actors: set.actors.clone(),
            });
        }
        rebuilt
    }

    /// A resource came back by a fact: takes note, and what was retired is not.
    pub(super) fn came_back(
        &mut self,
        at: &FactKey,
        position: usize,
        back: Back<'_>,
        view: View<'_>,
        weights: &Weights,
    ) {
        let Back { held, contribution } = back;
        if may_be_retired(contribution) && contribution.recreated_by.as_ref() == Some(at) {
            for running in self.spans.iter_mut().filter(|running| position >= running.start) {
                running.sums.retired = running.sums.retired.saturating_sub(1);
            }
        }
        let before = contribution.back_by().filter(|by| *by < at);
        let had = before.map_or(0, |by| held.weight_back(contribution, by, weights));
        let share = held.weight_back(contribution, at, weights).saturating_sub(had);
        let cell = self.returns.entry(held.key.second.0).or_insert_with(|| Cell {
            weight: 0,
            first: held.key,
            last: held.key,
            by_aws_services: true,
            actors: Shares::default(),
        });
        cell.weight += share;
        cell.by_aws_services &= held.entry.actor.is_aws_service;
        if held.key < cell.first {
            cell.first = held.key;
        }
        if held.key > cell.last {
            cell.last = held.key;
        }
        if view.is_whole() {
            cell.actors.add(&held.entry.actor.key, share);
        }
    }

    /// Of the hours of deletes that hold one of these seconds, the one of which most came back; of equals the first.
    pub(super) fn most_returned(&self, touched: &BTreeSet<i64>) -> Option<Returned> {
        let hour = Span::Hour.seconds();
        let (first, last) = (touched.first()?, touched.last()?);
        let cells: Vec<(i64, &Cell)> =
            self.returns.range(first - hour + 1..last + hour).map(|(second, cell)| (*second, cell)).collect();
        let (mut start, mut weight) = (0, 0);
        let mut most = (0, 0..0);
        for (end, (second, cell)) in cells.iter().enumerate() {
            weight += cell.weight;
            while cells[start].0 <= second - hour {
                weight -= cells[start].1.weight;
                start += 1;
            }
            let is_touched = touched.range(second - hour + 1..=*second).next().is_some();
            if is_touched && weight > most.0 {
                most = (weight, start..end + 1);
            }
        }
        let held = cells.get(most.1)?;
        let mut actors = Shares::default();
        for (actor, share) in held.iter().flat_map(|(_, cell)| cell.actors.iter()) {
            actors.add(actor, share);
        }
        Some(Returned {
            weight: most.0,
            extent: Some((held.first()?.1.first, held.last()?.1.last)),
            by_aws_services: held.iter().all(|(_, cell)| cell.by_aws_services),
            actors,
        })
    }

    /// Forgets what came back of deletes too long ago to matter.
    pub(super) fn tidy(&mut self, at: &FactKey) {
        let since = at.second.0.saturating_sub(RECREATE_SECONDS_MAX + Span::Hour.seconds());
        if self.returns.first_key_value().is_some_and(|(second, _)| *second < since) {
            self.returns = self.returns.split_off(&since);
        }
    }
}

/// A resource that came back.
#[derive(Clone, Copy)]
pub(super) struct Back<'a> {
    /// The fact that had destroyed it.
    pub held: &'a Held,
    /// The resource.
    pub contribution: &'a Contribution,
}

/// A destroyed resource as it enters and leaves the sums of a span.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub held: &'a Held,
    pub contribution: &'a Contribution,
    pub span: Span,
    pub view: View<'a>,
    pub weights: &'a Weights,
}

impl Item<'_> {
    pub(super) fn enter(&self, sums: &mut Sums) {
        // A destroyed resource can have come back only by a later fact.
        self.change(sums, true, true);
    }

    fn leave(&self, sums: &mut Sums, is_retired: bool) {
        self.change(sums, false, is_retired);
    }

    fn change(&self, sums: &mut Sums, enters: bool, is_retired: bool) {
        let count = |sum: &mut u64, by| *sum = if enters { *sum + by } else { sum.saturating_sub(by) };
        let Self { held, contribution, span, view, weights } = *self;
        let weight = held.weight(contribution, weights);
        count(&mut sums.resources, 1);
        count(&mut sums.by_aws_services, u64::from(held.entry.actor.is_aws_service));
        if view.is_whole() {
            sums.actors.change(&held.entry.actor.key, weight, enters);
        }
        if contribution.ownership == Ownership::OwnYoung {
            return count(&mut sums.weight_own_young, weight);
        }
        count(&mut sums.resources_foreign, 1);
        count(&mut sums.retired, u64::from(is_retired && may_be_retired(contribution)));
        if span == Span::Hour {
            count(&mut sums.unguarded, u64::from(contribution.unguarded_at.is_some()));
        }
        if contribution.class == WeightClass::Copy {
            return count(&mut sums.weight_copies, weight);
        }
        count(&mut sums.resources_full, u64::from(!held.is_paired(contribution)));
        if span == Span::QuarterHour {
            sums.kinds.change(&contribution.kind, 1, enters);
        }
        if contribution.class == WeightClass::UsuallyUnused {
            return count(&mut sums.weight_unused, weight);
        }
        count(&mut sums.weight_full, weight);
        match span {
            Span::FiveMinutes => sums.regions.change(&contribution.region, weight, enters),
            Span::TenMinutes => {
                let share = weight / (contribution.zones.len().max(1) as u64);
                for zone in &contribution.zones {
                    sums.zones.change(zone, share, enters);
                }
            }
            Span::QuarterHour | Span::Hour => {}
        }
    }
}
