//! What goes on in an account on any day: monitoring, agents on instances, functions, people who look, backups.

use serde_json::json;

use super::caller::{self, Caller, Role, agent};
use super::ec2;
use super::resource::{Environment, Kind};
use super::writer::{Call, Writer, pick, server_id, unique_id, uuid};

/// An Auto Scaling group launches an environment's instances between two offsets, which tells the trail their zones.
/// The launches of some are older than the trail, but of each zone the first three are always there.
pub(super) fn launches(writer: &mut Writer, environment: &Environment, from_ms: i64, until_ms: i64) {
    let scaling = "autoscaling.amazonaws.com";
    let role = Role::new(writer, &format!("/aws-service-role/{scaling}/"), "AWSServiceRoleForAutoScaling");
    let caller = role.service_session(writer, "AutoScaling", scaling);
    let place = writer.place.clone();
    for (number, instance) in environment.of(Kind::Instance).enumerate() {
        if number >= 9 && writer.chance(20) {
            continue;
        }
        let at_ms = writer.random.i64(from_ms..until_ms);
        let call = instance.create(&place, writer.second(at_ms), &mut writer.random);
        writer.call(&caller, at_ms, call);
    }
}

/// No trail is shorter.
pub(super) const SHORTEST_MS: i64 = 12 * 60 * 1000;

/// Everyday traffic from the trail's start until an offset, or somewhat longer: a trail ends with it.
pub(super) fn traffic(writer: &mut Writer, until_ms: i64) {
    let per_minute = writer.random.i64(14..=30);
    sparse_traffic(writer, until_ms, per_minute);
}

/// Everyday traffic of so many calls a minute.
pub(super) fn sparse_traffic(writer: &mut Writer, until_ms: i64, per_minute: i64) {
    traffic_in(writer, &[(0, until_ms.max(SHORTEST_MS))], per_minute);
}

/// Everyday traffic in several spans, given by their offsets: what happened between them is not in the trail.
pub(super) fn traffic_in(writer: &mut Writer, spans: &[(i64, i64)], per_minute: i64) {
    let staff = Staff::new(writer);
    for &(from_ms, until_ms) in spans {
        let crowd = Crowd::new(writer, &staff, from_ms);
        for _ in 0..(until_ms - from_ms) * per_minute / 60_000 {
            let at_ms = writer.random.i64(from_ms..until_ms);
            let (caller, call) = crowd.act(writer, at_ms);
            writer.call(&caller, at_ms, call);
        }
        // The first and the last record bound the span, whatever chance did between them.
        for at_ms in [from_ms, until_ms] {
            let call = describe_everything(writer);
            writer.call(&crowd.monitoring, at_ms, call);
        }
        for _ in 0..writer.random.u8(0..=3) {
            let at_ms = writer.random.i64(from_ms..until_ms);
            let call = ec2::delete_snapshot(&mut writer.random);
            writer.call(&crowd.backup, at_ms, call);
        }
    }
}

/// Whose sessions are about.
struct Staff {
    monitoring: Role,
    backup: Role,
    profile: Role,
    function: Role,
    person: Caller,
    instances: Vec<String>,
    key: String,
}

impl Staff {
    fn new(writer: &mut Writer) -> Self {
        let name = caller::person(writer);
        Self {
            monitoring: Role::new(writer, "/", "monitoring-collector"),
            backup: Role::new(writer, "/service-role/", "backup-lifecycle"),
            profile: Role::new(writer, "/", "app-instance-profile"),
            function: Role::new(writer, "/service-role/", "ingest-function"),
            person: caller::user(writer, name, agent::CLI),
            instances: (0..4).map(|_| server_id(&mut writer.random, "i")).collect(),
            key: uuid(&mut writer.random),
        }
    }
}

/// Who is about.
struct Crowd {
    monitoring: Caller,
    backup: Caller,
    person: Caller,
    instances: Vec<Caller>,
    function: Role,
    functions: Caller,
    key: String,
}

impl Crowd {
    fn new(writer: &mut Writer, staff: &Staff, from_ms: i64) -> Self {
        let instances = staff
            .instances
            .iter()
            .map(|instance| {
                let mut caller = staff.profile.session(writer, instance, from_ms - 1_800_000, agent::SSM_AGENT);
                caller.identity["sessionContext"]["ec2RoleDelivery"] = json!("2.0");
                caller
            })
            .collect();
        Self {
            monitoring: staff.monitoring.session(writer, "collector", from_ms - 600_000, agent::BOTO3),
            backup: staff.backup.session(writer, "retention", from_ms - 300_000, agent::BOTO3),
            person: staff.person.clone(),
            instances,
            functions: staff.function.session(writer, "ingest-function", from_ms - 900_000, agent::BOTO3),
            function: staff.function.clone(),
            key: staff.key.clone(),
        }
    }

