//! The same judgement from a sorted list: slow, obvious. Each fact looks at all that came before it.

use std::collections::{BTreeMap, BTreeSet};

use super::cap::{cap, has_bearer};
use super::contribution::{Contribution, Ownership};
use super::entries::Held;
use super::ledger::Ledger;
use super::order::FactKey;
use super::pairing::{HEAVY_MAX, HEAVY_SECONDS, PAIRED_SECONDS, is_heavy};
use super::sweep::{Point, PointKey};
use crate::detector::{ALL, Basis, Limits, Rebuilt, Returned, Shares, Span, Sums, Window};
use crate::event::WeightClass;
use crate::limits::{RECREATE_SECONDS_MAX, TEARDOWNS_MAX};
use crate::time::Second;

/// What detectors say of all that a ledger holds.
pub(super) fn points(ledger: &Ledger, name: &str, limits: &Limits) -> BTreeMap<PointKey, Point> {
    let mut points = BTreeMap::new();
    let all: Vec<Held> = ledger.entries().iter().map(|held| Held { paired: Vec::new(), ..held.clone() }).collect();
    let all = pair(&all);
    for is_whole in [false, true] {
        let mine: Vec<&Held> = all.iter().filter(|held| is_whole || *held.entry.actor.key == *name).collect();
        if is_whole && all.iter().all(|held| *held.entry.actor.key == *name) {
            continue;
        }
        let trusted: Vec<&Held> = mine.iter().filter(|held| held.entry.may_pause).copied().collect();
        for at in moments(&mine) {
            for detector in ALL {
                let Some((level, from, to)) = say(*detector, &mine, &at, ledger, limits, is_whole, is_whole) else {
                    continue;
                };
                let pausing = say(*detector, &trusted, &at, ledger, limits, is_whole, false).map(|(level, ..)| level);
                let key = PointKey { at, detector: detector.name(), is_whole };
                points.insert(key, Point { level, pausing_level: pausing, from, to });
            }
        }
    }
    points
}

fn moments(mine: &[&Held]) -> BTreeSet<FactKey> {
    let back = destroyed(mine).flat_map(|(_, one)| one.recreated_by.iter().chain(&one.succeeded_by));
    mine.iter().map(|held| &held.key).chain(back).cloned().collect()
}

fn destroyed<'a>(mine: &'a [&'a Held]) -> impl Iterator<Item = (&'a Held, &'a Contribution)> {
    mine.iter().flat_map(|held| held.entry.destroyed.iter().map(move |one| (*held, one)))
}

fn pair(all: &[Held]) -> Vec<Held> {
    let mut done: Vec<Held> = Vec::new();
    let mut used: BTreeSet<(FactKey, usize)> = BTreeSet::new();
    let mut heavy: Vec<(String, Second)> = Vec::new();
    for held in all {
        let mut held = held.clone();
        let actor = held.entry.actor.key.to_string();
        for one in &held.entry.destroyed {
            let since = held.key.second.plus(-HEAVY_SECONDS);
            let recent = heavy.iter().filter(|(by, at)| *by == actor && *at > since).count();
            if one.ownership == Ownership::Foreign || (is_heavy(one) && recent >= HEAVY_MAX) {
                continue;
            }
            let creates = all.iter().filter(|made| {
                made.key < held.key
                    && made.entry.actor.key == held.entry.actor.key
                    && made.key.second >= held.key.second.plus(-PAIRED_SECONDS)
                    && (made.entry.may_pause || !held.entry.may_pause)
            });
            let mut creates = creates
                .flat_map(|made| made.entry.created.iter().enumerate().map(move |(index, what)| (made, index, what)));
            let free = creates.find(|(made, index, what)| {
                what.kind == one.kind
                    && what.is_proven
                    && what.end.as_ref().is_none_or(|end| *end > held.key)
                    && !used.contains(&(made.key, *index))
            });
            if let Some((made, index, _)) = free {
                used.insert((made.key, index));
                held.paired.push(one.index);
                if is_heavy(one) {
                    heavy.push((actor.clone(), held.key.second));
                }
            }
        }
        done.push(held);
    }
    done
}

fn is_back(one: &Contribution, by: &FactKey) -> bool {
    one.back_by().is_some_and(|create| create <= by)
}

