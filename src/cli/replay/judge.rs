//! Feeds an engine with the events of a trail that is over, and keeps what comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Context;
use indicatif::ProgressBar;
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::engine::{
    Engine, Fact, Input, Moments, Output, OwnShare, Partition, Pause, Settings, Situation,
};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::incident::{Report, State};
use trailbrake_detectors::inventory::Inventory;
use trailbrake_detectors::limits::FACTS_MAX;
use trailbrake_detectors::time::{Millis, Second};

use super::facts::{self, Reading};
use super::input::Found;
use super::sort::{Sorted, Sorter};
use crate::limits::{REPLAY_INVENTORY_COPIED_MAX, REPLAY_PORTION_EVENTS_MAX, REPLAY_PORTIONS_QUEUED_MAX};
use crate::pipeline::Accounts;

/// The engine is looked at once in so many events: each fact that it has room for is seen, with what came before it.
const LOOK_EVENTS: usize = FACTS_MAX / 2;

/// An incident, with what its report leaves out.
pub(crate) struct Told {
    /// The incident.
    pub(crate) report: Report,
    /// What of what it destroyed was its principal's own.
    pub(crate) own: OwnShare,
    /// When it was first so bad as to page, and to pause.
    pub(crate) moments: Moments,
    /// Whom it would have paused, and who of these cannot be.
    pub(crate) pauses: Vec<Pause>,
    /// Its id, had its facts arrived in their order.
    id_in_order: Option<String>,
}

#[cfg(test)]
impl Told {
    /// An incident of which no more is known.
    pub(crate) fn of(report: Report) -> Self {
        Self { report, own: OwnShare::default(), moments: Moments::default(), pauses: Vec::new(), id_in_order: None }
    }
}

/// How a trail is judged.
pub(crate) struct Manner {
    /// Limits, weights, modes.
    pub(crate) settings: Settings,
    /// What existed before the trail.
    pub(crate) inventory: Inventory,
    /// What actions do; nothing: the catalog that is built in.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// In the order of arrival, as the daemon would; else in the order of event times.
    pub(crate) as_arrived: bool,
}

/// What came of judging.
pub(crate) struct Judged {
    /// Incidents, in the order in which they began.
    pub(crate) incidents: Vec<Told>,
    /// How reading went; its accounts are complete.
    pub(crate) reading: Reading,
    /// What judged. Where somebody looked at it, it holds all facts that there was room for.
    pub(crate) engine: Engine,
}

struct Judge<'a> {
    engine: Engine,
    accounts: Accounts,
    incidents: BTreeMap<String, Told>,
    outputs: Vec<Output>,
    partition: Partition,
    newest: Option<Second>,
    taken: usize,
    as_arrived: bool,
    look: Look<'a>,
}

/// Is shown the engine now and then, as it fills up; it forgets nothing as long as there is room.
type Look<'a> = Option<&'a mut dyn FnMut(&Engine)>;

/// What sorting hands to judging.
enum Portion {
    Events(Vec<Event>),
    /// All that was judged so far was in vain.
    Anew,
    /// All is read, and so many events are left.
    Left(u64),
}

/// Reads and judges everything. Unless somebody looks at the engine meanwhile, it is judged while it is still being read,
/// for as long as it turns out to be in order.
pub(crate) fn judge(found: Found, now: Millis, manner: Manner, look: Look<'_>) -> anyhow::Result<Judged> {
    let Manner { settings, inventory, catalog, as_arrived } = manner;
    let catalog = catalog.as_deref().unwrap_or(Catalog::built_in());
    let is_early = !as_arrived && look.is_none() && inventory.len() <= REPLAY_INVENTORY_COPIED_MAX;
    // With what judging begins anew, should it have begun too early.
    let spare = is_early.then(|| (settings.clone(), inventory.clone()));
    let mut judge = Judge::new(settings, inventory, as_arrived, look);
    let mut reading = if as_arrived {
        facts::read(found, now, catalog, &mut |part| {
            part.events.into_iter().for_each(|event| judge.take(event));
            judge.mark(part.newest);
            Ok(())
        })?
    } else {
        let (portions, portions_out) = sync_channel(REPLAY_PORTIONS_QUEUED_MAX);
        std::thread::scope(|scope| {
            let sorting = scope.spawn(move || sort(found, now, catalog, is_early, &portions));
            judge.take_sorted(&portions_out, spare);
            sorting.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the sorting thread failed")))
        })?
    };
    let (incidents, accounts, engine) = judge.finish();
    reading.accounts.add(&accounts);
    Ok(Judged { incidents, reading, engine })
}

