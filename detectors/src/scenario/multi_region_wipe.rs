//! An agent with administrator's rights empties several regions of an account, a kind of resource at a time.

use super::caller::{agent, person, user};
use super::login;
use super::past::Past;
use super::resource::{Environment, Kind};
use super::worker::Worker;
use super::writer::{Place, Writer, pick};

pub(super) fn write(writer: &mut Writer) {
    let regions = writer.random.usize(3..=4);
    let home = writer.place.clone();
    let places = home.with_other_regions(&mut writer.random, regions);
    let environments: Vec<(Place, Environment)> = places
        .into_iter()
        .map(|place| {
            writer.place = place;
            (writer.place.clone(), Environment::in_production(writer, &SIZES))
        })
        .collect();
    writer.place = home.clone();
    let past = Past::new(writer, &environments[0].1, 60);

    let tool = pick(&mut writer.random, &[agent::CLI_AGENT, agent::BOTO3_AGENT, agent::CLI]);
    let caller = if writer.chance(50) {
        let name = person(writer);
        user(writer, name, tool).leading()
    } else {
        login::sign_in(writer, past.present_ms, tool)
    };
    let slowest = writer.random.i64(3..=8);
    let mut worker = Worker::new(caller, past.present_ms + writer.between(30, 200), (1, slowest));
    for (place, _) in &environments {
        writer.place = place.clone();
        worker.look_around(writer);
    }
    for kind in Worker::order_of_deletion(writer) {
        for (place, environment) in &environments {
            writer.place = place.clone();
            worker.delete_all(writer, environment, kind);
        }
    }
    writer.place = home;
    let until_ms = worker.now_ms + writer.between(120, 400);
    past.traffic(writer, until_ms);
}

/// What there is in each region.
const SIZES: [(Kind, usize, usize); 7] = [
    (Kind::Instance, 3, 7),
    (Kind::Service, 0, 2),
    (Kind::Database, 1, 3),
    (Kind::Table, 1, 4),
    (Kind::LoadBalancer, 1, 2),
    (Kind::Function, 1, 4),
    (Kind::NatGateway, 1, 3),
];
