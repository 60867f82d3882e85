//! Compares the catalog with a table of facts about the API that someone else made.

use std::collections::HashMap;
use std::fmt;

use thiserror::Error;

use super::{Catalog, Condition, Known, Origin, Path, Rule, Term, unversioned};
use crate::event::Effect;
use crate::limits::CATALOG_DIFFERENCES_MAX;

/// Differences that are known, and why each is right.
const EXPLAINED: &str = include_str!("../../catalog/differences.txt");

/// How a fact and the catalog differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The action is not listed, and its verb does not say enough.
    Missing,
    /// The action is said to do something else.
    Effect,
    /// The resource is of another type.
    Kind,
    /// The place where the resource is named is not looked at.
    Identifier,
    /// What creates the resource is not known to.
    Create,
    /// A parameter's value does not change what the action does.
    Condition,
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "missing",
            Self::Effect => "effect",
            Self::Kind => "kind",
            Self::Identifier => "identifier",
            Self::Create => "create",
            Self::Condition => "condition",
        })
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The action, `service:Name`.
    pub action: String,
    /// In what they differ.
    pub aspect: Aspect,
    /// What the fact says.
    pub fact: String,
    /// What the catalog says.
    pub catalog: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, aspect, fact, catalog } = self;
        write!(formatter, "{action} {aspect}: the table says {fact}, the catalog {catalog}")
    }
}

/// What a comparison came to. Each row is in one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows without a difference.
    pub agree: usize,
    /// Rows all of whose differences are explained in `differences.txt`.
    pub explained: usize,
    /// Rows with a difference that is not.
    pub unexplained: usize,
    /// The differences that are not explained; the first of them, if there are very many.
    pub differences: Vec<Difference>,
}

/// Why a table of facts cannot be compared with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// It is not CSV.
    #[error("not a table of comma-separated values: {0}")]
    NotCsv(String),
    /// A column is lacking.
    #[error(
        "no column of this name: {0}\nhint: a table of actions has eventSource, eventName, class and id_request_paths, \
             one of conditions eventSource, eventName, class and path"
    )]
    NoColumn(&'static str),
}

/// Compares a catalog with a table of actions, or of parameters that change what actions do.
pub fn compare(catalog: &Catalog, table: &str) -> Result<Comparison, Unreadable> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let not_csv = |error: csv::Error| Unreadable::NotCsv(error.to_string());
    let header = reader.headers().map_err(not_csv)?.clone();
    for column in ["eventSource", "eventName", "class"] {
        if !header.iter().any(|name| name == column) {
            return Err(Unreadable::NoColumn(column));
        }
    }
    let has = |column: &str| header.iter().any(|name| name == column);
    let differ = match (has("id_request_paths"), has("path")) {
        (true, _) => action_differences,
        (_, true) => condition_differences,
        _ => return Err(Unreadable::NoColumn("path")),
    };
    let explanations = explanations();
    let mut comparison = Comparison::default();
    for record in reader.records() {
        let record = record.map_err(not_csv)?;
        let fact = Fact { cells: header.iter().zip(record.iter()).collect() };
        let found = differ(catalog, &fact);
        let is_empty = found.is_empty();
        let open: Vec<Difference> =
            found.into_iter().filter(|difference| !is_explained(&explanations, difference)).collect();
        match (is_empty, open.is_empty()) {
            (true, _) => comparison.agree += 1,
            (_, true) => comparison.explained += 1,
            _ => comparison.unexplained += 1,
        }
        let room = CATALOG_DIFFERENCES_MAX.saturating_sub(comparison.differences.len());
        comparison.differences.extend(open.into_iter().take(room));
    }
    Ok(comparison)
}

/// One row of a table of facts.
struct Fact<'a> {
    cells: HashMap<&'a str, &'a str>,
}

impl<'a> Fact<'a> {
    fn cell(&self, column: &str) -> &'a str {
        self.cells.get(column).copied().unwrap_or_default()
    }

    fn name(&self) -> &'a str {
        unversioned(self.cell("eventName"))
    }

    fn sources(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.cell("eventSource").split(';').map(|source| source.trim().trim_end_matches(".amazonaws.com"))
    }

    /// What the catalog knows under any of the sources' names, and the first of the names.
    fn known<'c>(&self, catalog: &'c Catalog) -> (&'a str, Known<'c>) {
        let first = self.sources().next().unwrap_or_default();
        let listed = self.sources().find_map(|source| match catalog.lookup(source, self.name()) {
            Known::Listed(rules) => Some(Known::Listed(rules)),
            Known::Guessed(_) => None,
        });
        (first, listed.unwrap_or_else(|| catalog.lookup(first, self.name())))
    }

    fn difference(&self, aspect: Aspect, fact: &str, catalog: String) -> Difference {
        let source = self.sources().next().unwrap_or_default();
        Difference { action: format!("{source}:{}", self.name()), aspect, fact: fact.to_owned(), catalog }
    }
}

