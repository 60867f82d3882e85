//! The journal that a restart forgets: for simulations, demonstrations and tests.

use std::collections::{BTreeMap, HashMap, VecDeque};

use trailbrake_detectors::engine::{Change, Desired, PauseKey};

use super::forgotten::ForgottenSet;
use super::{
    Artefact, Cut, Entry, Head, Journal, JournalError, Link, Loaded, OnRecord, Order, OrderEnd, Positions, Recall,
    Retention,
};
use crate::limits::AUDIT_REMOVED_AT_ONCE;

/// Holds the same as a file would, in maps.
#[derive(Debug)]
pub(super) struct MemoryJournal {
    retention: Retention,
    rows: BTreeMap<(String, String), String>,
    positions: Positions,
    counts: BTreeMap<(String, String), u64>,
    orders: BTreeMap<u64, (Order, Option<OrderEnd>)>,
    order_numbers: HashMap<String, u64>,
    pages: BTreeMap<u64, Order>,
    page_numbers: HashMap<(String, String), u64>,
    desired: BTreeMap<PauseKey, (u64, Desired, bool)>,
    desired_numbers: BTreeMap<u64, PauseKey>,
    artefacts: BTreeMap<(PauseKey, u64), Artefact>,
    forgotten: ForgottenSet,
    anchor: Head,
    audit: VecDeque<Entry>,
}

impl MemoryJournal {
    /// An empty one.
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            rows: BTreeMap::new(),
            positions: Positions::new(),
            counts: BTreeMap::new(),
            orders: BTreeMap::new(),
            order_numbers: HashMap::new(),
            pages: BTreeMap::new(),
            page_numbers: HashMap::new(),
            desired: BTreeMap::new(),
            desired_numbers: BTreeMap::new(),
            artefacts: BTreeMap::new(),
            forgotten: ForgottenSet::default(),
            anchor: Head::default(),
            audit: VecDeque::new(),
        }
    }

    fn head(&self) -> Head {
        self.audit.back().map_or(self.anchor, Entry::head)
    }

    fn note(&mut self, cut: &Cut) -> Head {
        for note in &cut.notes {
            self.audit.push_back(self.head().entry(note));
        }
        let surplus = (self.audit.len() as u64).saturating_sub(self.retention.audit).min(AUDIT_REMOVED_AT_ONCE);
        for _ in 0..if cut.notes.is_empty() { 0 } else { surplus } {
            self.anchor = self.audit.pop_front().map_or(self.anchor, |gone| gone.head());
        }
        self.head()
    }

    fn add_order(&mut self, order: &Order, head: Head) {
        if !self.order_numbers.contains_key(&order.id) {
            let number = next_number(&self.orders);
            let order = Order { record: OnRecord::At(head), ..order.clone() };
            self.orders.insert(number, (order.clone(), None));
            self.order_numbers.insert(order.id, number);
        }
    }

    fn end_order(&mut self, id: &str, end: OrderEnd) {
        let Some(&number) = self.order_numbers.get(id) else { return };
        let Some((order, ended @ None)) = self.orders.get_mut(&number) else { return };
        *ended = Some(end);
        // A page that is over is over, also where its last word did not get through: it must not be repeated for ever.
        if end == OrderEnd::Delivered || order.announcement.change == Change::Resolved {
            let page = (order.receiver.clone(), order.announcement.page_key.clone());
            let order = order.clone();
            let before = self.page_numbers.get(&page).copied();
            if before.is_none_or(|before| before < number) {
                before.map(|before| self.pages.remove(&before));
                self.pages.insert(number, order);
                self.page_numbers.insert(page, number);
            }
        }
    }

    fn forget_orders(&mut self) {
        let newest = self.orders.keys().next_back().copied().unwrap_or(0);
        let oldest_kept = newest.saturating_sub(self.retention.orders);
        let gone: Vec<u64> = self
            .orders
            .range(..=oldest_kept)
            .filter(|(_, (_, end))| end.is_some())
            .map(|(number, _)| *number)
            .collect();
        for number in gone {
            if let Some((order, _)) = self.orders.remove(&number) {
                self.order_numbers.remove(&order.id);
            }
        }
        let oldest_kept = newest.saturating_sub(self.retention.pages);
        while let Some((&number, _)) = self.pages.range(..=oldest_kept).next() {
            if let Some(order) = self.pages.remove(&number) {
                self.page_numbers.remove(&(order.receiver, order.announcement.page_key));
            }
        }
    }

    fn want(&mut self, desired: &Desired) {
        if let Some((number, held, _)) = self.desired.get(&desired.key) {
            if held.generation >= desired.generation {
                return;
            }
            self.desired_numbers.remove(number);
        }
        let number = next_number(&self.desired_numbers);
        self.desired_numbers.insert(number, desired.key.clone());
        self.desired.insert(desired.key.clone(), (number, desired.clone(), false));
    }

    fn settle(&mut self, key: &PauseKey, generation: u64) {
        if let Some((_, held, settled)) = self.desired.get_mut(key)
            && held.generation == generation
        {
            *settled = true;
        }
    }

    fn forget_desired(&mut self) {
        let newest = self.desired_numbers.keys().next_back().copied().unwrap_or(0);
        let oldest_kept = newest.saturating_sub(self.retention.desired);
        let is_over =
            |key: &PauseKey| self.desired.get(key).is_some_and(|(_, held, settled)| *settled && held.rung.is_none());
        let gone: Vec<(u64, PauseKey)> = self
            .desired_numbers
            .range(..=oldest_kept)
            .filter(|(_, key)| is_over(key))
            .map(|(number, key)| (*number, key.clone()))
            .collect();
        for (number, key) in gone {
            self.desired_numbers.remove(&number);
            self.desired.remove(&key);
        }
    }

    fn add_artefact(&mut self, artefact: &Artefact) {
        self.artefacts.insert((artefact.key.clone(), artefact.generation), artefact.clone());
        let of_key = (artefact.key.clone(), 0)..=(artefact.key.clone(), u64::MAX);
        let held: Vec<u64> = self.artefacts.range(of_key).map(|((_, generation), _)| *generation).collect();
        for generation in held.iter().take(held.len().saturating_sub(self.retention.artefacts)) {
            self.artefacts.remove(&(artefact.key.clone(), *generation));
        }
    }
}

