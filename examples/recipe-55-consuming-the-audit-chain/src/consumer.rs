//! Following a chain that somebody else keeps.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use counterfoil::ChainId;
use counterfoil::audit::AuditEventKind;
use counterfoil::audit::replica::{Replica, ReplicaOptions};
use counterfoil::signer::{Ed25519Verifier, Keyring, Verifier, VerifierKey};
use counterfoil_query::{Filter, Next, Search};
use tempfile::NamedTempFile;

use crate::position::Position;
use crate::stop::failed;
use crate::{Action, Feed, Result, Stop};

/// Between two tries at a collector that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps a verified copy of one chain and acts on what it says.
///
/// In its directory lie `log/`, the copy, which is a log as any other (`counterfoil verify` works on it), `acted`, the number of the
/// last record that was acted on, and `evidence/`. One process at a time.
pub struct Consumer<A> {
    directory: PathBuf,
    replica: Replica,
    acted: Position,
    action: A,
    /// Whether the log's key is known. Then only what a checkpoint of that key covers is acted on.
    signed: bool,
    /// Up to where records are vouched for.
    vouched: u64,
}

/// What a step has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// Records that were verified and are durable here now.
    pub records: u64,
    /// Expired leases that were acted on.
    pub acted_on: u64,
}

/// A keyring of one log's key, which has to come another way than from the collector.
///
/// # Errors
/// When it is no verifier key of Ed25519.
pub fn trusting(key: &str) -> Result<Keyring> {
    let mut keys = Keyring::new();
    let key: VerifierKey = key.trim().parse()?;
    keys.trust(Ed25519Verifier::new(key)?)?;
    Ok(keys)
}

impl<A: Action> Consumer<A> {
    /// Opens the consumer of `chain` in `directory`, or begins one. What was kept and not acted on by a process that died is acted on.
    ///
    /// With an empty keyring the chain is taken for one that is not signed. Then nobody but the collector says that these are the
    /// producer's records; that they do not change later is noticed all the same.
    ///
    /// # Errors
    /// When the copy is damaged or another process has it, or the action fails.
    pub fn open(directory: &Path, chain: ChainId, keys: Keyring, action: A) -> Result<Self, Stop> {
        fs::create_dir_all(directory.join("evidence")).map_err(failed)?;
        let signed = !keys.is_empty();
        let mut options = ReplicaOptions::new(Arc::new(keys));
        // Rotations are followed from the key that is trusted.
        options.key_reader = Some(read_key);
        let log = directory.join("log");
        let replica = Replica::open(&log, chain, options).map_err(failed)?;
        let acted = Position::open(directory.join("acted")).map_err(failed)?;
        if acted.seq() > replica.durable() {
            let why = format!(
                "{} says that record {} was acted on, and {} ends with {}; restore it",
                directory.join("acted").display(),
                acted.seq(),
                log.display(),
                replica.durable()
            );
            return Err(failed(why));
        }
        let mut consumer = Self {
            directory: directory.to_owned(),
            vouched: acted.seq(),
            replica,
            acted,
            action,
            signed,
        };
        consumer.vouch_for_what_is_published()?;
        consumer.act()?;
        Ok(consumer)
    }