/// Reads everything, and hands it on in the order of the events.
fn sort(
    found: Found,
    now: Millis,
    catalog: &Catalog,
    is_early: bool,
    portions: &SyncSender<Portion>,
) -> anyhow::Result<Reading> {
    let mut events = Vec::new();
    let mut out = |sorted| {
        let portion = match sorted {
            Sorted::Event(event) => {
                events.push(*event);
                if events.len() < REPLAY_PORTION_EVENTS_MAX {
                    return Ok(());
                }
                Portion::Events(std::mem::take(&mut events))
            }
            Sorted::Anew => {
                events.clear();
                Portion::Anew
            }
            Sorted::Left(count) => Portion::Left(count + events.len() as u64),
        };
        portions.send(portion).context("judging ended before sorting")
    };
    let mut sorter = Sorter::new(is_early);
    let reading = facts::read(found, now, catalog, &mut |part| {
        part.events.into_iter().try_for_each(|event| sorter.push(event, &mut out))
    })?;
    sorter.finish(&mut out)?;
    portions.send(Portion::Events(events)).context("judging ended before sorting")?;
    Ok(reading)
}

impl<'a> Judge<'a> {
    fn new(settings: Settings, inventory: Inventory, as_arrived: bool, look: Look<'a>) -> Self {
        let mut engine = Engine::new(settings);
        if look.is_some() {
            engine.keep_facts();
        }
        if !inventory.is_empty() {
            engine.apply(Input::Inventory(Box::new(inventory)), &mut Vec::new());
        }
        Self {
            engine,
            accounts: Accounts::default(),
            incidents: BTreeMap::new(),
            outputs: Vec::new(),
            partition: Partition { source: Arc::from("replay"), name: Arc::from("") },
            newest: None,
            taken: 0,
            as_arrived,
            look,
        }
    }

