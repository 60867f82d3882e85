//! What must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use trailbrake_detectors::engine::{Engine, Settings, Situation};
use trailbrake_detectors::incident::Severity;

use super::disk::Disk;
use super::process::Logged;
use super::receivers::{CHAT, FORGETFUL, PAGER, RECEIVERS};
use super::sources::{CLIENTS, STREAM};
use super::world::{Broken, World};
use crate::journal::{Journal, OrderEnd};
use crate::metrics::Metrics;
use crate::pipeline::{Accounts, Board, EngineStep, JournalStep, is_open};

impl World {
    /// After each commit: the accounts add up, and positions and answers cover what is durable and nothing else.
    pub(super) fn check_disk(&self) -> Result<(), Broken> {
        let disk = self.disk();
        if let Some(id) = &disk.made_twice {
            return Err(format!("order {id} was made again"));
        }
        for source in [STREAM, CLIENTS] {
            let received = disk.count(source, Accounts::RECEIVED);
            let of_source =
                disk.counts.iter().filter(|((name, column), _)| name == source && column != Accounts::RECEIVED);
            let columns: u64 = of_source.map(|(_, records)| *records).sum();
            if received != columns {
                return Err(format!(
                    "the accounts of {source} do not add up: {received} received, {columns} in columns"
                ));
            }
        }
        let covered: u64 = disk.positions.values().map(|position| position.parse::<u64>().unwrap_or(0)).sum();
        if covered != disk.count(STREAM, Accounts::RECEIVED) {
            let received = disk.count(STREAM, Accounts::RECEIVED);
            return Err(format!("positions cover {covered} records, {received} were received"));
        }
        let answered = self.sources.answered();
        if answered > disk.count(CLIENTS, Accounts::RECEIVED) {
            return Err(format!("{answered} records were answered, and fewer are durable"));
        }
        Ok(())
    }

    /// Once all was judged: the journal holds what an engine has that was never disturbed, and the incidents are those
    /// of the trail in order, each record once.
    pub(super) fn check_judgement(&self) -> Result<(), Broken> {
        self.check_undisturbed()?;
        let (in_order, facts) = self.in_order();
        let judged: u64 = [STREAM, CLIENTS].map(|source| self.distinct_facts(source)).into_iter().sum();
        if judged != facts {
            return Err(format!("{judged} facts were judged, the trail holds {facts}"));
        }
        if !self.people.did_nothing() || !self.sources.are_trusted() {
            // What people decided draws lines that the trail alone does not know, and so does trust.
            return Ok(());
        }
        let found = told(self.process.engine.engine().situations());
        let missing = told(in_order).into_iter().find(|incident| !found.contains(incident));
        if let Some(missing) = missing.filter(|_| found.iter().all(|incident| incident.is_exact)) {
            return Err(format!("in order, there is {missing:?}, here {found:?}"));
        }
        Ok(())
    }

    fn distinct_facts(&self, source: &str) -> u64 {
        ["judged", "twin", "conflicting"].map(|column| self.disk().count(source, column)).into_iter().sum()
    }

    fn in_order(&self) -> (Vec<Situation>, u64) {
        let log = [Logged::Batch(self.sources.in_order()), Logged::Tick(self.now)];
        let (step, disk) = undisturbed(&self.settings, &log);
        let facts = ["judged", "twin", "conflicting"].map(|column| disk.count(STREAM, column)).into_iter().sum();
        (step.engine().situations(), facts)
    }

    fn check_undisturbed(&self) -> Result<(), Broken> {
        let (_, mut expected) = undisturbed(&self.settings, &self.log);
        let mut disk = self.disk();
        let (held, wanted) = (disk.load().expect("loads"), expected.load().expect("loads"));
        for (what, is_equal) in [
            ("positions", held.positions == wanted.positions),
            ("counts", held.counts == wanted.counts),
            ("desired states", disk.desired.last() == expected.desired.last()),
        ] {
            if !is_equal {
                return Err(format!("the {what} are not those of an undisturbed run"));
            }
        }
        if let Some((held, wanted)) = held.rows.iter().zip(&wanted.rows).find(|(held, wanted)| held != wanted) {
            return Err(format!("a row is not that of an undisturbed run: {held:?}, expected {wanted:?}"));
        }
        if held.rows.len() != wanted.rows.len() {
            return Err(format!("{} rows are held, an undisturbed run has {}", held.rows.len(), wanted.rows.len()));
        }
        if disk.orders != expected.orders {
            let (held, wanted): (BTreeSet<_>, BTreeSet<_>) =
                (disk.orders.keys().collect(), expected.orders.keys().collect());
            if let Some(id) = held.symmetric_difference(&wanted).next() {
                return Err(format!("the orders are not those of an undisturbed run: {id}"));
            }
            let differing = disk.orders.values().zip(expected.orders.values()).find(|(held, wanted)| held != wanted);
            return Err(format!("an order is not that of an undisturbed run: {differing:?}"));
        }
        Ok(())
    }

