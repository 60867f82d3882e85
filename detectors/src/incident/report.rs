//! An incident as it is shown: one line of `replay --format json`, the API's answer, the body of a page.
//!
//! The field names and their order are a contract (schema 1). Arrays are sorted; times are in CloudTrail's own form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Effect, Outcome};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line.
    Info,
    /// Opens an incident.
    Low,
    /// Worth a look in working hours.
    Medium,
    /// Pages.
    High,
    /// Pauses where armed.
    Critical,
}

impl Severity {
    /// The word used in configuration, output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Going on.
    Open,
    /// Its principal is paused.
    Paused,
    /// Reviewers let the principal go on.
    Resumed,
    /// Reviewers said that it is real: it goes on, and what is paused stays so.
    Confirmed,
    /// Over, by itself or by a reviewer's word.
    Closed,
    /// Later evidence explained it.
    Eased,
    /// Another incident took it in.
    Merged,
    /// Its principal cannot be paused.
    Unpausable,
}

impl State {
    /// The word used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Confirmed => "confirmed",
            Self::Closed => "closed",
            Self::Eased => "eased",
            Self::Merged => "merged",
            Self::Unpausable => "unpausable",
        }
    }
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this contract: 1.
    pub schema: u32,
    /// `tb-` and 16 characters of base32.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// The mode it was judged in.
    pub mode: crate::engine::Mode,
    /// What holds now.
    pub severity: Severity,
    /// The highest so far.
    pub severity_peak: Severity,
    /// When it eased, if it did.
    pub eased: Option<String>,
    /// Whether counts and judgement are exact: no bound was hit, nothing came too late.
    pub exact: bool,
    /// Detectors with a finding.
    pub detectors: Vec<String>,
    /// Who; nothing for `blind` and `fleet`.
    pub principal: Option<Principal>,
    /// Accounts touched.
    pub accounts: Vec<String>,
    /// Regions touched.
    pub regions: Vec<String>,
    /// Zones touched, as far as known.
    pub zones: Vec<String>,
    /// The first fact of the episode.
    pub first_event_time: String,
    /// The fact that put a window over its limit.
    pub triggered_event_time: String,
    /// That fact's event id.
    pub triggered_event_id: String,
    /// The last fact of the episode.
    pub last_event_time: String,
    /// What is gone.
    pub destroyed: Destroyed,
    /// What was refused.
    pub denied: Denied,
    /// What came back.
    pub recreated: Vec<Recreated>,
    /// One sentence a human can act on.
    pub reason: String,
    /// The facts that say so, at most [`crate::limits::EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
}

/// Who answers for an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The actor's stable key.
    pub key: String,
    /// The actor's own ARN (role, user, root), never a session's.
    pub arn: String,
    /// The type of identity, in CloudTrail's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// The actor's account.
    pub account: String,
    /// The session with most weight in the evidence; empty without sessions.
    pub session: String,
    /// Sessions, at most [`crate::limits::SESSIONS_LISTED_MAX`].
    pub sessions: Vec<String>,
    /// The role behind the sessions; empty without sessions.
    pub issuer: String,
    /// The principal at the start of the chain of AssumeRole calls; empty if unknown or the same.
    pub origin: String,
    /// The tool behind the calls, as the user agent tells it; empty if unknown.
    pub tool: String,
}

/// What is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Calls that destroyed.
    pub calls: u64,
    /// Resources destroyed, once per incarnation.
    pub resources: u64,
    /// Resources gone when the incident first was `high`.
    pub at_page: Option<u64>,
    /// Resources gone when the incident first was `critical`.
    pub at_pause: Option<u64>,
    /// Resources that the actor had made itself.
    pub own: u64,
    /// The sum of weights.
    pub weight: f64,
    /// Resources by type.
    pub by_type: BTreeMap<String, u64>,
}

/// What was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// Destructive calls refused.
    pub calls: u64,
}

/// A resource that came back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recreated {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name or identifier.
    pub id: String,
    /// When it was destroyed.
    pub deleted_at: String,
    /// When it was created again.
    pub created_at: String,
}

/// One fact of the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its event id.
    pub event_id: String,
    /// Its time.
    pub time: String,
    /// `ec2:TerminateInstances`.
    pub action: String,
    /// What the action does.
    pub effect: Effect,
    /// Whether it took effect.
    pub outcome: Outcome,
    /// What it did it to.
    pub resources: Vec<EvidenceResource>,
}

/// One resource of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceResource {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// Its zones, as far as known.
    pub zones: Vec<String>,
}
