//! Seeded trails in AWS's own shapes, for `simulate`, `demo` and tests.

mod agent_rebuild;
mod arrival;
mod autoscaling;
mod batch_terminate;
mod caller;
mod ci_environments;
mod database_recreate;
mod denied_storm;
mod ec2;
mod expected;
mod fleet;
mod function_dev_loop;
mod functions;
mod habit;
mod junk_first;
mod login;
mod multi_region_wipe;
mod node_consolidation;
mod organisation;
mod own_environment_rebuild;
mod ownership_forged;
mod past;
mod place;
mod read_storm;
mod refusal;
mod resource;
mod role_chain;
mod rolling_replace;
mod routine;
mod serving;
mod session_rotation;
mod small;
mod snapshot_rotation;
mod stack_recreate;
mod stores;
mod terraform_destroy;
#[cfg(test)]
mod tests;
mod worker;
mod writer;
mod zone_sweep;

use std::collections::VecDeque;

use crate::time::Second;
use arrival::Arrival;
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
        name: "autoscaling",
        about: "benign: an Auto Scaling group launches and terminates with the load, tens of instances at once when it falls",
        destructive: false,
        write: autoscaling::write,
    },
    Scenario {
        name: "batch-terminate",
        about: "one call terminates thirty instances in three zones",
        destructive: true,
        write: batch_terminate::write,
    },
    Scenario {
        name: "ci-environments",
        about: "benign: CI runs create environments of 7, 40 and 120 resources and tear them down after 3 to 90 minutes",
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
        name: "function-dev-loop",
        about: "benign: a developer creates, updates and deletes the same functions, tables and roles again and again",
        destructive: false,
        write: function_dev_loop::write,
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
        name: "node-consolidation",
        about: "benign: a cluster's controller retires some twenty nodes in three minutes that it launched half a day ago",
        destructive: false,
        write: node_consolidation::write,
    },
    Scenario {
        name: "organisation",
        about: "benign: all of the benign ones at once, over many principals and accounts; see --inject",
        destructive: false,
        write: organisation::write,
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
        name: "read-storm",
        about: "benign: a scanner makes tens of thousands of calls that only read, many of them refused",
        destructive: false,
        write: read_storm::write,
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
        name: "snapshot-rotation",
        about: "benign: a backup job makes snapshots and images each hour and deletes tens that are past their time",
        destructive: false,
        write: snapshot_rotation::write,
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
    /// Records arrive out of order: each at most so many seconds later than it would in order.
    pub shuffle_seconds: Option<i64>,
    /// The share of records (0 to 1) that arrive a second time, unchanged, up to ten minutes later.
    pub duplicates: f64,
    /// `organisation`: how many principals there are.
    pub principals: u32,
    /// `organisation`: records a second. What the principals change comes at its own pace; reads fill up what is left.
    pub rate: f64,
    /// `organisation`: how long it is watched.
    pub duration_seconds: i64,
    /// `organisation`: the scenario that happens in its midst, in an account of its own.
    pub inject: Option<&'static Scenario>,
}

impl Options {
    /// A trail in order, without copies; an organisation of 50 principals, 5 records a second, for an hour.
    pub fn new(seed: u64, start: Second) -> Self {
        Self {
            seed,
            start,
            shuffle_seconds: None,
            duplicates: 0.0,
            principals: 50,
            rate: 5.0,
            duration_seconds: 3_600,
            inject: None,
        }
    }
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

/// The scenario of a name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

/// Generates a scenario's trail in the order of its arrival (event-time order, unless the options shuffle it), or nothing
/// if there is no scenario of that name.
pub fn generate(name: &str, options: &Options) -> Option<Vec<Record>> {
    stream(name, options).map(Iterator::collect)
}

/// Generates a scenario's trail record by record: a long one never is in memory as a whole.
pub fn stream(name: &str, options: &Options) -> Option<impl Iterator<Item = Record> + use<>> {
    find(name).map(|scenario| Arrival::new(Trail::new(scenario, options), options))
}

/// A scenario's records in event-time order.
struct Trail {
    writer: Writer,
    ready: VecDeque<Record>,
}

impl Trail {
    fn new(scenario: &Scenario, options: &Options) -> Self {
        let mut writer = Writer::new(options, scenario.name);
        (scenario.write)(&mut writer);
        Self { writer, ready: VecDeque::new() }
    }
}

impl Iterator for Trail {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.ready.is_empty() {
            let written_until_ms = self.writer.go_on();
            self.ready = self.writer.take_until(written_until_ms.unwrap_or(i64::MAX)).into();
            if written_until_ms.is_none() {
                break;
            }
        }
        self.ready.pop_front()
    }
}
