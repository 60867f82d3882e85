//! What each AWS API action does, and to what.

mod compare;
mod grammar;
mod path;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::event::{Effect, Proof, Scope, Text, WeightClass};

pub use compare::{Aspect, Comparison, Difference, Unreadable, compare};
pub use grammar::{is_surely_a_read, unversioned};
pub use path::{Condition, Origin, Path, Selector, Term, is_off, is_on};
pub use table::{Mistake, Problem};

/// What comes from outside is only looked up here, never inserted: a fast hasher serves.
type Map<V> = HashMap<String, V, foldhash::fast::FixedState>;

/// The tables checked in; what stands in a later one goes over the earlier.
const TABLES: [&str; 4] = [
    include_str!("../../catalog/generated-kinds.txt"),
    include_str!("../../catalog/generated-actions.txt"),
    include_str!("../../catalog/kinds.txt"),
    include_str!("../../catalog/actions.txt"),
];

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse(&TABLES).0);

/// All that is known of actions: the tables, and the verb grammar for the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    kinds: Map<Arc<Kind>>,
    actions: Map<Map<Vec<Rule>>>,
    /// Other names under which services appear as the source of an event.
    services: Map<String>,
}

/// How an identifier that is an ARN names its resource: which part of it stands for the resource by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArnName {
    /// No part: only the whole ARN does.
    #[default]
    Nothing,
    /// What follows the type, up to the next separator: `function:NAME:1`, `stack/NAME/uuid`.
    First,
    /// The last part: `role/path/NAME`.
    Last,
    /// The part before the last: `loadbalancer/app/NAME/50dc6c495c0c9188`.
    SecondLast,
    /// All that follows the type: `log-group:/aws/NAME`.
    Whole,
}

/// A type of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The CloudFormation type, or `service:noun` where there is none.
    pub name: Text,
    /// The weight class.
    pub class: WeightClass,
    /// Where resources of the type live.
    pub scope: Scope,
    /// Which part of an ARN names it.
    pub arn_name: ArnName,
    /// Whether the service ignores the case of its identifiers.
    pub ignores_case: bool,
    /// Whether it watches or guards others: a trail, a flow log, a detector.
    pub is_guard: bool,
}

/// What an action does to one kind of resource, and where in the record that resource is named.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// All of these must hold for the rule to apply.
    pub when: Vec<Condition>,
    /// What the action does.
    pub effect: Effect,
    /// The kind of the resources; nothing for an action without resources of its own.
    pub kind: Option<Arc<Kind>>,
    /// Where the resources are listed, if the action takes or returns several.
    pub each: Vec<Selector>,
    /// Where identifiers are: all of them name the one resource. Identifiers joined from several paths are one.
    pub ids: Vec<Vec<Path>>,
    /// Where the identifiers of what contains it are, outermost first; of each the first that is found counts.
    pub parents: Vec<Vec<Term>>,
    /// Where zones are.
    pub zones: Vec<Path>,
    /// Where subnets are.
    pub subnets: Vec<Path>,
    /// Where the name is that the caller gave.
    pub names: Vec<Path>,
    /// What a create proves.
    pub proof: Proof,
    /// For a destruction: any of these says that a last snapshot is taken.
    pub spared: Vec<Condition>,
    /// For a destruction: any of these says that what would have stopped or undone it was waived.
    pub forced: Vec<Condition>,
    /// Whether the places were guessed from names, and no model requires them.
    pub is_guessed: bool,
}

impl Rule {
    fn new(effect: Effect, kind: Option<Arc<Kind>>) -> Self {
        Self {
            when: Vec::new(),
            effect,
            kind,
            each: Vec::new(),
            ids: Vec::new(),
            parents: Vec::new(),
            zones: Vec::new(),
            subnets: Vec::new(),
            names: Vec::new(),
            proof: Proof::None,
            spared: Vec::new(),
            forced: Vec::new(),
            is_guessed: false,
        }
    }

    /// Whether no condition has to hold.
    fn applies_always(&self) -> bool {
        self.when.is_empty() && self.each.iter().all(|each| each.filters.is_empty())
    }
}

/// What the verb of an action says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// What the action does.
    pub effect: Effect,
    /// What it does it to, in the singular, as the API writes it: `DBCluster`.
    pub noun: String,
    /// The kind of resource, `service:noun`; small, regional.
    pub kind: Kind,
}

/// What is known of one action.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<'a> {
    /// Rules from the table: the first whose conditions hold applies, and if none does the action bears on nothing.
    Listed(&'a [Rule]),
    /// Not in the table: what the verb says.
    Guessed(Guess),
}

impl Catalog {
    /// The catalog that is built in.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads a catalog from tables; what stands in a later one goes over the earlier. A line that cannot be read is
    /// left out and named as a problem.
    pub fn parse(tables: &[&str]) -> (Self, Vec<Problem>) {
        let (mut catalog, mut problems) = (Self::default(), Vec::new());
        catalog.read(tables, &mut problems);
        (catalog, problems)
    }

    /// This catalog with a user's own table over it. An action listed there replaces all rules of that action, and a
    /// kind the kind of that name, also for the actions that are listed here.
    pub fn with(&self, table: &str) -> (Self, Vec<Problem>) {
        let (mut catalog, mut problems) = (self.clone(), Vec::new());
        catalog.read(&[table], &mut problems);
        (catalog, problems)
    }

    fn read(&mut self, tables: &[&str], problems: &mut Vec<Problem>) {
        let layers: Vec<table::Layer<'_>> = tables.iter().map(|text| table::Layer::read(text, problems)).collect();
        let fresh = layers.iter().flat_map(|layer| &layer.kinds);
        self.kinds.extend(fresh.map(|(name, kind)| ((*name).to_owned(), Arc::clone(kind))));
        for kind in self.actions.values_mut().flat_map(Map::values_mut).flatten().filter_map(|rule| rule.kind.as_mut())
        {
            if let Some(current) = self.kinds.get(kind.name.as_str()) {
                *kind = Arc::clone(current);
            }
        }
        for layer in &layers {
            layer.write(&self.kinds, &mut self.actions, problems);
            let aliases = layer.aliases.iter().map(|(alias, service)| ((*alias).to_owned(), (*service).to_owned()));
            self.services.extend(aliases);
        }
    }

    /// What is known of an action. `name` has no API-version suffix.
    pub fn lookup(&self, service: &str, name: &str) -> Known<'_> {
        let listed = |service: &str| {
            let actions = self.actions.get(service)?;
            actions.get(name).or_else(|| actions.get(&capitalised(name)?))
        };
        match listed(service).or_else(|| listed(self.services.get(service)?)) {
            Some(rules) => Known::Listed(rules),
            None => Known::Guessed(grammar::guess(service, name)),
        }
    }

    /// The kind of that name, if a table lists it.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name).map(|kind| &**kind)
    }

    /// How many actions are listed.
    pub fn len(&self) -> usize {
        self.actions.values().map(HashMap::len).sum()
    }

    /// Whether no action is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Some services log the first letter of a name in lower case. Nothing if it is a capital, or no letter.
fn capitalised(name: &str) -> Option<String> {
    let first = name.bytes().next().filter(u8::is_ascii_lowercase)?;
    Some(format!("{}{}", first.to_ascii_uppercase() as char, name.get(1..)?))
}
