//! Somebody launches as many junk instances as he then terminates real ones, so that it looks like a replacement.

use super::caller::agent;
use super::ec2;
use super::login;
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::worker::Worker;
use super::writer::Writer;

pub(super) fn write(writer: &mut Writer) {
    let fleet = Environment::in_production(writer, &[(Kind::Instance, 18, 24)]);
    let past = Past::new(writer, &fleet, 100);

    let caller = login::sign_in(writer, past.present_ms, agent::CLI);
    let slowest = writer.random.i64(4..=12);
    let mut worker = Worker::new(caller, past.present_ms + writer.between(30, 300), (1, slowest));
    worker.look_around(writer);
    let junk: Vec<Resource> = fleet.of(Kind::Instance).map(|real| named_like(writer, real)).collect();
    for zone in 0..3 {
        let launched: Vec<Resource> = junk.iter().filter(|one| one.zone == zone).cloned().collect();
        let (place, at) = (writer.place.clone(), writer.second(worker.now_ms));
        let call = ec2::run_instances(&launched, &place, at, &mut writer.random);
        worker.act(writer, call);
    }
    worker.now_ms += writer.between(30, 400);
    worker.delete_all(writer, &fleet, Kind::Instance);
    if writer.chance(50) {
        worker.now_ms += writer.between(20, 60);
        worker.delete_all(writer, &Environment { resources: junk }, Kind::Instance);
    }
    let until_ms = worker.now_ms + writer.between(120, 400);
    past.traffic(writer, until_ms);
}

/// An instance that looks as if it were to replace another, and is the cheapest there is.
fn named_like(writer: &mut Writer, real: &Resource) -> Resource {
    Resource { size: "t3.nano", ..real.reborn(&mut writer.random) }
}
