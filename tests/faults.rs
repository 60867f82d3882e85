//! Every receiver down behind a proxy that injects faults: the daemon stays up and goes on judging, says everywhere who is
//! not told, and tells them by itself once the fault is gone, each thing once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use trailbrake_detectors::scenario::{Options, generate};

use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told, sample};
use crate::support::receiver::Receiver;
use crate::support::server::in_place;
use crate::support::toxiproxy::{Fault, Proxy, Toxiproxy};
use crate::support::{eventually, now};

/// The longest attempt takes 15 s, and the next comes within 2 s of it.
const PATIENCE: Duration = Duration::from_secs(40);
/// Nobody waits this long for what does not depend on a dead receiver.
const PROMPT: Duration = Duration::from_secs(2);
/// How late a late proxy is.
const LATE: Duration = Duration::from_secs(3);
/// Slack's mark of what may have been told before.
const REPEAT: &str = "[may be a repeat] ";
/// The receivers of the configuration.
const RECEIVERS: [&str; 4] = ["pager", "channel", "program", "alerts"];

#[test]
fn with_every_receiver_down_it_goes_on_says_so_and_tells_them_later() {
    if !in_place("with_every_receiver_down_it_goes_on_says_so_and_tells_them_later", &["toxiproxy"]) {
        return;
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| {
            let directory = folder.path().join(name);
            std::fs::create_dir(&directory).expect("a folder");
            directory
        };
        let toxiproxy = Toxiproxy::start(&place("toxiproxy"));
        // Each has a daemon of its own, and all happen at the same time.
        tokio::join!(
            down(&toxiproxy, place("refused"), Fault::Refused, &["unreachable"]),
            down(&toxiproxy, place("cut"), Fault::Cut(20), &["broken"]),
            down(&toxiproxy, place("black-hole"), Fault::BlackHole, &["timeout"]),
            late(&toxiproxy, place("late")),
            one_dead(&toxiproxy, place("one-dead")),
        );
    });
}

/// A daemon, its receivers, and a proxy before each of them.
struct Scene {
    daemon: Plain,
    pager: Pager,
    channel: Receiver,
    program: Receiver,
    alerts: Receiver,
    proxies: [Proxy; 4],
}

impl Scene {
    async fn set(toxiproxy: &Toxiproxy, directory: &Path) -> Self {
        let pager = Pager::start().await;
        let [channel, program, alerts] = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
        let urls = [pager.endpoint(), channel.url(), program.url(), alerts.url()];
        let mut proxies = Vec::new();
        for url in &urls {
            proxies.push(toxiproxy.before(url).await);
        }
        let mut by_proxy = proxies.iter().zip(&urls).map(|(proxy, url)| proxy.instead_of(url));
        let told = Told {
            pagerduty: by_proxy.next(),
            slack: by_proxy.next(),
            webhook: by_proxy.next(),
            alertmanager: by_proxy.next(),
            ..Told::default()
        };
        drop(by_proxy);
        let daemon = Plain::start(directory, &told).await;
        let proxies = proxies.try_into().unwrap_or_else(|_| panic!("four proxies"));
        Self { daemon, pager, channel, program, alerts, proxies }
    }

    /// An incident, posted now; the daemon takes it at once.
    async fn incident(&self, seed: u64) {
        let begin = Instant::now();
        assert_eq!(self.daemon.post(trail(seed)).await, 202);
        assert!(begin.elapsed() < PROMPT, "dead receivers delay the judgement: {:?}", begin.elapsed());
    }

    async fn receiver(&self, name: &str) -> Value {
        self.daemon.get("/v1/status").await["receivers"][name].clone()
    }

    /// Waits until nothing is left to be told and nobody is said to be in trouble.
    async fn until_all_told(&self) {
        eventually("all is told", PATIENCE, async || {
            let receivers = self.daemon.get("/v1/status").await["receivers"].clone();
            let is_well = |name: &str| receivers[name]["waiting"] == 0 && receivers[name]["failing_since"].is_null();
            RECEIVERS.iter().all(|name| is_well(name)).then_some(())
        })
        .await;
        assert_eq!(self.daemon.readiness().await, (200, "ready\n".to_owned()));
        let metrics = self.daemon.metrics().await;
        for name in RECEIVERS {
            let failing = format!("trailbrake_receiver_failing{{receiver=\"{name}\"}}");
            assert_eq!(sample(&metrics, &failing), Some(0.0), "{name}");
            let given_up = format!("trailbrake_orders_total{{receiver=\"{name}\",result=\"given-up\"}}");
            assert_eq!(sample(&metrics, &given_up), Some(0.0), "{name}");
        }
    }

    /// Each receiver knows of each incident that pages; `may_repeat` says whether it may have been told before.
    async fn assert_told(&self, may_repeat: bool) {
        let incidents = self.incidents().await;
        assert!(incidents.len() >= 2, "{incidents:?}");
        assert_eq!(self.pager.refused(), Vec::<String>::new());
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in self.pager.taken() {
            let incident = event["payload"]["custom_details"]["incident"]["id"].as_str().expect("an incident");
            let key = event["dedup_key"].as_str().expect("a key").to_owned();
            keys.entry(incident.to_owned()).or_default().insert(key);
        }
        assert!(keys.values().all(|keys| keys.len() == 1), "paged twice: {keys:#?}");
        let paged: BTreeSet<String> = keys.into_keys().collect();
        assert_eq!(paged, incidents);
        let named = |taken: &Receiver, pointer: &str| -> BTreeSet<String> {
            let taken = taken.taken();
            let names = taken.iter().map(|(_, event)| event.pointer(pointer).and_then(Value::as_str));
            names.map(|name| name.expect("an incident").to_owned()).collect()
        };
        assert_eq!(named(&self.program, "/subject"), incidents);
        assert_eq!(named(&self.alerts, "/0/labels/incident"), incidents);
        let mut said: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for (_, message) in self.channel.taken() {
            let text = message.to_string();
            said.entry(text.replace(REPEAT, "")).or_default().push(text.contains(REPEAT));
        }
        assert!(said.len() >= incidents.len(), "{said:#?}");
        for (message, marks) in &said {
            let unmarked = marks.iter().filter(|is_repeat| !**is_repeat).count();
            let is_fine = if may_repeat { unmarked <= 1 && marks.len() <= 2 } else { marks.as_slice() == [false] };
            assert!(is_fine, "told again {marks:?}: {message}");
        }
    }

