//! The whole pipeline on virtual time: one seeded scheduler drives the same stages that `run` drives from threads, among
//! sources, a disk, receivers and an `act` that fail in every way they can, and checks at each step what must hold.
//!
//! A run is a list of numbers: each decides what happens next. When the list is used up all faults heal, and everything
//! has to come to its end. So a run that breaks an invariant is made shorter by leaving numbers out.

mod act;
mod chaos;
mod check;
mod choices;
mod disk;
mod process;
mod receivers;
mod release;
mod sources;
#[cfg(test)]
mod tests;
mod world;
