//! What a trail still shows of the time before: who built the environment, hours or days ago.

use super::caller::{Role, agent};
use super::resource::{Environment, Kind};
use super::routine;
use super::worker::{ORDER_OF_CREATION, Worker};
use super::writer::Writer;

const HOUR_MS: i64 = 3_600_000;

/// The environment was built at the trail's start; what the scenario is about comes long after.
pub(super) struct Past {
    /// When the last of it was built, as an offset from the trail's start.
    built_ms: i64,
    /// When the present begins.
    pub(super) present_ms: i64,
}

impl Past {
    /// A pipeline builds an environment and an Auto Scaling group launches its instances. So many of a hundred creates are
    /// in the trail; the other resources are older than it. The present begins hours or days later.
    pub(super) fn new(writer: &mut Writer, environment: &Environment, percent: u32) -> Self {
        let role = Role::new(writer, "/delivery/", "infrastructure-pipeline");
        let caller = role.session(writer, "apply", 0, agent::TERRAFORM);
        let mut worker = Worker::new(caller, 5_000, (1, 4));
        build(writer, &mut worker, environment, percent);
        let launched_ms = worker.now_ms + writer.between(60, 200);
        routine::launches(writer, environment, worker.now_ms, launched_ms);
        Self::until(writer, launched_ms, (6 * HOUR_MS, 80 * HOUR_MS))
    }

    /// What was built until an offset, so many milliseconds (at least, at most) before the present.
    pub(super) fn until(writer: &mut Writer, built_ms: i64, before_ms: (i64, i64)) -> Self {
        Self { built_ms, present_ms: built_ms + writer.random.i64(before_ms.0..=before_ms.1) }
    }

    /// Everyday traffic then, and in the present until an offset.
    pub(super) fn traffic(&self, writer: &mut Writer, until_ms: i64) {
        let until_ms = until_ms.max(self.present_ms + routine::SHORTEST_MS);
        let now_from_ms = self.present_ms - writer.between(60, 240);
        let per_minute = writer.random.i64(14..=30);
        routine::traffic_in(writer, &[(0, self.built_ms + 30_000), (now_from_ms, until_ms)], per_minute);
    }
}

/// A worker creates so many of a hundred of an environment's resources, instances left out.
pub(super) fn build(writer: &mut Writer, worker: &mut Worker, environment: &Environment, percent: u32) {
    let mut kinds = ORDER_OF_CREATION.to_vec();
    kinds.extend([Kind::Cluster, Kind::Topic, Kind::Queue, Kind::Parameter, Kind::Alarm, Kind::Rule]);
    for kind in kinds.into_iter().filter(|kind| *kind != Kind::Instance) {
        for resource in environment.of(kind) {
            if writer.chance(percent) {
                worker.create(writer, resource);
            }
        }
    }
}
