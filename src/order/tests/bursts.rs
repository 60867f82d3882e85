//! Routes, limits, and what stands for what is past them.

use super::*;
use crate::limits::{BAD_ANSWERS_MAX, SUMMARY_INTERVAL, SUMMARY_WAIT};

fn limited(messages_per_minute: u32) -> Manner {
    Manner { edits: true, messages_per_minute: Some(messages_per_minute) }
}

/// The receiver takes whatever is under way; says the ids of what it took.
fn taken(world: &mut World) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(order) = world.sending.pop() {
        ids.push(order.id);
        world.step(Input::Tried { page_key: order.announcement.page_key, result: Ok(()), random: 0.0 });
    }
    ids
}

fn wait(world: &mut World, duration: Duration) {
    world.happen(Event::Wait(i64::try_from(duration.as_millis()).expect("small")));
}

fn count(world: &World, word: &str) -> usize {
    world.words.values().filter(|one| **one == word).count()
}

#[test]
fn a_burst_of_incidents_is_told_as_a_few_and_one_for_all_others_and_no_critical_is_among_those() {
    let mut world = World::in_manner(None, limited(5));
    for page in 0..300 {
        world.happen(Event::Order(page, Change::Opened, Severity::High));
    }
    for page in 300..310 {
        world.happen(Event::Order(page, Change::Opened, Severity::Critical));
    }
    let mut told = Vec::new();
    while !world.sending.is_empty() {
        told.extend(taken(&mut world));
    }
    assert_eq!(told.len(), 14, "four before there were critical ones, which took the fifth place, and each of these");
    assert!((300..310).all(|page| told.contains(&page.to_string())));
    assert_eq!((world.ended.len(), world.tells_together), (14, false));

    wait(&mut world, SUMMARY_WAIT);
    assert!(world.tells_together);
    taken(&mut world);
    world.happen(Event::Summarised(None));
    assert_eq!(count(&world, word::SUMMARISED), 296);
    assert_eq!((world.outbox.unended(), world.ended.len()), (0, 310));
}

#[test]
fn summaries_are_rare_say_how_many_and_share_a_key_while_the_burst_lasts() {
    let mut outbox = Outbox::default().in_manner(limited(1), Millis(0));
    let mut said = Vec::new();
    for second in 0..200_i64 {
        let now = Millis(second * 1_000);
        let index = usize::try_from(second).expect("small");
        let mut order = order(index, index, Change::Opened, now);
        order.announcement.situation.incident.severity = Severity::High;
        let mut steps = vec![outbox.step(Input::Order(Box::new(order)), now)];
        while let Some(step) = steps.pop() {
            for order in step.send {
                let page_key = order.announcement.page_key;
                steps.push(outbox.step(Input::Tried { page_key, result: Ok(()), random: 0.0 }, now));
            }
            if let Some(summary) = step.summary {
                said.push((second, summary.incidents, summary.ids.len(), summary.key.clone(), summary.id.clone()));
                steps.push(outbox.step(Input::Summarised { result: Ok(()), random: 0.0 }, now));
            }
        }
    }
    let times: Vec<i64> = said.iter().map(|(second, ..)| *second).collect();
    let every = i64::try_from(SUMMARY_INTERVAL.as_secs()).expect("small");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= every), "{times:?}");
    assert!((3..=4).contains(&said.len()), "{said:?}");
    assert!(said.iter().all(|(_, _, ids, key, _)| *ids <= 20 && *key == said[0].3), "{said:?}");
    let ids: std::collections::BTreeSet<_> = said.iter().map(|(.., id)| id).collect();
    assert_eq!(ids.len(), said.len(), "each is a message of its own");
}

