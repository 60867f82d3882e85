//! Benign: an Auto Scaling group launches and terminates with the load, tens of instances at once when the load falls.

use super::caller::{Caller, Role};
use super::habit::{Habit, keep};
use super::resource::{Kind, Resource};
use super::writer::{Writer, pick};
use super::{ec2, fleet, routine, serving};

const HOST: &str = "autoscaling.amazonaws.com";

pub(super) fn write(writer: &mut Writer) {
    let mut group = Group::new(writer);
    let risen_ms = group.scale_out(writer, 5_000, 0);
    let fallen_ms = risen_ms + writer.between(10 * 60, 25 * 60);
    let fallen_ms = keep(writer, &mut group, risen_ms + 60_000, fallen_ms);
    let count = group.alive.len() * writer.random.usize(55..=85) / 100;
    let over_ms = group.scale_in(writer, fallen_ms, count.max(20));
    let until_ms = over_ms + writer.between(5 * 60, 12 * 60);
    keep(writer, &mut group, over_ms + 120_000, until_ms);
    routine::traffic(writer, until_ms);
}

/// An Auto Scaling group, and the service-linked role that works for it.
pub(super) struct Group {
    caller: Caller,
    name: String,
    targets: Resource,
    alive: Vec<Resource>,
    /// How many instances there are at the least and at the most.
    sizes: (usize, usize),
    launched: usize,
}

impl Group {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let role = Role::new(writer, &format!("/aws-service-role/{HOST}/"), "AWSServiceRoleForAutoScaling");
        let caller = role.service_session(writer, "AutoScaling", HOST).leading();
        let product = pick(&mut writer.random, &["web", "render", "api", "ingest", "search"]);
        let name = format!("{product}-asg");
        let targets = Resource::new(&mut writer.random, Kind::TargetGroup, product, "tg", 0);
        let fewest = writer.random.usize(4..=12);
        let sizes = (fewest, writer.random.usize(36..=90));
        let mut group = Self { caller, name, targets, alive: Vec::new(), sizes, launched: 0 };
        // These are older than the trail.
        for _ in 0..fewest {
            let instance = group.instance(writer);
            group.alive.push(instance);
        }
        group
    }

    fn instance(&mut self, writer: &mut Writer) -> Resource {
        let zone = self.launched % 3;
        self.launched += 1;
        Resource::new(&mut writer.random, Kind::Instance, &self.name, "instance", zone)
    }

    /// Launches up to the most, or so many; returns when that is done.
    fn scale_out(&mut self, writer: &mut Writer, at_ms: i64, count: usize) -> i64 {
        let mut missing = if count > 0 { count } else { self.sizes.1.saturating_sub(self.alive.len()) };
        let mut now_ms = at_ms;
        while missing > 0 {
            let launched: Vec<Resource> =
                (0..missing.min(writer.random.usize(3..=24))).map(|_| self.instance(writer)).collect();
            missing -= launched.len();
            for zone in 0..3 {
                let here: Vec<&Resource> = launched.iter().filter(|instance| instance.zone == zone).collect();
                if here.is_empty() {
                    continue;
                }
                let (place, at) = (writer.place.clone(), writer.second(now_ms));
                let call = fleet::scale_out(&here, &self.name, &place, at, &mut writer.random);
                now_ms = writer.persist(&self.caller, now_ms, call) + writer.between(0, 3);
            }
            for instance in &launched {
                let call = serving::change_target("RegisterTargets", &self.targets, instance, &writer.place);
                let at_ms = now_ms + writer.between(20, 60);
                writer.call(&self.caller, at_ms, call);
            }
            self.alive.extend(launched);
            now_ms += writer.between(20, 90);
        }
        now_ms
    }

    /// Terminates some of the oldest and some of the newest, a few in each call; returns when that is done.
    fn scale_in(&mut self, writer: &mut Writer, at_ms: i64, count: usize) -> i64 {
        let place = writer.place.clone();
        let count = count.min(self.alive.len());
        if writer.chance(40) {
            writer.random.shuffle(&mut self.alive);
        }
        let gone: Vec<Resource> = self.alive.drain(..count).collect();
        let mut now_ms = at_ms;
        let together = writer.random.usize(1..=12);
        for batch in gone.chunks(together) {
            for instance in batch {
                let call = serving::change_target("DeregisterTargets", &self.targets, instance, &place);
                writer.call(&self.caller, now_ms, call);
            }
            now_ms += writer.between(1, 6);
            let batch: Vec<&Resource> = batch.iter().collect();
            now_ms = writer.persist(&self.caller, now_ms, ec2::terminate(&batch)) + writer.between(0, 10);
        }
        now_ms
    }
}

impl Habit for Group {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let (fewest, most) = self.sizes;
        let room = most.saturating_sub(self.alive.len());
        let spare = self.alive.len().saturating_sub(fewest);
        let few = writer.random.usize(1..=4);
        let over_ms = match writer.random.u8(..100) {
            // An instance fails its health check and is replaced.
            0..20 => {
                let gone_ms = self.scale_in(writer, at_ms, 1);
                self.scale_out(writer, gone_ms, 1)
            }
            20..24 if spare > 20 => self.scale_in(writer, at_ms, spare),
            24..28 if room > 20 => self.scale_out(writer, at_ms, room),
            28..64 if room >= few => self.scale_out(writer, at_ms, few),
            _ if spare >= few => self.scale_in(writer, at_ms, few),
            _ => at_ms,
        };
        over_ms + writer.between(90, 900)
    }
}
