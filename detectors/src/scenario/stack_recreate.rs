//! Somebody deletes a stack and creates it again: CloudFormation does the work, with the caller's rights or as a role.

use serde_json::{Value, json};

use super::caller::{Caller, Role, agent};
use super::login;
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::worker::{ORDER_OF_CREATION, Worker};
use super::writer::{Call, Writer, pick, uuid};

/// What CloudFormation leaves of a name before its suffix, in the 32 characters that a target group's name may have.
const STEM_MAX: usize = 19;
const CLOUDFORMATION: &str = "cloudformation.amazonaws.com";

/// CloudFormation uses the rights of whoever calls it.
pub(super) fn write(writer: &mut Writer) {
    let stack = Stack::new(writer);
    let past = Past::new(writer, &stack.environment, 70);
    let (deleter, start_ms) = person_or_agent(writer, past.present_ms);
    let with_key = writer.chance(50);
    let through = deleter.through(CLOUDFORMATION, with_key);
    let until_ms = stack.recreate(writer, deleter, start_ms, None, |_, _| through.clone());
    past.traffic(writer, until_ms);
}

/// CloudFormation uses a role that it was given when the stack was created.
pub(super) fn write_with_role(writer: &mut Writer) {
    let stack = Stack::new(writer);
    let role = Role::new(writer, "/", &format!("{}-deployment", stack.environment.name()));
    let lend = |writer: &mut Writer, at_ms| login::lend(writer, CLOUDFORMATION, &role, "AWSCloudFormation", at_ms);

    let pipeline = Role::new(writer, "/delivery/", "infrastructure-pipeline");
    let creator = pipeline.session(writer, "deploy", 0, agent::BOTO3);
    writer.call(&creator, 4_000, stack.create_call(writer, Some(&role)));
    let mut worker = Worker::new(lend(writer, 5_000), 6_000, (0, 3));
    for kind in ORDER_OF_CREATION {
        for resource in stack.environment.of(kind) {
            worker.create(writer, resource);
        }
    }
    let past = Past::until(writer, worker.now_ms, (8 * 3_600_000, 90 * 3_600_000));

    let (deleter, start_ms) = person_or_agent(writer, past.present_ms);
    writer.answers(&deleter.entity);
    let until_ms = stack.recreate(writer, deleter, start_ms, Some(&role), |writer, at_ms| {
        let mut caller = lend(writer, at_ms);
        caller.leading = true;
        caller
    });
    past.traffic(writer, until_ms);
}

/// Who deletes the stack, and when he begins.
fn person_or_agent(writer: &mut Writer, from_ms: i64) -> (Caller, i64) {
    let tool = pick(&mut writer.random, &[agent::CLI, agent::CLI_AGENT, agent::BOTO3_AGENT]);
    (login::sign_in(writer, from_ms, tool), from_ms + writer.between(30, 300))
}

/// A stack, its resources, and the kinds for whose names its template leaves the choice to CloudFormation.
#[derive(Clone)]
struct Stack {
    name: String,
    id: String,
    environment: Environment,
    unnamed: Vec<Kind>,
}

impl Stack {
    fn new(writer: &mut Writer) -> Self {
        let mut environment = Environment::production(writer);
        let name = environment.name().to_owned();
        let nameable =
            [Kind::Table, Kind::Database, Kind::Function, Kind::LogGroup, Kind::SecurityGroup, Kind::TargetGroup];
        let unnamed: Vec<Kind> = nameable.into_iter().filter(|_| writer.chance(40)).collect();
        for resource in &mut environment.resources {
            if unnamed.contains(&resource.kind) {
                let longest = if resource.kind == Kind::TargetGroup { STEM_MAX } else { resource.name.len() };
                let stem = resource.name.get(..longest).unwrap_or(&resource.name).trim_end_matches('-').to_owned();
                resource.name = format!("{stem}-{}", suffix(writer, resource.kind));
            }
        }
        let id = stack_id(writer, &name);
        Self { name, id, environment, unnamed }
    }

