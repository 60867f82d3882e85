//! How much memory an event takes, and how it takes no more than it needs.

use trailbrake_detectors::event::{Event, Identity, Mention, Text};

/// What the allocator needs for itself, for each piece of memory.
const ALLOCATION_BYTES: usize = 16;

/// Gives back the room that the event's lists were given to grow in: events are held for hours of event time, and of a
/// list with one element that room is most of it.
pub(super) fn fit(event: &mut Event) {
    event.resources.shrink_to_fit();
    for Mention { aliases, parents, zones, subnets, .. } in &mut event.resources {
        for list in [aliases, zones] {
            list.shrink_to_fit();
        }
        for list in [parents, subnets] {
            list.shrink_to_fit();
        }
    }
    event.subnet_zones.shrink_to_fit();
}

/// About how many bytes of memory the event takes. What it shares with others counts as if it were its own.
pub(super) fn bytes_of(event: &Event) -> usize {
    let Event { id, shared_id, account, region, service, name, error_code, request_id, user_agent, source_ip, .. } =
        event;
    let identity: &Identity = &event.identity;
    let Identity { arn, principal_id, access_key, issuer_arn, issuer_id, source_identity, invoked_by, .. } = identity;
    let own = texts([id, shared_id, account, region, service, name, error_code, request_id, user_agent, source_ip]);
    let callers = texts([&identity.account, arn, principal_id, access_key, issuer_arn, issuer_id, source_identity])
        + texts([invoked_by, &identity.identity_center_user, &identity.sign_in_session]);
    let link = event.link.as_ref().map_or(0, |link| texts([&link.access_key, &link.session_id]));
    let start = event.start.as_ref().map_or(0, |start| list(&start.targets));
    let reach = event.reach.as_ref().map_or(0, |reach| texts([&reach.kind, &reach.alias, &reach.zone]));
    let pair = size_of::<(Text, Text)>();
    let pairs = event.subnet_zones.iter().map(|(subnet, zone)| pair + texts([subnet, zone])).sum::<usize>();
    let resources = event.resources.iter().map(mention).sum::<usize>();
    size_of::<Event>()
        + size_of::<Identity>()
        + 2 * ALLOCATION_BYTES
        + own
        + callers
        + link
        + start
        + reach
        + pairs
        + resources
}

fn mention(mention: &Mention) -> usize {
    let Mention { kind, name, aliases, parents, zones, subnets, .. } = mention;
    let lists: [&[Text]; 4] = [aliases, parents, zones, subnets];
    size_of::<Mention>() + texts([kind, name]) + lists.map(list).iter().sum::<usize>()
}

fn list(list: &[Text]) -> usize {
    size_of_val(list) + texts(list)
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a Text>) -> usize {
    // A text that is held elsewhere has two counters there.
    let own = texts.into_iter().filter(|text| text.is_heap_allocated());
    own.map(|text| text.len() + 2 * size_of::<usize>() + ALLOCATION_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use trailbrake_detectors::catalog::Catalog;
    use trailbrake_detectors::decode::decode;
    use trailbrake_detectors::scenario::{self, Options};
    use trailbrake_detectors::time::Second;

    use super::*;

    #[test]
    fn an_event_that_fits_is_the_same_and_its_size_grows_with_what_it_holds() {
        let start = Second::parse("2026-01-05T09:00:00Z").expect("a time");
        let records = scenario::generate("agent-rebuild", &Options::new(3, start)).expect("a scenario");
        let now = start.plus(7 * 24 * 60 * 60).millis();
        let events = records.iter().flat_map(|one| decode(one.json.as_bytes(), now, Catalog::built_in()).events);
        let mut with_resources = 0;
        for event in events {
            let text = serde_json::to_vec(&event).expect("JSON");
            let mut fitted: Event = serde_json::from_slice(&text).expect("an event");
            fit(&mut fitted);
            assert_eq!(fitted, event);
            assert_eq!(fitted.resources.capacity(), fitted.resources.len());
            for one in &fitted.resources {
                assert_eq!((one.parents.capacity(), one.subnets.capacity()), (one.parents.len(), one.subnets.len()));
                with_resources += 1;
            }
            let bytes = bytes_of(&fitted);
            // JSON holds every text once, and beside it names of fields, which are no larger than the fields.
            assert!(bytes > text.len() / 2 && bytes < 4 * text.len(), "{bytes} for {}", text.len());
            let mut longer = fitted.clone();
            longer.user_agent = "x".repeat(fitted.user_agent.len() + 1_000).into();
            assert!(bytes_of(&longer) >= bytes_of(&fitted) + 1_000);
            longer.resources.extend(fitted.resources.clone());
            longer.resources.extend(fitted.resources.clone());
            assert!(fitted.resources.is_empty() || bytes_of(&longer) > bytes + 1_000 + 2 * size_of::<Mention>());
        }
        assert!(with_resources > 20, "{with_resources}");
    }
}
