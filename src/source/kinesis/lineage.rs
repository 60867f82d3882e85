//! Which shards of a stream to read, and from where: parents before their children, nothing twice, nothing left out.

use std::collections::{BTreeMap, BTreeSet};

use trailbrake_detectors::time::Millis;

use crate::config::Start;

/// A shard as the stream lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shard {
    /// Its id.
    pub(super) id: String,
    /// The shards that it was split or merged from.
    pub(super) parents: Vec<String>,
    /// Whether it takes no more records.
    pub(super) closed: bool,
}

/// From where a shard is read. Also what is kept as its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The oldest record that is still there.
    Oldest,
    /// Records that arrived at or after an instant.
    At(Millis),
    /// The record after this sequence number.
    After(String),
    /// It has been read to its end.
    End,
}

impl From {
    /// Reads a position: a sequence number, or a word.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "end" {
            return Some(Self::End);
        }
        if text == "oldest" {
            return Some(Self::Oldest);
        }
        if let Some(millis) = text.strip_prefix("at:") {
            return Some(Self::At(Millis(millis.parse().ok()?)));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| Self::After(text.to_owned()))
    }

    /// The position as it is kept.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Oldest => "oldest".to_owned(),
            Self::At(at) => format!("at:{}", at.0),
            Self::After(number) => number.clone(),
            Self::End => "end".to_owned(),
        }
    }
}

/// What is known of the shards of a stream.
#[derive(Debug)]
pub(super) struct Lineage {
    start: Start,
    /// Whether shards were listed or read before: then a new one is read from its beginning.
    begun: bool,
    positions: BTreeMap<String, From>,
    ended: BTreeSet<String>,
    reading: BTreeSet<String>,
}

impl Lineage {
    /// The lineage as the kept positions tell it.
    pub(super) fn new(start: Start, positions: BTreeMap<String, From>) -> Self {
        let ended = positions.iter().filter(|(_, from)| **from == From::End).map(|(id, _)| id.clone()).collect();
        Self { start, begun: !positions.is_empty(), positions, ended, reading: BTreeSet::new() }
    }

    /// The shards that are to be read from here on, each once, as the stream lists its shards at this moment.
    pub(super) fn startable(&mut self, listed: &[Shard], now: Millis) -> Vec<(String, From)> {
        self.end_ancestors(listed);
        let ids: BTreeSet<&str> = listed.iter().map(|shard| shard.id.as_str()).collect();
        let mut startable = Vec::new();
        for shard in listed {
            if self.ended.contains(&shard.id) || self.reading.contains(&shard.id) {
                continue;
            }
            // A parent that is not listed any more has no records left that could come first.
            if shard.parents.iter().any(|parent| ids.contains(parent.as_str()) && !self.ended.contains(parent)) {
                continue;
            }
            let from = match self.positions.remove(&shard.id) {
                Some(from) => from,
                None if !self.begun && self.start == Start::Latest => From::At(now),
                None => From::Oldest,
            };
            startable.push((shard.id.clone(), from));
        }
        self.reading.extend(startable.iter().map(|(id, _)| id.clone()));
        self.begun |= !listed.is_empty();
        // What is not listed any more is gone for ever, and ids are not used again.
        self.ended.retain(|id| ids.contains(id.as_str()));
        startable
    }

    /// A shard was read to its end.
    pub(super) fn end(&mut self, id: &str) {
        self.reading.remove(id);
        self.ended.insert(id.to_owned());
    }

    /// How many shards are being read.
    pub(super) fn reading(&self) -> usize {
        self.reading.len()
    }

