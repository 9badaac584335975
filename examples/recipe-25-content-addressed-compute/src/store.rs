//! The embedded store: leaves and recipes in SQLite. Its calls block.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use counterfoil::Digest;
use counterfoil::tower::ErrorCode;
use parking_lot::Mutex;
use rusqlite::{
    Connection, ErrorCode as ErrorKind, MAIN_DB, OptionalExtension, Row, TransactionBehavior,
    params,
};

use crate::errors::{GRAPH_INCOMPLETE, STORE_CORRUPT, STORE_UNAVAILABLE};
use crate::metrics::{Metrics, bytes};
use crate::{CAddr, Parameters, Recipe};

/// How many connections read at the same time.
const READERS: usize = 4;

/// How long a change waits for other writers: those of this process, and then another process that has the lock of the file.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS blobs (
        id INTEGER PRIMARY KEY,
        data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS leaves (
        address BLOB PRIMARY KEY CHECK (length(address) = 32),
        size INTEGER NOT NULL,
        blob INTEGER NOT NULL REFERENCES blobs (id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS recipes (
        address BLOB PRIMARY KEY CHECK (length(address) = 32),
        function TEXT NOT NULL,
        inputs BLOB NOT NULL,
        parameters TEXT NOT NULL,
        depth INTEGER NOT NULL,
        output BLOB CHECK (length(output) = 32)
    ) STRICT, WITHOUT ROWID;
";

/// Leaves and recipes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    writer: Mutex<Connection>,
    readers: [Mutex<Connection>; READERS],
    leaves: AtomicU64,
    blob_bytes: AtomicU64,
    recipes: AtomicU64,
    metrics: Arc<Metrics>,
}

/// What goes by an address.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Leaf { size: u64 },
    Recipe(StoredRecipe),
}

#[derive(Clone, Debug)]
pub(crate) struct StoredRecipe {
    pub(crate) recipe: Recipe,
    /// Levels of recipes below and with this one.
    pub(crate) depth: u32,
    /// SHA-256 of what it came to the first time.
    pub(crate) output: Option<Digest>,
}

impl Node {
    pub(crate) const fn depth(&self) -> u32 {
        match self {
            Self::Leaf { .. } => 0,
            Self::Recipe(stored) => stored.depth,
        }
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) leaves: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) recipes: u64,
}

