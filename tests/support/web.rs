//! The little of HTTP that the parts share.

use std::collections::BTreeMap;
use std::sync::Once;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::task::JoinHandle;

/// A server of ours on a port of its own, for as long as it is held.
pub(crate) struct Service {
    /// The base URL.
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves on a free port of loopback.
pub(crate) async fn serve(router: Router) -> Service {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Service { url, task }
}

/// A client.
pub(crate) fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another part of this program may have been first; either provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build().expect("a client")
}

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl From<Answer> for Response<axum::body::Body> {
    fn from(answer: Answer) -> Self {
        let mut response = Response::new(axum::body::Body::from(answer.body));
        *response.status_mut() = answer.status;
        for name in ["content-type", "x-amzn-requestid"] {
            if let Some(value) = answer.headers.get(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

/// One request as it came.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// The parameters of an AWS Query call.
    pub(crate) fn parameters(&self) -> BTreeMap<String, String> {
        form(&self.body)
    }

    /// Who signed, and for which service: from the credential scope of Signature Version 4.
    pub(crate) fn signer(&self) -> Option<(String, String)> {
        let authorization = self.headers.get("authorization")?.to_str().ok()?;
        let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
        let parts: Vec<_> = scope.split('/').collect();
        Some(((*parts.first()?).to_owned(), (*parts.get(3)?).to_owned()))
    }

    /// Passes the request on, byte for byte and under the same host name, so that its signature stays good.
    pub(crate) async fn pass_on(&self, client: &reqwest::Client, upstream: &str) -> Result<Answer, reqwest::Error> {
        let mut request = client.request(self.method.clone(), format!("{upstream}{}", self.uri));
        for (name, value) in &self.headers {
            if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let response = request.body(self.body.clone()).send().await?;
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body: response.bytes().await? })
    }
}

/// Reads a form.
pub(crate) fn form(body: &[u8]) -> BTreeMap<String, String> {
    let query = String::from_utf8_lossy(body);
    let url = reqwest::Url::parse(&format!("http://form/?{query}")).expect("a form");
    url.query_pairs().into_owned().collect()
}

/// Writes a form as Python's clients do: moto writes it again by itself before it checks the signature.
pub(crate) fn to_form(parameters: &[(&str, &str)]) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string().replace("%20", "+");
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}
