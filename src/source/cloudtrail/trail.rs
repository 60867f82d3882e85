//! The health of the trail that feeds us: whether it logs, delivers, and records what we judge.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType};
use trailbrake_detectors::engine::Watch;
use trailbrake_detectors::time::Second;

use super::TrailWatch;
use super::pace::Pace;
use crate::limits::{TROUBLE_CHARACTERS_MAX, WATCH_FAILURES_MAX};
use crate::source::aws::failure;
use crate::source::outlet::{Stopped, stopped, wait};
use crate::source::retry::{Backoff, Failure, Retry};
use crate::source::{Context, Terms};

/// Sources of many and harmless events that AWS itself offers to leave out.
const OFTEN_LEFT_OUT: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// What a trail records of the management events of its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Coverage {
    reads: bool,
    writes: bool,
    /// What is left out of the writes, in words.
    left_out: BTreeSet<String>,
}

impl Coverage {
    /// What several selectors record together: what one leaves out, another may hold.
    fn of(selectors: impl Iterator<Item = Coverage>) -> Self {
        selectors.fold(Self::default(), |sum, one| Self {
            reads: sum.reads || one.reads,
            writes: sum.writes || one.writes,
            left_out: match (sum.writes, one.writes) {
                (true, true) => sum.left_out.intersection(&one.left_out).cloned().collect(),
                (true, false) => sum.left_out,
                (false, true) => one.left_out,
                (false, false) => BTreeSet::new(),
            },
        })
    }

    fn of_trail(answer: &GetEventSelectorsOutput) -> Self {
        let basic = answer.event_selectors().iter().map(of_basic);
        let advanced = answer.advanced_event_selectors().iter().map(of_advanced);
        Self::of(basic.chain(advanced))
    }
}

fn of_basic(selector: &EventSelector) -> Coverage {
    let kind = selector.read_write_type().unwrap_or(&ReadWriteType::All);
    let included = selector.include_management_events().unwrap_or(true);
    Coverage {
        reads: included && *kind != ReadWriteType::WriteOnly,
        writes: included && *kind != ReadWriteType::ReadOnly,
        left_out: selector.exclude_management_event_sources().iter().cloned().collect(),
    }
}

fn of_advanced(selector: &AdvancedEventSelector) -> Coverage {
    let fields = selector.field_selectors();
    let names = |field: &AdvancedFieldSelector, name: &str| field.field() == name;
    let management = fields
        .iter()
        .any(|field| names(field, "eventCategory") && field.equals().iter().any(|value| value == "Management"));
    let mut coverage = Coverage { reads: management, writes: management, left_out: BTreeSet::new() };
    for field in fields {
        match field.field() {
            "eventCategory" => {}
            "readOnly" => {
                let is = |value: &str| {
                    let allowed = field.equals().is_empty() || field.equals().iter().any(|one| one == value);
                    allowed && !field.not_equals().iter().any(|one| one == value)
                };
                coverage.reads &= is("true");
                coverage.writes &= is("false");
            }
            "eventSource" if excludes_only(field) => {
                coverage.left_out.extend(field.not_equals().iter().cloned());
            }
            other => {
                coverage.left_out.insert(format!("events by {other}"));
            }
        }
    }
    coverage
}

/// Whether a field's selector does nothing but leave out values that it names.
fn excludes_only(field: &AdvancedFieldSelector) -> bool {
    let others =
        [field.equals(), field.starts_with(), field.ends_with(), field.not_starts_with(), field.not_ends_with()];
    !field.not_equals().is_empty() && others.iter().all(|values| values.is_empty())
}

/// What was found at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Look {
    logging: bool,
    stopped_at: Option<Second>,
    delivery_error: String,
    coverage: Coverage,
}

impl Look {
    fn new(status: &GetTrailStatusOutput, selectors: &GetEventSelectorsOutput) -> Self {
        Self {
            logging: status.is_logging().unwrap_or(false),
            stopped_at: status.stop_logging_time().map(|at| Second(at.secs())),
            delivery_error: status.latest_delivery_error().unwrap_or_default().to_owned(),
            coverage: Coverage::of_trail(selectors),
        }
    }

    /// What is wrong with a trail, given the widest that it was seen to record; nothing if all is well.
    fn trouble(&self, trail: &str, widest: &Coverage) -> Option<String> {
        let mut troubles = Vec::new();
        if !self.logging {
            let when = self.stopped_at.map(|at| format!(" since {at}")).unwrap_or_default();
            troubles.push(format!("logs nothing{when}"));
        }
        if !self.delivery_error.is_empty() {
            troubles.push(format!("cannot deliver: {}", self.delivery_error));
        }
        if !self.coverage.writes {
            troubles.push("records no management events that write".to_owned());
        }
        let narrower = |part: &&String| !widest.left_out.contains(*part) || !OFTEN_LEFT_OUT.contains(&part.as_str());
        let left_out: Vec<&str> = self.coverage.left_out.iter().filter(narrower).map(String::as_str).collect();
        if self.coverage.writes && !left_out.is_empty() {
            troubles.push(format!("leaves out {}", left_out.join(", ")));
        }
        if widest.reads && !self.coverage.reads {
            troubles.push("records no reads any more, such as AssumeRole".to_owned());
        }
        (!troubles.is_empty()).then(|| bounded(&format!("trail {trail} {}", troubles.join(", and "))))
    }

