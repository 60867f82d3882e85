//! The little language in which the table says where in a record something is.

use super::table::Mistake;

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `requestParameters`.
    Request,
    /// `responseElements`.
    Response,
    /// The listed item at hand.
    Item,
}

/// Keys from the outside in; lists and the wrappers around them are no keys. `request.vpcConfig.subnetIds`, `.name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where it starts.
    pub origin: Origin,
    /// The keys, in lower case: their case differs among services.
    pub keys: Vec<String>,
}

/// A list's path and, in brackets, what its items must say: `request.changeBatch.changes[action:DELETE]`,
/// `request.attributes[key:deletion_protection.enabled&value:false]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Where the list is.
    pub path: Path,
    /// Keys of the item, in lower case, and their values: all must be so.
    pub filters: Vec<(String, String)>,
}

/// A path, or a word in single quotes that stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// Where the value is.
    Path(Path),
    /// The value.
    Literal(String),
}

/// How services write that a switch is off.
const OFF: [&str; 10] =
    ["false", "0", "off", "no", "none", "disabled", "disable", "inactive", "suspended", "unprotected"];
/// How services write that a switch is on.
const ON: [&str; 8] = ["true", "1", "on", "yes", "enabled", "enable", "active", "force"];

/// Whether a value says that a switch is off.
pub fn is_off(value: &str) -> bool {
    OFF.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Whether a value says that a switch is on.
pub fn is_on(value: &str) -> bool {
    ON.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// What must hold for a rule to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Something is at the path: `request.qualifier`.
    Present(Path),
    /// A value at the path equals this: `request.desiredCount:0`.
    Equals(Path, String),
    /// The event's region is this: `region:us-east-1`.
    Region(String),
    /// A time at the path is the event's own, give or take a minute: `now:response.service.createdAt`.
    Now(Path),
    /// A switch at the path is off: false, 0, disabled, inactive, suspended: `off:request.deletionProtection`.
    Off(Path),
    /// A switch at the path is on: true, enabled, active: `on:request.force`.
    On(Path),
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let (origin, rest) = match text.split_once('.') {
            Some(("request", rest)) => (Origin::Request, rest),
            Some(("response", rest)) => (Origin::Response, rest),
            Some(("", rest)) => (Origin::Item, rest),
            _ => return Err(Mistake::Path(text.to_owned())),
        };
        let keys: Vec<String> = rest.split('.').map(str::to_ascii_lowercase).collect();
        let is_key = |key: &String| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if keys.iter().all(is_key) { Ok(Self { origin, keys }) } else { Err(Mistake::Path(text.to_owned())) }
    }

    /// Paths joined by `+` make one identifier.
    pub(super) fn parse_joined(text: &str) -> Result<Vec<Self>, Mistake> {
        text.split('+').map(Self::parse).collect()
    }
}

impl Selector {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let Some((path, filter_list)) = text.split_once('[') else {
            return Ok(Self { path: Path::parse(text)?, filters: Vec::new() });
        };
        let mistake = || Mistake::Path(text.to_owned());
        let filter =
            |filter: &str| filter.split_once(':').map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()));
        let filters = filter_list.strip_suffix(']').ok_or_else(mistake)?.split('&').map(filter);
        Ok(Self { path: Path::parse(path)?, filters: filters.collect::<Option<_>>().ok_or_else(mistake)? })
    }
}

impl Term {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(literal) => Ok(Self::Literal(literal.to_owned())),
            None => Path::parse(text).map(Self::Path),
        }
    }
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        match text.split_once(':') {
            Some(("region", region)) => Ok(Self::Region(region.to_owned())),
            Some(("now", path)) => Path::parse(path).map(Self::Now),
            Some(("off", path)) => Path::parse(path).map(Self::Off),
            Some(("on", path)) => Path::parse(path).map(Self::On),
            Some((path, value)) => Ok(Self::Equals(Path::parse(path)?, value.to_owned())),
            None => Path::parse(text).map(Self::Present),
        }
    }
}
