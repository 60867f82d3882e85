//! Orders are delivered until they are taken, refused, or too old.

use super::*;

#[tokio::test]
async fn orders_of_the_journal_and_new_ones_are_delivered_until_stop() {
    let now = SystemClock.now();
    let receiver = Scripted::new(&[FailureReason::ServerError], None);
    receiver.panics.store(1, Ordering::SeqCst);
    let mut unknown = order(7, 7, Change::Opened, now);
    unknown.receiver = "gone".to_owned();
    let (sender, mut ended, stop) = started(&receiver, vec![order(0, 0, Change::Opened, now), unknown], Vec::new());
    let mut ends = vec![next(&mut ended).await, next(&mut ended).await];
    ends.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(ends, [("0".to_owned(), OrderEnd::Delivered), ("7".to_owned(), OrderEnd::GivenUp)]);
    // What the journal held at the start may have been told before. The first attempt of the three is the one that panics.
    assert_eq!(receiver.heard(), ["again", "again", "0", "again", "0"]);
    stop.send(true).expect("heard");
    sender.send(order(1, 1, Change::Opened, now));
    assert_eq!(next(&mut ended).await, ("1".to_owned(), OrderEnd::Delivered));
    let closed = tokio::time::timeout(Duration::from_secs(5), ended.recv()).await;
    assert_eq!(closed, Ok(None));
}

#[tokio::test]
async fn what_is_refused_is_given_up() {
    let receiver = Scripted::new(&[FailureReason::Refused], None);
    let (sender, mut ended, _stop) = started(&receiver, Vec::new(), Vec::new());
    sender.send(order(0, 0, Change::Opened, SystemClock.now()));
    assert_eq!(next(&mut ended).await, ("0".to_owned(), OrderEnd::GivenUp));
}

#[tokio::test]
async fn open_pages_are_repeated_and_their_repeats_are_no_ends() {
    let receiver = Scripted::new(&[], Some(Duration::from_millis(20)));
    let page = order(0, 0, Change::Opened, SystemClock.now());
    let (sender, mut ended, _stop) = started(&receiver, Vec::new(), vec![page]);
    while receiver.heard().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sender.send(order(1, 0, Change::Resolved, SystemClock.now()));
    assert_eq!(next(&mut ended).await, ("1".to_owned(), OrderEnd::Delivered));
    let heard = receiver.heard().len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.heard().len(), heard);
    assert_eq!(receiver.heard().last().map(String::as_str), Some("1"));
}
