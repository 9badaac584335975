//! Keeping the indexes of the chains that are kept.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use counterfoil_query::index::Indexer;
use counterfoil_query::{Error, ErrorKind};

/// How often is looked for what became durable.
const PERIOD: Duration = Duration::from_secs(1);
/// So many records are scanned by a search before they are indexed.
const BACKLOG: u64 = 1 << 15;
/// After so many passes every index is looked at again, should one have been damaged or deleted meanwhile.
const LOOK_AGAIN: u64 = 300;
/// The least weight that the system gives to a thread: it works when nothing else does.
const NICE: i32 = 19;

/// A chain's log directory, and the last record in it that is durable.
pub(crate) type Durable = (PathBuf, u64);

/// A thread that indexes in the background, chain after chain. Records are verified and acknowledged first: where there is no
/// time to spare, an index falls behind, and searches scan what it lacks.
#[derive(Debug)]
pub(crate) struct Indexing {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Indexing {
    /// Starts it; `chains` says what there is.
    pub(crate) fn start(chains: impl Fn() -> Vec<Durable> + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("indexing".to_owned())
            .spawn(move || {
                yield_to_others();
                let mut covered = HashMap::new();
                let mut passes: u64 = 0;
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    if passes.is_multiple_of(LOOK_AGAIN) {
                        covered.clear();
                    }
                    pass(&chains(), &mut covered, || {
                        stopped.try_recv() == Err(mpsc::TryRecvError::Empty)
                    });
                    passes += 1;
                }
            })?;
        Ok(Self { stop, thread })
    }

    /// Ends it after the run that it is writing.
    pub(crate) fn stop(self) {
        drop(self.stop);
        // It held nothing but what can be built again.
        self.thread.join().ok();
    }
}

/// Indexes what has become so much since the pass before.
fn pass(chains: &[Durable], covered: &mut HashMap<PathBuf, u64>, goes_on: impl Fn() -> bool) {
    covered.retain(|dir, _| chains.iter().any(|(kept, _)| kept == dir));
    for (dir, durable) in chains {
        let behind = durable.saturating_sub(covered.get(dir).copied().unwrap_or(0));
        if behind < BACKLOG {
            continue;
        }
        if !goes_on() {
            return;
        }
        match index(dir, *durable) {
            // What it did not cover although it was durable is not tried each second.
            Ok(up_to) => covered.insert(dir.clone(), up_to.max(durable.saturating_sub(BACKLOG))),
            Err(error) if error.kind() == ErrorKind::Busy => None,
            Err(error) => {
                tracing::warn!(dir = %dir.display(), error = %error, "cannot index a chain; searches read its log instead");
                covered.insert(dir.clone(), *durable)
            }
        };
    }
}

fn index(dir: &std::path::Path, durable: u64) -> Result<u64, Error> {
    let mut indexer = Indexer::open(dir)?;
    indexer.prune()?;
    Ok(indexer.update(durable, BACKLOG)?.up_to)
}

/// Best effort: without the right to it, and on other systems, the system shares as it pleases.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // There, a process id names a thread.
        let this = rustix::thread::gettid();
        rustix::process::setpriority_process(Some(this), NICE).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_stop_waits_for_the_thread() {
        let held = Arc::new(());
        let lent = Arc::clone(&held);
        let indexing = Indexing::start(move || {
            let _lives_as_long_as_the_thread = &lent;
            Vec::new()
        });
        indexing.unwrap().stop();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
