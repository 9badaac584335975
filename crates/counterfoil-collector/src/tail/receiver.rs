//! The threads that follow directories.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil::ChainId;
use counterfoil::audit::{AuditRecord, LogTail};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

use super::source::Checked;
use super::{TailSource, TailState, TailStatus};
use crate::{Ack, Caller, Collector, Error, ErrorKind, Reason, Refusal, Scope};

/// Most directories that one collector follows: each takes a thread.
const MAX_DIRECTORIES: usize = 256;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// Bytes that are waited for together until they are durable.
const UPLOAD: usize = 32 << 20;
/// How often a directory is looked at when everything was taken.
const POLL: Duration = Duration::from_millis(100);
/// How often one is looked at of which nothing more fits: another incarnation may have begun.
const STUCK_POLL: Duration = Duration::from_secs(5);
/// Delays after failures: doubled from the first up to the longest.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Follows log directories and gives their records to a [`Collector`], until it is stopped or dropped.
///
/// Where a directory is read from is where the chain's head in the collector is, so there is nothing to keep over restarts. Rotation
/// and retention of the producer are followed; records that retention removed before they were taken leave a gap that the chain cannot
/// have, which is told and stops that chain.
#[derive(Debug)]
#[must_use = "dropping it ends the following"]
pub struct TailReceiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    stopping: bool,
    running: usize,
    tails: Vec<TailStatus>,
}

impl TailReceiver {
    /// Starts to follow `sources`. Within a tokio runtime, which has to live as long.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) for a source that is none, one that is there twice or too many of them, and
    /// outside of a runtime; [`Io`](ErrorKind::Io) when no thread is to be had.
    pub fn start(collector: &Collector, sources: &[TailSource]) -> Result<Self, Error> {
        let checked = checked(sources)?;
        let runtime = Handle::try_current().map_err(|source| {
            invalid("there is no tokio runtime here; start it within one").with_source(source)
        })?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                stopping: false,
                running: 0,
                tails: checked.iter().map(waiting).collect(),
            }),
            changed: Condvar::new(),
        });
        let receiver = Self { shared };
        for (at, source) in checked.into_iter().enumerate() {
            let name = format!("tail:{}", source.directory.display());
            let tail = Tail {
                caller: Caller::new(source.tenant.clone(), Scope::Ingest.into(), name),
                collector: collector.clone(),
                runtime: runtime.clone(),
                shared: Arc::clone(&receiver.shared),
                at,
                place: None,
                checkpoint: None,
                refused: None,
                stuck: None,
                source,
            };
            receiver.shared.state.lock().running += 1;
            let spawned = thread::Builder::new()
                .name("counterfoil-tail".into())
                .spawn(move || tail.run());
            if let Err(source) = spawned {
                receiver.shared.state.lock().running -= 1;
                let context = "no thread was to be had; look at the process's limits";
                return Err(Error::new(ErrorKind::Io, FOLLOW, context).with_source(source));
            }
        }
        Ok(receiver)
    }

    /// How each directory stands, in the order in which they were given.
    #[must_use]
    pub fn status(&self) -> Vec<TailStatus> {
        self.shared.state.lock().tails.clone()
    }

    /// Ends it, before the collector is stopped; whether all threads have ended within `patience`. What is not taken yet is in the
    /// directories.
    #[must_use]
    pub fn stop(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.shared.state.lock();
        state.stopping = true;
        self.shared.changed.notify_all();
        let running = |state: &mut State| state.running > 0;
        let waited = self
            .shared
            .changed
            .wait_while_until(&mut state, running, until);
        !waited.timed_out()
    }
}

impl Drop for TailReceiver {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.changed.notify_all();
    }
}

/// One directory.
struct Tail {
    source: Checked,
    caller: Caller,
    collector: Collector,
    runtime: Handle,
    shared: Arc<Shared>,
    at: usize,
    /// Where it is; `None` until the collector's head was asked for.
    place: Option<(ChainId, LogTail)>,
    /// The last checkpoint that needs not be given any more.
    checkpoint: Option<String>,
    /// The record that was refused last.
    refused: Option<(Reason, Option<u64>)>,
    /// The chain of which nothing more fits.
    stuck: Option<ChainId>,
}

/// Why nothing was taken.
enum Trouble {
    /// It may pass.
    Passing(String, Option<Duration>),
    /// It will not.
    Lasting(ChainId, String),
}

