//! Benign: a scanner looks at everything there is: tens of thousands of calls that only read, many of them refused.

use serde_json::{Value, json};

use super::caller::{Role, agent};
use super::habit::{Broker, Habit, Sessions, keep};
use super::routine;
use super::writer::{Call, Writer, pick, server_id};

pub(super) fn write(writer: &mut Writer) {
    let mut scanner = Scanner::new(writer);
    let from_ms = writer.between(20, 120);
    let until_ms = from_ms + writer.between(20 * 60, 50 * 60);
    scanner.rest_ms = i64::MAX;
    keep(writer, &mut scanner, from_ms, until_ms);
    routine::traffic(writer, until_ms);
}

/// A scanner: some minutes to an hour of calls, and rest until the next scan.
pub(super) struct Scanner {
    sessions: Sessions,
    /// Calls a minute.
    per_minute: usize,
    /// Of a hundred calls, how many the scanner has no permission for.
    refused: u32,
    regions: [&'static str; 3],
    /// When the scan ends.
    rest_ms: i64,
}

impl Scanner {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let name = pick(&mut writer.random, &["security-audit", "inventory-collector", "posture-scanner"]);
        let role = Role::new(writer, "/", name);
        let host = pick(&mut writer.random, &["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]);
        let sessions = Sessions::new(writer, role, name, Broker::service(host), agent::BOTO3);
        let regions = [writer.place.region, "us-east-1", "eu-north-1"];
        let (per_minute, refused) = (writer.random.usize(450..=1_100), writer.random.u32(4..=20));
        Self { sessions, per_minute, refused, regions, rest_ms: 0 }
    }
}

impl Habit for Scanner {
    /// A minute of a scan.
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        const MINUTE_MS: i64 = 60_000;
        if at_ms >= self.rest_ms {
            self.rest_ms = at_ms + writer.between(4 * 60, 20 * 60);
        }
        let caller = self.sessions.at(writer, at_ms);
        let home = writer.place.region;
        writer.place.region = pick(&mut writer.random, &self.regions);
        for _ in 0..self.per_minute {
            let offset_ms = writer.random.i64(0..MINUTE_MS);
            let call = look(writer, caller.identity["arn"].as_str().unwrap_or_default(), self.refused);
            writer.call(&caller, at_ms + offset_ms, call);
        }
        writer.place.region = home;
        let over_ms = at_ms + MINUTE_MS;
        if over_ms < self.rest_ms { over_ms } else { over_ms + writer.between(4 * 3_600, 12 * 3_600) }
    }
}

/// What a scanner asks of services that have no parameters worth telling.
const LISTS: &[(&str, &str)] = &[
    ("lambda", "ListFunctions20150331"),
    ("iam", "ListRoles"),
    ("iam", "GetAccountSummary"),
    ("iam", "GetAccountAuthorizationDetails"),
    ("iam", "GetCredentialReport"),
    ("s3", "ListBuckets"),
    ("kms", "ListKeys"),
    ("ec2", "DescribeVpcs"),
    ("ec2", "DescribeRegions"),
    ("ec2", "DescribeAvailabilityZones"),
    ("ec2", "DescribeAddresses"),
    ("rds", "DescribeDBSnapshots"),
    ("rds", "DescribeDBClusters"),
    ("cloudtrail", "DescribeTrails"),
    ("config", "DescribeConfigurationRecorders"),
    ("guardduty", "ListDetectors"),
    ("securityhub", "DescribeHub"),
    ("secretsmanager", "ListSecrets"),
    ("sns", "ListTopics"),
    ("sqs", "ListQueues"),
    ("eks", "ListClusters"),
    ("ecr", "DescribeRepositories"),
    ("ssm", "DescribeParameters"),
    ("cloudformation", "ListStacks"),
    ("elasticfilesystem", "DescribeFileSystems"),
    ("logs", "DescribeLogGroups"),
    ("backup", "ListBackupVaults"),
    ("route53", "ListHostedZones"),
    ("cloudfront", "ListDistributions2020_05_31"),
    ("acm", "ListCertificates"),
    ("wafv2", "ListWebACLs"),
    ("organizations", "DescribeOrganization"),
    ("autoscaling", "DescribeAutoScalingGroups"),
    ("states", "ListStateMachines"),
];

fn look(writer: &mut Writer, arn: &str, refused: u32) -> Call {
    let (service, name) = pick(&mut writer.random, LISTS);
    if writer.chance(refused) {
        return refuse(Call::read(service, name, Value::Null), service, name, arn);
    }
    match writer.random.u8(..10) {
        0..4 => routine::describe_everything(writer),
        4..7 => {
            let parameters = match service {
                "ec2" => json!({"filterSet": {}}),
                "iam" | "lambda" | "kms" => json!({"maxItems": 100}),
                _ => Value::Null,
            };
            let call = Call::read(service, name, parameters);
            if writer.chance(3) { call.throttled() } else { call }
        }
        7..9 => look_at_bucket(writer),
        _ => {
            let volume = server_id(&mut writer.random, "vol");
            let request = json!({"volumeSet": {"items": [{"volumeId": volume}]}, "filterSet": {}});
            let call = Call::read("ec2", "DescribeVolumes", request);
            let missing = format!("The volume '{volume}' does not exist.");
            if writer.chance(30) { call.failed("Client.InvalidVolume.NotFound", missing) } else { call }
        }
    }
}

fn refuse(call: Call, service: &str, name: &str, arn: &str) -> Call {
    let action = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    let said = format!(
        "User: {arn} is not authorized to perform: {service}:{action} because no identity-based policy allows the \
         {service}:{action} action"
    );
    if service == "ec2" {
        let message = format!("You are not authorized to perform this operation. {said}");
        return call.failed("Client.UnauthorizedOperation", message);
    }
    call.failed("AccessDenied", said)
}

/// A question about a bucket, which often has no answer.
fn look_at_bucket(writer: &mut Writer) -> Call {
    const QUESTIONS: [(&str, &str, &str, &str); 6] = [
        ("GetBucketPolicy", "policy", "NoSuchBucketPolicy", "The bucket policy does not exist"),
        (
            "GetBucketLifecycle",
            "lifecycle",
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
        (
            "GetBucketWebsite",
            "website",
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
        ("GetBucketTagging", "tagging", "NoSuchTagSet", "The TagSet does not exist"),
        ("GetBucketAcl", "acl", "AccessDenied", "Access Denied"),
        (
            "GetBucketPublicAccessBlock",
            "publicAccessBlock",
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
    ];
    let (name, part, code, message) = pick(&mut writer.random, &QUESTIONS);
    let bucket = format!("example-{}-{:03}", writer.place.region, writer.random.u16(..600));
    let host = format!("{bucket}.s3.{}.amazonaws.com", writer.place.region);
    let call = Call::read("s3", name, json!({"bucketName": bucket, "Host": host, part: ""}));
    if writer.chance(45) { call.failed(code, message.to_owned()) } else { call }
}
