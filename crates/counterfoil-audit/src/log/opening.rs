//! Opening a log: lock, recovery, the first records, and the threads.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use counterfoil_anchor::AnchorStore;
use counterfoil_core::{ChainId, Clock, Digest, Head, Redact};

use crate::log::anchoring::{Anchorer, block_on};
use crate::log::commit::{CommitQueue, Committer, Durable};
use crate::log::desk::AnchorDesk;
use crate::log::epochs::{EpochPlan, Epochs, NotBegun, destroy_all, require_key};
use crate::log::files::{FileSystem, LogFile, sync_entry};
use crate::log::first_records::{first_records, late_handover};
use crate::log::gate::Gate;
use crate::log::head_signers::HeadSigners;
use crate::log::lane::{Intake, Lanes};
use crate::log::marks::{Marks, Refusal};
use crate::log::openings::{FOLDER as OPENINGS, Openings, OpeningsWriter, Random};
use crate::log::options::Settings;
use crate::log::pruning::Source;
use crate::log::recovery::{Found, cut_tail, scan, undeclared};
use crate::log::rotation;
use crate::log::sealer::{Sealer, Stopped, Storage};
use crate::log::segment::{Segment, SegmentDir, SyncedNote, put_atomically};
use crate::log::shared::Shared;
use crate::log::signing::{SignerPlan, Signing, Succession};
use crate::log::threads::spawn;
use crate::log::tiles::TileWriter;
use crate::{
    AuditChain, ChainRestartReason, ChainRestarted, Error, ErrorKind, Instance, KeyRole,
    TailRecovered,
};

pub(crate) const OPEN: &str = "open the audit log";
/// A head that could not be anchored is tried again after the anchor interval, within these bounds.
const RETRY_SOONEST: Duration = Duration::from_millis(10);
const RETRY_LATEST: Duration = Duration::from_secs(5);
/// How long the first records of an opening may take to become durable.
const FIRST_COMMIT: Duration = Duration::from_secs(60);

/// Everything that an opening needs.
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) base: String,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) instance: Instance,
    pub(crate) signers: SignerPlan,
    pub(crate) epochs: Option<EpochPlan>,
    pub(crate) anchors: Arc<dyn AnchorStore>,
    pub(crate) redactor: Arc<dyn Redact>,
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) random: Random,
    pub(crate) or_restart: bool,
}

/// What an opening met, for whoever operates the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The last record found; 0 for a new chain.
    pub resumed_seq: u64,
    /// The head that the anchor store held.
    pub anchored: Option<Head>,
    /// The log had not been closed: the most records that may be missing, where that is known.
    pub unclean: Option<Option<u64>>,
    /// Tails that were moved to `quarantine/`.
    pub recovered: Vec<TailRecovered>,
    /// The chain that this one follows.
    pub restarted: Option<ChainRestarted>,
    /// The `key_rotated` of a log key that the key before never vouched for, because an opening was cut short: who trusts only
    /// that key cannot follow. Opening with it as the signer and its successor as the next one mends it.
    pub rotation_unfinished: Option<u64>,
}

/// A log at work.
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) chain: ChainId,
    pub(crate) opened: Opened,
    pub(crate) threads: Vec<JoinHandle<()>>,
}

/// The directory of a log, under lock.
struct Place {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    handle: Box<dyn LogFile>,
    quarantine: Box<dyn LogFile>,
    lock: Box<dyn LogFile>,
    segments: SegmentDir,
    firsts: Vec<u64>,
}

/// What the chain goes on from.
struct Start {
    chain: AuditChain,
    segment: (Segment, u64),
    found: Found,
    restarted: Option<ChainRestarted>,
}

