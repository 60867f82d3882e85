//! One role destroys an environment under a new session name every few calls; no trail shows who assumed it.

use super::caller::{Role, agent};
use super::past::Past;
use super::resource::Environment;
use super::worker::Worker;
use super::writer::{Writer, pick};

pub(super) fn write(writer: &mut Writer) {
    let production = Environment::production(writer);
    let past = Past::new(writer, &production, 60);
    let start_ms = past.present_ms + writer.between(60, 240);

    let name = pick(&mut writer.random, &["platform-automation", "ops-runner", "task-executor"]);
    let role = Role::new(writer, "/automation/", name);
    let tool = pick(&mut writer.random, &[agent::BOTO3_AGENT, agent::CLI]);
    let slowest = writer.random.i64(6..=24);
    let mut worker = Worker::rotating(writer, role, tool, start_ms, (3, slowest));
    worker.look_around(writer);
    worker.tear_down(writer, &production);

    let until_ms = worker.now_ms + writer.between(120, 420);
    past.traffic(writer, until_ms);
}
