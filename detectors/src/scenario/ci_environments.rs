//! Benign: CI runs create test environments, several at a time, and each tears its own down after some minutes. Names are
//! fixed: the next run in a lane uses them again.

use serde_json::json;

use super::caller::{Caller, Role, address, agent};
use super::habit::{Habit, keep};
use super::resource::{Kind, Resource};
use super::routine;
use super::writer::{Writer, pick, unique_id};

/// How large environments are ...
const SIZES: [usize; 3] = [7, 40, 120];
/// ... and for how many minutes they live, in any combination.
const MINUTES: [i64; 3] = [3, 15, 90];
/// A job's session lasts for an hour; what comes later is another job of the same run.
const JOB_MS: i64 = 50 * 60 * 1000;

pub(super) fn write(writer: &mut Writer) {
    let mut pipeline = Pipeline::new(writer);
    let from_ms = writer.between(10, 120);
    let until_ms = writer.between(110 * 60, 150 * 60);
    keep(writer, &mut pipeline, from_ms, until_ms);
    let over_ms = pipeline.lanes.iter().map(|lane| lane.free_ms).max().unwrap_or(until_ms);
    routine::sparse_traffic(writer, over_ms, 6);
}

/// A pipeline with several lanes, in each of which one run follows another.
pub(super) struct Pipeline {
    role: Role,
    repository: &'static str,
    tool: &'static str,
    run: u64,
    lanes: Vec<Lane>,
}

/// Where runs follow one another, with an environment of the same names each time.
struct Lane {
    environment: Vec<Resource>,
    minutes: i64,
    free_ms: i64,
    /// How many calls the tool makes at the same time.
    parallel: usize,
}

impl Pipeline {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let role = Role::new(writer, "/ci/", "ci-integration-tests");
        let repository = pick(&mut writer.random, &["example/shop", "example/billing", "example/platform"]);
        let tool = pick(&mut writer.random, &[agent::TERRAFORM, agent::CLI]);
        let run = writer.random.u64(10_000_000_000..18_000_000_000);
        let mut minutes = MINUTES;
        writer.random.shuffle(&mut minutes);
        let suites = ["unit", "integration", "end-to-end"];
        let lanes = SIZES.iter().zip(minutes).zip(suites).map(|((size, minutes), suite)| {
            // A script works on one thing after the other, Terraform on ten at once.
            let parallel = if tool == agent::TERRAFORM { 10 } else { writer.random.usize(1..=3) };
            let environment = environment(writer, &format!("ci-{suite}"), *size);
            Lane { environment, minutes, free_ms: 0, parallel }
        });
        let lanes = lanes.collect();
        Self { role, repository, tool, run, lanes }
    }

    /// One run: a session of its own, an environment, tests, and the environment's end. Returns when it is over.
    fn run(&mut self, writer: &mut Writer, lane: usize, start_ms: i64) -> i64 {
        self.run += writer.random.u64(1..200);
        let mut caller = self.log_in(writer, start_ms);
        let Lane { environment, minutes, parallel, .. } = &self.lanes[lane];
        let environment: Vec<Resource> =
            environment.iter().map(|resource| resource.reborn(&mut writer.random)).collect();
        let made_ms = make(writer, &caller, &environment, *parallel, start_ms + 2_000);
        let tested_ms = made_ms + minutes * 60_000 * writer.random.i64(85..=115) / 100;
        let mut now_ms = made_ms;
        while now_ms < tested_ms {
            if now_ms - start_ms < JOB_MS {
                let looked_at = &environment[writer.random.usize(..environment.len())];
                let call = looked_at.describe(&writer.place);
                writer.call(&caller, now_ms, call);
            }
            now_ms += writer.between(10, 60);
        }
        if now_ms - start_ms >= JOB_MS {
            caller = self.log_in(writer, now_ms);
        }
        // Newest first; what others depend on goes last.
        let (last, first): (Vec<&Resource>, Vec<&Resource>) = environment
            .iter()
            .rev()
            .partition(|resource| matches!(resource.kind, Kind::SecurityGroup | Kind::TargetGroup));
        let parallel = self.lanes[lane].parallel;
        let first_ms = unmake(writer, &caller, &first, parallel, now_ms + 1_500);
        unmake(writer, &caller, &last, parallel, first_ms)
    }

    /// The job shows its token to STS and gets a session of the CI role.
    fn log_in(&self, writer: &mut Writer, at_ms: i64) -> Caller {
        let Self { role, repository, tool, run, .. } = self;
        let session = format!("run-{run}");
        let key = unique_id(&mut writer.random, "ASIA", 20);
        let request = json!({"roleArn": role.arn, "roleSessionName": session, "durationSeconds": 3600});
        let call = routine::assume(writer, role, "AssumeRoleWithWebIdentity", &session, &key, at_ms, request);
        let from = address(writer);
        writer.call(&Caller::web_identity(repository, &from, tool), at_ms, call);
        let mut caller = role.session_with_key(writer, &session, &key, at_ms, tool).leading();
        caller.address = from;
        caller.identity["sessionContext"]["webIdFederationData"] = json!({
            "federatedProvider":
                format!("arn:aws:iam::{}:oidc-provider/token.actions.githubusercontent.com", writer.place.account),
            "attributes": {},
        });
        caller
    }
}

