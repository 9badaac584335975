//! Where the records of chains are kept.

mod file;

use std::fmt::Debug;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil::Head;
use counterfoil::audit::Retention;
use counterfoil::audit::intake::Kinds;

use crate::{ChainEntry, Error, Reason};

pub use file::FileStorage;

/// Keeps the records of each chain, and verifies them as they come.
///
/// # Contract
/// - **One owner.** The collector opens each chain once at a time and gives its [`StoredChain`] from thread to thread.
/// - **Blocking.** Everything may block; the collector calls from threads of its own.
/// - **Concurrency.** `open` is called for different chains at the same time.
///
/// # Errors
/// [`Full`](crate::ErrorKind::Full) when there is no room; [`Corrupt`](crate::ErrorKind::Corrupt) when what is stored does not
/// verify, and then nothing was changed; [`Io`](crate::ErrorKind::Io) otherwise.
///
/// # Conformance
/// `tests/it/storage.rs` of this crate holds the suite that an implementation passes.
pub trait SegmentStorage: Debug + Send + Sync + 'static {
    /// Opens what is kept of a chain, creating it where there is nothing, and repairs what a crash left. Records up to `vouched`, a head
    /// that was kept apart, are there with its hash, or it is [`Corrupt`](crate::ErrorKind::Corrupt).
    ///
    /// # Errors
    /// See the trait.
    fn open(
        &self,
        entry: &ChainEntry,
        vouched: Option<&Head>,
    ) -> Result<Box<dyn StoredChain>, Error>;

    /// The directory that holds the chain as the log of the audit specification, for those who read it.
    fn directory(&self, entry: &ChainEntry) -> PathBuf;
}

/// What is kept of one chain.
///
/// # Contract
/// - **Verified.** Nothing is kept that does not continue the chain by all rules of the audit specification, and what is refused
///   leaves no trace.
/// - **Durable.** What was taken is durable once [`sync`](Self::sync) has answered `Ok`, and not before.
/// - **Failure.** After any `Err` the value is dropped and the chain opened again; what had been durable is there then.
pub trait StoredChain: Debug + Send + 'static {
    /// The last record taken, durable or not; `None` before the first.
    fn head(&self) -> Option<Head>;

    /// The last durable record; `None` before the first.
    fn durable(&self) -> Option<Head>;

    /// Bytes of records that are kept.
    fn bytes(&self) -> u64;

    /// Takes whole lines, each with its line feed, up to the first that does not fit. A record that is there already, with the
    /// same hash, is passed over.
    ///
    /// # Errors
    /// When it could not be written.
    fn offer(&mut self, lines: &[u8]) -> Result<Taken, Error>;

    /// Judges a signed checkpoint by the policy that the chain has sealed, over records that were taken; the size of it. The newest one
    /// that fits waits for [`publish`](Self::publish).
    ///
    /// # Errors
    /// When it could not be looked up.
    fn checkpoint(&mut self, note: &str) -> Result<Result<u64, Unfit>, Error>;

    /// Makes everything taken durable.
    ///
    /// # Errors
    /// When it could not; nothing is known then about what is durable beyond what was.
    fn sync(&mut self) -> Result<(), Error>;

    /// Shows the newest checkpoint that fits to those who read the log.
    ///
    /// # Errors
    /// When it could not; the one before is shown then, and the chain can go on.
    fn publish(&mut self) -> Result<(), Error>;

    /// The head that the chain had when it was `seq` records long, with its root where that is known; `None` where the record is not
    /// durable, or no longer there.
    ///
    /// # Errors
    /// When it could not be read.
    fn head_at(&self, seq: u64) -> Result<Option<Head>, Error>;

    /// Lets go whole segments, the oldest first, as far as `retention` allows by now. The number of records let go.
    ///
    /// # Errors
    /// When it could not.
    fn prune(&mut self, retention: Retention) -> Result<u64, Error>;

    /// Keeps what makes the next opening fast. Dropping without it loses nothing that is durable.
    ///
    /// # Errors
    /// When it could not.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// What became of lines that were offered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// Records that are new and were taken.
    pub new: u64,
    /// Records that were there already, with the same hash.
    pub known: u64,
    /// The kinds of those that are new.
    pub kinds: Kinds,
    /// The first that does not fit, and where its line is in what was offered. Nothing behind it was looked at.
    pub refused: Option<(Unfit, Range<usize>)>,
}

impl Taken {
    /// That so many new and known records were taken, up to one that does not fit, if there was one.
    #[must_use]
    pub fn new(new: u64, known: u64, refused: Option<(Unfit, Range<usize>)>) -> Self {
        Self {
            new,
            known,
            kinds: Kinds::default(),
            refused,
        }
    }

    /// The new ones are of these kinds.
    #[must_use]
    pub const fn of_kinds(mut self, kinds: Kinds) -> Self {
        self.kinds = kinds;
        self
    }
}

/// Why something does not fit the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfit {
    /// What is wrong.
    pub reason: Reason,
    /// The number that the record states, or the size of the checkpoint, where it could be read.
    pub seq: Option<u64>,
    /// A sentence about it. It may quote what came from outside.
    pub detail: String,
    /// The line of the record that it contradicts, where it is a [`Fork`](Reason::Fork) and the record is still there.
    pub ours: Option<Vec<u8>>,
}

impl Unfit {
    /// That something does not fit.
    pub fn new(reason: Reason, seq: Option<u64>, detail: impl Into<String>) -> Self {
        Self {
            reason,
            seq,
            detail: detail.into(),
            ours: None,
        }
    }
}

impl<S: SegmentStorage + ?Sized> SegmentStorage for Arc<S> {
    fn open(
        &self,
        entry: &ChainEntry,
        vouched: Option<&Head>,
    ) -> Result<Box<dyn StoredChain>, Error> {
        (**self).open(entry, vouched)
    }

    fn directory(&self, entry: &ChainEntry) -> PathBuf {
        (**self).directory(entry)
    }
}

impl<S: SegmentStorage + ?Sized> SegmentStorage for Box<S> {
    fn open(
        &self,
        entry: &ChainEntry,
        vouched: Option<&Head>,
    ) -> Result<Box<dyn StoredChain>, Error> {
        (**self).open(entry, vouched)
    }

    fn directory(&self, entry: &ChainEntry) -> PathBuf {
        (**self).directory(entry)
    }
}
