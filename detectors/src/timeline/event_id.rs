//! Event ids as small values: a trail's are UUIDs, which fit in 16 bytes.

use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Bytes that are held of an id.
const HELD_BYTES: usize = 16;
/// The length of a UUID as text, with its dashes.
const UUID_BYTES: usize = 36;
/// Where its dashes are.
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
/// What the text of a digest begins with.
const DIGEST_PREFIX: &str = "sha256:";

/// An event id. Ids are in the order of their texts, as long as all are UUIDs or all have at most 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// The bytes as two numbers, the first byte the highest: numbers are quicker to compare.
    high: u64,
    low: u64,
    form: Form,
}

/// How an id is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// A text of so many bytes, as it is.
    Text(u8),
    /// A UUID in the one way that CloudTrail writes it: lower case, with dashes.
    Uuid,
    /// The first bytes of the SHA-256 of any other text.
    Digest,
}

impl EventId {
    /// No id: it is before all others.
    pub const NOTHING: Self = Self { high: 0, low: 0, form: Form::Text(0) };

    fn held(bytes: [u8; HELD_BYTES], form: Form) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self { high: (number >> u64::BITS) as u64, low: number as u64, form }
    }

    fn bytes(&self) -> [u8; HELD_BYTES] {
        (u128::from(self.high) << u64::BITS | u128::from(self.low)).to_be_bytes()
    }

    /// An event's id.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; HELD_BYTES];
        if let Some(uuid) = uuid(text.as_bytes()) {
            return Self::held(uuid, Form::Uuid);
        }
        if let Some(start) = bytes.get_mut(..text.len()) {
            start.copy_from_slice(text.as_bytes());
            return Self::held(bytes, Form::Text(text.len() as u8));
        }
        bytes.copy_from_slice(&Sha256::digest(text.as_bytes())[..HELD_BYTES]);
        Self::held(bytes, Form::Digest)
    }

    /// The same id from its text, as [`fmt::Display`] writes it.
    fn from_shown(shown: &str) -> Option<Self> {
        let Some(digest) = shown.strip_prefix(DIGEST_PREFIX) else {
            return Some(Self::of(shown)).filter(|id| id.form != Form::Digest);
        };
        let mut bytes = [0; HELD_BYTES];
        if digest.len() != 2 * HELD_BYTES {
            return Some(Self::of(shown)).filter(|id| id.form != Form::Digest);
        }
        read_hexadecimal(digest.as_bytes(), &mut bytes)?;
        Some(Self::held(bytes, Form::Digest))
    }
}

impl Hash for EventId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.high) << u64::BITS | u128::from(self.low));
    }
}

impl fmt::Display for EventId {
    /// The id itself; of a long one that is no UUID, its digest.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes();
        match self.form {
            Form::Text(length) => {
                let text = bytes.get(..usize::from(length)).unwrap_or_default();
                to.write_str(std::str::from_utf8(text).unwrap_or_default())
            }
            Form::Uuid => {
                for (index, byte) in bytes.iter().enumerate() {
                    if matches!(index, 4 | 6 | 8 | 10) {
                        to.write_char('-')?;
                    }
                    write!(to, "{byte:02x}")?;
                }
                Ok(())
            }
            Form::Digest => {
                to.write_str(DIGEST_PREFIX)?;
                bytes.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shown = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_shown(&shown).ok_or_else(|| D::Error::custom("no event id"))
    }
}

/// The bytes of a UUID in lower case.
fn uuid(text: &[u8]) -> Option<[u8; HELD_BYTES]> {
    if text.len() != UUID_BYTES || UUID_DASHES.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    // Where each byte's two digits are.
    const PAIRS: [usize; HELD_BYTES] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let text: &[u8; UUID_BYTES] = text.try_into().ok()?;
    let mut wrong = 0;
    let bytes = PAIRS.map(|at| {
        let (high, low) = (DIGITS[usize::from(text[at])], DIGITS[usize::from(text[at + 1])]);
        wrong |= high | low;
        high << 4 | (low & 0xf)
    });
    (wrong < NO_DIGIT).then_some(bytes)
}

/// What no digit counts, so that one look tells whether one of many is none.
const NO_DIGIT: u8 = 0x10;
/// What each byte counts as a digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut number = 0;
    while number < 16 {
        digits[b"0123456789abcdef"[number] as usize] = number as u8;
        number += 1;
    }
    digits
};

/// Reads two digits a byte.
fn read_hexadecimal(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    for (pair, byte) in text.chunks_exact(2).zip(bytes) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?;
    }
    Some(())
}

fn digit(byte: u8) -> Option<u8> {
    Some(DIGITS[usize::from(byte)]).filter(|digit| *digit < NO_DIGIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_text_or_stand_for_it() {
        for text in ["", "e1", "exactly-16-bytes", "größe", "0f3c8a52-1111-4222-8333-0123456789ab"] {
            let id = EventId::of(text);
            assert_eq!(id.to_string(), text);
            assert_eq!(EventId::from_shown(text), Some(id), "{text}");
        }
        // Another way to write a UUID is another id, as is whatever looks like a digest.
        let others = [
            "0F3C8A52-1111-4222-8333-0123456789AB",
            "0f3c8a52+1111-4222-8333-0123456789ab",
            "0f3c8a52-1111-4222-8333-0123456789ag",
            "seventeen bytes !",
            "sha256:00112233445566778899aabbccddeeff",
        ];
        for text in others {
            let id = EventId::of(text);
            assert_eq!(id.form, Form::Digest, "{text}");
            assert_eq!(EventId::from_shown(&id.to_string()), Some(id), "{text}");
            assert_ne!(id.to_string(), text);
        }
        assert_eq!(EventId::from_shown("seventeen bytes !"), None);
        assert_eq!(EventId::from_shown("sha256:00112233445566778899aabbccddeefg"), None);
    }

    #[test]
    fn ids_are_in_the_order_of_their_texts() {
        let uuids = ["00000000-ffff-4222-8333-0123456789ab", "0f000000-0000-4222-8333-0123456789ab"];
        let texts = ["", "a", "a1", "ab", "b"];
        for sorted in [&uuids[..], &texts[..]] {
            assert!(sorted.windows(2).all(|pair| EventId::of(pair[0]) < EventId::of(pair[1])), "{sorted:?}");
        }
        // A text is not the same text with a byte more, even one of value 0.
        assert!(EventId::of("a") < EventId::of("a\0"));
    }
}
