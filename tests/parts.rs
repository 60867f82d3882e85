//! The parts of the chain by themselves: what the tests of the whole stand on must hold without the product.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::support::agent::{self, Agent, DESTRUCTIVE, EVERYTHING, Scene, policy_arn};
use crate::support::emulator::{Emulator, Kind};
use crate::support::iam_proxy::IamProxy;
use crate::support::pager::{ROUTING_KEY, problems};
use crate::support::query::Api;
use crate::support::recorder::Recorder;
use crate::support::server::{Server, in_place};
use crate::support::stream::Stream;
use crate::support::{eventually, namespace};

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["ec2:Terminate*"],"Resource":"*"}]}"#;

/// A deny that is attached by hand stops the agent, at once or after IAM's delay, and nothing of it stays: on both
/// stand-ins, with all calls recorded on both streams.
#[test]
fn emulators_enforce() {
    if !in_place("emulators_enforce", &["emulators", "kinesis", "kafka"]) {
        return;
    }
    namespace::alone("parts::emulators_enforce", || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let kinesis = Server::start("kinesis", folder.path());
            let stream = Stream::kinesis(&kinesis, "trail").await;
            enforces(Kind::MiniStack, stream.clone(), Duration::ZERO).await;
            enforces(Kind::MiniStack, stream, Duration::from_millis(600)).await;
            let kafka = Server::start("kafka", folder.path());
            enforces(Kind::Moto, Stream::kafka(&kafka, "trail").await, Duration::ZERO).await;
        });
    });
}

async fn enforces(kind: Kind, stream: Stream, delay: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let emulator = Emulator::start(kind, folder.path()).await;
    let recorder = Recorder::start(&emulator.url(), stream, Duration::ZERO).await;
    agent::deny_policies(&emulator, DENY, DENY).await;
    let scene = Arc::new(Scene::set(&emulator, &recorder, "coding-agent", 8).await);
    let before = scene.policies().await;
    let proxy = IamProxy::start(&emulator.url(), delay).await;
    let hook = agent::hook_user(&emulator, "hook", &may_attach(&emulator)).await.at(proxy.url());
    let agent = Agent::start(scene.clone(), Duration::from_millis(100), 2);
    eventually("the agent makes calls", Duration::from_secs(10), async || (agent.calls().len() >= 3).then_some(()))
        .await;

    let deny = policy_arn(&emulator, DESTRUCTIVE);
    let change = [("RoleName", scene.role.as_str()), ("PolicyArn", deny.as_str())];
    hook.must(Api::Iam, "AttachRolePolicy", &change).await;
    let listed = hook.must(Api::Iam, "ListAttachedRolePolicies", &[("RoleName", scene.role.as_str())]).await;
    assert!(listed.contains(&deny), "IAM does not show what it accepted: {listed}");
    let calls = agent.end(Duration::from_secs(20)).await;
    let (good, refused): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.result.is_ok());
    let in_place = proxy.changes()[0].in_place;
    assert!(refused.iter().all(|call| call.result.as_ref().is_err_and(|refusal| refusal.is_denial())), "{refused:?}");
    assert!(good.iter().all(|call| call.at <= in_place), "a call went through after the deny: {good:?}, {in_place:?}");
    assert_eq!(scene.left().await, scene.instances.len() - good.len());
    assert_eq!(scene.describe().await, Ok(()), "the agent may still look");

    hook.must(Api::Iam, "DetachRolePolicy", &change).await;
    let last = scene.instances.len() - 1;
    eventually("the next call succeeds", Duration::from_secs(5), async || scene.terminate(last).await.ok()).await;
    assert_eq!(scene.policies().await, before);
    assert_eq!(proxy.changes().iter().filter(|change| change.had_effect).count(), 2);
    // Networks, subnets, launches and the role's assumption; the agent's calls; its look; the last call's tries.
    let recorded = 8 + calls.len() + 1 + 1;
    eventually("all records are in the stream", Duration::from_secs(10), async || {
        (recorder.delivered_count() >= recorded).then_some(())
    })
    .await;
    let name = kind.name();
    namespace::note(&format!("parts {name}: {} calls went through, {} refused", good.len(), refused.len()));
}

/// May attach and detach our two policies, and see what is attached.
fn may_attach(emulator: &Emulator) -> String {
    let policies = [policy_arn(emulator, DESTRUCTIVE), policy_arn(emulator, EVERYTHING)];
    let document = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow", "Resource": "*",
            "Action": ["iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:AttachUserPolicy", "iam:DetachUserPolicy"],
            "Condition": { "ArnEquals": { "iam:PolicyARN": policies } },
        },
        { "Effect": "Allow", "Resource": "*", "Action": ["iam:ListAttachedRolePolicies", "iam:ListAttachedUserPolicies"] },
    ]});
    document.to_string()
}

