//! The ring that hands batches to the engine in the order of their numbers, whatever order they were decoded in.

use std::collections::VecDeque;

/// Puts numbered things back into the order of their numbers. Numbers start at 0 and have no gaps.
#[derive(Debug)]
pub struct Reorder<T> {
    next: u64,
    waiting: VecDeque<Option<T>>,
    capacity: usize,
}

/// A number was given twice, or is further ahead of the oldest one missing than the ring is long.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("batch {number} does not fit the ring: the next one is {next}")]
pub struct TooFarAhead {
    number: u64,
    next: u64,
}

impl<T> Reorder<T> {
    /// A ring that takes numbers up to `capacity` ahead of the oldest one missing.
    pub fn new(capacity: usize) -> Self {
        Self { next: 0, waiting: VecDeque::new(), capacity }
    }

    /// Puts a thing in its place.
    pub fn push(&mut self, number: u64, thing: T) -> Result<(), TooFarAhead> {
        let refusal = TooFarAhead { number, next: self.next };
        let Some(place) = number.checked_sub(self.next).and_then(|ahead| usize::try_from(ahead).ok()) else {
            return Err(refusal);
        };
        if place >= self.capacity {
            return Err(refusal);
        }
        if place >= self.waiting.len() {
            self.waiting.resize_with(place + 1, || None);
        }
        match self.waiting.get_mut(place) {
            Some(free @ None) => *free = Some(thing),
            _ => return Err(refusal),
        }
        Ok(())
    }

    /// The next thing in order, if it is there.
    pub fn pop(&mut self) -> Option<T> {
        let ready = self.waiting.front_mut()?.take()?;
        self.waiting.pop_front();
        self.next += 1;
        Some(ready)
    }

    /// How many things wait for an earlier one.
    pub fn len(&self) -> usize {
        self.waiting.iter().flatten().count()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any order in which decoders may finish (each at most `CAPACITY` ahead) comes out in number order, as early
        /// as it can.
        #[test]
        fn any_completion_order_comes_out_in_number_order(picks in prop::collection::vec(0_usize..8, 0..200)) {
            const CAPACITY: usize = 8;
            let total = picks.len() as u64;
            let (mut ring, mut out, mut started, mut running) = (Reorder::new(CAPACITY), Vec::new(), 0_u64, Vec::new());
            for pick in picks {
                while started < total && started < out.len() as u64 + CAPACITY as u64 {
                    running.push(started);
                    started += 1;
                }
                let number = running.swap_remove(pick % running.len());
                prop_assert_eq!(ring.push(number, number), Ok(()));
                while let Some(number) = ring.pop() {
                    out.push(number);
                }
                let oldest_running = running.iter().copied().min().unwrap_or(started);
                prop_assert_eq!(out.len() as u64, oldest_running);
            }
            prop_assert!(ring.is_empty() || !running.is_empty());
            prop_assert_eq!(&out, &(0..out.len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let mut ring = Reorder::new(2);
        assert_eq!(ring.push(2, ()), Err(TooFarAhead { number: 2, next: 0 }));
        assert_eq!(ring.push(1, ()), Ok(()));
        assert_eq!(ring.push(1, ()), Err(TooFarAhead { number: 1, next: 0 }), "given twice");
        assert_eq!(ring.pop(), None);
        assert_eq!(ring.push(0, ()), Ok(()));
        assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Some(()), Some(()), None));
        assert_eq!(ring.push(1, ()), Err(TooFarAhead { number: 1, next: 2 }), "long gone");
    }
}
