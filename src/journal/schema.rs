//! The tables of the journal's file.

/// Marks a SQLite file as ours.
pub(super) const APPLICATION_ID: i64 = 0x5472_426b;

/// The newest schema that this version knows: there is one step for each.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// What makes an empty file a journal, one version after the other; never changed once it was released.
pub(super) const STEPS: [&str; 2] = [ONE, TWO];

/// A `number` tells the order in which things came; a `body` is the whole thing as JSON,
/// and the columns beside it are what is searched by.
pub(super) const ONE: &str = "
CREATE TABLE rows (
    name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (name, key)
) STRICT;
CREATE TABLE positions (
    source TEXT NOT NULL, name TEXT NOT NULL, position TEXT NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE counts (
    source TEXT NOT NULL, name TEXT NOT NULL, records INTEGER NOT NULL,
    PRIMARY KEY (source, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    result TEXT, ended_at INTEGER
) STRICT;
CREATE TABLE pages (
    receiver TEXT NOT NULL, page_key TEXT NOT NULL,
    number INTEGER NOT NULL UNIQUE, open INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (receiver, page_key)
) STRICT;
CREATE TABLE desired (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, entity TEXT NOT NULL, session TEXT NOT NULL,
    generation INTEGER NOT NULL, is_free INTEGER NOT NULL, settled INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (account, entity, session)
) STRICT;
CREATE TABLE artefacts (
    account TEXT NOT NULL, entity TEXT NOT NULL, session TEXT NOT NULL, generation INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, entity, session, generation)
) STRICT;
";

/// What the engine forgot, and the audit trail: `hash` is that of the entry, and `anchor` that of the last one before the
/// first that is kept.
const TWO: &str = "
CREATE TABLE forgotten (
    second INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (second, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TABLE anchor (
    only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT;
";
