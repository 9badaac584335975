//! Asking the three layers, in the order in which one does: how often, what then, what for certain.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use counterfoil::anchor::AnchorStore;
use counterfoil::audit::{AuditEventKind, AuditRecord, HASH_LEN, jsonl, verify_chain};
use counterfoil::events::{EventRingBuffer, Filter};
use counterfoil::{Event, FabricEvent, Head, LeaseId, Observer, Timestamp};

use super::Window;
use crate::Result;
use crate::block_on::block_on;

/// How far around a spike the ring is asked.
const AROUND: Duration = Duration::from_secs(60);

/// What the layers have to say about a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Findings {
    /// Metrics: every window, in order.
    pub windows: Vec<Window>,
    /// Metrics: how often leases were renewed.
    pub renewed: u64,
    /// Events: what happened within a minute of the first spike.
    pub around_first_spike: Vec<Event>,
    /// Events: every lease that ran out and was taken again by the same holder.
    pub turnovers: Vec<Turnover>,
    /// Events: how many the ring has lost, which would make its picture incomplete.
    pub overwritten: u64,
    /// Audit: what is sealed about leases that expired, from the first spike on.
    pub expired: Vec<SealedEvent>,
    /// Audit: how many records there are of each kind that is about a lease.
    pub lease_records: BTreeMap<String, usize>,
    /// Audit: the head that all records verify up to. It is the anchored one.
    pub head: Head,
    /// Audit: the key name on the anchored checkpoint; nothing when there is none.
    pub signed_by: Option<String>,
}

/// A lease that ran out and was taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turnover {
    /// The lease.
    pub lease: LeaseId,
    /// When it ran out.
    pub expired: Timestamp,
    /// When the same holder had it again.
    pub acquired: Timestamp,
}

/// What a record says about a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealedEvent {
    /// The record's number.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// The lease.
    pub lease: Option<LeaseId>,
}

impl Findings {
    /// Asks all layers of an observer whose log is closed.
    pub(crate) fn gather(
        windows: Vec<Window>,
        observer: &Observer,
        log: &Path,
        anchor: &dyn AnchorStore,
    ) -> Result<Self> {
        let ring = observer.events();
        let records = read_log(log)?;
        let verified = verify_chain(&records, [0; HASH_LEN])?;
        let anchored = block_on(anchor.load(&verified.chain))?.ok_or("the log has no anchor")?;
        if !verified.agrees_with(anchored.head()) {
            let head = anchored.head();
            return Err(
                format!("the log ends with {verified:?}, and its anchor says {head:?}").into(),
            );
        }
        let first_spike = spikes(&windows).next().map(|window| window.start);
        Ok(Self {
            renewed: observer.metrics().leases_renewed.get(),
            around_first_spike: first_spike
                .map(|spike| ring.around(spike, AROUND).into_events())
                .unwrap_or_default(),
            turnovers: turnovers(ring),
            overwritten: ring.overwritten(),
            expired: query(&records, &AuditEventKind::LeaseExpired, first_spike),
            lease_records: count_by_kind(&records),
            signed_by: anchored.checkpoint().and_then(signer_of),
            head: verified,
            windows,
        })
    }

    /// The windows whose p99 is above that of most windows.
    pub fn spikes(&self) -> impl Iterator<Item = &Window> {
        spikes(&self.windows)
    }
}

/// Windows above the median of all windows' p99.
fn spikes(windows: &[Window]) -> impl Iterator<Item = &Window> {
    let mut known: Vec<_> = windows.iter().filter_map(|window| window.p99).collect();
    known.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let usual = known.get(known.len() / 2).copied();
    windows.iter().filter(move |window| window.p99 > usual)
}

/// Each `LeaseExpired` with the `LeaseAcquired` of the same lease and holder that follows it.
fn turnovers(ring: &EventRingBuffer) -> Vec<Turnover> {
    let mut found = Vec::new();
    for ended in ring.snapshot().iter() {
        let FabricEvent::LeaseExpired { lease_id, .. } = ended.event else {
            continue;
        };
        let same_lease = Filter::new().lease(lease_id).since(ended.time);
        let again = ring
            .matching(&same_lease)
            .into_events()
            .into_iter()
            .find(|event| {
                matches!(event.event, FabricEvent::LeaseAcquired { .. })
                    && event.context.identity() == ended.context.identity()
            });
        if let Some(again) = again {
            found.push(Turnover {
                lease: lease_id,
                expired: ended.time,
                acquired: again.time,
            });
        }
    }
    found
}

/// Every record of a closed log, segment by segment.
fn read_log(log: &Path) -> Result<Vec<AuditRecord>> {
    let mut segments = fs::read_dir(log.join("segments"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    segments.sort();
    let mut records = Vec::new();
    for segment in segments {
        for record in jsonl::read_records(BufReader::new(File::open(segment)?)) {
            records.push(record?);
        }
    }
    Ok(records)
}

/// What `counterfoil audit query --kind K --since T` prints.
fn query(
    records: &[AuditRecord],
    kind: &AuditEventKind,
    since: Option<Timestamp>,
) -> Vec<SealedEvent> {
    let since = since.unwrap_or_default();
    records
        .iter()
        .filter(|record| record.kind() == kind && record.src().time >= since)
        .map(|record| SealedEvent {
            seq: record.seq(),
            time: record.src().time,
            lease: record.keys().lease,
        })
        .collect()
}

fn count_by_kind(records: &[AuditRecord]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records
        .iter()
        .filter(|record| record.keys().lease.is_some())
    {
        *counts.entry(record.kind().to_string()).or_default() += 1;
    }
    counts
}

/// The key name in the first signature line of a checkpoint (`— name base64`). Whether it is a good one is for
/// `counterfoil verify --key` to say.
fn signer_of(checkpoint: &str) -> Option<String> {
    let line = checkpoint
        .lines()
        .find_map(|line| line.strip_prefix("— "))?;
    Some(line.split(' ').next()?.to_owned())
}
