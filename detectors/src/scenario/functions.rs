//! Calls of what is around a function in development: its code, its log group, its role.

use serde_json::{Value, json};

use super::resource::Resource;
use super::stores::written_date;
use super::writer::{Call, Place};
use crate::time::Second;

/// UpdateFunctionCode.
pub(super) fn update_code(function: &Resource, place: &Place, at: Second, size: u32) -> Call {
    let request = json!({
        "functionName": function.name, "publish": false, "dryRun": false,
        "fullyQualifiedArn": {
            "arnPrefix": {"partition": "aws", "region": place.region, "account": place.account},
            "relativeId": {"functionName": function.name}, "functionQualifier": {},
        },
    });
    let response = json!({
        "functionName": function.name, "functionArn": place.arn("lambda", &format!("function:{}", function.name)),
        "runtime": "python3.13", "role": role_arn(function, place), "handler": "app.handler", "codeSize": size,
        "description": "", "timeout": 30, "memorySize": 256,
        "lastModified": at.to_string().replace('Z', ".000+0000"), "version": "$LATEST", "environment": {},
        "state": "Active", "lastUpdateStatus": "InProgress", "lastUpdateStatusReasonCode": "Creating",
        "packageType": "Zip", "architectures": ["x86_64"],
    });
    Call::write("lambda", "UpdateFunctionCode20150331v2", request, response)
}

/// CreateLogGroup of a function's log group.
pub(super) fn create_log_group(function: &Resource) -> Call {
    Call::write("logs", "CreateLogGroup", json!({"logGroupName": log_group(function)}), Value::Null)
}

/// DeleteLogGroup of a function's log group.
pub(super) fn delete_log_group(function: &Resource) -> Call {
    Call::destroy("logs", "DeleteLogGroup", json!({"logGroupName": log_group(function)}), Value::Null)
}

fn log_group(function: &Resource) -> String {
    format!("/aws/lambda/{}", function.name)
}

/// CreateRole of a function's role.
pub(super) fn create_role(function: &Resource, place: &Place, at: Second, id: &str) -> Call {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let request = json!({"roleName": function.name, "assumeRolePolicyDocument": trust, "maxSessionDuration": 3600});
    let escaped = trust.replace('{', "%7B").replace('}', "%7D").replace('"', "%22").replace(':', "%3A");
    let response = json!({"role": {
        "path": "/", "roleName": function.name, "roleId": id, "arn": role_arn(function, place),
        "createDate": written_date(at), "assumeRolePolicyDocument": escaped,
    }});
    Call::write("iam", "CreateRole", request, response)
}

/// AttachRolePolicy or DetachRolePolicy of what lets a function write its log.
pub(super) fn change_policy(name: &'static str, function: &Resource) -> Call {
    let policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    Call::write("iam", name, json!({"roleName": function.name, "policyArn": policy}), Value::Null)
}

/// PutRolePolicy of an inline policy.
pub(super) fn put_policy(function: &Resource) -> Call {
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}"#;
    let request = json!({"roleName": function.name, "policyName": "data", "policyDocument": document});
    Call::write("iam", "PutRolePolicy", request, Value::Null)
}

/// DeleteRolePolicy of that inline policy.
pub(super) fn delete_policy(function: &Resource) -> Call {
    Call::destroy("iam", "DeleteRolePolicy", json!({"roleName": function.name, "policyName": "data"}), Value::Null)
}

/// DeleteRole.
pub(super) fn delete_role(function: &Resource) -> Call {
    Call::destroy("iam", "DeleteRole", json!({"roleName": function.name}), Value::Null)
}

fn role_arn(function: &Resource, place: &Place) -> String {
    format!("arn:aws:iam::{}:role/{}", place.account, function.name)
}
