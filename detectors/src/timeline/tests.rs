//! The law of order, and what is looked up as of an instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::SizeRange;

use super::*;
use crate::detector::Window;
use crate::incident::Severity;
use crate::testing::{facts, role};

/// Judges a story, in the order in which it is told.
pub(super) fn judged(story: &str) -> Timeline {
    let mut timeline = Timeline::default();
    for fact in facts(story) {
        timeline.insert(fact);
    }
    timeline
}

impl Ear for BTreeMap<PointKey, Point> {
    fn point(&mut self, key: &PointKey, point: &Point) {
        self.insert(key.clone(), point.clone());
    }

    fn window(&mut self, _: &FactKey, _: bool, _: &Window<'_>) {}
}

impl Ledger {
    /// All that detectors say, fact by fact.
    fn points(&self, name: &str, limits: &Limits) -> BTreeMap<PointKey, Point> {
        let mut points = BTreeMap::new();
        self.tell(name, limits, &mut points);
        points
    }
}

/// The points of a key, a line each: `second detector level`.
fn points(timeline: &Timeline, key: &str) -> Vec<String> {
    let Some(ledger) = timeline.ledger(key) else { return Vec::new() };
    let tell = |(key, point): (&PointKey, &Point)| {
        let whole = if key.is_whole { " (whole)" } else { "" };
        format!("{} {} {}{whole}", key.at.id, key.detector, point.level.as_str())
    };
    ledger.points(key, timeline.limits()).iter().map(tell).collect()
}

fn worst(timeline: &Timeline, key: &str) -> Option<Severity> {
    timeline.ledger(key)?.points(key, timeline.limits()).values().map(|point| point.level).max()
}

pub(super) fn destroyed<'a>(timeline: &'a Timeline, key: &str) -> Vec<&'a Contribution> {
    let ledger = timeline.ledger(key);
    ledger.into_iter().flat_map(|ledger| ledger.entries().iter()).flat_map(|held| &held.entry.destroyed).collect()
}

#[test]
fn a_retried_delete_is_one_and_a_recreated_resource_a_second() {
    let timeline = judged(
        "00:00:00 agent delete db prod
         00:00:01 agent delete db prod
         00:00:02 agent put db prod
         00:00:03 agent delete db prod",
    );
    assert_eq!(destroyed(&timeline, &role("agent")).len(), 2);
    assert_eq!(
        points(&timeline, &role("agent")),
        [
            "e0000 deletion-burst low",
            "e0002 delete-recreate high",
            "e0002 deletion-burst low",
            "e0003 deletion-burst low",
        ]
    );
}

#[test]
fn ownership_needs_proof_and_youth() {
    for (story, expected) in [
        ("00:00:00 agent create instance i-1\n01:00:00 agent delete instance i-1", Ownership::OwnYoung),
        ("00:00:00 agent put instance i-1\n01:00:00 agent delete instance i-1", Ownership::Unknown),
        ("00:00:00 agent create instance i-1\n07:00:00 agent delete instance i-1", Ownership::OwnOld),
        ("00:00:00 other create instance i-1\n01:00:00 agent delete instance i-1", Ownership::Foreign),
        ("01:00:00 agent delete instance i-1", Ownership::Unknown),
        // In the second of its delete a create of a new name came before, of a known one after.
        ("01:00:00 agent new db a id=z\n01:00:00 agent delete db a id=b", Ownership::OwnYoung),
        ("00:30:00 other new db a\n01:00:00 agent new db a id=z\n01:00:00 agent delete db a id=b", Ownership::Foreign),
    ] {
        let timeline = judged(story);
        let found: Vec<Ownership> = destroyed(&timeline, &role("agent")).iter().map(|one| one.ownership).collect();
        assert_eq!(found, [expected], "{story}");
    }
}

