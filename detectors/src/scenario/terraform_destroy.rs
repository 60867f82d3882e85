//! An operator runs `terraform destroy` against production: refresh, then ten deletions at a time, and security groups that
//! network interfaces hold on to for ten minutes.

use super::caller::{Caller, Role, agent, person};
use super::past::Past;
use super::resource::{Environment, Kind, Resource};
use super::writer::{Writer, server_id};
use super::{ec2, login};

/// Terraform's own default.
const PARALLELISM: usize = 10;

pub(super) fn write(writer: &mut Writer) {
    let production = Environment::production(writer);
    let past = Past::new(writer, &production, 70);
    let start_ms = past.present_ms + writer.between(120, 300);

    let caller = login::sign_in(writer, past.present_ms, agent::TERRAFORM);
    let refreshed_ms = refresh(writer, &caller, &production, start_ms);
    // The operator reads the plan and types "yes".
    let confirmed_ms = refreshed_ms + writer.between(10, 60);

    let (groups, others): (Vec<&Resource>, Vec<&Resource>) =
        production.resources.iter().partition(|resource| resource.kind == Kind::SecurityGroup);
    let (last, mut first): (Vec<&Resource>, Vec<&Resource>) =
        others.into_iter().partition(|resource| resource.kind == Kind::TargetGroup);
    writer.random.shuffle(&mut first);
    // Groups come early: Terraform waits for what it made in them, and knows nothing of the network interfaces that
    // functions and load balancers leave behind.
    for group in groups {
        let place = writer.random.usize(PARALLELISM..PARALLELISM + 6).min(first.len());
        first.insert(place, group);
    }
    let destroyed_ms = destroy(writer, &caller, &first, confirmed_ms);
    let finished_ms = destroy(writer, &caller, &last, destroyed_ms);

    let until_ms = finished_ms + writer.between(120, 400);
    past.traffic(writer, until_ms);
}

/// A session of Identity Center's role for operators.
pub(super) fn operator(writer: &mut Writer, start_ms: i64, tool: &str) -> Caller {
    let path = format!("/aws-reserved/sso.amazonaws.com/{}/", writer.place.region);
    let suffix = &server_id(&mut writer.random, "sso")[5..];
    let role = Role::new(writer, &path, &format!("AWSReservedSSO_PlatformAdmin_{suffix}"));
    let session = format!("{}@example.com", person(writer));
    let made_ms = start_ms - writer.between(30, 7_200);
    role.session(writer, &session, made_ms, tool).leading()
}

/// Looks at each resource, ten at a time; returns when that is done.
fn refresh(writer: &mut Writer, caller: &Caller, environment: &Environment, start_ms: i64) -> i64 {
    let place = writer.place.clone();
    let mut lanes = [start_ms; PARALLELISM];
    for resource in &environment.resources {
        let lane = earliest(&mut lanes);
        *lane = writer.persist(caller, *lane, resource.describe(&place)) + writer.random.i64(200..1_500);
    }
    latest(&lanes)
}

/// Destroys resources, ten at a time; returns when the last is gone.
fn destroy(writer: &mut Writer, caller: &Caller, resources: &[&Resource], start_ms: i64) -> i64 {
    let mut lanes = [start_ms; PARALLELISM];
    let mut lingers = true;
    for resource in resources {
        let lane = earliest(&mut lanes);
        let begun_ms = *lane + writer.random.i64(50..600);
        *lane = if resource.kind == Kind::SecurityGroup {
            let held = if lingers { (610, 760) } else { (90, 400) };
            lingers = writer.chance(50);
            let free_ms = start_ms + writer.between(held.0, held.1);
            destroy_group(writer, caller, resource, begun_ms, free_ms)
        } else {
            destroy_one(writer, caller, resource, begun_ms)
        };
    }
    latest(&lanes)
}

/// Tries to destroy a security group, again and again until nothing holds on to it any more.
fn destroy_group(writer: &mut Writer, caller: &Caller, group: &Resource, start_ms: i64, free_ms: i64) -> i64 {
    let place = writer.place.clone();
    let (mut now_ms, mut wait_ms) = (start_ms, 500);
    if let Some(early) = group.delete_too_early(&place) {
        while now_ms < free_ms {
            now_ms = writer.persist(caller, now_ms, early.clone()) + wait_ms;
            wait_ms = (wait_ms * 2).min(10_000);
        }
    }
    now_ms = writer.persist(caller, now_ms, group.delete(&place)) + 500;
    writer.persist(caller, now_ms, group.describe(&place))
}

/// Destroys one resource and waits until it is gone, as the provider does.
fn destroy_one(writer: &mut Writer, caller: &Caller, resource: &Resource, start_ms: i64) -> i64 {
    let place = writer.place.clone();
    let mut now_ms = start_ms;
    if resource.kind == Kind::Instance {
        now_ms = writer.persist(caller, now_ms, ec2::allow_termination(resource)) + writer.random.i64(100..500);
    }
    if let Some(early) = resource.delete_too_early(&place) {
        for _ in 0..writer.random.u8(0..=3) {
            now_ms = writer.persist(caller, now_ms, early.clone()) + writer.between(3, 12);
        }
    }
    now_ms = writer.persist(caller, now_ms, resource.delete(&place));
    let (fastest, slowest, every) = deletion_seconds(resource.kind);
    let gone_ms = now_ms + writer.between(fastest, slowest);
    while now_ms < gone_ms {
        now_ms = writer.persist(caller, now_ms + every * 1000, resource.describe(&place));
    }
    now_ms
}

/// How long a deletion takes, at least and at most, and how often the provider asks after it.
fn deletion_seconds(kind: Kind) -> (i64, i64, i64) {
    match kind {
        Kind::Database | Kind::Cache => (150, 420, 30),
        Kind::Instance => (30, 100, 10),
        Kind::Service => (20, 120, 10),
        Kind::NatGateway => (40, 70, 10),
        Kind::Table => (8, 30, 5),
        _ => (1, 3, 2),
    }
}

fn earliest(lanes: &mut [i64; PARALLELISM]) -> &mut i64 {
    let mut chosen = 0;
    for lane in 1..PARALLELISM {
        if lanes[lane] < lanes[chosen] {
            chosen = lane;
        }
    }
    &mut lanes[chosen]
}

fn latest(lanes: &[i64; PARALLELISM]) -> i64 {
    lanes.iter().copied().fold(0, i64::max)
}