impl Tail {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _ended = Ended(Arc::clone(&shared), self.at);
        let mut failed = 0_u32;
        while !shared.state.lock().stopping {
            let delay = match self.pass() {
                Ok(true) => {
                    failed = 0;
                    continue;
                }
                Ok(false) if self.stuck.is_some() => STUCK_POLL,
                Ok(false) => {
                    failed = 0;
                    POLL
                }
                Err(trouble) => {
                    failed = failed.saturating_add(1);
                    self.troubled(trouble, failed)
                }
            };
            shared.pause(delay);
        }
    }

    /// Takes what is there; whether that was anything.
    fn pass(&mut self) -> Result<bool, Trouble> {
        let Some((chain, mut tail)) = self.begin()? else {
            return Ok(false);
        };
        let taken = self.take(&chain, &mut tail);
        if taken.is_ok() {
            self.place = Some((chain, tail));
        }
        taken
    }

    /// The place to go on from; `None` while there is nothing to begin with.
    fn begin(&mut self) -> Result<Option<(ChainId, LogTail)>, Trouble> {
        if let Some(place) = self.place.take() {
            return Ok(Some(place));
        }
        let Some(chain) = self.chain_in_directory()? else {
            return Ok(None);
        };
        if self.stuck.as_ref() == Some(&chain) {
            return Ok(None);
        }
        if let Some(wanted) = self.source.chain.as_ref().filter(|it| **it != chain) {
            let why = format!("the log is of the chain {chain}, and {wanted} is configured");
            return Err(Trouble::Lasting(chain, why));
        }
        let key = self.source.key.clone();
        self.collector
            .register(&self.caller, &chain, key)
            .map_err(|refusal| self.refused(&chain, refusal))?;
        let head = self
            .runtime
            .block_on(self.collector.head(&self.caller, &chain));
        let head = head.map_err(|refusal| self.refused(&chain, refusal))?;
        let after = head.map_or(0, |head| head.seq);
        self.checkpoint = None;
        self.stuck = None;
        let id = chain.clone();
        self.change(move |status| {
            status.chain = Some(id);
            status.acknowledged = after;
            status.state = TailState::Following;
        });
        let tail = LogTail::new(&self.source.directory, after);
        Ok(Some((chain, tail)))
    }

    fn chain_in_directory(&self) -> Result<Option<ChainId>, Trouble> {
        let read = LogTail::new(&self.source.directory, 0).read(0);
        let lines = read.map_err(|error| passing(&error))?.lines;
        let Some(first) = lines.split_inclusive(|byte| *byte == b'\n').next() else {
            return Ok(None);
        };
        let record = AuditRecord::parse(first).map_err(|error| passing(&error))?;
        Ok(Some(record.chain().clone()))
    }

    /// Gives an upload of what is there, and waits until it is durable.
    fn take(&mut self, chain: &ChainId, tail: &mut LogTail) -> Result<bool, Trouble> {
        let mut read = self.read(chain, tail)?;
        if read.is_empty() && self.unsent_checkpoint(tail)?.is_none() {
            return Ok(false);
        }
        let upload = self.collector.upload(&self.caller, chain);
        let mut upload = upload.map_err(|refusal| self.refused(chain, refusal))?;
        let mut bytes = 0;
        while !read.is_empty() {
            bytes += read.len();
            let pushed = self.runtime.block_on(upload.push(Bytes::from(read)));
            pushed.map_err(|refusal| self.refused(chain, refusal))?;
            if bytes >= UPLOAD || self.shared.state.lock().stopping {
                break;
            }
            read = self.read(chain, tail)?;
        }
        let note = self.unsent_checkpoint(tail)?;
        let pushed = match &note {
            Some(note) => {
                let line = checkpoint_line(note);
                self.runtime.block_on(upload.push(line))
            }
            None => Ok(()),
        };
        let acknowledged = match pushed {
            Ok(()) => self.runtime.block_on(upload.finish()),
            Err(refusal) => Err(refusal),
        };
        self.settle(chain, tail, note, acknowledged)
    }

    fn settle(
        &mut self,
        chain: &ChainId,
        tail: &LogTail,
        note: Option<String>,
        acknowledged: Result<Ack, Refusal>,
    ) -> Result<bool, Trouble> {
        let upto = match acknowledged {
            Ok(ack) => ack.acknowledged,
            // All records are there, so that it is the checkpoint that was refused. It is told and not given again.
            Err(refusal)
                if note.is_some()
                    && refusal.reason.is_verification_failure()
                    && refusal.acknowledged == Some(tail.next() - 1) =>
            {
                tracing::error!(%chain, refusal = %refusal.detail.escape_debug(), "a checkpoint of a followed log was refused");
                tail.next() - 1
            }
            Err(refusal) => return Err(self.refused(chain, refusal)),
        };
        self.checkpoint = note.or(self.checkpoint.take());
        self.refused = None;
        self.change(|status| {
            status.acknowledged = upto;
            status.state = TailState::Following;
            status.last_error = None;
        });
        Ok(true)
    }

    fn read(&self, chain: &ChainId, tail: &mut LogTail) -> Result<Vec<u8>, Trouble> {
        let read = tail.read(CHUNK).map_err(|error| passing(&error))?;
        let missed = tail.missed();
        if missed > 0 {
            self.change(|status| status.missed += missed);
            let why = format!(
                "{missed} records were removed by retention before they were taken, and nothing behind them fits; keep records longer, and begin the log's next incarnation"
            );
            return Err(Trouble::Lasting(chain.clone(), why));
        }
        Ok(read.lines)
    }

    /// The checkpoint that the log published over records that were read, unless it was given before.
    fn unsent_checkpoint(&self, tail: &LogTail) -> Result<Option<String>, Trouble> {
        let published = tail.checkpoint().map_err(|error| passing(&error))?;
        let given = |note: &String| self.checkpoint.as_ref() == Some(note);
        Ok(published
            .filter(|(size, note)| *size > 0 && *size < tail.next() && !given(note))
            .map(|(_, note)| note))
    }

    /// What a refusal means here: one that is about the records stops the chain when it comes twice.
    fn refused(&mut self, chain: &ChainId, refusal: Refusal) -> Trouble {
        let why = refusal.detail.escape_debug().to_string();
        let again = Some((refusal.reason, refusal.seq));
        let about_the_chain = refusal.reason.is_verification_failure()
            || matches!(refusal.reason, Reason::Conflict | Reason::Forbidden);
        if about_the_chain && self.refused == again {
            return Trouble::Lasting(chain.clone(), why);
        }
        if about_the_chain {
            self.refused = again;
        }
        Trouble::Passing(why, refusal.retry_after)
    }

    /// Tells it, and how long to wait.
    fn troubled(&mut self, trouble: Trouble, failed: u32) -> Duration {
        let directory = self.source.directory.display();
        let doublings = 1_u32.checked_shl(failed - 1).unwrap_or(u32::MAX);
        let delay = FIRST_DELAY.saturating_mul(doublings).min(LONGEST_DELAY);
        let (state, why, delay) = match trouble {
            Trouble::Passing(why, asked) => {
                if failed == 1 {
                    tracing::warn!(%directory, %why, "a followed log could not be taken; trying again");
                }
                (
                    TailState::Retrying,
                    why,
                    delay.max(asked.unwrap_or_default()),
                )
            }
            Trouble::Lasting(chain, why) => {
                tracing::error!(%directory, %chain, %why, "a followed log does not fit; nothing more of it is taken");
                self.stuck = Some(chain);
                (TailState::Stuck, why, STUCK_POLL)
            }
        };
        self.change(|status| {
            status.state = state;
            status.failures += 1;
            status.last_error = Some(why);
        });
        delay
    }

    fn change(&self, change: impl FnOnce(&mut TailStatus)) {
        change(&mut self.shared.state.lock().tails[self.at]);
    }
}

