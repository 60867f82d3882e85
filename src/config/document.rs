//! The text of a configuration, read section by section, so that one mistake does not hide the next.

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, did_you_mean};

/// A parsed text, and what was found wrong with it so far.
pub(super) struct Document<'text> {
    origin: String,
    text: &'text str,
    table: DeTable<'text>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Whether the text is no TOML, so that what was read of it is not what was meant.
    is_broken: bool,
}

impl<'text> Document<'text> {
    pub(super) fn parse(text: &'text str, origin: &str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document = Self {
            origin: origin.to_owned(),
            text,
            table: table.into_inner(),
            problems: Vec::new(),
            warnings: Vec::new(),
            is_broken: false,
        };
        for error in errors {
            document.add_syntax_error(&error);
        }
        document
    }

    /// Notes where the text is no TOML. What comes after it on the same line says nothing more.
    fn add_syntax_error(&mut self, error: &toml::de::Error) {
        let line = error.span().map(|span| self.line_at(span.start));
        if self.problems.iter().any(|problem| problem.line == line) {
            return;
        }
        let key = line.and_then(|line| self.text.lines().nth(line - 1)?.split_once('='));
        let key = key.map(|(key, _)| key.trim()).filter(|key| key.chars().all(is_of_key));
        let (what, hint) = match error.message().split_once(", expected ") {
            Some((what, expected)) => (what, format!("expected {expected}")),
            None => (error.message(), String::new()),
        };
        let (path, what) = (key.unwrap_or_default().to_owned(), format!("no valid TOML: {what}"));
        self.problems.push(Problem { origin: self.origin.clone(), line, path, what, hint });
        self.is_broken = true;
    }

    /// Refuses keys of the top level that are none of `known`.
    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        let keys = self.table.keys().map(|key| key.get_ref().clone().into_owned());
        let unknown: Vec<String> = keys.filter(|key| !known.contains(&key.as_str())).collect();
        for key in unknown {
            let hint = format!("{}known are {}", did_you_mean(&key, known), known.join(", "));
            self.problem(&key, format!("unknown key `{key}`"), hint);
        }
    }

    /// Reads one key of the top level; if it is missing or wrong, its default stands in.
    pub(super) fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        let Some(value) = child(&self.table, key).map(|(_, value)| value.clone()) else { return T::default() };
        self.read(key, value).unwrap_or_default()
    }

    /// Reads one key of a table of the top level by itself; if it is missing or wrong, its default stands in.
    pub(super) fn subsection<T: DeserializeOwned + Default>(&mut self, key: &str, below: &str) -> T {
        let table = child(&self.table, key).and_then(|(_, value)| value.get_ref().as_table());
        let Some(value) = table.and_then(|table| child(table, below)).map(|(_, value)| value.clone()) else {
            return T::default();
        };
        self.read(&format!("{key}.{below}"), value).unwrap_or_default()
    }

    /// The keys of a table of the top level, in the order of the text; what is no table has none, and is noted.
    pub(super) fn keys_of(&mut self, key: &str) -> Vec<String> {
        let Some((_, value)) = child(&self.table, key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let found = value.get_ref().type_str();
            self.problem(key, format!("expected a table, found {found}"), format!("write [{key}.NAME]"));
            return Vec::new();
        };
        table.keys().map(|name| name.get_ref().clone().into_owned()).collect()
    }

    /// Reads each entry of a table of the top level by itself, in the order of their names.
    pub(super) fn entries<T: DeserializeOwned>(&mut self, key: &str) -> Vec<(String, T)> {
        self.keys_of(key);
        let entries = child(&self.table, key).and_then(|(_, value)| value.get_ref().as_table());
        let entries: Vec<_> = entries
            .into_iter()
            .flat_map(|entries| entries.iter())
            .map(|(name, value)| (name.get_ref().clone().into_owned(), value.clone()))
            .collect();
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                let entry = self.read(&format!("{key}.{name}"), value)?;
                Some((name, entry))
            })
            .collect()
    }

    /// Whether a key of the top level is missing, or a table without entries.
    pub(super) fn is_absent_or_empty(&self, key: &str) -> bool {
        child(&self.table, key)
            .is_none_or(|(_, value)| value.get_ref().as_table().is_some_and(|table| table.is_empty()))
    }

    fn read<T: DeserializeOwned>(&mut self, path: &str, value: Spanned<DeValue<'text>>) -> Option<T> {
        match T::deserialize(value.into_deserializer()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.add_error(path, &error);
                None
            }
        }
    }

    fn add_error(&mut self, path: &str, error: &toml::de::Error) {
        if self.is_broken {
            return;
        }
        // The crate shows the keys below the section only in its own rendering, on a last line of their own.
        let shown = error.to_string();
        let below = shown.lines().last().and_then(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let path = match below {
            Some(below) => format!("{path}.{below}"),
            None => path.to_owned(),
        };
        let (what, hint) = match error.message().split_once(", expected ") {
            Some((what, expected)) => (what.to_owned(), hint_of(what, expected)),
            None => (error.message().to_owned(), hint_for(error.message()).to_owned()),
        };
        let line = error.span().map(|span| self.line_at(span.start));
        self.problems.push(Problem { origin: self.origin.clone(), line, path, what, hint });
    }

    /// Notes that something is wrong at a key. Of a text that is broken nothing more is said: it may be right.
    pub(super) fn problem(&mut self, path: &str, what: impl Into<String>, hint: impl Into<String>) {
        if self.is_broken {
            return;
        }
        let problem = self.at(path, what.into(), hint.into());
        self.problems.push(problem);
    }

    /// Notes that something is allowed and unwise at a key.
    pub(super) fn warning(&mut self, path: &str, what: impl Into<String>, hint: impl Into<String>) {
        let warning = self.at(path, what.into(), hint.into());
        self.warnings.push(warning);
    }

    /// Notes that something is wrong in another file.
    pub(super) fn problem_elsewhere(&mut self, problem: Problem) {
        if !self.is_broken {
            self.problems.push(problem);
        }
    }

    /// Everything noted, problems first, each in the order of the file.
    pub(super) fn into_notes(mut self) -> (Vec<Problem>, Vec<Problem>) {
        self.problems.sort_by_key(|problem| problem.line);
        self.warnings.sort_by_key(|problem| problem.line);
        (self.problems, self.warnings)
    }

    fn at(&self, path: &str, what: String, hint: String) -> Problem {
        Problem { origin: self.origin.clone(), line: self.line_of(path), path: path.to_owned(), what, hint }
    }

    /// The line of the deepest part of a path that is in the text: `brake.exceptions[1].account`.
    fn line_of(&self, path: &str) -> Option<usize> {
        let mut table = &self.table;
        let mut found = None;
        for part in path.split('.') {
            let (key, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((key, index)) => (key, index.parse::<usize>().ok()),
                None => (part, None),
            };
            let Some((span, mut value)) = child(table, key) else { break };
            found = Some(span);
            if let Some(element) = index.and_then(|index| value.get_ref().as_array()?.get(index)) {
                found = Some(element.span());
                value = element;
            }
            match value.get_ref().as_table() {
                Some(below) => table = below,
                None => break,
            }
        }
        found.map(|span| self.line_at(span.start))
    }

    fn line_at(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
    }
}

