//! What workers are given to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use counterfoil::{Digest, Head};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::collector::chain::{Chain, InFlight};
use crate::collector::lines::Piece;
use crate::{Error, Refusal, StoredChain};

/// Work for the worker of a chain; the work of one chain is done in the order in which it was given.
#[derive(Debug)]
pub(crate) enum Job {
    /// Judge and write.
    Pieces(Arc<UploadState>, Vec<Piece>, InFlight),
    /// Something was found not to be a line before it came here: it stands behind what came before it.
    Unfit(Arc<UploadState>, Refusal, Bytes),
    /// Take nothing more of the upload, for a reason that is none of its lines'.
    Refuse(Arc<UploadState>, Refusal),
    /// Answer, once everything before is durable.
    Finish(Arc<UploadState>, oneshot::Sender<Result<Ack, Refusal>>),
    /// Open the chain if it is not, and answer with its durable head.
    Open(Arc<Chain>, oneshot::Sender<Result<Option<Head>, Refusal>>),
    /// Let go what retention allows.
    Prune(Arc<Chain>, oneshot::Sender<Result<u64, Refusal>>),
    /// The chain comes back from an I/O thread.
    Back(Arc<Chain>, Result<Box<dyn StoredChain>, Error>),
    /// Do what was given before, and end.
    Stop,
}

impl Job {
    /// The chain that it is about.
    pub(crate) fn chain(&self) -> Option<&Arc<Chain>> {
        match self {
            Self::Pieces(upload, ..)
            | Self::Unfit(upload, ..)
            | Self::Refuse(upload, _)
            | Self::Finish(upload, _) => Some(&upload.chain),
            Self::Open(chain, _) | Self::Prune(chain, _) | Self::Back(chain, _) => Some(chain),
            Self::Stop => None,
        }
    }
}

/// How far an upload has come.
#[derive(Debug)]
pub(crate) struct UploadState {
    pub(crate) chain: Arc<Chain>,
    /// Nothing more of it is taken.
    refused: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) stored: u64,
    pub(crate) known: u64,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) cosignature: Option<String>,
}

impl UploadState {
    pub(crate) fn new(chain: Arc<Chain>) -> Arc<Self> {
        Arc::new(Self {
            chain,
            refused: AtomicBool::new(false),
            progress: Mutex::default(),
        })
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Takes nothing more. The first reason stays.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.progress.lock().refusal.get_or_insert(refusal);
        self.refused.store(true, Ordering::Release);
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock());
    }

    /// What the producer is told, now that everything taken is durable up to `durable`.
    pub(crate) fn answer(&self, durable: Option<&Head>) -> Result<Ack, Refusal> {
        let progress = self.progress.lock();
        if let Some(refusal) = &progress.refusal {
            let mut refusal = refusal.clone();
            refusal.acknowledged = Some(durable.map_or(0, |head| head.seq));
            return Err(refusal);
        }
        Ok(Ack {
            acknowledged: durable.map_or(0, |head| head.seq),
            hash: durable.map_or(Digest::ZERO, |head| head.hash),
            stored: progress.stored,
            known: progress.known,
            cosignature: progress.cosignature.clone(),
        })
    }
}

/// Everything of an upload is verified and durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The last durable record of the chain; 0 when there is none. Every record up to it is durable.
    pub acknowledged: u64,
    /// Its hash; zero when there is none.
    pub hash: Digest,
    /// Records of this upload that were new.
    pub stored: u64,
    /// Records of this upload that were there already, with the same hash.
    pub known: u64,
    /// The collector's signature line under the last checkpoint of the upload, if there was one to cosign.
    pub cosignature: Option<String>,
}
