//! How much the daemon bears, and how fast it is then: an open loop over HTTP, figures printed beside the target. What is
//! asserted is that every record was answered with 202, and judged.
//!
//! It needs the machine for itself, so it is `ignored` where all tests run at the same time, and has a step of its own in CI: `cargo test --profile ci --locked --test it -- --ignored --nocapture load`.
//! `TRAILBRAKE_LOAD=full` takes a minute instead of twenty seconds.

mod mix;
mod open_loop;
mod orders;
mod trouble;

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::support::namespace::note;
use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told, sample};
use mix::Mix;
use open_loop::{Done, Plan};

/// Records a second that must be borne.
const RATE: u32 = 20_000;
/// Records of one request.
const PER_REQUEST: u32 = 100;
/// The promise from receipt to the commit and the release of what follows.
const TARGET: Duration = Duration::from_millis(50);
/// A rate counts as held while all but one in a hundred requests take no longer.
const HELD: Duration = Duration::from_millis(200);
/// Records a second that are tried after the first.
const STEPS: [u32; 4] = [30_000, 40_000, 50_000, 60_000];
/// Requests a second of one record each.
const SINGLE_RATE: u32 = 500;

#[test]
#[ignore = "needs the machine for itself: see .ci/run"]
fn twenty_thousand_records_a_second() {
    let (seconds, step_seconds) = if is_full() { (60, 10) } else { (20, 3) };
    let warm_up = Plan { records_per_second: 5_000, per_request: PER_REQUEST, seconds: 3 };
    let main = Plan { records_per_second: RATE, per_request: PER_REQUEST, seconds };
    let single = Plan { records_per_second: SINGLE_RATE, per_request: 1, seconds: 5 };
    let step = |rate| Plan { records_per_second: rate, per_request: PER_REQUEST, seconds: step_seconds };
    let steps = STEPS.map(step);
    let all = [warm_up, main, single].iter().chain(&steps).map(Plan::records).sum();
    let mut mix = Mix::of(all, 1);
    note(&format!("load: the mix: {}", mix.sentence()));
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let pager = Pager::start().await;
        let told = Told { pagerduty: Some(pager.endpoint()), ..Told::default() };
        let daemon = Plain::start(folder.path(), &told).await;
        let mut sent = 0;
        measure(&daemon, &mut mix, "warm-up", warm_up, &mut sent).await;
        measure(&daemon, &mut mix, "twenty thousand", main, &mut sent).await;
        measure(&daemon, &mut mix, "one record each", single, &mut sent).await;
        let mut held = None;
        for plan in steps {
            let done = measure(&daemon, &mut mix, "step", plan, &mut sent).await;
            if !done.is_held_within(HELD) {
                break;
            }
            held = Some(plan.records_per_second);
        }
        note(&match held {
            Some(rate) => format!("load: held with p99 under {HELD:?}: {rate} records a second"),
            None => format!("load: none of the steps above {RATE} records a second was held with p99 under {HELD:?}"),
        });
        assert_eq!(pager.refused(), Vec::<String>::new());
    });
}

/// Whether the full form is asked for.
fn is_full() -> bool {
    std::env::var("TRAILBRAKE_LOAD").is_ok_and(|form| form == "full")
}

/// Carries out a plan, prints what it took, and asserts that all of it was judged.
async fn measure(daemon: &Plain, mix: &mut Mix, name: &str, plan: Plan, sent: &mut u64) -> Done {
    let (processor, before) = (daemon.processor_seconds(), commits(daemon).await);
    let kept_before = daemon.accounts("post").await.kept();
    let done = open_loop::run(daemon, mix, plan).await;
    *sent += plan.records();
    let accounts = daemon.accounts("post").await;
    accounts.assert_add_up();
    assert_eq!(accounts.of("received") - accounts.of("duplicate"), *sent, "{name}: {accounts:?}");
    assert_eq!((accounts.of("rejected"), accounts.of("duplicate")), (0, 0), "{name}: {accounts:?}");
    let after = commits(daemon).await;
    let (seconds, count) = (after[0] - before[0], after[1] - before[1]);
    note(&format!(
        "load: {name}: {} records a second, {} a request, {} s: all {} answered with 202 and judged ({} kept facts), the last \
         {:.1} s after the start; told to come back {} times\n\
         load:   from the intended time to 202: {}\n\
         load:   from the sending to 202: {}\n\
         load:   from receipt to committed and released, over every kept fact of the last minute or two, as the daemon measures it: {} \
         (target: p99 {TARGET:?})\n\
         load:   the longest of each second, in ms: {:?}\n\
         load:   {count:.0} commits, {:.2} ms each; {:.2} processors busy with the daemon; {} MB resident",
        plan.records_per_second,
        plan.per_request,
        plan.seconds,
        plan.records(),
        accounts.kept() - kept_before,
        done.took.as_secs_f64(),
        done.busy,
        quantiles(&done.intended),
        quantiles(&done.sent),
        released(&daemon.metrics().await),
        done.worst,
        seconds / count.max(1.0) * 1_000.0,
        (daemon.processor_seconds() - processor) / done.took.as_secs_f64(),
        daemon.resident_bytes() >> 20,
    ));
    done
}

/// What the daemon itself measured.
fn released(metrics: &str) -> String {
    let quantile = |quantile: &str| {
        let name = format!("trailbrake_release_seconds{{quantile=\"{quantile}\",window=\"1m\"}}");
        sample(metrics, &name).map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1_000.0))
    };
    format!("p50 {}, p99 {}, p99.9 {}", quantile("0.5"), quantile("0.99"), quantile("0.999"))
}

/// Seconds of all commits, and how many there were.
async fn commits(daemon: &Plain) -> [f64; 2] {
    let metrics = daemon.metrics().await;
    ["sum", "count"]
        .map(|what| sample(&metrics, &format!("trailbrake_journal_commit_seconds_{what}")).unwrap_or_default())
}

/// Of a histogram in microseconds.
fn quantiles(histogram: &Histogram<u64>) -> String {
    let milliseconds = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    format!(
        "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, longest {:.1} ms",
        milliseconds(0.5),
        milliseconds(0.99),
        milliseconds(0.999),
        histogram.max() as f64 / 1_000.0
    )
}

/// From a microsecond to ten minutes; more counts as that.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}
