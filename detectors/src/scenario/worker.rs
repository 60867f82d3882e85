//! Someone who works through an environment one call after the other: an agent, a script, a person.

use std::collections::VecDeque;

use super::caller::{Caller, Role};
use super::resource::{Environment, Kind, Resource};
use super::writer::{Call, Writer};
use super::{ec2, routine, serving, stores};

/// The order in which one thing needs another.
pub(super) const ORDER_OF_CREATION: [Kind; 11] = [
    Kind::SecurityGroup,
    Kind::NatGateway,
    Kind::Table,
    Kind::Database,
    Kind::Cache,
    Kind::TargetGroup,
    Kind::LoadBalancer,
    Kind::LogGroup,
    Kind::Function,
    Kind::Instance,
    Kind::Service,
];

/// A caller, the time it has come to, and how it works.
pub(super) struct Worker {
    pub(super) now_ms: i64,
    caller: Caller,
    /// Seconds between two calls: at least, at most.
    pace: (i64, i64),
    rotation: Option<Rotation>,
    turns: Option<Turns>,
}

/// Several sessions that a worker holds at once and uses by turns.
struct Turns {
    callers: VecDeque<Caller>,
    calls_left: u32,
}

/// A worker that takes a new session every few calls.
struct Rotation {
    role: Role,
    agent: &'static str,
    calls_left: u32,
    number: u64,
}

impl Worker {
    /// A worker that stays who it is.
    pub(super) fn new(caller: Caller, start_ms: i64, pace: (i64, i64)) -> Self {
        Self { now_ms: start_ms, caller, pace, rotation: None, turns: None }
    }

    /// A worker that takes a new session of its role every few calls.
    pub(super) fn rotating(
        writer: &mut Writer,
        role: Role,
        agent: &'static str,
        start_ms: i64,
        pace: (i64, i64),
    ) -> Self {
        let number = writer.random.u64(1_000..900_000);
        let mut rotation = Rotation { role, agent, calls_left: 0, number };
        let caller = rotation.next(writer, start_ms);
        Self { now_ms: start_ms, caller, pace, rotation: Some(rotation), turns: None }
    }

    /// The same worker, who holds several sessions and uses one after the other, again and again.
    pub(super) fn taking_turns(mut self, callers: Vec<Caller>) -> Self {
        self.turns = Some(Turns { callers: callers.into(), calls_left: 0 });
        self
    }

    /// The worker goes on as somebody else.
    pub(super) fn becomes(&mut self, caller: Caller) {
        self.caller = caller;
    }

    /// Makes a call, repeated while throttled, and pauses for breath.
    pub(super) fn act(&mut self, writer: &mut Writer, call: Call) {
        if let Some(rotation) = &mut self.rotation {
            if rotation.calls_left == 0 {
                self.caller = rotation.next(writer, self.now_ms);
            }
            rotation.calls_left -= 1;
        }
        if let Some(turns) = &mut self.turns {
            if turns.calls_left == 0
                && let Some(caller) = turns.callers.pop_front()
            {
                self.caller = caller.clone();
                turns.callers.push_back(caller);
                turns.calls_left = writer.random.u32(2..=5);
            }
            turns.calls_left = turns.calls_left.saturating_sub(1);
        }
        self.now_ms = writer.persist(&self.caller, self.now_ms, call);
        self.now_ms += writer.between(self.pace.0, self.pace.1);
    }

    /// Looks around before doing anything.
    pub(super) fn look_around(&mut self, writer: &mut Writer) {
        let identity = Call::read("sts", "GetCallerIdentity", serde_json::Value::Null);
        self.act(writer, identity);
        for _ in 0..writer.random.u8(3..=8) {
            let call = routine::describe_everything(writer);
            self.act(writer, call);
        }
    }

    /// Destroys an environment, kind by kind, instances and services first.
    pub(super) fn tear_down(&mut self, writer: &mut Writer, environment: &Environment) {
        for kind in Self::order_of_deletion(writer) {
            self.delete_all(writer, environment, kind);
        }
    }

    /// Destroys all that an environment has of one kind.
    pub(super) fn delete_all(&mut self, writer: &mut Writer, environment: &Environment, kind: Kind) {
        if kind == Kind::Instance {
            self.terminate_instances(writer, environment);
            return;
        }
        for resource in environment.of(kind) {
            self.delete(writer, resource);
        }
    }

    /// Instances and services first, then what stores and serves, and last what the others need.
    pub(super) fn order_of_deletion(writer: &mut Writer) -> Vec<Kind> {
        let mut order = vec![Kind::Instance, Kind::Service];
        let mut then =
            [[Kind::Database, Kind::Table, Kind::Cache], [Kind::LoadBalancer, Kind::Function, Kind::LogGroup]];
        if writer.chance(50) {
            order.reverse();
        }
        if writer.chance(50) {
            then.reverse();
        }
        order.extend(then.concat());
        order.extend([Kind::TargetGroup, Kind::NatGateway, Kind::SecurityGroup]);
        order
    }

    /// Creates an environment again: the same names, in the order in which one thing needs another.
    pub(super) fn rebuild(&mut self, writer: &mut Writer, environment: &Environment) {
        for kind in ORDER_OF_CREATION {
            for resource in environment.of(kind) {
                let resource = resource.reborn(&mut writer.random);
                self.create(writer, &resource);
            }
        }
    }

    /// Creates one resource, and sometimes looks whether it is there.
    pub(super) fn create(&mut self, writer: &mut Writer, resource: &Resource) {
        let place = writer.place.clone();
        let at = writer.second(self.now_ms);
        let call = resource.create(&place, at, &mut writer.random);
        self.act(writer, call);
        self.look_at(writer, resource);
    }

    /// Destroys one resource, with what a tool does around it.
    pub(super) fn delete(&mut self, writer: &mut Writer, resource: &Resource) {
        let place = writer.place.clone();
        match resource.kind {
            Kind::Service if writer.chance(50) => self.act(writer, serving::scale_to_zero(resource, &place)),
            Kind::Database if writer.chance(30) => {
                let protected =
                    "Cannot delete protected DB Instance, please disable deletion protection and try again.";
                let refused =
                    resource.delete(&place).failed("InvalidParameterCombinationException", protected.to_owned());
                self.act(writer, refused);
                self.act(writer, stores::unguard_database(resource, &place));
            }
            _ => {}
        }
        if let Some(early) = resource.delete_too_early(&place).filter(|_| writer.chance(40)) {
            self.act(writer, early);
            self.look_at(writer, resource);
        }
        self.act(writer, resource.delete(&place));
        self.look_at(writer, resource);
    }

    fn terminate_instances(&mut self, writer: &mut Writer, environment: &Environment) {
        let instances: Vec<&Resource> = environment.of(Kind::Instance).collect();
        let together = writer.random.usize(1..=3);
        for batch in instances.chunks(together) {
            self.act(writer, ec2::terminate(batch));
            if let Some(instance) = batch.first() {
                self.look_at(writer, instance);
            }
        }
    }

    fn look_at(&mut self, writer: &mut Writer, resource: &Resource) {
        if writer.chance(35) {
            let call = resource.describe(&writer.place);
            self.act(writer, call);
        }
    }
}

impl Rotation {
    fn next(&mut self, writer: &mut Writer, now_ms: i64) -> Caller {
        self.calls_left = writer.random.u32(3..=6);
        self.number += writer.random.u64(1..40);
        let session = format!("task-{:06}", self.number);
        self.role.session(writer, &session, now_ms, self.agent).leading()
    }
}