    /// The last record that is verified and durable here; 0 before the first.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        self.replica.durable()
    }

    /// The last record that was acted on.
    #[must_use]
    pub const fn acted(&self) -> u64 {
        self.acted.seq()
    }

    /// Follows the collector for as long as `go_on` says so, waiting up to `wait` for new records each time. A collector that is away is
    /// tried again.
    ///
    /// # Errors
    /// [`Stop::OtherHistory`] and [`Stop::Failed`].
    pub fn follow(
        &mut self,
        feed: &impl Feed,
        wait: Duration,
        go_on: impl Fn() -> bool,
    ) -> Result<(), Stop> {
        let mut met = false;
        while go_on() {
            let step = match met {
                true => self.step(feed, wait),
                // Whoever was away may have been put back meanwhile.
                false => self.meet(feed).map(|()| Taken::default()),
            };
            met = match step {
                Ok(_) => true,
                Err(Stop::Away(_)) => {
                    thread::sleep(PAUSE);
                    false
                }
                Err(stop) => return Err(stop),
            };
        }
        Ok(())
    }

    /// Makes sure that the collector still has the last record that it has shown, and that it is the same one.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn meet(&mut self, feed: &impl Feed) -> Result<(), Stop> {
        let Some(before) = self.kept().checked_sub(1) else {
            return Ok(());
        };
        let lines = feed.after(before, Duration::ZERO)?;
        if lines.is_empty() {
            let why = format!("it has shown record {} and has it no more", self.kept());
            return Err(self.other_history(why, &lines));
        }
        self.take(&lines).map(|_| ())
    }

    /// Takes what is new, keeps it, and acts on it. Waits up to `wait` for something new.
    ///
    /// # Errors
    /// [`Stop`], having kept and acted on what came before.
    pub fn step(&mut self, feed: &impl Feed, wait: Duration) -> Result<Taken, Stop> {
        let lines = feed.after(self.kept(), wait)?;
        let records = self.take(&lines)?;
        if self.signed {
            if let Some(note) = feed.checkpoint()? {
                self.vouch(&note)?;
            }
        } else {
            self.vouched = self.kept();
        }
        let acted_on = self.act()?;
        Ok(Taken { records, acted_on })
    }

    /// Verifies lines, and keeps those that fit durably.
    fn take(&mut self, lines: &[u8]) -> Result<u64, Stop> {
        let offered = self.replica.offer(lines).map_err(failed)?;
        self.replica.sync().map_err(failed)?;
        match offered.refused {
            None => Ok(offered.records),
            Some(refused) => Err(self.other_history(refused.to_string(), &lines[offered.bytes..])),
        }
    }

    /// Judges a checkpoint: what it covers is the producer's. One that is over records that are yet to come is for later.
    fn vouch(&mut self, note: &str) -> Result<(), Stop> {
        use counterfoil::audit::verify::Reason;
        match self.replica.checkpoint(note) {
            Ok(checkpoint) => {
                self.vouched = self.vouched.max(checkpoint.size);
                self.replica.publish().map_err(failed)?;
                Ok(())
            }
            Err(refused) if refused.reason == Reason::Absent => Ok(()),
            Err(refused) => Err(self.other_history(refused.to_string(), note.as_bytes())),
        }
    }

    /// After a restart the checkpoint that was published before says how far the copy is vouched for.
    fn vouch_for_what_is_published(&mut self) -> Result<(), Stop> {
        if !self.signed {
            self.vouched = self.kept();
            return Ok(());
        }
        match fs::read_to_string(self.replica.dir().join("checkpoint")) {
            Ok(note) => self.vouch(&note),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Acts on what is vouched for and was not acted on, in its order.
    fn act(&mut self) -> Result<u64, Stop> {
        let (first, last) = (self.acted.seq() + 1, self.vouched.min(self.kept()));
        if first > last {
            return Ok(0);
        }
        let mut filter = Filter::default();
        filter.first = Some(first);
        filter.last = Some(last);
        filter.kinds.push(AuditEventKind::LeaseExpired);
        let mut search = Search::open(self.replica.dir(), filter).map_err(failed)?;
        let mut acted_on = 0;
        loop {
            match search.read().map_err(failed)? {
                Next::Record(record) => {
                    let key = format!("{}/{}", record.chain(), record.seq());
                    self.action
                        .lease_expired(&key, &record)
                        .map_err(Stop::Failed)?;
                    acted_on += 1;
                }
                Next::Malformed { place, why } => return Err(failed(format!("{place}: {why}"))),
                Next::Unfinished { .. } | Next::End => break,
            }
        }
        // Noted once for the whole step: whatever is done again carries the same key.
        self.acted.advance(last).map_err(failed)?;
        Ok(acted_on)
    }

    /// Keeps what was served instead.
    fn other_history(&self, why: String, served: &[u8]) -> Stop {
        let keep = || {
            let directory = self.directory.join("evidence");
            let mut file = NamedTempFile::with_prefix_in("served-", &directory)?;
            file.write_all(served)?;
            file.as_file().sync_all()?;
            let (_, path) = file.keep().map_err(|error| error.error)?;
            Ok(path)
        };
        match keep() {
            Ok(evidence) => Stop::OtherHistory { why, evidence },
            Err::<PathBuf, std::io::Error>(error) => {
                failed(format!("{why}, and the evidence cannot be kept: {error}"))
            }
        }
    }
}

fn read_key(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    Some(Box::new(Ed25519Verifier::new(key.clone()).ok()?))
}

impl<A> std::fmt::Debug for Consumer<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("replica", &self.replica)
            .field("acted", &self.acted)
            .field("vouched", &self.vouched)
            .finish_non_exhaustive()
    }
}
