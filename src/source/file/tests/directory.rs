//! A directory: read once, and followed.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn all_files_are_read_once_the_oldest_first_and_the_bad_ones_told_at_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let deep = root.join("AWSLogs/1/CloudTrail/eu-west-1/2026/01/05");
    write_old(&deep.join("b.json.gz"), &packed("{\"b\":1}"), 200);
    write_old(&root.join("a.ndjson"), b"{\"a\":1}\n{\"a\":2}", 100);
    write_old(&root.join("c.json"), b"{\n\"Records\":[]}", 300);
    write_old(&root.join("d.json.gz.AbCd1234"), b"half", 300);
    let mut run = Run::start(root, false, Positions::new());
    let mut partitions = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for _ in 0..3 {
        let batch = run.batch().await;
        partitions.insert(batch.partition.name.to_string());
        found.push((batch.position.expect("a position").name, batch.payloads.len()));
    }
    let name = |path: PathBuf| table::name_of(&path);
    let expected =
        [(name(root.join("c.json")), 1), (name(deep.join("b.json.gz")), 1), (name(root.join("a.ndjson")), 2)];
    assert_eq!(found, expected);
    assert_eq!(partitions, [root.display().to_string()].into(), "it is one partition");
    run.task.await.expect("no panic").expect("a clean end");
    assert_eq!(run.positions.len(), 3);

    write_old(&root.join("bad.json.gz"), &packed("{}")[..10], 400);
    write_old(&root.join("e.json"), b"{\"e\":1}", 300);
    let mut run = Run::start(root, false, run.positions);
    assert_eq!(run.payloads().await, ["{\"e\":1}"]);
    let end = run.task.await.expect("no panic").expect_err("one is bad");
    assert!(end.to_string().contains("1 files of a directory cannot be read"), "{end}");
}

#[tokio::test]
async fn files_that_appear_grow_and_go_are_followed() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let mut run = Run::start(root, true, Positions::new());
    assert_eq!(run.trouble().await, None);
    write_old(&root.join("day/a.json.gz"), &packed("{\"a\":1}"), 100);
    assert_eq!(run.batch().await.payloads, [packed("{\"a\":1}")]);
    let lines = root.join("day/lines.log");
    append(&lines, "{\"l\":1}\n{\"half\"");
    assert_eq!(run.payloads().await, ["{\"l\":1}"]);
    append(&lines, ":2}\n");
    assert_eq!(run.payloads().await, ["{\"half\":2}"]);
    // It goes on under a name that is none of the trail's.
    append(&lines, "{\"last\"");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let rotated = root.join("day/lines.log.1");
    std::fs::rename(&lines, &rotated).expect("can be renamed");
    append(&rotated, ":1}\n");
    append(&lines, "{\"new\":1}\n");
    let mut payloads = run.payloads().await;
    if payloads.len() < 2 {
        payloads.extend(run.payloads().await);
    }
    assert_eq!(payloads, ["{\"last\":1}", "{\"new\":1}"]);
    // As long as what was there.
    std::fs::write(&lines, "{\"cut\":1}\n").expect("can be written");
    assert_eq!(run.payloads().await, ["{\"cut\":1}"]);
    assert_eq!(run.positions.len(), 2);

    // What is gone is forgotten after a while.
    std::fs::remove_dir_all(root.join("day")).expect("can be removed");
    while !run.positions.is_empty() {
        assert!(run.batch().await.payloads.is_empty());
    }
    run.is_quiet().await;
    run.stop().await;
}

