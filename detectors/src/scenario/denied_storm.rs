//! Somebody tries to destroy everything and has no right to any of it: nothing is lost.

use super::caller::{Role, agent};
use super::login;
use super::past::Past;
use super::resource::{Environment, Resource};
use super::routine;
use super::worker::Worker;
use super::writer::{Call, Writer, unique_id};
use serde_json::{Value, json};

pub(super) fn write(writer: &mut Writer) {
    let production = Environment::production(writer);
    let past = Past::new(writer, &production, 50);

    let role = Role::new(writer, "/", "readonly-analyst");
    let caller = login::instance_role(writer, &role, past.present_ms, agent::BOTO3_AGENT);
    let mut now_ms = past.present_ms + writer.between(20, 200);
    let mut worker = Worker::new(caller.clone(), now_ms, (1, 4));
    worker.look_around(writer);
    now_ms = now_ms.max(worker.now_ms);
    let slowest = writer.random.i64(1..=5);
    for _ in 0..writer.random.u8(2..=4) {
        let mut targets: Vec<&Resource> = production.resources.iter().collect();
        writer.random.shuffle(&mut targets);
        for resource in targets {
            let call = if writer.chance(15) { of_other_services(writer) } else { resource.delete(&writer.place) };
            writer.denied(&caller, now_ms, call);
            now_ms += writer.between(0, slowest);
            if writer.chance(10) {
                let call = routine::describe_everything(writer);
                writer.call(&caller, now_ms, call);
            }
        }
    }
    let until_ms = now_ms + writer.between(60, 240);
    past.traffic(writer, until_ms);
}

/// A destructive call of a service that the environment does not use.
fn of_other_services(writer: &mut Writer) -> Call {
    let number = writer.random.u32(1..20);
    match writer.random.u8(..4) {
        0 => Call::destroy("iam", "DeleteRole", json!({"roleName": format!("service-{number}")}), Value::Null),
        1 => Call::destroy("iam", "DeleteUser", json!({"userName": format!("build-{number}")}), Value::Null),
        2 => {
            let key = super::writer::uuid(&mut writer.random);
            Call::destroy("kms", "ScheduleKeyDeletion", json!({"keyId": key, "pendingWindowInDays": 7}), Value::Null)
        }
        _ => {
            let secret = format!("app/{number}-{}", unique_id(&mut writer.random, "", 6));
            let request = json!({"secretId": secret, "forceDeleteWithoutRecovery": true});
            Call::destroy("secretsmanager", "DeleteSecret", request, Value::Null)
        }
    }
}