impl Store {
    /// Opens the store in `file`, or makes it.
    pub(crate) fn open(file: &Path, metrics: Arc<Metrics>) -> rusqlite::Result<Self> {
        let writer = connect(file)?;
        // SQLite opens what it may not write for reading alone, and says so at the first change.
        if writer.is_readonly(MAIN_DB)? {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
                Some("it may not be written; give this user the right to".to_owned()),
            ));
        }
        writer.execute_batch(SCHEMA)?;
        let count = |sql| writer.query_row(sql, [], |row| row.get::<_, u64>(0));
        let inner = Inner {
            leaves: count("SELECT count(*) FROM leaves")?.into(),
            blob_bytes: count("SELECT coalesce(sum(size), 0) FROM leaves")?.into(),
            recipes: count("SELECT count(*) FROM recipes")?.into(),
            readers: [
                connect(file)?,
                connect(file)?,
                connect(file)?,
                connect(file)?,
            ]
            .map(Mutex::new),
            writer: Mutex::new(writer),
            metrics,
        };
        let store = Self(Arc::new(inner));
        store.show();
        Ok(store)
    }

    /// Keeps a leaf; whether it is new.
    pub(crate) fn put_leaf(&self, address: CAddr, data: &[u8]) -> Result<bool, ErrorCode> {
        let size = data.len() as u64;
        self.write("put a leaf", |writer| {
            // With the lock for writing from the start: one that begins with a read is not given the time to wait for it.
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if exists(
                &transaction,
                "SELECT 1 FROM leaves WHERE address = ?1",
                address,
            )? {
                return Ok(false);
            }
            transaction
                .prepare_cached("INSERT INTO blobs (data) VALUES (?1)")?
                .execute([data])?;
            let blob = transaction.last_insert_rowid();
            transaction
                .prepare_cached("INSERT INTO leaves (address, size, blob) VALUES (?1, ?2, ?3)")?
                .execute(params![address.as_bytes(), size, blob])?;
            transaction.commit()?;
            self.0.leaves.fetch_add(1, Relaxed);
            self.0.blob_bytes.fetch_add(size, Relaxed);
            self.show();
            Ok(true)
        })
    }

    /// Keeps a recipe; whether it is new.
    pub(crate) fn put_recipe(
        &self,
        address: CAddr,
        recipe: &Recipe,
        depth: u32,
    ) -> Result<bool, ErrorCode> {
        let inputs: Vec<u8> = recipe.inputs.iter().flat_map(|it| *it.as_bytes()).collect();
        let parameters = serde_json::to_string(&recipe.parameters).map_err(|_| STORE_CORRUPT)?;
        let insert = "INSERT INTO recipes (address, function, inputs, parameters, depth) \
                      VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        self.write("put a recipe", |writer| {
            let row = params![
                address.as_bytes(),
                recipe.function,
                inputs,
                parameters,
                depth
            ];
            let created = writer.prepare_cached(insert)?.execute(row)? == 1;
            if created {
                self.0.recipes.fetch_add(1, Relaxed);
                self.show();
            }
            Ok(created)
        })
    }

    /// What goes by an address.
    pub(crate) fn find(&self, address: CAddr) -> Result<Option<Node>, ErrorCode> {
        let node = self.read(address, |reader| {
            let size = reader
                .prepare_cached("SELECT size FROM leaves WHERE address = ?1")?
                .query_row([address.as_bytes()], |row| row.get(0))
                .optional()?;
            if let Some(size) = size {
                return Ok(Some(Node::Leaf { size }));
            }
            let recipe = "SELECT function, inputs, parameters, depth, output FROM recipes WHERE address = ?1";
            reader
                .prepare_cached(recipe)?
                .query_row([address.as_bytes()], |row| Ok(stored_recipe(row)))
                .optional()?
                .transpose()
        });
        let node = node.map_err(|error| failed("look an address up", &error))?;
        // The encoding is hashed again: what was changed behind our back is not computed.
        match &node {
            Some(Node::Recipe(stored)) if CAddr::of_recipe(&stored.recipe) != address => {
                tracing::error!(addr = %address, "a recipe in the store is not the one that was put there");
                Err(STORE_CORRUPT)
            }
            _ => Ok(node),
        }
    }

    /// The bytes of a leaf, as they are in the store.
    pub(crate) fn leaf(&self, address: CAddr) -> Result<Option<Bytes>, ErrorCode> {
        let select =
            "SELECT blobs.data FROM leaves JOIN blobs ON blobs.id = leaves.blob WHERE address = ?1";
        let data = self.read(address, |reader| {
            reader
                .prepare_cached(select)?
                .query_row([address.as_bytes()], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        });
        let data = data.map_err(|error| failed("read a leaf", &error))?;
        tracing::trace!(addr = %address, bytes = data.as_ref().map(Vec::len), "leaf was read");
        Ok(data.map(Bytes::from))
    }

    /// Remembers what a recipe came to, if that is not known yet; what it came to the first time.
    pub(crate) fn first_output(&self, address: CAddr, output: Digest) -> Result<Digest, ErrorCode> {
        let update =
            "UPDATE recipes SET output = coalesce(output, ?2) WHERE address = ?1 RETURNING output";
        let first: Option<[u8; 32]> = self.write("remember an output", |writer| {
            writer
                .prepare_cached(update)?
                .query_row(params![address.as_bytes(), output.as_bytes()], |row| {
                    row.get(0)
                })
                .optional()
        })?;
        let first = first.ok_or_else(|| {
            tracing::error!(addr = %address, "a recipe is no longer in the store");
            GRAPH_INCOMPLETE
        })?;
        Ok(first.into())
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            leaves: self.0.leaves.load(Relaxed),
            blob_bytes: self.0.blob_bytes.load(Relaxed),
            recipes: self.0.recipes.load(Relaxed),
        }
    }

    /// Whether it can be read.
    pub(crate) fn probe(&self) -> rusqlite::Result<()> {
        let reader = self.0.readers[0].lock();
        reader
            .query_row("SELECT 1 FROM leaves LIMIT 1", [], |_| Ok(()))
            .optional()
            .map(|_| ())
    }

    fn read<T>(
        &self,
        address: CAddr,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // Addresses are evenly spread, so the readers are as well.
        let reader = usize::from(address.as_bytes()[0]) % READERS;
        look(&self.0.readers[reader].lock())
    }

    fn write<T>(
        &self,
        what: &'static str,
        change: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ErrorCode> {
        let mut writer = self.0.writer.try_lock_for(WRITE_PATIENCE).ok_or_else(|| {
            tracing::error!("the store could not {what}: too many changes wait before it");
            STORE_UNAVAILABLE
        })?;
        change(&mut writer).map_err(|error| failed(what, &error))
    }

    /// Shows what there is. Whoever writes does so before the next one may, or an older count could be what stays.
    fn show(&self) {
        let (counts, metrics) = (self.counts(), &self.0.metrics);
        metrics.dag_recipes.set(bytes(counts.recipes));
        metrics.storage_blobs.set(bytes(counts.leaves));
        metrics.storage_blob_bytes.set(bytes(counts.blob_bytes));
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(WRITE_PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn exists(connection: &Connection, select: &str, address: CAddr) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(select)?
        .exists([address.as_bytes()])
}

fn stored_recipe(row: &Row<'_>) -> rusqlite::Result<Node> {
    let (inputs, parameters): (Vec<u8>, String) = (row.get(1)?, row.get(2)?);
    let of_column = |column, kind, why: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, kind, why.into())
    };
    let parameters: Parameters = serde_json::from_str(&parameters)
        .map_err(|_| of_column(2, rusqlite::types::Type::Text, "parameters are no object"))?;
    let (whole, rest) = inputs.as_chunks::<{ CAddr::LEN }>();
    if !rest.is_empty() {
        return Err(of_column(
            1,
            rusqlite::types::Type::Blob,
            "inputs are no addresses",
        ));
    }
    Ok(Node::Recipe(StoredRecipe {
        recipe: Recipe {
            function: row.get(0)?,
            inputs: whole
                .iter()
                .filter_map(|it| CAddr::from_slice(it))
                .collect(),
            parameters,
        },
        depth: row.get(3)?,
        output: row.get::<_, Option<[u8; 32]>>(4)?.map(Digest::from),
    }))
}

