//! How a record that was read is looked at: of a key given twice, the last counts.

use super::tape::{Document, Token};

/// What CloudTrail writes where a value is secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Spellings of one key in one object that are told apart. AWS writes a key once.
const SPELLINGS_MAX: usize = 16;

static NOTHING: Document<'static> = Document { text: "", undone: "", tokens: &[Token::Null] };

/// What stands where nothing does.
pub(super) const NULL: Node<'static> = Node { document: &NOTHING, at: 0 };

/// A value within a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'t> {
    document: &'t Document<'t>,
    at: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape<'t> {
    Null,
    Bool(bool),
    Number(&'t str),
    Text(&'t str),
    Array(Elements<'t>),
    Object(Object<'t>),
}

impl<'t> Node<'t> {
    /// The whole of a document.
    pub(super) fn of(document: &'t Document<'t>) -> Self {
        Self { document, at: 0 }
    }

    #[inline]
    fn token(self) -> Token {
        self.document.tokens.get(self.at).copied().unwrap_or(Token::Null)
    }

    /// Where what follows the value begins.
    #[inline]
    fn past(self) -> usize {
        match self.token() {
            Token::Array { past } | Token::Object { past, .. } => past as usize,
            _ => self.at + 1,
        }
    }

    /// What it is.
    #[inline]
    pub(super) fn shape(self) -> Shape<'t> {
        let first = Self { at: self.at + 1, ..self };
        match self.token() {
            Token::Null => Shape::Null,
            Token::Bool(truth) => Shape::Bool(truth),
            Token::Number(span) => Shape::Number(span.of(self.document.text)),
            Token::Text(span) => Shape::Text(span.of(self.document.text)),
            Token::Undone(span) => Shape::Text(span.of(self.document.undone)),
            Token::Array { past } => Shape::Array(Elements { next: first, past: past as usize }),
            Token::Object { past, keys } => Shape::Object(Object { first, past: past as usize, keys: keys as usize }),
        }
    }

    /// The text that it is.
    #[inline]
    pub(super) fn as_str(self) -> Option<&'t str> {
        match self.token() {
            Token::Text(span) => Some(span.of(self.document.text)),
            Token::Undone(span) => Some(span.of(self.document.undone)),
            _ => None,
        }
    }

    /// The object that it is.
    pub(super) fn as_object(self) -> Option<Object<'t>> {
        match self.shape() {
            Shape::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether it is an object.
    pub(super) fn is_object(self) -> bool {
        matches!(self.token(), Token::Object { .. })
    }

    /// Whether it is a list.
    pub(super) fn is_array(self) -> bool {
        matches!(self.token(), Token::Array { .. })
    }

    /// Whether it is null.
    pub(super) fn is_null(self) -> bool {
        self.token() == Token::Null
    }

    /// The entries of the object that it is; none if it is no object.
    pub(super) fn entries(self) -> Entries<'t> {
        match self.as_object() {
            Some(object) => object.entries(),
            None => Entries { next: self, past: 0 },
        }
    }

    /// The value of a key.
    pub(super) fn get(self, key: &str) -> Option<Node<'t>> {
        self.entries().filter(|(name, _)| *name == key).last().map(|(_, inner)| inner)
    }

    /// The text at a key; empty if there is none.
    pub(super) fn text_at(self, key: &str) -> &'t str {
        self.get(key).and_then(Node::as_str).unwrap_or_default()
    }

    /// A plain value as text, a number as it is written; nothing if it is empty, hidden, or no plain value.
    #[inline]
    pub(super) fn plain(self) -> Option<&'t str> {
        match self.shape() {
            Shape::Text(text) => (!text.is_empty() && text != HIDDEN).then_some(text),
            Shape::Number(number) => Some(number),
            Shape::Bool(truth) => Some(if truth { "true" } else { "false" }),
            Shape::Null | Shape::Array(_) | Shape::Object(_) => None,
        }
    }
}

/// The elements of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'t> {
    next: Node<'t>,
    past: usize,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Node<'t>;

    #[inline]
    fn next(&mut self) -> Option<Node<'t>> {
        let element = self.next;
        if element.at >= self.past {
            return None;
        }
        self.next.at = element.past();
        Some(element)
    }
}

/// An object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'t> {
    first: Node<'t>,
    past: usize,
    /// How many keys it has, repeats included.
    pub(super) keys: usize,
}

impl<'t> Object<'t> {
    pub(super) fn entries(self) -> Entries<'t> {
        Entries { next: self.first, past: self.past }
    }

    /// Hands over the value of each key that passes.
    pub(super) fn each_named(self, is_name: impl Fn(&str) -> bool, mut take: impl FnMut(Node<'t>)) {
        let mut named = self.entries().filter(|(key, _)| is_name(key));
        let Some(mut first) = named.next() else { return };
        let mut others: Vec<(&str, Node<'t>)> = Vec::new();
        for (key, value) in named {
            if key == first.0 {
                first.1 = value;
            } else if let Some(known) = others.iter_mut().find(|known| known.0 == key) {
                known.1 = value;
            } else if others.len() < SPELLINGS_MAX {
                others.push((key, value));
            }
        }
        take(first.1);
        others.into_iter().for_each(|(_, value)| take(value));
    }
}

/// The entries of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'t> {
    next: Node<'t>,
    past: usize,
}

impl<'t> Iterator for Entries<'t> {
    type Item = (&'t str, Node<'t>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let key = self.next;
        if key.at >= self.past {
            return None;
        }
        let value = Node { at: key.at + 1, ..key };
        self.next.at = value.past();
        Some((key.as_str().unwrap_or_default(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tape::Tape;
    use super::*;

    #[test]
    fn of_a_key_given_twice_the_last_counts() {
        let mut tape = Tape::default();
        let document = tape.read(r#"{"a":1,"A":2,"b":[3,{}],"a":4,"A":5}"#).expect("JSON");
        let value = Node::of(&document);
        assert_eq!(value.get("a").and_then(Node::plain), Some("4"));
        let mut found = Vec::new();
        let is_name = |key: &str| key.eq_ignore_ascii_case("a");
        value.as_object().expect("an object").each_named(is_name, |inner| found.extend(inner.plain()));
        assert_eq!(found, ["4", "5"]);
    }

    #[test]
    fn a_plain_value_is_a_text() {
        let mut tape = Tape::default();
        let text = r#"{"l":["a","","HIDDEN_DUE_TO_SECURITY_REASONS",null,true,-1,1.50,1e999,"\ud800x",[],{}]}"#;
        let document = tape.read(text).expect("JSON");
        let list = Node::of(&document).get("l").expect("the list");
        let Shape::Array(elements) = list.shape() else { panic!("a list") };
        let texts: Vec<&str> = elements.filter_map(Node::plain).collect();
        assert_eq!(texts, ["a", "true", "-1", "1.50", "1e999", "\u{fffd}x"]);
    }
}
