//! How a log is to be opened.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_core::{ChainId, Clock, Redact, Redactor, SystemClock};
use counterfoil_signer::{EpochKeys, NullSigner, Signer};

use crate::log::audit_log::AuditLog;
use crate::log::epochs::EpochPlan;
use crate::log::files::{FileSystem, StdFiles};
use crate::log::opening::{Plan, open};
use crate::log::openings::Random;
use crate::log::options::{KEEP_ALL, OnConflict, OnFailure, Settings, WhenFull};
use crate::log::signing::SignerPlan;
use crate::{Error, ErrorKind, Instance, MAX_INTEGER, Retention};

/// Everything about a log that can be chosen, with defaults for all of it. Made by [`AuditLog::builder`].
#[must_use = "a log is opened by `open`"]
pub struct AuditLogBuilder {
    dir: PathBuf,
    base: String,
    settings: Settings,
    clock: Option<Arc<dyn Clock>>,
    instance: Option<Instance>,
    signers: SignerPlan,
    epochs: Option<EpochPlan>,
    anchors: Option<Arc<dyn AnchorStore>>,
    redactor: Arc<dyn Redact>,
    files: Arc<dyn FileSystem>,
    random: Random,
}

/// A year: longer ones would be no epochs.
const LONGEST_EPOCH_S: u64 = 366 * 86_400;

/// What a closure that makes signers may answer.
type Made = Result<Arc<dyn Signer>, Box<dyn StdError + Send + Sync>>;

impl AuditLogBuilder {
    pub(crate) fn new(dir: PathBuf, base: String) -> Self {
        Self {
            dir,
            base,
            settings: Settings::default(),
            clock: None,
            instance: None,
            signers: SignerPlan {
                log: Box::new(|_| Ok(Arc::new(NullSigner))),
                next_log: None,
                record: None,
                next_record: None,
            },
            epochs: None,
            anchors: None,
            redactor: Arc::new(Redactor::new()),
            files: Arc::new(StdFiles),
            random: Box::new(|bytes| getrandom::fill(bytes).map_err(io::Error::other)),
        }
    }

    /// Where time comes from; [`SystemClock`] by default. Callers of [`push_event`](crate::LaneWriter::push_event) must
    /// stamp with the same clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The number of this run; drawn from the operating system's random numbers by default. Two runs must never share one.
    pub const fn instance(mut self, instance: Instance) -> Self {
        self.instance = Some(instance);
        self
    }

    /// Who signs checkpoints; nobody by default. The closure is given the chain's id, after which its key has to be named,
    /// and which a restart changes.
    pub fn signer(mut self, signer: impl Fn(&ChainId) -> Made + 'static) -> Self {
        self.signers.log = Box::new(signer);
        self
    }

    /// Who signs every single record; nobody by default, and advisable at low rates only. Its key is named by the chain's
    /// id and `/record`.
    pub fn record_signer(mut self, signer: impl Fn(&ChainId) -> Made + 'static) -> Self {
        self.signers.record = Some(Box::new(signer));
        self
    }

    /// Who takes over from the [`signer`](Self::signer): the log is opened with that one and its key is replaced at once, as
    /// [`AuditLog::rotate_signer`] does. A log that was rotated to this one already goes on with it, so that a service may be
    /// restarted with both for as long as it likes; a rotation that a crash interrupted is completed.
    pub fn next_signer(mut self, signer: impl Fn(&ChainId) -> Made + 'static) -> Self {
        self.signers.next_log = Some(Box::new(signer));
        self
    }

    /// Who takes over from the [`record_signer`](Self::record_signer), in the same way.
    pub fn next_record_signer(mut self, signer: impl Fn(&ChainId) -> Made + 'static) -> Self {
        self.signers.next_record = Some(Box::new(signer));
        self
    }

    /// Forward security (audit specification §6, epochs): after every `period` a new key from `keys` takes over, sealed by the
    /// one before, which is then destroyed. What was sealed in earlier epochs can no longer be sealed otherwise, not even with
    /// all that is on the host. From one second; 15 minutes to an hour is usual.
    ///
    /// A log needs a [`signer`](Self::signer) for it, and cannot do without once it has begun: the key of its epoch signs every
    /// checkpoint beside the log key. A period during which the log was not open counts once, when it is opened again.
    pub fn epochs(mut self, period: Duration, keys: Arc<dyn EpochKeys>) -> Self {
        self.epochs = Some(EpochPlan { period, keys });
        self
    }