pub(crate) fn open(plan: Plan) -> Result<Running, Error> {
    // The base is checked before anything is touched.
    let first = ChainId::first(&plan.base)
        .map_err(|error| Error::invalid(OPEN, error.to_string()).with_source(error))?;
    let mut place = Place::open(&plan).map_err(|error| at(&plan.dir, error))??;
    let anchor = block_on(plan.anchors.load(&first)).map_err(|error| {
        let kind = match error.kind() {
            counterfoil_anchor::ErrorKind::Unavailable => ErrorKind::Io,
            counterfoil_anchor::ErrorKind::WrongLog => ErrorKind::Invalid,
            _ => ErrorKind::Corrupt,
        };
        Error::new(kind, OPEN, error.to_string()).with_source(error)
    })?;
    let read = |name: &str| optional(plan.files.read(&plan.dir.join(name)));
    let checkpoint = read("checkpoint").map_err(|error| at(&plan.dir, error))?;
    let note = read("lock").map_err(|error| at(&plan.dir, error))?;
    let marks = Marks::collect(anchor.as_ref(), checkpoint.as_deref(), note.as_deref());
    let read_from = |from| {
        let wanted = marks.wanted();
        scan(
            &*plan.files,
            &plan.dir,
            &place.segments,
            &place.firsts,
            &wanted,
            from,
        )
        .map_err(|error| at(&plan.dir, error))
    };
    let mut found = read_from(Source::Edge)?;
    if !place.begins_as_said(&found) {
        found = read_from(Source::Bottom)?;
    }
    check_base(&found, &first, &plan.dir)?;
    let mut refusal = place
        .judge_beginning(&found)
        .and_then(|()| marks.judge(&found, &plan.dir))
        .err();
    if refusal.is_none() {
        refusal = judge_epoch(&plan, &found)?;
    }
    let start = match refusal {
        None => place.start(found, &marks, &first),
        Some(refusal) if plan.or_restart => place.restart(&found, &marks, &first, &refusal),
        Some(refusal) => return Err(refusal.error),
    }
    .map_err(|error| at(&plan.dir, error))?;
    let openings = Openings::of(&*plan.files, &plan.dir);
    openings
        .recover(start.found.seq)
        .and_then(|()| openings.prune(start.found.below.map_or(1, |below| below.seq + 1)))
        .map_err(|error| at(&plan.dir, error))?;
    run(plan, place, start, &marks)
}

/// A log in an epoch goes on only with the key of that epoch.
fn judge_epoch(plan: &Plan, found: &Found) -> Result<Option<Box<Refusal>>, Error> {
    let (Some(chain), Some(epoch)) = (&found.chain, &found.keys.epoch) else {
        return Ok(None);
    };
    let Some(epochs) = &plan.epochs else {
        return Err(Error::invalid(
            OPEN,
            format!(
                "{chain} is in epoch {}, whose key has to sign every checkpoint, and no epoch keys were given; open it with epochs",
                epoch.number
            ),
        ));
    };
    let lost = require_key(epochs, chain, epoch).err();
    Ok(lost.map(|error| {
        Box::new(Refusal {
            error,
            reason: ChainRestartReason::KeyLost,
        })
    }))
}

fn check_base(found: &Found, first: &ChainId, dir: &Path) -> Result<(), Error> {
    match &found.chain {
        Some(chain) if chain.base() != first.base() => Err(Error::invalid(
            OPEN,
            format!(
                "{} holds {chain}, not a log of {}; give each log a directory of its own",
                dir.display(),
                first.base()
            ),
        )),
        _ => Ok(()),
    }
}

impl Place {
    /// Makes the directories, takes the lock, and lists the segments.
    fn open(plan: &Plan) -> io::Result<Result<Self, Error>> {
        let files = Arc::clone(&plan.files);
        let (path, segments) = (plan.dir.clone(), plan.dir.join("segments"));
        files.create_dir(&path)?;
        // A process that was killed may have created it, and not have come to this.
        sync_entry(&*files, &path)?;
        let handle = files.open_dir(&path)?;
        let Some(lock) = files.lock(&path.join("lock"))? else {
            return Ok(Err(Error::new(
                ErrorKind::Conflict,
                OPEN,
                format!(
                    "another writer holds the lock on {}; a log has one writer. Close the other one first",
                    path.display()
                ),
            )));
        };
        let quarantine = path.join("quarantine");
        files.create_dir(&segments)?;
        files.create_dir(&quarantine)?;
        let quarantine = files.open_dir(&quarantine)?;
        handle.sync()?;
        let segments = SegmentDir::open(Arc::clone(&files), segments)?;
        let firsts = segments.list()?;
        // A process that was killed while it replaced a segment has not made the new name durable, and this one may append to it.
        segments.sync()?;
        Ok(Ok(Self {
            files,
            path,
            handle,
            quarantine,
            lock,
            segments,
            firsts,
        }))
    }