    fn act(&self, writer: &mut Writer, at_ms: i64) -> (Caller, Call) {
        match writer.random.u8(..100) {
            0..45 => (self.monitoring.clone(), describe_everything(writer)),
            45..65 => {
                let instance = self.instances[writer.random.usize(..self.instances.len())].clone();
                (instance, instance_information(writer))
            }
            65..80 => (Caller::service("lambda.amazonaws.com"), self.assume_function(writer, at_ms)),
            80..92 => (self.functions.clone(), self.decrypt(writer)),
            _ => (self.person.clone(), describe_everything(writer)),
        }
    }

    fn assume_function(&self, writer: &mut Writer, at_ms: i64) -> Call {
        let session = "ingest-function";
        let key = unique_id(&mut writer.random, "ASIA", 20);
        let request = json!({"roleArn": self.function.arn, "roleSessionName": session});
        assume(writer, &self.function, "AssumeRole", session, &key, at_ms, request)
    }

    fn decrypt(&self, writer: &Writer) -> Call {
        let arn = writer.place.arn("kms", &format!("key/{}", self.key));
        let request = json!({"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "keyId": arn});
        let resource = json!({"accountId": writer.place.account, "type": "AWS::KMS::Key", "ARN": arn});
        Call::read("kms", "Decrypt", request).with_resource(resource)
    }
}

/// A call of STS that hands out a session of a role.
pub(super) fn assume(
    writer: &mut Writer,
    role: &Role,
    name: &'static str,
    session: &str,
    key: &str,
    at_ms: i64,
    request: serde_json::Value,
) -> Call {
    let response = json!({
        "credentials": {
            "accessKeyId": key,
            "sessionToken": unique_id(&mut writer.random, "IQoJb3JpZ2luX2Vj", 360),
            "expiration": super::stores::written_date(writer.second(at_ms + 3_600_000)),
        },
        "assumedRoleUser": {"assumedRoleId": format!("{}:{session}", role.id), "arn": role.session_arn(session)},
    });
    let resource = json!({"accountId": writer.place.account, "type": "AWS::IAM::Role", "ARN": role.arn});
    Call::read("sts", name, request).with_response(response).with_resource(resource)
}

fn instance_information(writer: &mut Writer) -> Call {
    let request = json!({
        "instanceId": server_id(&mut writer.random, "i"), "agentVersion": "3.3.2746.0", "agentStatus": "Active",
        "platformType": "Linux", "platformName": "Amazon Linux", "platformVersion": "2023",
        "iPAddress": format!("10.0.1.{}", writer.random.u8(4..255)), "agentName": "amazon-ssm-agent",
    });
    Call::write("ssm", "UpdateInstanceInformation", request, serde_json::Value::Null)
}

/// One of the calls with which dashboards, scanners and people look around.
pub(super) fn describe_everything(writer: &mut Writer) -> Call {
    let vpc = writer.place.vpc.clone();
    match writer.random.u8(..9) {
        0 => ec2::describe_filtered("DescribeInstances", &["instancesSet"], "instance-state-name", "running"),
        1 => ec2::describe_filtered("DescribeVolumes", &["volumeSet"], "status", "in-use"),
        2 => ec2::describe_filtered("DescribeSubnets", &["subnetSet"], "vpc-id", &vpc),
        3 => ec2::describe_filtered(
            "DescribeSecurityGroups",
            &["securityGroupSet", "securityGroupIdSet"],
            "vpc-id",
            &vpc,
        ),
        4 => Call::read("rds", "DescribeDBInstances", json!({"maxRecords": 100})),
        5 => Call::read("dynamodb", "ListTables", json!({"limit": 100})),
        6 => Call::read("elasticloadbalancing", "DescribeLoadBalancers", json!({"pageSize": 200})),
        7 => Call::read("monitoring", "DescribeAlarms", json!({"maxRecords": 100})),
        _ => {
            let name = pick(&mut writer.random, &["ListClusters", "ListTaskDefinitions"]);
            Call::read("ecs", name, json!({"maxResults": 100}))
        }
    }
}
