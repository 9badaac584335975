//! Holding the bill against the metrics of the same run.

use std::collections::BTreeMap;

use counterfoil::audit::{AuditEventData, AuditEventKind, AuditRecord};
use counterfoil::{MetricSnapshot, MetricValue, ResourceType, names};

use crate::{LEASE_GRANTED, Vouched};

/// What the log says of the run that its last opening began, which is what the metrics of the process count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunTotals {
    /// Leases granted and their bytes, in records that the head covers.
    pub anchored: BTreeMap<ResourceType, Granted>,
    /// The same in the tail beyond the head.
    pub tail: BTreeMap<ResourceType, Granted>,
    /// Records that the log declares lost. Of what kind they were, nobody knows.
    pub declared_lost: u64,
}

/// Leases, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// How many.
    pub leases: u64,
    /// Their bytes.
    pub bytes: u128,
}

impl RunTotals {
    /// Counts a record. A new opening of the log begins a new run.
    pub fn take(&mut self, record: &AuditRecord, vouched: Vouched) {
        if *record.kind() == AuditEventKind::LogOpened {
            *self = Self::default();
        }
        match record.data() {
            Ok(AuditEventData::LeaseAllocated(it)) => {
                let totals = match vouched {
                    Vouched::Anchored => &mut self.anchored,
                    Vouched::Tail => &mut self.tail,
                };
                let granted = totals.entry(it.resource).or_default();
                granted.leases += 1;
                granted.bytes += u128::from(it.bytes);
            }
            Ok(AuditEventData::RecordsLost(it)) => {
                self.declared_lost += it.last_n.saturating_sub(it.first_n) + 1;
            }
            _ => {}
        }
    }
}

/// The two sides of one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was leased.
    pub resource: ResourceType,
    /// What the metrics counted.
    pub metric: u128,
    /// What records up to the head say, which is what is billed.
    pub anchored: u128,
    /// What records beyond the head say.
    pub tail: u128,
}

impl Finding {
    /// What the metrics counted and no record has; negative when records say more than the metrics.
    #[must_use]
    pub fn unsealed(&self) -> i128 {
        let [metric, anchored, tail] = [self.metric, self.anchored, self.tail]
            .map(|it| i128::try_from(it).unwrap_or(i128::MAX));
        metric.saturating_sub(anchored).saturating_sub(tail)
    }

    /// Whether both sides are the same, without any tail.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.metric == self.anchored
    }
}

/// What metrics and records say of the same run, and what their differences are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciliation {
    /// Leases granted, by resource.
    pub leases: Vec<Finding>,
    /// Their bytes; `None` when the application does not measure them ([`LEASE_GRANTED`]).
    pub bytes: Option<Vec<Finding>>,
    /// Records that the log declares lost.
    pub declared_lost: u64,
    /// Records that were refused or dropped, by the metrics, and that the log has not declared yet.
    pub undeclared: u64,
    /// Records that waited to be sealed when the metrics were read.
    pub queued: u64,
}

impl Reconciliation {
    /// Holds `run` against a snapshot of the same process.
    #[must_use]
    pub fn new(run: &RunTotals, metrics: &MetricSnapshot) -> Self {
        let acquired = by_resource(metrics, names::LEASE_ACQUIRED.instrument().name);
        let granted = by_resource(metrics, LEASE_GRANTED.instrument().name);
        let total = |name| {
            let series = by_resource(metrics, name);
            series.unwrap_or_default().into_values().sum::<u64>()
        };
        let offered = total(names::AUDIT_RECORD_OFFERED.instrument().name);
        let refused = total(names::AUDIT_RECORD_REJECTED.instrument().name)
            + total(names::AUDIT_RECORD_DROPPED.instrument().name);
        let stored = total(names::AUDIT_RECORD_STORED.instrument().name);
        Self {
            leases: findings(run, &acquired.unwrap_or_default(), |it| it.leases.into()),
            bytes: granted.map(|granted| findings(run, &granted, |it| it.bytes)),
            declared_lost: run.declared_lost,
            undeclared: refused.saturating_sub(run.declared_lost),
            queued: offered.saturating_sub(stored + refused),
        }
    }

    /// Whether every figure is the same on both sides.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.findings().all(Finding::agrees)
    }

    /// Whether what is not the same can be made of the tail, of losses and of what waited: a lease that no record has is one of
    /// those, and nothing is sealed that was not counted.
    ///
    /// This is a bound: nobody knows of what kind a lost record was.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        let room =
            i128::from(self.declared_lost) + i128::from(self.undeclared) + i128::from(self.queued);
        let missing: i128 = self.leases.iter().map(Finding::unsealed).sum();
        let bytes_without_leases = self.bytes.iter().flatten().any(|bytes| {
            let leases = self.leases.iter().find(|it| it.resource == bytes.resource);
            bytes.unsealed() != 0 && leases.is_none_or(|it| it.unsealed() == 0)
        });
        missing <= room
            && !bytes_without_leases
            && self.findings().all(|finding| finding.unsealed() >= 0)
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.leases.iter().chain(self.bytes.iter().flatten())
    }
}

fn findings(
    run: &RunTotals,
    metrics: &BTreeMap<String, u64>,
    figure: impl Fn(&Granted) -> u128,
) -> Vec<Finding> {
    let side = |totals: &BTreeMap<ResourceType, Granted>, resource| {
        totals.get(resource).map(&figure).unwrap_or_default()
    };
    let all = ResourceType::ALL.iter().map(|resource| Finding {
        resource: *resource,
        metric: metrics
            .get(resource.as_str())
            .copied()
            .unwrap_or_default()
            .into(),
        anchored: side(&run.anchored, resource),
        tail: side(&run.tail, resource),
    });
    all.filter(|it| it.metric + it.anchored + it.tail > 0)
        .collect()
}

/// The counter `name` by the value of its label `resource_type`; one without labels under the empty text. `None` when the snapshot
/// has no such counter.
fn by_resource(metrics: &MetricSnapshot, name: &str) -> Option<BTreeMap<String, u64>> {
    let family = metrics
        .families
        .iter()
        .find(|family| &*family.name == name)?;
    let series = family.series.iter().filter_map(|series| {
        let MetricValue::Counter(count) = series.value else {
            return None;
        };
        let labels = &series.meta.labels;
        let resource = labels.iter().find(|(key, _)| &**key == "resource_type");
        Some((
            resource
                .map(|(_, value)| value.to_string())
                .unwrap_or_default(),
            count,
        ))
    });
    Some(series.collect())
}
