//! The whole chain on real parts: an agent destroys instances, its calls travel as CloudTrail records through a real
//! stream, Trailbrake pauses its role at an IAM that enforces and pages, Prometheus and Alertmanager show it, two
//! reviewers let the agent go on, and nothing of the pause is left.

mod figures;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use trailbrake_detectors::time::Millis;

use self::figures::Figures;
use crate::support::agent::{self, Agent, Call, DESTRUCTIVE, EVERYTHING, Scene, policy_arn};
use crate::support::daemon::{Daemon, Surroundings, deny_policy, hook_policy};
use crate::support::emulator::{Emulator, Kind};
use crate::support::iam_proxy::{Change, IamProxy};
use crate::support::monitoring::{Monitoring, alertmanager, rules};
use crate::support::pager::Pager;
use crate::support::recorder::Recorder;
use crate::support::server::{Server, in_place};
use crate::support::stream::Stream;
use crate::support::{eventually, namespace};

/// What CloudTrail and IAM take on AWS: records seconds after their calls, changes seconds after they were accepted.
const DELIVERY_DELAY: Duration = Duration::from_secs(2);
const IAM_DELAY: Duration = Duration::from_secs(4);
/// `short` runs one variant for each stream and each stand-in.
const CHAIN: &str = "TRAILBRAKE_CHAIN";

/// Which stream and which stand-in, with which delays.
#[derive(Clone, Copy, Debug)]
struct Variant {
    stream: &'static str,
    emulator: Kind,
    delivery: Duration,
    iam: Duration,
}

impl Variant {
    const fn plain(stream: &'static str, emulator: Kind) -> Self {
        Self { stream, emulator, delivery: Duration::ZERO, iam: Duration::ZERO }
    }

    const fn delayed(stream: &'static str, emulator: Kind) -> Self {
        Self { stream, emulator, delivery: DELIVERY_DELAY, iam: IAM_DELAY }
    }

    fn name(&self) -> String {
        let delays = if self.iam.is_zero() { "" } else { "-delayed" };
        format!("{}-{}{delays}", self.stream, self.emulator.name())
    }

    /// Slower where everything else is, so that something is left to save.
    fn pace(&self) -> Duration {
        Duration::from_millis(if self.iam.is_zero() { 150 } else { 500 })
    }
}

const VARIANTS: [Variant; 8] = [
    Variant::plain("kinesis", Kind::MiniStack),
    Variant::delayed("kafka", Kind::Moto),
    Variant::plain("kafka", Kind::MiniStack),
    Variant::plain("kinesis", Kind::Moto),
    Variant::plain("kafka", Kind::Moto),
    Variant::delayed("kinesis", Kind::MiniStack),
    Variant::delayed("kafka", Kind::MiniStack),
    Variant::delayed("kinesis", Kind::Moto),
];
/// The first so many are the short form.
const VARIANTS_SHORT: usize = 2;

#[test]
fn whole_chain() {
    if !in_place("whole_chain", &["emulators", "kinesis", "kafka", "monitoring"]) {
        return;
    }
    namespace::alone("whole_chain::whole_chain", || {
        let is_short = std::env::var(CHAIN).is_ok_and(|form| form == "short");
        let variants = if is_short { &VARIANTS[..VARIANTS_SHORT] } else { &VARIANTS[..] };
        tokio::runtime::Runtime::new().expect("a runtime").block_on(all(variants));
    });
}

async fn all(variants: &[Variant]) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| {
        let directory = folder.path().join(name);
        std::fs::create_dir(&directory).expect("a folder");
        directory
    };
    let (kinesis, kafka) = (Server::start("kinesis", &place("kinesis")), Server::start("kafka", &place("kafka")));
    let ministack = Emulator::start(Kind::MiniStack, &place("ministack")).await;
    let moto = Emulator::start(Kind::Moto, &place("moto")).await;
    for emulator in [&ministack, &moto] {
        agent::deny_policies(emulator, &deny_policy("destructive"), &deny_policy("all")).await;
    }
    let mut table = vec![Figures::heading()];
    for variant in variants {
        let name = variant.name();
        let stream = match variant.stream {
            "kinesis" => Stream::kinesis(&kinesis, &name).await,
            _ => Stream::kafka(&kafka, &name).await,
        };
        let emulator = if variant.emulator == Kind::MiniStack { &ministack } else { &moto };
        let figures = chain(variant, stream, emulator, &place(&name)).await;
        namespace::note(&figures.sentence(&name));
        table.push(figures.row(&name));
    }
    namespace::note(&table.join("\n"));
}

