//! Puts the rooms together behind one contract: [`Engine::apply`]. Its whole memory is [`Engine::rows`].

mod blind;
mod contract;
mod explain;
mod held;
mod horizon;
mod humans;
mod incidents;
mod memory;
mod pauses;
mod register;
mod settings;
mod settle;
mod situation;
mod stale;
mod steady;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::Remembered;
pub use contract::*;
pub use explain::{Moments, Nearness, OwnShare, Reached, Said};
pub use held::Held;
pub use memory::LoadError;
use memory::{Judgement, Progress, Tables, Want, gone, row, table};
use register::Register;
pub use settings::{BrakeSettings, Mode, ModeException, Reach, Settings};
use settle::News;
pub use situation::*;
use stale::Stale;

use crate::brake::Spent;
use crate::event::Event;
use crate::inventory::Inventory;
use crate::limits::{
    FACTS_FORGOTTEN_EVERY_SECONDS, LATENESS_SECONDS, RECREATE_SECONDS_MAX, UNGUARDED_SECONDS_MAX, WINDOW_SECONDS_MAX,
};
use crate::time::{Millis, Second};
use crate::timeline::{Asked, FactKey, Timeline};

/// Judges facts, keeps incidents, decides on pauses. Pure: time is an argument, same inputs give same outputs.
#[derive(Debug, Default)]
pub struct Engine {
    settings: Settings,
    timeline: Timeline,
    incidents: Register,
    /// Incidents whose report is older than their facts.
    stale: Stale,
    /// Of which resources it was said that their zones are wanted.
    asked: Asked,
    wants: BTreeMap<PauseKey, Want>,
    partitions: BTreeMap<Partition, Progress>,
    judgements: Vec<Judgement>,
    spent: Spent,
    humans: BTreeMap<String, Millis>,
    horizon: Option<Second>,
    /// No incident ends by silence while the horizon is not past this; nothing: that is not known.
    quiet_from: Option<Second>,
    forgotten_before: Option<Second>,
    /// Whether facts are forgotten for want of room alone.
    keeps_facts: bool,
    /// The last fact that went for want of room.
    dropped_to: Option<FactKey>,
    now: Millis,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        let mut engine = Self::default();
        engine.timeline.configure(&settings.limits);
        engine.settings = settings;
        engine
    }

    /// An engine that remembers. Decides nothing by itself: the next input does.
    pub fn load(rows: Vec<Row>, settings: Settings) -> Result<Self, LoadError> {
        let tables = Tables::read(rows)?;
        let mut engine = Self {
            settings,
            incidents: tables.incidents.into_iter().collect(),
            wants: tables.wants,
            partitions: tables.partitions,
            judgements: tables.judgements,
            spent: tables.spent,
            humans: tables.humans,
            horizon: tables.horizon,
            ..Self::default()
        };
        engine.timeline.configure(&engine.settings.limits);
        engine.timeline.load(tables.facts, engine.judgements.iter().map(|one| (Arc::clone(&one.key), one.until)));
        engine.forgotten_before = engine.horizon.map(|horizon| engine.forget_limit(horizon));
        let heard = engine.partitions.values().map(|one| one.heard_at);
        let received = engine.timeline.store().iter().map(|(_, fact)| fact.received_at);
        engine.now = heard.chain(received).chain(engine.horizon.map(Second::millis)).max().unwrap_or_default();
        for (id, _) in engine.incidents.iter().filter(|(_, one)| one.is_stale) {
            engine.stale.insert(id, engine.now);
        }
        engine.refresh_reports();
        Ok(engine)
    }

    /// Forgets facts for want of room alone from here on: for a trail that is over, of which somebody asks later.
    pub fn keep_facts(&mut self) {
        self.keeps_facts = true;
    }

    /// The time of the last fact that went for want of room; nothing if none did.
    pub fn dropped_to(&self) -> Option<Second> {
        self.dropped_to.as_ref().map(|key| key.second)
    }

    /// How many facts are held.
    pub fn facts_held(&self) -> usize {
        self.timeline.store().len()
    }

    /// Whether an equal copy of an event is held: then the event is counted as a duplicate. What is not held may have been
    /// forgotten, and whoever kept what [`Output::Forgotten`] said can tell.
    pub fn is_held(&self, event: &Event) -> bool {
        self.timeline.store().get(&FactKey::of(event)).is_some()
    }

    /// What the event would be known by once it is forgotten.
    pub fn forgotten(event: &Event) -> Forgotten {
        Forgotten::of(&FactKey::of(event))
    }

    /// The whole memory.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .timeline
            .store()
            .iter()
            .map(|(key, fact)| row(table::FACT, memory::fact_row_key(key), fact.as_ref()))
            .collect();
        rows.extend(self.incidents.iter().map(|(id, incident)| row(table::INCIDENT, id, incident)));
        rows.extend(self.incidents.iter().map(|(id, one)| row(table::SPAN, id, &(&one.from, &one.to))));
        rows.extend(self.wants.values().map(|want| row(table::WANT, memory::want_row_key(&want.key), want)));
        rows.extend(
            self.partitions.values().map(|one| row(table::PARTITION, memory::partition_row_key(&one.partition), one)),
        );
        rows.extend(self.judgements.iter().map(|one| row(table::JUDGEMENT, memory::judgement_row_key(one), one)));
        rows.extend(self.humans.iter().map(|(id, at)| row(table::HUMAN, id, at)));
        rows.push(row(table::SPENT, "", &self.spent));
        rows.extend(self.horizon.map(|horizon| row(table::HORIZON, "", &horizon)));
        rows
    }

    /// Takes one input and says what follows from it.
    pub fn apply(&mut self, input: Input, outputs: &mut Vec<Output>) {
        match input {
            Input::Fact(fact) => self.take_fact(*fact, outputs),
            Input::Mark { partition, time, received_at } => self.mark(partition, time, received_at, outputs),
            Input::Tick(now) => {
                self.now = self.now.max(now);
                self.show_at_tick(outputs);
                self.advance(outputs);
            }
            Input::Human(human) => self.take_human(human, outputs),
            Input::Outcome(outcome) => self.take_outcome(&outcome, outputs),
            Input::Watch(watch) => self.take_watch(&watch, outputs),
            Input::Configure(settings) => self.configure(*settings, outputs),
            Input::Inventory(inventory) => self.take_inventory(*inventory, outputs),
        }
    }

    /// New settings, which hold for all that is remembered.
    fn configure(&mut self, settings: Settings, outputs: &mut Vec<Output>) {
        let is_judged_anew = settings.limits != self.settings.limits;
        self.settings = settings;
        if !is_judged_anew {
            return;
        }
        self.timeline.configure(&self.settings.limits);
        let keys: BTreeSet<Arc<str>> = self.timeline.ledgers().map(|(key, _)| Arc::clone(key)).collect();
        let news = News { from: FactKey::first_of(Second(0)), received_at: self.now, is_exact: true };
        let mut vanished = Vec::new();
        for key in &keys {
            vanished.extend(self.settle(key, &news, outputs));
        }
        self.settle_vanished(&vanished, outputs);
    }

    /// What is judged otherwise with this inventory is settled, as if it had been known from the start.
    fn take_inventory(&mut self, inventory: Inventory, outputs: &mut Vec<Output>) {
        let Some((touched, from)) = self.timeline.reread(inventory) else { return };
        let news = News { from, received_at: self.now, is_exact: true };
        let mut vanished = Vec::new();
        for key in &touched {
            vanished.extend(self.settle(key, &news, outputs));
        }
        self.settle_vanished(&vanished, outputs);
    }

    fn take_fact(&mut self, fact: Fact, outputs: &mut Vec<Output>) {
        self.now = self.now.max(fact.received_at);
        let source = Arc::clone(&fact.partition.source);
        if self.forgotten_before.is_some_and(|before| fact.event.time < before) {
            // Nothing is left that it could be judged with: counted, and it raises nothing. Its copies are known by their key.
            let is_held = self.is_held(&fact.event);
            let column = if is_held { Column::Duplicate } else { Column::Judged };
            outputs.push(Output::Counted { source, column });
            outputs.extend((!is_held).then(|| Output::Forgotten(Self::forgotten(&fact.event))));
            return;
        }
        let is_late = self.horizon.is_some_and(|horizon| fact.event.time < horizon.plus(-LATENESS_SECONDS));
        let received_at = fact.received_at;
        if let Some(last) = self.timeline.last_to_go() {
            self.show_before_loss(&last, outputs);
        }
        let inserted = self.timeline.insert(fact);
        self.dropped_to = self.dropped_to.max(inserted.dropped.last().copied());
        outputs.push(Output::Counted { source, column: inserted.column });
        if !inserted.is_news {
            return;
        }
        if let Some(fact) = self.timeline.store().get(&inserted.key) {
            outputs.push(Output::Fact(FactRow(Remembered::Fact(inserted.key, Arc::clone(fact)))));
        }
        inserted.dropped.iter().for_each(|key| say_forgotten(key, outputs));
        let is_exact = !is_late && inserted.dropped.is_empty();
        let news = News { from: inserted.from, received_at, is_exact };
        let mut vanished = Vec::new();
        for key in &inserted.touched {
            vanished.extend(self.settle(key, &news, outputs));
        }
        self.settle_vanished(&vanished, outputs);
    }

    fn mark(&mut self, partition: Partition, time: Second, received_at: Millis, outputs: &mut Vec<Output>) {
        self.now = self.now.max(received_at);
        let progress = self.partitions.entry(partition.clone()).or_insert_with(|| Progress {
            partition: partition.clone(),
            time,
            heard_at: received_at,
        });
        progress.time = progress.time.max(time);
        progress.heard_at = progress.heard_at.max(received_at);
        outputs.push(Output::Row(row(table::PARTITION, memory::partition_row_key(&partition), progress)));
        if let Some(surplus) = horizon::surplus(&self.partitions) {
            self.partitions.remove(&surplus);
            outputs.push(Output::Row(gone(table::PARTITION, memory::partition_row_key(&surplus))));
        }
        self.show_at_mark(outputs);
        self.advance(outputs);
    }

    /// Moves the horizon, ends what is over, forgets what is final.
    fn advance(&mut self, outputs: &mut Vec<Output>) {
        let horizon = horizon::horizon(&self.partitions, &self.settings, self.now);
        if self.horizon.is_some_and(|held| horizon <= held) {
            return;
        }
        self.horizon = Some(horizon);
        outputs.push(Output::Row(row(table::HORIZON, "", &horizon)));
        self.close_quiet(horizon, outputs);
        self.forget(horizon, outputs);
    }

    /// Nothing before this second is needed any more for judging what may still arrive.
    fn forget_limit(&self, horizon: Second) -> Second {
        let open = self.incidents.open().map(|(_, one)| one).filter(|one| !one.key.starts_with(blind::BLIND_KEY));
        let needed = needed_from(horizon);
        // What took a protection off an hour before is evidence as well.
        let from = open.map(|incident| incident.from.second.plus(-UNGUARDED_SECONDS_MAX)).min();
        from.unwrap_or(needed).min(needed)
    }

    fn forget(&mut self, horizon: Second, outputs: &mut Vec<Output>) {
        if self.keeps_facts {
            return;
        }
        let forgotten_before = self.forgotten_before;
        let is_soon = |before| forgotten_before.is_some_and(|done| before < done.plus(FACTS_FORGOTTEN_EVERY_SECONDS));
        if is_soon(needed_from(horizon)) {
            return;
        }
        let before = self.forget_limit(horizon);
        if is_soon(before) {
            return;
        }
        self.forgotten_before = Some(before);
        // What is over holds no facts back, and is told by all that it had.
        self.show_before_loss(&FactKey::first_of(before), outputs);
        self.timeline.forget(before).iter().for_each(|key| say_forgotten(key, outputs));
        let (gone_now, kept) = std::mem::take(&mut self.judgements).into_iter().partition(|one| one.until < before);
        self.judgements = kept;
        for judgement in gone_now {
            outputs.push(Output::Row(gone(table::JUDGEMENT, memory::judgement_row_key(&judgement))));
        }
    }
}

/// A fact is no longer held.
fn say_forgotten(key: &FactKey, outputs: &mut Vec<Output>) {
    outputs.push(Output::Row(gone(table::FACT, memory::fact_row_key(key))));
    outputs.push(Output::Forgotten(Forgotten::of(key)));
}

/// What may still arrive is judged with what lies at or after this second.
fn needed_from(horizon: Second) -> Second {
    horizon.plus(-(LATENESS_SECONDS + WINDOW_SECONDS_MAX + RECREATE_SECONDS_MAX))
}
