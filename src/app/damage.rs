//! A journal whose content makes no sense: damaged, if this version wrote it; if another did, it is left as it is.

use serde_json::Value;
use trailbrake_detectors::engine::{Engine, LoadError, Row, Settings};

use super::AppError;
use crate::clock::SharedClock;
use crate::journal::{Cut, Journal, JournalError, Link, Loaded};
use crate::limits::BAD_ROWS_MAX;
use crate::pipeline::CONFIGURATION_NOTE;

/// What could be loaded.
pub(super) struct Readable {
    pub(super) engine: Engine,
    /// Everything but the rows, which the engine has.
    pub(super) loaded: Loaded,
    /// How many rows it has.
    pub(super) rows: usize,
    /// What became of a damaged journal.
    pub(super) set_aside: Option<String>,
}

/// Loads what makes sense. If something does not, the file is set aside, and rows that make none are left out.
pub(super) fn load(journal: &mut dyn Journal, settings: &Settings, clock: &SharedClock) -> Result<Readable, AppError> {
    let mut bad: Vec<(String, String)> = Vec::new();
    loop {
        let mut loaded = load_tables(journal, clock)?;
        loaded.rows.retain(|row| !bad.iter().any(|(table, key)| row.table == *table && row.key == *key));
        let rows = loaded.rows.len();
        match Engine::load(std::mem::take(&mut loaded.rows), settings.clone()) {
            Ok(engine) => {
                let set_aside = journal.set_aside().map(|set_aside| match bad.len() {
                    0 => set_aside.to_string(),
                    left_out => format!("{set_aside}; {left_out} rows that make no sense are left out"),
                });
                remove(journal, bad)?;
                return Ok(Readable { engine, loaded, rows, set_aside });
            }
            Err(LoadError::BadRow { table, key, reason }) if bad.len() < BAD_ROWS_MAX && is_ours(journal) => {
                if bad.is_empty() {
                    journal.begin_anew(&format!("{table} {key}: {reason}"), clock.now())?;
                }
                bad.push((table, key));
            }
            Err(error) => return Err(AppError::Rows { reason: error.to_string() }),
        }
    }
}

fn load_tables(journal: &mut dyn Journal, clock: &SharedClock) -> Result<Loaded, JournalError> {
    match journal.load() {
        Err(JournalError::Damaged { reason, .. }) if is_ours(journal) => {
            journal.begin_anew(&reason, clock.now())?;
            journal.load()
        }
        loaded => loaded,
    }
}

fn remove(journal: &mut dyn Journal, bad: Vec<(String, String)>) -> Result<(), JournalError> {
    if bad.is_empty() {
        return Ok(());
    }
    let rows = bad.into_iter().map(|(table, key)| Row { table, key, value: None }).collect();
    journal.commit(&Cut { rows, ..Cut::default() }).map(|_| ())
}

/// Whether this version was the last that wrote it: then what makes no sense is damage.
fn is_ours(journal: &mut dyn Journal) -> bool {
    let mut version = None;
    let read = journal.trail(&mut |link| {
        if let Link::Entry(entry) = link
            && entry.kind == CONFIGURATION_NOTE
        {
            let body: Option<Value> = serde_json::from_str(&entry.body).ok();
            version = body.and_then(|body| body["version"].as_str().map(str::to_owned));
        }
        true
    });
    read.is_ok() && version.as_deref() == Some(env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Instant;

    use rusqlite::Connection;
    use trailbrake_detectors::engine::Mode;
    use trailbrake_detectors::time::Millis;

    use super::*;
    use crate::clock::ManualClock;
    use crate::config::JournalKind;
    use crate::pipeline::tests::{judge_trail, stage};
    use crate::pipeline::{EngineStep, JournalStep};

    fn open(path: &Path) -> Box<dyn Journal> {
        crate::journal::open(&JournalKind::Sqlite(path.to_owned()), Millis(0)).expect("opens")
    }

    /// A journal with an incident.
    fn write(path: &Path) -> usize {
        let (mut journal, mut group) = (open(path), JournalStep::default());
        group.push(EngineStep::started(&Settings::default(), "", Millis(0)), Instant::now());
        let (mut step, _) = stage(Mode::Observe);
        judge_trail(&mut step).into_iter().for_each(|piece| group.push(piece, Instant::now()));
        group.commit(journal.as_mut(), Instant::now()).expect("commits");
        step.engine().facts_held()
    }

    fn read(path: &Path) -> Result<Readable, AppError> {
        let clock: SharedClock = Arc::new(ManualClock::at(Millis(1_000)));
        load(open(path).as_mut(), &Settings::default(), &clock)
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_said_so_if_this_version_wrote_it() {
        for (sql, facts_lost, orders_lost) in [
            (
                "UPDATE rows SET value = replace(value, '\"event\"', '\"evemt\"') WHERE rowid IN
              (SELECT rowid FROM rows WHERE name = 'fact' LIMIT 2)",
                2,
                false,
            ),
            ("UPDATE orders SET body = replace(body, '\"receiver\"', '\"receivor\"') WHERE number = 1", 0, true),
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("journal.db");
            let facts = write(&path);
            let change = |sql: &str| Connection::open(&path).expect("opens").execute_batch(sql).expect("changes");
            change(sql);
            let found = read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found.engine.facts_held(), facts - facts_lost);
            assert_eq!(found.loaded.orders.is_empty(), orders_lost);
            assert!(found.set_aside.is_some_and(|said| said.contains("rows that make no sense") == (facts_lost > 0)));
            let again = read(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((again.engine.facts_held(), again.set_aside), (facts - facts_lost, None), "it is whole again");

            // What another version wrote is left as it is.
            write(&path);
            change(sql);
            change(
                "UPDATE audit SET body = replace(body, '\"version\":\"', '\"version\":\"9') WHERE kind = 'configuration'",
            );
            let before = std::fs::read_dir(directory.path()).expect("lists").count();
            assert_eq!(read(&path).is_err(), facts_lost > 0 || orders_lost);
            assert_eq!(std::fs::read_dir(directory.path()).expect("lists").count(), before);
        }
    }
}
