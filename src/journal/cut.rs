//! How a cut is written to the tables, and how they are read back.

use rusqlite::{Connection, Row as SqlRow, Transaction, params};
use serde::de::DeserializeOwned;
use trailbrake_detectors::engine::{Change, Partition, PauseKey, Row};

use super::{Cut, Head, Loaded, OnRecord, Order, OrderEnd, Retention, audit, forgotten};

/// Why a cut was not written, or the tables not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Something is not the JSON that it should be.
    #[error("{table}: {reason}")]
    Json {
        /// The table.
        table: &'static str,
        /// Why.
        reason: serde_json::Error,
    },
}

/// What a cut that is written leads to.
pub(super) struct Written {
    /// Where the audit trail ends.
    pub(super) head: Head,
    /// How many forgotten facts are kept.
    pub(super) forgotten: u64,
}

/// Writes all of a cut within a transaction; `forgotten` says how many forgotten facts are kept before it.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    cut: &Cut,
    retention: Retention,
    forgotten: u64,
) -> Result<Written, CutError> {
    write_rows(transaction, cut)?;
    write_counts(transaction, cut)?;
    let head = audit::append(transaction, &cut.notes, retention.audit)?;
    write_orders(transaction, cut, head)?;
    forget_orders(transaction, cut, retention)?;
    write_desired(transaction, cut)?;
    forget_desired(transaction, cut, retention)?;
    write_artefacts(transaction, cut, retention)?;
    let forgotten = forgotten::write(transaction, &cut.forgotten, forgotten, retention)?;
    Ok(Written { head, forgotten })
}

fn write_rows(transaction: &Transaction<'_>, cut: &Cut) -> Result<(), CutError> {
    if cut.whole {
        transaction.execute("DELETE FROM rows", [])?;
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO rows (name, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
    )?;
    let mut delete = transaction.prepare_cached("DELETE FROM rows WHERE name = ?1 AND key = ?2")?;
    for row in &cut.rows {
        match &row.value {
            Some(value) => put.execute(params![row.table, row.key, value])?,
            None => delete.execute(params![row.table, row.key])?,
        };
    }
    Ok(())
}

fn write_counts(transaction: &Transaction<'_>, cut: &Cut) -> Result<(), CutError> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO positions (source, name, position) VALUES (?1, ?2, ?3)
         ON CONFLICT (source, name) DO UPDATE SET position = excluded.position",
    )?;
    let mut forget = transaction.prepare_cached("DELETE FROM positions WHERE source = ?1 AND name = ?2")?;
    for (Partition { source, name }, position) in &cut.positions {
        match position {
            Some(position) => put.execute(params![source.as_ref(), name.as_ref(), position])?,
            None => forget.execute(params![source.as_ref(), name.as_ref()])?,
        };
    }
    let mut add = transaction.prepare_cached(
        "INSERT INTO counts (source, name, records) VALUES (?1, ?2, ?3)
         ON CONFLICT (source, name) DO UPDATE
         SET records = records + min(excluded.records, 9223372036854775807 - records)",
    )?;
    for (source, column, records) in &cut.counts {
        add.execute(params![source, column, whole(*records)])?;
    }
    Ok(())
}

