//! Receivers that come, go, and are replaced while orders are under way.

use super::*;

fn running(receiver: &Arc<Scripted>) -> (OrderSender, Desk, mpsc::Receiver<Ended>, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    let receivers: Vec<Arc<dyn Receiver>> = vec![receiver.clone()];
    let (sender, desk, ended) = start(receivers, Vec::new(), &[], Arc::new(SystemClock), Shown::default(), stopped);
    (sender, desk, ended, stop)
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("in time");
}

#[tokio::test]
async fn what_one_receiver_did_not_take_the_one_in_its_place_gets_once() {
    let before = Scripted::new(&[FailureReason::ServerError; 50], None);
    let (sender, desk, mut ended, _stop) = running(&before);
    let now = SystemClock.now();
    sender.send(order(0, 0, Change::Opened, now));
    sender.send(order(1, 1, Change::Opened, now));
    until(|| before.heard().len() >= 2).await;
    assert_eq!(desk.waiting().orders(), BTreeMap::from([("oncall".to_owned(), 2)]));
    let troubles = || desk.shown.health.receiver_troubles();
    let failing = |value| {
        desk.shown.metrics.render().contains(&format!("trailbrake_receiver_failing{{receiver=\"oncall\"}} {value}\n"))
    };
    until(|| troubles().get("oncall").is_some_and(|trouble| trouble.reason == "server-error")).await;
    until(|| failing(1)).await;

    let after = Scripted::new(&[], None);
    let receivers: Vec<Arc<dyn Receiver>> = vec![after.clone()];
    desk.take_up(receivers, &[]);
    sender.send(order(2, 2, Change::Opened, now));
    let mut ends = vec![next(&mut ended).await, next(&mut ended).await, next(&mut ended).await];
    ends.sort_by(|(one, _), (other, _)| one.cmp(other));
    let delivered = |id: &str| (id.to_owned(), OrderEnd::Delivered);
    assert_eq!(ends, [delivered("0"), delivered("1"), delivered("2")]);
    let mut heard = after.heard();
    heard.retain(|one| one != "again");
    heard.sort();
    assert_eq!(heard, ["0", "1", "2"], "each once");
    assert_eq!(desk.waiting().orders()["oncall"], 0);
}

#[tokio::test]
async fn a_receiver_that_goes_gives_up_what_waits_and_one_that_comes_back_begins_anew() {
    let before = Scripted::new(&[FailureReason::ServerError; 50], None);
    let (sender, desk, mut ended, stop) = running(&before);
    sender.send(order(0, 0, Change::Opened, SystemClock.now()));
    until(|| !before.heard().is_empty()).await;
    desk.keep_only(&[]);
    assert_eq!(next(&mut ended).await.0, "0", "its end is known");
    assert!(desk.waiting().orders().is_empty());
    let tried = before.heard().len();

    let after = Scripted::new(&[], None);
    let receivers: Vec<Arc<dyn Receiver>> = vec![after.clone()];
    desk.take_up(receivers, &[]);
    sender.send(order(1, 0, Change::Updated, SystemClock.now()));
    assert_eq!(next(&mut ended).await, ("1".to_owned(), OrderEnd::Delivered));
    assert_eq!((after.heard(), before.heard().len()), (vec!["1".to_owned()], tried));

    stop.send(true).expect("heard");
    drop(desk);
    let closed = tokio::time::timeout(Duration::from_secs(5), ended.recv()).await;
    assert_eq!(closed, Ok(None), "when the desk is gone and all tasks have ended, the channel is closed");
}

#[test]
fn an_outbox_that_retires_sends_nothing_more_and_ends_all_it_held() {
    let mut outbox = Outbox::default();
    let now = Millis(0);
    let mut ended = 0;
    for page in 0..DELIVERIES_MAX + 3 {
        ended += outbox.step(Input::Order(Box::new(order(page, page, Change::Opened, now))), now).ended.len();
    }
    let retired = outbox.step(Input::Retire, now);
    assert!(retired.send.is_empty() && retired.ended.iter().all(|one| one.end == OrderEnd::GivenUp));
    ended += retired.ended.len();
    let failure = Failure { reason: FailureReason::Timeout, retry_after: None };
    for page in 0..DELIVERIES_MAX {
        let tried = Input::Tried { page_key: format!("page-{page}"), result: Err(failure), random: 0.0 };
        let step = outbox.step(tried, now);
        assert!(step.send.is_empty());
        ended += step.ended.len();
    }
    assert_eq!((ended, outbox.unended()), (DELIVERIES_MAX + 3, 0));
    assert!(outbox.is_quiet(now) && outbox.wake_at().is_none());
}
