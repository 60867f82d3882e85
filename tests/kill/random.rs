//! kill -9 of `trailbrake run` at random moments while records arrive over HTTP and in a followed file: what it knows and
//! whom it told in the end is what a daemon that nobody disturbed knows and told.
//!
//! `TRAILBRAKE_KILLS` says how often (5 by default), `TRAILBRAKE_SEED` which moments; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use tokio::task::JoinSet;
use trailbrake_detectors::scenario::{Options, Record, generate};
use trailbrake_detectors::time::Second;

use crate::support::pager::Pager;
use crate::support::plain::{Plain, Told};
use crate::support::receiver::Receiver;
use crate::support::{eventually, namespace, now, web};

const PATIENCE: Duration = Duration::from_secs(90);
/// Records of one request or of one addition to the file.
const RECORDS_AT_ONCE: usize = 20;
/// Requests at the same time.
const REQUESTS: usize = 4;
/// The latest moment of a kill, from when the records of its round begin to arrive.
const MOMENT_MAX: Duration = Duration::from_millis(400);
/// How long ago the first record is, in seconds: all of it is young enough to be told.
const SPAN_SECONDS: i64 = 45 * 60;
/// How long one incident's trail is, in seconds.
const TRAIL_SECONDS: i64 = 28 * 60;
/// Slack's mark of what may have been told before.
const REPEAT: &str = "[may be a repeat] ";

/// What the trail's readers are given at once.
#[derive(Clone, Debug)]
enum Part {
    Posted(String),
    Appended(String, u64),
}

/// The receivers, one for each way in which repeats can be known.
struct Receivers {
    pager: Pager,
    program: Receiver,
    channel: Receiver,
}

impl Receivers {
    async fn start() -> Self {
        Self { pager: Pager::start().await, program: Receiver::start().await, channel: Receiver::start().await }
    }

    fn told(&self) -> Told {
        Told {
            pagerduty: Some(self.pager.endpoint()),
            webhook: Some(self.program.url()),
            slack: Some(self.channel.url()),
            ..Told::default()
        }
    }
}

/// What is known and was told in the end.
struct End {
    incidents: BTreeMap<String, Value>,
    /// Of each source the records that went into the judgement.
    kept: [u64; 2],
    pages: BTreeSet<String>,
    repeats: usize,
}

#[test]
fn at_any_moment_nothing_is_lost_or_told_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let kills = usize::try_from(number("TRAILBRAKE_KILLS").unwrap_or(5)).expect("a number").max(1);
    let seed = number("TRAILBRAKE_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    namespace::note(&format!("kill::random: TRAILBRAKE_KILLS={kills} TRAILBRAKE_SEED={seed}"));
    let rounds = rounds(kills, seed);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (quiet, killed) = (folder.path().join("quiet"), folder.path().join("killed"));
        let expected = run(&quiet, &rounds, None, None).await;
        let found = run(&killed, &rounds, Some(Rng::with_seed(seed)), Some(&expected)).await;
        let told = (expected.repeats, found.repeats);
        assert_eq!(expected.repeats, 0, "nobody was disturbed");
        // Each actor has one page, however many incidents; somebody may have been told of what was taken back later.
        let actors: BTreeSet<_> = found.incidents.keys().filter_map(|key| key.split(" from ").next()).collect();
        assert!(found.pages.len() >= actors.len(), "{} pages for {} actors", found.pages.len(), actors.len());
        assert_eq!(found.kept, expected.kept, "what was judged");
        namespace::note(&format!(
            "kill::random: {kills} kills, {} incidents and {} pages as undisturbed, {} + {} records judged, {} marked \
             repeats where no key is taken (undisturbed: {})",
            found.incidents.len(),
            found.pages.len(),
            found.kept[0],
            found.kept[1],
            told.1,
            told.0,
        ));
    });
}

/// An incident for each round, and a little of an organisation, all in the order of their time, cut into rounds.
fn rounds(number: usize, seed: u64) -> Vec<Vec<Part>> {
    let begin = now().second().plus(-SPAN_SECONDS);
    let spread = SPAN_SECONDS - TRAIL_SECONDS;
    let mut records: Vec<Record> = Vec::new();
    for one in 0..number {
        let start = begin.plus(spread * i64::try_from(one).expect("few") / i64::try_from(number).expect("few"));
        records.extend(of("agent-rebuild", seed.wrapping_add(one as u64), start, begin));
    }
    records.extend(of("organisation", seed, begin, begin));
    records.sort_by_key(|record| record.time);
    let parts: Vec<Part> = records.chunks(RECORDS_AT_ONCE).enumerate().map(part).collect();
    parts.chunks(parts.len().div_ceil(number)).map(<[Part]>::to_vec).collect()
}