    /// Where heads are anchored; by default a store in memory, which vouches for nothing after this process.
    pub fn anchor_store(mut self, store: Arc<dyn AnchorStore>) -> Self {
        self.anchors = Some(store);
        self
    }

    /// Replaces what must not be kept in texts and names, before they are hashed; the default [`Redactor`] unless told. A text that
    /// is a principal by its type is a pseudonym already and is only looked at for the shape of a secret.
    pub fn redactor(mut self, redactor: Arc<dyn Redact>) -> Self {
        self.redactor = redactor;
        self
    }

    /// The files; the operating system's by default.
    pub fn file_system(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.files = files;
        self
    }

    /// Where the salts of erasable values come from; the operating system's random numbers by default. Whoever can guess them
    /// can confirm a value after it was erased.
    pub fn random(
        mut self,
        fill: impl FnMut(&mut [u8]) -> io::Result<()> + Send + 'static,
    ) -> Self {
        self.random = Box::new(fill);
        self
    }

    /// What happens when a queue is full; [`WhenFull::Fail`] by default.
    pub const fn when_full(mut self, policy: WhenFull) -> Self {
        self.settings.when_full = policy;
        self
    }

    /// What happens to appends after the log has failed; [`OnFailure::Refuse`] by default.
    pub const fn on_failure(mut self, policy: OnFailure) -> Self {
        self.settings.on_failure = policy;
        self
    }

    /// What happens when another writer moved the anchor; [`OnConflict::Fail`] by default.
    pub const fn on_conflict(mut self, policy: OnConflict) -> Self {
        self.settings.on_conflict = policy;
        self
    }

    /// Length of each lane's queue in words of 64 bits, rounded up to a power of two; 65 536 by default, which is 512 KiB and
    /// 4 600 lifecycle events. From 32 to 2^26.
    pub const fn queue_words(mut self, words: usize) -> Self {
        self.settings.queue_words = words;
        self
    }

    /// Most lanes, and so most threads with a lane of their own at once; 256 by default, from 1 to 1 022. Further threads
    /// share one.
    pub const fn most_lanes(mut self, lanes: usize) -> Self {
        self.settings.most_lanes = lanes;
        self
    }

    /// Longest time that a written record waits for its sync to begin when nobody waits for it; 5 ms by default.
    pub const fn commit_delay(mut self, delay: Duration) -> Self {
        self.settings.commit_delay = delay;
        self
    }

    /// So many written bytes are synced without waiting any longer; 1 MiB by default.
    pub const fn commit_bytes(mut self, bytes: usize) -> Self {
        self.settings.commit_bytes = bytes;
        self
    }

    /// Most bytes that may be written and not synced, and so kept in memory; 64 MiB by default. Beyond it sealing pauses.
    pub const fn most_unsynced_bytes(mut self, bytes: usize) -> Self {
        self.settings.most_unsynced_bytes = bytes;
        self
    }

    /// A segment ends at the next multiple of 256 records once it is this long; 64 MiB by default. Recovery reads one
    /// segment at a time into memory.
    pub const fn segment_bytes(mut self, bytes: u64) -> Self {
        self.settings.segment_bytes = bytes;
        self
    }

    /// A segment ends at the next multiple of 256 records once it is this old; a day by default.
    pub const fn segment_age(mut self, age: Duration) -> Self {
        self.settings.segment_age = age;
        self
    }

    /// Longest time between two anchors while records come; 60 s by default.
    pub const fn anchor_interval(mut self, interval: Duration) -> Self {
        self.settings.anchor_interval = interval;
        self
    }

    /// Most records between two anchors; 10 000 by default. A store that takes longer than they do is asked as often as it
    /// can answer.
    pub const fn anchor_records(mut self, records: u64) -> Self {
        self.settings.anchor_records = records;
        self
    }

    /// A movement of the wall clock against the monotonic one of this size is declared by `clock_stepped`; 1 s by default.
    pub const fn clock_step(mut self, threshold: Duration) -> Self {
        self.settings.clock_step = threshold;
        self
    }

