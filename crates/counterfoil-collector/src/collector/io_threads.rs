//! I/O threads: what takes long is done beside the workers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use counterfoil::Head;
use counterfoil::anchor::Anchor;
use crossbeam_channel::Receiver;
use tokio::sync::oneshot;

use crate::collector::batch::{Batch, Checkpointed, RefusedLine};
use crate::collector::chain::Chain;
use crate::collector::cosign::cosigned;
use crate::collector::job::Job;
use crate::collector::shared::Shared;
use crate::{Error, ErrorKind, Reason, Refusal, StoredChain};

/// Work for whichever I/O thread is free.
#[derive(Debug)]
pub(crate) enum Io {
    /// Open the chain, and give it to its worker.
    Open(Arc<Chain>),
    /// Make the batch durable, answer, prune where asked, and give the chain back.
    Settle(Arc<Chain>, Box<dyn StoredChain>, Box<Batch>, Vec<Pruned>),
    /// The collector stops: keep what makes the next start fast.
    Close(Arc<Chain>, Box<dyn StoredChain>),
    /// End: no worker is left that could give work.
    Stop,
}

type Pruned = oneshot::Sender<Result<u64, Refusal>>;

/// Works until it is told to stop.
pub(crate) fn run(shared: &Arc<Shared>, work: &Receiver<Io>) {
    for io in work {
        let (chain, outcome) = match io {
            Io::Open(chain) => {
                let opened = contained(|| open(shared, &chain));
                if let Err(error) = &opened {
                    chain.set_failed();
                    shared.storage_failed(chain.id(), error);
                }
                (chain, opened)
            }
            Io::Settle(chain, stored, batch, prune) => {
                let settled = contained(|| settle(shared, &chain, stored, *batch, prune));
                (chain, settled)
            }
            Io::Close(chain, stored) => {
                if let Err(error) = stored.close() {
                    // It is opened again from what is durable.
                    tracing::warn!(chain = %chain.id(), %error, "a chain was not closed in order");
                }
                continue;
            }
            Io::Stop => return,
        };
        let worker = chain.worker;
        // A worker waits for the chains that it gave away before it ends.
        shared.give(worker, Job::Back(chain, outcome)).ok();
    }
}

fn contained<T>(action: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Corrupt,
            "keep the records of a chain",
            "it panicked; report this",
        ))
    })
}

/// Opens the chain; the head that was kept outside of it says what has to be there.
fn open(shared: &Shared, chain: &Chain) -> Result<Box<dyn StoredChain>, Error> {
    let anchor = shared.heads.load(chain.id())?;
    let vouched = anchor.as_ref().map(Anchor::head);
    let stored = shared.storage.open(&chain.entry, vouched)?;
    if let Some(anchor) = &anchor
        && anchor.checkpoint().is_some()
    {
        chain.may_cosign(anchor.head().seq);
    }
    chain.set(stored.durable(), stored.bytes());
    Ok(stored)
}

fn settle(
    shared: &Shared,
    chain: &Chain,
    mut stored: Box<dyn StoredChain>,
    mut batch: Batch,
    prune: Vec<Pruned>,
) -> Result<Box<dyn StoredChain>, Error> {
    if batch.dirty
        && let Err(error) = sync(shared, &mut *stored)
    {
        let refusal = shared.storage_failed(chain.id(), &error);
        chain.tenant.figures.dropped(batch.new);
        batch.fail(&refusal, chain.durable().ok().flatten().as_ref());
        for refused in batch.refused.drain(..) {
            shared.tell(chain, &refused.refusal);
        }
        for reply in prune {
            reply.send(Err(refusal.clone())).ok();
        }
        return Err(error);
    }
    let durable = stored.durable();
    chain.set(durable.clone(), stored.bytes());
    chain.tenant.figures.stored(batch.new);
    shared.figures.stored_of(&batch.kinds);
    let checkpoint = batch.checkpoint.take();
    let publishes = checkpoint.is_some();
    if let Some(checkpointed) = checkpoint {
        keep_checkpoint(shared, chain, &*stored, checkpointed);
    }
    if let Some(head) = &durable
        && batch.new > 0
    {
        shared.meta.head(&chain.entry.tenant, head.clone());
        if chain.entry.verifier_key.is_none() {
            keep_head(shared, head);
        }
    }
    for refused in batch.refused.drain(..) {
        keep_refused(shared, chain, refused);
    }
    batch.answer(durable.as_ref());
    if publishes && let Err(error) = stored.publish() {
        // The one before is shown; the next one tries again.
        shared.storage_failed(chain.id(), &error);
    }
    for reply in prune {
        let outcome = let_go(shared, chain, &mut *stored);
        // Who asked may be gone.
        reply.send(outcome).ok();
    }
    Ok(stored)
}

