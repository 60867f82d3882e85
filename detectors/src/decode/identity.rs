//! Who made a call: `userIdentity` in all its forms.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::dialect::kept;
use super::node::{NULL, Node};
use crate::event::{Identity, IdentityKind, Text};
use crate::limits::IDENTITIES_HELD_MAX;

/// Identities of one payload, each held once: most calls in it are of a few sessions.
#[derive(Default)]
pub(super) struct Identities(HashMap<u64, Arc<Identity>, FixedState>);

impl Identities {
    /// Reads `userIdentity`; nothing if it names nobody at all.
    pub(super) fn read(&mut self, value: Node<'_>) -> Option<Arc<Identity>> {
        let told = told(value)?;
        let digest = self.0.hasher().hash_one(&told);
        if let Some(held) = self.0.get(&digest).filter(|held| told.is(held)) {
            return Some(Arc::clone(held));
        }
        if self.0.len() >= IDENTITIES_HELD_MAX {
            self.0.clear();
        }
        let identity = Arc::new(told.identity());
        self.0.insert(digest, Arc::clone(&identity));
        Some(identity)
    }
}

/// An identity as a record tells it.
#[derive(Hash)]
struct Told<'a> {
    kind: IdentityKind,
    /// In the order of the fields of [`Identity`].
    texts: [&'a str; 9],
    sign_in_session: &'a str,
}

impl Told<'_> {
    fn is(&self, identity: &Identity) -> bool {
        let Identity { account, arn, principal_id, access_key, issuer_arn, issuer_id, .. } = identity;
        let Identity { source_identity, identity_center_user, invoked_by, sign_in_session, .. } = identity;
        let [one, two, three] = [
            [account, arn, principal_id],
            [access_key, issuer_arn, issuer_id],
            [source_identity, identity_center_user, invoked_by],
        ];
        let held = one.into_iter().chain(two).chain(three);
        self.kind == identity.kind && self.sign_in_session == *sign_in_session && self.texts.into_iter().eq(held)
    }

    fn identity(&self) -> Identity {
        let [account, arn, principal_id, access_key, issuer_arn, issuer_id, source_identity, user, invoked_by] =
            self.texts.map(Text::from);
        Identity {
            kind: self.kind,
            account,
            arn,
            principal_id,
            access_key,
            issuer_arn,
            issuer_id,
            source_identity,
            identity_center_user: user,
            invoked_by,
            sign_in_session: self.sign_in_session.into(),
        }
    }
}

fn told(value: Node<'_>) -> Option<Told<'_>> {
    let mut texts = [""; OWN.len()];
    let (mut context, mut on_behalf_of) = (NULL, NULL);
    for (key, inner) in value.entries() {
        match key {
            "sessionContext" => context = inner,
            "onBehalfOf" => on_behalf_of = inner,
            _ => fill(&OWN, &mut texts, key, inner),
        }
    }
    let [kind, account, arn, principal_id, access_key, invoked_by, own_source_identity] = texts;
    let mut texts = [""; CONTEXT.len()];
    let mut issuer = NULL;
    for (key, inner) in context.entries() {
        match key {
            "sessionIssuer" => issuer = inner,
            _ => fill(&CONTEXT, &mut texts, key, inner),
        }
    }
    let [source_identity, sign_in_session] = texts;
    let mut texts = [""; ISSUER.len()];
    issuer.entries().for_each(|(key, inner)| fill(&ISSUER, &mut texts, key, inner));
    let [issuer_arn, issuer_id] = texts;
    let source_identity = if source_identity.is_empty() { own_source_identity } else { source_identity };
    let user = on_behalf_of.text_at("userId");
    let named = [account, arn, principal_id, invoked_by];
    let texts = [account, arn, principal_id, access_key, issuer_arn, issuer_id, source_identity, user, invoked_by];
    let told = Told {
        kind: kind_of(kind, [arn, principal_id, access_key, invoked_by]),
        texts: texts.map(kept),
        sign_in_session: kept(sign_in_session),
    };
    (!kind.is_empty() || named.iter().any(|name| !name.is_empty())).then_some(told)
}

/// Texts of `userIdentity` itself, in the order in which they are taken apart.
const OWN: [&str; 7] = ["type", "accountId", "arn", "principalId", "accessKeyId", "invokedBy", "sourceIdentity"];
/// Texts of `sessionContext`.
const CONTEXT: [&str; 2] = ["sourceIdentity", "signInSessionArn"];
/// Texts of `sessionIssuer`.
const ISSUER: [&str; 2] = ["arn", "principalId"];

/// Puts a text in the place of its key. Of a key given twice the last counts.
fn fill<'a, const COUNT: usize>(keys: &[&str; COUNT], texts: &mut [&'a str; COUNT], key: &str, value: Node<'a>) {
    if let Some((_, text)) = keys.iter().zip(texts).find(|(name, _)| **name == key) {
        *text = value.as_str().unwrap_or_default();
    }
}

