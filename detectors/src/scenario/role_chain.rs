//! Somebody assumes a role, from it another and from that a third, and spreads the destruction over them.

use super::caller::{Caller, Role, agent, person, user};
use super::login;
use super::past::Past;
use super::resource::Environment;
use super::worker::Worker;
use super::writer::{Writer, pick};

pub(super) fn write(writer: &mut Writer) {
    let production = Environment::production(writer);
    let past = Past::new(writer, &production, 70);

    let tool = pick(&mut writer.random, &[agent::CLI, agent::CLI_AGENT, agent::BOTO3_AGENT]);
    let origin = if writer.chance(50) {
        let name = person(writer);
        user(writer, name, tool).leading()
    } else {
        login::sign_in(writer, past.present_ms, tool)
    };
    writer.answers(&origin.entity);
    let mut worker = Worker::new(origin.clone(), past.present_ms + writer.between(20, 200), (2, 8));
    worker.look_around(writer);
    let sessions = chain(writer, origin, &mut worker);

    let slowest = writer.random.i64(4..=15);
    let mut worker = Worker::new(sessions[0].clone(), worker.now_ms, (2, slowest)).taking_turns(sessions);
    worker.look_around(writer);
    worker.tear_down(writer, &production);
    let until_ms = worker.now_ms + writer.between(120, 400);
    past.traffic(writer, until_ms);
}

/// One session of each of three roles, each assumed by the one before.
fn chain(writer: &mut Writer, origin: Caller, worker: &mut Worker) -> Vec<Caller> {
    let mut sessions = Vec::new();
    let mut last = origin;
    for (path, name) in [("/", "support-access"), ("/automation/", "deploy-bridge"), ("/", "production-admin")] {
        let role = Role::new(writer, path, name);
        let session = format!("{name}-{}", writer.random.u32(1_000..9_999));
        last = login::assume(writer, &last, &role, &session, worker.now_ms);
        worker.becomes(last.clone());
        worker.now_ms += writer.between(2, 20);
        sessions.push(last.clone());
    }
    sessions
}
