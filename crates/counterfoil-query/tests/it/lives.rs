//! Logs of the lives of leases, in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use counterfoil_audit::verify::{GivenHead, VerifyOptions};
use counterfoil_audit::{
    AuditEventData, AuditInput, AuditRecord, LossReason, Prior, RecordsLost, Src, SrcId,
    assemble_record,
};
use counterfoil_core::{
    Context, FabricEvent, Head, LeaseId, ResourceType, Timestamp, WorkloadIdentity,
};
use counterfoil_query::replay::{self, Change, Held, History};
use counterfoil_signer::NullSigner;

/// Second `n` of every log here.
pub(crate) fn at(n: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + n)
}

/// A log that grows by what happens to leases.
#[derive(Debug)]
pub(crate) struct Lives {
    dir: tempfile::TempDir,
    prior: Prior,
    pub(crate) records: Vec<AuditRecord>,
    numbers: BTreeMap<u8, u64>,
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            prior: Prior::genesis("audit.example.com/leases/1".parse().unwrap()),
            records: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Seals a change of `lease` in second `second`, offered to lane `t1`.
    pub(crate) fn change(&mut self, second: u64, change: Change, lease: u64) -> &mut Self {
        self.event(second, 1, &event(change, lease, "node-a"))
    }

    pub(crate) fn event(&mut self, second: u64, lane: u8, event: &FabricEvent) -> &mut Self {
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        let src = self.src(second, lane);
        self.seal(&AuditInput::from_event(event, &context, src))
    }

    pub(crate) fn seal(&mut self, input: &AuditInput) -> &mut Self {
        let record = assemble_record(&self.prior, input, &NullSigner).unwrap();
        self.prior = Prior::from(&record);
        self.records.push(record);
        self
    }

    /// Takes the next number of a lane.
    pub(crate) fn src(&mut self, second: u64, lane: u8) -> Src {
        let n = self.numbers.entry(lane).or_default();
        *n += 1;
        Src {
            id: lane_id(lane),
            n: *n,
            time: at(second),
        }
    }

    /// Declares the last number of a lane lost.
    pub(crate) fn declare(&mut self, second: u64, lane: u8) -> &mut Self {
        let n = self.numbers[&lane];
        self.declare_from(second, lane, n)
    }

    /// Declares all numbers of a lane lost from `first_n` to the last one.
    pub(crate) fn declare_from(&mut self, second: u64, lane: u8, first_n: u64) -> &mut Self {
        let lost = RecordsLost {
            first_n,
            last_n: self.numbers[&lane],
            reason: LossReason::QueueFull,
            src: lane_id(lane),
        };
        let src = self.src(second, 0);
        self.seal(&AuditInput::new(AuditEventData::RecordsLost(lost), src))
    }

    /// The head that ends with record `seq`.
    pub(crate) fn head(&self, seq: u64) -> Head {
        self.records[usize::try_from(seq).unwrap() - 1].head()
    }

    pub(crate) fn file(&self) -> PathBuf {
        let path = self.dir.path().join("records.jsonl");
        let lines: Vec<u8> = self
            .records
            .iter()
            .flat_map(|record| record.line().iter().copied())
            .collect();
        std::fs::write(&path, lines).unwrap();
        path
    }

    /// The history of a lease, with a trusted head at its last record.
    pub(crate) fn history(&self, lease: u64) -> History {
        self.history_to(lease, Some(self.head(self.records.len() as u64)))
    }

    pub(crate) fn history_to(&self, lease: u64, head: Option<Head>) -> History {
        let mut options = VerifyOptions::new();
        options.head = head.map(GivenHead::from);
        replay::history(&self.file(), LeaseId(lease), &options).unwrap()
    }

    /// The leases held in a second, with a trusted head at the last record.
    pub(crate) fn held(&self, second: u64) -> Held {
        self.held_to(second, self.head(self.records.len() as u64))
    }

    pub(crate) fn held_to(&self, second: u64, head: Head) -> Held {
        let mut options = VerifyOptions::new();
        options.head = Some(GivenHead::from(head));
        replay::held(&self.file(), at(second), &options).unwrap()
    }
}

fn lane_id(lane: u8) -> SrcId {
    format!("00000000000000a1/t{lane}").parse().unwrap()
}

pub(crate) fn event(change: Change, lease: u64, node: &str) -> FabricEvent {
    let (resource_type, lease_id, node) = (ResourceType::Mem, LeaseId(lease), node.into());
    match change {
        Change::Allocated => FabricEvent::LeaseAcquired {
            resource_type,
            lease_id,
            node,
            bytes: 4096,
        },
        Change::Renewed => FabricEvent::LeaseRenewed {
            resource_type,
            lease_id,
            node,
            ttl_ms: 60_000,
        },
        Change::Released => FabricEvent::LeaseReleased {
            resource_type,
            lease_id,
            node,
        },
        Change::Expired => FabricEvent::LeaseExpired {
            resource_type,
            lease_id,
            node,
        },
        Change::Preempted => FabricEvent::LeasePreempted {
            resource_type,
            lease_id,
            node,
            by: None,
            reason: "priority".into(),
        },
    }
}
