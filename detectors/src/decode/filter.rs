//! The read filter: tells from the bytes of a record, without reading them into anything, that it is surely a read.
//!
//! It is one-sided: it may only say *surely a read*, and says so of records as AWS writes them. Whatever is escaped,
//! doubled, nested or missing is decoded in full.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::marks::{BLOCK, brackets, has_backslash, padded, quotes, spans};
use crate::catalog::is_surely_a_read;
use crate::limits::{NESTING_MAX, RECORD_BYTES_MAX};
use crate::time::Second;

/// How every record begins that AWS writes.
pub(super) const FIRST_KEY: &[u8] = b"{\"eventVersion\"";

static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"eventName\""));

/// Quotes of own keys and texts that are looked at; AWS writes about eighty.
const QUOTES_MAX: usize = 256;

/// The time of a record that is surely a read; nothing if it has to be decoded in full. What is let through besides is
/// no smaller for it: the caller knows that the text is one line or one part between two records.
pub(super) fn surely_read(record: &str) -> Option<Second> {
    let bytes = record.as_bytes();
    if !bytes.starts_with(FIRST_KEY) || bytes.len() > RECORD_BYTES_MAX {
        return None;
    }
    // What is no read is told by its name, before all of it is looked at.
    let name_end = NAME.find(bytes)? + NAME.needle().len();
    if !is_surely_a_read(text_value(record.get(name_end..)?)?) {
        return None;
    }
    let mut outline = Outline { bytes, name_end, own: [0; QUOTES_MAX], count: 0, has_escapes: false };
    outline.draw()?;
    outline.time_of_a_read(record)
}

/// Where a record's own keys and texts stand, as far as its quotes say.
struct Outline<'r> {
    bytes: &'r [u8],
    /// Where the action's name ends its key.
    name_end: usize,
    own: [u32; QUOTES_MAX],
    count: usize,
    has_escapes: bool,
}

/// How far it is drawn.
#[derive(Default)]
struct Place {
    /// Where the next block begins.
    begin: usize,
    /// How many brackets are open.
    depth: usize,
    /// All bits if a text is open, else none.
    inside: u64,
    /// Whether the next byte is escaped.
    is_escaped: bool,
    /// The quotes of the block before.
    earlier: u64,
}