/// Effects that agree with a class of the table.
fn effects(class: &str, is_protection: bool, is_data: bool) -> Vec<Effect> {
    use Effect::{Create, Destroy, Disrupt, Escalate, Other, Unguard};
    let mut allowed = match class {
        "delete" => vec![Destroy],
        "delete-unpaired" => vec![Destroy, Disrupt],
        "delete-config" => vec![Destroy, Unguard, Other, Escalate],
        "delete-data" | "detach-data" | "cancel-data" => vec![Other, Disrupt],
        "detach" | "disrupt" | "cancel" | "revoke" => vec![Disrupt],
        "untag" => vec![Other],
        "protect-off" => vec![Unguard, Destroy],
        "overwrite" => vec![Other, Disrupt, Create],
        // What an agent does through a tool has a record of its own.
        "agent-marker" => vec![Other],
        "restore" => vec![Create, Other],
        _ => vec![],
    };
    if is_protection {
        allowed.extend([Unguard, Destroy]);
    }
    if is_data {
        allowed.push(Other);
    }
    allowed
}

fn action_differences(catalog: &Catalog, fact: &Fact<'_>) -> Vec<Difference> {
    let class = fact.cell("class");
    let allowed = effects(class, fact.cell("protection") == "y", fact.cell("data_event") == "y");
    let (source, known) = fact.known(catalog);
    let rules = match known {
        Known::Listed(rules) => rules,
        Known::Guessed(guess) if allowed.contains(&guess.effect) => return Vec::new(),
        Known::Guessed(guess) => {
            return vec![fact.difference(Aspect::Missing, class, format!("guesses {:?}", guess.effect))];
        }
    };
    let Some(rule) = rules.iter().find(|rule| allowed.contains(&rule.effect)) else {
        let said: Vec<String> = rules.iter().map(|rule| format!("{:?}", rule.effect)).collect();
        return vec![fact.difference(Aspect::Effect, class, said.join(" or "))];
    };
    if class != "delete" || rule.effect != Effect::Destroy {
        return Vec::new();
    }
    let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.effect == Effect::Destroy).collect();
    [kind(fact, &rules), identifier(fact, &rules), create(catalog, fact, source, &rules)]
        .into_iter()
        .flatten()
        .collect()
}

fn kind_names(rules: &[&Rule]) -> Vec<String> {
    rules.iter().filter_map(|rule| rule.kind.as_ref()).map(|kind| kind.name.clone()).collect()
}

/// Only CloudFormation's types have names that two tables share.
fn kind(fact: &Fact<'_>, rules: &[&Rule]) -> Option<Difference> {
    let names = kind_names(rules);
    let wanted = fact.cell("resource_type");
    let differs = fact.cell("cfn_backed") == "y" && !names.iter().any(|name| name == wanted);
    differs.then(|| fact.difference(Aspect::Kind, wanted, names.join(" or ")))
}

/// The table's first path is the resource's own.
fn identifier(fact: &Fact<'_>, rules: &[&Rule]) -> Option<Difference> {
    let all = fact.cell("id_request_paths");
    let wanted = all.split(';').next().map(str::trim).filter(|path| !path.is_empty())?;
    let paths: Vec<Vec<String>> = rules.iter().flat_map(|rule| request_paths(rule)).collect();
    let is_read = |alternative: &Vec<String>| paths.iter().any(|path| same_path(path, alternative));
    // A table that lists several may take another of them for the resource's own: each has to be read then.
    let others = || all.split(';').map(normal).all(|path| path.iter().any(is_read));
    let differs = !normal(wanted).iter().any(is_read) && !others();
    differs.then(|| {
        let said: Vec<String> = paths.iter().map(|path| path.join(".")).collect();
        fact.difference(Aspect::Identifier, wanted, said.join(" or "))
    })
}

/// Where a rule looks in the request, in lower case.
fn request_paths(rule: &Rule) -> Vec<Vec<String>> {
    let parents = rule.parents.iter().flatten().filter_map(|term| match term {
        Term::Path(path) => Some(path),
        Term::Literal(_) => None,
    });
    let mut found: Vec<Vec<String>> = Vec::new();
    for path in rule.ids.iter().flatten().chain(parents) {
        match path.origin {
            Origin::Request => found.push(path.keys.clone()),
            Origin::Item => found.extend(lists(rule).map(|each| [each.keys.clone(), path.keys.clone()].concat())),
            Origin::Response => {}
        }
    }
    found.extend(lists(rule).map(|each| each.keys.clone()));
    found
}

fn lists(rule: &Rule) -> impl Iterator<Item = &Path> {
    rule.each.iter().map(|each| &each.path).filter(|path| path.origin == Origin::Request)
}

