//! Signatures as Standard Webhooks 1.0.0 says: HMAC-SHA256 over id, time and body, with a secret that both sides hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Secret;

/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// What Standard Webhooks allows for a secret, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How to make a secret.
const HINT: &str = "make one with: echo \"whsec_$(openssl rand -base64 32)\"";

/// Signs messages. Holds the key, and shows it to nobody.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// What is wrong with a secret. Does not show it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\nhint: {hint}")]
pub struct SecretError {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Signer {
    /// A signer with a secret, `whsec_` and 24 to 64 bytes in base64.
    pub fn new(secret: &Secret) -> Result<Self, SecretError> {
        let wrong = |what: String| SecretError { what, hint: HINT };
        let encoded = secret.expose().trim().strip_prefix(SECRET_PREFIX);
        let encoded = encoded.ok_or_else(|| wrong(format!("secret does not begin with {SECRET_PREFIX}")))?;
        let bytes =
            STANDARD.decode(encoded).map_err(|_| wrong(format!("secret is not base64 after {SECRET_PREFIX}")))?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(wrong(format!("secret must hold 24 to 64 bytes: {}", bytes.len())));
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|error| wrong(error.to_string()))
    }

    /// The value of the header `webhook-signature`; `timestamp` is in seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_published_vector_says() {
        let signer = Signer::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())).expect("a secret");
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_wrong_secret_is_refused_and_not_shown() {
        for (secret, said) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret does not begin with whsec_"),
            ("whsec_MfKQ9r8G KYqrTwjUPD8ILPZIo2LaLaSw", "secret is not base64 after whsec_"),
            ("whsec_MfKQ9r8GKYqrTwjU", "secret must hold 24 to 64 bytes: 12"),
        ] {
            let Err(error) = Signer::new(&Secret::new(secret.to_owned())) else { panic!("{secret} is taken") };
            assert_eq!(error.what, said);
            assert!(!error.to_string().contains("MfKQ9r8G"), "{error}");
        }
    }
}