impl Outline<'_> {
    /// Notes all quotes that belong to the record itself and to nothing within it. Nothing if its brackets do not close
    /// at the end, if a character is written as `\u`, which may be any, or if anything at any depth says, or seems to
    /// say, what no read says.
    fn draw(&mut self) -> Option<()> {
        let (blocks, rest) = self.bytes.as_chunks();
        let mut place = Place::default();
        for block in blocks {
            self.block(block, &mut place)?;
        }
        if !rest.is_empty() {
            self.block(&padded(rest), &mut place)?;
        }
        (place.depth == 0).then_some(())
    }

    #[inline(always)]
    fn block(&mut self, block: &[u8; BLOCK], place: &mut Place) -> Option<()> {
        let mut quotes = quotes(block);
        if has_backslash(block) || place.is_escaped {
            self.has_escapes = true;
            place.is_escaped = without_escaped(block, place.is_escaped, &mut quotes)?;
        }
        let texts = spans(quotes) ^ place.inside;
        place.inside = if texts >> (BLOCK - 1) == 1 { u64::MAX } else { 0 };
        let (mut left, mut own) = (brackets(block) & !texts, if place.depth == 1 { u64::MAX } else { 0 });
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            // Both opening brackets have this bit, and no closing one.
            let is_closing = block.get(at)? & 2 == 0;
            place.depth = if is_closing { place.depth.checked_sub(1)? } else { place.depth + 1 };
            let rest = u64::MAX << at;
            own = if place.depth == 1 { own | rest } else { own & !rest };
            if place.depth > NESTING_MAX || place.depth == 0 && place.begin + at + 1 != self.bytes.len() {
                return None;
            }
        }
        self.note(place.begin, quotes & own)?;
        self.check_words(place.begin, quotes, place.earlier)?;
        (place.begin, place.earlier) = (place.begin + BLOCK, quotes);
        Some(())
    }

    #[inline]
    fn note(&mut self, begin: usize, mut own: u64) -> Option<()> {
        while own != 0 {
            *self.own.get_mut(self.count)? = (begin + own.trailing_zeros() as usize) as u32;
            self.count += 1;
            own &= own - 1;
        }
        Some(())
    }

    /// Looks at all texts as long as a key that counts at any depth, of which the last quote is in this block.
    #[inline]
    fn check_words(&self, begin: usize, quotes: u64, earlier: u64) -> Option<()> {
        const FLAG: &[u8] = b"\"readOnly";
        const NAME: &[u8] = b"\"eventName";
        const VERSION: &[u8] = b"\"eventVersion";
        let before = |length: usize| quotes << length | earlier >> (BLOCK - length);
        let mut ends = quotes & (before(FLAG.len()) | before(NAME.len()) | before(VERSION.len()));
        while ends != 0 {
            let end = begin + ends.trailing_zeros() as usize;
            ends &= ends - 1;
            let (text, rest) = self.bytes.split_at_checked(end)?;
            let is_right = match text.last_chunk()? {
                b"Only" => !text.ends_with(FLAG) || is_truth(rest.get(1..)?),
                b"Name" => !text.ends_with(NAME) || end + 1 == self.name_end,
                b"sion" => !text.ends_with(VERSION) || end + 1 == FIRST_KEY.len(),
                _ => true,
            };
            is_right.then_some(())?;
        }
        Some(())
    }

    /// Goes through the record's own fields: each that counts must be there once, and say what a read says.
    fn time_of_a_read(&self, record: &str) -> Option<Second> {
        let (mut time, mut is_named, mut has_id, mut has_source, mut has_identity) = (None, false, false, false, false);
        let mut texts = self.own.get(..self.count)?.as_chunks().0.iter().map(|[start, end]| (*start, *end));
        while let Some((start, end)) = texts.next() {
            let (start, end) = (start as usize + 1, end as usize);
            let key = self.plain(record.get(start..end)?)?;
            let value = value(record.get(end + 1..)?);
            let text = match value.starts_with('"') {
                true => texts.next().and_then(|(start, end)| record.get(start as usize + 1..end as usize)),
                false => None,
            };
            match key {
                "eventName" => first(&mut is_named)?,
                "eventTime" => {
                    let earlier = time.replace(Second::parse(self.plain(text?)?)?);
                    earlier.is_none().then_some(())?;
                }
                "eventSource" => {
                    let source = self.plain(text?)?;
                    (!source.is_empty() && !source.starts_with("aws:")).then(|| first(&mut has_source))??;
                }
                "eventID" => (!self.plain(text?)?.is_empty()).then(|| first(&mut has_id))??,
                "userIdentity" => value.starts_with('{').then(|| first(&mut has_identity))??,
                "eventType" => drop(text?),
                _ => {}
            }
        }
        time.filter(|_| is_named && has_id && has_source && has_identity)
    }

    /// A text without escapes: with one it may be another than it looks like.
    #[inline]
    fn plain<'r>(&self, text: &'r str) -> Option<&'r str> {
        (!self.has_escapes || !text.contains('\\')).then_some(text)
    }
}

/// Takes away the quotes that are escaped; says whether the next block begins with an escaped character.
#[cold]
fn without_escaped(block: &[u8; BLOCK], mut is_escaped: bool, quotes: &mut u64) -> Option<bool> {
    for (at, byte) in block.iter().enumerate() {
        if is_escaped {
            (*byte != b'u').then_some(())?;
            *quotes &= !(1 << at);
        }
        is_escaped = !is_escaped && *byte == b'\\';
    }
    Some(is_escaped)
}

/// Notes what may be said once.
fn first(is_said: &mut bool) -> Option<()> {
    (!std::mem::replace(is_said, true)).then_some(())
}

/// The string that follows a key, if it holds no escape.
fn text_value(after_key: &str) -> Option<&str> {
    let text = value(after_key).strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    text.get(..end).filter(|_| text.as_bytes().get(end) == Some(&b'"'))
}

/// What follows a key and its colon.
#[inline]
fn value(after_key: &str) -> &str {
    if let [b':', 0x21..=0x7e, ..] = after_key.as_bytes() {
        return after_key.get(1..).unwrap_or_default();
    }
    spaced_value(after_key)
}

#[cold]
fn spaced_value(after_key: &str) -> &str {
    let blanks: &[char] = &[' ', '\t', '\r', '\n'];
    after_key.trim_start_matches(blanks).strip_prefix(':').unwrap_or_default().trim_start_matches(blanks)
}

/// Whether what follows a key is a flag that says yes.
fn is_truth(after_key: &[u8]) -> bool {
    let blanks = |bytes: &[u8]| bytes.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
    let rest = after_key.get(blanks(after_key)..).and_then(|rest| rest.strip_prefix(b":")).unwrap_or_default();
    let flag = rest.get(blanks(rest)..).unwrap_or_default();
    let rest = flag.strip_prefix(b"true").or_else(|| flag.strip_prefix(b"\"true\""));
    rest.and_then(<[u8]>::first).is_some_and(|byte| b",} \t\r\n".contains(byte))
}