/// A path of the table without lists and wrappers, in lower case; several if its last key has alternatives.
fn normal(path: &str) -> Vec<Vec<String>> {
    let is_wrapper = |key: &str| {
        let is_request = key.ends_with("Request") && key.starts_with(|first: char| first.is_ascii_uppercase());
        is_request || matches!(key, "requestParameters" | "items" | "item" | "content" | "")
    };
    let keys: Vec<&str> =
        path.trim().split('.').map(|key| key.trim_end_matches("[]")).filter(|key| !is_wrapper(key)).collect();
    let mut paths = vec![Vec::new()];
    for key in keys {
        paths = key
            .split('|')
            .flat_map(|one| paths.iter().map(move |path| [path.clone(), vec![one.to_ascii_lowercase()]].concat()))
            .collect();
    }
    paths
}

fn same_path(one: &[String], other: &[String]) -> bool {
    let stem = |key: &String| key.trim_end_matches('s').replace('_', "");
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| stem(one) == stem(other))
}

fn create(catalog: &Catalog, fact: &Fact<'_>, source: &str, rules: &[&Rule]) -> Option<Difference> {
    let all = fact.cell("create_events");
    let mut names = all.split(';').map(str::trim).filter(|name| !name.is_empty()).peekable();
    names.peek()?;
    let kinds = kind_names(rules);
    let creates_it = |name: &str| match catalog.lookup(source, unversioned(name)) {
        Known::Listed(rules) => rules.iter().any(|rule| {
            rule.effect == Effect::Create && rule.kind.as_ref().is_some_and(|kind| kinds.contains(&kind.name))
        }),
        Known::Guessed(_) => false,
    };
    let differs = !names.any(creates_it);
    differs.then(|| fact.difference(Aspect::Create, all, format!("knows no create of {}", kinds.join(" or "))))
}

fn condition_differences(catalog: &Catalog, fact: &Fact<'_>) -> Vec<Difference> {
    let (_, known) = fact.known(catalog);
    let (class, path) = (fact.cell("class"), fact.cell("path"));
    let wanted = normal(path.split([' ', '+']).next().unwrap_or_default());
    let reads = |condition: &Condition| {
        let (Condition::Present(path) | Condition::Equals(path, _) | Condition::Off(path) | Condition::On(path)) =
            condition
        else {
            return false;
        };
        // `disableApiTermination` may be given as itself or in a structure with a `value`.
        wanted
            .iter()
            .any(|keys| path.keys.starts_with(keys) || same_path(&path.keys, keys) || keys.starts_with(&path.keys))
    };
    let is_met = match known {
        Known::Listed(rules) => rules.iter().any(|rule| match class {
            "escalator" => rule.spared.iter().chain(&rule.forced).any(reads),
            "protect-off" => rule.effect == Effect::Unguard && rule.when.iter().any(reads),
            "disrupt" | "disrupt(zonal signal)" => {
                rule.effect == Effect::Disrupt && (rule.when.is_empty() || rule.when.iter().any(reads))
            }
            "delete" => rule.effect == Effect::Destroy,
            "delete-data" | "indirect" | "context" | "overwrite" => true,
            "revoke" => matches!(rule.effect, Effect::Disrupt | Effect::Escalate),
            _ => false,
        }),
        Known::Guessed(_) => matches!(class, "delete-data" | "indirect" | "context" | "overwrite"),
    };
    if is_met {
        Vec::new()
    } else {
        vec![fact.difference(Aspect::Condition, &format!("{class} by {path}"), "no such rule".to_owned())]
    }
}

/// Whether an action is that of a pattern: `service:Name`, `service:Verb*`, `*:Verb*`, `*:*Noun`.
fn matches_pattern(pattern: &str, action: &str) -> bool {
    let (Some((service, name)), Some((actual_service, actual_name))) =
        (pattern.split_once(':'), action.split_once(':'))
    else {
        return false;
    };
    let same_name = match (name.strip_prefix('*'), name.strip_suffix('*')) {
        (Some(tail), _) => actual_name.ends_with(tail),
        (_, Some(stem)) => actual_name.starts_with(stem),
        _ => actual_name == name,
    };
    same_name && (service == "*" || service == actual_service)
}

/// Lines of `service:Name aspect reason`; a name may begin or end in `*`, and the service be `*`.
fn explanations() -> Vec<(&'static str, &'static str)> {
    let lines = EXPLAINED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some((words.next()?, words.next()?))
        })
        .collect()
}

fn is_explained(explanations: &[(&str, &str)], difference: &Difference) -> bool {
    let aspect = difference.aspect.to_string();
    explanations.iter().any(|(action, of)| *of == aspect && matches_pattern(action, &difference.action))
}
