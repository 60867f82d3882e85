//! What a detector sees: one key's destroyed resources up to one fact, and sums over the last of them.

use std::ops::Range;
use std::sync::Arc;

use crate::timeline::{Contribution, FactKey, Ownership, Thousandths, weight_of};

/// Own and young resources, and those replaced one by one, weigh this many thousandths of their weight.
pub const LESSENED: Thousandths = 150;
/// All own and young resources of a window together weigh at most this.
const OWN_YOUNG_MAX: Thousandths = 3_000;

/// A destroyed resource as judged within its key.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The resource.
    pub contribution: &'a Contribution,
    /// The actor who answers for it (a window of a role may hold several).
    pub actor: &'a Arc<str>,
    /// Whether the actor made one of this type just before, in place of it.
    pub is_paired: bool,
    /// Whether it may bear a pause.
    pub may_pause: bool,
    /// Whether an AWS service destroyed it by itself.
    pub by_aws_service: bool,
}

impl Judged<'_> {
    /// The weight after lessening.
    pub fn weight(&self) -> Thousandths {
        let weight = weight_of(self.contribution.class);
        if self.is_paired || self.is_own_and_young() { weight * LESSENED / 1_000 } else { weight }
    }

    /// Whether its destroyer made it, lately.
    pub fn is_own_and_young(&self) -> bool {
        self.contribution.ownership == Ownership::OwnYoung
    }

    /// Whether it had come back by the fact at `at`. What is own and young never counts as recreated.
    pub fn is_recreated(&self, at: &FactKey) -> bool {
        !self.is_own_and_young() && self.contribution.back_by().is_some_and(|by| by <= at)
    }

    /// The weight that had come back by the fact at `at`: the same identity counts in full, a successor half, and less
    /// where it replaces one of a row.
    pub fn weight_back(&self, at: &FactKey) -> Thousandths {
        match &self.contribution.recreated_by {
            _ if !self.is_recreated(at) => 0,
            Some(by) if by <= at => weight_of(self.contribution.class),
            _ => self.weight() / 2,
        }
    }
}

/// What one key destroyed up to and with one fact.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The fact that ends it: a destroying one, or a create.
    pub at: &'a FactKey,
    /// Destroyed resources in fact order, back to the longest time that any detector looks.
    pub destroyed: &'a [Judged<'a>],
    /// Types that the key created, in fact order, back as far.
    pub created: &'a [Made<'a>],
}

/// A create of the key.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The fact.
    pub fact: &'a FactKey,
    /// The type.
    pub kind: &'a Arc<str>,
    /// Whether it may bear a pause.
    pub may_pause: bool,
}

/// Sums over destroyed resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums<'a> {
    /// The sum of weights.
    pub weight: Thousandths,
    /// How many resources.
    pub resources: usize,
    /// How many of them are neither own and young nor paired.
    pub resources_full: usize,
    /// Weight by zone; a resource in several zones is divided among them.
    pub zones: Vec<(&'a str, Thousandths)>,
    /// Weight by region.
    pub regions: Vec<(&'a str, Thousandths)>,
}

impl<'a> Window<'a> {
    /// The numbers of the resources destroyed in the last so many seconds before and at the window's end.
    pub fn last(&self, seconds: i64) -> Range<usize> {
        let since = self.at.second.plus(-seconds);
        let start = self.destroyed.partition_point(|judged| judged.contribution.fact.second <= since);
        start..self.destroyed.len()
    }

    /// Sums over them.
    pub fn sums(&self, seconds: i64) -> Sums<'a> {
        Sums::over(self.destroyed[self.last(seconds)].iter())
    }
}

impl<'a> Sums<'a> {
    /// Sums over some destroyed resources, with what is own and young held to its cap.
    pub fn over(destroyed: impl Iterator<Item = &'a Judged<'a>> + Clone) -> Self {
        let own: Thousandths = destroyed.clone().filter(|judged| judged.is_own_and_young()).map(Judged::weight).sum();
        let mut sums = Self::default();
        for judged in destroyed {
            let contribution = judged.contribution;
            let mut weight = judged.weight();
            if judged.is_own_and_young() && own > OWN_YOUNG_MAX {
                weight = weight * OWN_YOUNG_MAX / own;
            }
            sums.weight += weight;
            sums.resources += 1;
            sums.resources_full += usize::from(!judged.is_own_and_young() && !judged.is_paired);
            let share = weight / (contribution.zones.len().max(1) as u64);
            for zone in &contribution.zones {
                add(&mut sums.zones, zone, share);
            }
            add(&mut sums.regions, &contribution.region, weight);
        }
        sums
    }
}

/// Adds to the sum of a word. There are few of them, so that a list is quicker than a map.
fn add<'a>(sums: &mut Vec<(&'a str, Thousandths)>, word: &'a str, weight: Thousandths) {
    match sums.iter_mut().find(|(other, _)| *other == word) {
        Some((_, sum)) => *sum += weight,
        None => sums.push((word, weight)),
    }
}
