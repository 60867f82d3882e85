//! One file: read once, and followed.

use super::*;
use crate::limits::{FOLLOWED_UNWRITTEN_BYTES_MAX, JOURNAL_DOWN_AFTER};

#[tokio::test]
async fn goes_on_from_its_position_and_has_nothing_more_at_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    append(&path, "{\"a\":1}\n{\"b\":2}\n");
    let mut run = Run::start(&path, false, Positions::new());
    assert_eq!(run.payloads().await, ["{\"a\":1}", "{\"b\":2}"]);
    run.task.await.expect("no panic").expect("a clean end");

    append(&path, "{\"c\":3}");
    let mut run = Run::start(&path, false, run.positions);
    assert_eq!(run.payloads().await, ["{\"c\":3}"]);
    run.task.await.expect("no panic").expect("a clean end");

    let mut run = Run::start(&path, false, run.positions);
    assert!(run.bench.batches.recv().await.is_none());
    run.task.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn follows_over_additions_truncation_and_rotation() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    let mut run = Run::start(&path, true, Positions::new());
    append(&path, "{\"a\":1}\n{\"half\"");
    assert_eq!(run.payloads().await, ["{\"a\":1}"]);
    append(&path, ":2}\n");
    assert_eq!(run.payloads().await, ["{\"half\":2}"]);

    std::fs::write(&path, "{\"cut\":1}\n").expect("can be written");
    assert_eq!(run.payloads().await, ["{\"cut\":1}"]);

    append(&path, "{\"last\"");
    tokio::time::sleep(Duration::from_millis(100)).await;
    std::fs::rename(&path, directory.path().join("trail.1")).expect("can be renamed");
    append(&directory.path().join("trail.1"), ":1}");
    append(&path, "{\"new\":1}\n");
    let mut payloads = run.payloads().await;
    if payloads.len() < 2 {
        payloads.extend(run.payloads().await);
    }
    assert_eq!(payloads, ["{\"last\":1}", "{\"new\":1}"]);
    run.stop().await;
}

#[tokio::test]
async fn another_file_under_the_same_number_is_read_from_its_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    append(&path, "{\"a\":1}\n{\"b\":2}\n");
    let mut run = Run::start(&path, true, Positions::new());
    assert_eq!(run.payloads().await.len(), 2);
    let positions = run.stop().await;
    // The number stays, and it is longer than before.
    std::fs::write(&path, "{\"x\":1}\n{\"y\":2}\n{\"z\":3}\n").expect("can be written");
    let mut run = Run::start(&path, true, positions);
    assert_eq!(run.payloads().await, ["{\"x\":1}", "{\"y\":2}", "{\"z\":3}"]);
    run.stop().await;
}

#[tokio::test]
async fn a_line_without_an_end_is_taken_once_it_says_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.json");
    append(&path, "{\"Records\":[{}]}");
    let mut run = Run::start(&path, true, Positions::new());
    assert_eq!(run.payloads().await, ["{\"Records\":[{}]}"]);
    append(&path, "\n{\"b\":2}\n");
    assert_eq!(run.payloads().await, ["{\"b\":2}"]);
    run.stop().await;
}

#[tokio::test]
async fn documents_and_archives_are_one_payload_and_too_large_ones_a_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let most = trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;
    for (name, content) in [("a.json", b"{\"Records\":[\n{}]}\n".to_vec()), ("a.json.gz", packed("not lines\n"))] {
        let path = directory.path().join(name);
        std::fs::write(&path, &content).expect("can be written");
        let mut run = Run::start(&path, false, Positions::new());
        assert_eq!(run.batch().await.payloads, [content]);
        run.task.await.expect("no panic").expect("a clean end");
        let mut run = Run::start(&path, false, run.positions);
        assert!(run.bench.batches.recv().await.is_none(), "it is read");
    }
    for (name, content, words) in [
        ("large.json", [b"[\n".to_vec(), vec![b' '; most]].concat(), "larger than"),
        ("empty.json.gz", Vec::new(), "it is empty"),
        ("half.json.gz", packed("not lines\n")[..12].to_vec(), "not to its end"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("can be written");
        let end = Run::start(&path, false, Positions::new()).task.await.expect("no panic");
        let text = end.expect_err("cannot be read").to_string();
        assert!(text.contains(words) && text.contains("hint: "), "{text}");
    }
}

#[tokio::test]
async fn a_document_that_is_followed_is_read_whole_again_when_it_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.json");
    std::fs::write(&path, "{\n\"Records\": [\n{}]}\n").expect("can be written");
    let mut run = Run::start(&path, true, Positions::new());
    assert_eq!(run.payloads().await, ["{\n\"Records\": [\n{}]}\n"]);
    std::fs::write(&path, "{\n\"Records\": [\n{},{}]}\n").expect("can be written");
    assert_eq!(run.payloads().await, ["{\n\"Records\": [\n{},{}]}\n"]);
    run.is_quiet().await;
    run.stop().await;
}