    /// The widest that a trail was seen to record, this look included.
    fn widen(&self, widest: Option<Coverage>) -> Coverage {
        match widest {
            Some(widest) => Coverage::of([widest, self.coverage.clone()].into_iter()),
            None => self.coverage.clone(),
        }
    }
}

/// A sentence within its bound, without characters that move a cursor.
fn bounded(sentence: &str) -> String {
    let plain = sentence.chars().map(|character| if character.is_control() { ' ' } else { character });
    plain.take(TROUBLE_CHARACTERS_MAX).collect()
}

/// Looks at a trail, again and again.
pub(super) struct Watcher<'a> {
    terms: Arc<Terms>,
    watch: &'a TrailWatch,
    client: &'a Client,
    pace: &'a Pace,
    context: Context,
    retry: Retry,
    widest: Option<Coverage>,
}

impl<'a> Watcher<'a> {
    /// A watcher that has not looked yet.
    pub(super) fn new(
        terms: &Arc<Terms>,
        watch: &'a TrailWatch,
        client: &'a Client,
        pace: &'a Pace,
        context: &Context,
    ) -> Self {
        let retry = Retry::new(context, terms, "GetTrailStatus");
        Self { terms: Arc::clone(terms), watch, client, pace, context: context.clone(), retry, widest: None }
    }

    /// Looks until the source shall stop. Says how the trail is at the first look, and whenever that changes.
    pub(super) async fn run(mut self) -> Stopped {
        let mut said = None;
        loop {
            let trouble = match self.look().await {
                Ok(trouble) => trouble,
                Err(stopped) => return stopped,
            };
            self.context.metrics.set_blind(&self.terms.name, trouble.is_some());
            if said.as_ref() != Some(&trouble) {
                if let Err(stopped) = self.say(trouble.clone()).await {
                    return stopped;
                }
                said = Some(trouble);
            }
            if let Err(stopped) = wait(self.watch.interval, &mut self.context.stop).await {
                return stopped;
            }
        }
    }

    async fn say(&mut self, trouble: Option<String>) -> Result<(), Stopped> {
        let at = self.context.clock.now();
        let watch = Watch { source: Arc::clone(&self.terms.name), at, trouble };
        tokio::select! {
            biased;
            () = stopped(&mut self.context.stop) => Err(Stopped),
            sent = self.context.watches.send(watch) => sent.map_err(|_| Stopped),
        }
    }

    /// What is wrong with the trail at this moment.
    async fn look(&mut self) -> Result<Option<String>, Stopped> {
        let trail = &self.watch.trail;
        let mut backoff = Backoff::default();
        let mut failures = 0;
        loop {
            match self.ask().await {
                Ok(look) => {
                    self.retry.worked();
                    let widest = look.widen(self.widest.take());
                    let trouble = look.trouble(trail, &widest);
                    self.widest = Some(widest);
                    return Ok(trouble);
                }
                Err(failure) => {
                    self.retry.note(&failure);
                    if failure.reason == "not-found" {
                        return Ok(Some(bounded(&format!("trail {trail} does not exist"))));
                    }
                    failures += 1;
                    if failures >= WATCH_FAILURES_MAX {
                        return Ok(Some(bounded(&format!("trail {trail} cannot be looked at: {}", failure.text))));
                    }
                    wait(backoff.next(), &mut self.context.stop).await?;
                }
            }
        }
    }

