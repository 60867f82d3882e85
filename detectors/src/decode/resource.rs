//! Which resources an event names: the catalog's rules applied to request and response.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use smallvec::smallvec;
use smol_str::format_smolstr;

use super::dialect::{
    any_text, cut, each, first_text, instant, is_subnet, is_zone_of, name_tag, percent_decoded, texts,
};
use super::node::{NULL, Node};
use crate::catalog::{ArnName, Condition, Guess, Kind, Origin, Path, Rule, Term, is_off, is_on};
use crate::event::{Effect, Mention, Proof, Text, Texts};
use crate::limits::{ALIASES_PER_RESOURCE_MAX, RESOURCES_PER_EVENT_MAX, STRING_BYTES_MAX};
use crate::time::Second;

/// The parts of a record that name resources.
pub(super) struct Call<'a> {
    /// `requestParameters`, unwrapped.
    pub(super) request: Node<'a>,
    /// `responseElements`, unwrapped.
    pub(super) response: Node<'a>,
    /// `awsRegion`.
    pub(super) region: &'a str,
    /// `eventTime`.
    pub(super) time: Second,
}

/// The resources of an event, as many as are kept of one.
#[derive(Default)]
pub(super) struct Found {
    pub(super) mentions: Vec<Mention>,
    /// How many more there are.
    pub(super) left_out: u32,
}

/// How far from the event's own time a time still says "now": clocks of one region differ by less.
const NOW_SECONDS: u64 = 60;
/// Zones and subnets kept of one resource, each.
const PLACES_MAX: usize = 32;
/// What contains a resource, as far as it is kept.
const PARENTS_MAX: usize = 4;
/// Names of one resource that are looked at, repeats included.
const NAMES_MAX: usize = 64;

impl<'a> Call<'a> {
    fn root(&self, origin: Origin, item: Option<Node<'a>>) -> Node<'a> {
        match origin {
            Origin::Request => self.request,
            Origin::Response => self.response,
            Origin::Item => item.unwrap_or(NULL),
        }
    }

    fn each_text(&self, path: &Path, item: Option<Node<'a>>, mut take: impl FnMut(&'a str)) {
        each(self.root(path.origin, item), &path.keys, |found| {
            if let Some(text) = found.plain() {
                take(text);
            }
        });
    }

