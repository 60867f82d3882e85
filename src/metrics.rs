//! All metrics, by name, in one file.

/// Everything that is counted and measured.
#[derive(Debug, Default)]
pub struct Metrics {}
