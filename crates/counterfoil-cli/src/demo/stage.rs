//! The layers of a demo, opened on its directory and closed in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::anchor::{AnchorStore, FileAnchorStore};
use counterfoil::audit::{AuditLog, WhenFull};
use counterfoil::events::{DrainThread, EventRingBuffer};
use counterfoil::signer::{Ed25519Signer, Signer};
use counterfoil::witness::{FiguresReader, Policy, TileDirectory, WitnessedAnchorStore};
use counterfoil::{Clock, Observer, SystemClock};

use super::disk;
use super::home::{Home, LOG_NAME, vkey};
use super::ring::CountingSink;
use super::totals::{EventTotals, HeadTotals};
use crate::failure::{Code, Exit, Failure, chain};

/// How often the ring is written to `events.jsonl`.
const DRAIN: Duration = Duration::from_millis(100);
/// How long anything may take at the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// An observer with its three layers, and where they lead.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) observer: Observer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vkey: String,
    pub(crate) home: Home,
    /// The last record that was in the log before this run.
    pub(crate) resumed_seq: u64,
    /// Whether heads are cosigned before they are anchored.
    witnessed: bool,
    drain: DrainThread,
    sink: Arc<CountingSink>,
}

/// What the layers hold at the end.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) head: Option<HeadTotals>,
    pub(crate) events: EventTotals,
    pub(crate) sink: Arc<CountingSink>,
    /// Records that this run added to the log, by kind, as read back from the disk.
    pub(crate) records: BTreeMap<String, u64>,
}

impl Stage {
    /// Opens the log in `home`, or goes on with the one that is there.
    pub(crate) fn open(home: Home, policy: Option<Policy>) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let signer = Arc::new(home.key()?);
        let events = EventRingBuffer::builder()
            .clock(Arc::clone(&clock))
            .build()
            .map_err(|error| Failure::new(Exit::Usage, chain(&error)))?;
        let witnessed = policy.is_some();
        let (anchors, witnesses) = anchors(&home, policy)?;
        let log = open_log(&home, &clock, Arc::clone(&signer), anchors)?;
        let resumed_seq = log.opened().resumed_seq;
        let sink = CountingSink::new(home.events()?);
        let drain = DrainThread::start(events.clone(), Arc::clone(&sink), DRAIN)
            .map_err(|error| Failure::new(Exit::Unreadable, chain(&error)))?;
        let mut observer = Observer::builder()
            .clock(Arc::clone(&clock))
            .events(events)
            .audit(log);
        if let Some(figures) = witnesses {
            observer = observer.witnesses(figures);
        }
        let observer = observer
            .build()
            .map_err(|error| Failure::new(Exit::Usage, chain(&error)))?;
        Ok(Self {
            observer,
            clock,
            vkey: vkey(&signer),
            home,
            resumed_seq,
            witnessed,
            drain,
            sink,
        })
    }

    /// Events that were overwritten before they were written.
    pub(crate) fn missed(&self) -> u64 {
        self.drain.totals().missed
    }

    /// Drains what is queued, closes the log, and reads back what this run added to it.
    pub(crate) fn close(self) -> Result<Closed, Failure> {
        let offered = self.observer.events().offered();
        let drained = self
            .drain
            .stop(PATIENCE)
            .map_err(|error| Failure::new(Exit::Unreadable, chain(&error)))?;
        let mut head = None;
        if let Some(log) = self.observer.audit() {
            let report = log.close(PATIENCE);
            if !report.finished {
                return Err(Failure::new(
                    Exit::Unreadable,
                    format!(
                        "the log in {} was not closed in order ({} entries queued, {} records not synced, {} not anchored{}); look at the disk, then run the demo on it again to recover it",
                        self.home.log().display(),
                        report.left_in_queues,
                        report.left_unsynced,
                        report.left_unanchored,
                        report
                            .alarm
                            .map_or_else(String::new, |why| format!(": {why}")),
                    ),
                ));
            }
            if report.left_unanchored > 0 {
                let exit = if self.witnessed {
                    Exit::Policy
                } else {
                    Exit::Unreadable
                };
                return Err(Failure::new(
                    exit,
                    format!(
                        "the log in {} is closed and its last {} records are not anchored: {}; mend that and run the demo on it again",
                        self.home.log().display(),
                        report.left_unanchored,
                        report
                            .alarm
                            .as_deref()
                            .unwrap_or("nothing is known about why"),
                    ),
                ));
            }
            head = log.anchored().map(|head| HeadTotals {
                chain: head.chain.to_string(),
                seq: head.seq,
                hash: head.hash.to_string(),
            });
        }
        Ok(Closed {
            head,
            events: EventTotals { offered, delivered: drained.delivered, missed: drained.missed + drained.failed },
            sink: self.sink,
            records: disk::records_by_kind(&self.home.log(), self.resumed_seq).map_err(|error| {
                Failure::new(Exit::Unreadable, format!("cannot read the log in {} back: {error}; run `counterfoil verify` on it", self.home.log().display()))
            })?,
        })
    }
}

/// Where heads are anchored: in a file, and with a policy only what its witnesses cosigned.
fn anchors(
    home: &Home,
    policy: Option<Policy>,
) -> Result<(Arc<dyn AnchorStore>, Option<FiguresReader>), Failure> {
    let file = FileAnchorStore::open(home.anchor())
        .map_err(|error| Failure::new(Exit::Unreadable, chain(&error)))?;
    let Some(policy) = policy else {
        return Ok((Arc::new(file), None));
    };
    let tree = TileDirectory::new(home.log());
    let witnessed = WitnessedAnchorStore::builder(file, policy, tree, home.evidence())
        .build()
        .map_err(|error| Failure::usage(chain(&error)))?;
    let figures = witnessed.figures_reader();
    Ok((Arc::new(witnessed), Some(figures)))
}

fn open_log(
    home: &Home,
    clock: &Arc<dyn Clock>,
    signer: Arc<Ed25519Signer>,
    anchors: Arc<dyn AnchorStore>,
) -> Result<AuditLog, Failure> {
    AuditLog::builder(home.log(), LOG_NAME)
        .clock(Arc::clone(clock))
        .anchor_store(anchors)
        .signer(move |_| Ok(Arc::clone(&signer) as Arc<dyn Signer>))
        // 64 KiB a thread, so that 256 threads stay small; the demo's manager waits rather than lets a record go.
        .queue_words(8 << 10)
        .when_full(WhenFull::Block(PATIENCE))
        .anchor_interval(Duration::from_secs(2))
        .open()
        .map_err(|error| Failure::new(Exit::Unreadable, chain(&error)).with_code(Code::Log))
}
