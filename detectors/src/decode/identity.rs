//! Who made a call: `userIdentity` in all its forms.

use super::dialect::cut;
use super::node::Node;
use crate::event::{Identity, IdentityKind};

/// Reads `userIdentity`; nothing if it names nobody at all.
pub(super) fn identity(value: Node<'_>) -> Option<Identity> {
    let own = |key: &str| cut(value.text_at(key));
    let context = value.get("sessionContext");
    let issuer = context.and_then(|context| context.get("sessionIssuer"));
    let within = |outer: Option<Node<'_>>, key: &str| outer.map(|outer| cut(outer.text_at(key))).unwrap_or_default();
    let kind = value.text_at("type");
    let mut identity = Identity {
        kind: IdentityKind::Unknown,
        account: own("accountId"),
        arn: own("arn"),
        principal_id: own("principalId"),
        access_key: own("accessKeyId"),
        issuer_arn: within(issuer, "arn"),
        issuer_id: within(issuer, "principalId"),
        source_identity: match within(context, "sourceIdentity") {
            nested if nested.is_empty() => own("sourceIdentity"),
            nested => nested,
        },
        identity_center_user: within(value.get("onBehalfOf"), "userId"),
        invoked_by: own("invokedBy"),
        sign_in_session: within(context, "signInSessionArn"),
    };
    identity.kind = kind_of(kind, &identity);
    let named = [&identity.account, &identity.arn, &identity.principal_id, &identity.invoked_by];
    (!kind.is_empty() || named.iter().any(|name| !name.is_empty())).then_some(identity)
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
