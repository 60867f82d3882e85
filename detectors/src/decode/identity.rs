//! Who made a call: `userIdentity` in all its forms.

use super::dialect::cut;
use super::node::{NULL, Node};
use crate::event::{Identity, IdentityKind};

/// Reads `userIdentity`; nothing if it names nobody at all.
pub(super) fn identity(value: Node<'_>) -> Option<Identity> {
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
    let mut identity = Identity {
        kind: IdentityKind::Unknown,
        account: cut(account),
        arn: cut(arn),
        principal_id: cut(principal_id),
        access_key: cut(access_key),
        issuer_arn: cut(issuer_arn),
        issuer_id: cut(issuer_id),
        source_identity: cut(if source_identity.is_empty() { own_source_identity } else { source_identity }),
        identity_center_user: cut(on_behalf_of.text_at("userId")),
        invoked_by: cut(invoked_by),
        sign_in_session: cut(sign_in_session),
    };
    identity.kind = kind_of(kind, &identity);
    let named = [&identity.account, &identity.arn, &identity.principal_id, &identity.invoked_by];
    (!kind.is_empty() || named.iter().any(|name| !name.is_empty())).then_some(identity)
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

fn kind_of(kind: &str, identity: &Identity) -> IdentityKind {
    let names_nobody = || identity.arn.is_empty() && identity.principal_id.is_empty() && identity.access_key.is_empty();
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
        "" if !identity.invoked_by.is_empty() && names_nobody() => IdentityKind::AwsService,
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
        identity(Node::of(&Tape::default().read(&text).expect("JSON")))
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
