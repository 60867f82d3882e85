//! The tables of the journal's file.

/// Marks a SQLite file as ours.
pub(super) const APPLICATION_ID: i64 = 0x5472_426b;

/// The newest schema that this version knows.
pub(super) const VERSION: i64 = 1;

/// Makes an empty file a journal. A `number` tells the order in which things came; a `body` is the whole thing as JSON,
/// and the columns beside it are what is searched by.
pub(super) const CREATE: &str = "
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
