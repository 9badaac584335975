//! The contract of whoever keeps anchors.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use counterfoil_core::{ChainId, Head};

use crate::{Anchor, Error};

/// Keeps the anchor of each log outside the log itself, and lets it go forward only.
///
/// # Contract
/// - **What is kept.** One anchor per log. A log is `chain.base()`; the anchor's head says which incarnation it is at, so
///   [`load`](Self::load) may answer with another incarnation than the one that was asked for, and a log that had to begin
///   anew advances from the last head of the old chain to the first of the next one, or of one a few restarts later.
/// - **Compare and set.** [`advance`](Self::advance) stores `next` if and only if the stored head agrees with `expected`
///   (`None`: there is none yet) and `next` goes forward. Comparing and storing is one step that no other writer can come
///   between, on any host that shares the store. [`check_advance`] is the rule; run it inside the store's transaction.
/// - **What it answers.** [`advance`](Self::advance) answers with the anchor that is stored now. It
///   [covers](Anchor::covers) `next`: the same head and, under the same checkpoint, all of its signature lines. A store may
///   have added lines to them, cosignatures of witnesses for one; the checkpoint that is answered is the one to publish.
/// - **Durability.** When `advance` answers `Ok`, the anchor survives what the store promises to survive: the process for
///   [`MemoryAnchorStore`](crate::MemoryAnchorStore), power loss for a file.
/// - **Ordering and concurrency.** Callable from any thread or task, several at once. Of several that advance from the same
///   head one wins and the others get a conflict.
/// - **Blocking.** The futures complete under a bare `block_on`, without a reactor of an async runtime; a store that needs
///   one takes a handle when it is constructed. They may block the thread for as long as the store takes: callers that
///   cannot afford that run them elsewhere.
/// - **Retries and idempotency.** After [`Unavailable`](crate::ErrorKind::Unavailable) the same call may be made again:
///   advancing to what the stored anchor covers already is `Ok` and changes nothing. A conflict is never retried.
/// - **Shutdown.** There is none; dropping the store loses nothing that was acknowledged.
///
/// # Cancellation
/// Dropping the future of `advance` before it completes leaves either the old or the new anchor, never a mixture.
///
/// # Errors
/// [`Error`]; a conflict names both heads. Nothing is stored when an error is returned, except that after `Unavailable` it
/// may have been.
///
/// # Conformance
/// `counterfoil_testkit::anchor`: `conformance` for every store, `persistence` for one that outlives its process.
#[async_trait]
pub trait AnchorStore: Debug + Send + Sync + 'static {
    /// The anchor of the log that `chain` is an incarnation of; `None` when there never was one.
    ///
    /// # Errors
    /// When the store cannot be read, or does not hold an anchor of this log.
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error>;

    /// Replaces the anchor of the log, whose head the caller takes to be `expected`, by `next`, which is of `chain`, and
    /// answers with the anchor that is stored now.
    ///
    /// # Errors
    /// When the stored head is another one, or `next` does not go forward, or it cannot be stored.
    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error>;
}

/// The rule of [`AnchorStore::advance`]: which anchor a store that holds `current` holds after it was asked for `next`.
///
/// That is `next` if it goes forward, and `current` if it [covers](Anchor::covers) `next` already, so that a call whose answer
/// was lost can be made again, and no cosignature is lost by it.
///
/// `next` may be of a later incarnation than the one after `current`, because a log that had to begin anew several times
/// while the store could not be reached anchors only the last of them. It may be at most 64 later: a number far beyond is no
/// log's that went on, and would leave the log no incarnations to go on with.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) when `next` is not of `chain`, [`WrongLog`](crate::ErrorKind::WrongLog) when
/// `current` is of another log, [`Conflict`](crate::ErrorKind::Conflict) when the stored head is not `expected`,
/// [`Regression`](crate::ErrorKind::Regression) when `next` lies before it, contradicts it, says less about it, or
/// skips too many incarnations.
pub fn check_advance<'a>(
    current: Option<&'a Anchor>,
    chain: &ChainId,
    expected: Option<&Head>,
    next: &'a Anchor,
) -> Result<&'a Anchor, Error> {
    if next.head().chain != *chain {
        return Err(Error::invalid(
            "advance the anchor",
            format!("the next head is of {}, not of {chain}", next.head().chain),
        ));
    }
    let found = current.map(Anchor::head);
    if let Some(found) = found
        && found.chain.base() != chain.base()
    {
        return Err(Error::wrong_log("advance the anchor", chain, &found.chain));
    }
    if let Some(current) = current
        && current.covers(next)
    {
        return Ok(current);
    }
    match (expected, current) {
        (None, None) => Ok(next),
        (Some(expected), Some(current)) if expected.agrees_with(current.head()) => {
            check_forward(current, next).map(|()| next)
        }
        _ => Err(Error::conflict(expected, found)),
    }
}

/// How many incarnations later the next anchor may be.
const MOST_RESTARTS: u64 = 64;

fn check_forward(current: &Anchor, next: &Anchor) -> Result<(), Error> {
    let (from, to) = (current.head(), next.head());
    let place = |head: &Head| (head.chain.incarnation(), head.seq);
    if to.chain.incarnation() > from.chain.incarnation().saturating_add(MOST_RESTARTS) {
        return Err(Error::regression(
            to,
            from,
            "is more than 64 incarnations after",
        ));
    }
    if place(to) > place(from) {
        return Ok(());
    }
    if place(to) < place(from) {
        return Err(Error::regression(to, from, "lies before"));
    }
    if !to.agrees_with(from) {
        return Err(Error::regression(to, from, "contradicts"));
    }
    let says_less = (from.root.is_some() && to.root.is_none())
        || (current.checkpoint().is_some() && next.checkpoint().is_none());
    if says_less {
        return Err(Error::regression(
            to,
            from,
            "lacks the root or the checkpoint of",
        ));
    }
    Ok(())
}

#[async_trait]
impl<S: AnchorStore + ?Sized> AnchorStore for Arc<S> {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        (**self).load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        (**self).advance(chain, expected, next).await
    }
}

#[async_trait]
impl<S: AnchorStore + ?Sized> AnchorStore for Box<S> {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        (**self).load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, Error> {
        (**self).advance(chain, expected, next).await
    }
}
