//! The client of a running daemon's API.

use std::path::PathBuf;

use anyhow::Context;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::UsageError;
use crate::api::Refusal;
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
        let token = self.token()?;
        super::runtime()?.block_on(async {
            let client = reqwest::Client::builder().timeout(crate::limits::HTTP_REQUEST_TIMEOUT).build()?;
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