#[test]
fn placement_comes_from_the_create_its_subnets_and_the_delete_itself() {
    for (story, expected) in [
        ("00:00:00 other create instance i-1 zone=a\n01:00:00 agent delete instance i-1", vec!["eu-west-1a"]),
        (
            "00:00:00 other create volume v subnet=subnet-1 reveals=subnet-1:b\n01:00:00 agent delete volume v",
            vec!["eu-west-1b"],
        ),
        ("01:00:00 agent delete instance i-1 zone=c", vec!["eu-west-1c"]),
        ("01:00:00 agent delete instance i-1", vec![]),
        // What becomes known later counts from then on only.
        (
            "00:00:00 other create volume v subnet=subnet-1
             01:00:00 agent delete volume v
             02:00:00 other create volume w subnet=subnet-1 reveals=subnet-1:b",
            vec![],
        ),
        // A regional resource is in no zone, whatever an event says.
        ("01:00:00 agent delete table t zone=a", vec![]),
    ] {
        let timeline = judged(story);
        let zones: Vec<&str> =
            destroyed(&timeline, &role("agent")).iter().flat_map(|one| one.zones.iter().map(|zone| &**zone)).collect();
        assert_eq!(zones, expected, "{story}");
    }
}

#[test]
fn lineage_leads_to_the_origin_and_a_shared_session_name_to_the_role() {
    let burst = "00:10:00 ops delete table a,b,c,d,e,f key=K1 session=x";
    for (links, actor) in [
        ("00:00:00 @alice assume ops gives=K1 session=x", "arn:aws:iam::111111111111:user/alice"),
        (
            "00:00:00 @alice assume mid gives=K0\n00:01:00 mid assume ops key=K0 gives=K1",
            "arn:aws:iam::111111111111:user/alice",
        ),
        // Without the key: by the session's name, unless several share it.
        ("00:00:00 @alice assume ops gives=K9 session=x", "arn:aws:iam::111111111111:user/alice"),
        (
            "00:00:00 @alice assume ops gives=K8 session=x\n00:01:00 @bob assume ops gives=K9 session=x",
            "arn:aws:iam::111111111111:role/ops",
        ),
        ("00:00:00 service assume ops gives=K1", "arn:aws:iam::111111111111:role/ops"),
        // A link later than the call explains nothing.
        ("00:11:00 @alice assume ops gives=K1 session=x", "arn:aws:iam::111111111111:role/ops"),
    ] {
        let timeline = judged(&format!("{burst}\n{links}"));
        assert_eq!(worst(&timeline, actor), Some(Severity::Critical), "{links}");
        let others = timeline.ledgers().filter(|(key, ledger)| key.as_ref() != actor && !ledger.episodes().is_empty());
        assert_eq!(others.count(), 0, "{links}");
    }
}

#[test]
fn a_role_is_judged_as_a_whole_where_nobody_carries_it_alone() {
    let story: String = (0..8)
        .map(|number| {
            format!(
                "00:00:{number:02} @user{number} assume ops gives=K{number} session=s{number}
                 00:01:{number:02} ops delete service s-{number} key=K{number} session=s{number}\n"
            )
        })
        .collect();
    let timeline = judged(&story);
    assert_eq!(worst(&timeline, &role("ops")), Some(Severity::High));
    assert_eq!(worst(&timeline, "arn:aws:iam::111111111111:user/user1"), None);
}

#[test]
fn of_copies_in_several_accounts_the_fuller_speaks() {
    let mut all = facts(
        "00:00:00 agent delete db prod shared=s account=222222222222 id=a\n00:00:00 agent delete db prod shared=s id=b",
    );
    let identity = Arc::make_mut(&mut all[0].event.identity);
    for told in [&mut identity.issuer_arn, &mut identity.access_key, &mut identity.issuer_id] {
        *told = "".into();
    }
    for order in [[0, 1], [1, 0]] {
        let mut timeline = Timeline::default();
        let columns: Vec<Column> = order.iter().map(|index| timeline.insert(all[*index].clone()).column).collect();
        assert_eq!(columns, [Column::Judged, Column::Twin]);
        assert_eq!(destroyed(&timeline, &role("agent")).len(), 1);
    }
}

/// How many cases a property is tried on: `PROPTEST_CASES` of them, or so many.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