    fn begins_as_said(&self, found: &Found) -> bool {
        let first = self.firsts.first().copied().unwrap_or(1);
        first == 1 || found.below.is_some() && found.begins_as_said()
    }

    /// Whether the log begins with record 1, or where retention says that it does.
    fn judge_beginning(&self, found: &Found) -> Result<(), Box<Refusal>> {
        if self.begins_as_said(found) {
            return Ok(());
        }
        let first = self.firsts.first().copied().unwrap_or(1);
        Err(Refusal::missing(format!(
            "the log in {} begins with record {first}, and there is no retention_applied for what was before it, or the hash tiles \
             do not have its root. Nothing was changed; restore the missing segments, or the folder tile, from a copy",
            self.path.display()
        )))
    }

    /// Goes on where the log ends, or begins a new chain where there is none.
    fn start(&mut self, found: Found, marks: &Marks, first: &ChainId) -> io::Result<Start> {
        if let Some(bad) = &found.bad {
            let quarantine = self.path.join("quarantine");
            let quarantine = (quarantine.as_path(), &*self.quarantine);
            cut_tail(&*self.files, &self.segments, &self.firsts, bad, quarantine)?;
        }
        let Some(chain) = found.chain.clone() else {
            return self.begin(found, first);
        };
        let head = Head {
            chain: chain.clone(),
            seq: found.seq,
            hash: found.hash,
            root: None,
        };
        let (first_seq, whole) = match &found.last {
            Some((first, whole)) => (*first, whole.as_slice()),
            None => (found.seq + 1, &[][..]),
        };
        // What no mark covers may be in memory only, or on a page whose write-back failed unnoticed when the process before
        // still lived. It is written to fresh files and synced there before anything is built on it.
        let mark = marks.durable(&chain);
        let segment = if found.bad.is_none() && mark == found.seq {
            self.segments.reopen(first_seq, whole.len() as u64)?
        } else {
            self.segments.renew_before(&self.firsts, first_seq, mark)?;
            self.segments.replace(first_seq, &[whole])?
        };
        let chain = AuditChain::resume(&head, found.time, found.tree.clone())
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Start {
            chain,
            segment: (segment, whole.len() as u64),
            found,
            restarted: None,
        })
    }

    /// Begins a chain. Where there are traces of an earlier incarnation, the next one.
    fn begin(&mut self, found: Found, first: &ChainId) -> io::Result<Start> {
        let before = self.trace(first)?;
        let restarted = before.as_ref().map(|old| ChainRestarted {
            detail: None,
            old_hash: Digest::ZERO,
            old_id: old.clone(),
            old_seq: 0,
            reason: ChainRestartReason::LogAbsent,
        });
        let id = match before {
            Some(old) => old.next_incarnation().map_err(io::Error::other)?,
            None => first.clone(),
        };
        self.fresh(id, found, restarted)
    }

    fn fresh(
        &self,
        id: ChainId,
        found: Found,
        restarted: Option<ChainRestarted>,
    ) -> io::Result<Start> {
        let segment = self.segments.create(1)?;
        Ok(Start {
            chain: AuditChain::new(id),
            segment: (segment, 0),
            found: Found {
                chain: None,
                seq: 0,
                opened: None,
                ..found
            },
            restarted,
        })
    }

    /// Sets a log that is refused aside, untouched, and begins the next incarnation.
    fn restart(
        &mut self,
        found: &Found,
        marks: &Marks,
        first: &ChainId,
        refusal: &Refusal,
    ) -> io::Result<Start> {
        let vouched = marks.vouched();
        let trace = self.trace(first)?;
        let ids = [
            found.chain.clone(),
            vouched.as_ref().map(|head| head.chain.clone()),
            trace,
        ];
        let old_id = ids
            .into_iter()
            .flatten()
            .max_by_key(ChainId::incarnation)
            .unwrap_or_else(|| first.clone());
        let vouched = vouched.filter(|head| head.chain == old_id);
        let next = old_id.next_incarnation().map_err(io::Error::other)?;
        self.set_aside(&old_id)?;
        let restarted = ChainRestarted {
            detail: Some(refusal.error.to_string().into()),
            old_hash: vouched.as_ref().map_or(Digest::ZERO, |head| head.hash),
            old_seq: vouched.as_ref().map_or(0, |head| head.seq),
            old_id: old_id.clone(),
            reason: refusal.reason,
        };
        let nothing = Found::nothing();
        self.fresh(next, nothing, Some(restarted))
    }

    /// Moves the log as it is to `quarantine/incarnation-<k>/`, where it can be verified like any other log.
    fn set_aside(&mut self, id: &ChainId) -> io::Result<()> {
        let quarantine = self.path.join("quarantine");
        let taken = self.files.list(&quarantine)?;
        let name = (0..)
            .map(|again| match again {
                0 => format!("incarnation-{}", id.incarnation()),
                again => format!("incarnation-{}-{again}", id.incarnation()),
            })
            .find(|name| !taken.contains(name))
            .unwrap_or_default();
        let aside = quarantine.join(name);
        self.files.create_dir(&aside)?;
        let handle = self.files.open_dir(&aside)?;
        for name in ["segments", "tile", "checkpoint", "chain.json", OPENINGS] {
            let moved = self.files.rename(&self.path.join(name), &aside.join(name));
            optional(moved)?;
        }
        handle.sync()?;
        self.quarantine.sync()?;
        let segments = self.path.join("segments");
        self.files.create_dir(&segments)?;
        self.handle.sync()?;
        self.segments = SegmentDir::open(Arc::clone(&self.files), segments)?;
        self.firsts.clear();
        let nothing = SyncedNote {
            seq: 0,
            hash: Digest::ZERO,
        };
        self.lock.overwrite(0, nothing.to_text().as_bytes())?;
        self.lock.sync()
    }

    /// The latest incarnation that something in the directory names.
    fn trace(&self, first: &ChainId) -> io::Result<Option<ChainId>> {
        let convenience = optional(self.files.read(&self.path.join("chain.json")))?;
        let named = convenience.as_deref().and_then(chain_of);
        let aside = self
            .files
            .list(&self.path.join("quarantine"))?
            .iter()
            .filter_map(|name| {
                let number = name.strip_prefix("incarnation-")?.split('-').next()?;
                ChainId::new(&format!("{}/{number}", first.base())).ok()
            })
            .max_by_key(ChainId::incarnation);
        Ok([named, aside]
            .into_iter()
            .flatten()
            .filter(|id| id.base() == first.base())
            .max_by_key(ChainId::incarnation))
    }
}