    /// Sorting goes on in a thread of its own while this one judges.
    fn take_sorted(&mut self, portions: &Receiver<Portion>, mut spare: Option<(Settings, Inventory)>) {
        let mut bar = None;
        for portion in portions {
            match portion {
                Portion::Events(events) => {
                    bar.iter().for_each(|bar: &ProgressBar| bar.inc(events.len() as u64));
                    events.into_iter().for_each(|event| self.take(event));
                }
                Portion::Anew => {
                    if let Some((settings, inventory)) = spare.take() {
                        *self = Self::new(settings, inventory, self.as_arrived, self.look.take());
                    }
                }
                Portion::Left(count) => {
                    spare = None;
                    bar = Some(facts::progress(count, "judging"));
                }
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    /// Judges one event, as if it had arrived when the newest before it did.
    fn take(&mut self, event: Event) {
        let time = event.time;
        let is_newer = self.newest.is_none_or(|newest| newest < time);
        self.newest = self.newest.max(Some(time));
        let received_at = self.newest.unwrap_or(time).millis();
        let fact = Fact { event, partition: self.partition.clone(), received_at, may_pause: true };
        self.apply(Input::Fact(Box::new(fact)));
        if is_newer {
            self.apply(Input::Mark { partition: self.partition.clone(), time, received_at });
        }
        self.taken += 1;
        if self.taken.is_multiple_of(LOOK_EVENTS)
            && let Some(look) = &mut self.look
        {
            look(&self.engine);
        }
    }

    /// Everything up to a time was read.
    fn mark(&mut self, newest: Option<Second>) {
        let Some(time) = newest.filter(|time| self.newest.is_none_or(|newest| newest < *time)) else { return };
        self.newest = Some(time);
        self.apply(Input::Mark { partition: self.partition.clone(), time, received_at: time.millis() });
    }

    fn apply(&mut self, input: Input) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.engine.apply(input, &mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Counted { column, .. } => self.accounts.count(Accounts::word(column), 1),
                Output::Incident { situation, .. } => self.tell(*situation),
                Output::Row(_)
                | Output::Fact(_)
                | Output::Forgotten(_)
                | Output::Announce(_)
                | Output::Desire(_)
                | Output::Answer { .. }
                | Output::Wanted(_) => {}
            }
        }
        self.outputs = outputs;
    }

    fn tell(&mut self, situation: Situation) {
        let Situation { incident: report, pauses, .. } = situation;
        let own = self.engine.own_share(&report.id);
        let id_in_order = self.engine.id_in_order(&report.id);
        let moments = self.engine.moments(&report.id);
        let before = self.incidents.get(&report.id);
        let own = own.or(before.map(|told| told.own)).unwrap_or_default();
        let moments = moments.or(before.map(|told| told.moments)).unwrap_or_default();
        let id_in_order = id_in_order.or_else(|| before.and_then(|told| told.id_in_order.clone()));
        self.incidents.insert(report.id.clone(), Told { report, own, moments, pauses, id_in_order });
    }

    fn finish(mut self) -> (Vec<Told>, Accounts, Engine) {
        if let Some(newest) = self.newest {
            self.apply(Input::Tick(newest.millis()));
        }
        for situation in self.engine.situations() {
            self.tell(situation);
        }
        // What another took in, or later facts explained, is no incident of a trail that is over.
        let is_one = |told: &Told| !matches!(told.report.state, State::Merged | State::Eased);
        let told = self.incidents.into_values().filter(is_one);
        let mut incidents: Vec<Told> = if self.as_arrived { in_order(told) } else { told.collect() };
        incidents.sort_by(|one, other| {
            let place = |told: &Told| (told.report.first_event_time.clone(), told.report.id.clone());
            place(one).cmp(&place(other))
        });
        (incidents, self.accounts, self.engine)
    }
}

/// Nobody was told of these incidents yet, so each is named as if its facts had arrived in their order. Of several that
/// turn out to be one, the one that tells most of it stays.
fn in_order(incidents: impl Iterator<Item = Told>) -> Vec<Told> {
    let mut named: BTreeMap<String, Told> = BTreeMap::new();
    for mut told in incidents {
        if let Some(id) = told.id_in_order.take() {
            told.report.id = id;
        }
        let id = told.report.id.clone();
        let resources = told.report.destroyed.resources;
        if named.get(&id).is_none_or(|held| held.report.destroyed.resources < resources) {
            named.insert(id, told);
        }
    }
    named.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trailbrake_detectors::scenario::{self, Options};

    use super::*;
    use crate::cli::replay::input::find;

    /// What sorting says of a file: events that come before all are known, and whether all begins anew.
    fn early(path: &Path, now: Millis) -> (usize, bool) {
        let (portions, portions_out) = sync_channel(1_000);
        let found = find(&[path.display().to_string()]);
        sort(found, now, Catalog::built_in(), true, &portions).expect("readable");
        drop(portions);
        let (mut events, mut is_anew) = (0, false);
        for portion in portions_out {
            match portion {
                Portion::Events(portion) => events += portion.len(),
                Portion::Anew => is_anew = true,
                Portion::Left(_) => return (events, is_anew),
            }
        }
        panic!("nothing was left");
    }

    fn judged(path: &Path, now: Millis) -> (Vec<Report>, Accounts) {
        let (settings, inventory) = (Settings::default(), Inventory::default());
        let manner = Manner { settings, inventory, catalog: None, as_arrived: false };
        let judged = judge(find(&[path.display().to_string()]), now, manner, None).expect("readable");
        (judged.incidents.into_iter().map(|told| told.report).collect(), judged.reading.accounts)
    }

    #[test]
    fn what_is_judged_too_early_is_judged_anew() {
        let start = Second::parse("2026-01-05T09:00:00Z").expect("a time");
        let options = Options { principals: 1_000, duration_seconds: 480, ..Options::new(5, start) };
        let records = scenario::stream("organisation", &options).expect("a scenario");
        let mut lines: Vec<String> = records.map(|record| record.json).collect();
        let now = start.plus(24 * 60 * 60).millis();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, lines: &[String]| {
            let path = directory.path().join(name);
            std::fs::write(&path, lines.join("\n")).expect("writable");
            path
        };
        let in_order = write("in order", &lines);
        lines.rotate_left(1_000);
        let anew = write("anew", &lines);
        let ((first, is_first_anew), (_, is_anew)) = (early(&in_order, now), early(&anew, now));
        assert!(first > 0 && !is_first_anew && is_anew, "{first} {is_first_anew} {is_anew}");
        let expected = judged(&in_order, now);
        assert!(!expected.0.is_empty() && expected.1.unaccounted() == 0, "{:?}", expected.1);
        assert_eq!(judged(&anew, now), expected);
    }
}
