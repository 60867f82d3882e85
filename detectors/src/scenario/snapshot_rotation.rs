//! Benign: a backup job makes snapshots and images each hour and deletes tens of those that are past their time.

use std::collections::VecDeque;

use serde_json::json;

use super::caller::{Caller, Role, agent};
use super::habit::{Broker, Habit, Sessions, keep};
use super::routine;
use super::writer::{Call, Writer, pick, server_id};

const HOUR_MS: i64 = 60 * 60 * 1000;

pub(super) fn write(writer: &mut Writer) {
    let mut job = Job::new(writer);
    let from_ms = writer.between(60, 600);
    let until_ms = from_ms + writer.random.i64(3..=8) * HOUR_MS;
    let over_ms = keep(writer, &mut job, from_ms, until_ms);
    routine::sparse_traffic(writer, over_ms - HOUR_MS / 2, 4);
}

/// A backup job.
pub(super) struct Job {
    sessions: Sessions,
    volumes: Vec<String>,
    machines: Vec<String>,
    /// Each hour's snapshots and images that are kept, the oldest first.
    kept: VecDeque<Backup>,
    /// For how many hours they are.
    hours: usize,
    /// Some jobs make room first.
    deletes_first: bool,
    pace_ms: i64,
}

/// What one hour made.
#[derive(Default)]
struct Backup {
    snapshots: Vec<String>,
    images: Vec<(String, Vec<String>)>,
}

impl Job {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let role = Role::new(writer, "/service-role/", "backup-rotation");
        let sessions = Sessions::new(writer, role, "rotate", Broker::service("lambda.amazonaws.com"), agent::BOTO3);
        let mut ids = |prefix: &str, count: usize| -> Vec<String> {
            (0..count).map(|_| server_id(&mut writer.random, prefix)).collect()
        };
        let volumes = ids("vol", 60);
        let machines = ids("i", 12);
        let (volumes_kept, machines_kept) = (writer.random.usize(16..=60), writer.random.usize(2..=12));
        let hours = pick(&mut writer.random, &[3, 4, 6, 24, 48, 168]);
        let deletes_first = writer.chance(40);
        let pace_ms = pick(&mut writer.random, &[150, 400, 1_000, 3_000]);
        let mut job = Self {
            sessions,
            volumes: volumes[..volumes_kept].to_vec(),
            machines: machines[..machines_kept].to_vec(),
            kept: VecDeque::new(),
            hours,
            deletes_first,
            pace_ms,
        };
        // What was made before the trail.
        for _ in 0..hours {
            let backup = job.older(writer);
            job.kept.push_back(backup);
        }
        job
    }

    fn older(&self, writer: &mut Writer) -> Backup {
        let snapshots = self.volumes.iter().map(|_| server_id(&mut writer.random, "snap")).collect();
        let images = self.machines.iter().map(|_| image(writer)).collect();
        Backup { snapshots, images }
    }

    fn make(&mut self, writer: &mut Writer, caller: &Caller, mut now_ms: i64) -> i64 {
        let backup = self.older(writer);
        for (volume, snapshot) in self.volumes.iter().zip(&backup.snapshots) {
            let at_ms = writer.second(now_ms).millis().0;
            let call = create_snapshot(volume, snapshot, &writer.place.account, at_ms);
            now_ms = writer.persist(caller, now_ms, call) + writer.random.i64(50..self.pace_ms + 100);
        }
        for (machine, (image, _)) in self.machines.iter().zip(&backup.images) {
            let name = format!("{machine}-{}", writer.second(now_ms).0);
            let request = json!({"instanceId": machine, "name": name, "noReboot": true});
            let call = Call::write("ec2", "CreateImage", request, json!({"imageId": image}));
            now_ms = writer.persist(caller, now_ms, call) + writer.random.i64(50..self.pace_ms + 100);
        }
        self.kept.push_back(backup);
        now_ms
    }

    fn delete(&mut self, writer: &mut Writer, caller: &Caller, mut now_ms: i64) -> i64 {
        let Some(backup) = self.kept.pop_front() else { return now_ms };
        for snapshot in backup.snapshots {
            now_ms = writer.persist(caller, now_ms, delete_snapshot(&snapshot)) + writer.random.i64(30..self.pace_ms);
        }
        for (image, snapshots) in backup.images {
            if let Some(snapshot) = snapshots.first().filter(|_| writer.chance(15)) {
                let message = format!("The snapshot {snapshot} is currently in use by {image}");
                let refused = delete_snapshot(snapshot).failed("Client.InvalidSnapshot.InUse", message);
                now_ms = writer.persist(caller, now_ms, refused) + 300;
            }
            let call = Call::destroy("ec2", "DeregisterImage", json!({"imageId": image}), json!({"_return": true}));
            now_ms = writer.persist(caller, now_ms, call) + writer.random.i64(30..self.pace_ms);
            for snapshot in snapshots {
                now_ms =
                    writer.persist(caller, now_ms, delete_snapshot(&snapshot)) + writer.random.i64(30..self.pace_ms);
            }
        }
        now_ms
    }
}

impl Habit for Job {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let caller = self.sessions.at(writer, at_ms);
        let request = json!({"ownersSet": {"items": [{"owner": "self"}]}, "filterSet": {}, "snapshotSet": {}});
        writer.call(&caller, at_ms + 400, Call::read("ec2", "DescribeSnapshots", request));
        let mut now_ms = at_ms + 1_000;
        if self.deletes_first && self.kept.len() >= self.hours {
            now_ms = self.delete(writer, &caller, now_ms);
        }
        now_ms = self.make(writer, &caller, now_ms);
        if self.kept.len() > self.hours {
            self.delete(writer, &caller, now_ms + 2_000);
        }
        at_ms + HOUR_MS
    }
}

/// An image, and the snapshots that it is made of.
fn image(writer: &mut Writer) -> (String, Vec<String>) {
    let snapshots = (0..writer.random.u8(1..=3)).map(|_| server_id(&mut writer.random, "snap")).collect();
    (server_id(&mut writer.random, "ami"), snapshots)
}

fn create_snapshot(volume: &str, snapshot: &str, account: &str, at_ms: i64) -> Call {
    let tags = json!([{"key": "rotation", "value": "hourly"}]);
    let request = json!({
        "volumeId": volume, "description": "hourly",
        "tagSpecificationSet": {"items": [{"resourceType": "snapshot", "tags": tags}]},
    });
    let response = json!({
        "snapshotId": snapshot, "volumeId": volume, "status": "pending", "startTime": at_ms, "ownerId": account,
        "volumeSize": "100", "description": "hourly", "encrypted": true, "tagSet": {"items": tags},
    });
    Call::write("ec2", "CreateSnapshot", request, response)
}

fn delete_snapshot(snapshot: &str) -> Call {
    Call::destroy("ec2", "DeleteSnapshot", json!({"snapshotId": snapshot}), json!({"_return": true}))
}
