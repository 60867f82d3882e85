//! What the engine is told to do: part of the contract.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::detector::Limits;

/// What the engine is told to do about findings. The shell makes it from its configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The deployment's name: part of each page key.
    pub deployment: String,
    /// How long a partition of each source may be silent before the horizon stops waiting for it, in seconds.
    pub quiet_limits: BTreeMap<String, i64>,
    /// What things weigh, and from where on detectors speak.
    pub limits: Limits,
    /// How findings are acted on.
    pub brake: BrakeSettings,
}

/// Modes, protection, budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeSettings {
    /// The mode where no exception matches.
    pub mode: Mode,
    /// Exceptions, the first match counts.
    pub exceptions: Vec<ModeException>,
    /// Exact ARNs and unique ids that are never paused.
    pub protected: BTreeSet<String>,
    /// Pauses per account and hour; past it incidents only page.
    pub budget_account: u32,
    /// Pauses per hour over all accounts.
    pub budget_total: u32,
    /// How many reviewers must agree before a `critical` incident is resumed.
    pub reviewers_to_resume_critical: u32,
    /// By what pauses are carried out, which bounds whom they can reach.
    #[serde(default)]
    pub reach: Reach,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Observe,
            exceptions: Vec::new(),
            protected: BTreeSet::new(),
            budget_account: 3,
            budget_total: 10,
            reviewers_to_resume_critical: 2,
            reach: Reach::default(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deployment: "trailbrake".to_owned(),
            quiet_limits: BTreeMap::new(),
            limits: Limits::default(),
            brake: BrakeSettings::default(),
        }
    }
}

/// What happens when an incident becomes `critical`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Pages say what would have been paused.
    #[default]
    Observe,
    /// Pauses, and pages at the same time.
    Enforce,
}

impl Mode {
    /// The word in configuration and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// Whom pauses can reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Roles and users that a policy can be attached to: not those that IAM Identity Center keeps.
    #[default]
    Policies,
    /// All roles and users: a program of the user's own knows its ways.
    Program,
}

/// A mode for one detector, one account, or one detector in one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeException {
    /// The detector, or any.
    pub detector: Option<String>,
    /// The account, or any.
    pub account: Option<String>,
    /// The mode there.
    pub mode: Mode,
}
