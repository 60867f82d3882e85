//! What decides: a list of numbers, and once it is used up nothing but zeros.

/// The numbers that are left.
#[derive(Debug)]
pub(super) struct Choices(std::vec::IntoIter<u16>);

impl Choices {
    pub(super) fn new(words: Vec<u16>) -> Self {
        Self(words.into_iter())
    }

    /// One of `0..count`; always 0 once the list is used up: the choice that harms nobody.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let word = usize::from(self.0.next().unwrap_or(0));
        if count == 0 { 0 } else { word % count }
    }

    /// True for one in `count`.
    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) + 1 == count.max(2)
    }

    /// Whether nothing is left: faults are over.
    pub(super) fn are_spent(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}