/// Seals the first records and starts the threads.
fn run(plan: Plan, place: Place, start: Start, marks: &Marks) -> Result<Running, Error> {
    let id = start.chain.id().clone();
    let signing = Signing::new(&plan, &id, &start.found.keys.in_force)?;
    let settings = plan.settings.clone();
    let intake = Arc::new(Intake {
        gate: Gate::new(settings.when_full, settings.on_failure),
        lanes: Lanes::new(settings.most_lanes, settings.queue_words),
    });
    let commit = CommitQueue::new(settings.commit_delay, settings.commit_bytes);
    let shared = Arc::new(Shared::new(intake, Arc::clone(&plan.clock), commit));
    let anchored = marks.anchor.clone();
    if let Some(head) = anchored.as_ref().filter(|head| head.chain == id) {
        shared
            .progress
            .anchored_seq
            .store(head.seq, Ordering::Relaxed);
    }
    let tails = undeclared(
        &*plan.files,
        &plan.dir.join("quarantine"),
        &start.found.declared,
    )
    .map_err(|error| at(&plan.dir, error))?;
    let found = &start.found;
    let mut opened = Opened {
        resumed_seq: found.seq,
        anchored,
        unclean: found
            .opened
            .as_ref()
            .filter(|_| !found.closed)
            .map(|(_, before)| before.unsealed_max),
        recovered: tails,
        restarted: start.restarted.clone(),
        rotation_unfinished: None,
    };
    let handover = late_handover(&signing, &id, &found.keys)?;
    if handover.is_none() {
        opened.rotation_unfinished = found.keys.unfinished.as_ref().map(|it| it.seq);
    }
    let first = first_records(&plan, &signing, found, &opened);
    let records = handover.into_iter().chain(first);
    let signers = Arc::new(HeadSigners::new(Arc::clone(&signing.log.now)));
    let epochs = match &plan.epochs {
        None => None,
        Some(epochs) => {
            let found = found.keys.epoch.as_ref();
            let epochs = Epochs::resume(epochs.clone(), id.clone(), found, &*plan.clock)?;
            if let (Some(found), Some(signer)) = (found, epochs.signer()) {
                signers.epoch_from(found.above, signer);
            }
            Some(epochs)
        }
    };
    let tiles = TileWriter::resume(
        Arc::clone(&plan.files),
        plan.dir.clone(),
        start.found.tiled.clone(),
        marks.tiled(&id),
    )
    .map_err(|error| at(&plan.dir, error))?;
    let mut chain = start.chain;
    let durable = Durable {
        chain: id.clone(),
        last: None,
        tree: chain.tree().clone(),
        pending: Vec::new(),
    };
    let record_signer = signing.record.as_ref().map(|it| Arc::clone(&it.now));
    if let Some(signer) = &record_signer {
        chain = chain.with_record_signer(Arc::clone(signer));
    }
    let mut sealer = Sealer::new(
        Arc::clone(&shared),
        settings,
        chain,
        plan.instance,
        Arc::clone(&plan.redactor),
        Storage {
            dir: place.segments,
            segment: start.segment,
            openings: OpeningsWriter::new(Arc::clone(&plan.files), &plan.dir, plan.random),
            log: plan.dir.clone(),
            files: Arc::clone(&plan.files),
        },
        Arc::clone(&signers),
    );
    sealer.record_signer = record_signer;
    sealer.resume_pruning(&start.found);
    for data in records {
        sealer.seal_own(data).map_err(|why| stopped(&why))?;
    }
    sealer.epochs = begin_epochs(epochs, &mut sealer)?;
    sealer.flush(false).map_err(|why| stopped(&why))?;
    let first_seq = sealer.chain.seq();
    let desk = Arc::new(AnchorDesk::new(opened.resumed_seq));
    let committer = Committer::new(Arc::clone(&shared), Arc::clone(&desk), place.lock, durable);
    let anchorer = Anchorer {
        shared: Arc::clone(&shared),
        desk,
        tiles,
        store: Arc::clone(&plan.anchors),
        signers,
        known: marks.anchor.clone(),
        attempted: None,
        unpublished: None,
        on_conflict: plan.settings.on_conflict,
        retry_after: plan
            .settings
            .anchor_interval
            .clamp(RETRY_SOONEST, RETRY_LATEST),
        files: Arc::clone(&plan.files),
        dir: place.handle,
        checkpoint_path: plan.dir.join("checkpoint"),
    };
    let threads = spawn(&shared, sealer, committer, anchorer)?;
    let running = Running {
        shared,
        chain: id,
        opened,
        threads,
    };
    let published = running.await_first(first_seq).and_then(|()| {
        publish_chain_json(&*plan.files, &plan.dir, &running.chain)
            .map_err(|error| at(&plan.dir, error))
    });
    let published = published.and_then(|()| settle_keys(plan.epochs.as_ref(), &signing, &running));
    match published {
        Ok(()) => Ok(running),
        Err(error) => {
            // The threads hold the lock; they end before the caller may try again.
            running.shared.fail(error.to_string());
            for thread in running.threads {
                // A panic there is the failure that is being reported.
                thread.join().ok();
            }
            Err(error)
        }
    }
}

