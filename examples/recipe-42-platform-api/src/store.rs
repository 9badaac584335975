//! The embedded database: readers side by side, one writer at a time, and never on an async thread.

pub(crate) mod allocations;
pub(crate) mod backlog;
mod change;
pub(crate) mod heartbeat;
pub(crate) mod idempotency;
pub(crate) mod incidents;
pub(crate) mod ledger;
pub(crate) mod members;
pub(crate) mod outbox;
mod schema;
pub(crate) mod tasks;

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::{Clock, InContext, Timestamp};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tracing::Span;

pub(crate) use change::{Change, Writing};

use crate::errors::{Failure, INTERNAL, OVERLOADED, STORE_UNAVAILABLE};

/// How many may read at once.
const READERS: usize = 4;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The database of the platform. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Connection>>,
    readers: Arc<Semaphore>,
    writer: Arc<AsyncMutex<Connection>>,
}

impl Store {
    /// Opens the database at `path`, and makes it where it is missing.
    ///
    /// # Errors
    /// When it cannot be opened, or is none.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Box<dyn std::error::Error>> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let connect = || {
            let connection = Connection::open(path)?;
            connection.execute_batch(schema::PRAGMAS)?;
            Ok(connection)
        };
        let opened = connect().and_then(|writer: Connection| {
            writer.execute_batch(schema::TABLES)?;
            let readers = (0..READERS)
                .map(|_| connect())
                .collect::<Result<Vec<_>, _>>()?;
            Ok((writer, readers))
        });
        let (writer, readers) = opened.map_err(|error: rusqlite::Error| {
            format!("cannot open the database {}: {error}", path.display())
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                clock,
                idle: Mutex::new(readers),
                readers: Arc::new(Semaphore::new(READERS)),
                writer: Arc::new(AsyncMutex::new(writer)),
            }),
        })
    }

    /// The time that rows are stamped with.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.utc()
    }

    /// A reading of the clock that never runs backwards, to measure with.
    pub(crate) fn ticks(&self) -> Duration {
        Duration::from_nanos(self.inner.clock.ticks().0)
    }

    /// Reads, beside other readers and the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.inner.readers).acquire_owned());
        let permit = turn.await.map_err(|_| OVERLOADED)?.map_err(|_| INTERNAL)?;
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let _permit = permit;
            let connection = inner.idle.lock().pop().ok_or(STORE_UNAVAILABLE)?;
            // Whatever becomes of the work: a reader that does not come back is one that everybody misses.
            let result = panic::catch_unwind(AssertUnwindSafe(|| work(&connection)));
            inner.idle.lock().push(connection);
            result.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        })
        .await
    }

    /// Begins a change with the part of it that is the state; see [`Change`].
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Change<T>, Failure> {
        let writing = self.writing().await?;
        blocking(move || {
            let writing = writing.begin()?;
            let state = work(&writing)?;
            Ok(Change::new(writing, state))
        })
        .await
    }

    /// Moves messages: what is no change of a tenant's state, and has no audit record therefore.
    pub(crate) async fn bookkeeping<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let writing = self.writing().await?;
        blocking(move || {
            let writing = writing.begin()?;
            let result = work(&writing)?;
            writing.commit()?;
            Ok(result)
        })
        .await
    }

    async fn writing(&self) -> Result<Writing, Failure> {
        let turn = Arc::clone(&self.inner.writer).lock_owned();
        let guard = tokio::time::timeout(PATIENCE, turn).await;
        Ok(Writing::new(guard.map_err(|_| OVERLOADED)?))
    }
}

/// Runs `work` where it may block, in the span and the context of its caller.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let span = Span::current();
    let work = move || span.in_scope(work);
    let done = tokio::task::spawn_blocking(work).in_current_context();
    done.await
        .map_err(|error| Failure::because(INTERNAL, error))?
}

/// A time as it is stored.
pub(crate) fn stored(time: Timestamp) -> i64 {
    i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX)
}

/// The time that was so long before `now`, as it is stored.
pub(crate) fn before(now: Timestamp, span: Duration) -> i64 {
    stored(now).saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// A stored time.
pub(crate) fn restored(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use counterfoil::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_read_that_panics_leaves_its_reader_to_those_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("platform.db");
        let store = Store::open(&path, Arc::new(SystemClock::new())).unwrap();
        for _ in 0..=READERS {
            let read = store.read::<()>(|_| panic!("a defect"));
            assert_eq!(read.await.map_err(|it| it.code()), Err(INTERNAL));
        }
        let read =
            store.read(|connection| Ok(connection.query_row("SELECT 7", [], |it| it.get(0))?));
        assert_eq!(read.await.map_err(|it| it.code()), Ok(7));
    }
}