/// One variant, from the first call to the last.
async fn chain(variant: &Variant, stream: Stream, emulator: &Emulator, directory: &Path) -> Figures {
    let name = variant.name();
    let source = stream.source();
    let recorder = Recorder::start(&emulator.url(), stream, variant.delivery).await;
    let proxy = IamProxy::start(&emulator.url(), variant.iam).await;
    let pager = Pager::start().await;
    let hook = agent::hook_user(emulator, &format!("hook-{name}"), &hook_policy(&emulator.account)).await;
    let scene = Arc::new(Scene::set(emulator, &recorder, &format!("agent-{name}"), 14).await);
    let before = scene.policies().await;
    let alertmanager = alertmanager(directory);
    let alerts = Some(alertmanager.url());
    let surroundings = Surroundings { source, pager: &pager, alertmanager: alerts, iam: proxy.url(), hook: &hook };
    let daemon = Daemon::start(directory, &surroundings).await;
    let monitoring = Monitoring::start(directory, &daemon.metrics_address(), alertmanager);

    let agent = Agent::start(scene.clone(), variant.pace(), 3);
    let deny = eventually("the deny is in place", Duration::from_secs(60), async || {
        let failed = daemon.incidents().iter().any(|incident| incident["pauses"].to_string().contains("\"failed\""));
        assert!(!failed, "the pause failed: {:?}", proxy.refusals());
        attached(&proxy)
    })
    .await;
    let calls = agent.end(Duration::from_secs(30)).await;
    stopped(&calls, deny.in_place);
    assert_has_deny(&scene, emulator).await;

    let incident = paged(&pager, &daemon, &scene).await;
    let id = incident["incident"]["id"].as_str().expect("an id");
    for alert in ["TrailbrakeIncidentOpen", "TrailbrakePaused"] {
        monitoring.alert_from_prometheus(alert).await;
    }
    monitoring.alert_from_trailbrake(id).await;
    let metrics = daemon.metrics().await;
    assert_rules_know(&metrics);
    let decision = decision_milliseconds(&metrics);
    let left = scene.left().await;

    resumed(&daemon, &scene, emulator, id, &before).await;
    let last = scene.instances.len() - 1;
    let patience = variant.iam + Duration::from_secs(5);
    eventually("the next call succeeds", patience, async || scene.terminate(last).await.ok()).await;
    let resolved = |event: &Value| event["event_action"] == "resolve";
    eventually("the page is resolved", Duration::from_secs(20), async || {
        pager.taken().iter().find(|event| resolved(event)).cloned()
    })
    .await;
    assert_eq!(pager.pages().len(), 1, "exactly one page: {:?}", pager.pages());
    assert_eq!(pager.refused(), Vec::<String>::new());
    assert!(daemon.stop().await.success(), "trailbrake did not end well");
    Figures::new(&incident, &calls, left, scene.instances.len(), &deny, decision)
}

fn attached(proxy: &IamProxy) -> Option<Change> {
    proxy.changes().into_iter().find(|change| change.action == "AttachRolePolicy" && change.had_effect)
}

/// Every call made after the deny was in place was refused, and at least one was made.
fn stopped(calls: &[Call], in_place: Millis) {
    let after: Vec<_> = calls.iter().filter(|call| call.at > in_place).collect();
    assert!(!after.is_empty(), "no call was made after the deny");
    for call in after {
        assert!(call.result.as_ref().is_err_and(|refusal| refusal.is_denial()), "went through: {call:?}");
    }
}

async fn assert_has_deny(scene: &Scene, emulator: &Emulator) {
    let policies = scene.policies().await;
    let ours = [policy_arn(emulator, DESTRUCTIVE), policy_arn(emulator, EVERYTHING)];
    assert!(policies.iter().any(|policy| ours.contains(policy)), "no deny of ours: {policies:?}");
}

/// Exactly one page, a trigger first, with evidence that names what the agent destroyed; and the incident as the API
/// tells it.
async fn paged(pager: &Pager, daemon: &Daemon, scene: &Scene) -> Value {
    let is_paused = |incident: &Value| incident["incident"]["state"] == "paused";
    let incident = eventually("one incident, paused", Duration::from_secs(20), async || {
        let incidents = daemon.incidents();
        (incidents.len() == 1 && is_paused(&incidents[0])).then(|| incidents[0].clone())
    })
    .await;
    assert_eq!(incident["incident"]["severity_peak"], "critical", "{incident}");
    let first = eventually("a page", Duration::from_secs(20), async || pager.taken().first().cloned()).await;
    assert_eq!(first["event_action"], "trigger", "{first}");
    assert_eq!(pager.pages().len(), 1, "{:?}", pager.pages());
    let evidence = &first["payload"]["custom_details"]["incident"]["evidence"];
    let named = scene.instances.iter().filter(|id| evidence.to_string().contains(*id)).count();
    assert!(named > 0, "the page's evidence names nothing that was destroyed: {first}");
    assert!(first["payload"]["summary"].to_string().contains(&scene.role), "the page does not say who: {first}");
    incident
}

/// One reviewer is not enough; after the second nothing of the pause is left.
async fn resumed(daemon: &Daemon, scene: &Scene, emulator: &Emulator, id: &str, before: &[String]) {
    let resume = |reviewer: &str| {
        let output =
            daemon.as_reviewer(reviewer, &["incidents", "resume", id, "--reason", "it was planned, see CHG-1234"]);
        assert!(output.status.success(), "{reviewer}: {}", String::from_utf8_lossy(&output.stderr));
    };
    resume("alice");
    assert_has_deny(scene, emulator).await;
    assert!(scene.terminate(scene.instances.len() - 1).await.is_err(), "resumed by one reviewer");
    resume("bob");
    eventually("the role's policies are what they were", Duration::from_secs(20), async || {
        (scene.policies().await == before).then_some(())
    })
    .await;
}

/// Trailbrake's own measure from the decisive record's receipt to the hook's call, in milliseconds.
fn decision_milliseconds(metrics: &str) -> f64 {
    let sample = "trailbrake_decision_seconds{quantile=\"0.99\",window=\"10m\"} ";
    let value = metrics.lines().find_map(|line| line.strip_prefix(sample)?.parse::<f64>().ok());
    value.unwrap_or_else(|| panic!("no decision was measured:\n{metrics}")) * 1_000.0
}

/// Each metric that a rule speaks of exists.
fn assert_rules_know(metrics: &str) {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let rules = rules();
    let expressions = rules.lines().filter(|line| !line.trim_start().starts_with(['#', '-']));
    let names: BTreeSet<_> = expressions
        .flat_map(|line| line.split(|letter| !is_name(letter)))
        .filter(|word| word.starts_with("trailbrake_"))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("\n{name}")), "a rule speaks of {name}, which does not exist:\n{metrics}");
    }
}