/// Begins the first epoch of a chain, so that there is no checkpoint before it.
fn begin_epochs(epochs: Option<Epochs>, sealer: &mut Sealer) -> Result<Option<Epochs>, Error> {
    let Some(mut epochs) = epochs else {
        return Ok(None);
    };
    if epochs.number() == 0 {
        epochs.begin(sealer).map_err(|error| match error {
            NotBegun::Yet(error) => error,
            NotBegun::Stopped(why) => stopped(&why),
        })?;
    }
    let number = epochs.number();
    sealer
        .shared
        .progress
        .epoch
        .store(number, Ordering::Relaxed);
    Ok(Some(epochs))
}

/// What concerns keys once the opening itself is durable: signers that are to take over do, and the epoch keys of a chain that is
/// not gone on with are destroyed.
fn settle_keys(
    epochs: Option<&EpochPlan>,
    signing: &Signing,
    running: &Running,
) -> Result<(), Error> {
    let shared = &*running.shared;
    let next = |succession: &Succession| succession.next.clone();
    if let Some(next) = next(&signing.log) {
        rotation::ask(shared, KeyRole::Log, next, None, FIRST_COMMIT)?;
    }
    if let Some(next) = signing.record.as_ref().and_then(next) {
        rotation::ask(shared, KeyRole::Record, next, None, FIRST_COMMIT)?;
    }
    // At each opening, because the one that began this incarnation may have been cut short before it came to this.
    if let (Some(epochs), Some(before)) = (epochs, incarnation_before(&running.chain)) {
        destroy_all(&*epochs.keys, &before).map_err(|error| {
            Error::new(
                ErrorKind::Signer,
                OPEN,
                format!("the epoch keys of {before} could not be destroyed"),
            )
            .with_source(error)
        })?;
    }
    Ok(())
}