/// A small world in which much collides: few actors, few resources, few seconds.
fn stories(lines: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Fact>> {
    let line = (
        0..900_i64,
        prop::sample::select(vec!["agent", "other", "@alice", "ops", "+saml", "service"]),
        prop::sample::select(vec![
            "create", "put", "new", "delete", "delete", "delete", "delete", "denied", "unguard", "disrupt", "assume",
            "assume", "start", "prepare",
        ]),
        prop::sample::select(vec!["instance", "db", "table", "volume", "group", "lb", "trail"]),
        0..6_u8,
        prop::sample::select(vec![
            "zone=a",
            "zone=b",
            "zone=c",
            "subnet=n1",
            "reveals=n1:b",
            "reveals=n1:c",
            "name=web-1",
            "reaches=lb-1:a",
            "key=K1 session=x",
            "key=K0 session=AWSCloudFormation",
            "session=AWSCloudFormation by=cloudformation",
            "session=AWSCloudFormation by=cloudformation",
            "session=Automation-1 by=ssm",
            "shared=q",
            "shared=q account=222222222222",
        ]),
        prop::bool::weighted(0.9),
    );
    let pace = prop::sample::select(vec![1, 1, 8, 40]);
    (prop::collection::vec(line, lines), pace).prop_map(|(lines, pace)| {
        let story: Vec<String> = lines
            .into_iter()
            .map(|(second, actor, verb, kind, id, extra, trusted)| {
                let second = second * pace;
                let time = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
                let trust = if trusted { "" } else { "trust=no" };
                match verb {
                    "assume" if id > 3 => {
                        format!("{time} {actor} assume agent gives=K2 session=AWSCloudFormation {trust}")
                    }
                    "assume" => format!("{time} {actor} assume ops gives=K{} session=x", id % 2),
                    "start" | "prepare" => {
                        let how = ["", "role=ops", "role=agent", "fresh=yes", "automation=1", "automation=1 role=ops"];
                        let key = if extra.starts_with("key=") { extra } else { "" };
                        format!("{time} {actor} {verb} stack-{} {} {key} {trust}", id % 2, how[usize::from(id)])
                    }
                    _ => format!("{time} {actor} {verb} {kind} {kind}-{id} {extra} {trust}"),
                }
            })
            .collect();
        facts(&story.join("\n"))
    })
}

/// What each key's detectors said, and what it was gathered into.
pub(super) fn everything(timeline: &Timeline) -> Vec<(String, Vec<String>)> {
    let tell = |(key, ledger): (&Arc<str>, &Ledger)| {
        let points = ledger.points(key, timeline.limits());
        let points = points.iter().map(|(key, point)| format!("{key:?} {point:?}"));
        let episodes = ledger.episodes().iter().map(|episode| format!("{episode:?}"));
        let entries = ledger.entries().iter().map(|held| format!("{:?}", held.entry));
        (key.to_string(), points.chain(episodes).chain(entries).collect())
    };
    let ledgers: BTreeMap<_, _> = timeline.ledgers().filter(|(_, ledger)| !ledger.entries().is_empty()).collect();
    ledgers.into_iter().map(tell).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), ..ProptestConfig::default() })]

    /// Any order and any repeats of the same facts are judged the same, one by one as at once.
    #[test]
    fn order_and_repeats_change_nothing(told in stories(1..40), seed in any::<u64>()) {
        let mut at_once = Timeline::default();
        at_once.load(told.clone(), []);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut shuffled: Vec<Fact> = told.iter().chain(told.iter().take(5)).cloned().collect();
        random.shuffle(&mut shuffled);
        let mut one_by_one = Timeline::default();
        for fact in shuffled {
            one_by_one.insert(fact);
        }
        prop_assert_eq!(everything(&one_by_one), everything(&at_once));
    }

    /// What is judged step by step is what the oracle says, which looks at everything at each fact.
    #[test]
    fn running_sums_say_what_the_oracle_says(told in stories(1..80), cuts in prop::collection::vec(0..9_000_i64, 0..3)) {
        let mut timeline = Timeline::default();
        for fact in told {
            timeline.insert(fact);
        }
        let keys: Vec<Arc<str>> = timeline.ledgers().map(|(key, _)| Arc::clone(key)).collect();
        for key in &keys {
            for cut in &cuts {
                timeline.cut(key, Second(crate::testing::START + cut));
            }
            let Some(ledger) = timeline.ledger(key) else { continue };
            prop_assert_eq!(ledger.points(key, timeline.limits()), oracle::points(ledger, key, timeline.limits()));
        }
    }
}
