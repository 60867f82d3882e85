//! What the name of an action says of it: a verb, then a noun. Unknown never means invisible.

use std::borrow::Cow;

use smol_str::format_smolstr;

use super::{ArnName, Guess, Kind, capitalised};
use crate::event::{Effect, Scope, WeightClass};

/// What a verb does. A verb ends where the next word begins, so `Getaway` is no `Get`.
fn effect_of(verb: &str) -> Option<Effect> {
    Some(match verb {
        "Get" | "List" | "Describe" | "Head" | "Lookup" | "Search" | "Query" | "Scan" | "Select" | "View" | "Check"
        | "Validate" | "Preview" | "Simulate" | "Estimate" | "Count" | "Decrypt" | "Encrypt" | "Poll" | "Receive"
        | "Fetch" | "Read" | "Retrieve" | "Download" => Effect::Observe,
        "Delete" | "Terminate" | "Destroy" | "Purge" | "Deregister" | "Unregister" | "Release" | "Drop" | "Erase"
        | "Wipe" | "Flush" | "Retire" | "Expire" | "Evict" | "Close" | "Decommission" | "Deprovision" | "Undeploy"
        | "Discard" | "Dispose" | "Forget" | "Unpeer" => Effect::Destroy,
        "Stop" | "Reboot" | "Restart" | "Detach" | "Disassociate" | "Dissociate" | "Remove" | "Disable" | "Suspend"
        | "Pause" | "Failover" | "Switchover" | "Revoke" | "Deactivate" | "Disconnect" | "Cancel" | "Abort"
        | "Unassign" | "Drain" | "Decrease" | "Unsubscribe" | "Leave" | "Reject" | "Decline" | "Withdraw"
        | "Rollback" | "Deprecate" | "Archive" | "Backtrack" | "Block" | "Isolate" | "Unlink" | "Unmap" | "Exclude"
        | "Unlock" | "Unmonitor" | "Unshare" | "Ungroup" | "Shutdown" | "Deauthorize" | "Invalidate" | "Logout"
        | "Disallow" | "Redact" => Effect::Disrupt,
        "Create" | "Import" | "Register" | "Allocate" | "Provision" | "Launch" | "Restore" | "Copy" | "Run"
        | "Upload" | "Define" | "Clone" | "Request" => Effect::Create,
        _ => return None,
    })
}

/// Words before the verb that change who is acted for or how many, and not what is done.
const ADVERBS: [&str; 4] = ["Batch", "Bulk", "Admin", "Force"];

/// What is data or a label and no resource: its deletion is a user's daily work.
const NOT_RESOURCES: &str = "Tag Tags Tagging Item Items Message Messages MessageBatch Object Objects Record Records \
                             Session Sessions Comment Attributes MultipartUpload";

/// A read by its name alone. One-sided: false means that it has to be looked at.
pub fn is_surely_a_read(name: &str) -> bool {
    // These hand out credentials, which is how one session leads to another.
    let observes = |name: &str| matches!(verb(name), Some((Effect::Observe, _)));
    !matches!(name, "GetFederationToken" | "GetSessionToken")
        && capitalised(name).map_or_else(|| observes(name), |name| observes(&name))
}

/// A name without the API version that some services append: `CreateFunction20150331`, `AddPermission20150331v2`,
/// `DeleteDistribution2020_05_31`.
pub fn unversioned(name: &str) -> &str {
    let without_revision = match name.rsplit_once('v') {
        Some((rest, digits)) if is_number(digits) && rest.ends_with(|last: char| last.is_ascii_digit()) => rest,
        _ => name,
    };
    for (length, underscores) in [(8, false), (10, true)] {
        let Some(at) = without_revision.len().checked_sub(length).filter(|at| *at > 0) else { continue };
        let (Some(rest), Some(date)) = (without_revision.get(..at), without_revision.get(at..)) else { continue };
        let date = match underscores {
            true if date.as_bytes().get(4) == Some(&b'_') && date.as_bytes().get(7) == Some(&b'_') => {
                date.replace('_', "")
            }
            true => continue,
            false => date.to_owned(),
        };
        if date.len() == 8 && is_number(&date) && (date.starts_with("19") || date.starts_with("20")) {
            return rest;
        }
    }
    name
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the verb says.
pub(super) fn guess(service: &str, name: &str) -> Guess {
    let (mut effect, noun) = match split(name) {
        Some(found) => found,
        None if name.starts_with("Schedule") && name.ends_with("Deletion") => {
            (Effect::Destroy, name.trim_start_matches("Schedule").trim_end_matches("Deletion").to_owned())
        }
        None => (Effect::Other, name.to_owned()),
    };
    // "Remove tags from instances" names no resource either.
    let labels = noun.starts_with("Tags") || NOT_RESOURCES.split_whitespace().any(|word| noun.ends_with(word));
    if labels && matches!(effect, Effect::Destroy | Effect::Disrupt | Effect::Create) {
        effect = Effect::Other;
    }
    // Targets and instances are registered with something and live on without it.
    let is_member = noun.contains("Target") || noun.contains("From") || noun.starts_with("Instance");
    if effect == Effect::Destroy && is_member && name.contains("egister") {
        effect = Effect::Disrupt;
    }
    let noun = singular(before_preposition(&noun)).into_owned();
    let kind = Kind {
        name: format_smolstr!("{service}:{}", uncapitalised(&noun)),
        class: WeightClass::Small,
        scope: Scope::Regional,
        arn_name: ArnName::Whole,
        ignores_case: false,
        is_guard: false,
    };
    Guess { effect, noun, kind }
}

fn split(name: &str) -> Option<(Effect, String)> {
    let name = capitalised(name).map_or(Cow::Borrowed(name), Cow::Owned);
    verb(&name).map(|(effect, noun)| (effect, noun.to_owned()))
}

/// What the verb does, and the noun, of a name that begins with a capital.
fn verb(name: &str) -> Option<(Effect, &str)> {
    let rest = after_adverbs(name);
    if makes_data(rest) {
        return Some((Effect::Observe, rest));
    }
    let (verb, noun) = rest.split_at_checked(word_end(rest))?;
    effect_of(verb).map(|effect| (effect, noun))
}

/// Where the first word ends, which begins with a capital.
fn word_end(text: &str) -> usize {
    let is_within = |byte: &u8| byte.is_ascii_lowercase();
    text.bytes().skip(1).position(|byte| !is_within(&byte)).map_or(text.len(), |at| at + 1)
}

fn after_adverbs(name: &str) -> &str {
    let mut rest = name;
    for adverb in ADVERBS {
        rest = after_word(rest, adverb).filter(|rest| !rest.is_empty()).unwrap_or(rest);
    }
    rest
}

/// `GenerateDataKey` and its variants make a key that AWS does not keep.
fn makes_data(rest: &str) -> bool {
    rest.starts_with("GenerateDataKey") || rest.starts_with("GenerateRandom")
}

/// What follows a word, if the text begins with it and another word or nothing comes next.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    (!rest.starts_with(|next: char| next.is_ascii_lowercase())).then_some(rest)
}

