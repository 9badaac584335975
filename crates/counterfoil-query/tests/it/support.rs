//! Chains that the tests ask.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use counterfoil_audit::{AuditInput, AuditRecord, Prior, Src, Who, assemble_record};
use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};
use counterfoil_query::{Filter, Next, Search, Source};
use counterfoil_signer::NullSigner;

/// When the first record of a chain occurred, in seconds.
pub(crate) const START: u64 = 1_700_000_000;

/// A chain under construction.
#[derive(Debug)]
pub(crate) struct Chain {
    prior: Prior,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self {
            prior: Prior::genesis("audit.example.com/leases/1".parse().unwrap()),
        }
    }

    /// The next record; it occurs a second after the one before it.
    pub(crate) fn next(&mut self, tenant: &str, node: &str, lease: u64) -> AuditRecord {
        let n = self.prior.seq + 1;
        let context = Context::new(WorkloadIdentity::tenant_only(tenant));
        let event = if n.is_multiple_of(3) {
            FabricEvent::LeaseReleased {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: node.into(),
            }
        } else {
            FabricEvent::LeaseAcquired {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: node.into(),
                bytes: 4096,
            }
        };
        let src = Src {
            id: "00000000000000a1/t1".parse().unwrap(),
            n,
            time: Timestamp::from_unix_seconds(START + n),
        };
        let mut input = AuditInput::from_event(&event, &context, src);
        input.who = Who {
            principal: Some(format!("p-{}", n % 5).into()),
            ..input.who
        };
        let record = assemble_record(&self.prior, &input, &NullSigner).unwrap();
        self.prior = Prior::from(&record);
        record
    }
}

/// A log directory in the layout of the specification, and nothing but its segments.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) dir: tempfile::TempDir,
    chain: Chain,
    segment: PathBuf,
}

impl Log {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("segments")).unwrap();
        Self {
            segment: segment(dir.path(), 1),
            dir,
            chain: Chain::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Begins the next segment.
    pub(crate) fn roll(&mut self) {
        self.segment = segment(self.dir.path(), self.chain.prior.seq + 1);
    }

    /// Adds records of three tenants, seven nodes, and leases of four records each.
    pub(crate) fn add(&mut self, count: u64) {
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.extend_from_slice(self.record().line());
        }
        self.append(&lines);
    }

    pub(crate) fn record(&mut self) -> AuditRecord {
        let n = self.chain.prior.seq;
        let tenant = ["acme", "globex", "ini\"tech"][(n % 3) as usize];
        self.chain
            .next(tenant, &format!("node-{}", n * n % 7), n / 4)
    }

    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.segment)
            .unwrap();
        file.write_all(bytes).unwrap();
    }

    /// What a search finds, by number.
    pub(crate) fn found(&self, filter: &Filter) -> Vec<u64> {
        numbers(&mut Search::open(self.path(), filter.clone()).unwrap())
    }

    /// What is there, by the log alone.
    pub(crate) fn there(&self, filter: &Filter) -> Vec<u64> {
        matching(&self.records(), filter)
    }

    pub(crate) fn records(&self) -> Vec<AuditRecord> {
        let mut source = Source::open(self.path()).unwrap();
        let mut records = Vec::new();
        while let Next::Record(record) = source.read().unwrap() {
            records.push(*record);
        }
        records
    }
}

/// The numbers of the records that meet a filter.
pub(crate) fn matching(records: &[AuditRecord], filter: &Filter) -> Vec<u64> {
    let there = records.iter().filter(|record| filter.matches(record));
    there.map(AuditRecord::seq).collect()
}

pub(crate) fn segment(log: &Path, first: u64) -> PathBuf {
    log.join("segments").join(format!("{first:020}.jsonl"))
}

/// The numbers of the records that come next.
pub(crate) fn numbers(search: &mut Search) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        match search.read().unwrap() {
            Next::Record(record) => numbers.push(record.seq()),
            Next::End | Next::Unfinished { .. } => return numbers,
            other @ Next::Malformed { .. } => panic!("{other:?}"),
        }
    }
}
