//! What existed before all facts: it counts whenever it comes, and a restart that reads it again changes nothing.

use super::*;

const INVENTORY: &str = r#"
    {"resourceType": "db", "resourceId": "db-1", "awsRegion": "eu-west-1", "availabilityZone": "eu-west-1a"}
    {"resourceType": "db", "resourceId": "db-2", "awsRegion": "eu-west-1", "availabilityZone": "eu-west-1b"}
    {"resourceType": "db", "resourceId": "db-3", "awsRegion": "eu-west-1", "availabilityZone": "eu-west-1c"}"#;

const STORY: &str = "01:00:00 agent delete db db-1\n01:00:01 agent delete db db-2
                     01:00:02 agent delete db db-3";

fn inventory() -> Input {
    Input::Inventory(Box::new(crate::inventory::parse(INVENTORY.as_bytes()).expect("an inventory")))
}

#[test]
fn it_counts_as_if_it_had_been_known_from_the_start() {
    let mut before = Run::new(settings(Mode::Enforce));
    before.apply(inventory()).story(STORY);
    let mut after = Run::new(settings(Mode::Enforce));
    after.story(STORY).apply(inventory());
    for run in [&before, &after] {
        assert_eq!(run.only().incident.zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
        assert!(run.only().incident.detectors.iter().any(|name| name == "zone-spread"), "{:?}", run.only());
    }
    assert_eq!(before.only().incident.severity, after.only().incident.severity);
}

#[test]
fn a_restart_that_reads_it_again_tells_nobody_anything() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.apply(inventory()).story(STORY);
    let mut again = Run {
        engine: Engine::load(run.engine.rows(), settings(Mode::Enforce)).expect("own rows"),
        outputs: Vec::new(),
    };
    again.apply(inventory());
    assert_eq!(again.engine.situations(), run.engine.situations());
    assert_eq!((again.told(), again.desired()), (Vec::new(), Vec::new()));
}

#[test]
fn another_takes_its_place() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.apply(inventory()).story(STORY).apply(Input::Inventory(Box::default()));
    assert_eq!(run.only().incident.zones, Vec::<String>::new());
}
