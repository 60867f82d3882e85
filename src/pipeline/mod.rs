//! The stages between sources and the world: decode, engine, journal. Structs with steps; `app` drives them.
//!
//! No step holds a thread, a channel it waits on, a clock or an await: `app` drives each from a thread, `demo` and tests
//! drive all of them on virtual time.

mod accounts;
mod audit;
mod board;
mod decode;
mod engine;
mod journal;
mod memory;
mod reorder;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use audit::CONFIGURATION_NOTE;

pub use accounts::{Accounts, RejectLog};
#[cfg(test)]
pub(crate) use board::is_open;
pub use board::{Board, ConfigStatus, JournalStatus, SourceStatus, StatusCounts};
pub use decode::{DecodeStep, DecodedBatch, RejectNote};
pub use engine::{EngineStep, Work};
pub use journal::{Acknowledge, After, Answer, JournalStep, Piece, Receipt};
pub use reorder::{Reorder, TooFarAhead};