    /// Deletes the stack and creates it again; returns when that is done. `hands` gives CloudFormation's identity.
    fn recreate(
        &self,
        writer: &mut Writer,
        deleter: Caller,
        start_ms: i64,
        role: Option<&Role>,
        hands: impl Fn(&mut Writer, i64) -> Caller,
    ) -> i64 {
        let mut person = Worker::new(deleter, start_ms, (3, 15));
        person.look_around(writer);
        let mut request = json!({"stackName": if writer.chance(50) { &self.id } else { &self.name }});
        if let Some(role) = role.filter(|_| writer.chance(50)) {
            request["roleARN"] = json!(role.arn);
        }
        let deleted_ms = person.now_ms;
        person.act(writer, Call::destroy("cloudformation", "DeleteStack", request, Value::Null));

        let caller = hands(writer, deleted_ms + 1_000);
        let mut worker = Worker::new(caller, deleted_ms + 2_000, (0, writer.random.i64(2..=8)));
        for kind in ORDER_OF_CREATION.into_iter().rev() {
            for resource in self.environment.of(kind) {
                let call = resource.delete(&writer.place);
                worker.act(writer, call);
                if writer.chance(30) {
                    let call = resource.describe(&writer.place);
                    worker.act(writer, call);
                }
            }
        }
        while person.now_ms < worker.now_ms {
            let call = Call::read("cloudformation", "DescribeStacks", json!({"stackName": self.name}));
            person.act(writer, call);
            person.now_ms += 20_000;
        }

        let created_ms = person.now_ms;
        let again = Self { id: stack_id(writer, &self.name), ..self.clone() };
        let call = again.create_call(writer, role);
        person.act(writer, call);
        let caller = hands(writer, created_ms + 1_000);
        let mut worker = Worker::new(caller, created_ms + 2_000, (0, 4));
        for kind in ORDER_OF_CREATION {
            for resource in self.environment.of(kind) {
                let again = self.reborn(writer, resource);
                worker.create(writer, &again);
            }
        }
        worker.now_ms.max(person.now_ms) + writer.between(30, 120)
    }

    /// The same thing made again: where CloudFormation chose the name, it chooses another.
    fn reborn(&self, writer: &mut Writer, resource: &Resource) -> Resource {
        let mut again = resource.reborn(&mut writer.random);
        if self.unnamed.contains(&resource.kind)
            && let Some((stem, _)) = resource.name.rsplit_once('-')
        {
            again.name = format!("{stem}-{}", suffix(writer, resource.kind));
        }
        again
    }

    /// CreateStack. Its record shows no template.
    fn create_call(&self, writer: &Writer, role: Option<&Role>) -> Call {
        let bucket = format!("{}-artifacts.s3.{}.{}", self.name, writer.place.region, writer.place.domain());
        let mut request = json!({
            "stackName": self.name, "templateURL": format!("https://{bucket}/template.yaml"),
            "capabilities": ["CAPABILITY_NAMED_IAM"], "disableRollback": false,
            "parameters": [{"parameterKey": "Environment"}],
        });
        if let Some(role) = role {
            request["roleARN"] = json!(role.arn);
        }
        Call::write("cloudformation", "CreateStack", request, json!({"stackId": self.id}))
    }
}

/// The ARN of a stack: each life of a name has its own.
fn stack_id(writer: &mut Writer, name: &str) -> String {
    let life = uuid(&mut writer.random);
    writer.place.arn("cloudformation", &format!("stack/{name}/{life}"))
}

/// What CloudFormation appends to a name of its choice.
fn suffix(writer: &mut Writer, kind: Kind) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('0'..='9').collect();
    let suffix: String = (0..12).map(|_| pick(&mut writer.random, &alphabet)).collect();
    // RDS keeps its identifiers in lower case.
    if kind == Kind::Database { suffix.to_lowercase() } else { suffix }
}