    fn first(&self, path: &Path, item: Option<Node<'a>>) -> Option<&'a str> {
        first_text(self.root(path.origin, item), &path.keys)
    }

    fn any(&self, path: &Path, passes: impl Fn(&str) -> bool) -> bool {
        any_text(self.root(path.origin, None), &path.keys, passes)
    }

    /// The first rule that applies.
    pub(super) fn applicable<'r>(&self, rules: &'r [Rule]) -> Option<&'r Rule> {
        rules.iter().find(|rule| {
            let filtered = rule.each.iter().any(|each| !each.filters.is_empty());
            rule.when.iter().all(|condition| self.holds(condition)) && (!filtered || !self.items(rule).is_empty())
        })
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Present(path) => {
                let mut is_there = false;
                each(self.root(path.origin, None), &path.keys, |_| is_there = true);
                is_there
            }
            Condition::Equals(path, value) => self.any(path, |text| text == value),
            Condition::Region(region) => self.region == region,
            Condition::Off(path) => self.any(path, is_off),
            Condition::On(path) => self.any(path, is_on),
            Condition::Now(path) => {
                let is_now = |at: Second| at.0.abs_diff(self.time.0) <= NOW_SECONDS;
                self.any(path, |text| instant(text).is_some_and(is_now))
            }
        }
    }

    fn items(&self, rule: &Rule) -> Vec<Node<'a>> {
        let mut items = Vec::new();
        for one in &rule.each {
            each(self.root(one.path.origin, None), &one.path.keys, |item| {
                let says =
                    |(key, value): &(String, String)| any_text(item, std::slice::from_ref(key), |text| text == value);
                if one.filters.iter().all(says) {
                    items.push(item);
                }
            });
        }
        items
    }

    /// The resources that a rule finds.
    pub(super) fn mentions(&self, rule: &Rule) -> Found {
        let Some(kind) = &rule.kind else { return Found::default() };
        let found: Vec<Mention> = match rule.each.is_empty() {
            true => self.mention(rule, kind, None).into_iter().collect(),
            false => self.items(rule).into_iter().filter_map(|item| self.mention(rule, kind, Some(item))).collect(),
        };
        let any = |conditions: &[Condition]| conditions.iter().any(|condition| self.holds(condition));
        let mut found = distinct(found);
        let (is_spared, is_forced) = (any(&rule.spared), any(&rule.forced));
        for mention in &mut found.mentions {
            (mention.is_spared, mention.is_forced) = (is_spared, is_forced);
        }
        found
    }

    fn mention(&self, rule: &Rule, kind: &Kind, item: Option<Node<'a>>) -> Option<Mention> {
        let mut aliases = Aliases::default();
        if let Some(own) = item.and_then(Node::plain) {
            aliases.add(own, kind);
        }
        for joined in &rule.ids {
            match joined.as_slice() {
                [path] => self.each_text(path, item, |id| aliases.add(id, kind)),
                paths => {
                    let last = |path: &Path| {
                        let mut last = None;
                        self.each_text(path, item, |text| last = Some(text));
                        last
                    };
                    if let Some(parts) = paths.iter().map(last).collect::<Option<Vec<_>>>() {
                        aliases.add(&parts.join(" "), kind);
                    }
                }
            }
        }
        let aliases = aliases.into_vec()?;
        let container_of = |terms: &Vec<Term>| {
            terms.iter().find_map(|term| match term {
                Term::Path(path) => self.first(path, item).map(container),
                Term::Literal(literal) => Some(container(literal)),
            })
        };
        let named = rule.names.iter().find_map(|path| self.first(path, item)).map(cut);
        let tagged = || item.and_then(name_tag).or_else(|| name_tag(self.request)).map(|name| cut(&name));
        Some(Mention {
            kind: kind.name.clone(),
            class: kind.class,
            scope: kind.scope,
            aliases,
            parents: rule.parents.iter().take(PARENTS_MAX).filter_map(container_of).collect(),
            name: named.or_else(tagged).unwrap_or_default(),
            proof: rule.proof,
            zones: self.places(&rule.zones, item, |zone| is_zone_of(zone, self.region)),
            subnets: self.places(&rule.subnets, item, is_subnet).into_vec(),
            is_spared: false,
            is_forced: false,
            is_guard: kind.is_guard,
        })
    }

    /// Zones or subnets at some paths, each once, in order.
    fn places(&self, paths: &[Path], item: Option<Node<'a>>, is_one: impl Fn(&str) -> bool) -> Texts {
        let mut places = Texts::new();
        for path in paths {
            self.each_text(path, item, |text| {
                let written = text.split(',').map(str::trim).filter(|place| is_one(place));
                places.extend(written.map(Text::from));
            });
        }
        places.sort_unstable();
        places.dedup();
        places.truncate(PLACES_MAX);
        places
    }

    /// The resources that an action outside the table seems to name: what is called like its noun.
    pub(super) fn guessed(&self, guess: &Guess) -> Found {
        let noun = guess.noun.to_ascii_lowercase();
        // What is destroyed is named in the request; of what was created, request and response each know names.
        let mut found: Vec<Vec<&str>> = Vec::new();
        let is_create = guess.effect == Effect::Create;
        for root in [self.request, self.response].into_iter().take(if is_create { 2 } else { 1 }) {
            for (index, id) in named_like(root, &noun) {
                match found.get_mut(index) {
                    Some(ids) => ids.push(id),
                    None => found.push(vec![id]),
                }
            }
        }
        let joined = if found.is_empty() && !is_create { all_ids(self.request) } else { None };
        found.extend(joined.as_deref().map(|id| vec![id]));
        let parents = containers(self.request, &noun);
        let name = name_tag(self.request).unwrap_or_default();
        let mentions = found.into_iter().filter_map(|ids| {
            let mut aliases = Aliases::default();
            ids.iter().for_each(|id| aliases.add(id, &guess.kind));
            Some(unplaced(&guess.kind, aliases.into_vec()?, parents.clone(), cut(&name)))
        });
        distinct(mentions.collect())
    }
}