fn write_orders(transaction: &Transaction<'_>, cut: &Cut, head: Head) -> Result<(), CutError> {
    let mut add =
        transaction.prepare_cached("INSERT INTO orders (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?;
    for order in &cut.orders {
        let order = Order { record: OnRecord::At(head), ..order.clone() };
        add.execute(params![order.id, to_json("orders", &order)?])?;
    }
    let mut end = transaction.prepare_cached(
        "UPDATE orders SET result = ?2, ended_at = ?3 WHERE id = ?1 AND result IS NULL RETURNING number, body",
    )?;
    let mut page = transaction.prepare_cached(
        "INSERT INTO pages (receiver, page_key, number, open, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (receiver, page_key) DO UPDATE
         SET number = excluded.number, open = excluded.open, body = excluded.body
         WHERE excluded.number > number",
    )?;
    for (id, result, at) in &cut.ended {
        let mut ended = end.query(params![id, word(*result), at.0])?;
        let Some(row) = ended.next()? else { continue };
        let (number, body): (i64, String) = (row.get(0)?, row.get(1)?);
        let order: Order = from_json("orders", &body)?;
        // A page that is over is over, also where its last word did not get through: it must not be repeated for ever.
        if *result == OrderEnd::Delivered || order.announcement.change == Change::Resolved {
            let is_open = order.announcement.change != Change::Resolved;
            let body = if is_open { body.as_str() } else { "" };
            page.execute(params![order.receiver, order.announcement.page_key, number, is_open, body])?;
        }
    }
    Ok(())
}

fn forget_orders(transaction: &Transaction<'_>, cut: &Cut, retention: Retention) -> Result<(), CutError> {
    if cut.orders.is_empty() && cut.ended.is_empty() {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "DELETE FROM orders WHERE result IS NOT NULL AND number <= (SELECT max(number) FROM orders) - ?1",
        )?
        .execute([whole(retention.orders)])?;
    transaction
        .prepare_cached("DELETE FROM pages WHERE number <= (SELECT max(number) FROM orders) - ?1")?
        .execute([whole(retention.pages)])?;
    Ok(())
}

fn write_desired(transaction: &Transaction<'_>, cut: &Cut) -> Result<(), CutError> {
    let mut delete = transaction.prepare_cached(
        "DELETE FROM desired WHERE account = ?1 AND entity = ?2 AND session = ?3 AND generation < ?4",
    )?;
    let mut add = transaction.prepare_cached(
        "INSERT INTO desired (account, entity, session, generation, is_free, settled, body)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT (account, entity, session) DO NOTHING",
    )?;
    for desired in &cut.desired {
        let PauseKey { account, entity, session } = &desired.key;
        let generation = whole(desired.generation);
        delete.execute(params![account, entity, session, generation])?;
        let body = to_json("desired", desired)?;
        add.execute(params![account, entity, session, generation, desired.rung.is_none(), body])?;
    }
    let mut settle = transaction.prepare_cached(
        "UPDATE desired SET settled = 1
         WHERE account = ?1 AND entity = ?2 AND session = ?3 AND generation = ?4",
    )?;
    for (key, generation) in &cut.settled {
        settle.execute(params![key.account, key.entity, key.session, whole(*generation)])?;
    }
    Ok(())
}

fn forget_desired(transaction: &Transaction<'_>, cut: &Cut, retention: Retention) -> Result<(), CutError> {
    if cut.desired.is_empty() && cut.settled.is_empty() {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "DELETE FROM desired
             WHERE settled = 1 AND is_free = 1 AND number <= (SELECT max(number) FROM desired) - ?1",
        )?
        .execute([whole(retention.desired)])?;
    Ok(())
}

fn write_artefacts(transaction: &Transaction<'_>, cut: &Cut, retention: Retention) -> Result<(), CutError> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO artefacts (account, entity, session, generation, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account, entity, session, generation) DO UPDATE SET body = excluded.body",
    )?;
    let mut trim = transaction.prepare_cached(
        "DELETE FROM artefacts WHERE account = ?1 AND entity = ?2 AND session = ?3 AND generation NOT IN (
             SELECT generation FROM artefacts WHERE account = ?1 AND entity = ?2 AND session = ?3
             ORDER BY generation DESC LIMIT ?4)",
    )?;
    for artefact in &cut.artefacts {
        let PauseKey { account, entity, session } = &artefact.key;
        let body = to_json("artefacts", artefact)?;
        put.execute(params![account, entity, session, whole(artefact.generation), body])?;
        trim.execute(params![account, entity, session, i64::try_from(retention.artefacts).unwrap_or(i64::MAX)])?;
    }
    let mut undo =
        transaction.prepare_cached("DELETE FROM artefacts WHERE account = ?1 AND entity = ?2 AND session = ?3")?;
    for key in &cut.undone {
        undo.execute(params![key.account, key.entity, key.session])?;
    }
    Ok(())
}

/// Reads all tables.
pub(super) fn load(connection: &Connection) -> Result<Loaded, CutError> {
    let rows = read(connection, "SELECT name, key, value FROM rows ORDER BY name, key", |row| {
        Ok(Row { table: row.get(0)?, key: row.get(1)?, value: Some(row.get(2)?) })
    })?;
    let positions = read(connection, "SELECT source, name, position FROM positions", |row| {
        let (source, name): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((Partition { source: source.into(), name: name.into() }, row.get(2)?))
    })?;
    let counts = read(connection, "SELECT source, name, records FROM counts", |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)?.unsigned_abs()))
    })?;
    let orders = bodies(connection, "orders", "SELECT body FROM orders WHERE result IS NULL ORDER BY number")?;
    let open_pages = bodies(connection, "pages", "SELECT body FROM pages WHERE open = 1 ORDER BY number")?;
    let desired = read(connection, "SELECT body, settled FROM desired ORDER BY account, entity, session", |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?))
    })?;
    let desired = desired
        .into_iter()
        .map(|(body, settled)| Ok((from_json("desired", &body)?, settled)))
        .collect::<Result<_, CutError>>()?;
    let artefacts =
        bodies(connection, "artefacts", "SELECT body FROM artefacts ORDER BY account, entity, session, generation")?;
    Ok(Loaded {
        rows,
        positions: positions.into_iter().collect(),
        counts: counts.into_iter().collect(),
        orders,
        open_pages,
        desired,
        artefacts,
        forgotten_to: forgotten::newest(connection)?,
        head: audit::head(connection)?,
    })
}

fn read<T>(
    connection: &Connection,
    sql: &str,
    one: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, CutError> {
    Ok(connection.prepare(sql)?.query_map([], one)?.collect::<Result<_, _>>()?)
}

fn bodies<T: DeserializeOwned>(connection: &Connection, table: &'static str, sql: &str) -> Result<Vec<T>, CutError> {
    let texts: Vec<String> = read(connection, sql, |row| row.get(0))?;
    texts.iter().map(|body| from_json(table, body)).collect()
}

fn to_json<T: serde::Serialize>(table: &'static str, value: &T) -> Result<String, CutError> {
    serde_json::to_string(value).map_err(|reason| CutError::Json { table, reason })
}

fn from_json<T: DeserializeOwned>(table: &'static str, body: &str) -> Result<T, CutError> {
    serde_json::from_str(body).map_err(|reason| CutError::Json { table, reason })
}

/// SQLite's integers end at 2⁶³; nothing that is counted gets there.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn word(end: OrderEnd) -> &'static str {
    match end {
        OrderEnd::Delivered => "delivered",
        OrderEnd::GivenUp => "given-up",
        OrderEnd::Superseded => "superseded",
    }
}
