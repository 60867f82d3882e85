//! Names of incidents and of pages: derived, so that the same facts give the same names.

use sha2::{Digest, Sha256};

/// RFC 4648's alphabet in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Characters of an incident's id after `tb-`.
const ID_CHARACTERS: usize = 16;
/// Bytes of a page key that are shown, in hexadecimal.
const PAGE_KEY_BYTES: usize = 16;

/// `tb-` and 16 characters of base32 of SHA-256 over the actor's key and the first evidence's event id.
pub fn incident_id(actor_key: &str, first_event_id: &str) -> String {
    let digest = digest(actor_key, first_event_id);
    let mut id = String::from("tb-");
    for index in 0..ID_CHARACTERS {
        let bits = (0..5).fold(0, |bits, bit| {
            let at = index * 5 + bit;
            let byte = digest.get(at / 8).copied().unwrap_or_default();
            bits << 1 | usize::from(byte >> (7 - at % 8) & 1)
        });
        id.push(char::from(BASE32.get(bits).copied().unwrap_or(b'a')));
    }
    id
}

/// The key that groups the messages about one actor at a receiver.
pub fn page_key(deployment: &str, actor_key: &str) -> String {
    digest(deployment, actor_key).iter().take(PAGE_KEY_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

fn digest(one: &str, other: &str) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(one.as_bytes());
    hasher.update([0]);
    hasher.update(other.as_bytes());
    hasher.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_stable_and_depends_on_both_parts() {
        let id = incident_id("arn:aws:iam::1:role/agent", "e1");
        assert_eq!(id.len(), 19);
        assert!(id.starts_with("tb-") && id.bytes().skip(3).all(|byte| BASE32.contains(&byte)));
        assert_eq!(id, incident_id("arn:aws:iam::1:role/agent", "e1"));
        assert_ne!(id, incident_id("arn:aws:iam::1:role/agent", "e2"));
        assert_ne!(id, incident_id("arn:aws:iam::1:role/agente", "1"));
        // SHA-256 over one zero byte begins with 6e340b9cffb37a989ca5.
        assert_eq!(incident_id("", ""), "tb-ny2axhh7wn5jrhff");
    }
}
