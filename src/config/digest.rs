//! A configuration as one number, by which the audit trail tells whether it is another than before.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Config, SourceConfig, SourceKind, Token};
use crate::journal::hexadecimal;

impl Config {
    /// The SHA-256 of all of it that has effect. Secrets are left out, so that nobody can try them by it: only that there is
    /// one counts. So are files that it names: only their paths count. The same program makes the same of the same.
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(self.shown().to_string()))
    }

    /// All of it that has effect, without secrets. What has no written form of its own has that of the program.
    fn shown(&self) -> Value {
        let receivers: BTreeMap<&str, String> =
            self.receivers.iter().map(|one| (one.name.as_str(), format!("{:?}", one.kind))).collect();
        let sources: BTreeMap<&str, Value> = self.sources.iter().map(|one| (&*one.terms.name, source(one))).collect();
        let tokens: BTreeMap<&str, Value> = self.tokens.iter().map(|one| (one.name.as_str(), token(one))).collect();
        json!({
            "settings": self.settings,
            "own_catalog": self.catalog.is_some(),
            "inventory_files": self.inventory_files,
            "journal": format!("{:?}", self.journal),
            "http": self.http,
            "tls": self.tls.as_ref().map(|tls| [&tls.certificate, &tls.key]),
            "metrics": self.metrics,
            "public_url": self.public_url,
            "tokens": tokens,
            "token_file": self.token_file,
            "sources": sources,
            "receivers": receivers,
            "routes": format!("{:?}", self.routes),
            "act": self.act.as_ref().map(|act| format!("{act:?}")),
            "decode_threads": self.decode_threads,
            "log_json": self.log_json,
        })
    }
}

fn source(source: &SourceConfig) -> Value {
    let terms = &source.terms;
    let kind = match &source.kind {
        // Any of the properties may be a secret.
        SourceKind::Kafka { brokers, topic, group, start, properties } => {
            let properties: Vec<&String> = properties.keys().collect();
            format!("Kafka {brokers:?} {topic:?} {group:?} {start:?} {properties:?}")
        }
        kind => format!("{kind:?}"),
    };
    json!({
        "accounts": terms.accounts,
        "may_pause": terms.may_pause,
        "quiet_limit_seconds": terms.quiet_limit_seconds,
        "kind": kind,
    })
}

fn token(token: &Token) -> Value {
    let roles: Vec<&str> = token.roles.iter().map(|role| role.as_str()).collect();
    json!({ "roles": roles, "principals": token.principals })
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const FIRST: &str = "\
[http]
listen = \"127.0.0.1:8080\"
[sources.one.file]
path = \"a.ndjson\"
follow = true
[receivers.chat.webhook]
url = \"https://a.example\"
secret = { file = \"SECRET\" }
";

    #[test]
    fn whatever_has_effect_changes_it_and_secrets_do_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let secret = directory.path().join("secret");
        let told = |text: &str, held: &str| {
            std::fs::write(&secret, held).expect("writable");
            let text = text.replace("SECRET", &secret.display().to_string());
            let config = parse(&text, "x").unwrap_or_else(|error| panic!("{error}"));
            assert!(!config.shown().to_string().contains(held), "{}", config.shown());
            config.sha256()
        };
        let (some, other) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let first = told(FIRST, some);
        assert_eq!(first.len(), 64);
        assert_eq!(told(FIRST, some), first);
        assert_eq!(told(FIRST, other), first, "a secret has no part in it");
        for (old, new) in [
            ("a.ndjson", "b.ndjson"),
            ("follow = true", "follow = false"),
            ("[sources.one.file]", "[sources.two.file]"),
            ("[sources.one.file]", "[sources.one]\nmay_pause = true\n[sources.one.file]"),
            ("https://a.example", "https://b.example"),
            ("receivers.chat", "receivers.talk"),
            ("127.0.0.1:8080", "127.0.0.1:8081"),
            ("[http]", "deployment = \"other\"\n[http]"),
            ("[http]", "[brake]\npauses_per_hour_total = 4\n[http]"),
            ("[http]", "[weights]\nsmall = 0.3\n[http]"),
            ("[http]", "[[routes]]\nreceivers = [\"chat\"]\n[http]"),
        ] {
            let text = FIRST.replace(old, new);
            assert_ne!(told(&text, some), first, "{new}");
        }
    }
}