impl Habit for Pipeline {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        if let Some(lane) = self.lanes.iter().position(|lane| lane.free_ms <= at_ms) {
            let over_ms = self.run(writer, lane, at_ms);
            self.lanes[lane].free_ms = over_ms + writer.between(40, 900);
        }
        let next_ms = self.lanes.iter().map(|lane| lane.free_ms).min().unwrap_or_default();
        next_ms.max(at_ms + writer.between(5, 60))
    }
}

/// An environment of about so many resources, in the order in which they are made.
fn environment(writer: &mut Writer, name: &str, size: usize) -> Vec<Resource> {
    const PARTS: [&str; 6] = ["web", "api", "worker", "orders", "catalog", "search"];
    // Of a hundred resources.
    let kinds = [
        (Kind::SecurityGroup, 7),
        (Kind::Table, 20),
        (Kind::Database, 6),
        (Kind::Cache, 2),
        (Kind::LogGroup, 16),
        (Kind::Function, 20),
        (Kind::Instance, 8),
        (Kind::TargetGroup, 7),
        (Kind::LoadBalancer, 3),
        (Kind::Service, 11),
    ];
    let mut resources = Vec::new();
    for (kind, share) in kinds {
        let varied = share * writer.random.usize(70..=130) * size;
        // What is left of a whole one decides by chance, so that small environments differ.
        let count = varied / 10_000 + usize::from(writer.random.usize(..10_000) < varied % 10_000);
        let count = if matches!(kind, Kind::Table | Kind::Database) { count.max(1) } else { count };
        for number in 0..count {
            let suffix = format!("{}-{number}", PARTS[number % PARTS.len()]);
            resources.push(Resource::new(&mut writer.random, kind, name, &suffix, number % 3));
        }
    }
    resources
}

/// Creates resources, some at the same time; returns when all are there.
fn make(writer: &mut Writer, caller: &Caller, resources: &[Resource], parallel: usize, start_ms: i64) -> i64 {
    let mut lanes = vec![start_ms; parallel];
    for resource in resources {
        let index = earliest(&lanes);
        let (place, at) = (writer.place.clone(), writer.second(lanes[index]));
        let call = resource.create(&place, at, &mut writer.random);
        let made_ms = writer.persist(caller, lanes[index], call);
        let (fastest, slowest) = match resource.kind {
            Kind::Database | Kind::Cache => (180, 420),
            Kind::LoadBalancer => (90, 180),
            Kind::Instance | Kind::Service => (15, 60),
            Kind::Table => (6, 20),
            _ => (1, 3),
        };
        lanes[index] = wait(writer, caller, resource, made_ms, (fastest, slowest));
    }
    lanes.into_iter().max().unwrap_or(start_ms)
}

/// Destroys resources, some at the same time, with what fails because something still depends on it; returns when all
/// are gone.
fn unmake(writer: &mut Writer, caller: &Caller, resources: &[&Resource], parallel: usize, start_ms: i64) -> i64 {
    let mut lanes = vec![start_ms; parallel];
    let place = writer.place.clone();
    for resource in resources {
        let index = earliest(&lanes);
        let mut now_ms = lanes[index] + writer.random.i64(50..900);
        if let Some(early) = resource.delete_too_early(&place).filter(|_| writer.chance(30)) {
            now_ms = writer.persist(caller, now_ms, early) + writer.between(2, 10);
        }
        let gone_ms = writer.persist(caller, now_ms, resource.delete(&place));
        // Few scripts wait until a database is gone.
        let waits = match resource.kind {
            Kind::Database | Kind::Cache if parallel >= 10 => (120, 300),
            Kind::Instance | Kind::Service if parallel >= 10 => (20, 80),
            _ => (1, 3),
        };
        lanes[index] = wait(writer, caller, resource, gone_ms, waits);
    }
    lanes.into_iter().max().unwrap_or(start_ms)
}

/// Asks after a resource until so many seconds are over.
fn wait(writer: &mut Writer, caller: &Caller, resource: &Resource, from_ms: i64, seconds: (i64, i64)) -> i64 {
    let until_ms = from_ms + writer.between(seconds.0, seconds.1);
    let every_ms = if seconds.1 > 60 { 30_000 } else { 10_000 };
    let mut now_ms = from_ms;
    while now_ms + every_ms < until_ms {
        now_ms += every_ms;
        let call = resource.describe(&writer.place);
        writer.call(caller, now_ms, call);
    }
    until_ms
}

fn earliest(lanes: &[i64]) -> usize {
    lanes.iter().enumerate().min_by_key(|(_, free_ms)| **free_ms).map_or(0, |(index, _)| index)
}
