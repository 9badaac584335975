//! A change of state that is not committed before its event is in the outbox and its audit record is sealed.

use std::ops::Deref;

use rusqlite::Connection;
use tokio::sync::OwnedMutexGuard;

use super::{blocking, outbox};
use crate::audit::Sealed;
use crate::errors::Failure;
use crate::store::outbox::Event;

/// The one writer, in a transaction or about to begin one. Dropped without a commit it rolls back.
#[derive(Debug)]
pub(crate) struct Writing(OwnedMutexGuard<Connection>);

impl Writing {
    pub(super) const fn new(guard: OwnedMutexGuard<Connection>) -> Self {
        Self(guard)
    }

    /// Begins, and waits for the writer of another process meanwhile.
    pub(super) fn begin(self) -> Result<Self, Failure> {
        self.0.execute_batch("BEGIN IMMEDIATE")?;
        Ok(self)
    }

    /// Whatever was written is there, on the disk.
    pub(super) fn commit(self) -> Result<(), Failure> {
        Ok(self.0.execute_batch("COMMIT")?)
    }
}

impl Deref for Writing {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction was not rolled back");
        }
    }
}

/// A change of state within its transaction. To commit it takes what only the audit log gives: a [`Sealed`] record of it.
/// Dropped before that it never was.
#[derive(Debug)]
#[must_use = "a change that is not committed is rolled back"]
pub(crate) struct Change<T> {
    writing: Writing,
    state: T,
}

impl<T: Send + 'static> Change<T> {
    pub(super) const fn new(writing: Writing, state: T) -> Self {
        Self { writing, state }
    }

    /// What was changed.
    pub(crate) const fn state(&self) -> &T {
        &self.state
    }

    /// The same change, seen otherwise.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Change<U> {
        Change {
            writing: self.writing,
            state: f(self.state),
        }
    }

    /// Writes what is to be told about it into the outbox, in the same transaction.
    pub(crate) async fn emit(self, event: Event) -> Result<Self, Failure> {
        blocking(move || {
            outbox::insert(&self.writing, &event)?;
            Ok(self)
        })
        .await
    }

    /// Commits.
    pub(crate) async fn commit(self, _record: Sealed) -> Result<T, Failure> {
        blocking(move || {
            self.writing.commit()?;
            Ok(self.state)
        })
        .await
    }
}

impl<T> Change<Option<T>> {
    /// The change, if there is anything to be changed; it is rolled back otherwise.
    pub(crate) fn transpose(self) -> Option<Change<T>> {
        let Self { writing, state } = self;
        state.map(|state| Change { writing, state })
    }
}
