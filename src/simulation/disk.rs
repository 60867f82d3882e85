//! The journal's disk: what is durable, also after a crash, and what a failing one does to a commit.

use std::collections::{BTreeMap, BTreeSet};

use trailbrake_detectors::engine::{Desired, PauseKey};
use trailbrake_detectors::time::Millis;

use super::choices::Choices;
use crate::config::JournalKind;
use crate::journal::{self, Cut, Head, Journal, JournalError, Link, Loaded, Order, OrderEnd, Recall};

/// What happens to the next commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    /// They work.
    #[default]
    None,
    /// They fail, and nothing is written.
    Fails,
    /// They fail, but a crash may find them written.
    Tears,
}

/// The durable image, and beside it all that was ever written.
pub(super) struct Disk {
    held: Box<dyn Journal>,
    pub(super) fault: Fault,
    /// A cut that failed and that a crash may find written, and to where of the log it goes.
    torn: Option<(Cut, usize)>,
    /// To where of the log the next commit goes.
    pub(super) reaches: usize,
    /// To where of the log everything is durable.
    pub(super) durable: usize,
    pub(super) positions: BTreeMap<(String, String), String>,
    pub(super) counts: BTreeMap<(String, String), u64>,
    pub(super) orders: BTreeMap<String, Order>,
    /// The last order for each receiver and page: incidents of one actor share a page.
    pub(super) said_last: BTreeMap<(String, String), String>,
    /// An order that was made although it was durable already.
    pub(super) made_twice: Option<String>,
    pub(super) ended: BTreeMap<String, OrderEnd>,
    pub(super) desired: Vec<Desired>,
    pub(super) artefacts: BTreeSet<(PauseKey, u64)>,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            held: journal::open(&JournalKind::Memory, Millis(0)).expect("memory opens"),
            fault: Fault::None,
            torn: None,
            reaches: 0,
            durable: 0,
            positions: BTreeMap::new(),
            counts: BTreeMap::new(),
            orders: BTreeMap::new(),
            said_last: BTreeMap::new(),
            made_twice: None,
            ended: BTreeMap::new(),
            desired: Vec::new(),
            artefacts: BTreeSet::new(),
        }
    }

    pub(super) fn count(&self, source: &str, column: &str) -> u64 {
        self.counts.get(&(source.to_owned(), column.to_owned())).copied().unwrap_or(0)
    }

    /// What a crash leaves: a torn cut is there as a whole, or not at all; says which.
    pub(super) fn crash(&mut self, choices: &mut Choices) -> bool {
        let torn = self.torn.take().filter(|_| choices.below(2) == 1);
        if let Some((cut, reaches)) = &torn {
            self.write(cut, *reaches);
        }
        torn.is_some()
    }

    fn write(&mut self, cut: &Cut, reaches: usize) -> Head {
        let head = self.held.commit(cut).expect("memory takes everything");
        self.durable = self.durable.max(reaches);
        for (partition, position) in &cut.positions {
            let name = (partition.source.to_string(), partition.name.to_string());
            match position {
                Some(position) => self.positions.insert(name, position.clone()),
                None => self.positions.remove(&name),
            };
        }
        for (source, column, records) in &cut.counts {
            *self.counts.entry((source.clone(), column.clone())).or_default() += records;
        }
        for order in &cut.orders {
            if self.orders.contains_key(&order.id) {
                self.made_twice.get_or_insert_with(|| order.id.clone());
            }
            self.said_last.insert((order.receiver.clone(), order.announcement.page_key.clone()), order.id.clone());
            self.orders.entry(order.id.clone()).or_insert_with(|| order.clone());
        }
        for (id, end, _) in &cut.ended {
            self.ended.entry(id.clone()).or_insert(*end);
        }
        self.desired.extend(cut.desired.iter().cloned());
        self.artefacts.extend(cut.artefacts.iter().map(|artefact| (artefact.key.clone(), artefact.generation)));
        head
    }
}

impl Journal for Disk {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        self.held.load()
    }

    fn commit(&mut self, cut: &Cut) -> Result<Head, JournalError> {
        let failure = || Err(JournalError::Write { reason: "disk full".to_owned() });
        match self.fault {
            Fault::None => {
                self.torn = None;
                Ok(self.write(cut, self.reaches))
            }
            Fault::Fails => failure(),
            Fault::Tears => {
                self.torn = Some((cut.clone(), self.reaches));
                failure()
            }
        }
    }

    fn recall(&self) -> Box<dyn Recall> {
        self.held.recall()
    }

    fn trail(&mut self, take: &mut dyn FnMut(Link) -> bool) -> Result<(), JournalError> {
        self.held.trail(take)
    }
}
