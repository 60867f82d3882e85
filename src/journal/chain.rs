//! The audit trail as a chain: each entry's hash covers the one before, so that nothing in the middle can be changed, taken
//! out or put in without breaking it. The head, which goes out with each page, shows that nothing was cut off at its end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trailbrake_detectors::time::Millis;

use crate::limits::AUDIT_BODY_BYTES_MAX;

/// The SHA-256 of an entry.
pub type Hash = [u8; 32];

/// The end of the chain: how many entries it has had, and the hash of the last. Written as `NUMBER:HEX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0: there is none.
    pub number: u64,
    /// Its hash; all zeros: there is none.
    pub hash: Hash,
}

/// What is to be kept in the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When it happened.
    pub at: Millis,
    /// What it is: one of a fixed few words.
    pub kind: &'static str,
    /// The rest, as JSON.
    pub body: String,
}

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: 1 for the first, and no gaps.
    pub number: u64,
    /// When it happened.
    pub at: Millis,
    /// What it is.
    pub kind: String,
    /// The rest, as JSON.
    pub body: String,
    /// Its hash.
    pub hash: Hash,
}

/// A part of the trail as it is read, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The last entry before the first that is kept. Comes first, once.
    Anchor(Head),
    /// An entry.
    Entry(Entry),
}

impl Note {
    /// A note. Of a body past the bound only the digest is kept.
    pub fn new(at: Millis, kind: &'static str, body: &Value) -> Self {
        let mut body = body.to_string();
        if body.len() > AUDIT_BODY_BYTES_MAX {
            let digest = hexadecimal(&Sha256::digest(body.as_bytes()));
            body = json!({ "left_out": { "bytes": body.len(), "sha256": digest } }).to_string();
        }
        Self { at, kind, body }
    }
}

impl Head {
    /// The head after one more entry. The hash is that of the text `PREVIOUS NUMBER AT KIND BODY`: the hash before in
    /// hexadecimal, the entry's number, milliseconds since 1970, its kind, its body. Only the body holds spaces.
    fn after(&self, at: Millis, kind: &str, body: &str) -> Self {
        let number = self.number.saturating_add(1);
        let text = format!("{} {number} {} {kind} {body}", hexadecimal(&self.hash), at.0);
        Self { number, hash: Sha256::digest(text.as_bytes()).into() }
    }

    /// The entry that a note becomes after this head.
    pub(super) fn entry(&self, note: &Note) -> Entry {
        let Self { number, hash } = self.after(note.at, note.kind, &note.body);
        Entry { number, at: note.at, kind: note.kind.to_owned(), body: note.body.clone(), hash }
    }
}

impl Entry {
    /// The head of the chain that ends with this entry.
    pub fn head(&self) -> Head {
        Head { number: self.number, hash: self.hash }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.number, hexadecimal(&self.hash))
    }
}

