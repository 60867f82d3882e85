//! Who made a call: `userIdentity` in all its forms.

use serde_json::Value;

use super::dialect::cut;
use crate::event::{Identity, IdentityKind};

/// Reads `userIdentity`; nothing if it names nobody at all.
pub(super) fn identity(value: &Value) -> Option<Identity> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(cut).unwrap_or_default();
    let own = |key: &str| text(value.get(key));
    let issuer = value.get("sessionContext").and_then(|context| context.get("sessionIssuer"));
    let issued = |key: &str| text(issuer.and_then(|issuer| issuer.get(key)));
    let source_identity = value.get("sessionContext").and_then(|context| context.get("sourceIdentity"));
    let identity = Identity {
        kind: kind(value),
        account: own("accountId"),
        arn: own("arn"),
        principal_id: own("principalId"),
        access_key: own("accessKeyId"),
        issuer_arn: issued("arn"),
        issuer_id: issued("principalId"),
        source_identity: match text(source_identity) {
            nested if nested.is_empty() => own("sourceIdentity"),
            nested => nested,
        },
        identity_center_user: text(value.get("onBehalfOf").and_then(|behalf| behalf.get("userId"))),
        invoked_by: own("invokedBy"),
        sign_in_session: text(value.get("sessionContext").and_then(|context| context.get("signInSessionArn"))),
    };
    let named = [&identity.account, &identity.arn, &identity.principal_id, &identity.invoked_by];
    let has_type = value.get("type").and_then(Value::as_str).is_some_and(|kind| !kind.is_empty());
    (has_type || named.iter().any(|name| !name.is_empty())).then_some(identity)
}

fn kind(value: &Value) -> IdentityKind {
    let has = |key: &str| value.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match value.get("type").and_then(Value::as_str).unwrap_or_default() {
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
        "" if has("invokedBy") && !has("arn") && !has("principalId") && !has("accessKeyId") => IdentityKind::AwsService,
        _ => IdentityKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert_eq!(identity(&value).map(|identity| identity.kind), expected, "{value}");
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
        let identity = identity(&value).expect("an identity");
        assert_eq!(identity.entity_arn(), "arn:aws:iam::1:role/p/r");
        assert_eq!((&*identity.issuer_id, &*identity.source_identity), ("AROA1", "anna"));
        assert_eq!((&*identity.identity_center_user, identity.session_name()), ("u-1", "s"));
        assert_eq!(&*identity.invoked_by, "cloudformation.amazonaws.com");
        assert_eq!(&*identity.sign_in_session, "arn:aws:signin:us-east-1:1:session/s-1");
    }
}
