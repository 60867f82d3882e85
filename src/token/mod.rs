//! Tokens: who may ask the daemon for what. [`change`] and [`read`] keep them in a file, [`Tokens`] is what holds now.

mod file;
mod live;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

pub use file::{TokenFileError, change, read};
pub use live::{Look, Tokens};

use crate::config::Token;
use crate::limits::{TOKEN_HOLDER_CHARS_MAX, TOKEN_RANDOM_BYTES};

/// What every token that we make begins with, so that scanners for leaked secrets know one.
const PREFIX: &str = "tb_";

/// What a token allows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sends events.
    Ingest,
    /// Reads incidents and status.
    Read,
    /// Decides on incidents.
    Review,
    /// Asks whether a principal may destroy.
    Gate,
    /// Changes what the daemon does.
    Admin,
}

impl Role {
    /// The word in the configuration, in the token file and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Review => "review",
            Self::Gate => "gate",
            Self::Admin => "admin",
        }
    }
}

/// The SHA-256 of a token: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether both are the same, in a time that does not tell how far they agree.
    fn equals(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<digest>")
    }
}

impl Serialize for TokenDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for TokenDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
        }
        // What was written is left out of the error: someone may have put the token itself there.
        if is_hex { Ok(Self(digest)) } else { Err(D::Error::custom("sha256 is not 64 hexadecimal digits")) }
    }
}

/// Whoever holds a token: a person or a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Their name: a verdict is theirs by it.
    pub name: String,
    /// What their token allows.
    pub roles: BTreeSet<Role>,
    /// ARNs and unique ids of AWS principals that are this person.
    #[serde(default)]
    pub principals: Vec<String>,
    /// What is kept of the token.
    #[serde(rename = "sha256")]
    pub digest: TokenDigest,
    /// When the token was made; empty for one that the configuration names.
    #[serde(default)]
    pub created_at: String,
}

impl From<&Token> for Holder {
    fn from(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            roles: token.roles.clone(),
            principals: token.principals.clone(),
            digest: TokenDigest::of(token.secret.expose().as_bytes()),
            created_at: String::new(),
        }
    }
}

/// Makes a token of 256 random bits from the operating system.
pub fn generate() -> Result<String, rustls::crypto::GetRandomFailed> {
    let mut random = [0; TOKEN_RANDOM_BYTES];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut random)?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random)))
}

/// Whether a holder may be called so: the name stands in logs, pages and the audit trail.
pub fn is_name(name: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.@".contains(character);
    !name.is_empty() && name.len() <= TOKEN_HOLDER_CHARS_MAX && name.chars().all(is_plain)
}
