//! Which resources an event names: the catalog's rules applied to request and response.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dialect::{cut, instant, is_subnet, is_zone_of, name_tag, percent_decoded, plain, select, texts};
use crate::catalog::{ArnName, Condition, Guess, Kind, Origin, Path, Rule, Term, is_off, is_on};
use crate::event::{Effect, Mention, Proof};
use crate::limits::{ALIASES_PER_RESOURCE_MAX, RESOURCES_PER_EVENT_MAX, STRING_BYTES_MAX};
use crate::time::Second;

/// The parts of a record that name resources.
pub(super) struct Call<'a> {
    /// `requestParameters`, unwrapped.
    pub(super) request: &'a Value,
    /// `responseElements`, unwrapped.
    pub(super) response: &'a Value,
    /// `awsRegion`.
    pub(super) region: &'a str,
    /// `eventTime`.
    pub(super) time: Second,
}

/// How far from the event's own time a time still says "now": clocks of one region differ by less.
const NOW_SECONDS: u64 = 60;
/// Zones and subnets kept of one resource, each.
const PLACES_MAX: usize = 32;
/// What contains a resource, as far as it is kept.
const PARENTS_MAX: usize = 4;

impl<'a> Call<'a> {
    fn root(&self, origin: Origin, item: Option<&'a Value>) -> &'a Value {
        match origin {
            Origin::Request => self.request,
            Origin::Response => self.response,
            Origin::Item => item.unwrap_or(&Value::Null),
        }
    }

    fn texts(&self, path: &Path, item: Option<&'a Value>) -> Vec<String> {
        texts(self.root(path.origin, item), &path.keys)
    }

    fn all_texts(&self, paths: &[Path], item: Option<&'a Value>) -> Vec<String> {
        paths.iter().flat_map(|path| self.texts(path, item)).collect()
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
            Condition::Present(path) => !select(self.root(path.origin, None), &path.keys).is_empty(),
            Condition::Equals(path, value) => self.texts(path, None).contains(value),
            Condition::Region(region) => self.region == region,
            Condition::Off(path) => self.texts(path, None).iter().any(|value| is_off(value)),
            Condition::On(path) => self.texts(path, None).iter().any(|value| is_on(value)),
            Condition::Now(path) => {
                let mut instants = self.texts(path, None).into_iter().map(|text| instant(&text));
                instants.any(|instant| instant.is_some_and(|at| at.0.abs_diff(self.time.0) <= NOW_SECONDS))
            }
        }
    }

    fn items(&self, rule: &Rule) -> Vec<&'a Value> {
        let mut items = Vec::new();
        for each in &rule.each {
            let found = select(self.root(each.path.origin, None), &each.path.keys);
            items.extend(found.into_iter().filter(|item| {
                each.filters.iter().all(|(key, value)| texts(item, std::slice::from_ref(key)).contains(value))
            }));
        }
        items
    }

    /// The resources that a rule finds.
    pub(super) fn mentions(&self, rule: &Rule) -> Vec<Mention> {
        let Some(kind) = &rule.kind else { return Vec::new() };
        let found: Vec<Mention> = match rule.each.is_empty() {
            true => self.mention(rule, kind, None).into_iter().collect(),
            false => self.items(rule).into_iter().filter_map(|item| self.mention(rule, kind, Some(item))).collect(),
        };
        distinct(found)
    }

    fn mention(&self, rule: &Rule, kind: &Kind, item: Option<&'a Value>) -> Option<Mention> {
        let mut aliases = Aliases::default();
        if let Some(own) = item.and_then(plain) {
            aliases.add(&own, kind);
        }
        for joined in &rule.ids {
            match joined.as_slice() {
                [path] => self.texts(path, item).iter().for_each(|id| aliases.add(id, kind)),
                paths => {
                    let parts: Option<Vec<String>> = paths.iter().map(|path| self.texts(path, item).pop()).collect();
                    if let Some(parts) = parts {
                        aliases.add(&parts.join(" "), kind);
                    }
                }
            }
        }
        let first = |terms: &Vec<Term>| {
            terms.iter().find_map(|term| match term {
                Term::Path(path) => self.texts(path, item).into_iter().next(),
                Term::Literal(literal) => Some(literal.clone()),
            })
        };
        let parents = rule.parents.iter().take(PARENTS_MAX).filter_map(first);
        let any = |conditions: &[Condition]| conditions.iter().any(|condition| self.holds(condition));
        let named = self.all_texts(&rule.names, item).into_iter().next();
        let tagged = || name_tag(item.unwrap_or(&Value::Null)).or_else(|| name_tag(self.request));
        let subnets = self.all_texts(&rule.subnets, item);
        Some(Mention {
            kind: kind.name.clone(),
            class: kind.class,
            scope: kind.scope,
            aliases: aliases.into_vec()?,
            parents: parents.map(|parent| container(&parent)).collect(),
            name: cut(&named.or_else(tagged).unwrap_or_default()),
            proof: rule.proof,
            zones: places(self.all_texts(&rule.zones, item), |zone| is_zone_of(zone, self.region)),
            subnets: places(subnets.iter().flat_map(|list| list.split(',')).map(str::to_owned), is_subnet),
            is_spared: any(&rule.spared),
            is_forced: any(&rule.forced),
            is_guard: kind.is_guard,
        })
    }

    /// The resources that an action outside the table seems to name: what is called like its noun.
    pub(super) fn guessed(&self, guess: &Guess) -> Vec<Mention> {
        let noun = guess.noun.to_ascii_lowercase();
        // What is destroyed is named in the request; of what was created, request and response each know names.
        let mut found: Vec<Vec<String>> = Vec::new();
        let is_create = guess.effect == Effect::Create;
        for root in [self.request, self.response].into_iter().take(if is_create { 2 } else { 1 }) {
            for (index, id) in named_like(root, &noun) {
                match found.get_mut(index) {
                    Some(ids) => ids.push(id),
                    None => found.push(vec![id]),
                }
            }
        }
        if found.is_empty() && !is_create {
            found.extend(all_ids(self.request).map(|id| vec![id]));
        }
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
    unplaced(kind, vec![format!("event:{event_id}")], Vec::new(), String::new())
}

