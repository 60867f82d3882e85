//! Seeded trails in AWS's own shapes, for `simulate`, `demo` and tests.

use crate::time::Second;

/// One scenario that can be generated.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line on what happens in it.
    pub about: &'static str,
    /// Whether it destroys an environment (or only looks like it).
    pub destructive: bool,
}

/// All scenarios, by name.
pub const ALL: &[Scenario] = &[];

/// What a trail is made from. Same options, same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Seeds all that varies.
    pub seed: u64,
    /// The time of the trail's first event.
    pub start: Second,
}

/// One record of a trail, in CloudTrail's JSON on one line.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its event time.
    pub time: Second,
    /// The JSON, without a line end.
    pub json: String,
    /// The ARN of the role or user that makes the call.
    pub entity: String,
    /// Whether it is a destructive call of the principal that the scenario is about, which a pause would refuse.
    pub destructive: bool,
}

impl Record {
    /// The record that AWS writes when this call is refused by an explicit deny.
    #[must_use]
    pub fn refused(&self) -> Self {
        self.clone()
    }
}

/// Generates a scenario's trail in event-time order, or nothing if there is no scenario of that name.
pub fn generate(name: &str, options: &Options) -> Option<Vec<Record>> {
    let _ = (name, options);
    None
}
