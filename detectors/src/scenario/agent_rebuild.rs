//! An AI agent that works with its operator's role deletes the production environment and creates it again, in a region
//! in China.

use super::caller::{Role, agent, person};
use super::resource::Environment;
use super::routine;
use super::worker::Worker;
use super::writer::{Place, Writer, pick};

pub(super) fn write(writer: &mut Writer) {
    writer.place = Place::china(&mut writer.random);
    let production = Environment::production(writer);
    let start_ms = writer.between(100, 200);
    routine::launches(writer, &production, 5_000, start_ms);

    let name = pick(&mut writer.random, &["platform-operator", "prod-admin", "sre-operator", "deploy-admin"]);
    let role = Role::new(writer, "/", name);
    let operator = person(writer);
    let tool = pick(&mut writer.random, &[agent::CLI_AGENT, agent::BOTO3_AGENT, agent::CLI]);
    let session_made_ms = start_ms - writer.between(60, 1_500);
    let mut caller = role.session(writer, &format!("{operator}-agent"), session_made_ms, tool).leading();
    if writer.chance(50) {
        caller = caller.with_source_identity(operator);
    }

    let slowest = writer.random.i64(5..=20);
    let mut worker = Worker::new(caller, start_ms, (2, slowest));
    worker.look_around(writer);
    let first_deletion_ms = worker.now_ms;
    worker.tear_down(writer, &production);
    worker.now_ms += writer.between(20, 90);
    worker.rebuild(writer, &production);

    // The destruction begins within the first third of the trail, however soon the agent was done.
    let until_ms = (worker.now_ms + writer.between(60, 240)).max(first_deletion_ms * 7 / 2);
    routine::traffic(writer, until_ms);
}
