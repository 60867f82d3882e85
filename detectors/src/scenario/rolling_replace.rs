//! Benign: an operator replaces a fleet by hand, one instance after the other: the new one first, then the old one goes.

use super::caller::{Caller, agent};
use super::habit::Habit;
use super::resource::{Environment, Kind};
use super::terraform_destroy::operator;
use super::worker::Worker;
use super::writer::Writer;
use super::{ec2, routine, serving};

/// Replacing the fleet takes longer than this.
const SHORTEST_MS: i64 = 30 * 60 * 1000;

pub(super) fn write(writer: &mut Writer) {
    let production = Environment::production(writer);
    let start_ms = writer.between(60, 240);
    let caller = operator(writer, start_ms, agent::CLI);
    let over_ms = replace(writer, caller, &production, start_ms);
    let until_ms = over_ms + writer.between(30, 120);
    routine::traffic(writer, until_ms);
}

/// An operator who replaces one fleet after another, some hours apart.
pub(super) struct Operator {
    caller: Caller,
}

impl Operator {
    pub(super) fn new(writer: &mut Writer) -> Self {
        Self { caller: operator(writer, 0, agent::CLI) }
    }
}

impl Habit for Operator {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let fleet = Environment::production(writer);
        replace(writer, self.caller.clone(), &fleet, at_ms) + writer.between(2 * 3_600, 8 * 3_600)
    }
}

/// Replaces each instance of an environment; returns when that is done.
fn replace(writer: &mut Writer, caller: Caller, production: &Environment, start_ms: i64) -> i64 {
    let mut worker = Worker::new(caller, start_ms, (1, 6));
    worker.look_around(writer);

    let place = writer.place.clone();
    let fleet: Vec<_> = production.of(Kind::Instance).collect();
    let each_ms = (SHORTEST_MS / fleet.len() as i64).max(150_000);
    for old in fleet {
        let due_ms = worker.now_ms + each_ms + writer.between(0, 20);
        let new = old.reborn(&mut writer.random);
        worker.create(writer, &new);
        worker.now_ms += writer.between(30, 60);
        worker.act(writer, new.describe(&place));
        if let Some(group) = production.of(Kind::TargetGroup).next() {
            worker.act(writer, serving::change_target("RegisterTargets", group, &new, &place));
            worker.now_ms += writer.between(20, 40);
            worker.act(writer, serving::describe_target_health(group, &place));
            worker.act(writer, serving::change_target("DeregisterTargets", group, old, &place));
            worker.now_ms += writer.between(5, 20);
        }
        worker.act(writer, ec2::terminate(&[old]));
        worker.now_ms = worker.now_ms.max(due_ms);
    }
    worker.now_ms
}
