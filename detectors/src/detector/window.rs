//! What a detector sees: sums over what one key destroyed in the last so many seconds, and what came back of it.

use std::sync::Arc;

use super::Weights;
use crate::event::Text;
use crate::timeline::{FactKey, Thousandths};

/// How far back sums reach from the fact that ends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// 5 minutes.
    FiveMinutes,
    /// 10 minutes.
    TenMinutes,
    /// 15 minutes.
    QuarterHour,
    /// An hour.
    Hour,
}

impl Span {
    /// All spans, the shortest first.
    pub const ALL: [Self; 4] = [Self::FiveMinutes, Self::TenMinutes, Self::QuarterHour, Self::Hour];

    /// Its length in seconds. What lies exactly so far back is outside.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::FiveMinutes => 5 * 60,
            Self::TenMinutes => 10 * 60,
            Self::QuarterHour => 15 * 60,
            Self::Hour => 60 * 60,
        }
    }
}

/// Shares of a sum by word. There are few words, so that a list is quicker than a map.
#[derive(Clone, Debug)]
pub struct Shares<W = Text>(Vec<(W, Thousandths)>);

impl<W> Default for Shares<W> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<W: Clone + PartialEq> Shares<W> {
    /// Adds to the share of a word.
    pub fn add(&mut self, word: &W, share: Thousandths) {
        match self.0.iter_mut().find(|(other, _)| other == word) {
            Some((_, sum)) => *sum += share,
            None if share > 0 => self.0.push((word.clone(), share)),
            None => {}
        }
    }

    /// Takes from the share of a word what was added to it.
    pub fn take(&mut self, word: &W, share: Thousandths) {
        if let Some(index) = self.0.iter().position(|(other, _)| other == word)
            && let Some((_, sum)) = self.0.get_mut(index)
        {
            *sum = sum.saturating_sub(share);
            if *sum == 0 {
                self.0.swap_remove(index);
            }
        }
    }

    /// Adds to the share of a word, or takes from it what was added.
    pub fn change(&mut self, word: &W, share: Thousandths, add: bool) {
        if add { self.add(word, share) } else { self.take(word, share) }
    }

    /// Words with their shares, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&W, Thousandths)> {
        self.0.iter().map(|(word, share)| (word, *share))
    }

    /// How many words have a share.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no word has a share.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<W: Clone + Ord> PartialEq for Shares<W> {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |shares: &Self| {
            let mut words = shares.0.clone();
            words.sort();
            words
        };
        sorted(self) == sorted(other)
    }
}

impl<W: Clone + Ord> Eq for Shares<W> {}

/// Sums over what was destroyed within one span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The weight of all that is neither own and young, nor a copy, nor usually unused.
    pub weight_full: Thousandths,
    /// The weight of what is usually unused and not own and young.
    pub weight_unused: Thousandths,
    /// The weight of copies that are not own and young.
    pub weight_copies: Thousandths,
    /// The lessened weight of what is own and young.
    pub weight_own_young: Thousandths,
    /// How many resources.
    pub resources: u64,
    /// How many of them are not own and young.
    pub resources_foreign: u64,
    /// How many of them are neither own and young, nor replaced one by one, nor copies.
    pub resources_full: u64,
    /// How many an AWS service destroyed by itself.
    pub by_aws_services: u64,
    /// How many are own, old and recent, hold no state, and have not come back as themselves: a controller retires what it made.
    pub retired: u64,
    /// How many had their protection switched off less than an hour before.
    pub unguarded: u64,
    /// Weight by zone; own and young, copies and what is usually unused left out; a resource in several zones is divided among them. In
    /// [`Span::TenMinutes`] only.
    pub zones: Shares,
    /// Weight by region; own and young, copies and what is usually unused left out. In [`Span::FiveMinutes`] only.
    pub regions: Shares,
    /// How many of each type, own and young and copies left out. In [`Span::QuarterHour`] only.
    pub kinds: Shares,
    /// Weight by actor, where a key may have several.
    pub actors: Shares<Arc<str>>,
}

impl Sums {
    /// The weight, with what is own and young, copies, and what is usually unused held to their caps, and all of these
    /// together to the largest.
    pub fn weight(&self, weights: &Weights) -> Thousandths {
        let copies = self.weight_copies.min(weights.copies_max);
        let own_young = self.weight_own_young.min(weights.own_young_max);
        let unused = self.weight_unused.min(weights.usually_unused_max);
        let light_max = weights.copies_max.max(weights.own_young_max).max(weights.usually_unused_max);
        self.weight_full + (copies + own_young + unused).min(light_max)
    }
}

/// Of the deletes of one hour, what has come back: the hour that holds most, of those with a resource that came back at
/// this fact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// The weight that came back; the same identity counts in full, a successor half.
    pub weight: Thousandths,
    /// The first and the last destroying fact of that hour of which something came back.
    pub extent: Option<(FactKey, FactKey)>,
    /// Whether AWS services alone destroyed it.
    pub by_aws_services: bool,
    /// Weight by actor, where a key may have several.
    pub actors: Shares<Arc<str>>,
}

/// A set of types torn down within a short time, and built again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The most that it weighed within [`Span::QuarterHour`].
    pub weight: Thousandths,
    /// How many types it held.
    pub kinds: u64,
    /// How many of them were created again.
    pub again: u64,
    /// Its first and its last destroying fact.
    pub extent: (FactKey, FactKey),
    /// Whether AWS services alone destroyed it.
    pub by_aws_services: bool,
    /// Weight by actor, where a key may have several.
    pub actors: Shares<Arc<str>>,
}

/// What one key did up to and with one fact.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// Sums by span, in the order of [`Span::ALL`].
    pub sums: [&'a Sums; Span::ALL.len()],
    /// Refused destructive calls within [`Span::TenMinutes`], if this fact is one.
    pub denied: u64,
    /// Whether this fact switched off what guards a trail.
    pub loses_trail: bool,
    /// What came back, if something did at this fact.
    pub returned: Option<&'a Returned>,
    /// What was built again, the worst first, if this fact is a create of it.
    pub rebuilt: &'a [Rebuilt],
}

impl<'a> Window<'a> {
    /// Sums over one span.
    pub fn over(&self, span: Span) -> &'a Sums {
        self.sums[span as usize]
    }
}