fn sync(shared: &Shared, stored: &mut dyn StoredChain) -> Result<(), Error> {
    let before = shared.clock.ticks().0;
    stored.sync()?;
    let took = shared.clock.ticks().0.saturating_sub(before);
    shared.figures.synced(Duration::from_nanos(took));
    shared.space.succeeded();
    Ok(())
}

/// The head of a chain without checkpoints is its own anchor.
fn keep_head(shared: &Shared, head: &Head) {
    if let Ok(anchor) = Anchor::new(head.clone()) {
        shared.heads.offer(anchor);
    }
}

/// Cosigns a checkpoint whose records are durable, and keeps it as the chain's anchor. The records are stored whatever comes of it,
/// which is what was asked for; the producer sees whether there is a cosignature.
fn keep_checkpoint(
    shared: &Shared,
    chain: &Chain,
    stored: &dyn StoredChain,
    checkpointed: Checkpointed,
) {
    let Checkpointed { upload, note, size } = checkpointed;
    if !chain.may_cosign(size) {
        return;
    }
    let outcome = stored.head_at(size).and_then(|head| {
        // Where retention was faster there is nothing to keep.
        let Some(head) = head else {
            return Ok(());
        };
        let (note, line) = match &shared.witness {
            None => (note, None),
            Some(witness) => {
                let time = shared.clock.utc().unix_nanos() / 1_000_000_000;
                let cosigned = cosigned(&**witness, &note, time)?;
                (cosigned.note, Some(cosigned.line))
            }
        };
        let anchor = Anchor::new(head)
            .and_then(|anchor| anchor.with_checkpoint(note))
            .map_err(|error| {
                Error::new(ErrorKind::Corrupt, "keep a checkpoint", error.to_string())
            })?;
        // A witness answers with what it has on stable storage.
        if shared.heads.keep(anchor)
            && let Some(line) = line
        {
            shared.figures.cosigned.fetch_add(1, Relaxed);
            upload.note(|progress| progress.cosignature = Some(line));
        }
        Ok(())
    });
    if let Err(error) = outcome {
        tracing::error!(chain = %chain.id(), %error, "a checkpoint was not cosigned");
    }
}

fn keep_refused(shared: &Shared, chain: &Chain, refused: RefusedLine) {
    let RefusedLine {
        refusal,
        line,
        ours,
    } = refused;
    let time = shared.clock.utc();
    let mut quarantine = chain.quarantine.lock();
    let kept = if refusal.reason == Reason::Fork {
        quarantine
            .keep_fork(time, chain.id(), &refusal, &line, ours.as_deref())
            .map(|_| 0)
    } else {
        quarantine.keep(time, chain.id(), &refusal, &line)
    };
    drop(quarantine);
    match kept {
        Ok(evicted) => {
            shared
                .figures
                .quarantine_evicted
                .fetch_add(evicted, Relaxed);
        }
        Err(error) => tracing::error!(chain = %chain.id(), %error, "a refused line was not kept"),
    }
    shared.tell(chain, &refusal);
}

fn let_go(shared: &Shared, chain: &Chain, stored: &mut dyn StoredChain) -> Result<u64, Refusal> {
    let retention = shared.settings.of(&chain.entry.tenant).retention;
    let outcome = stored.prune(retention);
    chain.set(stored.durable(), stored.bytes());
    outcome.map_err(|error| shared.storage_failed(chain.id(), &error))
}