impl Journal for MemoryJournal {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        Ok(Loaded {
            rows: self
                .rows
                .iter()
                .map(|((table, key), value)| trailbrake_detectors::engine::Row {
                    table: table.clone(),
                    key: key.clone(),
                    value: Some(value.clone()),
                })
                .collect(),
            positions: self.positions.clone(),
            counts: self.counts.clone(),
            orders: self.orders.values().filter(|(_, end)| end.is_none()).map(|(order, _)| order.clone()).collect(),
            open_pages: self
                .pages
                .values()
                .filter(|order| order.announcement.change != Change::Resolved)
                .cloned()
                .collect(),
            desired: self.desired.values().map(|(_, desired, settled)| (desired.clone(), *settled)).collect(),
            artefacts: self.artefacts.values().cloned().collect(),
            forgotten_to: self.forgotten.newest(),
            head: self.head(),
        })
    }

    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError> {
        if cut.whole {
            self.rows.clear();
        }
        for row in &cut.rows {
            let place = (row.table.clone(), row.key.clone());
            match &row.value {
                Some(value) => self.rows.insert(place, value.clone()),
                None => self.rows.remove(&place),
            };
        }
        for (name, position) in &cut.positions {
            match position {
                Some(position) => self.positions.insert(name.clone(), position.clone()),
                None => self.positions.remove(name),
            };
        }
        for (source, column, records) in &cut.counts {
            let held = self.counts.entry((source.clone(), column.clone())).or_default();
            *held = held.saturating_add(*records).min(i64::MAX.unsigned_abs());
        }
        let head = self.note(cut);
        cut.orders.iter().for_each(|order| self.add_order(order, head));
        cut.ended.iter().for_each(|(id, end, _)| self.end_order(id, *end));
        self.forget_orders();
        cut.desired.iter().for_each(|desired| self.want(desired));
        cut.settled.iter().for_each(|(key, generation)| self.settle(key, *generation));
        self.forget_desired();
        cut.artefacts.iter().for_each(|artefact| self.add_artefact(artefact));
        for key in &cut.undone {
            self.artefacts.retain(|(held, _), _| held != key);
        }
        self.forgotten.write(&cut.forgotten, self.retention);
        Ok(head)
    }

    fn recall(&self) -> Box<dyn Recall> {
        self.forgotten.recall()
    }

    fn trail(&mut self, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
        let entries = self.audit.iter().cloned().map(Link::Entry);
        // Whoever reads has had enough: that is no error.
        let _ = std::iter::once(Link::Anchor(self.anchor)).chain(entries).all(take);
        Ok(())
    }
}

/// The number after the highest one held.
fn next_number<T>(numbered: &BTreeMap<u64, T>) -> u64 {
    numbered.keys().next_back().map_or(1, |newest| newest + 1)
}
