//! How large the journal of an organisation becomes.

use std::io::Write as _;

use rusqlite::Connection;

use super::*;

/// Principals, for a measurement by hand; the test itself has fewer.
const PRINCIPALS: &str = "TRAILBRAKE_JOURNAL_PRINCIPALS";
const PAYLOADS: usize = 200;

/// What a day leaves.
struct Size {
    facts: u64,
    held: u64,
    forgotten: u64,
    bytes: u64,
}

fn size(path: &std::path::Path, facts: u64) -> Size {
    let connection = Connection::open(path).expect("opens");
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count").unsigned_abs();
    let held = count("SELECT count(*) FROM rows WHERE name = 'fact'");
    Size { facts, held, forgotten: count("SELECT count(*) FROM forgotten"), bytes: count("PRAGMA page_count") * 4_096 }
}

/// Each day of an organisation of so many principals goes through the stages as fast as they can, in batches as a stream
/// gives them.
fn days(principals: u32, days: u64) -> Vec<Size> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    let mut journal = crate::journal::open(&JournalKind::Sqlite(path.clone()), Millis(0)).expect("opens");
    let (step, _) = stage(Mode::Observe);
    let mut step = step.recalling(journal.recall(), None);
    let (mut facts, mut sizes) = (0, Vec::new());
    for day in 0..days {
        let start = START.plus(day as i64 * 86_400);
        let options = Options { principals, rate: 0.1, duration_seconds: 86_400, ..Options::new(day, start) };
        let records = generate("organisation", &options).expect("a scenario");
        for records in records.chunks(PAYLOADS) {
            let received_at = records[records.len() - 1].time.millis().plus(5_000);
            let payloads = records.iter().map(|record| Bytes::from(record.json.clone())).collect();
            let piece = step.step(Work::Batch(Box::new(DecodeStep::default().step(batch(payloads, &[], received_at)))));
            let judged = ["judged", "twin", "conflicting"].map(|column| count(&piece.cut).get(column).copied());
            facts += judged.into_iter().flatten().sum::<u64>();
            commit(journal.as_mut(), piece);
        }
        sizes.push(size(&path, facts));
    }
    sizes
}

#[test]
fn a_journal_holds_what_is_judged_by_and_of_the_rest_a_few_bytes() {
    let principals = std::env::var(PRINCIPALS).map_or(20, |text| text.parse().expect("a number"));
    for (day, size) in days(principals, 2).iter().enumerate() {
        let Size { facts, held, forgotten, bytes } = size;
        let said = format!("day {day}: {facts} facts came, {held} are held, {forgotten} are known; {bytes} bytes\n");
        // Straight to the stream: this is what a measurement by hand is for.
        let _ = std::io::stderr().write_all(said.as_bytes());
        assert_eq!(held + forgotten, *facts, "each fact is held, or known");
        assert!(*forgotten > facts / 4, "most are forgotten: {forgotten} of {facts}");
        assert!(*bytes < held * 4_096 + forgotten * 64 + (1 << 20), "{bytes} bytes");
    }
}
