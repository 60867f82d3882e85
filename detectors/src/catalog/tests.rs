//! What the tables promise as a whole, and how they compare with facts that others gathered.

use std::path::PathBuf;

use super::*;

fn rules() -> impl Iterator<Item = (String, &'static Rule)> {
    let actions = Catalog::built_in().actions.iter();
    let named = actions
        .flat_map(|(service, actions)| actions.iter().map(move |(name, rules)| (format!("{service}:{name}"), rules)));
    named.flat_map(|(action, rules)| rules.iter().map(move |rule| (action.clone(), rule)))
}

#[expect(clippy::print_stdout, reason = "figures, and what was skipped, are the tests' output")]
fn say(line: &str) {
    println!("{line}");
}

#[test]
fn the_built_in_tables_have_no_problems() {
    let (catalog, problems) = Catalog::parse(&TABLES);
    assert_eq!(problems, Vec::new());
    assert!(catalog.len() >= 5_000, "only {} actions", catalog.len());
    let bytes: usize = TABLES.iter().map(|table| table.len()).sum();
    say(&format!("{} actions, {} kinds, {bytes} bytes", catalog.len(), catalog.kinds.len()));
}

/// A kind that is destroyed under one name and created under another would never be linked.
#[test]
fn what_is_created_can_be_destroyed() {
    let of = |effect: Effect| {
        let mut kinds: Vec<&str> = rules()
            .filter(|(_, rule)| rule.effect == effect)
            .filter_map(|(_, rule)| Some(&*rule.kind.as_ref()?.name))
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    let (created, destroyed) = (of(Effect::Create), of(Effect::Destroy));
    let without: Vec<_> = created.iter().filter(|kind| !destroyed.contains(kind)).collect();
    assert_eq!(without, Vec::<&&str>::new(), "created, never destroyed");
    let without: Vec<_> = destroyed.iter().filter(|kind| !created.contains(kind)).copied().collect();
    say(&format!("{} of {} kinds are destroyed and never created: {without:?}", without.len(), destroyed.len()));
    // What comes with something else, or by a put that widens permissions: a version, an inline policy, a setting.
    assert!(without.len() * 100 <= destroyed.len() * 14, "{} of {}", without.len(), destroyed.len());
    let by_hand = include_str!("../../catalog/kinds.txt");
    let expected = [
        "AWS::IAM::GroupPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::Lambda::Version",
        "AWS::S3::BucketPolicy",
        "AWS::SSO::Assignment",
    ];
    let listed = |kind: &&&str| by_hand.lines().any(|line| line.split(' ').next() == Some(**kind));
    assert_eq!(without.iter().filter(listed).copied().collect::<Vec<_>>(), expected, "of the hand-kept kinds");
}

#[test]
fn every_effect_on_resources_says_where_they_are_named() {
    let mut nameless = Vec::new();
    for (action, rule) in rules() {
        let has_place = !rule.ids.is_empty() || !rule.each.is_empty();
        if rule.effect == Effect::Create {
            assert!(rule.kind.is_some() && has_place, "{action}");
        }
        if rule.effect == Effect::Destroy {
            assert!(rule.kind.is_some(), "{action}");
            nameless.extend((!has_place).then_some(action.clone()));
        }
        assert!(rule.effect == Effect::Create || rule.proof == Proof::None, "{action} proves");
    }
    nameless.sort();
    say(&format!("{} destructions take no identifier: {nameless:?}", nameless.len()));
    assert!(nameless.len() <= 50, "{}", nameless.len());
}

/// A user's own table stands over the one that is built in, for kinds as for actions.
#[test]
fn a_users_table_comes_last() {
    let table = "AWS::S3::Bucket holds-state regional arn=whole\nmine:thing small regional\n\
                 ssm:PutParameter other\nnew:BreakThing destroy mine:thing id=request.thing\nalias old-s3 s3\nbroken";
    let (catalog, problems) = Catalog::built_in().with(table);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), ["line 6: too few columns"]);
    let rule = |service: &str, name: &str| match catalog.lookup(service, name) {
        Known::Listed(rules) => rules.first().map(|rule| (rule.effect, rule.kind.as_ref().map(|kind| kind.class))),
        Known::Guessed(_) => None,
    };
    assert_eq!(rule("s3", "DeleteBucket"), Some((Effect::Destroy, Some(WeightClass::HoldsState))));
    assert_eq!(rule("old-s3", "DeleteBucket"), rule("s3", "DeleteBucket"));
    assert_eq!(rule("ssm", "PutParameter"), Some((Effect::Other, None)));
    assert_eq!(rule("new", "BreakThing"), Some((Effect::Destroy, Some(WeightClass::Small))));
    assert_eq!(rule("new", "breakThing"), rule("new", "BreakThing"));
    assert_eq!(rule("new", "DeleteThing"), None);
}

/// Once at the start, and on a slow machine without optimisation still soon.
/// The table of facts is not ours: it stands beside the corpus of real records.
#[test]
fn differences_from_gathered_facts_are_explained() {
    let folder = std::env::var_os("TRAILBRAKE_CORPUS").map(|corpus| PathBuf::from(corpus).join("../facts"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        return say("skipped: TRAILBRAKE_CORPUS names no directory with facts beside it");
    };
    let (mut open, mut all) = (Vec::new(), Vec::new());
    for name in ["actions.csv", "conditional.csv"] {
        let table = std::fs::read_to_string(folder.join(name)).expect("a readable table");
        all.extend(compare::differences(Catalog::built_in(), &table).expect("a table of facts").into_iter().flatten());
        let comparison = compare(Catalog::built_in(), &table).expect("a table of facts");
        let Comparison { agree, explained, unexplained, differences } = comparison;
        say(&format!("{name}: {agree} agree, {explained} explained, {unexplained} unexplained"));
        open.extend(differences);
    }
    for difference in &all {
        say(&difference.to_string());
    }
    let explanations = compare::explanations();
    let explains = |one: &(&str, &str)| all.iter().any(|difference| compare::is_explained(&[*one], difference));
    let idle: Vec<_> = explanations.iter().filter(|one| !explains(one)).collect();
    assert!(idle.is_empty(), "they explain nothing: {idle:?}");
    assert!(open.is_empty(), "{open:#?}");
}
