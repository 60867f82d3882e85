//! What is known of files over looks that do not see all, and over turns.

use trailbrake_detectors::time::Millis;

use super::super::scan::Stamp;
use super::*;
use crate::limits::{FILE_SETTLED, FOLLOWED_FILES_MAX, SOURCE_BACKOFF_FIRST};

const WALL: Millis = Millis(1_800_000_000_000);

fn seen(names: impl IntoIterator<Item = String>, modified: i64) -> Scan {
    let stamp = Stamp { inode: 1, size: 1, modified };
    let files = names.into_iter().map(|name| (PathBuf::from(name), stamp)).collect();
    Scan { files, ..Scan::new(Kind::Directory) }
}

fn table(now: Instant) -> Table {
    Table::new(Path::new("/trail"), Spans::default(), Vec::new(), now)
}

fn due(table: &Table, now: Instant) -> Vec<String> {
    table.due(now, WALL).iter().map(|due| due.path.display().to_string()).collect()
}

#[test]
fn only_what_is_below_a_place_that_cannot_be_looked_into_may_still_be_there() {
    let now = Instant::now();
    let mut table = table(now);
    table.merge(&seen(["locked/a".to_owned(), "b".to_owned(), "lock".to_owned()], 1), now);
    for due in table.due(now, WALL) {
        table.failed(&due, "incomplete", now);
    }
    let scan = Scan { unseen: [PathBuf::from("locked")].into(), ..seen([], 1) };
    assert_eq!(table.merge(&scan, now), [PathBuf::from("b"), PathBuf::from("lock")]);
    assert_eq!(table.failing(Duration::ZERO, now), Some((1, "/trail/locked/a".into(), "incomplete")));
}

#[test]
fn no_more_are_known_than_there_is_room_for_though_some_cannot_be_seen() {
    let now = Instant::now();
    let mut table = table(now);
    table.merge(&seen(["new".to_owned()], 2), now);
    let unseen = |scan| Scan { unseen: [PathBuf::new()].into(), ..scan };
    let others = (1..FOLLOWED_FILES_MAX).map(|number| format!("{number:06}"));
    assert!(table.merge(&unseen(seen(others, 1)), now).is_empty());
    assert_eq!(table.merge(&unseen(seen(["newer".to_owned()], 3)), now).len(), 1, "there is no room for one");
    let known = due(&table, now);
    assert_eq!((known.len(), known.last().map(String::as_str)), (FOLLOWED_FILES_MAX, Some("newer")));
    assert!(known.contains(&"new".to_owned()), "the newest are kept");
}

#[test]
fn who_has_more_waits_until_all_others_had_a_turn() {
    let now = Instant::now();
    let mut table = table(now);
    table.merge(&seen(["a".to_owned(), "b".to_owned(), "c".to_owned()], 1), now);
    let mut had = Vec::new();
    for _ in 0..6 {
        let first = table.due(now, WALL).remove(0);
        assert_eq!(first.is_tried, had.len() >= 3);
        table.read(&first, Progress::Nothing, true);
        had.push(first.path.display().to_string());
    }
    assert_eq!(had, ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn what_cannot_be_read_stays_so_while_nothing_can_be_said_of_it() {
    let now = Instant::now();
    let mut table = table(now);
    table.merge(&seen(["a.gz".to_owned()], 1), now);
    table.failed(&table.due(now, WALL)[0].clone(), "incomplete", now);
    // It changes, and has not settled.
    table.merge(&seen(["a.gz".to_owned()], WALL.0 * 1_000_000), now);
    let changed = table.due(now, WALL).remove(0);
    assert!(!changed.is_settled);
    table.put_off(&changed, now);
    assert!(table.failing(Duration::ZERO, now).is_some());
    assert!(due(&table, now + SOURCE_BACKOFF_FIRST.min(FILE_SETTLED / 2)).is_empty());
    let settled = table.due(now + FILE_SETTLED, WALL).remove(0);
    table.read(&settled, Progress::Nothing, false);
    assert_eq!(table.failing(Duration::ZERO, now), None);
}
