//! How many entities `act` may pause in an hour, whatever it is told. Kept in a file, so that a restart grants nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trailbrake_detectors::engine::PauseKey;
use trailbrake_detectors::time::Millis;

use super::ActError;

/// The span that the limits are for.
const HOUR_MILLIS: i64 = 60 * 60 * 1_000;
/// The form of the file.
const SCHEMA: u32 = 1;

/// The limits, and what was spent of them in the last hour.
#[derive(Debug)]
pub(super) struct Budget {
    path: PathBuf,
    account_max: usize,
    total_max: usize,
    spent: Vec<Spent>,
}

/// An entity that was paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spent {
    key: PauseKey,
    at: Millis,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    spent: Vec<Spent>,
}

/// Why nothing was spent.
#[derive(Debug, thiserror::Error)]
pub(super) enum BudgetError {
    /// There is nothing left.
    #[error("nothing left for this hour")]
    Spent,
    /// What was spent could not be written.
    #[error("{0}")]
    State(#[from] io::Error),
}

impl Budget {
    /// Reads what was spent. A file that is not there is an empty one; a file that cannot be read is an error, as it may
    /// have held that all is spent.
    pub(super) fn open(path: &Path, account_max: u32, total_max: u32) -> Result<Self, ActError> {
        let error = |reason: String| ActError::State { path: path.to_owned(), reason };
        let spent = match fs::read(path) {
            Ok(bytes) => {
                let state: State = serde_json::from_slice(&bytes).map_err(|reason| error(reason.to_string()))?;
                if state.schema != SCHEMA {
                    return Err(error(format!("has schema {}, this version knows {SCHEMA}", state.schema)));
                }
                state.spent
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(reason) => return Err(error(reason.to_string())),
        };
        let whole = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let budget =
            Self { path: path.to_owned(), account_max: whole(account_max), total_max: whole(total_max), spent };
        budget.write(&budget.spent).map_err(|reason| error(reason.to_string()))?;
        Ok(budget)
    }

    /// Takes what pausing this entity costs, durably. An entity costs once an hour: pausing it again, more firmly or
    /// after a restart, takes nothing more away from anybody.
    pub(super) fn spend(&mut self, key: &PauseKey, now: Millis) -> Result<(), BudgetError> {
        let mut spent: Vec<Spent> =
            self.spent.iter().filter(|spent| spent.at > now.plus(-HOUR_MILLIS)).cloned().collect();
        if spent.iter().any(|spent| spent.key == *key) {
            return Ok(());
        }
        let of_account = spent.iter().filter(|spent| spent.key.account == key.account).count();
        if spent.len() >= self.total_max || of_account >= self.account_max {
            return Err(BudgetError::Spent);
        }
        spent.push(Spent { key: key.clone(), at: now });
        self.write(&spent)?;
        self.spent = spent;
        Ok(())
    }

    /// Replaces the file as a whole: a reader finds what was before or what is after.
    fn write(&self, spent: &[Spent]) -> io::Result<()> {
        let beside = self.path.with_added_extension("new");
        let bytes = serde_json::to_vec(&State { schema: SCHEMA, spent: spent.to_vec() })?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(account: u8, entity: u8) -> PauseKey {
        PauseKey {
            account: format!("{account:012}"),
            entity: format!("arn:aws:iam::{account:012}:role/agent-{entity}"),
            session: "*".to_owned(),
        }
    }

    #[test]
    fn is_spent_by_account_and_in_total_and_comes_back_after_an_hour() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.json");
        let open = || Budget::open(&path, 2, 3).expect("opens");
        // Account, entity, minute, and whether it is granted.
        let steps = [
            (1, 1, 0, true),
            (1, 2, 1, true),
            (1, 3, 2, false),
            (1, 1, 3, true),
            (2, 1, 4, true),
            (3, 1, 5, false),
            (1, 3, 60, true),
            (1, 2, 60, true),
            (3, 1, 61, true),
            (4, 1, 62, false),
        ];
        for restart in [false, true] {
            let _ = fs::remove_file(&path);
            let mut budget = open();
            for (step, (account, entity, minute, is_granted)) in steps.into_iter().enumerate() {
                if restart {
                    budget = open();
                }
                let now = Millis(1_700_000_000_000).plus(minute * 60_000);
                let result = budget.spend(&key(account, entity), now);
                assert_eq!(result.is_ok(), is_granted, "step {step}, restart {restart}: {result:?}");
            }
        }
    }

    #[test]
    fn nothing_is_granted_that_cannot_be_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let inner = directory.path().join("inner");
        fs::create_dir(&inner).expect("a directory");
        let mut budget = Budget::open(&inner.join("state.json"), 1, 1).expect("opens");
        fs::remove_dir_all(&inner).expect("removes");
        let result = budget.spend(&key(1, 1), Millis(0));
        assert!(matches!(result, Err(BudgetError::State(_))), "{result:?}");
        fs::create_dir(&inner).expect("a directory");
        budget.spend(&key(1, 1), Millis(0)).expect("what was not granted was not spent");
    }

    #[test]
    fn a_state_that_is_not_understood_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.json");
        for content in ["", "{", "[]", r#"{"schema":2,"spent":[]}"#, r#"{"schema":1,"spent":[],"more":1}"#] {
            fs::write(&path, content).expect("a file");
            let error = Budget::open(&path, 1, 1).expect_err(content);
            assert!(matches!(error, ActError::State { .. }), "{error}");
        }
    }
}
