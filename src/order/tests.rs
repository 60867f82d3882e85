//! What may happen on the way to a receiver, and what must hold whatever happens.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use trailbrake_detectors::engine::{Announcement, Change};
use trailbrake_detectors::incident::Severity;

use super::*;
use crate::alert::{Delivering, Delivery, DeliveryError, FailureReason, Notice};
use crate::clock::{Clock, SystemClock};
use crate::journal::OnRecord;
use crate::limits::{DELIVERIES_MAX, RETRY_WAIT_MAX};

mod bounds;
mod bursts;
mod delivered;
mod replaced;

fn order(sequence: usize, page: usize, change: Change, now: Millis) -> Order {
    let mut announcement = crate::alert::example(change);
    announcement.id = format!("{sequence}");
    announcement.page_key = format!("page-{page}");
    announcement.at = now;
    Order {
        id: format!("{sequence}"),
        receiver: "oncall".to_owned(),
        announcement,
        created_at: now,
        record: OnRecord::Unknown,
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Order(usize, Change, Severity),
    /// The same, and no route leads here.
    Unrouted(usize, Change, Severity),
    /// The message that stands for others was tried.
    Summarised(Option<FailureReason>),
    /// The attempt at this index, of those under way, ends.
    Tried(prop::sample::Index, Option<FailureReason>),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let change = prop::sample::select(vec![Change::Opened, Change::Updated, Change::Updated, Change::Resolved]);
    let failure = prop::sample::select(vec![
        None,
        None,
        Some(FailureReason::Unreachable),
        Some(FailureReason::RateLimited),
        Some(FailureReason::BadAnswer),
        Some(FailureReason::Refused),
    ]);
    let severity = prop::sample::select(vec![Severity::Medium, Severity::High, Severity::High, Severity::Critical]);
    let order = (0..12_usize, change, severity);
    prop_oneof![
        4 => order.clone().prop_map(|(page, change, severity)| Event::Order(page, change, severity)),
        1 => order.prop_map(|(page, change, severity)| Event::Unrouted(page, change, severity)),
        3 => (any::<prop::sample::Index>(), failure.clone()).prop_map(|(index, failure)| Event::Tried(index, failure)),
        1 => failure.prop_map(Event::Summarised),
        3 => (0..100_000_i64).prop_map(Event::Wait),
    ]
}

/// Drives an outbox, and checks each step.
struct World {
    outbox: Outbox,
    now: Millis,
    sending: Vec<Order>,
    /// Of each page key, the number of the order that was sent last.
    sent_last: BTreeMap<String, usize>,
    /// Of each page key, the order that was delivered last.
    delivered_last: BTreeMap<String, String>,
    made: Vec<Order>,
    ended: BTreeMap<String, OrderEnd>,
    words: BTreeMap<String, &'static str>,
    /// Whether a message that stands for others is under way.
    tells_together: bool,
    per_minute: Option<u32>,
    /// When orders that are not `critical` were sent for the first time.
    sent_at: Vec<Millis>,
}

impl World {
    fn new(repeat_every: Option<Duration>) -> Self {
        Self::in_manner(repeat_every, Manner::default())
    }

    fn in_manner(repeat_every: Option<Duration>, manner: Manner) -> Self {
        let now = Millis(1_000_000);
        Self {
            outbox: Outbox::new(repeat_every, Vec::new(), now).in_manner(manner, now),
            words: BTreeMap::new(),
            tells_together: false,
            per_minute: manner.messages_per_minute,
            sent_at: Vec::new(),
            now,
            sending: Vec::new(),
            sent_last: BTreeMap::new(),
            delivered_last: BTreeMap::new(),
            made: Vec::new(),
            ended: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: Input) {
        let step = self.outbox.step(input, self.now);
        for end in step.ended {
            if end.end == OrderEnd::Delivered {
                let order = &self.made[end.id.parse::<usize>().expect("a number")];
                self.delivered_last.insert(order.announcement.page_key.clone(), end.id.clone());
            }
            if end.word == word::SUMMARISED {
                let Announcement { change, situation, .. } =
                    &self.made[end.id.parse::<usize>().expect("a number")].announcement;
                let is_critical = situation.incident.severity == Severity::Critical;
                assert!(*change == Change::Resolved || !is_critical, "a critical page is not told with others");
            }
            self.words.insert(end.id.clone(), end.word);
            assert_eq!(self.ended.insert(end.id.clone(), end.end), None, "{} ended twice", end.id);
        }
        if let Some(summary) = step.summary {
            assert!(!self.tells_together && summary.incidents > 0 && self.per_minute.is_some());
            assert!(
                summary.worst.change == Change::Resolved
                    || summary.worst.situation.incident.severity < Severity::Critical
            );
            self.tells_together = true;
        }
        for order in step.send {
            let page_key = order.announcement.page_key.clone();
            let sequence: usize = order.id.parse().expect("a number");
            assert!(self.sending.iter().all(|other| other.announcement.page_key != page_key), "one at a time");
            if self.ended.contains_key(&order.id) {
                // A repeat: of what was delivered last, and only while nothing has said that it is over.
                assert_eq!(self.delivered_last.get(&page_key), Some(&order.id));
                let later = self.made[sequence..].iter().filter(|later| later.announcement.page_key == page_key);
                assert!(later.into_iter().all(|later| later.announcement.change != Change::Resolved));
            } else {
                let last = self.sent_last.insert(page_key.clone(), sequence);
                if last != Some(sequence) && order.announcement.situation.incident.severity < Severity::Critical {
                    self.sent_at.push(self.now);
                }
                assert!(last.is_none_or(|last| last <= sequence), "{page_key}: {sequence} after {last:?}");
            }
            self.sending.push(order);
        }
        assert!(self.sending.len() <= DELIVERIES_MAX);
        if let Some(per_minute) = self.per_minute {
            let in_a_minute = self.sent_at.iter().filter(|at| at.plus(60_000) > self.now).count();
            assert!(in_a_minute <= 2 * per_minute as usize, "{in_a_minute} messages in a minute");
        }
    }

    fn make(&mut self, page: usize, change: Change, severity: Severity) -> Box<Order> {
        let mut order = order(self.made.len(), page, change, self.now);
        order.announcement.situation.incident.severity = severity;
        self.made.push(order.clone());
        Box::new(order)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Order(page, change, severity) => {
                let order = self.make(page, change, severity);
                self.step(Input::Order(order));
            }
            Event::Unrouted(page, change, severity) => {
                let order = self.make(page, change, severity);
                self.step(Input::Unrouted(order));
            }
            Event::Summarised(reason) if self.tells_together => {
                self.tells_together = false;
                let failure = |reason| Failure { reason, retry_after: None };
                self.step(Input::Summarised { result: reason.map_or(Ok(()), |one| Err(failure(one))), random: 0.5 });
            }
            Event::Summarised(_) => {}
            Event::Tried(index, reason) if !self.sending.is_empty() => {
                let order = self.sending.remove(index.index(self.sending.len()));
                let failure = |reason| {
                    let rate_limited = reason == FailureReason::RateLimited;
                    Failure { reason, retry_after: rate_limited.then(|| Duration::from_secs(30)) }
                };
                let result = reason.map_or(Ok(()), |reason| Err(failure(reason)));
                self.step(Input::Tried { page_key: order.announcement.page_key, result, random: 0.5 });
            }
            Event::Tried(..) => {}
            Event::Wait(milliseconds) => {
                self.now = self.now.plus(milliseconds);
                self.step(Input::Tick);
            }
        }
    }

    /// From here on the receiver takes everything.
    fn recover(&mut self) {
        for _ in 0..1_000 {
            match self.sending.pop() {
                Some(order) => {
                    let page_key = order.announcement.page_key;
                    self.step(Input::Tried { page_key, result: Ok(()), random: 0.0 });
                }
                None if self.tells_together => self.happen(Event::Summarised(None)),
                None if self.outbox.unended() == 0 => return,
                None => {
                    self.now = self.outbox.wake_at().expect("something waits").max(self.now);
                    self.step(Input::Tick);
                }
            }
        }
        panic!("it never ends: {:?}", self.outbox);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_the_last_word_comes_last(
        events in prop::collection::vec(event(), 0..120),
        repeats in any::<bool>(),
        edits in any::<bool>(),
        messages_per_minute in prop::option::of(1..4_u32),
    ) {
        let manner = Manner { edits, messages_per_minute };
        let mut world = World::in_manner(repeats.then(|| Duration::from_secs(60)), manner);
        for event in events {
            world.happen(event);
        }
        world.recover();
        for order in &world.made {
            prop_assert!(world.ended.contains_key(&order.id), "order {} is lost", order.id);
        }
        let last_words: BTreeMap<&str, &Order> =
            world.made.iter().map(|order| (order.announcement.page_key.as_str(), order)).collect();
        for (page_key, order) in last_words {
            let end = world.ended[&order.id];
            match world.words[&order.id] {
                word::UNROUTED => {}
                word::SUMMARISED => prop_assert!(messages_per_minute.is_some()),
                word::SUPERSEDED => prop_assert!(!edits, "nothing came after {}", order.id),
                _ => prop_assert!(end != OrderEnd::Superseded),
            }
            if end == OrderEnd::Delivered {
                prop_assert_eq!(world.sent_last[page_key].to_string(), order.id.as_str());
            }
        }
    }
}

/// A receiver that answers as it is told, in turn, and then takes everything.
struct Scripted {
    answers: Mutex<Vec<FailureReason>>,
    heard: Mutex<Vec<String>>,
    repeat_every: Option<Duration>,
    per_minute: Option<u32>,
    panics: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[FailureReason], repeat_every: Option<Duration>) -> Arc<Self> {
        let answers = Mutex::new(answers.iter().rev().copied().collect());
        Arc::new(Self { answers, heard: Mutex::default(), repeat_every, per_minute: None, panics: AtomicUsize::new(0) })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("whole").clone()
    }
}

impl Receiver for Scripted {
    fn name(&self) -> &str {
        "oncall"
    }

    fn deliver<'a>(&'a self, announcement: &'a Announcement, _: &'a OnRecord) -> Delivering<'a> {
        Box::pin(async move {
            if self.panics.load(Ordering::SeqCst) > 0 {
                self.panics.fetch_sub(1, Ordering::SeqCst);
                panic!("a receiver's mistake");
            }
            self.heard.lock().expect("whole").push(announcement.id.clone());
            match self.answers.lock().expect("whole").pop() {
                None => Ok(Delivery::default()),
                Some(reason) => Err(DeliveryError {
                    receiver: "oncall".to_owned(),
                    reason,
                    detail: String::new(),
                    retry_after: None,
                }),
            }
        })
    }

    fn deliver_again<'a>(&'a self, announcement: &'a Announcement, record: &'a OnRecord) -> Delivering<'a> {
        self.heard.lock().expect("whole").push("again".to_owned());
        self.deliver(announcement, record)
    }

    fn tell<'a>(&'a self, notice: &'a Notice) -> Delivering<'a> {
        self.heard.lock().expect("whole").push(notice.headline.clone());
        Box::pin(async { Ok(Delivery::default()) })
    }

    fn repeat_every(&self) -> Option<Duration> {
        self.repeat_every
    }

    fn messages_per_minute(&self) -> Option<u32> {
        self.per_minute
    }

    fn is_told_of(&self, situation: &trailbrake_detectors::engine::Situation) -> bool {
        situation.incident.severity >= Severity::High
    }
}

type Started = (OrderSender, mpsc::Receiver<Ended>, watch::Sender<bool>);

fn started(receiver: &Arc<Scripted>, orders: Vec<Order>, open_pages: Vec<Order>) -> Started {
    let (stop, stopped) = watch::channel(false);
    let receivers: Vec<Arc<dyn Receiver>> = vec![receiver.clone()];
    let (sender, _desk, ended) =
        start(receivers, orders, &open_pages, Arc::new(SystemClock), Shown::default(), stopped);
    (sender, ended, stop)
}

async fn next(ended: &mut mpsc::Receiver<Ended>) -> (String, OrderEnd) {
    let end = tokio::time::timeout(Duration::from_secs(10), ended.recv()).await.expect("in time").expect("an end");
    (end.id, end.end)
}
