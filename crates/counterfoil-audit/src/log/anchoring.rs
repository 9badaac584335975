//! Making heads visible: tiles, signature, anchor, publication, in this order (audit specification §6, visibility).

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_anchor::{Anchor, AnchorStore, ErrorKind as AnchorErrorKind};
use counterfoil_core::Head;

use crate::log::desk::AnchorDesk;
use crate::log::files::{FileSystem, LogFile};
use crate::log::head_signers::{HeadNote, HeadSigners};
use crate::log::options::OnConflict;
use crate::log::segment::put_atomically;
use crate::log::shared::Shared;
use crate::log::tiles::TileWriter;
use crate::log::waiters::Unpark;

/// The thread that writes tiles and anchors. It is one of its own because a store may take seconds, and commits must not wait for
/// it.
pub(crate) struct Anchorer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) desk: Arc<AnchorDesk>,
    pub(crate) tiles: TileWriter,
    pub(crate) store: Arc<dyn AnchorStore>,
    pub(crate) signers: Arc<HeadSigners>,
    /// What the store holds, as far as this log knows.
    pub(crate) known: Option<Head>,
    /// What the store may hold: the answer to an advance never came.
    pub(crate) attempted: Option<Head>,
    /// The checkpoint of what is known, which is still to be published.
    pub(crate) unpublished: Option<String>,
    pub(crate) on_conflict: OnConflict,
    /// How long to wait before a head is tried again that could not be anchored.
    pub(crate) retry_after: Duration,
    pub(crate) files: Arc<dyn FileSystem>,
    /// The log's directory, held.
    pub(crate) dir: Box<dyn LogFile>,
    pub(crate) checkpoint_path: PathBuf,
}

enum Failed {
    /// Try again, at the next head or in a while.
    ForNow(String),
    /// The store holds another writer's head.
    Forked(String),
    /// The key that counts for this head is gone; a larger head is on its way.
    Superseded,
}

impl Failed {
    fn for_now(error: impl std::error::Error) -> Self {
        Self::ForNow(error.to_string())
    }
}

impl Anchorer {
    /// Writes tiles and anchors heads until the desk is finished.
    pub(crate) fn run(&mut self) {
        let mut again = None;
        while let Some(work) = self.desk.take(again.clone()) {
            if self.shared.progress.forked.load(Ordering::Relaxed) {
                continue;
            }
            let last = work
                .head
                .as_ref()
                .map_or(work.leaves.last(), |head| head.seq);
            if work.head.is_none() && self.tiles.size() < work.leaves.after {
                // Something is missing in between. The next head brings it up; until then nothing depends on it.
                continue;
            }
            let grown = self.tiles.grow(&work.leaves, last);
            self.shared
                .progress
                .tiles
                .store(self.tiles.written(), Ordering::Relaxed);
            let Some(head) = work.head else { continue };
            again = None;
            match self.anchor(&head, grown) {
                Ok(()) => self.shared.set_anchored(head),
                Err(failed) => {
                    if matches!(failed, Failed::ForNow(_)) {
                        again = Some((head, Instant::now() + self.retry_after));
                    }
                    self.report(failed);
                }
            }
        }
    }

    fn anchor(&mut self, head: &Head, grown: io::Result<()>) -> Result<(), Failed> {
        if self
            .known
            .as_ref()
            .is_some_and(|known| known.agrees_with(head))
        {
            return self.publish(head);
        }
        let mut anchor = Anchor::new(head.clone()).map_err(Failed::for_now)?;
        match self.complete_tiles(head, grown) {
            Ok(()) => match self.signers.sign(head).map_err(Failed::for_now)? {
                HeadNote::Unsigned => {}
                HeadNote::Signed(note) => {
                    anchor = anchor
                        .with_checkpoint(note.to_text())
                        .map_err(Failed::for_now)?;
                }
                HeadNote::Superseded => return Err(Failed::Superseded),
            },
            // No other head will come. This one is vouched for unsigned, for nothing is signed before its tiles.
            Err(_) if self.shared.has_failed() => {}
            Err(why) => return Err(Failed::ForNow(why)),
        }
        let stored = self.advance(&anchor)?;
        self.known = Some(head.clone());
        if !stored.covers(&anchor) {
            return Err(Failed::ForNow(format!(
                "checkpoint not published: the anchor store was given record {} and answered with another anchor, of record {}",
                head.seq,
                stored.head().seq
            )));
        }
        // The stored one, because the store may have had it cosigned.
        self.unpublished = stored.checkpoint().map(str::to_owned);
        self.publish(head)
    }

    /// Publishes the checkpoint of a head that is anchored, unless that was done.
    fn publish(&mut self, head: &Head) -> Result<(), Failed> {
        if let Some(note) = &self.unpublished {
            put_atomically(
                &*self.files,
                &*self.dir,
                &self.checkpoint_path,
                note.as_bytes(),
            )
            .map_err(|error| Failed::ForNow(format!("checkpoint not published: {error}")))?;
        }
        self.unpublished = None;
        // What stays behind is removed after the next publication.
        self.tiles.published(head.seq).ok();
        Ok(())
    }

    /// Writes the last tiles of `head`, and makes sure that it is their head.
    fn complete_tiles(&mut self, head: &Head, grown: io::Result<()>) -> Result<(), String> {
        let root = grown
            .and_then(|()| self.tiles.complete())
            .and_then(|()| self.tiles.root())
            .map_err(|error| format!("hash tiles could not be written: {error}"))?;
        if head.root == Some(root) {
            return Ok(());
        }
        // They are written again before the next head.
        self.tiles.forget();
        Err(format!(
            "the hash tiles of the segments do not have the root of head {}; verify the log",
            head.seq
        ))
    }

    fn advance(&mut self, next: &Anchor) -> Result<Anchor, Failed> {
        let chain = &next.head().chain;
        let mut error = match block_on(self.store.advance(chain, self.known.as_ref(), next)) {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        // An advance whose answer was lost may have happened: then the store holds that head, which is ours.
        let lost_answer = self.attempted.take_if(|attempted| {
            error
                .found()
                .is_some_and(|found| found.agrees_with(attempted))
        });
        if let Some(ours) = lost_answer {
            self.known = Some(ours);
            error = match block_on(self.store.advance(chain, self.known.as_ref(), next)) {
                Ok(stored) => return Ok(stored),
                Err(error) => error,
            };
        }
        match error.kind() {
            AnchorErrorKind::Conflict
            | AnchorErrorKind::Regression
            | AnchorErrorKind::WrongLog
            | AnchorErrorKind::SplitView => Err(Failed::Forked(error.to_string())),
            _ => {
                self.attempted = Some(next.head().clone());
                Err(Failed::for_now(error))
            }
        }
    }

    fn report(&self, failed: Failed) {
        let progress = &self.shared.progress;
        if !matches!(failed, Failed::Superseded) {
            progress.anchor_failures.fetch_add(1, Ordering::Relaxed);
        }
        match failed {
            Failed::Superseded => {}
            Failed::ForNow(why) => self.shared.set_anchor_error(why),
            Failed::Forked(why) => {
                progress.forked.store(true, Ordering::Relaxed);
                self.shared.set_anchor_error(why.clone());
                if self.on_conflict == OnConflict::Fail {
                    self.shared
                        .fail(format!("another head of it is kept elsewhere: {why}"));
                }
            }
        }
        self.shared.tell();
    }
}

/// Drives a future on this thread. Anchor stores complete under exactly this (their contract, blocking).
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
