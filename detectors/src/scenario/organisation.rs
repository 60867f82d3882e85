//! Benign: everything that looks like destruction at once, over many principals and accounts; and, where it is asked for,
//! one scenario in its midst that is not benign.

use fastrand::Rng;

use super::autoscaling::Group;
use super::caller::{self, Caller, Role, agent};
use super::ci_environments::Pipeline;
use super::function_dev_loop::Developer;
use super::habit::Habit;
use super::node_consolidation::Controller;
use super::read_storm::Scanner;
use super::rolling_replace::Operator;
use super::routine;
use super::snapshot_rotation::Job;
use super::writer::{Flow, Place, Writer};
use super::{Options, Scenario, Trail};

/// The trail is written in slices of this length.
const SLICE_MS: i64 = 60 * 1000;
/// Principals of one account: one of each habit, and others who only look.
const PER_ACCOUNT: u32 = 10;
/// The greatest part of the duration that may pass before the injected scenario begins, in hundredths.
const INJECTED_UNTIL: i64 = 80;

pub(super) fn write(writer: &mut Writer) {
    let organisation = Organisation::new(writer);
    writer.leave_to(organisation);
}

/// Many principals, each with its habit.
struct Organisation {
    members: Vec<Member>,
    lookers: Vec<(Place, Caller)>,
    written_until_ms: i64,
    until_ms: i64,
    per_slice: f64,
    /// Reads that are due, as a fraction of one.
    due: f64,
    injected: Option<std::iter::Peekable<Trail>>,
}

/// A principal with a habit.
struct Member {
    place: Place,
    habit: Box<dyn Habit>,
    next_ms: i64,
}

impl Organisation {
    fn new(writer: &mut Writer) -> Self {
        let options = writer.options();
        let until_ms = options.duration_seconds.max(0).saturating_mul(1000);
        let mut members = Vec::new();
        let mut lookers = Vec::new();
        for number in 0..options.principals.max(1) {
            if number > 0 && number % PER_ACCOUNT == 0 {
                writer.place = Place::new(&mut writer.random);
            }
            let place = writer.place.clone();
            match habit(writer, number % PER_ACCOUNT) {
                Some(habit) => {
                    let next_ms = writer.between(0, 30 * 60).min(until_ms / 4);
                    members.push(Member { place, habit, next_ms });
                }
                None => lookers.push((place, looker(writer, number))),
            }
        }
        if lookers.is_empty() {
            lookers.push((writer.place.clone(), looker(writer, 0)));
        }
        let per_slice = (options.rate.max(0.0) * SLICE_MS as f64) / 1000.0;
        let injected = options.inject.map(|scenario| injected(scenario, &options).peekable());
        Self { members, lookers, written_until_ms: 0, until_ms, per_slice, due: 0.0, injected }
    }

    /// Reads fill up what the members leave of the rate.
    fn fill(&mut self, writer: &mut Writer, from_ms: i64, until_ms: i64) {
        self.due += self.per_slice * (until_ms - from_ms) as f64 / SLICE_MS as f64;
        let there = writer.count_until(until_ms) as f64;
        let mut missing = self.due - there;
        // The first read opens the slice, so that the trail begins when it is said to.
        let mut at_ms = from_ms;
        while missing >= 1.0 {
            missing -= 1.0;
            let (place, caller) = &self.lookers[writer.random.usize(..self.lookers.len())];
            writer.place = place.clone();
            let call = routine::describe_everything(writer);
            writer.call(caller, at_ms, call);
            at_ms = writer.random.i64(from_ms..until_ms);
        }
        self.due = missing.max(0.0);
    }
}

impl Flow for Organisation {
    fn write_on(&mut self, writer: &mut Writer) -> Option<i64> {
        let from_ms = self.written_until_ms;
        if from_ms >= self.until_ms {
            // What was begun before the end is not told to its end; what was injected is.
            writer.take_until(i64::MAX);
            for record in self.injected.iter_mut().flatten() {
                writer.add(record);
            }
            return None;
        }
        let until_ms = (from_ms + SLICE_MS).min(self.until_ms);
        for member in &mut self.members {
            while member.next_ms < until_ms {
                writer.place = member.place.clone();
                member.next_ms = member.habit.act(writer, member.next_ms).max(member.next_ms + 1_000);
            }
        }
        self.fill(writer, from_ms, until_ms);
        // Only what was injected is to be paused.
        writer.lead_nobody();
        let end = writer.second(until_ms);
        if let Some(injected) = &mut self.injected {
            while let Some(record) = injected.next_if(|record| record.time < end) {
                writer.add(record);
            }
        }
        self.written_until_ms = until_ms;
        Some(until_ms)
    }
}

/// The habit of a principal of this number in its account; nothing for who only looks.
fn habit(writer: &mut Writer, number: u32) -> Option<Box<dyn Habit>> {
    Some(match number {
        0 => Box::new(Group::new(writer)),
        1 => Box::new(Pipeline::new(writer)),
        2 => Box::new(Developer::new(writer)),
        3 => Box::new(Controller::new(writer)),
        4 => Box::new(Scanner::new(writer)),
        5 => Box::new(Operator::new(writer)),
        6 => Box::new(Job::new(writer)),
        _ => return None,
    })
}

/// Someone who only looks: a person or a dashboard.
fn looker(writer: &mut Writer, number: u32) -> Caller {
    if number.is_multiple_of(2) {
        let name = format!("{}.{number}", caller::person(writer));
        return caller::user(writer, &name, agent::CLI);
    }
    let role = Role::new(writer, "/", &format!("dashboard-{number}"));
    role.session(writer, "dashboard", 0, agent::BOTO3)
}

/// The trail of a scenario, begun at some time within the duration.
fn injected(scenario: &'static Scenario, options: &Options) -> Trail {
    let latest = options.duration_seconds.max(0) * INJECTED_UNTIL / 100;
    // A chance of its own, so that the organisation is the same with it and without.
    let start = options.start.plus(Rng::with_seed(options.seed).i64(0..=latest));
    Trail::new(scenario, &Options { start, inject: None, ..*options })
}
