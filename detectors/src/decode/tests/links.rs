//! How many destructive records resolve to a resource, and how many of those link to the create that made it, in real
//! records that this project did not write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::corpus::{corpus, files, say};
use super::decoded;
use crate::catalog::{Catalog, Guess, Known};
use crate::event::{Effect, Event, Mention, Outcome, Text};

/// A record: its text, and the event it came to.
struct Line {
    text: String,
    event: Event,
}

fn lines(content: &[u8]) -> Vec<Line> {
    let texts = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let decoded = texts.filter_map(|text| {
        let event = decoded(text).events.pop()?;
        Some(Line { text: String::from_utf8_lossy(text).into_owned(), event })
    });
    decoded.collect()
}

/// What the names of actions alone say: which of them create, and what they are about.
fn by_name(event: &Event) -> Guess {
    match Catalog::default().lookup(&event.service, &event.name) {
        Known::Guessed(guess) => guess,
        Known::Listed(_) => panic!("an empty catalog lists {}", event.action()),
    }
}

fn is_named(mention: &Mention) -> bool {
    !mention.aliases.iter().all(|alias| alias.starts_with("event:"))
}

/// Whether a record of that sort of thing being made holds the name, whatever the catalog thinks of it.
fn seems_made_by(delete: &Event, mention: &Mention, line: &Line) -> bool {
    let (made, gone) = (by_name(&line.event), by_name(delete));
    let is_create = made.effect == Effect::Create || line.event.name.starts_with("Put");
    let same = line.event.service == delete.service && line.event.account == delete.account && made.noun == gone.noun;
    let text = || line.text.to_lowercase();
    let named = |alias: &Text| {
        let alias = alias.to_lowercase();
        let text = text();
        ['"', '/', ':'].iter().any(|before| text.contains(&format!("{before}{alias}\"")))
    };
    is_create && same && line.event.outcome == Outcome::Ok && mention.aliases.iter().any(named)
}

type Key<'a> = (&'a str, &'a str, &'a str, &'a [Text], &'a str);

fn keys<'a>(event: &'a Event, mention: &'a Mention) -> impl Iterator<Item = Key<'a>> {
    let of = move |alias: &'a Text| (&*event.account, &*event.region, &*mention.kind, &*mention.parents, &**alias);
    mention.aliases.iter().map(of)
}

#[test]
fn destructions_resolve_and_link() {
    let Some(corpus) = corpus() else { return };
    let (mut destructions, mut resolved, mut made_here, mut linked) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut loose: BTreeMap<String, usize> = BTreeMap::new();
    let is_ndjson = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "ndjson");
    for path in files(&corpus).into_iter().filter(is_ndjson) {
        let lines = lines(&fs::read(&path).expect("a readable file"));
        let creates = lines.iter().map(|line| &line.event).filter(|event| event.effect == Effect::Create);
        let known: BTreeSet<Key<'_>> =
            creates.flat_map(|event| event.resources.iter().flat_map(move |mention| keys(event, mention))).collect();
        let gone = |line: &&Line| line.event.effect == Effect::Destroy && line.event.outcome == Outcome::Ok;
        for line in lines.iter().filter(gone) {
            destructions += 1;
            if !line.event.resources.is_empty() && line.event.resources.iter().all(is_named) {
                resolved += 1;
            } else {
                *loose.entry(format!("{} is unnamed", line.event.action())).or_default() += 1;
            }
            for mention in &line.event.resources {
                if !lines.iter().any(|other| seems_made_by(&line.event, mention, other)) {
                    continue;
                }
                made_here += 1;
                if keys(&line.event, mention).any(|key| known.contains(&key)) {
                    linked += 1;
                } else {
                    *loose.entry(format!("{} does not link", line.event.action())).or_default() += 1;
                }
            }
        }
    }
    let percent = |part: usize, whole: usize| part as f64 * 100.0 / whole.max(1) as f64;
    say(&format!("{resolved} of {destructions} destructions resolve: {:.1} %", percent(resolved, destructions)));
    say(&format!("{linked} of {made_here} resources made in the same file link: {:.1} %", percent(linked, made_here)));
    say(&format!("not: {loose:#?}"));
    assert!(destructions >= 150 && resolved * 100 >= destructions * 98, "{resolved} of {destructions}");
    assert!(made_here >= 100 && linked * 100 >= made_here * 95, "{linked} of {made_here}");
}
