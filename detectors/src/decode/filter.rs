//! The read filter: tells from the bytes of a record, unparsed, that it is surely a read.
//!
//! It is one-sided: it may only say *surely a read*, and says so of records as AWS writes them. Whatever is escaped,
//! doubled, nested, missing or in another order is decoded in full.

use std::sync::LazyLock;

use memchr::memchr3_iter;
use memchr::memmem::Finder;

use crate::catalog::is_surely_a_read;
use crate::limits::RECORD_BYTES_MAX;
use crate::time::Second;

/// How every record begins that AWS writes.
pub(super) const FIRST_KEY: &[u8] = b"{\"eventVersion\"";

static EVENT_KEYS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"event"));
static IDENTITY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"userIdentity\""));
static READ_ONLY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"readOnly\""));

/// The time of a record that is surely a read; nothing if it has to be decoded in full. What is let through besides is
/// no smaller for it: the caller knows that the text is one line or one part between two records.
pub(super) fn surely_read(record: &str) -> Option<Second> {
    let bytes = record.as_bytes();
    if !bytes.starts_with(FIRST_KEY) || !bytes.ends_with(b"}") || bytes.len() > RECORD_BYTES_MAX {
        return None;
    }
    let Keys { time, at: [first, second, third, fourth] } = Keys::of_a_read(record)?;
    let mut keys = [first, second, third, fourth, identity(record)?];
    keys.sort_unstable();
    (says_read_only(record) && is_one_object(bytes, &keys)).then_some(time)
}

/// The keys of a record that begin with `event` and count.
struct Keys {
    time: Second,
    /// Where they stand, in order.
    at: [usize; 4],
}

impl Keys {
    /// Walks all keys that begin with `event`, at any depth: each that counts must be there once, and say what a read
    /// says.
    fn of_a_read(record: &str) -> Option<Self> {
        let (mut time, mut is_named, mut has_id, mut has_source) = (None, false, false, false);
        let (mut places, mut found) = ([0; 4], 0);
        for at in EVENT_KEYS.find_iter(record.as_bytes()) {
            let key = record.get(at + EVENT_KEYS.needle().len()..)?;
            if let Some(rest) = key.strip_prefix("Name\"") {
                if is_named || !is_surely_a_read(text_value(rest)?) {
                    return None;
                }
                is_named = true;
            } else if let Some(rest) = key.strip_prefix("Time\"") {
                if time.is_some() {
                    return None;
                }
                time = Some(Second::parse(text_value(rest)?)?);
            } else if let Some(rest) = key.strip_prefix("Source\"") {
                let source = text_value(rest)?;
                if has_source || source.is_empty() || source.starts_with("aws:") {
                    return None;
                }
                has_source = true;
            } else if let Some(rest) = key.strip_prefix("ID\"") {
                if has_id || text_value(rest)?.is_empty() {
                    return None;
                }
                has_id = true;
            } else {
                if let Some(rest) = key.strip_prefix("Type\"") {
                    text_value(rest)?;
                } else if key.starts_with("Version\"") && at != 1 {
                    return None;
                }
                continue;
            }
            *places.get_mut(found)? = at;
            found += 1;
        }
        time.filter(|_| is_named && has_id && has_source).map(|time| Self { time, at: places })
    }
}

/// The string that follows a key, if it holds no escape.
fn text_value(after_key: &str) -> Option<&str> {
    let text = value(after_key).strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    text.get(..end).filter(|_| text.as_bytes().get(end) == Some(&b'"'))
}

/// What follows a key and its colon.
fn value(after_key: &str) -> &str {
    if let Some(value) = after_key.strip_prefix(':').filter(|value| !value.starts_with([' ', '\t', '\r', '\n'])) {
        return value;
    }
    let blanks: &[char] = &[' ', '\t', '\r', '\n'];
    after_key.trim_start_matches(blanks).strip_prefix(':').unwrap_or_default().trim_start_matches(blanks)
}

/// Where the identity stands, if it is there once and is one.
fn identity(record: &str) -> Option<usize> {
    let mut places = IDENTITY.find_iter(record.as_bytes());
    let at = places.next()?;
    let rest = record.get(at + IDENTITY.needle().len()..)?;
    (value(rest).starts_with('{') && places.next().is_none()).then_some(at)
}

/// Whether every flag, at any depth, says that this was a read. Most records have none.
fn says_read_only(record: &str) -> bool {
    READ_ONLY.find_iter(record.as_bytes()).all(|at| {
        let flag = record.get(at + READ_ONLY.needle().len()..).map(value).unwrap_or_default();
        let rest = flag.strip_prefix("true").or_else(|| flag.strip_prefix("\"true\""));
        rest.is_some_and(|rest| rest.starts_with([',', '}', ' ', '\t', '\r', '\n']))
    })
}

/// Whether the brackets close at the end and nowhere before, so that nothing stands behind the record; its keys stand in
/// it and in nothing within it; and no character is written as `\u`: then a key may be one that it does not look like.
/// Brackets within texts are counted like others, which sends few records the long way.
fn is_one_object(bytes: &[u8], keys: &[usize]) -> bool {
    let (mut depth, mut keys) = (0_usize, keys.iter().peekable());
    for at in memchr3_iter(b'{', b'}', b'\\', bytes) {
        while keys.next_if(|key| **key < at).is_some() {
            if depth != 1 {
                return false;
            }
        }
        match bytes.get(at) {
            Some(b'{') => depth += 1,
            Some(b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1 == bytes.len();
                }
            }
            _ if bytes.get(at + 1) == Some(&b'u') => return false,
            _ => {}
        }
    }
    false
}