/// A resource of which nothing is known but that this event destroyed it: it counts, and links to nothing.
pub(super) fn unnamed(kind: &Kind, event_id: &str) -> Mention {
    unplaced(kind, smallvec![format_smolstr!("event:{event_id}")], Vec::new(), Text::default())
}

fn unplaced(kind: &Kind, aliases: Texts, parents: Vec<Text>, name: Text) -> Mention {
    let (zones, subnets) = (Texts::new(), Vec::new());
    let Kind { class, scope, .. } = *kind;
    Mention {
        kind: kind.name.clone(),
        class,
        scope,
        aliases,
        parents,
        name,
        proof: Proof::None,
        zones,
        subnets,
        is_spared: false,
        is_forced: false,
        is_guard: kind.is_guard,
    }
}

/// The value itself, or all in a list.
const NO_KEYS: &[&str] = &[];
/// How keys of identifiers end.
const SUFFIXES: [&str; 8] = ["id", "arn", "name", "identifier", "url", "ids", "arns", "names"];

/// Identifiers called like the noun, in the object or in one of that name within it, with their place in a list.
fn named_like<'a>(root: Node<'a>, noun: &str) -> Vec<(usize, &'a str)> {
    let inner = root.entries().find(|(key, value)| key.eq_ignore_ascii_case(noun) && value.is_object());
    let candidates: Vec<(String, Node<'_>)> = root
        .entries()
        .chain(inner.into_iter().flat_map(|(_, value)| value.entries()))
        .map(|(key, value)| (key.to_ascii_lowercase(), value))
        .collect();
    let exact = |key: &str| {
        let rest = key.strip_prefix(noun);
        rest.is_some_and(|rest| matches!(rest, "" | "s" | "todelete" | "stodelete") || SUFFIXES.contains(&rest))
    };
    // `DeleteDBClusterParameterGroup` may take a `parameterGroupName`.
    let partial = |key: &str| {
        let stem = SUFFIXES.iter().find_map(|suffix| key.strip_suffix(suffix));
        stem.is_some_and(|stem| stem.len() > 2 && noun.ends_with(stem))
    };
    let collect = |is_name: &dyn Fn(&str) -> bool| -> Vec<(usize, &'a str)> {
        let named = candidates.iter().filter(|(key, _)| is_name(key));
        named.flat_map(|(_, value)| texts(*value, NO_KEYS).into_iter().enumerate()).collect()
    };
    let found = collect(&|key| exact(key) || SUFFIXES.contains(&key));
    if found.is_empty() { collect(&partial) } else { found }
}

/// All identifiers of a request in one, for what is called like none of them: it links to nothing, and two requests
/// that differ stay two.
fn all_ids(request: Node<'_>) -> Option<String> {
    let is_id = |key: &str| SUFFIXES.iter().any(|suffix| key.to_ascii_lowercase().ends_with(suffix));
    let keys = request.entries().filter(|(key, _)| is_id(key));
    let ids: Vec<&str> = keys.flat_map(|(_, value)| texts(value, NO_KEYS)).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// Identifiers in the request of things that contain others. The same list serves creates and destroys, so that both
/// say the same of one resource.
fn containers(request: Node<'_>, noun: &str) -> Vec<Text> {
    const CONTAINERS: &str = "\
        api restapi cluster instance domain application app workspace knowledgebase database userpool pool farm index \
        detector bot assistant organization mesh space fleet project environment server vault backupvault repository \
        registry bus eventbus catalog gateway network globalnetwork store policystore identitystore collection \
        namespace group table function";
    let mut parents: Vec<(String, Text)> = request
        .entries()
        .filter_map(|(key, value)| {
            let key = key.to_ascii_lowercase();
            let stem = ["identifier", "name", "arn", "id"].iter().find_map(|suffix| key.strip_suffix(suffix))?;
            let contains =
                CONTAINERS.split_whitespace().any(|word| word == stem) && stem != noun && !noun.ends_with(stem);
            contains.then_some(())?;
            Some((stem.to_owned(), container(value.plain()?)))
        })
        .collect();
    parents.sort_unstable();
    parents.dedup_by(|one, other| one.0 == other.0);
    parents.into_iter().map(|(_, parent)| parent).take(PARENTS_MAX).collect()
}

/// What contains a resource is known by the last part of its ARN, so that its name and its ARN are one.
fn container(text: &str) -> Text {
    let text = percent_decoded(text);
    if text.starts_with("arn:") { cut(text.rsplit([':', '/']).next().unwrap_or_default()) } else { cut(&text) }
}

/// Each resource once.
fn distinct(mut mentions: Vec<Mention>) -> Found {
    if mentions.len() > 1 {
        let mut seen = BTreeSet::new();
        let is_fresh: Vec<bool> =
            mentions.iter().map(|mention| seen.insert((&*mention.parents, &*mention.aliases))).collect();
        let mut is_fresh = is_fresh.into_iter();
        mentions.retain(|_| is_fresh.next().unwrap_or(true));
    }
    let left_out = mentions.len().saturating_sub(RESOURCES_PER_EVENT_MAX);
    mentions.truncate(RESOURCES_PER_EVENT_MAX);
    Found { mentions, left_out: u32::try_from(left_out).unwrap_or(u32::MAX) }
}

/// The names of one resource.
#[derive(Default)]
struct Aliases(Texts);

impl Aliases {
    fn add(&mut self, text: &str, kind: &Kind) {
        let mut text = percent_decoded(text.trim());
        if kind.ignores_case {
            text = Cow::Owned(text.to_lowercase());
        }
        let text = text.strip_prefix("/hostedzone/").unwrap_or(&text);
        let text = if text.starts_with("arn:") { text.strip_suffix(":*").unwrap_or(text) } else { text };
        for name in name_in(text, kind.arn_name).into_iter().chain([text]) {
            if !name.is_empty() && self.0.len() < NAMES_MAX {
                self.0.push(bounded(name));
            }
        }
    }

    fn into_vec(mut self) -> Option<Texts> {
        self.0.sort_unstable();
        self.0.dedup();
        self.0.truncate(ALIASES_PER_RESOURCE_MAX);
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// The part of an ARN or a URL that names the resource by itself.
fn name_in(text: &str, how: ArnName) -> Option<&str> {
    let resource = match text.strip_prefix("https://") {
        Some(url) => url,
        None => text.strip_prefix("arn:")?.splitn(5, ':').nth(4)?,
    };
    let after_type = resource.split_once([':', '/']).map_or(resource, |(_, rest)| rest);
    let name = match how {
        ArnName::Nothing => None,
        ArnName::First => after_type.split([':', '/']).next(),
        ArnName::Last => after_type.rsplit([':', '/']).next(),
        ArnName::SecondLast => after_type.rsplit([':', '/']).nth(1),
        ArnName::Whole => Some(after_type),
    };
    name.filter(|name| !name.is_empty())
}

/// An identifier too long to be kept whole ends in a digest of itself: two of them must never seem one.
fn bounded(text: &str) -> Text {
    const DIGEST: usize = 17;
    if text.len() <= STRING_BYTES_MAX {
        return text.into();
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().take(DIGEST / 2).map(|byte| format!("{byte:02x}")).collect();
    format_smolstr!("{}~{digest}", &text[..text.floor_char_boundary(STRING_BYTES_MAX - DIGEST)])
}
