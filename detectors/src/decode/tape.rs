//! Strict JSON read in one pass into a flat list of tokens, which borrow their texts from what was read.

use super::marks::Breaks;
use crate::limits::NESTING_MAX;

/// One token. Where a text stands is a range of bytes; a container says where what follows it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Null,
    Bool(bool),
    /// A number, as it is written.
    Number(Span),
    /// A text without escapes, in what was read.
    Text(Span),
    /// A text whose escapes were undone, in the tape's own text.
    Undone(Span),
    /// A list; its elements follow.
    Array {
        past: u32,
    },
    /// An object; its keys and values follow in turns.
    Object {
        past: u32,
        keys: u32,
    },
}

/// A range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is not JSON.
    NotJson,
    /// It is nested deeper than [`NESTING_MAX`], or longer than a span can tell.
    TooDeep,
}

/// Room for tokens, used again for one text after another.
#[derive(Debug, Default)]
pub(super) struct Tape {
    tokens: Vec<Token>,
    undone: String,
}

/// A text that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'t> {
    pub(super) text: &'t str,
    pub(super) undone: &'t str,
    pub(super) tokens: &'t [Token],
}

impl Tape {
    /// Reads one whole document. What JSON can write and Rust's strings cannot hold, half a surrogate pair, is replaced,
    /// and numbers of any size are taken: a caller must not be able to hide a call by one.
    pub(super) fn read<'t>(&'t mut self, text: &'t str) -> Result<Document<'t>, Unread> {
        self.tokens.clear();
        self.undone.clear();
        if u32::try_from(text.len()).is_err() {
            return Err(Unread::TooDeep);
        }
        let (bytes, breaks) = (text.as_bytes(), Breaks::of(text.as_bytes()));
        let (tokens, undone) = (&mut self.tokens, &mut self.undone);
        let mut reader = Reader { text, bytes, breaks, at: 0, tokens, undone };
        reader.value(NESTING_MAX)?;
        match reader.visible() {
            None => Ok(Document { text, undone: &self.undone, tokens: &self.tokens }),
            Some(_) => Err(Unread::NotJson),
        }
    }
}

struct Reader<'r> {
    text: &'r str,
    bytes: &'r [u8],
    breaks: Breaks<'r>,
    at: usize,
    tokens: &'r mut Vec<Token>,
    undone: &'r mut String,
}

impl Reader<'_> {
    /// The next byte that is no blank; it is not yet taken.
    #[inline]
    fn visible(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// `depth` is how deep it may still be nested.
    fn value(&mut self, depth: usize) -> Result<(), Unread> {
        match self.visible() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth.checked_sub(1).ok_or(Unread::TooDeep)?),
            Some(b'[') => self.array(depth.checked_sub(1).ok_or(Unread::TooDeep)?),
            Some(b't') => self.word(b"true", Token::Bool(true)),
            Some(b'f') => self.word(b"false", Token::Bool(false)),
            Some(b'n') => self.word(b"null", Token::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Unread::NotJson),
        }
    }

    fn word(&mut self, word: &[u8], token: Token) -> Result<(), Unread> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(Unread::NotJson);
        }
        self.at += word.len();
        self.tokens.push(token);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Unread> {
        let own = self.tokens.len();
        self.tokens.push(Token::Null);
        self.at += 1;
        let mut keys = 0;
        if self.visible() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                if self.visible() != Some(b'"') {
                    return Err(Unread::NotJson);
                }
                self.string()?;
                if self.visible() != Some(b':') {
                    return Err(Unread::NotJson);
                }
                self.at += 1;
                self.value(depth)?;
                keys += 1;
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        let past = position(self.tokens.len());
        if let Some(token) = self.tokens.get_mut(own) {
            *token = Token::Object { past, keys };
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Unread> {
        let own = self.tokens.len();
        self.tokens.push(Token::Null);
        self.at += 1;
        if self.visible() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                self.value(depth)?;
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        let past = position(self.tokens.len());
        if let Some(token) = self.tokens.get_mut(own) {
            *token = Token::Array { past };
        }
        Ok(())
    }

    /// Takes a comma or the closing bracket; says whether it was a comma.
    #[inline]
    fn goes_on(&mut self, close: u8) -> Result<bool, Unread> {
        match self.visible() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(Unread::NotJson),
        }
    }

    fn number(&mut self) -> Result<(), Unread> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.tokens.push(Token::Number(Span { start: position(start), end: position(self.at) }));
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Unread> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Unread::NotJson) }
    }

    /// A string, from its first quote on.
    #[inline(always)]
    fn string(&mut self) -> Result<(), Unread> {
        let start = self.at + 1;
        let end = self.breaks.next(start);
        match self.bytes.get(end) {
            Some(b'"') => {
                self.at = end + 1;
                self.tokens.push(Token::Text(Span { start: position(start), end: position(end) }));
                Ok(())
            }
            Some(b'\\') => self.string_with_escapes(start, end),
            _ => Err(Unread::NotJson),
        }
    }

    /// Goes on at the first backslash of a string.
    #[cold]
    fn string_with_escapes(&mut self, start: usize, backslash: usize) -> Result<(), Unread> {
        let own = self.undone.len();
        let (mut plain, mut at) = (start, backslash);
        loop {
            self.undone.push_str(self.text.get(plain..at).ok_or(Unread::NotJson)?);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => plain = self.escape(at + 1)?,
                _ => return Err(Unread::NotJson),
            }
            at = self.breaks.next(plain);
        }
        self.at = at + 1;
        self.tokens.push(Token::Undone(Span { start: position(own), end: position(self.undone.len()) }));
        Ok(())
    }

    /// Undoes one escape, of which the letter is here; says where it ends.
    fn escape(&mut self, letter: usize) -> Result<usize, Unread> {
        let character = match self.bytes.get(letter) {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.escaped_code(letter + 1),
            _ => return Err(Unread::NotJson),
        };
        self.undone.push(character);
        Ok(letter + 1)
    }

    /// Undoes `\uXXXX`, or a pair of them; says where it ends.
    fn escaped_code(&mut self, digits: usize) -> Result<usize, Unread> {
        let first = self.code(digits).ok_or(Unread::NotJson)?;
        let end = digits + 4;
        let second = match (first, self.bytes.get(end..end + 2)) {
            (0xd800..0xdc00, Some(b"\\u")) => self.code(end + 2).filter(|second| (0xdc00..0xe000).contains(second)),
            _ => None,
        };
        match second {
            Some(second) => {
                let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                self.undone.push(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER));
                Ok(end + 6)
            }
            None => {
                self.undone.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                Ok(end)
            }
        }
    }

    /// The number that four hexadecimal digits write.
    fn code(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }
}

/// A place in a text that was found short enough, or in its tokens, of which there are no more than bytes.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
