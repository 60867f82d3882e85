//! What a row of a table of facts says, and how the catalog differs from it.

use std::collections::HashMap;

use super::{Aspect, Difference};
use crate::catalog::{Catalog, Condition, Known, Origin, Path, Rule, Term, unversioned};
use crate::event::Effect;

/// One row of a table of facts.
pub(super) struct Fact<'a> {
    pub(super) cells: HashMap<&'a str, &'a str>,
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

    /// What the catalog knows under any of the sources' names, and the name under which it does; else the first.
    fn known<'c>(&self, catalog: &'c Catalog) -> (&'a str, Known<'c>) {
        let first = self.sources().next().unwrap_or_default();
        let listed = self.sources().find_map(|source| match catalog.lookup(source, self.name()) {
            Known::Listed(rules) => Some((source, Known::Listed(rules))),
            Known::Guessed(_) => None,
        });
        listed.unwrap_or_else(|| (first, catalog.lookup(first, self.name())))
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

pub(super) fn action_differences(catalog: &Catalog, fact: &Fact<'_>) -> Vec<Difference> {
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
    rules.iter().filter_map(|rule| rule.kind.as_ref()).map(|kind| kind.name.to_string()).collect()
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
            rule.effect == Effect::Create
                && rule.kind.as_ref().is_some_and(|kind| kinds.iter().any(|name| *name == kind.name))
        }),
        Known::Guessed(_) => false,
    };
    let differs = !names.any(creates_it);
    differs.then(|| fact.difference(Aspect::Create, all, format!("knows no create of {}", kinds.join(" or "))))
}

pub(super) fn condition_differences(catalog: &Catalog, fact: &Fact<'_>) -> Vec<Difference> {
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
