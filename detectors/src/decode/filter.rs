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
    let time = keys_of_a_read(record)?;
    (has_an_identity(record) && says_read_only(record) && is_one_object(bytes)).then_some(time)
}

/// Walks all keys that begin with `event`, at any depth: each that counts must be there once, and say what a read says.
fn keys_of_a_read(record: &str) -> Option<Second> {
    let (mut time, mut is_named, mut has_id, mut has_source) = (None, false, false, false);
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
        } else if let Some(rest) = key.strip_prefix("Type\"") {
            text_value(rest)?;
        } else if key.starts_with("Version\"") && at != 1 {
            return None;
        }
    }
    time.filter(|_| is_named && has_id && has_source)
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

fn has_an_identity(record: &str) -> bool {
    let at = IDENTITY.find(record.as_bytes());
    at.and_then(|at| record.get(at + IDENTITY.needle().len()..)).is_some_and(|rest| value(rest).starts_with('{'))
}

/// Whether every flag, at any depth, says that this was a read. Most records have none.
fn says_read_only(record: &str) -> bool {
    READ_ONLY.find_iter(record.as_bytes()).all(|at| {
        let flag = record.get(at + READ_ONLY.needle().len()..).map(value).unwrap_or_default();
        let rest = flag.strip_prefix("true").or_else(|| flag.strip_prefix("\"true\""));
        rest.is_some_and(|rest| rest.starts_with([',', '}', ' ', '\t', '\r', '\n']))
    })
}

/// Whether the brackets close at the end and nowhere before, so that nothing stands behind the record, and no character
/// is written as `\u`: then a key may be one that it does not look like. Brackets within texts are counted like others,
/// which sends few records the long way.
fn is_one_object(bytes: &[u8]) -> bool {
    let mut depth = 0_usize;
    for at in memchr3_iter(b'{', b'}', b'\\', bytes) {
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