#[tokio::test]
async fn a_restart_reads_nothing_twice_and_goes_on_in_the_middle() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    write_old(&root.join("a.json.gz"), &packed("{\"a\":1}"), 200);
    append(&root.join("lines.ndjson"), "{\"l\":1}\n{\"half\"");
    let mut run = Run::start(root, true, Positions::new());
    assert_eq!(run.batch().await.payloads, [packed("{\"a\":1}")]);
    assert_eq!(run.payloads().await, ["{\"l\":1}"]);
    let positions = run.stop().await;

    append(&root.join("lines.ndjson"), ":2}\n");
    write_old(&root.join("b.json.gz"), &packed("{\"b\":1}"), 100);
    write_old(&root.join("a.json.gz.part"), b"", 0);
    std::fs::remove_file(root.join("a.json.gz.part")).expect("can be removed");
    let mut run = Run::start(root, true, positions);
    assert_eq!(run.batch().await.payloads, [packed("{\"b\":1}")]);
    assert_eq!(run.payloads().await, ["{\"half\":2}"]);
    run.is_quiet().await;
    let positions = run.stop().await;
    assert_eq!(positions.len(), 3);

    // While it was down one went away.
    std::fs::remove_file(root.join("a.json.gz")).expect("can be removed");
    let mut run = Run::start(root, true, positions);
    let batch = run.batch().await;
    assert_eq!((batch.payloads.len(), batch.position.and_then(|position| position.at)), (0, None));
    assert_eq!(run.stop().await.len(), 2);
}

#[tokio::test]
async fn what_is_being_copied_is_read_when_it_is_whole_and_what_changes_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let (path, bytes) = (root.join("a.json.gz"), packed(&"{\"a\":1}\n".repeat(100)));
    std::fs::write(&path, "").expect("can be written");
    let mut run = Run::start(root, true, Positions::new());
    let mut file = std::fs::File::options().append(true).open(&path).expect("opened");
    for part in bytes.chunks(bytes.len() / 8) {
        file.write_all(part).expect("can be written");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(run.bench.batches.try_recv().is_err() || part.len() < bytes.len() / 8, "half of it was read");
    }
    assert_eq!(run.batch().await.payloads, [bytes]);

    // Somebody stops in the middle of a copy, and goes on later.
    let bytes = packed(&"{\"b\":1}\n".repeat(100));
    std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("can be written");
    assert_eq!(run.trouble().await, None);
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.starts_with("1 files cannot be read, such as ") && trouble.ends_with("a.json.gz: incomplete"));
    std::fs::write(&path, &bytes).expect("can be written");
    assert_eq!(run.batch().await.payloads, [bytes]);
    assert_eq!(run.trouble().await, None);
    run.stop().await;
}

#[tokio::test]
async fn one_bad_file_holds_up_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let most = trailbrake_detectors::limits::PAYLOAD_BYTES_MAX;
    make_fifo(&root.join("fifo.json"));
    std::fs::create_dir(root.join("directory.json")).expect("can be made");
    write_old(&root.join("empty.json.gz"), b"", 500);
    write_old(&root.join("large.json"), &[b"[\n".to_vec(), vec![b' '; most]].concat(), 400);
    write_old(&root.join("locked.json"), b"{\"locked\":1}\n", 300);
    std::os::unix::fs::symlink(root.join("nowhere"), root.join("link.json")).expect("a link");
    let permissions = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(root.join("locked.json"), permissions).expect("our own file");
    let is_privileged = std::fs::File::open(root.join("locked.json")).is_ok();
    write_old(&root.join("good\u{1b}[2J\n.json"), b"{\"good\":1}\n", 100);
    let mut run = Run::start(root, true, Positions::new());
    if is_privileged {
        assert_eq!(run.payloads().await, ["{\"locked\":1}"]);
    }
    assert_eq!(run.payloads().await, ["{\"good\":1}"]);
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.contains("1 cannot be looked into, such as ") && trouble.contains("link.json"), "{trouble}");
    assert!(!trouble.contains(char::is_control), "{trouble:?}");
    run.is_quiet().await;
    run.stop().await;
}