#[test]
fn what_was_told_with_others_is_told_by_itself_when_it_becomes_critical_and_its_end_is_no_news() {
    let mut world = World::in_manner(None, limited(1));
    for page in 0..4 {
        world.happen(Event::Order(page, Change::Opened, Severity::High));
    }
    taken(&mut world);
    wait(&mut world, SUMMARY_WAIT);
    world.happen(Event::Summarised(None));
    assert_eq!(count(&world, word::SUMMARISED), 3);
    world.happen(Event::Order(1, Change::Updated, Severity::High));
    assert_eq!(count(&world, word::SUMMARISED), 4, "no worse than what was said");
    world.happen(Event::Order(1, Change::Updated, Severity::Critical));
    assert_eq!(taken(&mut world), ["5"]);
    world.happen(Event::Order(2, Change::Resolved, Severity::High));
    assert_eq!(count(&world, word::SUMMARISED), 5);
    // The end of what was told by itself waits for room, and is never left out.
    world.happen(Event::Order(1, Change::Resolved, Severity::Critical));
    assert_eq!((taken(&mut world).len(), world.outbox.unended()), (0, 1));
    wait(&mut world, Duration::from_secs(60));
    assert_eq!(taken(&mut world), ["7"]);
}

#[test]
fn a_summary_that_fails_is_tried_again_and_one_that_is_refused_is_given_up_loudly() {
    for (reason, ends) in [(FailureReason::ServerError, "summarised"), (FailureReason::Refused, "given-up")] {
        let mut world = World::in_manner(None, limited(1));
        for page in 0..3 {
            world.happen(Event::Order(page, Change::Opened, Severity::High));
        }
        taken(&mut world);
        wait(&mut world, SUMMARY_WAIT);
        world.happen(Event::Summarised(Some(reason)));
        if reason.is_retryable() {
            assert_eq!((world.outbox.unended(), world.tells_together), (2, false));
            wait(&mut world, Duration::from_secs(1));
            assert!(world.tells_together);
            world.happen(Event::Summarised(None));
        }
        assert_eq!((count(&world, ends), world.outbox.unended()), (2, 0), "{ends}");
    }
}

#[test]
fn where_nothing_can_be_edited_only_what_is_worse_is_said_and_the_end() {
    let mut world = World::in_manner(None, Manner { edits: false, messages_per_minute: None });
    let mut heard = Vec::new();
    for (change, severity) in [
        (Change::Opened, Severity::High),
        (Change::Updated, Severity::High),
        (Change::Updated, Severity::Critical),
        (Change::Updated, Severity::Critical),
        (Change::Updated, Severity::Medium),
        (Change::Updated, Severity::Critical),
        (Change::Resolved, Severity::Critical),
    ] {
        world.happen(Event::Order(0, change, severity));
        heard.extend(taken(&mut world));
    }
    assert_eq!(heard, ["0", "2", "6"]);
    // What the brake has come to is news as well.
    world.happen(Event::Order(1, Change::Opened, Severity::Critical));
    let mut failed = world.make(1, Change::Updated, Severity::Critical);
    let pauses = &mut failed.announcement.situation.pauses;
    pauses.iter_mut().for_each(|pause| pause.state = trailbrake_detectors::engine::PauseState::Failed);
    taken(&mut world);
    world.step(Input::Order(failed));
    assert_eq!(taken(&mut world), ["8"]);
}

#[test]
fn what_no_route_leads_here_is_not_sent_but_what_was_told_is_told_to_its_end() {
    let mut world = World::new(None);
    world.happen(Event::Unrouted(0, Change::Opened, Severity::High));
    assert_eq!((world.sending.len(), world.words["0"]), (0, word::UNROUTED));
    world.happen(Event::Order(0, Change::Updated, Severity::Critical));
    assert_eq!(taken(&mut world), ["1"]);
    world.happen(Event::Unrouted(0, Change::Resolved, Severity::High));
    assert_eq!(taken(&mut world), ["2"]);
    world.happen(Event::Unrouted(0, Change::Updated, Severity::High));
    assert_eq!(world.words["3"], word::UNROUTED);
    // A page that was open at the start was told before.
    let page = order(0, 7, Change::Updated, Millis(0));
    let mut outbox = Outbox::new(None, vec![page], Millis(0));
    let over = order(1, 7, Change::Resolved, Millis(1));
    assert_eq!(outbox.step(Input::Unrouted(Box::new(over.clone())), Millis(1)).send, [over]);
}