    /// What may be pruned; nothing by default. Whole segments go, the oldest first, once every record of them is older than the
    /// age or the log is longer than the bytes; looked at whenever a segment ends, and by [`AuditLog::prune`]. It goes into
    /// `log_opened`, with a `config_changed` before it when it is not what it was. Not for a log with [`epochs`](Self::epochs).
    pub fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// How long dropping the log may take; 2 s by default.
    pub const fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.settings.drop_deadline = deadline;
        self
    }

    /// Opens the log, creating it where there is none, and repairs what a crash left (audit specification §8). When this
    /// returns, the `log_opened` record is durable.
    ///
    /// Every record is read and its hash computed: about a second for each gigabyte.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a setting out of range, a wrong chain name or key name;
    /// [`Conflict`](ErrorKind::Conflict) when another writer holds the log; [`Corrupt`](ErrorKind::Corrupt) when records
    /// that were acknowledged are damaged, [`Missing`](ErrorKind::Missing) when they are gone, and then nothing was
    /// changed; [`Io`](ErrorKind::Io) and [`Signer`](ErrorKind::Signer).
    pub fn open(self) -> Result<AuditLog, Error> {
        self.finish(false)
    }

    /// As [`open`](Self::open), but where that would refuse because records are damaged or gone, sets the log aside as it
    /// is, in `quarantine/incarnation-<k>/`, and begins the next incarnation with a `chain_restarted` record.
    /// [`AuditLog::opened`] tells.
    ///
    /// # Errors
    /// As [`open`](Self::open), without `Corrupt` and `Missing` on behalf of the log; a corrupt anchor is still an error.
    pub fn open_or_restart(self) -> Result<AuditLog, Error> {
        self.finish(true)
    }

    fn finish(self, or_restart: bool) -> Result<AuditLog, Error> {
        self.check()?;
        let instance = match self.instance {
            Some(instance) => instance,
            None => Instance(getrandom::u64().map_err(|error| {
                Error::new(
                    ErrorKind::Io,
                    "open the audit log",
                    "the operating system gave no random number",
                )
                .with_source(error)
            })?),
        };
        let drop_deadline = self.settings.drop_deadline;
        let dir = self.dir.clone();
        let files = Arc::clone(&self.files);
        let plan = Plan {
            dir: self.dir,
            base: self.base,
            settings: self.settings,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            instance,
            signers: self.signers,
            epochs: self.epochs,
            anchors: self
                .anchors
                .unwrap_or_else(|| Arc::new(MemoryAnchorStore::new())),
            redactor: self.redactor,
            files: self.files,
            random: self.random,
            or_restart,
        };
        Ok(AuditLog::new(
            open(plan)?,
            instance,
            dir,
            drop_deadline,
            files,
        ))
    }

    fn check(&self) -> Result<(), Error> {
        let settings = &self.settings;
        let checks = [
            (
                (32..=1 << 26).contains(&settings.queue_words),
                "queue_words has to be from 32 to 67108864",
            ),
            (
                (1..=1_022).contains(&settings.most_lanes),
                "most_lanes has to be from 1 to 1022",
            ),
            (
                settings.most_unsynced_bytes >= 1 << 20,
                "most_unsynced_bytes has to be at least 1048576",
            ),
            (
                settings
                    .retention
                    .max_age_s
                    .is_none_or(|age| (1..=MAX_INTEGER).contains(&age)),
                "retention.max_age_s has to be from 1 to 2^53-1",
            ),
            (
                self.epochs.is_none() || settings.retention == KEEP_ALL,
                "retention and epochs do not go together yet: an opening needs every epoch_started",
            ),
            (
                settings.segment_bytes > 0,
                "segment_bytes has to be above 0",
            ),
            (
                self.epochs
                    .as_ref()
                    .is_none_or(|epochs| (1..=LONGEST_EPOCH_S).contains(&epochs.period.as_secs())),
                "an epoch has to last from one second to 366 days",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, why)) => Err(Error::invalid("open the audit log", why)),
        }
    }
}

impl fmt::Debug for AuditLogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLogBuilder")
            .field("dir", &self.dir)
            .field("base", &self.base)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
