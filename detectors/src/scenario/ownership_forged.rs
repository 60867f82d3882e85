//! Somebody "creates" what has long existed, with calls that succeed all the same, and then deletes it as if it were his.

use super::caller::{agent, person, user};
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::small;
use super::worker::Worker;
use super::writer::{Call, Writer};

/// A load balancer that exists is described with the time of its birth, which was so long before.
const AGE_SECONDS: i64 = 200 * 86_400;

/// What matters most is deleted first.
const ORDER: [Kind; 7] =
    [Kind::LoadBalancer, Kind::Cluster, Kind::Topic, Kind::Queue, Kind::Rule, Kind::Alarm, Kind::Parameter];

pub(super) fn write(writer: &mut Writer) {
    let sizes = [
        (Kind::LoadBalancer, 4, 6),
        (Kind::Cluster, 4, 6),
        (Kind::Topic, 5, 8),
        (Kind::Queue, 5, 8),
        (Kind::Rule, 2, 5),
        (Kind::Alarm, 3, 8),
        (Kind::Parameter, 5, 8),
    ];
    let production = Environment::in_production(writer, &sizes);
    // Most of it is older than the trail, so that nothing contradicts the forger.
    let past = Past::new(writer, &production, 20);

    let name = person(writer);
    let caller = user(writer, name, agent::BOTO3_AGENT).leading();
    let slowest = writer.random.i64(3..=9);
    let mut worker = Worker::new(caller, past.present_ms, (1, slowest));
    worker.look_around(writer);
    for resource in &production.resources {
        let call = forged(writer, resource, worker.now_ms);
        worker.act(writer, call);
    }
    worker.now_ms += writer.between(30, 300);
    for kind in ORDER {
        worker.delete_all(writer, &production, kind);
    }
    let until_ms = worker.now_ms + writer.between(60, 240);
    past.traffic(writer, until_ms);
}

/// The create, as it succeeds for what exists.
fn forged(writer: &mut Writer, resource: &Resource, at_ms: i64) -> Call {
    let place = writer.place.clone();
    match resource.kind {
        Kind::Parameter => small::put_parameter(resource, &place, writer.random.u32(2..40)),
        _ => {
            let born = writer.second(at_ms).plus(-AGE_SECONDS);
            resource.create(&place, born, &mut writer.random)
        }
    }
}