/// A text that is no head.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no head of an audit trail: {0}\nhint: write it as a page shows it, NUMBER:HASH with 64 hexadecimal digits")]
pub struct BadHead(String);

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, BadHead> {
        let bad = || BadHead(text.chars().take(100).collect());
        let (number, hash) = text.split_once(':').ok_or_else(bad)?;
        let number = number.parse().map_err(|_| bad())?;
        Ok(Self { number, hash: read_hexadecimal(hash).ok_or_else(bad)? })
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Goes along a chain and says where it breaks.
#[derive(Debug, Default)]
pub struct Verifier {
    anchor: Head,
    head: Head,
    wanted: Option<Head>,
    entries: u64,
}

/// Where a chain breaks, or why it is not the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, or one is there that must not be.
    #[error("broken at entry {expected}: it is missing, the next one there is {found}")]
    Gap {
        /// The number that comes next.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// An entry, or the one before it, is not what it was.
    #[error("broken at entry {number}: it is not what was written, or does not follow the one before")]
    Changed {
        /// The entry's number.
        number: u64,
    },
    /// The entry that a page named is another one.
    #[error("not the chain of that page: entry {} has the hash {}", .found.number, hexadecimal(&.found.hash))]
    Other {
        /// The entry that is there.
        found: Head,
    },
    /// The chain ends before the entry that a page named.
    #[error("cut off: the chain ends at entry {last}, and entry {wanted} went out with a page")]
    CutOff {
        /// The last entry.
        last: u64,
        /// The one named.
        wanted: u64,
    },
    /// The entry that a page named is older than what is kept.
    #[error("entry {wanted} is no longer kept: the chain begins after entry {anchor}")]
    TooOld {
        /// The one named.
        wanted: u64,
        /// The last one before those that are kept.
        anchor: u64,
    },
}

impl Verifier {
    /// Also looks for a head that went out with a page.
    pub fn looking_for(wanted: Option<Head>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Takes the next part of the trail.
    pub fn take(&mut self, link: &Link) -> Result<(), Broken> {
        match link {
            Link::Anchor(anchor) => {
                (self.anchor, self.head) = (*anchor, *anchor);
                match self.wanted {
                    Some(wanted) if wanted.number < anchor.number => {
                        Err(Broken::TooOld { wanted: wanted.number, anchor: anchor.number })
                    }
                    _ => self.compare(),
                }
            }
            Link::Entry(entry) => {
                let next = self.head.after(entry.at, &entry.kind, &entry.body);
                if entry.number != next.number {
                    return Err(Broken::Gap { expected: next.number, found: entry.number });
                }
                if entry.hash != next.hash {
                    return Err(Broken::Changed { number: entry.number });
                }
                self.head = next;
                self.entries += 1;
                self.compare()
            }
        }
    }

    fn compare(&self) -> Result<(), Broken> {
        match self.wanted {
            Some(wanted) if wanted.number == self.head.number && wanted != self.head => {
                Err(Broken::Other { found: self.head })
            }
            _ => Ok(()),
        }
    }

    /// The trail is read to its end: what was found.
    pub fn end(self) -> Result<Verified, Broken> {
        match self.wanted {
            Some(wanted) if wanted.number > self.head.number => {
                Err(Broken::CutOff { last: self.head.number, wanted: wanted.number })
            }
            _ => Ok(Verified { anchor: self.anchor, head: self.head, entries: self.entries }),
        }
    }
}

/// A chain without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last entry before those that are kept.
    pub anchor: Head,
    /// The last entry.
    pub head: Head,
    /// How many were looked at.
    pub entries: u64,
}

/// Bytes as text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

fn read_hexadecimal(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<Link> {
        let mut head = Head::default();
        let mut links = vec![Link::Anchor(head)];
        for number in 0..length {
            let entry = head.entry(&Note::new(Millis(number), "test", &json!({ "number": number })));
            head = entry.head();
            links.push(Link::Entry(entry));
        }
        links
    }

    fn verify(links: &[Link], wanted: Option<Head>) -> Result<Verified, Broken> {
        let mut verifier = Verifier::looking_for(wanted);
        links.iter().try_for_each(|link| verifier.take(link))?;
        verifier.end()
    }

    fn head_of(links: &[Link], number: usize) -> Head {
        match &links[number] {
            Link::Anchor(head) => *head,
            Link::Entry(entry) => entry.head(),
        }
    }

    #[test]
    fn the_form_that_is_hashed_can_be_made_with_other_tools() {
        let links = chain(1);
        let text = format!("{} 1 0 test {{\"number\":0}}", "0".repeat(64));
        assert_eq!(head_of(&links, 1).hash.as_slice(), Sha256::digest(text.as_bytes()).as_slice());
        let shown = head_of(&links, 1).to_string();
        assert_eq!(shown.parse::<Head>(), Ok(head_of(&links, 1)));
        for bad in ["", "1", "1:", "x:00", "1:zz", &format!("-1:{}", "0".repeat(64)), &format!("1:+{}", "0".repeat(63))]
        {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_broken_link_is_named() {
        let whole = chain(5);
        assert_eq!(verify(&whole, None).expect("whole").entries, 5);
        let change = |change: &dyn Fn(&mut Vec<Link>)| {
            let mut links = whole.clone();
            change(&mut links);
            verify(&links, None)
        };
        let entry = |link: &mut Link| match link {
            Link::Entry(entry) => entry.clone(),
            Link::Anchor(_) => panic!("no entry"),
        };
        for number in 1..=5_usize {
            let broken = Err(Broken::Changed { number: number as u64 });
            let edit = |edit: &dyn Fn(&mut Entry)| {
                change(&|links| {
                    let mut edited = entry(&mut links[number]);
                    edit(&mut edited);
                    links[number] = Link::Entry(edited);
                })
            };
            assert_eq!(edit(&|entry| entry.body.push(' ')), broken);
            assert_eq!(edit(&|entry| entry.at.0 += 1), broken);
            assert_eq!(edit(&|entry| entry.kind.push('x')), broken);
            assert_eq!(edit(&|entry| entry.hash[31] ^= 1), broken);
            let gap = Broken::Gap { expected: number as u64, found: number as u64 + 1 };
            let taken_out = change(&|links| drop(links.remove(number)));
            // What is missing at the end only a page's head shows.
            assert_eq!(taken_out.is_ok(), number == 5);
            assert!(number == 5 || taken_out == Err(gap));
        }
        assert_eq!(
            change(&|links| links[0] = Link::Anchor(Head { number: 0, hash: [1; 32] })),
            Err(Broken::Changed { number: 1 })
        );
    }

    #[test]
    fn a_head_that_went_out_is_found_or_it_is_said_why_not() {
        let whole = chain(5);
        for number in 0..=5 {
            assert!(verify(&whole, Some(head_of(&whole, number))).is_ok(), "{number}");
        }
        let other = Head { number: 3, hash: [1; 32] };
        assert_eq!(verify(&whole, Some(other)), Err(Broken::Other { found: head_of(&whole, 3) }));
        let last = head_of(&whole, 5);
        assert_eq!(verify(&whole[..5], Some(last)), Err(Broken::CutOff { last: 4, wanted: 5 }));
        let kept = [&[Link::Anchor(head_of(&whole, 2))], &whole[3..]].concat();
        assert_eq!(verify(&kept, Some(head_of(&whole, 2))).expect("whole").anchor.number, 2);
        assert_eq!(verify(&kept, Some(head_of(&whole, 1))), Err(Broken::TooOld { wanted: 1, anchor: 2 }));
    }

    #[test]
    fn a_body_past_the_bound_is_kept_as_its_digest() {
        let note = Note::new(Millis(0), "test", &json!("x".repeat(AUDIT_BODY_BYTES_MAX)));
        assert!(note.body.len() < 200 && note.body.contains("sha256"), "{}", note.body);
    }
}
