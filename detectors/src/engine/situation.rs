//! An incident with what is done about it, and what receivers are told: part of the contract.

use serde::{Deserialize, Serialize};

use super::{PauseKey, Rung};
use crate::incident::{Report, Severity};
use crate::time::Millis;

/// What became of an incident, to be told to humans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is open and pages for the first time.
    Opened,
    /// It pages and grew: more severe, wider, or a pause took effect or failed.
    Updated,
    /// It is over: resumed, closed, merged or eased.
    Resolved,
}

/// An incident as it stands, and what the brake has done about it. Also the body of the API's answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    /// The incident, as design and `replay` show it.
    pub incident: Report,
    /// Everything that is or was to be paused for it, and how that went.
    pub pauses: Vec<Pause>,
    /// Why nothing is paused although the incident is `critical`; empty otherwise.
    pub not_paused_because: String,
    /// Reviewers who agreed to a resume, with their reasons.
    pub approvals: Vec<Approval>,
    /// What reviewers decided, the latest last; at most [`crate::limits::VERDICTS_KEPT_MAX`].
    #[serde(default)]
    pub verdicts: Vec<Verdict>,
    /// Whether what raised it last happened before the last verdict, and came to light after it.
    #[serde(default)]
    pub before_verdict: bool,
    /// The last change's number within this incident; grows by one with each announcement.
    pub sequence: u64,
}

/// What reviewers decided about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was decided.
    pub verdict: VerdictKind,
    /// The reviewers, the one who decided last.
    pub who: Vec<String>,
    /// When it was accepted.
    pub at: Millis,
    /// The reason of the last of them.
    pub reason: String,
    /// How bad the incident was when they judged it.
    pub severity: Severity,
}

/// What reviewers can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// The principal may go on.
    Resume,
    /// It is over.
    Close,
    /// It is real, and stays as it is.
    Confirm,
}

impl VerdictKind {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Close => "close",
            Self::Confirm => "confirm",
        }
    }
}

/// A reviewer's word for a resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The reviewer.
    pub who: String,
    /// When.
    pub at: Millis,
    /// Why.
    pub reason: String,
    /// Whether it was given by breaking the glass.
    pub break_glass: bool,
}

/// One pause of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What is paused.
    pub key: PauseKey,
    /// How firmly.
    pub rung: Rung,
    /// How far it has come.
    pub state: PauseState,
    /// When that was known.
    pub at: Millis,
    /// The reason of a failure; empty otherwise.
    pub reason: String,
}

/// How far a pause has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseState {
    /// In `observe`: it would have been paused.
    WouldPause,
    /// Decided, not yet known to be in place.
    Pausing,
    /// In place, read back.
    Paused,
    /// To be lifted, not yet known to be gone.
    Resuming,
    /// Lifted, read back.
    Resumed,
    /// Given up.
    Failed,
    /// Cannot or must not be paused.
    Unpausable,
}

impl PauseState {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldPause => "would-pause",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
            Self::Unpausable => "unpausable",
        }
    }
}

/// An incident's change that receivers are to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announcement {
    /// Unique and stable: the incident's id and its sequence number.
    pub id: String,
    /// Groups the messages of one incident at a receiver.
    pub page_key: String,
    /// What changed.
    pub change: Change,
    /// When it was decided.
    pub at: Millis,
    /// The incident now.
    pub situation: Situation,
}
