//! What a scrape shows.

use super::*;
use crate::clock::ManualClock;

fn samples(metrics: &Metrics) -> Vec<String> {
    metrics.render().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn what_is_fixed_or_configured_is_there_from_the_start() {
    let metrics = Metrics::new();
    metrics.declare(&["trail"], &["oncall"]);
    let samples = samples(&metrics);
    for sample in [
        "trailbrake_records_total{column=\"judged\",source=\"trail\"} 0",
        "trailbrake_source_blind{source=\"trail\"} 0",
        "trailbrake_read_only_destructive_total{source=\"trail\"} 0",
        "trailbrake_resources_left_out_total{source=\"trail\"} 0",
        "trailbrake_placements_wanted_total 0",
        "trailbrake_orders_total{receiver=\"oncall\",result=\"given-up\"} 0",
        "trailbrake_delivery_failures_total{reason=\"refused\",receiver=\"oncall\"} 0",
        "trailbrake_receiver_failing{receiver=\"oncall\"} 0",
        "trailbrake_pauses_total{result=\"failed\"} 0",
        "trailbrake_incidents_open{severity=\"critical\"} 0",
        "trailbrake_principals_paused 0",
        "trailbrake_journal_commits_total{result=\"failed\"} 0",
        "trailbrake_latency_observations_total{latency=\"decision\"} 0",
    ] {
        assert!(samples.iter().any(|line| line == sample), "{sample} in {samples:#?}");
    }
    let info = format!("trailbrake_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert!(samples.contains(&info));
}

#[test]
fn each_method_moves_its_metric() {
    let clock = Arc::new(ManualClock::at(Millis(1_500)));
    let metrics = Metrics::with_clock(clock);
    let before = samples(&metrics);
    metrics.count_records("s", "judged", 3);
    metrics.count_rejects("s", "no-json", 2);
    metrics.count_read_only_destructive("s", 5);
    metrics.count_resources_left_out("s", 6);
    metrics.count_placement_wanted();
    metrics.source_heard("s", Millis(2_500));
    metrics.count_source_error("s", "timeout");
    metrics.set_source_lag_seconds("s", 1.5);
    metrics.observe_delivery_seconds(4.0);
    metrics.observe_release_seconds(0.01, 5);
    metrics.observe_decision_seconds(0.02);
    metrics.observe_effective_seconds(3.0);
    metrics.set_queue_length("batches", 7);
    metrics.count_order_end("r", "delivered");
    metrics.count_delivery_failure("r", "timeout");
    metrics.set_receiver_failing("r", true);
    metrics.count_pause("paused");
    metrics.set_incidents_open(&[("high", 2), ("critical", 1)]);
    metrics.set_paused(4);
    metrics.observe_commit(0.002, true);
    metrics.set_blind("s", true);
    metrics.set_health(Millis(3_500), true, true, &[("engine".to_owned(), Millis(3_250))]);
    let after = samples(&metrics);
    let moved: Vec<&String> = after.iter().filter(|line| !before.contains(line) && !line.contains("_bucket")).collect();
    assert_eq!(
        moved,
        [
            "trailbrake_decision_seconds{quantile=\"0.5\",window=\"10m\"} 0.020015",
            "trailbrake_decision_seconds{quantile=\"0.5\",window=\"1m\"} 0.020015",
            "trailbrake_decision_seconds{quantile=\"0.99\",window=\"10m\"} 0.020015",
            "trailbrake_decision_seconds{quantile=\"0.99\",window=\"1m\"} 0.020015",
            "trailbrake_decision_seconds{quantile=\"0.999\",window=\"10m\"} 0.020015",
            "trailbrake_decision_seconds{quantile=\"0.999\",window=\"1m\"} 0.020015",
            "trailbrake_delivery_failures_total{reason=\"timeout\",receiver=\"r\"} 1",
            "trailbrake_delivery_seconds{quantile=\"0.5\",window=\"10m\"} 4.001791",
            "trailbrake_delivery_seconds{quantile=\"0.5\",window=\"1m\"} 4.001791",
            "trailbrake_delivery_seconds{quantile=\"0.99\",window=\"10m\"} 4.001791",
            "trailbrake_delivery_seconds{quantile=\"0.99\",window=\"1m\"} 4.001791",
            "trailbrake_delivery_seconds{quantile=\"0.999\",window=\"10m\"} 4.001791",
            "trailbrake_delivery_seconds{quantile=\"0.999\",window=\"1m\"} 4.001791",
            "trailbrake_effective_seconds{quantile=\"0.5\",window=\"10m\"} 3.000319",
            "trailbrake_effective_seconds{quantile=\"0.5\",window=\"1m\"} 3.000319",
            "trailbrake_effective_seconds{quantile=\"0.99\",window=\"10m\"} 3.000319",
            "trailbrake_effective_seconds{quantile=\"0.99\",window=\"1m\"} 3.000319",
            "trailbrake_effective_seconds{quantile=\"0.999\",window=\"10m\"} 3.000319",
            "trailbrake_effective_seconds{quantile=\"0.999\",window=\"1m\"} 3.000319",
            "trailbrake_heartbeat_timestamp_seconds 3.5",
            "trailbrake_incidents_open{severity=\"critical\"} 1",
            "trailbrake_incidents_open{severity=\"high\"} 2",
            "trailbrake_journal_commit_seconds_sum 0.002",
            "trailbrake_journal_commit_seconds_count 1",
            "trailbrake_journal_commits_total{result=\"ok\"} 1",
            "trailbrake_latency_observations_total{latency=\"decision\"} 1",
            "trailbrake_latency_observations_total{latency=\"delivery\"} 1",
            "trailbrake_latency_observations_total{latency=\"effective\"} 1",
            "trailbrake_latency_observations_total{latency=\"release\"} 5",
            "trailbrake_orders_total{receiver=\"r\",result=\"delivered\"} 1",
            "trailbrake_pauses_total{result=\"paused\"} 1",
            "trailbrake_placements_wanted_total 1",
            "trailbrake_principals_paused 4",
            "trailbrake_queue_length{queue=\"batches\"} 7",
            "trailbrake_read_only_destructive_total{source=\"s\"} 5",
            "trailbrake_ready 1",
            "trailbrake_receiver_failing{receiver=\"r\"} 1",
            "trailbrake_records_total{column=\"judged\",source=\"s\"} 3",
            "trailbrake_rejects_total{reason=\"no-json\",source=\"s\"} 2",
            "trailbrake_release_seconds{quantile=\"0.5\",window=\"10m\"} 0.010007",
            "trailbrake_release_seconds{quantile=\"0.5\",window=\"1m\"} 0.010007",
            "trailbrake_release_seconds{quantile=\"0.99\",window=\"10m\"} 0.010007",
            "trailbrake_release_seconds{quantile=\"0.99\",window=\"1m\"} 0.010007",
            "trailbrake_release_seconds{quantile=\"0.999\",window=\"10m\"} 0.010007",
            "trailbrake_release_seconds{quantile=\"0.999\",window=\"1m\"} 0.010007",
            "trailbrake_resources_left_out_total{source=\"s\"} 6",
            "trailbrake_source_blind{source=\"s\"} 1",
            "trailbrake_source_errors_total{reason=\"timeout\",source=\"s\"} 1",
            "trailbrake_source_lag_seconds{source=\"s\"} 1.5",
            "trailbrake_source_last_heard_timestamp_seconds{source=\"s\"} 2.5",
            "trailbrake_stage_heartbeat_timestamp_seconds{stage=\"engine\"} 3.25",
            "trailbrake_up 1",
        ]
    );
}

#[test]
fn severities_that_are_not_named_fall_to_none() {
    let metrics = Metrics::new();
    metrics.set_incidents_open(&[("high", 2)]);
    metrics.set_incidents_open(&[("low", 1)]);
    let samples = samples(&metrics);
    assert!(samples.contains(&"trailbrake_incidents_open{severity=\"high\"} 0".to_owned()));
    assert!(samples.contains(&"trailbrake_incidents_open{severity=\"low\"} 1".to_owned()));
}

#[test]
fn every_metric_has_a_help_and_a_name_of_its_kind() {
    let metrics = Metrics::new();
    metrics.declare(&["trail"], &["oncall"]);
    let text = metrics.render();
    let types: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    assert!(types.len() > 10);
    for (name, kind) in types {
        assert!(name.starts_with("trailbrake_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        assert!(help.is_some_and(|help| help.len() > 20 && help.ends_with('.')), "{name}: {help:?}");
    }
}
