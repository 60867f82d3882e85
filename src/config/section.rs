//! One section of a configuration under check: names what is wrong in it, and checks what many sections hold.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;

use super::document::Document;
use super::secret::Secret;

/// Where an address may be spoken to without encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plaintext {
    /// On this machine only.
    Loopback,
    /// Anywhere.
    Anywhere,
}

/// Reads a web address, or says why it will not do.
pub fn web_address(text: &str, plaintext: Plaintext) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("no web address: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not hold credentials".to_owned());
    }
    let Some(host) = url.host_str() else { return Err("an address needs a host".to_owned()) };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback || plaintext == Plaintext::Anywhere => Ok(url),
        "http" => Err("http is allowed on loopback addresses only".to_owned()),
        other => Err(format!("expected http or https, found {other}")),
    }
}

/// One section, under check.
pub struct Section<'check, 'text> {
    document: &'check mut Document<'text>,
    path: String,
}

impl<'check, 'text> Section<'check, 'text> {
    pub(super) fn new(document: &'check mut Document<'text>, path: impl Into<String>) -> Self {
        Self { document, path: path.into() }
    }

    /// A section below this one.
    pub fn below(&mut self, key: &str) -> Section<'_, 'text> {
        let path = self.path_of(key);
        Section { document: self.document, path }
    }

    /// Notes that a key is wrong; the empty key is the section itself.
    pub fn problem(&mut self, key: &str, what: impl Into<String>, hint: impl Into<String>) {
        let path = self.path_of(key);
        self.document.problem(&path, what, hint);
    }

    /// Notes that a key is allowed and unwise.
    pub fn warning(&mut self, key: &str, what: impl Into<String>, hint: impl Into<String>) {
        let path = self.path_of(key);
        self.document.warning(&path, what, hint);
    }

    /// Checks a web address.
    pub fn web_address(&mut self, key: &str, text: &str, plaintext: Plaintext) {
        if let Err(what) = web_address(text, plaintext) {
            self.problem(key, what, "write it as https://host/path");
        }
    }

    /// Checks how well a secret is kept.
    pub fn secret(&mut self, key: &str, secret: &Secret) {
        if let Some(path) = secret.exposed_in() {
            let path = path.display().to_string();
            self.warning(key, format!("every user can read the secret file: {path}"), format!("chmod 600 {path}"));
        }
    }

    /// Checks that a text that must say something does.
    pub fn filled(&mut self, key: &str, text: &str) {
        if text.trim().is_empty() {
            self.problem(key, "must not be empty", "");
        }
    }

    /// Checks that a number is within its bounds.
    pub fn number<T: PartialOrd + std::fmt::Display>(&mut self, key: &str, value: T, bounds: RangeInclusive<T>) {
        if !bounds.contains(&value) {
            let what = format!("{value} is out of bounds");
            self.problem(key, what, format!("from {} to {}", bounds.start(), bounds.end()));
        }
    }

    /// Checks a number of seconds and makes a duration of it.
    pub fn seconds(&mut self, key: &str, value: u64, bounds: RangeInclusive<u64>) -> Duration {
        self.number(key, value, bounds);
        Duration::from_secs(value)
    }

    /// Checks an AWS account.
    pub fn account(&mut self, key: &str, account: &str) {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            self.problem(key, format!("no AWS account: {account}"), "twelve digits, in quotes");
        }
    }

    /// Checks a list of principals: exact ARNs and unique ids, since names can be taken by anybody.
    pub fn principals(&mut self, key: &str, principals: &[String]) {
        for (index, principal) in principals.iter().enumerate() {
            if !is_exact_principal(principal) {
                let what = format!("no exact ARN or unique id: {principal}");
                let hint = "write the whole ARN (arn:aws:iam::123456789012:role/name) or the unique id (AROA…, AIDA…); \
                            wildcards are not known";
                self.problem(&format!("{key}[{index}]"), what, hint);
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            (path, "") => path.to_owned(),
            ("", key) => key.to_owned(),
            (path, key) if key.starts_with('[') => format!("{path}{key}"),
            (path, key) => format!("{path}.{key}"),
        }
    }
}

/// Whether a text names one principal: a whole ARN, or a unique id.
pub fn is_exact_principal(text: &str) -> bool {
    is_arn(text) || is_unique_id(text)
}

fn is_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    parts.next() == Some("arn")
        && parts.next().is_some_and(|partition| partition.starts_with("aws"))
        && parts.next().is_some_and(|service| !service.is_empty())
        && parts.last().is_some_and(|resource| !resource.is_empty())
        && text.split(':').count() >= 6
        && !text.contains(['*', '?', ' '])
}

fn is_unique_id(text: &str) -> bool {
    let id = text.split_once(':').map_or(text, |(id, _)| id);
    (16..=128).contains(&id.len())
        && id.starts_with('A')
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_or_stay_on_this_machine() {
        for good in
            ["https://a.example", "https://a.example/x", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost"]
        {
            assert!(web_address(good, Plaintext::Loopback).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "http://a.example",
            "https://u:p@a.example",
            "http://127.0.0.1.a.example",
        ] {
            assert!(web_address(bad, Plaintext::Loopback).is_err(), "{bad}");
        }
        assert!(web_address("http://a.example", Plaintext::Anywhere).is_ok());
    }

    #[test]
    fn principals_are_exact() {
        for good in
            ["arn:aws:iam::123456789012:role/a/b", "arn:aws-us-gov:iam::123456789012:root", "AROAEXAMPLE123456789"]
        {
            assert!(is_arn(good) || is_unique_id(good), "{good}");
        }
        assert!(is_unique_id("AROAEXAMPLE123456789:session"));
        for bad in [
            "admin",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam",
            "*",
            "arn:x:iam::1:role/a",
            "aroaexample123456789",
        ] {
            assert!(!is_arn(bad) && !is_unique_id(bad), "{bad}");
        }
    }
}
