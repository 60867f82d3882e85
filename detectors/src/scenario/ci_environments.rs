//! Benign: CI runs create test environments, several at a time, and each tears its own down after some minutes.

use serde_json::json;

use super::caller::{Caller, Role, address, agent};
use super::resource::{Environment, Kind, Resource};
use super::routine;
use super::worker::Worker;
use super::writer::{Writer, pick, unique_id};

pub(super) fn write(writer: &mut Writer) {
    let role = Role::new(writer, "/ci/", "ci-integration-tests");
    let repository = pick(&mut writer.random, &["example/shop", "example/billing", "example/platform"]);
    let tool = pick(&mut writer.random, &[agent::TERRAFORM, agent::CLI]);
    let first_run = writer.random.u64(10_000_000_000..18_000_000_000);

    let lanes = writer.random.u64(3..=5);
    let mut finished_ms = 0;
    for lane in 0..lanes {
        let mut now_ms = writer.between(10, 300);
        for turn in 0..writer.random.u64(1..=2) {
            let run = first_run + lane * 7 + turn * 101;
            now_ms = test_run(writer, &role, repository, tool, run, now_ms) + writer.between(30, 120);
        }
        finished_ms = finished_ms.max(now_ms);
    }
    let until_ms = finished_ms + writer.between(60, 180);
    routine::traffic(writer, until_ms);
}

/// One run: a session of its own, an environment, tests, and the environment's end. Returns when it is over.
fn test_run(writer: &mut Writer, role: &Role, repository: &str, tool: &str, run: u64, start_ms: i64) -> i64 {
    let caller = log_in(writer, role, repository, tool, run, start_ms);
    let environment = Environment::test(writer, &format!("ci-{run}"));
    let mut worker = Worker::new(caller, start_ms + 2_000, (1, 4));
    for resource in &environment.resources {
        worker.create(writer, resource);
    }
    let tested_ms = worker.now_ms + writer.between(180, 600);
    while worker.now_ms < tested_ms {
        let looked_at = &environment.resources[writer.random.usize(..environment.resources.len())];
        let call = looked_at.describe(&writer.place);
        worker.act(writer, call);
        worker.now_ms += writer.between(10, 30);
    }
    // Newest first; what others depend on goes last.
    let (last, first): (Vec<&Resource>, Vec<&Resource>) = environment
        .resources
        .iter()
        .rev()
        .partition(|resource| matches!(resource.kind, Kind::SecurityGroup | Kind::TargetGroup));
    for resource in first.into_iter().chain(last) {
        worker.delete(writer, resource);
    }
    worker.now_ms
}

/// The job shows its token to STS and gets a session of the CI role.
fn log_in(writer: &mut Writer, role: &Role, repository: &str, tool: &str, run: u64, at_ms: i64) -> Caller {
    let session = format!("run-{run}");
    let key = unique_id(&mut writer.random, "ASIA", 20);
    let request = json!({"roleArn": role.arn, "roleSessionName": session, "durationSeconds": 3600});
    let call = routine::assume(writer, role, "AssumeRoleWithWebIdentity", &session, &key, at_ms, request);
    let from = address(writer);
    writer.call(&Caller::web_identity(repository, &from, tool), at_ms, call);
    let mut caller = role.session_with_key(writer, &session, &key, at_ms, tool).leading();
    caller.address = from;
    caller.identity["sessionContext"]["webIdFederationData"] = json!({
        "federatedProvider":
            format!("arn:aws:iam::{}:oidc-provider/token.actions.githubusercontent.com", writer.place.account),
        "attributes": {},
    });
    caller
}
