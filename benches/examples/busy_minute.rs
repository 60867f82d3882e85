//! What judging a busy organisation costs from second to second: many principals change something at a high rate, and what
//! they did is all held. Arguments: changes a second, seconds, seed.

use trailbrake_benches::{START, processor_seconds};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::decode;
use trailbrake_detectors::engine::{Engine, Fact, Input, Output, Partition, Settings};
use trailbrake_detectors::scenario::{Options, stream};

/// Changes in one batch.
const BATCH: usize = 20;
/// What a principal changes in the minute, about.
const CHANGES_PER_PRINCIPAL: u32 = 10;

#[expect(clippy::print_stdout, reason = "a benchmark's result belongs on stdout")]
fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let rate = arguments.next().unwrap_or(4_000);
    let seconds = arguments.next().unwrap_or(20);
    let seed = u64::from(arguments.next().unwrap_or(1));
    let changes = (rate * seconds) as usize;
    let principals = rate * seconds / CHANGES_PER_PRINCIPAL + 50;
    let options = Options { principals, rate: 0.01, duration_seconds: 60, ..Options::new(seed, START) };
    let records = stream("organisation", &options).into_iter().flatten();
    let changing = records.filter(|record| record.json.contains("\"readOnly\":false")).take(changes);
    let records: Vec<_> = changing.collect();
    let mut minute = Minute { engine: Engine::new(Settings::default()), spent: [0.0; 3], longest: [0.0; 3], shown: 0 };
    let begin = START.plus(90).millis();
    let partition = Partition { source: "bench".into(), name: "".into() };
    let per_second = rate as usize / BATCH;
    for (number, batch) in records.chunks(BATCH).enumerate() {
        let received_at = begin.plus(i64::try_from(number * 1_000 / per_second).unwrap_or(0));
        for record in batch {
            for event in decode(record.json.as_bytes(), received_at, Catalog::built_in()).events {
                let fact = Fact { event, partition: partition.clone(), received_at, may_pause: false };
                minute.apply(0, Input::Fact(Box::new(fact)));
            }
        }
        let time = batch.last().map_or(START, |record| record.time);
        minute.apply(1, Input::Mark { partition: partition.clone(), time, received_at });
        if number % per_second == per_second - 1 {
            minute.apply(2, Input::Tick(received_at));
            println!("{}", minute.end_second());
        }
    }
}

/// An engine, and what facts, marks and ticks took it.
struct Minute {
    engine: Engine,
    spent: [f64; 3],
    longest: [f64; 3],
    shown: usize,
}

impl Minute {
    fn apply(&mut self, kind: usize, input: Input) {
        let mut outputs = Vec::new();
        let begun = processor_seconds();
        self.engine.apply(input, &mut outputs);
        let seconds = processor_seconds() - begun;
        self.spent[kind] += seconds;
        self.longest[kind] = self.longest[kind].max(seconds);
        self.shown += outputs.iter().filter(|output| matches!(output, Output::Incident { .. })).count();
    }

    /// The figures of the second that ends.
    fn end_second(&mut self) -> String {
        let held = self.engine.held();
        let text = ["facts", "marks", "ticks"]
            .iter()
            .enumerate()
            .map(|(kind, name)| {
                let (spent, longest) = (self.spent[kind] * 1e3, self.longest[kind] * 1e3);
                format!("{name} {spent:.1} ms, the longest {longest:.2} ms")
            })
            .collect::<Vec<_>>()
            .join("; ");
        let shown = std::mem::take(&mut self.shown);
        (self.spent, self.longest) = ([0.0; 3], [0.0; 3]);
        format!("{text}; {} held, {} incidents, {shown} shown", held.facts, held.incidents)
    }
}