/// The chain that this one follows; `None` for the first.
fn incarnation_before(chain: &ChainId) -> Option<ChainId> {
    let before = chain.incarnation() - 1;
    ChainId::new(&format!("{}/{before}", chain.base())).ok()
}

impl Running {
    /// Waits until the opening itself is durable.
    fn await_first(&self, seq: u64) -> Result<(), Error> {
        self.shared.commit.sync_at_once();
        let durable = self
            .shared
            .wait_until(Instant::now() + FIRST_COMMIT, |shared| {
                shared.has_failed() || shared.progress.durable_seq.load(Ordering::Acquire) >= seq
            });
        if self.shared.has_failed() {
            return Err(self.shared.failed(OPEN));
        }
        if durable {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Timeout,
            OPEN,
            format!(
                "its first records did not become durable within {FIRST_COMMIT:?}; look at the disk"
            ),
        ))
    }
}

fn publish_chain_json(files: &dyn FileSystem, dir: &Path, id: &ChainId) -> io::Result<()> {
    let path = dir.join("chain.json");
    let text = format!("{{\"chain\":\"{id}\",\"v\":1}}\n");
    if optional(files.read(&path))?.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    let handle = files.open_dir(dir)?;
    put_atomically(files, &*handle, &path, text.as_bytes())
}

/// The chain that a `chain.json` of ours names.
fn chain_of(text: &[u8]) -> Option<ChainId> {
    let text = std::str::from_utf8(text).ok()?;
    let id = text.strip_prefix("{\"chain\":\"")?.split('"').next()?;
    ChainId::new(id).ok()
}

/// `None` for what is not there.
pub(crate) fn optional<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn at(dir: &Path, error: io::Error) -> Error {
    let context = if error.kind() == io::ErrorKind::StorageFull {
        format!("the disk under {} is full; free space on it", dir.display())
    } else {
        format!("{} could not be read or written ({error})", dir.display())
    };
    Error::new(ErrorKind::Io, OPEN, context).with_source(error)
}

fn stopped(why: &Stopped) -> Error {
    Error::new(ErrorKind::Io, OPEN, why.0.clone())
}