fn kind_of(kind: &str, [arn, principal_id, access_key, invoked_by]: [&str; 4]) -> IdentityKind {
    let names_nobody = || arn.is_empty() && principal_id.is_empty() && access_key.is_empty();
    match kind {
        "Root" => IdentityKind::Root,
        "IAMUser" => IdentityKind::IamUser,
        "AssumedRole" | "Role" => IdentityKind::AssumedRole,
        "FederatedUser" => IdentityKind::FederatedUser,
        "AWSService" => IdentityKind::AwsService,
        "AWSAccount" => IdentityKind::AwsAccount,
        "IdentityCenterUser" => IdentityKind::IdentityCenterUser,
        "SAMLUser" => IdentityKind::SamlUser,
        "WebIdentityUser" => IdentityKind::WebIdentityUser,
        // Events of services themselves have only an account and who invoked them.
        "" if !invoked_by.is_empty() && names_nobody() => IdentityKind::AwsService,
        _ => IdentityKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tape::Tape;
    use super::*;

    fn read(value: &Value) -> Option<Identity> {
        let text = value.to_string();
        told(Node::of(&Tape::default().read(&text).expect("JSON"))).map(|told| told.identity())
    }

    #[test]
    fn each_kind_is_told() {
        let cases = [
            (json!({"type": "Root", "arn": "arn:aws:iam::1:root"}), Some(IdentityKind::Root)),
            (json!({"type": "IAMUser"}), Some(IdentityKind::IamUser)),
            (json!({"type": "AssumedRole"}), Some(IdentityKind::AssumedRole)),
            (json!({"type": "Role"}), Some(IdentityKind::AssumedRole)),
            (json!({"type": "FederatedUser"}), Some(IdentityKind::FederatedUser)),
            (json!({"type": "AWSService", "invokedBy": "x"}), Some(IdentityKind::AwsService)),
            (json!({"accountId": "1", "invokedBy": "x.amazonaws.com"}), Some(IdentityKind::AwsService)),
            (json!({"accountId": "1", "invokedBy": "x", "arn": "arn:aws:iam::1:user/u"}), Some(IdentityKind::Unknown)),
            (json!({"type": "AWSAccount", "accountId": "1"}), Some(IdentityKind::AwsAccount)),
            (json!({"type": "IdentityCenterUser"}), Some(IdentityKind::IdentityCenterUser)),
            (json!({"type": "SAMLUser"}), Some(IdentityKind::SamlUser)),
            (json!({"type": "WebIdentityUser"}), Some(IdentityKind::WebIdentityUser)),
            (json!({"type": "Directory"}), Some(IdentityKind::Unknown)),
            (json!({"type": ""}), None),
            (json!({}), None),
        ];
        for (value, expected) in cases {
            assert_eq!(read(&value).map(|identity| identity.kind), expected, "{value}");
        }
    }

    #[test]
    fn a_session_carries_its_issuer_and_whom_it_acts_for() {
        let value = json!({
            "type": "AssumedRole", "principalId": "AROA1:s", "arn": "arn:aws:sts::1:assumed-role/r/s", "accountId": "1",
            "accessKeyId": "ASIA1", "invokedBy": "cloudformation.amazonaws.com",
            "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"},
            "sessionContext": {
                "signInSessionArn": "arn:aws:signin:us-east-1:1:session/s-1",
                "sessionIssuer": {"type": "Role", "principalId": "AROA1", "arn": "arn:aws:iam::1:role/p/r"},
                "sourceIdentity": "anna"
            }
        });
        let identity = read(&value).expect("an identity");
        assert_eq!(identity.entity_arn(), "arn:aws:iam::1:role/p/r");
        assert_eq!((&*identity.issuer_id, &*identity.source_identity), ("AROA1", "anna"));
        assert_eq!((&*identity.identity_center_user, identity.session_name()), ("u-1", "s"));
        assert_eq!(&*identity.invoked_by, "cloudformation.amazonaws.com");
        assert_eq!(&*identity.sign_in_session, "arn:aws:signin:us-east-1:1:session/s-1");
    }
}
