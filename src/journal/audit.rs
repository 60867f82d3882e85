//! The audit trail in the journal's file.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use trailbrake_detectors::time::Millis;

use super::chain::{Entry, Hash, Head, Link, Note};
use super::cut::whole;
use crate::limits::AUDIT_REMOVED_AT_ONCE;

/// Adds entries, removes a few of those that are too many, and says where the chain ends.
pub(super) fn append(transaction: &Transaction<'_>, notes: &[Note], kept: u64) -> rusqlite::Result<Head> {
    let mut head = head(transaction)?;
    if notes.is_empty() {
        return Ok(head);
    }
    let mut add =
        transaction.prepare_cached("INSERT INTO audit (number, at, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for note in notes {
        let entry = head.entry(note);
        add.execute(params![whole(entry.number), entry.at.0, entry.kind, entry.body, entry.hash])?;
        head = entry.head();
    }
    trim(transaction, &head, kept)?;
    Ok(head)
}

/// Where the chain ends.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let last = connection
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok(Head { number: number(row.get(0)?), hash: row.get(1)? }))
        .optional()?;
    last.map_or_else(|| anchor(connection), Ok)
}

/// The last entry that is no longer kept.
fn anchor(connection: &Connection) -> rusqlite::Result<Head> {
    let anchor = connection
        .prepare_cached("SELECT number, hash FROM anchor")?
        .query_row([], |row| Ok(Head { number: number(row.get(0)?), hash: row.get(1)? }))
        .optional()?;
    Ok(anchor.unwrap_or_default())
}

/// Removes the oldest of what is too many, a few at a time, and keeps what the rest hangs on.
fn trim(transaction: &Transaction<'_>, head: &Head, kept: u64) -> rusqlite::Result<()> {
    let first = anchor(transaction)?.number + 1;
    let surplus = (head.number + 1 - first).saturating_sub(kept).min(AUDIT_REMOVED_AT_ONCE);
    if surplus == 0 {
        return Ok(());
    }
    let last_gone = whole(first + surplus - 1);
    transaction
        .prepare_cached(
            "INSERT INTO anchor (only, number, hash) SELECT 1, number, hash FROM audit WHERE number = ?1
             ON CONFLICT (only) DO UPDATE SET number = excluded.number, hash = excluded.hash",
        )?
        .execute([last_gone])?;
    transaction.prepare_cached("DELETE FROM audit WHERE number <= ?1")?.execute([last_gone])?;
    Ok(())
}

/// Reads the trail, the oldest first, as it is at this moment, until `take` says that it is enough.
pub(super) fn read(connection: &Connection, take: &mut dyn FnMut(Link) -> bool) -> rusqlite::Result<()> {
    let snapshot = connection.unchecked_transaction()?;
    if !take(Link::Anchor(anchor(&snapshot)?)) {
        return Ok(());
    }
    let mut statement = snapshot.prepare("SELECT number, at, kind, body, hash FROM audit ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash: Hash = row.get(4)?;
        let (number, at) = (number(row.get(0)?), Millis(row.get(1)?));
        if !take(Link::Entry(Entry { number, at, kind: row.get(2)?, body: row.get(3)?, hash })) {
            break;
        }
    }
    Ok(())
}

/// What is never negative.
fn number(stored: i64) -> u64 {
    stored.unsigned_abs()
}