fn sums(mine: &[&Held], at: &FactKey, cut: Option<Second>, span: Span, limits: &Limits, is_whole: bool) -> Sums {
    let mut sums = Sums::default();
    let since = at.second.plus(-span.seconds());
    let within =
        |held: &Held| held.key <= *at && held.key.second > since && cut.is_none_or(|cut| held.key.second > cut);
    for (held, one) in destroyed(mine).filter(|(held, _)| within(held)) {
        let weight = held.weight(one, &limits.weights);
        sums.resources += 1;
        sums.by_aws_services += u64::from(held.entry.actor.is_aws_service);
        if is_whole {
            sums.actors.add(&held.entry.actor.key, weight);
        }
        if one.ownership == Ownership::OwnYoung {
            sums.weight_own_young += weight;
            continue;
        }
        sums.resources_foreign += 1;
        let stateless = one.class != WeightClass::HoldsState;
        let is_itself_again = one.recreated_by.as_ref().is_some_and(|create| create <= at);
        sums.retired += u64::from(one.ownership == Ownership::OwnOld && one.is_recent && stateless && !is_itself_again);
        sums.unguarded += u64::from(span == Span::Hour && one.unguarded_at.is_some());
        if one.class == WeightClass::Copy {
            sums.weight_copies += weight;
            continue;
        }
        sums.resources_full += u64::from(!held.is_paired(one));
        if span == Span::QuarterHour {
            sums.kinds.add(&one.kind, 1);
        }
        if one.class == WeightClass::UsuallyUnused {
            sums.weight_unused += weight;
            continue;
        }
        sums.weight_full += weight;
        match span {
            Span::FiveMinutes => sums.regions.add(&one.region, weight),
            Span::TenMinutes => {
                one.zones.iter().for_each(|zone| sums.zones.add(zone, weight / one.zones.len() as u64));
            }
            Span::QuarterHour | Span::Hour => {}
        }
    }
    sums
}

fn say(
    detector: &dyn crate::detector::Detector,
    mine: &[&Held],
    at: &FactKey,
    ledger: &Ledger,
    limits: &Limits,
    is_whole: bool,
    is_shared: bool,
) -> Option<(crate::incident::Severity, FactKey, FactKey)> {
    let cut = ledger.judged_until().range(..at.second).next_back().copied();
    let all: Vec<Sums> = Span::ALL.iter().map(|span| sums(mine, at, cut, *span, limits, is_whole)).collect();
    let counts = |held: &&&Held| held.key <= *at && cut.is_none_or(|cut| held.key.second > cut);
    let here = mine.iter().find(|held| held.key == *at);
    let refused = |held: &&&Held| {
        held.entry.is_denied_destruction
            && held.key.second > at.second.plus(-Span::TenMinutes.seconds())
            && counts(held)
    };
    let is_refused = here.is_some_and(|held| held.entry.is_denied_destruction);
    let returned = returned(mine, at, cut, limits, is_whole);
    let rebuilt = here.map(|held| rebuilt(mine, held, cut, limits, is_whole)).unwrap_or_default();
    if !here.is_some_and(|held| held.entry.may_raise()) && returned.is_none() && rebuilt.is_empty() {
        return None;
    }
    let window = Window {
        sums: [&all[0], &all[1], &all[2], &all[3]],
        denied: if is_refused { mine.iter().filter(refused).count() as u64 } else { 0 },
        loses_trail: here.is_some_and(|held| held.entry.loses_trail()),
        returned: returned.as_ref(),
        rebuilt: &rebuilt,
    };
    let finding = detector.judge(&window, limits)?;
    if is_shared && has_bearer(&window, finding.basis) {
        return None;
    }
    let keys = |held: &[&Held]| Some((held.first()?.key, held.last()?.key));
    let extent = match finding.basis {
        Basis::Destroyed(span) => {
            let since = at.second.plus(-span.seconds());
            let held: Vec<&Held> = mine
                .iter()
                .filter(|held| held.key.second > since && counts(held) && !held.entry.destroyed.is_empty())
                .copied()
                .collect();
            keys(&held)
        }
        Basis::Denied => mine.iter().find(refused).map(|held| (held.key, *at)),
        Basis::Returned => window.returned.and_then(|returned| returned.extent),
        Basis::Rebuilt(number) => window.rebuilt.get(number).map(|set| set.extent),
        Basis::Itself => Some((*at, *at)),
    };
    let (from, to) = extent?;
    Some((finding.level.min(cap(&window, finding.basis).level), from, to))
}

