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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_end_by_itself_while_a_receiver_is_still_to_be_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let start = SystemClock.now().second().plus(-60);
    let made = generate("batch-terminate", &Options::new(3, start));
    let now = SystemClock.now().second().to_string();
    let record = made.expect("a scenario").into_iter().find(|record| record.destructive).expect("a call");
    let json = record.json.replace(&record.time.to_string(), &now);
    std::fs::write(directory.path().join("a.ndjson"), json).expect("writable");
    let receiver = free_address();
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("writable");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    let once = text(directory.path(), free_address(), free_address())
        .replace("[sources.post.http]", "[sources.post.file]\npath = \"a.ndjson\"")
        + &format!(
            "[receivers.program.webhook]\nurl = \"http://{receiver}\"\nsecret = {{ file = \"{}\" }}\n",
            secret.display()
        );
    let config = crate::config::parse(&once, "test").unwrap_or_else(|error| panic!("{error}"));
    let (_stop, stopped) = watch::channel(false);
    let mut ended = tokio::spawn(run(config, None, Arc::new(SystemClock), stopped, None));
    assert!(tokio::time::timeout(Duration::from_secs(3), &mut ended).await.is_err(), "nobody has been told yet");
    // The receiver is there again, and takes whatever comes.
    let listener = tokio::net::TcpListener::bind(receiver).await.expect("a free port");
    let answers = axum::Router::new().fallback(|| async { "taken" });
    tokio::spawn(async move { axum::serve(listener, answers).await });
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("it ends")
        .expect("no panic")
        .expect("a clean end");
}

#[test]
fn the_first_step_that_was_not_done_is_what_was_waited_for() {
    let mut steps = shutdown::STEPS.map(|step| (step, true));
    (steps[3].1, steps[7].1) = (false, false);
    let error = shutdown::outcome(&steps).expect_err("not done").to_string();
    assert!(error.starts_with("shutdown took too long while waiting for: engine\nhint: "), "{error}");
}
