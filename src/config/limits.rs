//! The limits of detectors and the weights of things, as they are written: in plain numbers, each with its default.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use trailbrake_detectors::detector::{self, Levels, Limits, RecreateLimits, Spread, SpreadLimits, Weights};
use trailbrake_detectors::timeline::Thousandths;

use super::document::Document;
use super::problem::did_you_mean;
use super::section::Section;

/// No weight and no number is larger.
const NUMBER_MAX: f64 = 1_000_000.0;
/// No weight that must be more than nothing is less: weights are counted in thousandths.
const WEIGHT_MIN: f64 = 0.001;

/// `8.0`, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Level {
    At(f64),
    Never,
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected;
        impl Visitor<'_> for Expected {
            type Value = Level;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number, or \"never\"")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Level, E> {
                Ok(Level::At(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "what is not exact is far out of bounds")]
            fn visit_i64<E: Error>(self, number: i64) -> Result<Level, E> {
                Ok(Level::At(number as f64))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Level, E> {
                if word == "never" {
                    Ok(Level::Never)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Expected)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "{ low = …, medium = …, high = …, critical = … }, or some of these")]
struct RawLevels {
    low: Option<Level>,
    medium: Option<Level>,
    high: Option<Level>,
    critical: Option<Level>,
}

/// `{ places = 2, weight = 5.0 }`, or `"never"`.
#[derive(Debug, Default)]
enum RawSpread {
    #[default]
    Unchanged,
    At(RawPlaces),
    Never,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPlaces {
    places: Option<u64>,
    weight: Option<f64>,
}

impl<'de> Deserialize<'de> for RawSpread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = RawSpread;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("{ places = …, weight = … }, or \"never\"")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawSpread, A::Error> {
                RawPlaces::deserialize(MapAccessDeserializer::new(map)).map(RawSpread::At)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<RawSpread, E> {
                if word == "never" {
                    Ok(RawSpread::Never)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Expected)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWeights {
    holds_state: Option<f64>,
    serves_traffic: Option<f64>,
    small: Option<f64>,
    copy: Option<f64>,
    usually_unused: Option<f64>,
    lessened_share: Option<f64>,
    own_young_max: Option<f64>,
    copies_max: Option<f64>,
    usually_unused_max: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawBurst {
    five_minutes: RawLevels,
    hour: RawLevels,
    resources: RawLevels,
    resources_full: RawLevels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawZoneSpread {
    share_min: Option<f64>,
    zones_high: RawSpread,
    zones_critical: RawSpread,
    regions_high: RawSpread,
    regions_critical: RawSpread,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRecreate {
    returned: RawLevels,
    rebuilt: RawLevels,
    kinds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawGuard {
    resources: RawLevels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawDenied {
    calls: RawLevels,
}

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Weight,
    Count,
}

impl Unit {
    /// The number within, if it is one that can hold.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, checked before")]
    fn read(self, section: &mut Section<'_, '_>, key: &str, number: f64) -> Option<u64> {
        let least = if self == Self::Weight { WEIGHT_MIN } else { 1.0 };
        if !(least..=NUMBER_MAX).contains(&number) {
            let hint = format!("from {least} to {NUMBER_MAX}");
            section.problem(key, format!("{number} is out of bounds"), hint);
            return None;
        }
        if self == Self::Weight {
            return Some((number * 1_000.0).round() as u64);
        }
        if number.fract() != 0.0 {
            section.problem(key, format!("{number} is no whole number"), "this limit counts resources or calls");
            return None;
        }
        Some(number as u64)
    }

    /// A number as it is written.
    fn shown(self, number: u64) -> String {
        match self {
            Self::Weight => plain(number).to_string(),
            Self::Count => number.to_string(),
        }
    }
}

/// Thousandths as the plain number that people write.
#[expect(clippy::cast_precision_loss, reason = "a weight has far fewer than 53 bits")]
pub fn plain(thousandths: Thousandths) -> f64 {
    thousandths as f64 / 1_000.0
}

/// Reads `[weights]` and `[detectors.NAME]`.
pub(super) fn check(document: &mut Document<'_>) -> Limits {
    let mut limits = Limits { weights: weights(document), ..Limits::default() };
    let known: Vec<&str> = detector::ALL.iter().map(|detector| detector.name()).collect();
    for name in document.keys_of("detectors").iter().filter(|name| !known.contains(&name.as_str())) {
        let hint = format!("{}known are {}", did_you_mean(name, &known), known.join(", "));
        document.problem(&format!("detectors.{name}"), format!("no detector with limits: {name}"), hint);
    }
    let burst: RawBurst = document.subsection("detectors", "deletion-burst");
    let section = &mut Section::new(document, "detectors.deletion-burst");
    for (key, raw, into, unit) in [
        ("five_minutes", burst.five_minutes, &mut limits.deletion_burst.five_minutes, Unit::Weight),
        ("hour", burst.hour, &mut limits.deletion_burst.hour, Unit::Weight),
        ("resources", burst.resources, &mut limits.deletion_burst.resources, Unit::Count),
        ("resources_full", burst.resources_full, &mut limits.deletion_burst.resources_full, Unit::Count),
    ] {
        levels(&mut section.below(key), &raw, into, unit);
    }
    zone_spread(document, &mut limits.zone_spread);
    recreate(document, &mut limits.delete_recreate);
    let guard: RawGuard = document.subsection("detectors", "guard-removal");
    let section = &mut Section::new(document, "detectors.guard-removal.resources");
    levels(section, &guard.resources, &mut limits.guard_removal, Unit::Count);
    let denied: RawDenied = document.subsection("detectors", "denied-destruction");
    let section = &mut Section::new(document, "detectors.denied-destruction.calls");
    levels(section, &denied.calls, &mut limits.denied_destruction, Unit::Count);
    limits
}

fn weights(document: &mut Document<'_>) -> Weights {
    let raw: RawWeights = document.section("weights");
    let mut weights = Weights::default();
    let section = &mut Section::new(document, "weights");
    for (key, number, into) in [
        ("holds_state", raw.holds_state, &mut weights.holds_state),
        ("serves_traffic", raw.serves_traffic, &mut weights.serves_traffic),
        ("small", raw.small, &mut weights.small),
        ("copy", raw.copy, &mut weights.copy),
        ("usually_unused", raw.usually_unused, &mut weights.usually_unused),
        ("own_young_max", raw.own_young_max, &mut weights.own_young_max),
        ("copies_max", raw.copies_max, &mut weights.copies_max),
        ("usually_unused_max", raw.usually_unused_max, &mut weights.usually_unused_max),
    ] {
        if let Some(weight) = number.and_then(|number| Unit::Weight.read(section, key, number)) {
            *into = weight;
        }
    }
    if let Some(share) = raw.lessened_share {
        if share > 1.0 {
            section.problem("lessened_share", format!("{share} is out of bounds"), "a share, from 0.001 to 1");
        } else if let Some(share) = Unit::Weight.read(section, "lessened_share", share) {
            weights.lessened_share = share;
        }
    }
    weights
}

/// Takes in what is written of the levels of one limit, and checks that they rise with severity.
fn levels(section: &mut Section<'_, '_>, raw: &RawLevels, into: &mut Levels, unit: Unit) {
    for (key, level, into) in [
        ("low", raw.low, &mut into.low),
        ("medium", raw.medium, &mut into.medium),
        ("high", raw.high, &mut into.high),
        ("critical", raw.critical, &mut into.critical),
    ] {
        match level {
            None => {}
            Some(Level::Never) => *into = None,
            Some(Level::At(number)) => {
                if let Some(number) = unit.read(section, key, number) {
                    *into = Some(number);
                }
            }
        }
    }
    let named = [
        ("low", into.low, raw.low),
        ("medium", into.medium, raw.medium),
        ("high", into.high, raw.high),
        ("critical", into.critical, raw.critical),
    ];
    let set: Vec<_> = named.into_iter().filter_map(|(key, level, raw)| Some((key, level?, raw.is_some()))).collect();
    for pair in set.windows(2) {
        let [(milder, low, is_written), (worse, high, _)] = pair else { continue };
        if low > high {
            let key = if *is_written { milder } else { worse };
            let what = format!("{milder} ({}) is above {worse} ({})", unit.shown(*low), unit.shown(*high));
            section.problem(key, what, format!("raise {worse}, lower {milder}, or write {milder} = \"never\""));
        }
    }
}

fn zone_spread(document: &mut Document<'_>, limits: &mut SpreadLimits) {
    let raw: RawZoneSpread = document.subsection("detectors", "zone-spread");
    let section = &mut Section::new(document, "detectors.zone-spread");
    if let Some(share) = raw.share_min.and_then(|share| Unit::Weight.read(section, "share_min", share)) {
        limits.share_min = share;
    }
    for (key, raw, into) in [
        ("zones_high", &raw.zones_high, &mut limits.zones_high),
        ("zones_critical", &raw.zones_critical, &mut limits.zones_critical),
        ("regions_high", &raw.regions_high, &mut limits.regions_high),
        ("regions_critical", &raw.regions_critical, &mut limits.regions_critical),
    ] {
        match raw {
            RawSpread::Unchanged => {}
            RawSpread::Never => *into = None,
            RawSpread::At(raw) => {
                if let Some(spread) = into {
                    places(&mut section.below(key), raw, spread);
                }
            }
        }
    }
    for (what, high, critical) in
        [("zones", limits.zones_high, limits.zones_critical), ("regions", limits.regions_high, limits.regions_critical)]
    {
        let is_above = |one: Spread, other: Spread| one.places > other.places || one.weight > other.weight;
        if high.zip(critical).is_some_and(|(high, critical)| is_above(high, critical)) {
            let hint = format!("raise {what}_critical, or lower {what}_high, in places and weight");
            section.problem(&format!("{what}_high"), format!("{what}_high asks for more than {what}_critical"), hint);
        }
    }
}

fn places(section: &mut Section<'_, '_>, raw: &RawPlaces, into: &mut Spread) {
    let missing = match (raw.places, raw.weight) {
        (Some(_), Some(_)) => None,
        (None, Some(_)) => Some("`places` is missing"),
        (Some(_), None) => Some("`weight` is missing"),
        (None, None) => Some("`places` and `weight` are missing"),
    };
    if let Some(missing) = missing {
        let (places, weight) = (into.places, plain(into.weight));
        let hint = format!("write both, as in the default {{ places = {places}, weight = {weight:?} }}, or \"never\"");
        section.problem("", missing, hint);
    }
    if let Some(places) = raw.places {
        section.number("places", places, 2..=100);
        into.places = places;
    }
    if let Some(weight) = raw.weight.and_then(|weight| Unit::Weight.read(section, "weight", weight)) {
        into.weight = weight;
    }
}

fn recreate(document: &mut Document<'_>, limits: &mut RecreateLimits) {
    let raw: RawRecreate = document.subsection("detectors", "delete-recreate");
    let section = &mut Section::new(document, "detectors.delete-recreate");
    levels(&mut section.below("returned"), &raw.returned, &mut limits.returned, Unit::Weight);
    levels(&mut section.below("rebuilt"), &raw.rebuilt, &mut limits.rebuilt, Unit::Weight);
    if let Some(kinds) = raw.kinds {
        section.number("kinds", kinds, 1..=100);
        limits.kinds = kinds;
    }
}
