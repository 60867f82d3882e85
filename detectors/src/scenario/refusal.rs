//! The record of a call that an explicit deny refused, made from the record of the same call.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Record;
use super::writer::{Wire, to_line, uuid_of};

/// Services that keep the parameters of refused calls in their records; the others write null.
const KEEPS_PARAMETERS: [&str; 4] = ["ec2", "eks", "guardduty", "s3"];

/// The same call, refused by a pause.
pub(super) fn refused(record: &Record) -> Record {
    refuse(record, |_| "with an explicit deny in an identity-based policy".to_owned())
}

/// The same call, made without the right to it.
pub(super) fn denied(record: &Record) -> Record {
    refuse(record, |action| format!("because no identity-based policy allows the {action} action"))
}

/// The same call, refused for a reason. A record that no writer of ours made is returned as it is.
fn refuse(record: &Record, reason: impl Fn(&str) -> String) -> Record {
    let Ok(mut wire) = serde_json::from_str::<Wire>(&record.json) else {
        return record.clone();
    };
    let service = wire.event_source.trim_end_matches(".amazonaws.com").to_owned();
    let caller = wire.user_identity.get("arn").and_then(Value::as_str).unwrap_or_default();
    let action = wire.event_name.trim_end_matches(|last: char| last.is_ascii_digit());
    let resource = target(&service, &wire);
    let action = format!("{service}:{action}");
    let reason = reason(&action);
    let said = format!("User: {caller} is not authorized to perform: {action} on resource: {resource} {reason}");
    let (code, message) = if service == "ec2" {
        let sentence = format!("You are not authorized to perform this operation. {said}.");
        (
            "Client.UnauthorizedOperation",
            format!("{sentence} Encoded authorization failure message: {}", encoded(&wire)),
        )
    } else {
        ("AccessDenied", said)
    };
    wire.error_code = Some(code.to_owned());
    wire.error_message = Some(message);
    if !KEEPS_PARAMETERS.contains(&service.as_str()) {
        wire.request_parameters = Value::Null;
    }
    wire.response_elements = Value::Null;
    wire.event_id = derived(&wire.event_id, "event");
    wire.request_id = derived(&wire.request_id, "request");
    Record { json: to_line(&wire), ..record.clone() }
}

/// The ARN that the refusal names: of the first identifier in the request, or any.
fn target(service: &str, wire: &Wire) -> String {
    let Some(id) = first_identifier(&wire.request_parameters) else {
        return "*".to_owned();
    };
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    let partition = if wire.aws_region.starts_with("cn-") { "aws-cn" } else { "aws" };
    let kind = match service {
        "iam" => {
            let kind = wire.event_name.trim_start_matches("Delete").to_ascii_lowercase();
            return format!("arn:{partition}:iam::{}:{kind}/{id}", wire.recipient_account_id);
        }
        "kms" => "key/",
        "secretsmanager" => "secret:",
        "ec2" => match id.split('-').next().unwrap_or_default() {
            "i" => "instance/",
            "nat" => "natgateway/",
            "sg" => "security-group/",
            "snap" => "snapshot/",
            _ => return "*".to_owned(),
        },
        "rds" => "db:",
        "dynamodb" => "table/",
        "elasticache" => "replicationgroup:",
        "lambda" => "function:",
        "logs" => "log-group:",
        "ecs" => "service/",
        _ => return "*".to_owned(),
    };
    format!("arn:{partition}:{service}:{}:{}:{kind}{id}", wire.aws_region, wire.recipient_account_id)
}

/// The first string under a key that ends like an identifier's or a name's, depth first.
fn first_identifier(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let key = key.to_ascii_lowercase();
            let names = ["id", "identifier", "arn", "name", "service"].iter().any(|end| key.ends_with(end));
            value.as_str().filter(|_| names).or_else(|| first_identifier(value))
        }),
        Value::Array(items) => items.iter().find_map(first_identifier),
        _ => None,
    }
}

/// An id that depends on another and on nothing else.
fn derived(id: &str, purpose: &str) -> String {
    let digest = Sha256::new().chain_update(id).chain_update(purpose).finalize();
    uuid_of(digest.iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte)))
}

/// What EC2 puts where only `sts:DecodeAuthorizationMessage` could read it.
fn encoded(wire: &Wire) -> String {
    ["one", "two", "three", "four"].map(|purpose| derived(&wire.event_id, purpose).replace('-', "_")).concat()
}
