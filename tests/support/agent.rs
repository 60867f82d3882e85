//! The environment and the agent that destroys it: instances in three zones, a role of the agent's own, and calls that go
//! by way of the recorder.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use trailbrake_detectors::time::Millis;

use super::emulator::{ADMIN, Emulator, Kind, credentials, user_of};
use super::now;
use super::query::{Api, Query, REGION, Refusal, all, first};
use super::recorder::Recorder;
use super::trail::{Caller, launched};

/// The name of the managed policy that denies destruction.
pub(crate) const DESTRUCTIVE: &str = "TrailbrakeDenyDestructive";
/// The name of the managed policy that denies everything.
pub(crate) const EVERYTHING: &str = "TrailbrakeDenyAll";
const MAY_WORK: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*"],"Resource":"*"}]}"#;
const MAY_LOOK: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:List*"],"Resource":"*"}]}"#;
/// The service on whose behalf the agent runs, and which assumed its role.
const RUNTIME: &str = "bedrock-agentcore.amazonaws.com";

/// Makes the two deny policies, or finds them made.
pub(crate) async fn deny_policies(emulator: &Emulator, destructive: &str, everything: &str) {
    for (name, document) in [(DESTRUCTIVE, destructive), (EVERYTHING, everything)] {
        let made = [("PolicyName", name), ("PolicyDocument", document)];
        match emulator.admin.call(Api::Iam, "CreatePolicy", &made).await {
            Err(refusal) if refusal.code != "EntityAlreadyExists" => panic!("{name} was refused: {refusal:?}"),
            _ => {}
        }
    }
}

/// A user that holds the rights of the `aws-iam` hook, as its own document has them, and no others.
///
/// The stand-ins do not know the condition key `iam:PolicyARN`, without which the document would allow nothing there: the
/// condition is taken out, and [`super::iam_proxy::IamProxy`] keeps it. moto does not know IAM's resources either; MiniStack
/// does.
pub(crate) async fn hook_user(emulator: &Emulator, name: &str, document: &str) -> Query {
    let mut document: Value = serde_json::from_str(document).expect("a document");
    let mut conditions = 0;
    for statement in document["Statement"].as_array_mut().into_iter().flatten() {
        let condition = statement.as_object_mut().and_then(|statement| statement.remove("Condition"));
        if emulator.kind == Kind::Moto {
            statement["Resource"] = "*".into();
        }
        conditions +=
            usize::from(condition.is_some_and(|condition| condition["ArnEquals"]["iam:PolicyARN"].is_array()));
    }
    assert_eq!(conditions, 1, "the hook may attach more than our policies: {document}");
    let document = document.to_string();
    emulator.admin.must(Api::Iam, "CreateUser", &[("UserName", name)]).await;
    let policy = [("UserName", name), ("PolicyName", "pause"), ("PolicyDocument", document.as_str())];
    emulator.admin.must(Api::Iam, "PutUserPolicy", &policy).await;
    user_of(&emulator.admin, name).await
}

/// The ARN of a managed policy of this account.
pub(crate) fn policy_arn(emulator: &Emulator, name: &str) -> String {
    format!("arn:aws:iam::{}:policy/{name}", emulator.account)
}

/// What there is to destroy, and who destroys it.
pub(crate) struct Scene {
    /// The agent's role.
    pub(crate) role: String,
    /// The instances, one of each zone after the other.
    pub(crate) instances: Vec<String>,
    agent: Query,
    admin: Query,
}

impl Scene {
    /// Starts `per_zone` instances in each of three zones, as the platform's operator, and lets the runtime assume the
    /// agent's role: all of it recorded.
    pub(crate) async fn set(emulator: &Emulator, recorder: &Recorder, role: &str, per_zone: u32) -> Self {
        let operator = emulator.admin.at(recorder.url());
        let account = emulator.account.clone();
        let key = operator.credentials().access_key_id();
        let caller = Caller::User { name: ADMIN.to_owned(), id: emulator.admin_id.clone(), account: account.clone() };
        recorder.knows(key, caller.clone());
        let instances = launch(&operator, per_zone).await;
        let role_id = make_role(emulator, role).await;
        let session = "task-7f3a";
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let assume = [("RoleArn", arn.as_str()), ("RoleSessionName", session)];
        // Whoever signs here, in the trail it is the service that the agent runs on.
        recorder.knows(key, Caller::Service { name: RUNTIME, account: account.clone() });
        let assumed = operator.must(Api::Sts, "AssumeRole", &assume).await;
        recorder.knows(key, caller);
        let of = |tag| first(&assumed, tag).expect("credentials").to_owned();
        let agent = credentials(&of("AccessKeyId"), &of("SecretAccessKey"), Some(&of("SessionToken")));
        let (role, session) = (role.to_owned(), session.to_owned());
        let caller = Caller::Session { role: role.clone(), role_id, session, account, created: now() };
        recorder.knows(agent.access_key_id(), caller);
        let agent = operator.with(agent).with_user_agent("aws-sdk-python/1.43.106 md/agent#deploy-helper");
        Self { role, instances, agent, admin: emulator.admin.clone() }
    }

    /// One call of the agent: terminates the instance of this number.
    pub(crate) async fn terminate(&self, number: usize) -> Result<(), Refusal> {
        let id = self.instances[number].as_str();
        self.agent.call(Api::Ec2, "TerminateInstances", &[("InstanceId.1", id)]).await.map(|_| ())
    }