#[test]
fn what_may_have_been_taken_is_known_and_an_answer_of_somebody_else_is_not_asked_for_long() {
    for (reason, repeats) in [
        (FailureReason::Unreachable, false),
        (FailureReason::RateLimited, false),
        (FailureReason::Timeout, true),
        (FailureReason::Broken, true),
        (FailureReason::BadAnswer, true),
    ] {
        let mut world = World::new(None);
        world.happen(Event::Order(0, Change::Opened, Severity::Critical));
        assert!(!world.outbox.may_repeat("page-0"));
        let mut attempts = 0;
        while !world.sending.is_empty() && attempts < 6 {
            attempts += 1;
            let page_key = world.sending.pop().expect("an attempt").announcement.page_key;
            world.step(Input::Tried { page_key, result: Err(Failure { reason, retry_after: None }), random: 0.0 });
            wait(&mut world, RETRY_WAIT_MAX);
            if !world.sending.is_empty() {
                assert_eq!(world.outbox.may_repeat("page-0"), repeats, "{reason}");
            }
        }
        let given_up = reason == FailureReason::BadAnswer;
        assert_eq!(attempts, if given_up { BAD_ANSWERS_MAX } else { 6 }, "{reason}");
        assert_eq!(count(&world, word::GIVEN_UP), usize::from(given_up));
    }
    let mut outbox = Outbox::default();
    outbox.step(Input::Recovered(Box::new(order(0, 0, Change::Opened, Millis(0)))), Millis(0));
    assert!(outbox.may_repeat("page-0"), "it was in the journal at the start");
}

#[tokio::test]
async fn the_task_of_a_receiver_tells_incidents_together_and_counts_them() {
    let receiver = Arc::new(Scripted {
        answers: Mutex::default(),
        heard: Mutex::default(),
        repeat_every: None,
        per_minute: Some(1),
        panics: AtomicUsize::new(0),
    });
    let (stop, stopped) = watch::channel(false);
    let metrics = Arc::new(Metrics::default());
    let clock = Arc::new(crate::clock::ManualClock::at(Millis(1_000_000)));
    let receivers: Vec<Arc<dyn Receiver>> = vec![receiver.clone()];
    let shown = Shown { metrics: Arc::clone(&metrics), ..Shown::default() };
    let (sender, _desk, mut ended) = start(receivers, Vec::new(), &[], clock.clone(), shown, stopped);
    for (index, severity) in [Severity::High, Severity::High, Severity::Medium, Severity::High].into_iter().enumerate()
    {
        let mut order = order(index, index, Change::Opened, Millis(1_000_000));
        order.announcement.situation.incident.severity = severity;
        sender.send(order);
    }
    let mut ends = vec![next(&mut ended).await, next(&mut ended).await];
    clock.set(Millis(1_010_000));
    ends.extend([next(&mut ended).await, next(&mut ended).await]);
    ends.sort_by(|(one, _), (other, _)| one.cmp(other));
    let end = |id: &str, end| (id.to_owned(), end);
    let superseded = OrderEnd::Superseded;
    assert_eq!(ends, [end("0", OrderEnd::Delivered), end("1", superseded), end("2", superseded), end("3", superseded)]);
    let heard = receiver.heard();
    assert_eq!((heard.len(), heard[0].as_str()), (2, "0"));
    assert!(heard[1].starts_with("2 more incidents, the worst: "), "{heard:?}");
    let rendered = metrics.render();
    for (result, orders) in [("delivered", 1), ("summarised", 2), ("unrouted", 1)] {
        let line = format!("trailbrake_orders_total{{receiver=\"oncall\",result=\"{result}\"}} {orders}\n");
        assert!(rendered.contains(&line), "{line}{rendered}");
    }
    drop(stop);
}