fn of(scenario: &str, seed: u64, start: Second, begin: Second) -> impl Iterator<Item = Record> {
    let options = Options { principals: 10, rate: 2.0, ..Options::new(seed, start) };
    let records = generate(scenario, &options).expect("a scenario").into_iter();
    records.filter(move |record| record.time < begin.plus(SPAN_SECONDS))
}

fn part((number, records): (usize, &[Record])) -> Part {
    let text: String = records.iter().flat_map(|record| [&*record.json, "\n"]).collect();
    if number % 3 == 2 { Part::Appended(text, records.len() as u64) } else { Part::Posted(text) }
}

/// Gives all rounds to a new daemon, with a kill in each if moments are given, and waits until it says and has told what
/// is expected.
async fn run(directory: &Path, rounds: &[Vec<Part>], mut moments: Option<Rng>, expected: Option<&End>) -> End {
    std::fs::create_dir(directory).expect("a folder");
    let receivers = Receivers::start().await;
    let mut daemon = Plain::start(directory, &receivers.told()).await;
    let (mut posted, mut appended) = (0, 0);
    for round in rounds {
        let (events, token) = (daemon.events(), daemon.token.clone());
        let giving = tokio::spawn(give(round.clone(), events, token, daemon.followed()));
        if let Some(moments) = &mut moments {
            kill(&mut daemon, moments).await;
        }
        daemon.until_ready().await;
        let given = giving.await.expect("all is given");
        (posted, appended) = (posted + given.0, appended + given.1);
        let read = async || {
            let accounts = daemon.accounts("file").await;
            (accounts.of("received") - accounts.of("duplicate") >= appended).then_some(())
        };
        eventually("the followed file is read", PATIENCE, read).await;
    }
    for (source, sent) in [("post", posted), ("file", appended)] {
        let accounts = daemon.accounts(source).await;
        accounts.assert_add_up();
        assert_eq!(accounts.of("rejected"), 0, "{accounts:?}");
        let came = accounts.of("received") - accounts.of("duplicate");
        // Of what only reads nothing is remembered, so that it cannot be known again.
        let fine = if moments.is_none() { came == sent } else { came >= sent };
        assert!(fine, "{source}: {sent} were answered or appended: {accounts:?}");
    }
    end(&daemon, &receivers, expected).await
}

/// Kills it at a random moment and starts it again; sometimes once more before it is ready.
async fn kill(daemon: &mut Plain, moments: &mut Rng) {
    let mut moment = || MOMENT_MAX.mul_f64(moments.f64());
    let (first, second) = (moment(), moment());
    tokio::time::sleep(first).await;
    daemon.kill();
    daemon.spawn();
    if moments.u8(..4) == 0 {
        tokio::time::sleep(second / 4).await;
        daemon.kill();
        daemon.spawn();
    }
}

/// Posts and appends the parts of a round, in their order but for a few at the same time; returns how many records each
/// source was given, once each posted one was answered with 202.
async fn give(parts: Vec<Part>, events: String, token: String, followed: std::path::PathBuf) -> (u64, u64) {
    let client = web::client();
    let room = Arc::new(tokio::sync::Semaphore::new(REQUESTS));
    let mut requests = JoinSet::new();
    let (mut posted, mut appended) = (0, 0);
    for part in parts {
        let permit = room.clone().acquire_owned().await.expect("is open");
        match part {
            Part::Appended(text, records) => {
                let mut file = std::fs::File::options().append(true).open(&followed).expect("the file");
                file.write_all(text.as_bytes()).expect("written");
                appended += records;
            }
            Part::Posted(text) => {
                posted += text.lines().count() as u64;
                let request = client.post(&events).bearer_auth(&token).body(text);
                requests.spawn(async move {
                    taken(&request).await;
                    drop(permit);
                });
            }
        }
    }
    while let Some(ended) = requests.join_next().await {
        ended.expect("is taken");
    }
    (posted, appended)
}

/// Sends a request until it is answered with 202.
async fn taken(request: &reqwest::RequestBuilder) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        let again = request.try_clone().expect("a body that can be sent again");
        if again.send().await.is_ok_and(|answer| answer.status().as_u16() == 202) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not answered with 202 within {PATIENCE:?}");
}