    /// Whether the agent may still look.
    pub(crate) async fn describe(&self) -> Result<(), Refusal> {
        self.agent.call(Api::Ec2, "DescribeInstances", &[]).await.map(|_| ())
    }

    /// How many of the instances are left.
    pub(crate) async fn left(&self) -> usize {
        let names: Vec<_> = (1..=self.instances.len()).map(|number| format!("InstanceId.{number}")).collect();
        let ids = self.instances.iter().map(String::as_str);
        let parameters: Vec<_> = names.iter().map(String::as_str).zip(ids).collect();
        let answer = self.admin.must(Api::Ec2, "DescribeInstances", &parameters).await;
        let states = all(&answer, "instanceState");
        states.iter().filter(|state| state.contains("running") || state.contains("pending")).count()
    }

    /// Everything that decides what the role may do, as IAM tells it.
    pub(crate) async fn policies(&self) -> Vec<String> {
        let role = ("RoleName", self.role.as_str());
        let attached = self.admin.must(Api::Iam, "ListAttachedRolePolicies", &[role]).await;
        let mut policies: Vec<_> = all(&attached, "PolicyArn").into_iter().map(str::to_owned).collect();
        let inline = self.admin.must(Api::Iam, "ListRolePolicies", &[role]).await;
        let names = first(&inline, "PolicyNames").map(|names| all(names, "member")).unwrap_or_default();
        for name in names {
            let document = self.admin.must(Api::Iam, "GetRolePolicy", &[role, ("PolicyName", name)]).await;
            policies.push(format!("{name}: {}", first(&document, "PolicyDocument").expect("a document")));
        }
        let role = self.admin.must(Api::Iam, "GetRole", &[role]).await;
        policies.push(first(&role, "AssumeRolePolicyDocument").expect("a document").to_owned());
        policies.push(first(&role, "PermissionsBoundaryArn").unwrap_or("no boundary").to_owned());
        policies
    }
}

async fn launch(operator: &Query, per_zone: u32) -> Vec<String> {
    let vpc = operator.must(Api::Ec2, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await;
    let vpc = first(&vpc, "vpcId").expect("a network").to_owned();
    let count = per_zone.to_string();
    let mut zones = Vec::new();
    for (number, zone) in ["a", "b", "c"].iter().enumerate() {
        let (block, zone) = (format!("10.0.{number}.0/24"), format!("{REGION}{zone}"));
        let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", block.as_str()), ("AvailabilityZone", zone.as_str())];
        let subnet = operator.must(Api::Ec2, "CreateSubnet", &subnet).await;
        let subnet = first(&subnet, "subnetId").expect("a subnet").to_owned();
        let run = [
            ("ImageId", "ami-12345678"),
            ("InstanceType", "t3.micro"),
            ("SubnetId", subnet.as_str()),
            ("MinCount", count.as_str()),
            ("MaxCount", count.as_str()),
        ];
        zones.push(launched(&operator.must(Api::Ec2, "RunInstances", &run).await).into_keys().collect::<Vec<_>>());
    }
    (0..zones[0].len()).flat_map(|number| zones.iter().map(move |zone| zone[number].clone())).collect()
}

async fn make_role(emulator: &Emulator, role: &str) -> String {
    let account = &emulator.account;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:user/{ADMIN}"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let admin = &emulator.admin;
    let made = admin.must(Api::Iam, "CreateRole", &[("RoleName", role), ("AssumeRolePolicyDocument", &trust)]).await;
    let inline = [("RoleName", role), ("PolicyName", "work"), ("PolicyDocument", MAY_WORK)];
    admin.must(Api::Iam, "PutRolePolicy", &inline).await;
    let base = format!("{role}-base");
    admin.must(Api::Iam, "CreatePolicy", &[("PolicyName", &base), ("PolicyDocument", MAY_LOOK)]).await;
    let base = policy_arn(emulator, &base);
    admin.must(Api::Iam, "AttachRolePolicy", &[("RoleName", role), ("PolicyArn", &base)]).await;
    first(&made, "RoleId").expect("a role's id").to_owned()
}

/// One call of the agent's.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When it was made.
    pub(crate) at: Millis,
    /// How it went.
    pub(crate) result: Result<(), Refusal>,
}

/// The agent at work.
pub(crate) struct Agent {
    calls: Arc<Mutex<Vec<Call>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Agent {
    /// Terminates one instance after the other, one every `pace`, until `refusals` calls were refused or nothing is left.
    /// The last instance is left alone.
    pub(crate) fn start(scene: Arc<Scene>, pace: Duration, refusals: usize) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let own = calls.clone();
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(pace);
            let mut refused = 0;
            for number in 0..scene.instances.len() - 1 {
                beat.tick().await;
                let at = now();
                let result = scene.terminate(number).await;
                refused += usize::from(result.is_err());
                own.lock().unwrap_or_else(PoisonError::into_inner).push(Call { at, result });
                if refused >= refusals {
                    return;
                }
            }
        });
        Self { calls, task }
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has given up, and gives all its calls.
    pub(crate) async fn end(self, within: Duration) -> Vec<Call> {
        tokio::time::timeout(within, self.task).await.expect("the agent ends").expect("the agent does not panic");
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