fn unplaced(kind: &Kind, aliases: Vec<String>, parents: Vec<String>, name: String) -> Mention {
    let (zones, subnets) = (Vec::new(), Vec::new());
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

/// How keys of identifiers end.
const SUFFIXES: [&str; 8] = ["id", "arn", "name", "identifier", "url", "ids", "arns", "names"];

/// Identifiers called like the noun, in the object or in one of that name within it, with their place in a list.
fn named_like(root: &Value, noun: &str) -> Vec<(usize, String)> {
    let Some(object) = root.as_object() else { return Vec::new() };
    let inner = object.iter().find(|(key, value)| key.eq_ignore_ascii_case(noun) && value.is_object());
    let candidates: Vec<(String, &Value)> = object
        .iter()
        .chain(inner.and_then(|(_, value)| value.as_object()).into_iter().flatten())
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
    let collect = |is_name: &dyn Fn(&str) -> bool| -> Vec<(usize, String)> {
        let values = candidates.iter().filter(|(key, _)| is_name(key)).map(|(_, value)| select(value, &[]));
        values.flat_map(|values| values.into_iter().filter_map(plain).enumerate().collect::<Vec<_>>()).collect()
    };
    let found = collect(&|key| exact(key) || SUFFIXES.contains(&key));
    if found.is_empty() { collect(&partial) } else { found }
}

/// All identifiers of a request in one, for what is called like none of them: it links to nothing, and two requests
/// that differ stay two.
fn all_ids(request: &Value) -> Option<String> {
    let is_id = |key: &str| SUFFIXES.iter().any(|suffix| key.to_ascii_lowercase().ends_with(suffix));
    let keys = request.as_object()?.iter().filter(|(key, _)| is_id(key));
    let ids: Vec<String> = keys.flat_map(|(_, value)| select(value, &[])).filter_map(plain).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// Identifiers in the request of things that contain others. The same list serves creates and destroys, so that both
/// say the same of one resource.
fn containers(request: &Value, noun: &str) -> Vec<String> {
    const CONTAINERS: &str = "\
        api restapi cluster instance domain application app workspace knowledgebase database userpool pool farm index \
        detector bot assistant organization mesh space fleet project environment server vault backupvault repository \
        registry bus eventbus catalog gateway network globalnetwork store policystore identitystore collection \
        namespace group table function";
    let Some(object) = request.as_object() else { return Vec::new() };
    let mut parents: Vec<(String, String)> = object
        .iter()
        .filter_map(|(key, value)| {
            let key = key.to_ascii_lowercase();
            let stem = ["identifier", "name", "arn", "id"].iter().find_map(|suffix| key.strip_suffix(suffix))?;
            let contains =
                CONTAINERS.split_whitespace().any(|word| word == stem) && stem != noun && !noun.ends_with(stem);
            contains.then_some(())?;
            Some((stem.to_owned(), container(&plain(value)?)))
        })
        .collect();
    parents.sort_unstable();
    parents.dedup_by(|one, other| one.0 == other.0);
    parents.into_iter().map(|(_, parent)| parent).take(PARENTS_MAX).collect()
}

/// What contains a resource is known by the last part of its ARN, so that its name and its ARN are one.
fn container(text: &str) -> String {
    let text = percent_decoded(text);
    if text.starts_with("arn:") { cut(text.rsplit([':', '/']).next().unwrap_or_default()) } else { cut(&text) }
}

fn places(texts: impl IntoIterator<Item = String>, is_one: impl Fn(&str) -> bool) -> Vec<String> {
    let distinct: BTreeSet<String> =
        texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| is_one(text)).collect();
    distinct.into_iter().take(PLACES_MAX).collect()
}

/// Each resource once, at most as many as are kept of one call.
fn distinct(mentions: Vec<Mention>) -> Vec<Mention> {
    let mut seen = BTreeSet::new();
    let fresh = mentions.into_iter().filter(|mention| seen.insert((mention.parents.clone(), mention.aliases.clone())));
    fresh.take(RESOURCES_PER_EVENT_MAX).collect()
}

/// The names of one resource.
#[derive(Default)]
struct Aliases(BTreeSet<String>);

impl Aliases {
    fn add(&mut self, text: &str, kind: &Kind) {
        let mut text = percent_decoded(text.trim());
        if kind.ignores_case {
            text = text.to_lowercase();
        }
        let text = text.strip_prefix("/hostedzone/").unwrap_or(&text);
        let text = if text.starts_with("arn:") { text.strip_suffix(":*").unwrap_or(text) } else { text };
        if let Some(name) = name_in(text, kind.arn_name) {
            self.0.insert(bounded(name));
        }
        if !text.is_empty() {
            self.0.insert(bounded(text));
        }
    }

    fn into_vec(self) -> Option<Vec<String>> {
        let aliases: Vec<String> = self.0.into_iter().take(ALIASES_PER_RESOURCE_MAX).collect();
        (!aliases.is_empty()).then_some(aliases)
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
fn bounded(text: &str) -> String {
    const DIGEST: usize = 17;
    if text.len() <= STRING_BYTES_MAX {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    let digest: String = digest.iter().take(DIGEST / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("{}~{digest}", &text[..text.floor_char_boundary(STRING_BYTES_MAX - DIGEST)])
}
