//! Seeded trails in AWS's own shapes, for `simulate`, `demo` and tests.

mod agent_rebuild;
mod batch_terminate;
mod caller;
mod ci_environments;
mod database_recreate;
mod denied_storm;
#[cfg(test)]
mod destructive_tests;
mod ec2;
mod expected;
#[cfg(test)]
mod figures;
mod junk_first;
mod login;
mod multi_region_wipe;
mod own_environment_rebuild;
mod ownership_forged;
mod past;
mod refusal;
mod resource;
mod role_chain;
mod rolling_replace;
mod routine;
mod serving;
mod session_rotation;
mod small;
mod stack_recreate;
mod stores;
mod terraform_destroy;
#[cfg(test)]
mod tests;
mod worker;
mod writer;
mod zone_sweep;

use crate::time::Second;
use writer::Writer;

pub use expected::{Expectation, inventory};

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
        about: "an AI agent with its operator's role deletes a production environment and creates it again, in China",
        destructive: true,
        write: agent_rebuild::write,
    },
    Scenario {
        name: "batch-terminate",
        about: "one call terminates thirty instances in three zones",
        destructive: true,
        write: batch_terminate::write,
    },
    Scenario {
        name: "ci-environments",
        about: "benign: CI runs create test environments in parallel and tear their own down after minutes",
        destructive: false,
        write: ci_environments::write,
    },
    Scenario {
        name: "database-recreate",
        about: "an operator deletes a database or a few and creates them again, empty",
        destructive: true,
        write: database_recreate::write,
    },
    Scenario {
        name: "denied-storm",
        about: "somebody tries to destroy everything and has no right to any of it",
        destructive: true,
        write: denied_storm::write,
    },
    Scenario {
        name: "junk-first",
        about: "as many junk instances are launched as real ones are then terminated",
        destructive: true,
        write: junk_first::write,
    },
    Scenario {
        name: "multi-region-wipe",
        about: "an administrator empties three regions and more, a kind of resource at a time",
        destructive: true,
        write: multi_region_wipe::write,
    },
    Scenario {
        name: "own-environment-rebuild",
        about: "an agent deletes and rebuilds what its own role made thirty days ago",
        destructive: true,
        write: own_environment_rebuild::write,
    },
    Scenario {
        name: "ownership-forged",
        about: "calls that succeed on what exists feign to create it, then it is deleted",
        destructive: true,
        write: ownership_forged::write,
    },
    Scenario {
        name: "role-chain",
        about: "somebody destroys through a chain of three roles, now as one, now as another",
        destructive: true,
        write: role_chain::write,
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
        name: "stack-recreate",
        about: "a stack is deleted and created again, with the rights of whoever deletes it",
        destructive: true,
        write: stack_recreate::write,
    },
    Scenario {
        name: "stack-recreate-role",
        about: "a stack is deleted and created again, with a role that it was given long before",
        destructive: true,
        write: stack_recreate::write_with_role,
    },
    Scenario {
        name: "terraform-destroy",
        about: "an operator runs terraform destroy against production, ten deletions at a time",
        destructive: true,
        write: terraform_destroy::write,
    },
    Scenario {
        name: "zone-sweep",
        about: "an instance is terminated every fifty seconds, in three zones in turn",
        destructive: true,
        write: zone_sweep::write,
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
    let scenario = ALL.iter().find(|scenario| scenario.name == name)?;
    let mut writer = Writer::new(options, name);
    (scenario.write)(&mut writer);
    Some(writer.finish())
}
