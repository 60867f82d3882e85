//! Facts of a world of actors that destroy: as many as are asked for, each its own resource.

use std::sync::Arc;

use smol_str::format_smolstr;
use trailbrake_detectors::engine::{Engine, Fact, Input, Partition, Settings};
use trailbrake_detectors::event::{
    Effect, Event, Identity, IdentityKind, Mention, Outcome, Proof, Scope, Text, WeightClass,
};
use trailbrake_detectors::time::Second;

use crate::{START, processor_seconds};

/// The shape of a world.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// How many roles act, in turns.
    pub actors: usize,
    /// How many facts there are.
    pub facts: usize,
    /// How many facts fall into one second.
    pub facts_per_second: usize,
    /// In how many zones the resources lie, in turns; 0: their zones are not known.
    pub zones: usize,
}

/// The account of the world.
const ACCOUNT: &str = "111111111111";

impl World {
    /// The fact with this number: one instance is terminated.
    pub fn fact(&self, number: usize) -> Fact {
        let actor = number % self.actors;
        let second = START.plus((number / self.facts_per_second) as i64);
        let zones = (self.zones > 0).then(|| zone(number / self.actors % self.zones)).into_iter().collect();
        let event = Event {
            // As long as a real one, and unique; ids of one second come in no order.
            id: format_smolstr!("{:08x}-aaaa-4bbb-8ccc-{number:012x}", (number as u32).wrapping_mul(0x9e37_79b1)),
            region: "eu-west-1".into(),
            resources: vec![Mention {
                kind: "AWS::EC2::Instance".into(),
                class: WeightClass::ServesTraffic,
                scope: Scope::Zonal,
                aliases: [format_smolstr!("i-{number:017x}")].into_iter().collect(),
                parents: Vec::new(),
                name: Text::default(),
                proof: Proof::None,
                zones,
                subnets: Vec::new(),
                is_spared: false,
                is_forced: false,
                is_guard: false,
            }],
            ..event(actor, second)
        };
        fact(event, second)
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<Fact> {
        (0..self.facts).map(|number| self.fact(number)).collect()
    }
}

fn zone(number: usize) -> Text {
    let letter = char::from(b'a' + (number % 26) as u8);
    if number < 26 {
        format_smolstr!("eu-west-1{letter}")
    } else {
        format_smolstr!("eu-west-1-loc{}-1{letter}", number / 26)
    }
}

fn fact(event: Event, second: Second) -> Fact {
    Fact {
        event,
        partition: Partition { source: Arc::from("bench"), name: Arc::from("") },
        received_at: second.millis(),
        may_pause: true,
    }
}

fn event(actor: usize, second: Second) -> Event {
    Event {
        id: Text::default(),
        shared_id: Text::default(),
        time: second,
        account: ACCOUNT.into(),
        region: Text::default(),
        service: "ec2".into(),
        name: "TerminateInstances".into(),
        effect: Effect::Destroy,
        outcome: Outcome::Ok,
        error_code: Text::default(),
        identity: Arc::new(Identity {
            kind: IdentityKind::AssumedRole,
            account: ACCOUNT.into(),
            arn: format_smolstr!("arn:aws:sts::{ACCOUNT}:assumed-role/service-{actor}/session-{actor}"),
            principal_id: format_smolstr!("AROA{actor:017}:session-{actor}"),
            access_key: format_smolstr!("ASIA{actor:016}"),
            issuer_arn: format_smolstr!("arn:aws:iam::{ACCOUNT}:role/service-{actor}"),
            issuer_id: format_smolstr!("AROA{actor:017}"),
            source_identity: Text::default(),
            identity_center_user: Text::default(),
            invoked_by: Text::default(),
            sign_in_session: Text::default(),
        }),
        request_id: format_smolstr!("{actor:08x}-1111-4222-8333-444444444444"),
        user_agent: "aws-cli/2.17.1 Python/3.12".into(),
        source_ip: "192.0.2.10".into(),
        resources: Vec::new(),
        link: None,
        subnet_zones: Vec::new(),
        resources_left_out: 0,
        start: None,
        reach: None,
    }
}

/// What judging took, and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    /// How many incidents there are.
    pub incidents: usize,
    /// Seconds of processor time that a fact took.
    pub seconds_per_fact: f64,
}

/// Event time goes on by at least this much between two marks, in seconds.
const MARK_SECONDS: i64 = 10;

/// Judges facts in the order given, with a mark now and then, so that what is over is forgotten.
pub fn judge(facts: Vec<Fact>) -> Judged {
    let mut engine = Engine::new(Settings::default());
    let seconds_per_fact = judge_on(&mut engine, facts);
    Judged { incidents: engine.situations().len(), seconds_per_fact }
}

/// Judges further facts; returns the seconds of processor time that a fact took.
pub fn judge_on(engine: &mut Engine, facts: Vec<Fact>) -> f64 {
    let number = facts.len().max(1) as f64;
    let mut outputs = Vec::new();
    let mut marked = None;
    let begun = processor_seconds();
    for fact in facts {
        let (time, received_at, partition) = (fact.event.time, fact.received_at, fact.partition.clone());
        engine.apply(Input::Fact(Box::new(fact)), &mut outputs);
        if marked.is_none_or(|at: Second| time >= at.plus(MARK_SECONDS)) {
            marked = Some(time);
            engine.apply(Input::Mark { partition, time, received_at }, &mut outputs);
        }
        outputs.clear();
    }
    (processor_seconds() - begun) / number
}

/// The same facts, each at most so many seconds later among the others than it would be in order.
pub fn shuffled(mut facts: Vec<Fact>, seconds: i64) -> Vec<Fact> {
    let mut state = 1_u64;
    facts.sort_by_cached_key(|fact| {
        // Knuth's constants for a linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        fact.event.time.0 + (state >> 33) as i64 % seconds.max(1)
    });
    facts
}
