//! Reads the tables of the catalog: kinds of resources, actions, and other names of services.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use thiserror::Error;

use super::path::{Condition, Path, Selector, Term};
use super::{ArnName, Kind, Rule};
use crate::event::{Effect, Proof, Scope, WeightClass};

/// A line of a table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {mistake}")]
pub struct Problem {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub mistake: Mistake,
}

/// What can be wrong with a line of a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mistake {
    /// Too few columns.
    #[error("too few columns")]
    TooFewColumns,
    /// A word that is none of those allowed at its place.
    #[error("unknown word: {0}")]
    Word(String),
    /// A path that cannot be read.
    #[error("not a path: {0}")]
    Path(String),
    /// A kind that no table lists.
    #[error("unknown kind: {0}")]
    Kind(String),
    /// A kind listed twice.
    #[error("listed twice: {0}")]
    Twice(String),
    /// A rule that can never apply: the one before it applies always.
    #[error("never reached: {0}")]
    NeverReached(String),
}

/// Rules by action, the action by service and name.
pub(super) type Actions = super::Map<super::Map<Vec<Rule>>>;

/// One table, read: its lines in any order. Later tables go over earlier ones.
#[derive(Default)]
pub(super) struct Layer<'a> {
    pub(super) kinds: HashMap<&'a str, Arc<Kind>>,
    pub(super) aliases: Vec<(&'a str, &'a str)>,
    actions: Vec<(usize, &'a str)>,
}

impl<'a> Layer<'a> {
    /// Reads kinds and aliases. Actions are read once the kinds of all tables are known.
    pub(super) fn read(text: &'a str, problems: &mut Vec<Problem>) -> Self {
        let mut layer = Self::default();
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        for (line, content) in lines.filter(|(_, content)| !content.is_empty() && !content.starts_with('#')) {
            if let Err(mistake) = layer.line(line, content) {
                problems.push(Problem { line, mistake });
            }
        }
        layer
    }

    fn line(&mut self, line: usize, content: &'a str) -> Result<(), Mistake> {
        let mut words = content.split_whitespace();
        let (Some(name), Some(second)) = (words.next(), words.next()) else { return Err(Mistake::TooFewColumns) };
        if name == "alias" {
            self.aliases.push((second, words.next().ok_or(Mistake::TooFewColumns)?));
            return Ok(());
        }
        let Some(class) = class(second) else {
            self.actions.push((line, content));
            return Ok(());
        };
        let kind = Arc::new(kind(name, class, words)?);
        match self.kinds.entry(name) {
            Entry::Occupied(_) => return Err(Mistake::Twice(name.to_owned())),
            Entry::Vacant(vacant) => vacant.insert(kind),
        };
        Ok(())
    }

    /// Reads the actions and puts them in the place of those already there.
    pub(super) fn write(&self, kinds: &super::Map<Arc<Kind>>, actions: &mut Actions, problems: &mut Vec<Problem>) {
        let mut fresh: HashMap<(&str, &str), Vec<Rule>> = HashMap::new();
        for (line, content) in &self.actions {
            let (service, names, rule) = match action(content, kinds) {
                Ok(row) => row,
                Err(mistake) => {
                    problems.push(Problem { line: *line, mistake });
                    continue;
                }
            };
            for name in names.split(',') {
                let rules = fresh.entry((service, name)).or_default();
                if rules.last().is_some_and(Rule::applies_always) {
                    let mistake = Mistake::NeverReached(format!("{service}:{name}"));
                    problems.push(Problem { line: *line, mistake });
                    continue;
                }
                rules.push(rule.clone());
            }
        }
        for ((service, name), rules) in fresh {
            actions.entry(service.to_owned()).or_default().insert(name.to_owned(), rules);
        }
    }
}

fn class(word: &str) -> Option<WeightClass> {
    match word {
        "holds-state" => Some(WeightClass::HoldsState),
        "serves-traffic" => Some(WeightClass::ServesTraffic),
        "small" => Some(WeightClass::Small),
        "copy" => Some(WeightClass::Copy),
        "usually-unused" => Some(WeightClass::UsuallyUnused),
        "stack" => Some(WeightClass::Stack),
        _ => None,
    }
}

fn kind<'a>(name: &str, class: WeightClass, mut words: impl Iterator<Item = &'a str>) -> Result<Kind, Mistake> {
    let scope = match words.next().ok_or(Mistake::TooFewColumns)? {
        "zonal" => Scope::Zonal,
        "subnets" => Scope::Subnets,
        "regional" => Scope::Regional,
        "global" => Scope::Global,
        other => return Err(Mistake::Word(other.to_owned())),
    };
    let arn_name = ArnName::Nothing;
    let mut kind = Kind { name: name.into(), class, scope, arn_name, ignores_case: false, is_guard: false };
    for word in words {
        match word {
            "arn=first" => kind.arn_name = ArnName::First,
            "arn=last" => kind.arn_name = ArnName::Last,
            "arn=second-last" => kind.arn_name = ArnName::SecondLast,
            "arn=whole" => kind.arn_name = ArnName::Whole,
            "ignores-case" => kind.ignores_case = true,
            "guard" => kind.is_guard = true,
            other => return Err(Mistake::Word(other.to_owned())),
        }
    }
    Ok(kind)
}

