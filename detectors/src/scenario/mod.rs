//! Seeded trails in AWS's own shapes, for `simulate`, `demo` and tests.

mod agent_rebuild;
mod caller;
mod ci_environments;
mod ec2;
mod refusal;
mod resource;
mod rolling_replace;
mod routine;
mod serving;
mod session_rotation;
mod stores;
mod terraform_destroy;
#[cfg(test)]
mod tests;
mod worker;
mod writer;

use crate::time::Second;
use writer::Writer;

/// One scenario that can be generated.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line on what happens in it.
    pub about: &'static str,
    /// Whether it destroys an environment (or only looks like it).
    pub destructive: bool,
    write: fn(&mut Writer),
}

/// All scenarios, by name.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "agent-rebuild",
        about: "an AI agent with its operator's role deletes a production environment and creates it again",
        destructive: true,
        write: agent_rebuild::write,
    },
    Scenario {
        name: "ci-environments",
        about: "benign: CI runs create test environments in parallel and tear their own down after minutes",
        destructive: false,
        write: ci_environments::write,
    },
    Scenario {
        name: "rolling-replace",
        about: "benign: an operator replaces a fleet over half an hour and more, launching before terminating",
        destructive: false,
        write: rolling_replace::write,
    },
    Scenario {
        name: "session-rotation",
        about: "one role destroys a production environment under a new session name every few calls",
        destructive: true,
        write: session_rotation::write,
    },
    Scenario {
        name: "terraform-destroy",
        about: "an operator runs terraform destroy against production, ten deletions at a time",
        destructive: true,
        write: terraform_destroy::write,
    },
];

/// What a trail is made from. Same options, same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Seeds all that varies.
    pub seed: u64,
    /// The time of the trail's first event.
    pub start: Second,
}

/// One record of a trail, in CloudTrail's JSON on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its event time.
    pub time: Second,
    /// The JSON, without a line end.
    pub json: String,
    /// The ARN of the role or user that makes the call; empty for an AWS service and for who only shows a token.
    pub entity: String,
    /// Whether it is a destructive call of the principal that the scenario is about, which a pause would refuse.
    /// Calls that fail for another reason count as well: a deny comes first.
    pub destructive: bool,
}

impl Record {
    /// The record that AWS writes when this call is refused by an explicit deny.
    #[must_use]
    pub fn refused(&self) -> Self {
        refusal::refused(self)
    }
}

/// Generates a scenario's trail in event-time order, or nothing if there is no scenario of that name.
pub fn generate(name: &str, options: &Options) -> Option<Vec<Record>> {
    let (number, scenario) = (0..).zip(ALL).find(|(_, scenario)| scenario.name == name)?;
    let mut writer = Writer::new(options, number);
    (scenario.write)(&mut writer);
    Some(writer.finish())
}
