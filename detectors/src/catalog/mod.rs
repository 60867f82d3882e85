//! What each AWS API action does, and to what.

mod grammar;
mod path;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::event::{Effect, Proof, Scope, WeightClass};

pub use grammar::{is_surely_a_read, unversioned};
pub use path::{Condition, Origin, Path, Selector, Term};
pub use table::Problem;

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    Catalog::parse(include_str!("../../catalog/kinds.txt"), include_str!("../../catalog/actions.txt")).0
});

/// All that is known of actions: the table checked in, and the verb grammar for the rest.
#[derive(Debug, Default)]
pub struct Catalog {
    actions: HashMap<String, HashMap<String, Vec<Rule>>>,
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
    pub name: String,
    /// The weight class.
    pub class: WeightClass,
    /// Where resources of the type live.
    pub scope: Scope,
    /// Which part of an ARN names it.
    pub arn_name: ArnName,
    /// Whether the service ignores the case of its identifiers.
    pub ignores_case: bool,
}

/// What an action does to one kind of resource, and where in the record that resource is named.
#[derive(Clone, Debug)]
pub struct Rule {
    /// All of these must hold for the rule to apply.
    pub when: Vec<Condition>,
    /// What the action does.
    pub effect: Effect,
    /// The kind of the resources; nothing for an action without resources of its own.
    pub kind: Option<Kind>,
    /// Where the resources are listed, if the action takes or returns several.
    pub each: Vec<Selector>,
    /// Where identifiers are: all of them name the one resource. Identifiers joined from several paths are one.
    pub ids: Vec<Vec<Path>>,
    /// Where the identifier of what contains it is; the first that is found counts.
    pub parent: Vec<Term>,
    /// Where zones are.
    pub zones: Vec<Path>,
    /// Where subnets are.
    pub subnets: Vec<Path>,
    /// Where the name is that the caller gave.
    pub names: Vec<Path>,
    /// What a create proves.
    pub proof: Proof,
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
#[derive(Clone, Debug)]
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

    /// Reads a catalog from the two tables. A line that cannot be read is left out and named as a problem.
    pub fn parse(kinds: &str, actions: &str) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let kinds = table::kinds(kinds, &mut problems);
        (Self { actions: table::actions(actions, &kinds, &mut problems) }, problems)
    }

    /// What is known of an action. `name` has no API-version suffix.
    pub fn lookup(&self, service: &str, name: &str) -> Known<'_> {
        match self.actions.get(service).and_then(|actions| actions.get(&*capitalised(name))) {
            Some(rules) => Known::Listed(rules),
            None => Known::Guessed(grammar::guess(service, name)),
        }
    }
}

/// Some services log the first letter of a name in lower case.
fn capitalised(name: &str) -> Cow<'_, str> {
    match name.chars().next() {
        Some(first) if first.is_ascii_lowercase() => {
            Cow::Owned(format!("{}{}", first.to_ascii_uppercase(), &name[first.len_utf8()..]))
        }
        _ => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_tables_have_no_problems() {
        let (catalog, problems) =
            Catalog::parse(include_str!("../../catalog/kinds.txt"), include_str!("../../catalog/actions.txt"));
        assert_eq!(problems, Vec::new());
        let count: usize = catalog.actions.values().map(HashMap::len).sum();
        assert!(count >= 80, "only {count} actions");
    }

    /// A kind that is destroyed under one name and created under another would never be linked.
    #[test]
    fn what_is_created_can_be_destroyed() {
        let rules = || Catalog::built_in().actions.values().flat_map(HashMap::values).flatten();
        let of = |effect: Effect| {
            let mut kinds: Vec<&str> = rules()
                .filter(|rule| rule.effect == effect)
                .filter_map(|rule| Some(&*rule.kind.as_ref()?.name))
                .collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        let (created, destroyed) = (of(Effect::Create), of(Effect::Destroy));
        let without: Vec<_> = created.iter().filter(|kind| !destroyed.contains(kind)).collect();
        assert_eq!(without, Vec::<&&str>::new(), "created, never destroyed");
        let without: Vec<_> = destroyed.iter().filter(|kind| !created.contains(kind)).copied().collect();
        // A version of a function comes with its publication, an inline policy with a put that widens permissions.
        let expected = [
            "AWS::IAM::GroupPolicy",
            "AWS::IAM::RolePolicy",
            "AWS::IAM::UserPolicy",
            "AWS::Lambda::Version",
            "AWS::S3::BucketPolicy",
            "AWS::SSO::Assignment",
        ];
        assert_eq!(without, expected, "destroyed, never created");
    }

    #[test]
    fn every_effect_on_resources_says_where_they_are_named() {
        for (service, actions) in &Catalog::built_in().actions {
            for (name, rules) in actions {
                for rule in rules {
                    let needs = matches!(rule.effect, Effect::Destroy | Effect::Create | Effect::Disrupt);
                    let named = rule.kind.is_some() && (!rule.ids.is_empty() || !rule.each.is_empty());
                    assert!(!needs || named, "{service}:{name}");
                    assert!(rule.effect == Effect::Create || rule.proof == Proof::None, "{service}:{name} proves");
                }
            }
        }
    }
}
