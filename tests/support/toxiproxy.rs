//! The real toxiproxy: proxies that delay, cut or swallow what passes between the daemon and its receivers.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Server, free_port};
use super::web;

/// What a proxy does to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What is sent arrives this much later.
    Late(Duration),
    /// The connection is cut after so many bytes of an answer.
    Cut(u64),
    /// What is sent arrives nowhere, and nobody says so.
    BlackHole,
    /// Nobody listens.
    Refused,
}

/// The server of all proxies.
pub(crate) struct Toxiproxy {
    server: Server,
}

impl Toxiproxy {
    /// Starts it; it keeps its log in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        Self { server: Server::start("toxiproxy", directory) }
    }

    /// A proxy before the server of a base URL; nothing is wrong with it yet.
    pub(crate) async fn before(&self, url: &str) -> Proxy {
        let upstream = url.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
        let port = free_port();
        let proxies = format!("{}/proxies", self.server.url());
        let proxy = json!({ "name": port.to_string(), "listen": format!("127.0.0.1:{port}"), "upstream": upstream });
        ask(Method::POST, &proxies, &proxy).await;
        Proxy { api: format!("{proxies}/{port}"), port }
    }
}

/// A proxy before one server.
pub(crate) struct Proxy {
    api: String,
    port: u16,
}

impl Proxy {
    /// A URL of the server, by way of the proxy.
    pub(crate) fn instead_of(&self, url: &str) -> String {
        let path = url.trim_start_matches("http://").split_once('/').map_or("", |(_, path)| path);
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// From here on this is wrong with it.
    pub(crate) async fn suffer(&self, fault: Fault) {
        let (kind, stream, attributes) = match fault {
            Fault::Late(delay) => ("latency", "upstream", json!({ "latency": delay.as_millis() as u64 })),
            Fault::Cut(bytes) => ("limit_data", "downstream", json!({ "bytes": bytes })),
            Fault::BlackHole => ("timeout", "upstream", json!({ "timeout": 0 })),
            Fault::Refused => return self.enable(false).await,
        };
        let toxic = json!({ "name": "fault", "type": kind, "stream": stream, "attributes": attributes });
        ask(Method::POST, &format!("{}/toxics", self.api), &toxic).await;
    }

    /// Nothing is wrong with it any more.
    pub(crate) async fn recover(&self, fault: Fault) {
        if fault == Fault::Refused {
            return self.enable(true).await;
        }
        ask(Method::DELETE, &format!("{}/toxics/fault", self.api), &Value::Null).await;
    }

    async fn enable(&self, enabled: bool) {
        ask(Method::POST, &self.api, &json!({ "enabled": enabled })).await;
    }
}

async fn ask(method: Method, url: &str, body: &Value) {
    let answer = web::client().request(method, url).json(body).send().await.expect("toxiproxy answers");
    let status = answer.status();
    assert!(status.is_success(), "{url}: {status}: {}", answer.text().await.unwrap_or_default());
}
