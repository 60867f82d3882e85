//! The real Prometheus with our rules, and the real Alertmanager that it tells.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::server::Server;
use super::{eventually, web};

/// Both at work.
pub(crate) struct Monitoring {
    alertmanager: Server,
    prometheus: Server,
}

/// What is shipped in `deploy/`.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// The rules that are shipped.
pub(crate) fn rules() -> String {
    std::fs::read_to_string(deploy().join("prometheus/trailbrake.rules.yml")).expect("the rules")
}

/// Alertmanager first: the daemon is told where it is.
pub(crate) fn alertmanager(directory: &Path) -> Server {
    let config = "route: { receiver: nobody, group_wait: 0s }\nreceivers: [{ name: nobody }]\n";
    std::fs::write(directory.join("alertmanager.yml"), config).expect("its configuration");
    Server::start("alertmanager", directory)
}

impl Monitoring {
    /// Starts Prometheus, which scrapes `target` and tells this Alertmanager.
    pub(crate) fn start(directory: &Path, target: &str, alertmanager: Server) -> Self {
        let rules = deploy().join("prometheus/trailbrake.rules.yml");
        let config = format!(
            "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\nrule_files: ['{}']\n\
             scrape_configs: [{{ job_name: trailbrake, static_configs: [{{ targets: ['{target}'] }}] }}]\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['127.0.0.1:{}'] }}] }}] }}\n",
            rules.display(),
            alertmanager.port
        );
        std::fs::write(directory.join("prometheus.yml"), config).expect("its configuration");
        Self { alertmanager, prometheus: Server::start("prometheus", directory) }
    }

    /// Waits for an alert that came by way of Prometheus.
    pub(crate) async fn alert_from_prometheus(&self, name: &str) -> Value {
        let prometheus = format!(":{}/graph", self.prometheus.port);
        let is_prometheus = |alert: &Value| alert["generatorURL"].as_str().is_some_and(|url| url.contains(&prometheus));
        self.alert(name, is_prometheus).await
    }

    /// Waits for the alert about an incident that Trailbrake itself told Alertmanager.
    pub(crate) async fn alert_from_trailbrake(&self, incident: &str) -> Value {
        self.alert("TrailbrakeIncident", |alert| alert["labels"]["incident"] == incident).await
    }

    async fn alert(&self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let url = format!("{}/api/v2/alerts", self.alertmanager.url());
        eventually(&format!("alert {name} in Alertmanager"), Duration::from_secs(20), async || {
            let answer = web::client().get(&url).send().await.ok()?.bytes().await.ok()?;
            let alerts: Vec<Value> = serde_json::from_slice(&answer).ok()?;
            alerts.into_iter().find(|alert| alert["labels"]["alertname"] == name && is_wanted(alert))
        })
        .await
    }
}