/// `DBInstanceFromDBSnapshot` is a `DBInstance`.
fn before_preposition(noun: &str) -> &str {
    for preposition in ["From", "To", "With", "For"] {
        for (at, _) in noun.match_indices(preposition) {
            let next = noun.as_bytes().get(at + preposition.len());
            if at > 0 && next.is_some_and(u8::is_ascii_uppercase) {
                return &noun[..at];
            }
        }
    }
    noun
}

fn singular(noun: &str) -> Cow<'_, str> {
    if let Some(stem) = noun.strip_suffix("ies") {
        return Cow::Owned(format!("{stem}y"));
    }
    match noun.strip_suffix('s') {
        Some(stem) if !stem.is_empty() && !stem.ends_with(['s', 'u', 'i', 'a']) => Cow::Borrowed(stem),
        _ => Cow::Borrowed(noun),
    }
}

fn uncapitalised(noun: &str) -> String {
    let mut chars = noun.chars();
    match chars.next() {
        Some(first) => format!("{}{}", first.to_ascii_lowercase(), chars.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_say_what_is_done() {
        use Effect::{Create, Destroy, Disrupt, Observe, Other};
        let cases = [
            ("DeleteTrustAnchor", Destroy, "x:trustAnchor"),
            ("deleteTrustAnchor", Destroy, "x:trustAnchor"),
            ("DeleteParameters", Destroy, "x:parameter"),
            ("BatchDeleteImages", Destroy, "x:image"),
            ("AdminDeleteUser", Destroy, "x:user"),
            ("DeletePolicies", Destroy, "x:policy"),
            ("DeleteAlias", Destroy, "x:alias"),
            ("PurgeQueue", Destroy, "x:queue"),
            ("ScheduleThingDeletion", Destroy, "x:thing"),
            ("RestoreDBInstanceFromDBSnapshot", Create, "x:dBInstance"),
            ("CreateTokens", Create, "x:token"),
            ("DeleteTags", Other, "x:tag"),
            ("RemoveTagsFromResource", Other, "x:tag"),
            ("DeleteMessageBatch", Other, "x:messageBatch"),
            ("DeleteBucketTagging", Other, "x:bucketTagging"),
            ("UntagResource", Other, "x:untagResource"),
            ("Deleted", Other, "x:deleted"),
            ("DetachVolume", Disrupt, "x:volume"),
            ("DeregisterTargets", Disrupt, "x:target"),
            ("RemoveUserFromGroup", Disrupt, "x:user"),
            ("DescribeThings", Observe, "x:thing"),
            ("Getaway", Other, "x:getaway"),
            ("", Other, "x:"),
        ];
        for (name, effect, kind) in cases {
            let guess = guess("x", name);
            assert_eq!((guess.effect, &*guess.kind.name), (effect, kind), "{name}");
        }
    }

    #[test]
    fn reads_are_told_by_name_and_sessions_are_none() {
        for name in [
            "GetUser",
            "ListBuckets",
            "DescribeInstances",
            "Decrypt",
            "GenerateDataKeyWithoutPlaintext",
            "BatchGetItem",
        ] {
            assert!(is_surely_a_read(name), "{name}");
        }
        for name in ["AssumeRole", "GetFederationToken", "GetSessionToken", "DeleteBucket", "Getaway", ""] {
            assert!(!is_surely_a_read(name), "{name}");
        }
    }

    #[test]
    fn versions_are_stripped() {
        let cases = [
            ("CreateFunction20150331", "CreateFunction"),
            ("AddPermission20150331v2", "AddPermission"),
            ("DeleteDistribution2020_05_31", "DeleteDistribution"),
            ("DeleteVpc", "DeleteVpc"),
            ("DeleteVpcv6", "DeleteVpcv6"),
            ("20150331", "20150331"),
            ("Delete99999999", "Delete99999999"),
            ("Ünicode20150331", "Ünicode"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(unversioned(name), expected);
        }
    }
}