fn returned(mine: &[&Held], at: &FactKey, cut: Option<Second>, limits: &Limits, is_whole: bool) -> Option<Returned> {
    let counts = |held: &Held, one: &Contribution| {
        cut.is_none_or(|cut| held.key.second > cut)
            && held.key < *at
            && is_back(one, at)
            && one.ownership != Ownership::OwnYoung
    };
    let mut back: Vec<(&Held, &Contribution)> = destroyed(mine).filter(|(held, one)| counts(held, one)).collect();
    back.sort_by_key(|(held, _)| &held.key);
    let now = |one: &Contribution| one.recreated_by.as_ref() == Some(at) || one.succeeded_by.as_ref() == Some(at);
    let mut most: Option<Returned> = None;
    let ends: BTreeSet<Second> = back.iter().map(|(held, _)| held.key.second).collect();
    for end in ends {
        let since = end.plus(-Span::Hour.seconds());
        let hour: Vec<_> = back.iter().filter(|(held, _)| held.key.second > since && held.key.second <= end).collect();
        if !hour.iter().any(|(_, one)| now(one)) {
            continue;
        }
        let weight = hour.iter().map(|(held, one)| held.weight_back(one, at, &limits.weights)).sum();
        if most.as_ref().map_or(weight > 0, |most| weight > most.weight) {
            let mut actors = Shares::default();
            for (held, one) in hour.iter().filter(|_| is_whole) {
                actors.add(&held.entry.actor.key, held.weight_back(one, at, &limits.weights));
            }
            let (first, last) = (hour.first()?, hour.last()?);
            most = Some(Returned {
                weight,
                extent: Some((first.0.key, last.0.key)),
                by_aws_services: hour.iter().all(|(held, _)| held.entry.actor.is_aws_service),
                actors,
            });
        }
    }
    most
}

/// Sets of types that were torn down before a create, and that it is part of building again.
fn rebuilt(mine: &[&Held], create: &Held, cut: Option<Second>, limits: &Limits, is_whole: bool) -> Vec<Rebuilt> {
    let mut sets: Vec<(Rebuilt, BTreeSet<String>, BTreeSet<String>)> = Vec::new();
    let least = limits.delete_recreate.rebuilt.from_worst().map(|(limit, _)| limit).min();
    let mut touched = Vec::new();
    for held in mine.iter().filter(|held| held.key <= create.key && cut.is_none_or(|cut| held.key.second > cut)) {
        if !held.entry.destroyed.is_empty() {
            let sums = sums(mine, &held.key, cut, Span::QuarterHour, limits, is_whole);
            let kinds: BTreeSet<String> = sums.kinds.iter().map(|(kind, _)| kind.to_string()).collect();
            if least.is_some_and(|least| sums.weight_full >= least)
                && kinds.len() as u64 >= limits.delete_recreate.kinds
            {
                let quarter = Span::QuarterHour.seconds();
                let goes_on = |set: &&mut (Rebuilt, _, _)| set.0.extent.1.second.plus(quarter) >= held.key.second;
                let by_services = sums.by_aws_services == sums.resources;
                if let Some((set, of_set, _)) = sets.last_mut().filter(goes_on) {
                    of_set.extend(kinds);
                    set.by_aws_services &= by_services;
                    set.extent.1 = held.key;
                    if sums.weight_full > set.weight {
                        (set.weight, set.actors) = (sums.weight_full, sums.actors.clone());
                    }
                } else {
                    let since = held.key.second.plus(-quarter);
                    let first = mine.iter().find(|one| {
                        one.key.second > since
                            && cut.is_none_or(|cut| one.key.second > cut)
                            && !one.entry.destroyed.is_empty()
                    });
                    let extent = (first.map_or(held.key, |first| first.key), held.key);
                    let (weight, actors) = (sums.weight_full, sums.actors.clone());
                    let set = Rebuilt { weight, kinds: 0, again: 0, extent, by_aws_services: by_services, actors };
                    sets.push((set, kinds, BTreeSet::new()));
                    if sets.len() > TEARDOWNS_MAX {
                        sets.remove(0);
                    }
                }
            }
        }
        touched.clear();
        for (number, (set, of_set, again)) in sets.iter_mut().enumerate() {
            let is_late = set.extent.1.second.plus(RECREATE_SECONDS_MAX) < held.key.second;
            let made: BTreeSet<String> = held.entry.created.iter().map(|made| made.kind.to_string()).collect();
            let mine: BTreeSet<String> = made.intersection(of_set).cloned().collect();
            if !is_late && !mine.is_empty() {
                again.extend(mine);
                touched.push(number);
            }
        }
    }
    let told = |number: &usize| {
        let (set, kinds, again) = &sets[*number];
        Rebuilt { kinds: kinds.len() as u64, again: again.len() as u64, ..set.clone() }
    };
    if create.entry.created.is_empty() { Vec::new() } else { touched.iter().map(told).collect() }
}
