//! What is wrong with a configuration: all of it at once, each with its place and a way out.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or what stands for it.
    pub origin: String,
    /// The line, where one can be named.
    pub line: Option<usize>,
    /// The key's path, `receivers.oncall.pagerduty.endpoint`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty if the message says it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.origin)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(formatter, ": {}", self.path)?;
        }
        write!(formatter, ": {}", self.what)?;
        if !self.hint.is_empty() {
            write!(formatter, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl Problem {
    /// Logs it as a warning.
    pub fn warn(&self) {
        let Self { origin, line, path, what, hint } = self;
        let hint = Some(hint.as_str()).filter(|hint| !hint.is_empty());
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let path = if path.is_empty() { String::new() } else { format!(" {path}:") };
        tracing::warn!(hint, "configuration: {origin}{line}:{path} {what}");
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "configuration cannot be read: {path}: {reason}\nhint: name the file with --config; `trailbrake init` writes one to start from"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file was read, and is wrong.
    #[error("{}", all(.problems))]
    Invalid {
        /// Everything that is wrong with it, in the order of the file.
        problems: Vec<Problem>,
    },
}

/// How alike two words are that may be taken for one another.
const LIKENESS_MIN: f64 = 0.8;

/// Asks whether the known word was meant that is most like the one that is not: the beginning of a hint, or nothing.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let likeness = known.iter().map(|one| (strsim::jaro(word, one), *one));
    let nearest = likeness.max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest.filter(|(likeness, _)| *likeness >= LIKENESS_MIN) {
        Some((_, one)) => format!("did you mean `{one}`? "),
        None => String::new(),
    }
}

fn all(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