impl Shared {
    fn pause(&self, delay: Duration) {
        let mut state = self.state.lock();
        let going_on = |state: &mut State| !state.stopping;
        self.changed.wait_while_for(&mut state, going_on, delay);
    }
}

/// Says that a thread has ended, also when it panicked.
struct Ended(Arc<Shared>, usize);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.running -= 1;
        state.tails[self.1].state = TailState::Stopped;
        self.0.changed.notify_all();
    }
}

const FOLLOW: &str = "follow log directories";

fn checked(sources: &[TailSource]) -> Result<Vec<Checked>, Error> {
    if sources.len() > MAX_DIRECTORIES {
        let context = format!(
            "{} directories are configured and {MAX_DIRECTORIES} can be followed; have producers send the rest",
            sources.len()
        );
        return Err(invalid(context));
    }
    for (at, source) in sources.iter().enumerate() {
        if sources[..at]
            .iter()
            .any(|it| it.directory == source.directory)
        {
            let context = format!("{} is configured twice", source.directory.display());
            return Err(invalid(context));
        }
    }
    sources.iter().map(TailSource::checked).collect()
}

fn waiting(source: &Checked) -> TailStatus {
    TailStatus {
        directory: source.directory.clone(),
        chain: None,
        state: TailState::Waiting,
        acknowledged: 0,
        missed: 0,
        failures: 0,
        last_error: None,
    }
}

/// A checkpoint as a line of an upload.
fn checkpoint_line(note: &str) -> Bytes {
    format!("{}\n", serde_json::json!({ "checkpoint": note })).into()
}

fn passing(error: &counterfoil::audit::Error) -> Trouble {
    Trouble::Passing(error.to_string(), None)
}

fn invalid(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, FOLLOW, context)
}
