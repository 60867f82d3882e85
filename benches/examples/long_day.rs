//! What judging an organisation costs as its day goes on, by the hour of event time: what was there before is held, and from
//! some hour on forgotten. Arguments: principals, hours, seed.

use trailbrake_benches::{START, processor_seconds};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::engine::{Engine, Fact, Input, Partition, Settings};
use trailbrake_detectors::scenario::{Options, stream};
use trailbrake_detectors::time::Second;

/// Event time goes on by at least this much between two marks, in seconds.
const MARK_SECONDS: i64 = 10;
/// Event time goes on by at least this much between two ticks, in seconds: as when a day is made up for at great speed.
const TICK_SECONDS: i64 = 300;

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let principals = arguments.next().unwrap_or(200);
    let hours = arguments.next().unwrap_or(12);
    let seed = u64::from(arguments.next().unwrap_or(1));
    let duration_seconds = i64::from(hours) * 3_600;
    let options = Options { principals, duration_seconds, rate: 0.0, ..Options::new(seed, START) };
    let mut day = Day::new();
    for record in stream("organisation", &options).into_iter().flatten() {
        let hour = (record.time.0 - START.0) / 3_600;
        if hour > day.hour {
            println!("{}", day.end_hour());
            day.hour = hour;
        }
        day.take(&record.json, record.time);
    }
    println!("{}", day.end_hour());
    println!("all: {:.2} us a fact of {}", day.seconds_of_all * 1e6 / day.facts_of_all.max(1) as f64, day.facts_of_all);
}

/// An engine, and what it took.
struct Day {
    engine: Engine,
    partition: Partition,
    hour: i64,
    facts: u64,
    seconds: f64,
    /// The longest that one input took.
    longest: f64,
    facts_of_all: u64,
    seconds_of_all: f64,
    marked: Second,
    ticked: Second,
}

impl Day {
    fn new() -> Self {
        Self {
            engine: Engine::new(Settings::default()),
            partition: Partition { source: "bench".into(), name: "".into() },
            hour: 0,
            facts: 0,
            seconds: 0.0,
            longest: 0.0,
            facts_of_all: 0,
            seconds_of_all: 0.0,
            marked: START,
            ticked: START,
        }
    }

    fn take(&mut self, json: &str, time: Second) {
        let received_at = time.millis();
        for event in decode(json.as_bytes(), received_at, Catalog::built_in()).events {
            let fact = Fact { event, partition: self.partition.clone(), received_at, may_pause: true };
            self.apply(Input::Fact(Box::new(fact)));
            self.facts += 1;
        }
        if time >= self.marked.plus(MARK_SECONDS) {
            self.marked = time;
            self.apply(Input::Mark { partition: self.partition.clone(), time, received_at });
        }
        if time >= self.ticked.plus(TICK_SECONDS) {
            self.ticked = time;
            self.apply(Input::Tick(received_at));
        }
    }

    fn apply(&mut self, input: Input) {
        let mut outputs = Vec::new();
        let begun = processor_seconds();
        self.engine.apply(input, &mut outputs);
        let seconds = processor_seconds() - begun;
        self.seconds += seconds;
        self.longest = self.longest.max(seconds);
    }

    /// The figures of the hour that ends.
    fn end_hour(&mut self) -> String {
        let (hour, facts, held) = (self.hour, self.facts, self.engine.facts_held());
        let each = self.seconds * 1e6 / facts.max(1) as f64;
        let longest = self.longest * 1e3;
        self.facts_of_all += facts;
        self.seconds_of_all += self.seconds;
        (self.facts, self.seconds, self.longest) = (0, 0.0, 0.0);
        format!("hour {hour}: {facts} facts, {each:.2} us a fact, {longest:.2} ms the longest input, {held} held")
    }
}
