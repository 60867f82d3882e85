//! An agent tears down and rebuilds the environment that its own role made a month ago: all of it is its own, and old.

use serde_json::{Value, json};

use super::caller::{Role, agent};
use super::login;
use super::past::{self, Past};
use super::resource::{Environment, Kind, Resource};
use super::worker::Worker;
use super::writer::{Place, Writer, pick};

const DAY_MS: i64 = 86_400_000;
const AGE_DAYS: i64 = 30;

pub(super) fn write(writer: &mut Writer) {
    let production = production(writer);
    let name = pick(&mut writer.random, &["environment-agent", "platform-builder", "infra-agent"]);
    let role = Role::new(writer, "/", name);
    let tool = pick(&mut writer.random, &[agent::BOTO3_AGENT, agent::CLI_AGENT, agent::TERRAFORM]);

    // A month ago: the same role, another session.
    let maker = login::instance_role(writer, &role, 2_000, tool);
    let mut worker = Worker::new(maker, 6_000, (1, 4));
    past::build(writer, &mut worker, &production, 90);
    for instance in production.of(Kind::Instance) {
        worker.create(writer, instance);
    }
    let past = Past::until(writer, worker.now_ms, (AGE_DAYS * DAY_MS, AGE_DAYS * DAY_MS + DAY_MS / 3));

    let caller = login::instance_role(writer, &role, past.present_ms, tool);
    let slowest = writer.random.i64(5..=18);
    let mut worker = Worker::new(caller, past.present_ms + writer.between(20, 120), (2, slowest));
    worker.look_around(writer);
    worker.tear_down(writer, &production);
    worker.now_ms += writer.between(20, 90);
    worker.rebuild(writer, &production);
    let until_ms = worker.now_ms + writer.between(60, 240);
    past.traffic(writer, until_ms);
}

/// The environment; the first thing that a writer of this scenario draws, so that the inventory knows it as well.
fn production(writer: &mut Writer) -> Environment {
    Environment::production(writer)
}

/// What AWS Config knew of the environment before the trail's last day, as its advanced queries print it.
pub(super) fn inventory(writer: &mut Writer) -> String {
    let production = production(writer);
    let made = writer.second(0).to_string().replace('Z', ".000Z");
    let items = production.resources.iter().filter_map(|resource| item(resource, &writer.place, &made));
    let results: Vec<Value> = subnets(&writer.place).chain(items).map(|item| json!(item.to_string())).collect();
    let fields = [
        "accountId",
        "arn",
        "availabilityZone",
        "awsRegion",
        "resourceCreationTime",
        "resourceId",
        "resourceName",
        "resourceType",
    ];
    let fields: Vec<Value> = fields.iter().map(|name| json!({"Name": name})).collect();
    format!("{:#}\n", json!({"Results": results, "QueryInfo": {"SelectFields": fields}}))
}

fn subnets(place: &Place) -> impl Iterator<Item = Value> {
    place.zones.iter().zip(&place.subnets).map(|(zone, subnet)| {
        json!({
            "accountId": place.account, "arn": place.arn("ec2", &format!("subnet/{subnet}")), "availabilityZone": zone,
            "awsRegion": place.region, "resourceId": subnet, "resourceType": "AWS::EC2::Subnet",
        })
    })
}

/// One resource as AWS Config lists it; nothing for types that it does not record.
fn item(resource: &Resource, place: &Place, made: &str) -> Option<Value> {
    let Resource { name, id, environment, .. } = resource;
    let zone = place.zones[resource.zone].as_str();
    let (kind, service, rest, zone) = match resource.kind {
        Kind::Instance => ("AWS::EC2::Instance", "ec2", format!("instance/{id}"), zone),
        Kind::NatGateway => ("AWS::EC2::NatGateway", "ec2", format!("natgateway/{id}"), "Not Applicable"),
        Kind::SecurityGroup => ("AWS::EC2::SecurityGroup", "ec2", format!("security-group/{id}"), "Not Applicable"),
        Kind::Database => ("AWS::RDS::DBInstance", "rds", format!("db:{name}"), zone),
        Kind::Table => ("AWS::DynamoDB::Table", "dynamodb", format!("table/{name}"), "Regional"),
        Kind::Service => ("AWS::ECS::Service", "ecs", format!("service/{environment}/{name}"), "Regional"),
        Kind::LoadBalancer => (
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "elasticloadbalancing",
            format!("loadbalancer/app/{name}/{id}"),
            "Multiple Availability Zones",
        ),
        Kind::Function => ("AWS::Lambda::Function", "lambda", format!("function:{name}"), "Not Applicable"),
        _ => return None,
    };
    let arn = place.arn(service, &rest);
    let known_as = match resource.kind {
        Kind::Instance | Kind::NatGateway | Kind::SecurityGroup | Kind::Database => id,
        Kind::Service | Kind::LoadBalancer => &arn,
        _ => name,
    };
    Some(json!({
        "accountId": place.account, "arn": arn, "availabilityZone": zone, "awsRegion": place.region,
        "resourceCreationTime": made, "resourceId": known_as, "resourceName": name, "resourceType": kind,
    }))
}
