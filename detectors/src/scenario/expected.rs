//! What a scenario must come to when it is judged.

use super::writer::Writer;
use super::{Options, Scenario, own_environment_rebuild};
use crate::incident::Severity;

/// What the judgement of a scenario must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The ARN of the role or user that an incident must name; empty if nobody makes destructive calls.
    pub principal: String,
    /// The worst incident is at least so bad.
    pub least: Severity,
    /// And at most so bad.
    pub most: Severity,
    /// At most so many resources are gone at the page.
    pub at_page_max: u64,
    /// At most so many resources are gone when the pause is decided.
    pub at_pause_max: u64,
}

impl Scenario {
    /// What must come of this scenario with these options.
    pub fn expectation(&self, options: &Options) -> Expectation {
        let mut writer = Writer::new(options, self.name);
        (self.write)(&mut writer);
        let (least, most) = match (self.name, self.destructive) {
            ("denied-storm", _) | (_, false) => (Severity::Info, Severity::Medium),
            ("database-recreate" | "junk-first" | "ownership-forged" | "terraform-destroy", _) => {
                (Severity::High, Severity::Critical)
            }
            _ => (Severity::Critical, Severity::Critical),
        };
        let (at_page_max, at_pause_max) = match self.name {
            // One call, and it is done.
            "batch-terminate" => (30, 30),
            _ if least == Severity::Critical => (8, 12),
            _ => (8, u64::MAX),
        };
        Expectation { principal: writer.principal(), least, most, at_page_max, at_pause_max }
    }
}

/// What AWS Config knew of the environment of `own-environment-rebuild` before it was destroyed: the output of
/// `aws configservice select-resource-config`.
pub fn inventory(options: &Options) -> String {
    own_environment_rebuild::inventory(&mut Writer::new(options, "own-environment-rebuild"))
}
