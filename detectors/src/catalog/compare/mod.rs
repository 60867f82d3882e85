//! Compares the catalog with a table of facts about the API that someone else made.

mod facts;

use std::fmt;

use thiserror::Error;

use self::facts::{Fact, action_differences, condition_differences};
use super::Catalog;
use crate::limits::CATALOG_DIFFERENCES_MAX;

/// Differences that are known, and why each is right.
const EXPLAINED: &str = include_str!("../../../catalog/differences.txt");

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

/// The differences of each row.
pub(super) fn differences(catalog: &Catalog, table: &str) -> Result<Vec<Vec<Difference>>, Unreadable> {
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
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(not_csv)?;
        rows.push(differ(catalog, &Fact { cells: header.iter().zip(record.iter()).collect() }));
    }
    Ok(rows)
}

/// Compares a catalog with a table of actions, or of parameters that change what actions do.
pub fn compare(catalog: &Catalog, table: &str) -> Result<Comparison, Unreadable> {
    let explanations = explanations();
    let mut comparison = Comparison::default();
    for found in differences(catalog, table)? {
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
pub(super) fn explanations() -> Vec<(&'static str, &'static str)> {
    let lines = EXPLAINED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some((words.next()?, words.next()?))
        })
        .collect()
}

pub(super) fn is_explained(explanations: &[(&str, &str)], difference: &Difference) -> bool {
    let aspect = difference.aspect.to_string();
    explanations.iter().any(|(action, of)| *of == aspect && matches_pattern(action, &difference.action))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "eventSource,eventName,class,protection,data_event,resource_type,cfn_backed,id_request_paths,create_events";

    #[test]
    fn says_in_what_a_row_differs() {
        let table = "A small regional\nB small regional\nx:DeleteA destroy A id=request.aId parent=request.c\n\
                     x:MakeA create A id=response.aId\nx:StopA disrupt A id=request.aId when=request.count:0\n\
                     x:DeleteList destroy B each=request.list id=.id spared=request.snapshot";
        let (catalog, problems) = Catalog::parse(&[table]);
        assert_eq!(problems, []);
        let cases = [
            ("x.amazonaws.com,DeleteA,delete,,,A,y,requestParameters.aId ; requestParameters.c,MakeA", ""),
            ("y.amazonaws.com;x.amazonaws.com,DeleteA20150331,delete,,,A,y,requestParameters.AIds[],MakeA", ""),
            ("x.amazonaws.com,DeleteA,delete,,,A,y,requestParameters.DeleteARequest.a|aId,", ""),
            ("x.amazonaws.com,DeleteA,delete,,,B,y,requestParameters.aId,MakeA", "kind"),
            ("x.amazonaws.com,DeleteA,delete,,,own:b,,requestParameters.other,MakeA", "identifier"),
            ("x.amazonaws.com,DeleteA,delete,,,A,y,requestParameters.aId,MakeB", "create"),
            ("x.amazonaws.com,DeleteA,cancel,,,A,y,requestParameters.aId,MakeA", "effect"),
            ("x.amazonaws.com,DeleteA,cancel,y,,A,y,requestParameters.aId,MakeA", ""),
            ("x.amazonaws.com,DeleteList,delete,,,B,y,requestParameters.list[].id,", ""),
            ("x.amazonaws.com,WreckA,delete,,,A,y,requestParameters.aId,MakeA", "missing"),
            ("x.amazonaws.com,DeleteOther,delete,,,A,y,requestParameters.aId,MakeA", ""),
        ];
        for (row, expected) in cases {
            let comparison = compare(&catalog, &format!("{HEADER}\n{row}\n")).expect("a table");
            let said: Vec<String> = comparison.differences.iter().map(|one| one.aspect.to_string()).collect();
            assert_eq!(said.join(" "), expected, "{row}");
            assert_eq!((comparison.agree, comparison.unexplained), if expected.is_empty() { (1, 0) } else { (0, 1) });
        }
        let cases = [
            ("x.amazonaws.com,StopA,requestParameters.count,disrupt", ""),
            ("x.amazonaws.com,StopA,requestParameters.size,disrupt", "condition"),
            ("x.amazonaws.com,DeleteList,requestParameters.snapshot,escalator", ""),
            ("x.amazonaws.com,DeleteA,requestParameters.snapshot,escalator", "condition"),
        ];
        for (row, expected) in cases {
            let comparison = compare(&catalog, &format!("eventSource,eventName,path,class\n{row}\n")).expect("a table");
            let said: Vec<String> = comparison.differences.iter().map(|one| one.aspect.to_string()).collect();
            assert_eq!(said.join(" "), expected, "{row}");
        }
    }

    #[test]
    fn what_is_no_table_of_facts_is_said() {
        let cases = [
            ("a,b\n", "no column of this name: eventSource"),
            ("eventSource,eventName,class\n", "no column of this name: path"),
            ("eventSource,eventName,class,path\na,b\n", "not a table of comma-separated values"),
            ("", "no column of this name: eventSource"),
        ];
        for (table, expected) in cases {
            let error = compare(&Catalog::default(), table).map(drop).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.starts_with(expected)), "{table}: {error:?}");
        }
    }

    #[test]
    fn patterns_match_whole_words_of_actions() {
        let cases = [
            ("x:DeleteA", "x:DeleteA", true),
            ("x:DeleteA", "x:DeleteAB", false),
            ("x:Delete*", "x:DeleteA", true),
            ("*:Delete*", "y:DeleteA", true),
            ("*:*Tag", "y:DeleteTag", true),
            ("x:Delete*", "y:DeleteA", false),
            ("x", "x:DeleteA", false),
        ];
        for (pattern, action, expected) in cases {
            assert_eq!(matches_pattern(pattern, action), expected, "{pattern} {action}");
        }
    }
}
