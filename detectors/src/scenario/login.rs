//! How sessions begin, as a trail shows it: people sign in, roles assume roles, services take roles.

use serde_json::json;

use super::caller::{Caller, Role, person};
use super::routine;
use super::writer::{Writer, server_id, unique_id, uuid};

/// A person signs in through Identity Center and gets a session of its role for operators.
pub(super) fn sign_in(writer: &mut Writer, at_ms: i64, tool: &str) -> Caller {
    let path = format!("/aws-reserved/sso.amazonaws.com/{}/", writer.place.region);
    let suffix = &server_id(&mut writer.random, "sso")[5..];
    let role = Role::new(writer, &path, &format!("AWSReservedSSO_PlatformAdmin_{suffix}"));
    let user = format!("{}@example.com", person(writer));
    let key = unique_id(&mut writer.random, "ASIA", 20);
    let provider = writer.place.iam_arn(&format!("saml-provider/AWSSSO_{suffix}_DO_NOT_DELETE"));
    let request = json!({
        "sAMLAssertionID": format!("_{}", uuid(&mut writer.random)), "roleSessionName": user,
        "durationSeconds": 3600, "roleArn": role.arn, "principalArn": provider,
    });
    let mut caller = role.session_with_key(writer, &user, &key, at_ms, tool);
    let call = routine::assume(writer, &role, "AssumeRoleWithSAML", &user, &key, at_ms, request);
    writer.call(&Caller::saml(&user, &provider, &caller.address), at_ms, call);
    caller.leading = true;
    caller
}

/// A session assumes a role and gets a session of it, which it may well use to assume the next.
pub(super) fn assume(writer: &mut Writer, from: &Caller, role: &Role, session: &str, at_ms: i64) -> Caller {
    let key = unique_id(&mut writer.random, "ASIA", 20);
    let mut request = json!({"roleArn": role.arn, "roleSessionName": session, "durationSeconds": 3600});
    let source = from.identity["sessionContext"]["sourceIdentity"].clone();
    let mut caller = role.session_with_key(writer, session, &key, at_ms, from.agent());
    if let Some(name) = source.as_str() {
        request["sourceIdentity"] = source.clone();
        caller = caller.with_source_identity(name);
    }
    let call = routine::assume(writer, role, "AssumeRole", session, &key, at_ms, request);
    writer.call(from, at_ms, call);
    caller.address.clone_from(&from.address);
    caller.leading = from.leading;
    caller
}

/// An AWS service takes the role that it was given, to work with it.
pub(super) fn lend(writer: &mut Writer, host: &str, role: &Role, session: &str, at_ms: i64) -> Caller {
    let mut caller = assume(writer, &Caller::service(host), role, session, at_ms);
    caller.identity["invokedBy"] = json!(host);
    caller.direct = false;
    caller
}

/// An instance gets a session of the role in its profile.
pub(super) fn instance_role(writer: &mut Writer, role: &Role, at_ms: i64, tool: &str) -> Caller {
    let instance = server_id(&mut writer.random, "i");
    let key = unique_id(&mut writer.random, "ASIA", 20);
    let request = json!({"roleArn": role.arn, "roleSessionName": instance});
    let call = routine::assume(writer, role, "AssumeRole", &instance, &key, at_ms, request);
    writer.call(&Caller::service("ec2.amazonaws.com"), at_ms, call);
    let mut caller = role.session_with_key(writer, &instance, &key, at_ms, tool).leading();
    caller.identity["sessionContext"]["ec2RoleDelivery"] = json!("2.0");
    caller
}