    async fn ask(&self) -> Result<Look, Failure> {
        self.pace.turn().await;
        let status = self.client.get_trail_status().name(&self.watch.trail).send().await;
        let status = status.map_err(|error| failure(&error))?;
        self.pace.turn().await;
        let selectors = self.client.get_event_selectors().trail_name(&self.watch.trail).send().await;
        Ok(Look::new(&status, &selectors.map_err(|error| failure(&error))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(kind: ReadWriteType, management: bool, excluded: &[&str]) -> EventSelector {
        let excluded = excluded.iter().map(ToString::to_string).collect();
        EventSelector::builder()
            .read_write_type(kind)
            .include_management_events(management)
            .set_exclude_management_event_sources(Some(excluded))
            .build()
    }

    fn advanced(fields: &[(&str, &[&str], &[&str])]) -> AdvancedEventSelector {
        let owned = |values: &[&str]| Some(values.iter().map(ToString::to_string).collect::<Vec<_>>());
        let fields = fields.iter().map(|(field, equals, not_equals)| {
            let field = AdvancedFieldSelector::builder().field(*field);
            field.set_equals(owned(equals)).set_not_equals(owned(not_equals)).build().expect("has a field")
        });
        AdvancedEventSelector::builder().set_field_selectors(Some(fields.collect())).build().expect("has fields")
    }

    fn coverage(reads: bool, writes: bool, left_out: &[&str]) -> Coverage {
        Coverage { reads, writes, left_out: left_out.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn selectors_of_both_kinds_say_what_is_recorded() {
        let management: (&str, &[&str], &[&str]) = ("eventCategory", &["Management"], &[]);
        for (found, expected) in [
            (of_basic(&basic(ReadWriteType::All, true, &[])), coverage(true, true, &[])),
            (of_basic(&basic(ReadWriteType::ReadOnly, true, &[])), coverage(true, false, &[])),
            (of_basic(&basic(ReadWriteType::WriteOnly, true, &["a"])), coverage(false, true, &["a"])),
            (of_basic(&basic(ReadWriteType::All, false, &[])), coverage(false, false, &[])),
            (of_advanced(&advanced(&[management])), coverage(true, true, &[])),
            (of_advanced(&advanced(&[("eventCategory", &["Data"], &[])])), coverage(false, false, &[])),
            (of_advanced(&advanced(&[management, ("readOnly", &["true"], &[])])), coverage(true, false, &[])),
            (of_advanced(&advanced(&[management, ("readOnly", &[], &["true"])])), coverage(false, true, &[])),
            (
                of_advanced(&advanced(&[management, ("eventSource", &[], &["a", "b"])])),
                coverage(true, true, &["a", "b"]),
            ),
            (
                of_advanced(&advanced(&[management, ("eventSource", &["a"], &[])])),
                coverage(true, true, &["events by eventSource"]),
            ),
            (
                of_advanced(&advanced(&[management, ("userIdentity.arn", &[], &["arn:x"])])),
                coverage(true, true, &["events by userIdentity.arn"]),
            ),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn selectors_together_record_what_one_of_them_does() {
        let both = [coverage(true, false, &["x"]), coverage(false, true, &["a", "b"]), coverage(false, true, &["b"])];
        assert_eq!(Coverage::of(both.into_iter()), coverage(true, true, &["b"]));
        assert_eq!(Coverage::of([].into_iter()), coverage(false, false, &[]));
    }

    #[test]
    fn trouble_is_one_sentence_and_health_is_none() {
        let well = Look { logging: true, coverage: coverage(true, true, &["kms.amazonaws.com"]), ..Look::default() };
        let widest = well.widen(None);
        assert_eq!(well.trouble("main", &widest), None);
        for (look, words) in [
            (
                Look { logging: false, stopped_at: Some(Second(1_700_000_000)), ..well.clone() },
                "logs nothing since 2023-",
            ),
            (Look { delivery_error: "NoSuchBucket\n".to_owned(), ..well.clone() }, "cannot deliver: NoSuchBucket "),
            (Look { coverage: coverage(true, false, &[]), ..well.clone() }, "no management events that write"),
            (Look { coverage: coverage(false, true, &[]), ..well.clone() }, "records no reads any more"),
            (
                Look { coverage: coverage(true, true, &["rdsdata.amazonaws.com"]), ..well.clone() },
                "leaves out rdsdata.amazonaws.com",
            ),
            (
                Look { coverage: coverage(true, true, &["events by userIdentity.arn"]), ..well.clone() },
                "leaves out events by",
            ),
        ] {
            let trouble = look.trouble("main", &look.widen(Some(widest.clone()))).expect("trouble");
            assert!(trouble.starts_with("trail main ") && trouble.contains(words), "{trouble}");
        }
        let long = Look { delivery_error: "x".repeat(10_000), ..well.clone() };
        let trouble = long.trouble("main", &widest).expect("trouble");
        assert_eq!(trouble.chars().count(), TROUBLE_CHARACTERS_MAX);
    }

    #[test]
    fn narrowing_that_was_seen_wider_stays_trouble_until_it_is_undone() {
        let wide = Look { logging: true, coverage: coverage(true, true, &[]), ..Look::default() };
        let narrow = Look { coverage: coverage(true, true, &["kms.amazonaws.com"]), ..wide.clone() };
        assert_eq!(narrow.trouble("main", &narrow.widen(None)), None, "it was so from the beginning");
        let widest = narrow.widen(Some(wide.widen(None)));
        assert!(narrow.trouble("main", &widest).is_some());
        let widest = narrow.widen(Some(widest));
        assert!(narrow.trouble("main", &widest).is_some(), "and still");
        assert_eq!(wide.trouble("main", &wide.widen(Some(widest))), None);
    }
}
