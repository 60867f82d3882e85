//! What a journal holds after a list of cuts, said as plainly as possible: by looking through all of them.

use std::collections::{BTreeMap, BTreeSet};

use trailbrake_detectors::engine::{Change, Row};

use super::super::{Cut, Head, Loaded, OnRecord, Order, OrderEnd};

/// What loading finds after these cuts, as long as nothing is old enough to be forgotten.
pub(super) fn loaded(cuts: &[Cut]) -> Loaded {
    let rows: BTreeMap<_, _> =
        all(cuts, |cut| &cut.rows).map(|(_, row)| ((row.table.clone(), row.key.clone()), row.value.clone())).collect();
    let positions: BTreeMap<_, _> = all(cuts, |cut| &cut.positions).map(|(_, position)| position.clone()).collect();
    let mut counts = BTreeMap::new();
    for (_, (source, column, records)) in all(cuts, |cut| &cut.counts) {
        *counts.entry((source.clone(), column.clone())).or_insert(0) += records;
    }
    // The last word about a page closes it, however it ended.
    let delivered = orders(cuts, |order, end| {
        end == Some(OrderEnd::Delivered) || (end.is_some() && order.announcement.change == Change::Resolved)
    });
    let open_pages = delivered
        .iter()
        .enumerate()
        .filter(|(place, order)| !delivered[place + 1..].iter().any(|later| page(later) == page(order)))
        .filter(|(_, order)| order.announcement.change != Change::Resolved)
        .map(|(_, order)| order.clone())
        .collect();
    Loaded {
        rows: rows
            .into_iter()
            .filter(|(_, value)| value.is_some())
            .map(|((table, key), value)| Row { table, key, value })
            .collect(),
        positions: positions.into_iter().filter_map(|(name, position)| Some((name, position?))).collect(),
        counts,
        orders: orders(cuts, |_, end| end.is_none()),
        open_pages,
        desired: desired(cuts),
        artefacts: artefacts(cuts),
        forgotten_to: all(cuts, |cut| &cut.forgotten).map(|(_, one)| one.second).max(),
        head: head(cuts),
    }
}

/// Where the audit trail ends after these cuts.
fn head(cuts: &[Cut]) -> Head {
    all(cuts, |cut| &cut.notes).fold(Head::default(), |head, (_, note)| head.entry(note).head())
}

/// All things of one kind, each with the number of its cut.
fn all<'a, T: 'a>(cuts: &'a [Cut], of: impl Fn(&'a Cut) -> &'a Vec<T>) -> impl Iterator<Item = (usize, &'a T)> {
    cuts.iter().enumerate().flat_map(move |(number, cut)| of(cut).iter().map(move |thing| (number, thing)))
}

fn page(order: &Order) -> (&str, &str) {
    (&order.receiver, &order.announcement.page_key)
}

/// The first order of each id whose end is as asked, in the order in which they came.
fn orders(cuts: &[Cut], is_asked: impl Fn(&Order, Option<OrderEnd>) -> bool) -> Vec<Order> {
    let mut seen = BTreeSet::new();
    all(cuts, |cut| &cut.orders)
        .filter(|(_, order)| seen.insert(order.id.clone()))
        .filter(|(made, order)| {
            let mut ends = all(cuts, |cut| &cut.ended).filter(|(at, (id, _, _))| at >= made && *id == order.id);
            is_asked(order, ends.next().map(|(_, (_, end, _))| *end))
        })
        .map(|(made, order)| Order { record: OnRecord::At(head(&cuts[..=made])), ..order.clone() })
        .collect()
}

fn desired(cuts: &[Cut]) -> Vec<(trailbrake_detectors::engine::Desired, bool)> {
    let keys: BTreeSet<_> = all(cuts, |cut| &cut.desired).map(|(_, desired)| &desired.key).collect();
    keys.into_iter()
        .filter_map(|key| {
            let of_key = || all(cuts, |cut| &cut.desired).filter(move |(_, desired)| desired.key == *key);
            let newest = of_key().map(|(_, desired)| desired.generation).max()?;
            let (made, held) = of_key().find(|(_, desired)| desired.generation == newest)?;
            let is_settled = all(cuts, |cut| &cut.settled)
                .any(|(at, (settled, generation))| at >= made && settled == key && *generation == newest);
            Some((held.clone(), is_settled))
        })
        .collect()
}

fn artefacts(cuts: &[Cut]) -> Vec<super::super::Artefact> {
    let mut last = BTreeMap::new();
    for (at, artefact) in all(cuts, |cut| &cut.artefacts) {
        last.insert((artefact.key.clone(), artefact.generation), (at, artefact.clone()));
    }
    last.into_values()
        .filter(|(made, artefact)| !all(cuts, |cut| &cut.undone).any(|(at, key)| at >= *made && *key == artefact.key))
        .map(|(_, artefact)| artefact)
        .collect()
}
