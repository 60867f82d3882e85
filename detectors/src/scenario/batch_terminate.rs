//! One call terminates thirty instances in three zones.

use super::caller::{agent, person, user};
use super::ec2;
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::worker::Worker;
use super::writer::{Writer, pick};

const INSTANCES: usize = 30;

pub(super) fn write(writer: &mut Writer) {
    let fleet = Environment::in_production(writer, &[(Kind::Instance, INSTANCES, INSTANCES)]);
    let past = Past::new(writer, &fleet, 100);

    let tool = pick(&mut writer.random, &[agent::CLI, agent::BOTO3_AGENT]);
    let name = person(writer);
    let caller = user(writer, name, tool).leading();
    let mut worker = Worker::new(caller, past.present_ms, (2, 15));
    worker.look_around(writer);
    let instances: Vec<&Resource> = fleet.of(Kind::Instance).collect();
    worker.act(writer, ec2::terminate(&instances));
    for instance in instances.into_iter().take(3) {
        let call = instance.describe(&writer.place);
        worker.act(writer, call);
    }
    let until_ms = worker.now_ms + writer.between(120, 400);
    past.traffic(writer, until_ms);
}
