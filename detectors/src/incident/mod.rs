//! Findings of one actor, gathered into episodes.
mod report;
pub use report::*;