async fn end(daemon: &Plain, receivers: &Receivers, expected: Option<&End>) -> End {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let incidents = loop {
        let incidents = incidents(daemon).await;
        let difference = expected.map(|expected| differences(&expected.incidents, &incidents)).unwrap_or_default();
        let waiting = daemon.get("/v1/status").await["receivers"].clone();
        let all_told = waiting.as_object().into_iter().flatten().all(|(_, orders)| orders == 0);
        // Nobody says what is expected of the undisturbed one: it has told what it had to when nothing waits.
        if difference.is_empty() && all_told && !incidents.is_empty() {
            break incidents;
        }
        assert!(tokio::time::Instant::now() < deadline, "waiting: {waiting}; not as undisturbed: {difference:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(receivers.pager.refused(), Vec::<String>::new());
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in receivers.pager.taken() {
        let incident = event["payload"]["custom_details"]["incident"]["id"].as_str().or(event["dedup_key"].as_str());
        let key = event["dedup_key"].as_str().unwrap_or_default().to_owned();
        keys.entry(incident.unwrap_or_default().to_owned()).or_default().insert(key);
    }
    assert!(keys.values().all(|keys| keys.len() == 1), "paged twice: {keys:#?}");
    with_a_key(&receivers.program);
    let repeats = without_a_key(&receivers.channel);
    let kept = [daemon.accounts("post").await.kept(), daemon.accounts("file").await.kept()];
    End { incidents, kept, pages: receivers.pager.pages(), repeats }
}

/// What holds of the incidents that page, by whose they are and when they began. Their names, and what was told and taken
/// back on the way, depend on the order in which requests and lines came; this does not.
async fn incidents(daemon: &Plain) -> BTreeMap<String, Value> {
    let answer = daemon.get("/v1/incidents").await;
    let told = answer["incidents"].as_array().expect("a list").iter().map(|one| &one["incident"]);
    let holds = |incident: &&Value| {
        ["high", "critical"].iter().any(|severity| incident["severity"] == **severity) && incident["state"] != "merged"
    };
    let told = told.filter(holds).map(|incident| {
        let key = format!("{} from {}", incident["principal"]["key"], incident["first_event_time"]);
        let names = ["severity", "detectors", "last_event_time", "accounts", "zones"];
        let mut held: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), incident[*name].clone())).collect();
        held.insert("resources".to_owned(), incident["destroyed"]["resources"].clone());
        held.insert("weight".to_owned(), incident["destroyed"]["weight"].clone());
        (key, Value::Object(held))
    });
    told.collect()
}

fn differences(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) -> Vec<String> {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let different = keys.into_iter().filter(|key| expected.get(*key) != found.get(*key));
    let told = different.map(|key| match (expected.get(key), found.get(key)) {
        (Some(expected), Some(found)) => format!("{key}: {expected} became {found}"),
        (Some(expected), None) => format!("{key} is lost: {expected}"),
        (None, found) => format!("{key} is new: {found:?}"),
    });
    told.take(20).collect()
}

/// A message that comes again comes under the same key; and an incident is opened under one key.
fn with_a_key(program: &Receiver) {
    let mut opened: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut said: BTreeMap<String, Value> = BTreeMap::new();
    for (_, event) in program.taken() {
        let (id, subject) = (event["id"].as_str().expect("an id"), event["subject"].as_str().expect("a subject"));
        if event["type"].as_str().is_some_and(|kind| kind.ends_with("incident.opened")) {
            opened.entry(subject.to_owned()).or_default().insert(id.to_owned());
        }
        let before = said.entry(id.to_owned()).or_insert_with(|| event.clone());
        assert_eq!(before["type"], event["type"], "one key for two messages: {id}");
    }
    assert!(!opened.is_empty(), "the program was told nothing");
    assert!(opened.values().all(|ids| ids.len() == 1), "opened twice: {opened:#?}");
}

/// A message that comes again comes once again, and is marked; returns how many did.
fn without_a_key(channel: &Receiver) -> usize {
    let mut said: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for (_, message) in channel.taken() {
        let text = message.to_string();
        said.entry(text.replace(REPEAT, "")).or_default().push(text.contains(REPEAT));
    }
    assert!(!said.is_empty(), "the channel was told nothing");
    let again: Vec<_> = said.iter().filter(|(_, marks)| marks.len() > 1).collect();
    for (message, marks) in &again {
        assert_eq!(marks.as_slice(), [false, true], "more than one repeat, or without a mark: {message}");
    }
    again.len()
}
