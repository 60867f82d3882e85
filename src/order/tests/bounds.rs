//! Retries, queues and clocks at their bounds.

use std::time::Duration;

use trailbrake_detectors::engine::Change;
use trailbrake_detectors::incident::Severity;

use super::super::*;
use super::{Event, World, order};
use crate::alert::FailureReason;
use crate::limits::{ORDER_AGE_MAX, ORDERS_QUEUED_MAX, RETRY_WAIT_MAX};

#[test]
fn waits_grow_to_a_bound_and_what_is_too_old_is_given_up() {
    let mut world = World::new(None);
    world.happen(Event::Order(0, Change::Opened, Severity::Critical));
    let mut waits = Vec::new();
    while world.ended.is_empty() {
        let page_key = world.sending.pop().expect("an attempt").announcement.page_key;
        let failure = Failure { reason: FailureReason::ServerError, retry_after: None };
        world.step(Input::Tried { page_key, result: Err(failure), random: 1.0 });
        let wake_at = world.outbox.wake_at().expect("a retry");
        waits.push((wake_at.0 - world.now.0) / 1_000);
        world.now = wake_at;
        world.step(Input::Tick);
    }
    assert_eq!(waits[..11], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(waits.iter().max(), Some(&i64::try_from(RETRY_WAIT_MAX.as_secs()).expect("small")));
    assert_eq!(world.ended["0"], OrderEnd::GivenUp);
    assert!(world.now.0 - 1_000_000 >= i64::try_from(ORDER_AGE_MAX.as_millis()).expect("small"));
}

#[test]
fn past_the_bound_the_oldest_of_the_least_severe_goes() {
    let mut outbox = Outbox::default();
    let failure = Failure { reason: FailureReason::RateLimited, retry_after: Some(Duration::from_secs(60)) };
    outbox.step(Input::Order(Box::new(order(0, 0, Change::Opened, Millis(0)))), Millis(0));
    outbox.step(Input::Tried { page_key: "page-0".to_owned(), result: Err(failure), random: 0.0 }, Millis(0));
    for index in 1..ORDERS_QUEUED_MAX {
        let mut order = order(index, index, Change::Opened, Millis(0));
        if index == 7 || index == 9 {
            order.announcement.situation.incident.severity = Severity::High;
            order.created_at = Millis(if index == 9 { -1 } else { 0 });
        }
        assert_eq!(outbox.step(Input::Order(Box::new(order)), Millis(1)), Step::default());
    }
    let late = order(ORDERS_QUEUED_MAX, ORDERS_QUEUED_MAX, Change::Opened, Millis(2));
    let step = outbox.step(Input::Order(Box::new(late)), Millis(2));
    assert_eq!(step.ended, [Ended { id: "9".to_owned(), end: OrderEnd::GivenUp, at: Millis(2), word: word::GIVEN_UP }]);
    assert_eq!(outbox.unended(), ORDERS_QUEUED_MAX);
}

#[test]
fn an_open_page_is_repeated_until_it_is_over() {
    let page = order(0, 0, Change::Updated, Millis(0));
    let mut outbox = Outbox::new(Some(Duration::from_secs(60)), vec![page.clone()], Millis(0));
    for minute in 0..3 {
        let now = Millis(minute * 60_000);
        assert_eq!(outbox.step(Input::Tick, now), Step { send: vec![page.clone()], ..Step::default() });
        let tried = Input::Tried { page_key: "page-0".to_owned(), result: Ok(()), random: 0.0 };
        assert_eq!(outbox.step(tried, now), Step::default());
        assert_eq!(outbox.wake_at(), Some(now.plus(60_000)));
    }
    let over = order(1, 0, Change::Resolved, Millis(150_000));
    assert_eq!(outbox.step(Input::Order(Box::new(over.clone())), Millis(150_000)).send, [over]);
    let refused = Failure { reason: FailureReason::Refused, retry_after: None };
    let tried = Input::Tried { page_key: "page-0".to_owned(), result: Err(refused), random: 0.0 };
    assert_eq!(outbox.step(tried, Millis(150_000)).ended.len(), 1);
    assert_eq!(outbox.wake_at(), None);
}

#[test]
fn a_clock_that_goes_back_does_not_stop_the_orders() {
    let mut outbox = Outbox::default();
    let late = Millis(1_000_000_000);
    outbox.step(Input::Order(Box::new(order(0, 0, Change::Opened, late))), late);
    let failure = Failure { reason: FailureReason::Timeout, retry_after: None };
    outbox.step(Input::Tried { page_key: "page-0".to_owned(), result: Err(failure), random: 0.0 }, late);
    outbox.step(Input::Tick, Millis(0));
    assert!(outbox.wake_at().is_some_and(|at| at.0 <= 15 * 60_000));
}