    /// At the very end: everybody knows how everything ended, and nothing of ours is left anywhere.
    pub(super) fn check_end(&self) -> Result<(), Broken> {
        self.check_undisturbed()?;
        self.check_disk()?;
        let disk = self.disk();
        let open = self.process.board.incidents(None, None, 100);
        if let Some(open) = open.iter().find(|one| is_open(one.incident.state)) {
            return Err(format!("incident {} is never over: {:?}", open.incident.id, open.incident.state));
        }
        if let Some((order, end)) = disk
            .orders
            .keys()
            .map(|id| (id, disk.ended.get(id)))
            .find(|(_, end)| end.is_none_or(|end| *end == OrderEnd::GivenUp))
        {
            return Err(format!("order {order} ended as {end:?}"));
        }
        for name in RECEIVERS {
            self.check_told(name, &disk)?;
        }
        let given_up = |key, generation| self.act.gave_up.get(key) == Some(&generation);
        let last: BTreeMap<_, _> = disk.desired.iter().map(|desired| (&desired.key, desired)).collect();
        for (key, desired) in last {
            let attached = self.act.attached.get(key).copied();
            if attached != desired.rung && !given_up(key, desired.generation) {
                return Err(format!("{} is {attached:?}, {:?} is wanted", key.entity, desired.rung));
            }
        }
        Ok(())
    }

    /// Whether a message that told of several told of a page or of one of its incidents.
    fn was_told_together(&self, page_key: &str, name: &str, disk: &Disk) -> bool {
        let Some(receiver) = self.receivers.get(name) else { return false };
        let mut orders = disk.orders.values().filter(|order| order.announcement.page_key == page_key);
        receiver.together.contains(page_key)
            || orders.any(|order| receiver.together.contains(&order.announcement.situation.incident.id))
    }

    /// A receiver heard of each page, at last what was said last, and nothing twice without a cause.
    fn check_told(&self, name: &str, disk: &Disk) -> Result<(), Broken> {
        let Some(receiver) = self.receivers.get(name) else { return Ok(()) };
        for ((_, page_key), said) in disk.said_last.iter().filter(|((receiver, _), _)| receiver == name) {
            let heard = receiver.last.get(page_key);
            let is_told = match name {
                CHAT => heard.is_some() || self.was_told_together(page_key, name, disk),
                _ => heard == Some(said),
            };
            if !is_told {
                return Err(format!("{name} heard {heard:?} of {page_key} last, {said} was said last"));
            }
        }
        if name == FORGETFUL {
            return Ok(());
        }
        for (id, times) in &receiver.taken {
            let causes = receiver.unclear.get(id).copied().unwrap_or(0) + self.happened.crashes;
            if *times > 1 + causes {
                return Err(format!("{name} was told of {id} {times} times, for {causes} causes"));
            }
        }
        let pages = receiver
            .last
            .keys()
            .filter(|key| name == PAGER && !disk.orders.values().any(|order| order.announcement.page_key == **key));
        pages.map(|key| Err(format!("{name} was told of {key}, which nobody decided"))).next().unwrap_or(Ok(()))
    }
}

/// What a run without any trouble makes of what was judged.
fn undisturbed(settings: &Settings, log: &[Logged]) -> (EngineStep, Disk) {
    let receivers = RECEIVERS.map(str::to_owned).to_vec();
    let engine = Engine::new(settings.clone());
    let mut step = EngineStep::new(engine, receivers, Arc::new(Board::default()), Arc::new(Metrics::new()));
    let (mut disk, mut journal, now) = (Disk::new(), JournalStep::default(), Instant::now());
    for logged in log {
        journal.push(step.step(logged.to_work()), now);
        let _ = journal.commit(&mut disk, now);
    }
    (step, disk)
}

/// What holds of an incident whatever it is called: its name is fixed when it is told first, by what was known then.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    severity: Severity,
    resources: u64,
    detectors: Vec<String>,
    is_exact: bool,
}

/// What holds of each incident that pages.
fn told(situations: Vec<Situation>) -> Vec<Told> {
    let incidents = situations.into_iter().map(|one| one.incident);
    let told = incidents.filter(|incident| incident.severity >= Severity::High).map(|one| Told {
        severity: one.severity,
        resources: one.destroyed.resources,
        detectors: one.detectors,
        is_exact: one.exact,
    });
    told.collect()
}