fn action<'a>(content: &'a str, kinds: &super::Map<Arc<Kind>>) -> Result<(&'a str, &'a str, Rule), Mistake> {
    let mut words = content.split_whitespace();
    let (Some(action), Some(effect)) = (words.next(), words.next()) else {
        return Err(Mistake::TooFewColumns);
    };
    let (service, names) = action.split_once(':').ok_or_else(|| Mistake::Word(action.to_owned()))?;
    let kind = match words.next().unwrap_or("-") {
        "-" => None,
        name => Some(kinds.get(name).cloned().ok_or_else(|| Mistake::Kind(name.to_owned()))?),
    };
    let mut rule = Rule::new(self::effect(effect)?, kind);
    for word in words {
        read_word(word, &mut rule)?;
    }
    Ok((service, names, rule))
}

fn effect(word: &str) -> Result<Effect, Mistake> {
    match word {
        "destroy" => Ok(Effect::Destroy),
        "create" => Ok(Effect::Create),
        "disrupt" => Ok(Effect::Disrupt),
        "unguard" => Ok(Effect::Unguard),
        "escalate" => Ok(Effect::Escalate),
        "observe" => Ok(Effect::Observe),
        "other" => Ok(Effect::Other),
        other => Err(Mistake::Word(other.to_owned())),
    }
}

fn read_word(word: &str, rule: &mut Rule) -> Result<(), Mistake> {
    if word == "guessed" {
        rule.is_guessed = true;
        return Ok(());
    }
    let (key, values) = word.split_once('=').ok_or_else(|| Mistake::Word(word.to_owned()))?;
    let terms = |values: &str| values.split(',').map(Term::parse).collect::<Result<Vec<_>, _>>();
    let conditions = || values.split(',').map(Condition::parse).collect::<Result<Vec<_>, _>>();
    let paths = || values.split(',').map(Path::parse).collect::<Result<Vec<_>, _>>();
    match key {
        "when" => rule.when = conditions()?,
        "each" => rule.each = values.split(',').map(Selector::parse).collect::<Result<_, _>>()?,
        "id" => rule.ids = values.split(',').map(Path::parse_joined).collect::<Result<_, _>>()?,
        "parent" => rule.parents = values.split('/').map(terms).collect::<Result<_, _>>()?,
        "zone" => rule.zones = paths()?,
        "subnet" => rule.subnets = paths()?,
        "name" => rule.names = paths()?,
        "spared" => rule.spared = conditions()?,
        "forced" => rule.forced = conditions()?,
        "proof" => rule.proof = proof(values)?,
        other => return Err(Mistake::Word(other.to_owned())),
    }
    Ok(())
}

fn proof(word: &str) -> Result<Proof, Mistake> {
    match word {
        "server-assigned" => Ok(Proof::ServerAssigned),
        "fails-if-exists" => Ok(Proof::FailsIfExists),
        other => Err(Mistake::Word(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalog;

    /// Each line is left out, and the problem names it.
    #[test]
    fn says_what_is_wrong_with_a_line() {
        const KINDS: &str = "A small regional\n# comment\n\nB small zonal arn=last ignores-case guard";
        let cases = [
            ("C", "too few columns"),
            ("C small", "too few columns"),
            ("C tiny regional", "unknown word: C"),
            ("C small nowhere", "unknown word: nowhere"),
            ("C small zonal arn=middle", "unknown word: arn=middle"),
            ("A small zonal", "listed twice: A"),
            ("alias x", "too few columns"),
            ("ec2:X", "too few columns"),
            ("X destroy A", "unknown word: X"),
            ("ec2:X explode A", "unknown word: explode"),
            ("ec2:X destroy Z", "unknown kind: Z"),
            ("ec2:X destroy A id=body.x", "not a path: body.x"),
            ("ec2:X destroy A id=request..x", "not a path: request..x"),
            ("ec2:X destroy A each=request.x[y", "not a path: request.x[y"),
            ("ec2:X destroy A spared=off:x", "not a path: x"),
            ("ec2:X destroy A parent=request.a/b", "not a path: b"),
            ("ec2:X destroy A colour=request.x", "unknown word: colour"),
            ("ec2:X create A proof=oath", "unknown word: oath"),
        ];
        for (line, expected) in cases {
            let (_, problems) = Catalog::parse(&[&format!("{KINDS}\n{line}\nec2:Y destroy A id=request.y")]);
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said, [format!("line 5: {expected}")], "{line}");
        }
        let (_, problems) = Catalog::parse(&[&format!("{KINDS}\nec2:X,Y other\nec2:X destroy B")]);
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), ["line 6: never reached: ec2:X"]);
    }
}
