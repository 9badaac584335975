//! The heads of chains, kept outside of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use async_trait::async_trait;
use counterfoil::anchor::{
    Anchor, AnchorStore, Error as AnchorError, ErrorKind as AnchorErrorKind, FileAnchorStore,
};
use counterfoil::{ChainId, Head};
use parking_lot::Mutex;

use crate::collector::figures::Figures;
use crate::{Error, ErrorKind};

/// Advances the anchors of chains, some time after their records were acknowledged, one advance for all that came since.
#[derive(Debug)]
pub(crate) struct Heads {
    store: Arc<dyn AnchorStore>,
    state: Mutex<BTreeMap<ChainId, Kept>>,
    figures: Arc<Figures>,
}

/// What is kept of a chain, and what is to be kept next.
#[derive(Debug, Default)]
struct Kept {
    current: Option<Anchor>,
    next: Option<Anchor>,
    /// What was given to the store, which did not say that it has it.
    unsure: Option<Anchor>,
}

impl Heads {
    pub(crate) fn new(store: Arc<dyn AnchorStore>, figures: Arc<Figures>) -> Self {
        Self {
            store,
            state: Mutex::default(),
            figures,
        }
    }

    /// The anchor that is kept of `chain`.
    pub(crate) fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, Error> {
        let anchor = block_on(self.store.load(chain)).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                "load the head of a chain",
                format!("the store does not give the one of {chain}; look at its file"),
            )
            .with_source(error)
        })?;
        let mut state = self.state.lock();
        state
            .entry(chain.clone())
            .or_default()
            .current
            .clone_from(&anchor);
        Ok(anchor)
    }

    /// Keeps `anchor` soon.
    pub(crate) fn offer(&self, anchor: Anchor) {
        let chain = anchor.head().chain.clone();
        self.state.lock().entry(chain).or_default().next = Some(anchor);
    }

    /// Keeps what was offered, now. What fails is tried again the next time, unless something newer was offered.
    pub(crate) fn advance(&self) {
        let due: Vec<_> = {
            let mut state = self.state.lock();
            let due = state.iter_mut().filter_map(|(chain, kept)| {
                let next = kept.next.take()?;
                Some((chain.clone(), kept.current.clone(), next))
            });
            due.collect()
        };
        for (chain, current, next) in due {
            self.advance_one(chain, current.as_ref(), next);
        }
    }

    /// Keeps `anchor` now, in the place of what was offered for its chain; whether it is kept. What fails is tried again later.
    pub(crate) fn keep(&self, anchor: Anchor) -> bool {
        let chain = anchor.head().chain.clone();
        let current = {
            let mut state = self.state.lock();
            let kept = state.entry(chain.clone()).or_default();
            kept.next = None;
            kept.current.clone()
        };
        self.advance_one(chain, current.as_ref(), anchor)
    }

    fn advance_one(&self, chain: ChainId, current: Option<&Anchor>, next: Anchor) -> bool {
        let outcome = block_on(self.store.advance(&chain, current.map(Anchor::head), &next));
        let mut state = self.state.lock();
        let kept = state.entry(chain).or_default();
        match outcome {
            Ok(stored) => {
                kept.current = Some(stored);
                true
            }
            Err(error) => {
                self.figures.heads_failed.fetch_add(1, Relaxed);
                tracing::warn!(%error, "the head of a chain was not kept");
                if error.kind() != AnchorErrorKind::Conflict {
                    kept.unsure = Some(next.clone());
                } else if let Some(unsure) = &kept.unsure
                    && error.found() == Some(unsure.head())
                {
                    // It got there, and only the answer did not.
                    kept.current = kept.unsure.take();
                }
                // Unless a later one was kept meanwhile.
                let current = kept.current.as_ref().map_or(0, |it| it.head().seq);
                if current < next.head().seq {
                    kept.next.get_or_insert(next);
                }
                false
            }
        }
    }

    /// Whether everything offered is kept.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().values().all(|kept| kept.next.is_none())
    }
}

/// One [`FileAnchorStore`] for each chain, at the path that a closure gives.
pub(crate) struct HeadFiles<L> {
    locate: L,
    open: Mutex<BTreeMap<ChainId, Arc<FileAnchorStore>>>,
}

impl<L: Fn(&ChainId) -> Option<PathBuf>> HeadFiles<L> {
    pub(crate) fn new(locate: L) -> Self {
        Self {
            locate,
            open: Mutex::default(),
        }
    }

    fn of(&self, chain: &ChainId) -> Result<Arc<FileAnchorStore>, AnchorError> {
        if let Some(store) = self.open.lock().get(chain) {
            return Ok(Arc::clone(store));
        }
        // A chain that is not registered has no file, and the empty path cannot be opened.
        let path = (self.locate)(chain).unwrap_or_default();
        if let Some(parent) = path.parent() {
            // That it cannot be created shows when the store is opened.
            fs::create_dir_all(parent).ok();
        }
        let store = Arc::new(FileAnchorStore::open(path)?);
        self.open.lock().insert(chain.clone(), Arc::clone(&store));
        Ok(store)
    }
}

impl<L> std::fmt::Debug for HeadFiles<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeadFiles")
    }
}

#[async_trait]
impl<L: Fn(&ChainId) -> Option<PathBuf> + Send + Sync + 'static> AnchorStore for HeadFiles<L> {
    async fn load(&self, chain: &ChainId) -> Result<Option<Anchor>, AnchorError> {
        self.of(chain)?.load(chain).await
    }

    async fn advance(
        &self,
        chain: &ChainId,
        expected: Option<&Head>,
        next: &Anchor,
    ) -> Result<Anchor, AnchorError> {
        self.of(chain)?.advance(chain, expected, next).await
    }
}

/// Waits on this thread: a store completes without a runtime (its contract).
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
