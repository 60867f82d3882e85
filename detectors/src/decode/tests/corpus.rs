//! Real records that this project did not write, where they are at hand: `TRAILBRAKE_CORPUS` names their directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_adds_up, decoded, reasons};
use crate::event::{Effect, Event, Outcome, Text, Texts};

/// The corpus, or a word on why there is no test.
pub(super) fn corpus() -> Option<PathBuf> {
    let directory = std::env::var_os("TRAILBRAKE_CORPUS").map(PathBuf::from).filter(|path| path.is_dir());
    if directory.is_none() {
        say("skipped: TRAILBRAKE_CORPUS names no directory with a corpus of real records");
    }
    directory
}

#[expect(clippy::print_stdout, reason = "figures, and what was skipped, are the tests' output")]
pub(super) fn say(line: &str) {
    println!("{line}");
}

pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn every_file_decodes_and_its_accounts_add_up() {
    let Some(corpus) = corpus() else { return };
    for path in
        files(&corpus).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
    {
        let content = fs::read(&path).expect("a readable file");
        let decoded = decoded(&content);
        let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
        assert_eq!(decoded.received, lines, "{}", path.display());
        assert_eq!(reasons(&decoded), [], "{}", path.display());
        let mut effects: BTreeMap<(Effect, Outcome), usize> = BTreeMap::new();
        decoded.events.iter().for_each(|event| *effects.entry((event.effect, event.outcome)).or_default() += 1);
        say(&format!("{}: {} received, {} ignored, {effects:?}", path.display(), decoded.received, decoded.ignored));
    }
}

/// Every wrapper is either opened or told apart from records: nothing that is no record passes for one.
#[test]
fn every_wrapper_is_told() {
    let Some(corpus) = corpus() else { return };
    let expected: BTreeMap<&str, (u64, u64)> = BTreeMap::from([
        // (accepted, rejected)
        ("datadog__enriched_Records.json", (1, 0)),
        // A digest is ignored, and counted as what it is.
        ("cloudtrail_digest_file__elastic.json", (1, 0)),
        ("cloudtrail_insight_record__no_eventName_userIdentity.json", (1, 0)),
        ("eventbridge__cloudtrail_api_call__DeleteTransitGatewayVpcAttachment.json", (1, 0)),
        ("eventbridge__cloudtrail_api_call__RunInstances.json", (1, 0)),
        ("eventbridge__cloudtrail_assumed_role.json", (1, 0)),
        ("eventbridge__cloudtrail_unknown_federate.json", (1, 0)),
        ("cribl__raw_Records.json", (2, 0)),
        ("cwlogs_subscription__decoded_cloudtrail.json", (4, 0)),
        ("lookup_events_api__plaso.jsonl", (2, 0)),
        ("s3file__cloudtrail_Records_2023.json", (26, 0)),
    ]);
    for path in files(&corpus.join("envelopes")) {
        let decoded = decoded(fs::read(&path).expect("a readable file"));
        assert_adds_up(&decoded);
        let accepted = decoded.ignored + decoded.events.len() as u64;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        say(&format!("{name}: {accepted} accepted, rejected: {:?}", reasons(&decoded)));
        match expected.get(name) {
            Some(expected) => assert_eq!((accepted, decoded.rejects.len() as u64), *expected, "{name}"),
            None => assert_eq!(accepted, 0, "{name}"),
        }
    }
}

#[test]
fn deletes_link_to_creates() {
    let Some(corpus) = corpus() else { return };
    let decoded = decoded(fs::read(corpus.join("invictus.ndjson")).expect("a readable file"));
    let names = |event: &Event| -> Vec<(Text, Vec<Text>, Texts)> {
        let mentions = event.resources.iter();
        mentions.map(|mention| (mention.kind.clone(), mention.parents.clone(), mention.aliases.clone())).collect()
    };
    let created: BTreeSet<(Text, Vec<Text>, Text)> = decoded
        .events
        .iter()
        .filter(|event| event.effect == Effect::Create)
        .flat_map(names)
        .flat_map(|(kind, parents, aliases)| {
            aliases.into_iter().map(move |alias| (kind.clone(), parents.clone(), alias))
        })
        .collect();
    let is_destruction = |event: &&Event| {
        let by_him = event.identity.arn.ends_with("user/bert-jan");
        event.effect == Effect::Destroy && event.outcome == Outcome::Ok && by_him
    };
    let destroyed: BTreeSet<_> = decoded.events.iter().filter(is_destruction).flat_map(names).collect();
    let unlinked: Vec<_> = destroyed
        .iter()
        .filter(|(kind, parents, aliases)| {
            !aliases.iter().any(|alias| created.contains(&(kind.clone(), parents.clone(), alias.clone())))
        })
        .collect();
    let linked = destroyed.len() - unlinked.len();
    say(&format!("{linked} of {} destroyed resources link to a create; not: {unlinked:#?}", destroyed.len()));
    assert!(destroyed.len() >= 100 && linked * 100 >= destroyed.len() * 95, "{linked} of {}", destroyed.len());
}