    /// Ends the closed shards that a stream begun at its latest records has no use for, and those whose children have
    /// been begun: that happens only after them.
    fn end_ancestors(&mut self, listed: &[Shard]) {
        if !self.begun && self.start == Start::Latest {
            self.ended.extend(listed.iter().filter(|shard| shard.closed).map(|shard| shard.id.clone()));
        }
        let parents: BTreeMap<&str, &[String]> =
            listed.iter().map(|shard| (shard.id.as_str(), shard.parents.as_slice())).collect();
        let mut open: Vec<&str> = self.positions.keys().map(String::as_str).collect();
        let mut ended = BTreeSet::new();
        while let Some(id) = open.pop() {
            for parent in parents.get(id).copied().unwrap_or_default() {
                if ended.insert(parent.clone()) {
                    open.push(parent);
                }
            }
        }
        self.positions.retain(|id, _| !ended.contains(id));
        self.ended.append(&mut ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn shard(id: &str, parents: &[&str], closed: bool) -> Shard {
        Shard { id: id.to_owned(), parents: parents.iter().map(ToString::to_string).collect(), closed }
    }

    /// `a` was split into `b` and `c`; these were merged into `d`.
    fn family() -> Vec<Shard> {
        vec![
            shard("a", &[], true),
            shard("b", &["a"], true),
            shard("c", &["a"], true),
            shard("d", &["b", "c"], false),
            shard("e", &[], false),
        ]
    }

    fn names(startable: &[(String, From)]) -> Vec<&str> {
        startable.iter().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn parents_are_finished_before_their_children_are_read() {
        let mut lineage = Lineage::new(Start::Oldest, BTreeMap::new());
        let startable = lineage.startable(&family(), NOW);
        assert_eq!(startable, [("a".to_owned(), From::Oldest), ("e".to_owned(), From::Oldest)]);
        assert!(lineage.startable(&family(), NOW).is_empty(), "nothing is begun twice");
        lineage.end("a");
        assert_eq!(names(&lineage.startable(&family(), NOW)), ["b", "c"]);
        lineage.end("b");
        assert!(lineage.startable(&family(), NOW).is_empty(), "both parents of a merged shard come first");
        lineage.end("c");
        assert_eq!(names(&lineage.startable(&family(), NOW)), ["d"]);
        assert_eq!(lineage.reading(), 2);
    }

    #[test]
    fn latest_skips_what_is_closed_and_reads_later_children_from_their_beginning() {
        let mut lineage = Lineage::new(Start::Latest, BTreeMap::new());
        let startable = lineage.startable(&family(), NOW);
        assert_eq!(startable, [("d".to_owned(), From::At(NOW)), ("e".to_owned(), From::At(NOW))]);
        let mut listed = family();
        listed.push(shard("f", &["e"], false));
        assert!(lineage.startable(&listed, NOW).is_empty());
        lineage.end("e");
        assert_eq!(lineage.startable(&listed, NOW), [("f".to_owned(), From::Oldest)]);
        listed.push(shard("g", &["long gone"], false));
        assert_eq!(lineage.startable(&listed, NOW), [("g".to_owned(), From::Oldest)]);
    }

    #[test]
    fn goes_on_from_positions_and_never_back_to_ancestors() {
        for start in [Start::Latest, Start::Oldest] {
            let positions =
                BTreeMap::from([("b".to_owned(), From::After("7".to_owned())), ("c".to_owned(), From::End)]);
            let mut lineage = Lineage::new(start, positions);
            let startable = lineage.startable(&family(), NOW);
            assert_eq!(startable, [("b".to_owned(), From::After("7".to_owned())), ("e".to_owned(), From::Oldest)]);
            lineage.end("b");
            assert_eq!(lineage.startable(&family(), NOW), [("d".to_owned(), From::Oldest)]);
        }
    }

    #[test]
    fn a_grandchild_that_was_begun_ends_its_ancestors() {
        let positions = BTreeMap::from([
            ("a".to_owned(), From::After("1".to_owned())),
            ("d".to_owned(), From::At(NOW)),
            ("e".to_owned(), From::End),
        ]);
        let mut lineage = Lineage::new(Start::Oldest, positions);
        assert_eq!(lineage.startable(&family(), Millis(0)), [("d".to_owned(), From::At(NOW))]);
    }

    #[test]
    fn positions_are_read_as_they_were_written() {
        for from in [From::Oldest, From::At(NOW), From::After("4966".to_owned()), From::End] {
            assert_eq!(From::parse(&from.text()), Some(from));
        }
        for nonsense in ["", "at:", "at:x", "12a", "END"] {
            assert_eq!(From::parse(nonsense), None, "{nonsense}");
        }
    }
}
