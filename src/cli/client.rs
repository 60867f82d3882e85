//! The client of a running daemon's API.

use std::path::PathBuf;

use anyhow::Context;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::UsageError;
use super::terminal::escape;
use crate::api::Refusal;
use crate::config::{Plaintext, web_address};
use crate::limits::HTTP_BODY_BYTES_MAX;

/// Which daemon is asked, and with what right.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Where the daemon listens.
    #[arg(long, global = true, value_name = "URL", env = "TRAILBRAKE_URL", default_value = "http://127.0.0.1:8080")]
    url: Url,

    /// A file that holds the token; without it the environment variable TRAILBRAKE_TOKEN does.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Sends the token over plain http to another machine as well. Whoever is on the way can read it, and act with it.
    #[arg(long, global = true)]
    allow_plaintext: bool,
}

/// The daemon said no.
#[derive(Debug, thiserror::Error)]
#[error("{error}{}", if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") })]
struct Refused {
    error: String,
    hint: String,
}

impl Target {
    fn token(&self) -> anyhow::Result<String> {
        let token = match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| UsageError(format!("token file cannot be read: {}: {error}", path.display())))?,
            None => std::env::var("TRAILBRAKE_TOKEN").map_err(|_| {
                UsageError("no token\nhint: give --token-file FILE, or set TRAILBRAKE_TOKEN".to_owned())
            })?,
        };
        Ok(token.trim().to_owned())
    }

    /// A token crosses no network in the open, unless somebody says so.
    fn check_way(&self) -> Result<(), UsageError> {
        let plaintext = if self.allow_plaintext { Plaintext::Anywhere } else { Plaintext::Loopback };
        let url = self.url.as_str();
        let Err(reason) = web_address(url, plaintext) else { return Ok(()) };
        let hint = match web_address(url, Plaintext::Anywhere) {
            Ok(_) => {
                "write https://, or reach it through a tunnel to this machine; --allow-plaintext sends the token in the \
                 open where the network itself is encrypted"
            }
            Err(_) => "write it as https://host or http://127.0.0.1:8080",
        };
        let host = escape(self.url.host_str().unwrap_or_default());
        Err(UsageError(format!("not sent: {reason}: {}://{host}\nhint: {hint}", self.url.scheme())))
    }

    /// Asks for a path.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<T> {
        self.ask(Method::GET, path, query, None::<&()>)
    }

    /// Sends a body to a path.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::POST, path, &[], Some(body))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| UsageError(format!("not the address of a daemon: {}", self.url)))?
            .pop_if_empty()
            .extend(path);
        for (key, value) in query {
            url.query_pairs_mut().append_pair(key, value);
        }
        self.check_way()?;
        let token = self.token()?;
        super::runtime()?.block_on(async {
            let mut builder = reqwest::Client::builder()
                .timeout(crate::limits::HTTP_REQUEST_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none());
            if url.scheme() == "http" {
                // A proxy from the environment would be sent the token in the open.
                builder = builder.no_proxy();
            }
            let client = builder.build()?;
            let mut request = client.request(method, url.clone()).bearer_auth(token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await.with_context(|| {
                format!("no answer from {url}\nhint: is the daemon running? `--url` says where it listens")
            })?;
            let status = response.status();
            let answer = bounded(response).await?;
            if status.is_success() {
                return serde_json::from_slice(&answer)
                    .context("the answer cannot be read: is this a trailbrake daemon?");
            }
            let refusal = serde_json::from_slice::<Refusal>(&answer);
            let refused = refusal.map_or_else(
                |_| Refused { error: format!("the daemon answered {status}"), hint: String::new() },
                |refusal| Refused { error: refusal.error, hint: refusal.hint },
            );
            Err(refused.into())
        })
    }
}

/// The body of an answer, within bounds.
async fn bounded(mut response: reqwest::Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > HTTP_BODY_BYTES_MAX {
            anyhow::bail!("the answer is larger than {HTTP_BODY_BYTES_MAX} bytes");
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leaves_the_machine_only_encrypted_unless_somebody_says_so() {
        let check = |url: &str, allow_plaintext| {
            let url = url.parse().expect("an address");
            Target { url, token_file: None, allow_plaintext }.check_way().map_err(|error| error.to_string())
        };
        for good in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080/", "https://a.example"] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        let refused = check("http://a.example:8080", false).expect_err("refused");
        assert!(
            refused.starts_with("not sent: http is allowed on loopback addresses only: http://a.example"),
            "{refused}"
        );
        assert!(refused.contains("\nhint: ") && refused.contains("--allow-plaintext"), "{refused}");
        assert_eq!(check("http://a.example:8080", true), Ok(()));
        for bad in ["ftp://a.example", "https://user:secret@a.example"] {
            let refused = check(bad, true).expect_err(bad);
            assert!(refused.contains("\nhint: ") && !refused.contains("--allow-plaintext"), "{refused}");
        }
        assert!(!check("https://user:secret@a.example", false).expect_err("refused").contains("secret"));
    }
}