#[tokio::test]
async fn a_path_that_stays_away_or_becomes_another_thing_is_trouble_until_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    let mut run = Run::start(&path, true, Positions::new());
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.contains("trail.ndjson: no such file"), "{trouble}");
    append(&path, "{\"a\":1}\n");
    assert_eq!(run.trouble().await, None);
    assert_eq!(run.payloads().await, ["{\"a\":1}"]);

    std::fs::remove_file(&path).expect("can be removed");
    std::fs::create_dir(&path).expect("can be made");
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.ends_with("it was a file and is another thing"), "{trouble}");
    std::fs::remove_dir(&path).expect("can be removed");
    append(&path, "{\"b\":2}\n");
    assert_eq!(run.trouble().await, None);
    assert_eq!(run.payloads().await, ["{\"b\":2}"]);
    run.stop().await;
}

#[tokio::test]
async fn a_file_that_is_away_for_a_moment_is_no_trouble() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    append(&path, "{\"a\":1}\n");
    let manner = Manner { trouble_after: Duration::from_secs(10), ..fast() };
    let mut run = Run::with(&path, true, Positions::new(), manner);
    assert_eq!(run.trouble().await, None);
    assert_eq!(run.payloads().await, ["{\"a\":1}"]);
    std::fs::remove_file(&path).expect("can be removed");
    tokio::time::sleep(Duration::from_millis(200)).await;
    append(&path, "{\"b\":2}\n");
    assert_eq!(run.payloads().await, ["{\"b\":2}"]);
    assert!(run.bench.watches.try_recv().is_err(), "nothing is said");
    run.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_clear_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let fifo = directory.path().join("fifo");
    make_fifo(&fifo);
    for path in [directory.path().join("missing"), fifo] {
        let end = Run::start(&path, false, Positions::new()).task.await.expect("no panic");
        let text = end.expect_err("cannot be read").to_string();
        assert!(text.contains("file cannot be read") && text.contains("hint: "), "{text}");
    }
    for (path, words) in [("missing", "no such file"), ("fifo", "neither a file"), ("", "")] {
        let remark = remark(&directory.path().join(path), true).map(|(what, _)| what).unwrap_or_default();
        assert!(remark.contains(words) && remark.is_empty() == path.is_empty(), "{path}: {remark}");
    }
    let refused = FileSource::new(terms("file"), PathBuf::from("a.json.gz"), true);
    let text = refused.err().expect("refused").to_string();
    assert!(text.contains("a compressed file cannot be followed: a.json.gz\nhint: "), "{text}");
}

#[tokio::test]
async fn what_the_journal_cannot_take_is_handed_over_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100 << 10));
    let many = FOLLOWED_UNWRITTEN_BYTES_MAX / line.len() * 2;
    append(&path, &line.repeat(many));
    let mut run = Run::start(&path, true, Positions::new());
    let (mut unwritten, mut lines) = (Vec::new(), 0);
    let limit = Duration::from_secs(20);
    while lines < many + 1 {
        let batch = tokio::time::timeout(limit, run.bench.batches.recv()).await.expect("in time").expect("a batch");
        lines += batch.payloads.len();
        if lines == many {
            append(&path, "{\"burst\":1}\n");
        }
        unwritten.push(batch);
    }
    // As soon as it takes something, it is waited for as before.
    for mut batch in unwritten {
        let _ = batch.acknowledgement.take().expect("is asked for").send(Committed::default());
    }
    append(&path, &line.repeat(many));
    let (mut unwritten, mut bytes) = (Vec::new(), 0);
    let pause = JOURNAL_DOWN_AFTER / 2;
    while let Ok(Some(batch)) = tokio::time::timeout(pause, run.bench.batches.recv()).await {
        bytes += batch.payloads.iter().map(bytes::Bytes::len).sum::<usize>();
        unwritten.push(batch);
    }
    assert!(bytes <= FOLLOWED_UNWRITTEN_BYTES_MAX, "{bytes}");
    run.stop().await;
}

#[tokio::test]
async fn a_line_that_is_written_anew_before_it_has_ended_is_not_mixed_with_what_was_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trail.ndjson");
    append(&path, "{\"a\":1}\n{\"half\"");
    let mut run = Run::start(&path, true, Positions::new());
    assert_eq!(run.payloads().await, ["{\"a\":1}"]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut file = std::fs::File::options().write(true).open(&path).expect("opened");
    file.write_all(b"{\"a\":1}\n{\"another\":1}\n").expect("can be written");
    assert_eq!(run.payloads().await, ["{\"a\":1}", "{\"another\":1}"]);
    run.stop().await;
}
