//! The end: in the order of the data, and nothing that was taken in is left behind.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_in_the_order_of_the_data() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (http, metrics) = (free_address(), free_address());
    let daemon = wiring::start(config(directory.path(), http, metrics), None, Arc::new(SystemClock), None).await;
    let daemon = daemon.unwrap_or_else(|error| panic!("{error}"));
    daemon.ready();
    // What is posted until then is answered, and is in the journal.
    let (trail, records) = trail();
    let url = format!("http://{http}/v1/events");
    let posted = tokio::spawn(reqwest::Client::new().post(url).bearer_auth(TOKEN).body(trail).send());
    let answer = posted.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status().as_u16(), 202);
    let steps = daemon.shut_down().await;
    assert_eq!(steps, shutdown::STEPS.map(|step| (step, true)));
    assert!(shutdown::outcome(&steps).is_ok());
    assert!(std::net::TcpStream::connect(metrics).is_err() && std::net::TcpStream::connect(http).is_err());

    let again = start(directory.path()).await;
    assert_eq!(again.get("/v1/status").await["sources"]["post"]["records"]["received"], records);
    again.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_by_itself_when_nothing_is_left_that_could_bring_a_record() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (trail, records) = trail();
    std::fs::create_dir(directory.path().join("trail")).expect("a directory");
    std::fs::write(directory.path().join("trail/a.ndjson"), trail).expect("writable");
    let text = text(directory.path(), free_address(), free_address());
    let once = text.replace("[sources.post.http]", "[sources.post.file]\npath = \"trail\"");
    let config = crate::config::parse(&once, "test").unwrap_or_else(|error| panic!("{error}"));
    let (_stop, stopped) = watch::channel(false);
    let ended = run(config, None, Arc::new(SystemClock), stopped, None);
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends").expect("a clean end");

    let again = start(directory.path()).await;
    assert_eq!(again.get("/v1/status").await["sources"]["post"]["records"]["received"], records);
    again.end().await;
}

#[test]
fn the_first_step_that_was_not_done_is_what_was_waited_for() {
    let mut steps = shutdown::STEPS.map(|step| (step, true));
    (steps[3].1, steps[7].1) = (false, false);
    let error = shutdown::outcome(&steps).expect_err("not done").to_string();
    assert!(error.starts_with("shutdown took too long while waiting for: engine\nhint: "), "{error}");
}
