//! Somebody deletes a database or a few and creates them again under the same identifiers, empty.

use super::caller::agent;
use super::login;
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::worker::Worker;
use super::writer::{Call, Writer, pick};

pub(super) fn write(writer: &mut Writer) {
    let most = writer.random.usize(1..=4);
    let databases = Environment::in_production(writer, &[(Kind::Database, 1, most)]);
    let past = Past::new(writer, &databases, 50);

    let tool = pick(&mut writer.random, &[agent::CLI, agent::CLI_AGENT]);
    let caller = login::sign_in(writer, past.present_ms, tool);
    let mut worker = Worker::new(caller, past.present_ms + writer.between(60, 600), (2, 20));
    worker.look_around(writer);
    if writer.chance(50) {
        // One after the other.
        for database in databases.of(Kind::Database) {
            worker.delete(writer, database);
            recreate(writer, &mut worker, database);
        }
    } else {
        worker.delete_all(writer, &databases, Kind::Database);
        for database in databases.of(Kind::Database) {
            recreate(writer, &mut worker, database);
        }
    }
    let until_ms = worker.now_ms + writer.between(60, 400);
    past.traffic(writer, until_ms);
}

/// Waits until the database is gone, tries too early once in a while, and creates it again.
fn recreate(writer: &mut Writer, worker: &mut Worker, database: &Resource) {
    let place = writer.place.clone();
    let gone_ms = worker.now_ms + writer.between(120, 420);
    let again = database.reborn(&mut writer.random);
    if writer.chance(40) {
        let at = writer.second(worker.now_ms);
        let call = again.create(&place, at, &mut writer.random);
        worker.act(writer, call.failed("DBInstanceAlreadyExists", "DB instance already exists".to_owned()));
    }
    while worker.now_ms < gone_ms {
        worker.act(writer, database.describe(&place));
        worker.now_ms += 30_000;
    }
    let missing = format!("DBInstance {} not found.", database.name);
    let look: Call = database.describe(&place);
    worker.act(writer, look.failed("DBInstanceNotFound", missing));
    worker.create(writer, &again);
}
