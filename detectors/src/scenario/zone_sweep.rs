//! Somebody terminates an instance every fifty seconds, in three zones in turn: too slow to be a burst.

use super::caller::{agent, person, user};
use super::ec2;
use super::past::Past;
use super::resource::{Environment, Kind};
use super::worker::Worker;
use super::writer::Writer;

const EVERY_MS: i64 = 50_000;

pub(super) fn write(writer: &mut Writer) {
    let fleet = Environment::in_production(writer, &[(Kind::Instance, 27, 36)]);
    let past = Past::new(writer, &fleet, 100);

    let name = person(writer);
    let caller = user(writer, name, agent::CLI).leading();
    let mut worker = Worker::new(caller, past.present_ms, (1, 3));
    worker.look_around(writer);
    // An environment's instances lie in its zones in turn.
    for instance in fleet.of(Kind::Instance) {
        let due_ms = worker.now_ms + EVERY_MS;
        worker.act(writer, ec2::terminate(&[instance]));
        worker.now_ms = due_ms;
    }
    let until_ms = worker.now_ms + writer.between(60, 240);
    past.traffic(writer, until_ms);
}
