//! CloudTrail's side: the record that a call would have caused, in AWS's own shape.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trailbrake_detectors::time::Millis;

use super::query::{REGION, all, first};
use super::web::{Answer, Asked};
use super::{hex, uuid};

/// Who signs with an access key.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// An IAM user.
    User { name: String, id: String, account: String },
    /// A session of a role.
    Session { role: String, role_id: String, session: String, account: String, created: Millis },
    /// An AWS service, acting for a customer.
    Service { name: &'static str, account: String },
}

impl Caller {
    /// The account in whose trail its calls appear.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::User { account, .. } | Self::Session { account, .. } | Self::Service { account, .. } => account,
        }
    }

    fn identity(&self, access_key: &str) -> Value {
        match self {
            Self::User { name, id, account } => json!({
                "type": "IAMUser", "principalId": id, "arn": format!("arn:aws:iam::{account}:user/{name}"),
                "accountId": account, "accessKeyId": access_key, "userName": name,
            }),
            Self::Session { role, role_id, session, account, created } => json!({
                "type": "AssumedRole", "principalId": format!("{role_id}:{session}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
                "accountId": account, "accessKeyId": access_key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": role_id, "arn": format!("arn:aws:iam::{account}:role/{role}"),
                        "accountId": account, "userName": role,
                    },
                    "attributes": { "creationDate": time(*created), "mfaAuthenticated": "false" },
                },
            }),
            Self::Service { name, .. } => json!({ "type": "AWSService", "invokedBy": name }),
        }
    }
}

/// A time as CloudTrail writes it: in whole seconds.
pub(crate) fn time(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).expect("a time");
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The record of one call.
pub(crate) fn record(
    asked: &Asked,
    answer: &Answer,
    caller: &Caller,
    zones: &BTreeMap<String, String>,
    at: Millis,
) -> Value {
    let parameters = asked.parameters();
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let (access_key, service) = asked.signer().unwrap_or_default();
    let xml = answer.text();
    let user_agent = asked.headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_read = action.starts_with("Describe") || action.starts_with("List") || action.starts_with("Get");
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": caller.identity(&access_key),
        "eventTime": time(at),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": action,
        "awsRegion": REGION,
        "sourceIPAddress": match caller { Caller::Service { name, .. } => name, _ => "192.0.2.44" },
        "userAgent": match caller { Caller::Service { name, .. } => name, _ => user_agent },
        "requestParameters": request(&action, &parameters),
        "responseElements": null,
        "requestID": first(&xml, "requestId").or(first(&xml, "RequestId")).map_or_else(uuid, str::to_owned),
        "eventID": uuid(),
        "readOnly": is_read || action == "AssumeRole",
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": caller.account(),
        "eventCategory": "Management",
    });
    if answer.status.is_success() {
        if !is_read {
            record["responseElements"] = response(&action, &xml, zones);
        }
    } else {
        // EC2's own dialect, whatever the stand-in says.
        let code = first(&xml, "Code").unwrap_or("InternalError");
        let code = if code == "AccessDenied" && service == "ec2" { "UnauthorizedOperation" } else { code };
        record["errorCode"] = if service == "ec2" { json!(format!("Client.{code}")) } else { json!(code) };
        record["errorMessage"] = json!(first(&xml, "Message").unwrap_or_default());
    }
    record
}

/// The record as EventBridge puts it into a stream.
pub(crate) fn enveloped(record: &Value) -> Value {
    let source = record["eventSource"].as_str().unwrap_or_default().replace(".amazonaws.com", "");
    json!({
        "version": "0", "id": uuid(), "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{source}"),
        "account": record["recipientAccountId"], "time": record["eventTime"], "region": record["awsRegion"],
        "resources": [], "detail": record,
    })
}

fn request(action: &str, parameters: &BTreeMap<String, String>) -> Value {
    let of = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    match action {
        "TerminateInstances" => {
            let ids = parameters.iter().filter(|(name, _)| name.starts_with("InstanceId."));
            json!({ "instancesSet": { "items": ids.map(|(_, id)| json!({ "instanceId": id })).collect::<Vec<_>>() } })
        }
        "RunInstances" => json!({
            "instancesSet": { "items": [{
                "imageId": of("ImageId"),
                "minCount": of("MinCount").parse::<u32>().unwrap_or(1), "maxCount": of("MaxCount").parse::<u32>().unwrap_or(1),
            }]},
            "instanceType": of("InstanceType"), "blockDeviceMapping": {}, "monitoring": { "enabled": false },
            "disableApiTermination": false, "disableApiStop": false, "clientToken": uuid(), "subnetId": of("SubnetId"),
        }),
        "AssumeRole" => json!({ "roleArn": of("RoleArn"), "roleSessionName": of("RoleSessionName") }),
        _ => {
            let own = parameters.iter().filter(|(name, _)| !["Action", "Version"].contains(&name.as_str()));
            own.map(|(name, value)| (lower_first(name), json!(value))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

fn response(action: &str, xml: &str, zones: &BTreeMap<String, String>) -> Value {
    match action {
        "TerminateInstances" => {
            let items = all(xml, "instanceId").into_iter().map(|id| {
                let is_gone = xml.contains("<name>terminated</name>");
                let (code, name) = if is_gone { (48, "terminated") } else { (32, "shutting-down") };
                json!({ "instanceId": id, "currentState": { "code": code, "name": name },
                        "previousState": { "code": 16, "name": "running" } })
            });
            json!({ "requestId": uuid(), "instancesSet": { "items": items.collect::<Vec<_>>() } })
        }
        "RunInstances" => {
            let items = launched(xml).into_iter().map(|(id, subnet)| {
                json!({
                    "instanceId": id, "imageId": first(xml, "imageId"), "instanceState": { "code": 0, "name": "pending" },
                    "amiLaunchIndex": 0, "productCodes": {}, "instanceType": first(xml, "instanceType"),
                    // From the subnet, as on AWS: a stand-in may put every instance into its first zone.
                    "placement": { "availabilityZone": zones.get(&subnet), "tenancy": "default" },
                    "subnetId": subnet, "vpcId": first(xml, "vpcId"), "architecture": "x86_64", "virtualizationType": "hvm",
                })
            });
            json!({ "requestId": uuid(), "reservationId": format!("r-{}", hex(17)),
                    "instancesSet": { "items": items.collect::<Vec<_>>() } })
        }
        "AssumeRole" => json!({
            "credentials": {
                "accessKeyId": first(xml, "AccessKeyId"), "sessionToken": "IQoJb3JpZ2luX2VjEGFiY2Q=",
                "expiration": first(xml, "Expiration"),
            },
            "assumedRoleUser": { "assumedRoleId": first(xml, "AssumedRoleId"), "arn": first(xml, "Arn") },
        }),
        _ => json!({ "requestId": uuid(), "_return": true }),
    }
}

/// The instances of a RunInstances answer, each with its subnet.
pub(crate) fn launched(xml: &str) -> BTreeMap<String, String> {
    let ids = all(xml, "instanceId").into_iter().zip(xml.split("<instanceId>").skip(1));
    ids.map(|(id, rest)| (id.to_owned(), first(rest, "subnetId").unwrap_or_default().to_owned())).collect()
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |letter| letter.to_lowercase().chain(letters).collect())
}
