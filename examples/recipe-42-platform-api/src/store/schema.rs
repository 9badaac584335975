//! The tables. Times are nanoseconds since 1970, amounts are cents.

/// Settings of every connection.
pub(super) const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 5000;
";

/// What there is, made where it is missing.
pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS tenants (
        name TEXT PRIMARY KEY,
        balance INTEGER NOT NULL CHECK (balance >= 0)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS members (
        key_hash BLOB PRIMARY KEY,
        tenant TEXT NOT NULL REFERENCES tenants (name),
        role TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS projects (
        tenant TEXT NOT NULL REFERENCES tenants (name),
        name TEXT NOT NULL,
        PRIMARY KEY (tenant, name)
    ) STRICT;

    CREATE TABLE IF NOT EXISTS allocations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        project TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        node TEXT,
        state TEXT NOT NULL,
        error_code TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        FOREIGN KEY (tenant, project) REFERENCES projects (tenant, name)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS allocations_of_tenant ON allocations (tenant, number);
    CREATE INDEX IF NOT EXISTS allocations_by_state ON allocations (state, updated_at);
    CREATE INDEX IF NOT EXISTS allocations_by_age ON allocations (created_at);

    CREATE TABLE IF NOT EXISTS ledger (
        tenant TEXT NOT NULL REFERENCES tenants (name),
        reason TEXT NOT NULL,
        reference TEXT NOT NULL,
        amount INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (tenant, reason, reference)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS webhook_events (
        id TEXT PRIMARY KEY,
        content_hash BLOB NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS idempotency (
        key_hash BLOB PRIMARY KEY,
        request_hash BLOB NOT NULL,
        allocation TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS idempotency_by_age ON idempotency (at);

    CREATE TABLE IF NOT EXISTS outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        tenant TEXT NOT NULL,
        headers TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS node_tasks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        tenant TEXT NOT NULL,
        headers TEXT NOT NULL,
        enqueued_at INTEGER NOT NULL,
        visible_at INTEGER NOT NULL,
        claimed INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS node_tasks_visible ON node_tasks (dead, visible_at);
    CREATE TABLE IF NOT EXISTS worker_heartbeat (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS incidents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        tenant TEXT NOT NULL,
        error_code TEXT NOT NULL,
        trace_id TEXT,
        opened_at INTEGER NOT NULL,
        closed_at INTEGER
    ) STRICT;
    CREATE INDEX IF NOT EXISTS incidents_by_age ON incidents (opened_at);
";
