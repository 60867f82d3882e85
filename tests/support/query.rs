//! A small client for AWS's Query protocol: signed like any other, and the same for every stand-in.

use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_iam::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::web;

/// The region of all tests.
pub(crate) const REGION: &str = "eu-west-1";

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Ec2,
    Iam,
    Sts,
}

impl Api {
    fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// AWS's word for it.
    pub(crate) code: String,
    /// The sentence.
    pub(crate) message: String,
}

impl Refusal {
    /// Whether rights were missing.
    pub(crate) fn is_denial(&self) -> bool {
        ["AccessDenied", "UnauthorizedOperation", "AccessDeniedException"].contains(&self.code.as_str())
    }
}

/// A client of one identity.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    client: reqwest::Client,
    endpoint: String,
    credentials: Credentials,
    user_agent: &'static str,
}

impl Query {
    /// A client of this identity at an endpoint.
    pub(crate) fn new(endpoint: &str, credentials: Credentials) -> Self {
        Self { client: web::client(), endpoint: endpoint.to_owned(), credentials, user_agent: "aws-cli/2.31.0" }
    }

    /// The same identity at another endpoint.
    pub(crate) fn at(&self, endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), ..self.clone() }
    }

    /// Another identity at the same endpoint.
    pub(crate) fn with(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// The same identity with another user agent.
    pub(crate) fn with_user_agent(&self, user_agent: &'static str) -> Self {
        Self { user_agent, ..self.clone() }
    }

    /// The access key and all that belongs to it.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// One call. The answer is XML.
    pub(crate) async fn call(&self, api: Api, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut all = vec![("Action", action), ("Version", api.version())];
        all.extend_from_slice(parameters);
        let body = web::to_form(&all);
        let url = format!("{}/", self.endpoint);
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let mut request =
            self.client.post(&url).header("content-type", content_type).header("user-agent", self.user_agent);
        for (name, value) in self.signature(api, &url, content_type, &body) {
            request = request.header(name, value);
        }
        let response = request.body(body).send().await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|error| unanswered(&error))?;
        if status < 300 {
            return Ok(text);
        }
        let of = |tag| first(&text, tag).unwrap_or_default().to_owned();
        Err(Refusal { status, code: of("Code"), message: of("Message") })
    }

    /// One call that must be carried out.
    pub(crate) async fn must(&self, api: Api, action: &str, parameters: &[(&str, &str)]) -> String {
        match self.call(api, action, parameters).await {
            Ok(answer) => answer,
            Err(refusal) => panic!("{action} was refused: {refusal:?}"),
        }
    }

    fn signature(&self, api: Api, url: &str, content_type: &str, body: &str) -> Vec<(String, String)> {
        let identity = self.credentials.clone().into();
        let now = UNIX_EPOCH + Duration::from_millis(super::now().0.unsigned_abs());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(api.name())
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .expect("all parameters are set")
            .into();
        let headers = [("content-type", content_type)].into_iter();
        let request =
            SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).expect("signable");
        let (instructions, _) = sign(request, &parameters).expect("signed").into_parts();
        instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn unanswered(error: &reqwest::Error) -> Refusal {
    Refusal { status: 0, code: "NoAnswer".to_owned(), message: error.to_string() }
}

/// The text of the first element of this name.
pub(crate) fn first<'xml>(xml: &'xml str, tag: &str) -> Option<&'xml str> {
    let start = xml.find(&format!("<{tag}>"))? + tag.len() + 2;
    let length = xml[start..].find(&format!("</{tag}>"))?;
    Some(&xml[start..start + length])
}

/// The texts of all elements of this name.
pub(crate) fn all<'xml>(xml: &'xml str, tag: &str) -> Vec<&'xml str> {
    let mut rest = xml;
    let mut found = Vec::new();
    while let Some(text) = first(rest, tag) {
        found.push(text);
        let end = text.as_ptr() as usize - rest.as_ptr() as usize + text.len();
        rest = &rest[end..];
    }
    found
}