#[tokio::test]
async fn a_directory_that_is_away_is_trouble_and_its_positions_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("trail");
    write_old(&root.join("a.json.gz"), &packed("{\"a\":1}"), 100);
    let mut run = Run::start(&root, true, Positions::new());
    assert_eq!(run.batch().await.payloads, [packed("{\"a\":1}")]);
    assert_eq!(run.trouble().await, None);
    let away = directory.path().join("away");
    std::fs::rename(&root, &away).expect("can be renamed");
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.contains("trail: no such file"), "{trouble}");
    std::fs::write(&root, "{}").expect("can be written");
    tokio::time::sleep(Duration::from_millis(400)).await;
    std::fs::remove_file(&root).expect("can be removed");
    std::fs::rename(&away, &root).expect("can be renamed");
    assert_eq!(run.trouble().await, None);
    run.is_quiet().await;
    assert_eq!(run.stop().await.len(), 1);
}

#[tokio::test]
async fn a_restart_says_nothing_of_what_was_bad_before_it_is_clear() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let (bad, link) = (root.join("bad.json.gz"), root.join("link.json"));
    let whole = packed("{\"bad\":1}\n");
    for (words, is_cut) in [("incomplete", true), ("link.json", false)] {
        if is_cut {
            write_old(&bad, &whole[..12], 100);
        } else {
            std::os::unix::fs::symlink(root.join("nowhere"), &link).expect("a link");
        }
        let mut positions = Positions::new();
        for _ in 0..2 {
            let mut run = Run::start(root, true, positions);
            let trouble = run.trouble().await;
            assert!(trouble.as_deref().is_some_and(|trouble| trouble.contains(words)), "{words}: {trouble:?}");
            positions = run.stop().await;
        }
        let mut run = Run::start(root, true, positions);
        assert!(run.trouble().await.is_some());
        // Somebody is at it.
        write_old(&bad, &whole[..if is_cut { 13 } else { whole.len() }], 0);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(run.bench.watches.try_recv().is_err(), "{words}: nothing else is said");
        let _ = std::fs::remove_file(&link);
        write_old(&bad, &whole, 0);
        assert_eq!(run.trouble().await, None, "{words}");
        run.stop().await;
    }
}

#[tokio::test]
async fn files_of_lines_are_read_side_by_side() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let lines = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1 << 10)).repeat(3 << 10);
    write_old(&root.join("a.log"), lines.as_bytes(), 200);
    write_old(&root.join("b.log"), lines.as_bytes(), 100);
    let mut run = Run::start(root, true, Positions::new());
    let mut turns: Vec<Arc<str>> = Vec::new();
    let mut read = 0;
    while read < 2 * (3 << 10) {
        let batch = run.batch().await;
        read += batch.payloads.len();
        let name = batch.position.expect("a position").name;
        if turns.last() != Some(&name) {
            turns.push(name);
        }
    }
    assert!(turns.len() >= 6 && turns[0].ends_with("a.log"), "{turns:?}");
    run.stop().await;
}

#[tokio::test]
async fn a_directory_too_large_to_be_looked_through_is_trouble() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    for number in 0..4 {
        write_old(&root.join(format!("{number}.txt")), b"", 100);
    }
    let manner = Manner { room: Room { entries: 4, ..Room::default() }, ..fast() };
    let mut run = Run::with(root, true, Positions::new(), manner);
    let trouble = run.trouble().await.expect("trouble");
    assert!(trouble.contains("it holds more than 4 files and directories"), "{trouble}");
    std::fs::remove_file(root.join("0.txt")).expect("can be removed");
    assert_eq!(run.trouble().await, None);
    run.stop().await;
}

#[test]
fn a_file_system_that_hangs_holds_up_no_stop() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().expect("a runtime");
    let (let_go, hangs) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        // No other call to the file system gets a thread.
        let hanging = tokio::task::spawn_blocking(move || hangs.recv());
        for follow in [true, false] {
            let run = Run::start(directory.path(), follow, Positions::new());
            tokio::time::sleep(Duration::from_millis(50)).await;
            tokio::time::timeout(Duration::from_secs(5), run.stop()).await.expect("it stops");
        }
        drop(let_go);
        let _ = hanging.await;
    });
}