    /// The incidents that page.
    async fn incidents(&self) -> BTreeSet<String> {
        let is_told = |one: &Value| ["high", "critical"].iter().any(|severity| one["severity"] == **severity);
        let all = self.daemon.incidents().await.into_iter();
        all.filter(|(_, incident)| is_told(incident)).map(|(id, _)| id).collect()
    }
}

/// With all of them down in the same way.
async fn down(toxiproxy: &Toxiproxy, directory: PathBuf, fault: Fault, reasons: &[&str]) {
    let scene = Scene::set(toxiproxy, &directory).await;
    for proxy in &scene.proxies {
        proxy.suffer(fault).await;
    }
    scene.incident(1).await;
    for name in RECEIVERS {
        let what = format!("{fault:?}: {name} is said to fail");
        let receiver = eventually(&what, PATIENCE, async || {
            let receiver = scene.receiver(name).await;
            receiver["failing_since"].is_string().then_some(receiver)
        })
        .await;
        let reason = receiver["reason"].as_str().expect("a reason").to_owned();
        assert!(reasons.contains(&reason.as_str()), "{fault:?}: {receiver}");
        assert!(receiver["waiting"].as_u64().is_some_and(|orders| orders > 0), "{fault:?}: {receiver}");
        let (status, said) = scene.daemon.readiness().await;
        assert_eq!(status, 200, "it goes on taking events");
        let (since, word) = (receiver["failing_since"].as_str().expect("a time"), format!(": {name}: {reason}\n"));
        assert!(said.contains(&format!("receiver takes no messages since {since}{word}")), "{said}");
        let metrics = scene.daemon.metrics().await;
        assert_eq!(sample(&metrics, &format!("trailbrake_receiver_failing{{receiver=\"{name}\"}}")), Some(1.0));
        let failures = format!("trailbrake_delivery_failures_total{{reason=\"{reason}\",receiver=\"{name}\"}}");
        assert!(sample(&metrics, &failures).is_some_and(|failures| failures >= 1.0), "{failures}");
        let log = scene.daemon.log();
        assert!(log.lines().any(|line| line.contains("delivery failed") && line.contains(name)), "{log}");
    }
    scene.incident(2).await;
    assert_eq!(scene.incidents().await.len(), 2, "it goes on judging");
    for proxy in &scene.proxies {
        proxy.recover(fault).await;
    }
    scene.until_all_told().await;
    assert!(scene.daemon.log().contains("the receiver takes messages again"));
    scene.assert_told(fault != Fault::Refused).await;
}

/// What is only late is no trouble, and is not sent again.
async fn late(toxiproxy: &Toxiproxy, directory: PathBuf) {
    let scene = Scene::set(toxiproxy, &directory).await;
    let fault = Fault::Late(LATE);
    for proxy in &scene.proxies {
        proxy.suffer(fault).await;
    }
    let begin = Instant::now();
    scene.incident(1).await;
    scene.incident(2).await;
    let receiver = scene.receiver("pager").await;
    assert!(receiver["waiting"].as_u64().is_some_and(|orders| orders > 0), "{receiver}");
    assert_eq!(scene.pager.pages().len(), 0);
    scene.until_all_told().await;
    assert!(begin.elapsed() >= LATE);
    scene.assert_told(false).await;
    let metrics = scene.daemon.metrics().await;
    let failures = metrics.lines().filter(|line| line.starts_with("trailbrake_delivery_failures_total{"));
    assert!(failures.into_iter().all(|line| line.ends_with(" 0")), "{metrics}");
}

/// Nobody waits for one that is dead, and what it is to be told does not hold up other pages.
async fn one_dead(toxiproxy: &Toxiproxy, directory: PathBuf) {
    let scene = Scene::set(toxiproxy, &directory).await;
    let [pager, ..] = &scene.proxies;
    pager.suffer(Fault::BlackHole).await;
    for (seed, incidents) in [(1, 1), (2, 2)] {
        let begin = Instant::now();
        scene.incident(seed).await;
        for receiver in [&scene.channel, &scene.program, &scene.alerts] {
            let what = "those who live are told";
            eventually(what, PROMPT, async || (receiver.taken().len() >= incidents).then_some(())).await;
        }
        assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
    }
    assert_eq!(scene.pager.taken(), Vec::<Value>::new());
    pager.recover(Fault::BlackHole).await;
    scene.until_all_told().await;
    scene.assert_told(true).await;
}

/// A trail with an incident that ended a moment ago.
fn trail(seed: u64) -> String {
    let start = now().second().plus(-20 * 60);
    let records = generate("agent-rebuild", &Options::new(seed, start)).expect("a scenario");
    records.iter().map(|record| record.json.as_str()).collect::<Vec<_>>().join("\n")
}