/// Whether a character may stand in a key with its dots and quotes.
fn is_of_key(character: char) -> bool {
    character.is_alphanumeric() || "-_.\"'".contains(character)
}

/// A way out by what the crate expected: in words of the text rather than of the program, and with the word that was
/// perhaps meant.
fn hint_of(what: &str, expected: &str) -> String {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<String>>();
    let known = quoted(expected);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = quoted(what).first().map(|word| did_you_mean(word, &known)).unwrap_or_default();
    let is_of_program = ["struct ", "enum "].iter().any(|word| expected.contains(word));
    let expected = if is_of_program { "a table, as in deploy/trailbrake.example.toml" } else { expected };
    format!("{meant}expected {expected}")
}

/// A way out where the crate's message has none.
fn hint_for(message: &str) -> &'static str {
    match message {
        _ if message.starts_with("invalid socket address") => "write an address and a port: 127.0.0.1:8080",
        _ if message.starts_with("wanted exactly 1 element") => "write exactly one kind",
        _ if message.starts_with("secret ") => "it must be there, filled, and readable by the daemon's user",
        _ => "deploy/trailbrake.example.toml shows every key",
    }
}

type Child<'table, 'text> = (std::ops::Range<usize>, &'table Spanned<DeValue<'text>>);

fn child<'table, 'text>(table: &'table DeTable<'text>, key: &str) -> Option<Child<'table, 'text>> {
    let (key, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some((key.span(), value))
}
