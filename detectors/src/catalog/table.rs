//! Reads the two tables of the catalog: kinds of resources, and actions.

use std::collections::HashMap;

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
    /// A kind that the table of kinds lacks.
    #[error("unknown kind: {0}")]
    Kind(String),
    /// A kind listed twice.
    #[error("listed twice: {0}")]
    Twice(String),
    /// A rule that can never apply: the one before it applies always.
    #[error("never reached: {0}")]
    NeverReached(String),
}

/// Lines that are neither empty nor comments, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

pub(super) fn kinds(text: &str, problems: &mut Vec<Problem>) -> HashMap<String, Kind> {
    let mut kinds = HashMap::new();
    for (line, content) in lines(text) {
        let kind = kind(content).and_then(|kind| match kinds.contains_key(&kind.name) {
            true => Err(Mistake::Twice(kind.name)),
            false => Ok(kind),
        });
        match kind {
            Ok(kind) => drop(kinds.insert(kind.name.clone(), kind)),
            Err(mistake) => problems.push(Problem { line, mistake }),
        }
    }
    kinds
}

fn kind(content: &str) -> Result<Kind, Mistake> {
    let mut words = content.split_whitespace();
    let (Some(name), Some(class), Some(scope)) = (words.next(), words.next(), words.next()) else {
        return Err(Mistake::TooFewColumns);
    };
    let class = match class {
        "holds-state" => WeightClass::HoldsState,
        "serves-traffic" => WeightClass::ServesTraffic,
        "small" => WeightClass::Small,
        "usually-unused" => WeightClass::UsuallyUnused,
        "stack" => WeightClass::Stack,
        other => return Err(Mistake::Word(other.to_owned())),
    };
    let scope = match scope {
        "zonal" => Scope::Zonal,
        "subnets" => Scope::Subnets,
        "regional" => Scope::Regional,
        "global" => Scope::Global,
        other => return Err(Mistake::Word(other.to_owned())),
    };
    let mut kind = Kind { name: name.to_owned(), class, scope, arn_name: ArnName::Nothing, ignores_case: false };
    for word in words {
        match word {
            "arn=first" => kind.arn_name = ArnName::First,
            "arn=last" => kind.arn_name = ArnName::Last,
            "arn=second-last" => kind.arn_name = ArnName::SecondLast,
            "arn=whole" => kind.arn_name = ArnName::Whole,
            "ignores-case" => kind.ignores_case = true,
            other => return Err(Mistake::Word(other.to_owned())),
        }
    }
    Ok(kind)
}

pub(super) fn actions(
    text: &str,
    kinds: &HashMap<String, Kind>,
    problems: &mut Vec<Problem>,
) -> HashMap<String, HashMap<String, Vec<Rule>>> {
    let mut actions: HashMap<String, HashMap<String, Vec<Rule>>> = HashMap::new();
    for (line, content) in lines(text) {
        let (service, name, rule) = match action(content, kinds) {
            Ok(row) => row,
            Err(mistake) => {
                problems.push(Problem { line, mistake });
                continue;
            }
        };
        let rules = actions.entry(service.to_owned()).or_default().entry(name.to_owned()).or_default();
        let applies_always = |rule: &Rule| rule.when.is_empty() && rule.each.iter().all(|each| each.filter.is_none());
        if rules.last().is_some_and(applies_always) {
            problems.push(Problem { line, mistake: Mistake::NeverReached(format!("{service}:{name}")) });
        }
        rules.push(rule);
    }
    actions
}

fn action<'a>(content: &'a str, kinds: &HashMap<String, Kind>) -> Result<(&'a str, &'a str, Rule), Mistake> {
    let mut words = content.split_whitespace();
    let (Some(action), Some(effect)) = (words.next(), words.next()) else {
        return Err(Mistake::TooFewColumns);
    };
    let (service, name) = action.split_once(':').ok_or_else(|| Mistake::Word(action.to_owned()))?;
    let kind = match words.next().unwrap_or("-") {
        "-" => None,
        name => Some(kinds.get(name).cloned().ok_or_else(|| Mistake::Kind(name.to_owned()))?),
    };
    let mut rule = Rule {
        when: Vec::new(),
        effect: self::effect(effect)?,
        kind,
        each: Vec::new(),
        ids: Vec::new(),
        parent: Vec::new(),
        zones: Vec::new(),
        subnets: Vec::new(),
        names: Vec::new(),
        proof: Proof::None,
    };
    for word in words {
        read_word(word, &mut rule)?;
    }
    Ok((service, name, rule))
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
    let (key, values) = word.split_once('=').ok_or_else(|| Mistake::Word(word.to_owned()))?;
    let values = || values.split(',');
    match key {
        "when" => rule.when = values().map(Condition::parse).collect::<Result<_, _>>()?,
        "each" => rule.each = values().map(Selector::parse).collect::<Result<_, _>>()?,
        "id" => rule.ids = values().map(Path::parse_joined).collect::<Result<_, _>>()?,
        "parent" => rule.parent = values().map(Term::parse).collect::<Result<_, _>>()?,
        "zone" => rule.zones = values().map(Path::parse).collect::<Result<_, _>>()?,
        "subnet" => rule.subnets = values().map(Path::parse).collect::<Result<_, _>>()?,
        "name" => rule.names = values().map(Path::parse).collect::<Result<_, _>>()?,
        "proof" => rule.proof = proof(values().next().unwrap_or_default())?,
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
        const KINDS: &str = "A small regional\n# comment\n\nB small zonal arn=last ignores-case\n";
        let cases = [
            ("C small", "", "line 1: too few columns"),
            ("C tiny regional", "", "line 1: unknown word: tiny"),
            ("C small nowhere", "", "line 1: unknown word: nowhere"),
            ("C small zonal arn=middle", "", "line 1: unknown word: arn=middle"),
            ("C small zonal\nC small zonal", "", "line 2: listed twice: C"),
            (KINDS, "ec2:X", "line 1: too few columns"),
            (KINDS, "X destroy A", "line 1: unknown word: X"),
            (KINDS, "ec2:X explode A", "line 1: unknown word: explode"),
            (KINDS, "ec2:X destroy Z", "line 1: unknown kind: Z"),
            (KINDS, "ec2:X destroy A id=body.x", "line 1: not a path: body.x"),
            (KINDS, "ec2:X destroy A id=request..x", "line 1: not a path: request..x"),
            (KINDS, "ec2:X destroy A each=request.x[y", "line 1: not a path: request.x[y"),
            (KINDS, "ec2:X destroy A colour=request.x", "line 1: unknown word: colour"),
            (KINDS, "ec2:X create A proof=oath", "line 1: unknown word: oath"),
            (KINDS, "ec2:X other\nec2:X destroy B", "line 2: never reached: ec2:X"),
        ];
        for (kinds, actions, expected) in cases {
            let (_, problems) = Catalog::parse(kinds, actions);
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said, [expected], "{kinds} {actions}");
        }
    }
}