/// The hook's own user can attach our two policies and nothing else.
#[test]
fn hook_grants_nothing() {
    if !in_place("hook_grants_nothing", &["emulators"]) {
        return;
    }
    namespace::alone("parts::hook_grants_nothing", || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let emulator = Emulator::start(Kind::MiniStack, folder.path()).await;
            agent::deny_policies(&emulator, DENY, DENY).await;
            let proxy = IamProxy::start(&emulator.url(), Duration::ZERO).await;
            let hook = agent::hook_user(&emulator, "hook", &may_attach(&emulator)).await.at(proxy.url());
            let user = ("UserName", "hook");
            let ours = policy_arn(&emulator, DESTRUCTIVE);
            hook.must(Api::Iam, "AttachUserPolicy", &[user, ("PolicyArn", &ours)]).await;
            let others = ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess");
            let inline = [user, ("PolicyName", "more"), ("PolicyDocument", DENY)];
            let attempts = [("AttachUserPolicy", vec![user, others]), ("PutUserPolicy", inline.to_vec())];
            for (action, parameters) in attempts {
                let refusal = hook.call(Api::Iam, action, &parameters).await.expect_err("a refusal");
                assert!(refusal.is_denial(), "{action}: {refusal:?}");
            }
        });
    });
}

/// The pager takes what PagerDuty takes and says what is wrong with the rest.
#[test]
fn pager_is_strict() {
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = json!({
            "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "key",
            "payload": { "summary": "s", "source": "trailbrake", "severity": "critical", "custom_details": { "a": 1 } },
        });
        change(&mut event);
        event
    };
    // Where something is wrong; nothing: it is taken.
    let cases: [(&str, Value); 24] = [
        ("", event(&|_| ())),
        ("", event(&|event| event["event_action"] = json!("resolve"))),
        ("", json!({ "routing_key": ROUTING_KEY, "event_action": "acknowledge", "dedup_key": "key" })),
        ("", event(&|event| drop(event.as_object_mut().map(|event| event.remove("dedup_key"))))),
        ("", event(&|event| event["payload"]["timestamp"] = json!("2026-01-02T03:04:05Z"))),
        ("", event(&|event| event["links"] = json!([{ "href": "https://a.example/b", "text": "t" }]))),
        ("", event(&|event| event["images"] = json!([{ "src": "https://a.example/b.png" }]))),
        ("/routing_key: no such", event(&|event| event["routing_key"] = json!("f".repeat(32)))),
        ("/event_action: ", event(&|event| event["event_action"] = json!("update"))),
        ("/dedup_key: ", event(&|event| event["dedup_key"] = json!("k".repeat(256)))),
        (": \"dedup_key\" is a required", json!({ "routing_key": ROUTING_KEY, "event_action": "resolve" })),
        (": \"payload\" is a required", json!({ "routing_key": ROUTING_KEY, "event_action": "trigger" })),
        ("/payload/severity: ", event(&|event| event["payload"]["severity"] = json!("high"))),
        ("/payload/source: ", event(&|event| event["payload"]["source"] = json!(""))),
        ("/payload/timestamp: ", event(&|event| event["payload"]["timestamp"] = json!("today"))),
        ("/payload/summary: ", event(&|event| event["payload"]["summary"] = json!("s".repeat(1025)))),
        ("/payload/class: ", event(&|event| event["payload"]["class"] = json!(["a"]))),
        ("/payload/custom_details: ", event(&|event| event["payload"]["custom_details"] = json!("a"))),
        ("/payload: ", event(&|event| event["payload"]["colour"] = json!("red"))),
        (": Additional properties", event(&|event| event["colour"] = json!("red"))),
        ("/client_url: ", event(&|event| event["client_url"] = json!("trailbrake"))),
        ("/links/0: ", event(&|event| event["links"] = json!([{ "text": "t" }]))),
        ("/images/0/src: ", event(&|event| event["images"] = json!([{ "src": "http://a.example/b.png" }]))),
        ("event is larger than ", event(&|event| event["payload"]["custom_details"]["a"] = json!("a".repeat(512_000)))),
    ];
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (problem, event) in cases {
        let found = problems(&headers, event.to_string().as_bytes());
        match problem {
            "" => assert_eq!(found, Vec::<String>::new(), "{event}"),
            problem => assert!(found.iter().any(|one| one.starts_with(problem)), "{problem}: {found:?}"),
        }
    }
    assert!(problems(&headers, b"{")[0].starts_with("event is no JSON: "));
    assert_eq!(problems(&HeaderMap::new(), event(&|_| ()).to_string().as_bytes()), ["content type is not JSON"]);
}