/// What the store says is for the log; clients get the code.
fn failed(what: &'static str, error: &rusqlite::Error) -> ErrorCode {
    tracing::error!(%error, "the store could not {what}");
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => STORE_CORRUPT,
        _ => match error.sqlite_error_code() {
            Some(ErrorKind::DatabaseCorrupt | ErrorKind::NotADatabase) => STORE_CORRUPT,
            _ => STORE_UNAVAILABLE,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use counterfoil::metrics::Registry;

    use super::*;

    fn store() -> (tempfile::TempDir, Store, Arc<Metrics>) {
        let directory = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::new(&Registry::new(), []));
        let store = Store::open(&directory.path().join("store"), Arc::clone(&metrics)).unwrap();
        (directory, store, metrics)
    }

    #[test]
    fn a_change_waits_until_another_process_lets_go_of_the_lock() {
        let (directory, store, _metrics) = store();
        let other = Connection::open(directory.path().join("store")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        thread::scope(|scope| {
            let put = scope.spawn(|| store.put_leaf(CAddr::of_leaf(b"a"), b"a"));
            // Long enough for a put that does not wait to fail; one that waits is not held up by it.
            let until = Instant::now() + Duration::from_millis(200);
            while !put.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            other.execute_batch("COMMIT").unwrap();
            assert_eq!(put.join().unwrap(), Ok(true));
        });
    }

    #[test]
    fn a_recipe_that_is_gone_when_its_output_is_to_be_remembered_leaves_the_graph_incomplete() {
        let (_directory, store, _metrics) = store();
        let gone = store.first_output(CAddr::of_leaf(b"a"), CAddr::of_leaf(b"b").digest());
        assert_eq!(gone, Err(GRAPH_INCOMPLETE));
    }

    #[test]
    fn of_puts_at_the_same_time_the_last_count_is_what_the_gauges_show() {
        let (_directory, store, metrics) = store();
        thread::scope(|scope| {
            for leaf in 0..8_u8 {
                let store = &store;
                scope.spawn(move || {
                    for again in 0..8 {
                        let data = [leaf, again];
                        store.put_leaf(CAddr::of_leaf(&data), &data).unwrap();
                    }
                });
            }
        });
        let shown = [&metrics.storage_blobs, &metrics.storage_blob_bytes].map(|it| it.get());
        assert_eq!(shown.map(|it| it.to_string()), ["64", "128"]);
    }
}
