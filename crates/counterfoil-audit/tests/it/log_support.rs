//! What the tests of the log share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::{Anchor, AnchorStore, MemoryAnchorStore};
use counterfoil_audit::{
    AuditEventData, AuditLog, AuditLogBuilder, AuditRecord, Instance, verify_chain,
};
use counterfoil_core::{
    ChainId, Context, FabricEvent, Head, LeaseId, ResourceType, WorkloadIdentity,
};
use counterfoil_testkit::block_on;

use counterfoil_testkit::files::MemFiles;

pub(crate) const BASE: &str = "audit.example.com/leases";
/// For waits that end long before unless something is wrong.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A machine: its disk, the anchor kept elsewhere, and how many logs were opened on it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) files: MemFiles,
    pub(crate) anchors: Arc<MemoryAnchorStore>,
    pub(crate) dir: PathBuf,
    openings: u64,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with(MemFiles::default(), Arc::new(MemoryAnchorStore::new()), 0)
    }

    fn with(files: MemFiles, anchors: Arc<MemoryAnchorStore>, openings: u64) -> Self {
        Self {
            files,
            anchors,
            dir: PathBuf::from("/log"),
            openings,
        }
    }

    /// Another machine with this disk; its anchor is where this one's is, and moves on its own.
    pub(crate) fn on(&self, files: MemFiles) -> Self {
        let chain = ChainId::first(BASE).unwrap();
        let anchors = MemoryAnchorStore::new();
        if let Some(anchor) = block_on(self.anchors.load(&chain)).unwrap() {
            block_on(anchors.advance(&anchor.head().chain, None, &anchor)).unwrap();
        }
        Self::with(files, Arc::new(anchors), self.openings)
    }

    pub(crate) fn after_power_failure(&self) -> Self {
        self.on(self.files.after_power_failure())
    }

    pub(crate) fn after_kill(&self) -> Self {
        self.on(self.files.after_kill())
    }

    /// Another machine with this disk, whose anchors are forgotten.
    pub(crate) fn unanchored_on(&self, files: MemFiles) -> Self {
        Self::with(files, Arc::new(MemoryAnchorStore::new()), self.openings)
    }

    /// The same machine, whose anchors are forgotten.
    pub(crate) fn unanchored(&self) -> Self {
        Self::with(
            self.files.clone(),
            Arc::new(MemoryAnchorStore::new()),
            self.openings,
        )
    }

    /// The same machine, whose anchor is this one again.
    pub(crate) fn anchored_at(&self, head: &Head) -> Self {
        let machine = self.unanchored();
        let anchor = Anchor::new(head.clone()).unwrap();
        block_on(machine.anchors.advance(&head.chain, None, &anchor)).unwrap();
        machine
    }

    /// Each opening is another instance, and none is ever repeated within a test.
    pub(crate) fn builder(&mut self) -> AuditLogBuilder {
        self.openings += 1;
        AuditLog::builder(&self.dir, BASE)
            .file_system(Arc::new(self.files.clone()))
            .anchor_store(self.anchors.clone())
            .instance(Instance(self.openings))
    }

    pub(crate) fn open(&mut self) -> AuditLog {
        self.builder().open().unwrap()
    }

    pub(crate) fn segment(&self, first: u64) -> PathBuf {
        self.dir.join(format!("segments/{first:020}.jsonl"))
    }

    /// The records of the log, which must form a chain.
    pub(crate) fn records(&self) -> Vec<AuditRecord> {
        records(&self.files.log_bytes(&self.dir))
    }
}

/// Parses and verifies a chain.
pub(crate) fn records(bytes: &[u8]) -> Vec<AuditRecord> {
    let records: Vec<AuditRecord> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| AuditRecord::parse(line).unwrap())
        .collect();
    if !records.is_empty() {
        verify_chain(&records, [0; 32]).unwrap();
    }
    records
}

/// All segments below a real directory.
pub(crate) fn bytes_on_disk(dir: &Path) -> Vec<u8> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
        .iter()
        .flat_map(|name| std::fs::read(name).unwrap())
        .collect()
}

pub(crate) fn context() -> Context {
    Context::new(WorkloadIdentity::tenant_only("acme"))
}

pub(crate) fn expired(lease: u64) -> FabricEvent {
    FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(lease),
        node: "node-a".into(),
    }
}

/// The leases that the lifecycle records are about, in the order of the chain.
pub(crate) fn leases(records: &[AuditRecord]) -> Vec<u64> {
    records
        .iter()
        .filter_map(|record| Some(record.keys().lease?.0))
        .collect()
}

/// The kinds of the records of the log about itself.
pub(crate) fn own_kinds(records: &[AuditRecord]) -> Vec<String> {
    records
        .iter()
        .filter(|record| record.kind().is_about_the_log())
        .map(|record| record.kind().to_string())
        .collect()
}

/// Every number of every lane of closed instances is there or declared lost, once; how many were declared.
pub(crate) fn check_tiling(records: &[AuditRecord]) -> u64 {
    use std::collections::BTreeMap;
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut finals = BTreeMap::new();
    let mut lost = 0;
    for record in records {
        let src = record.src();
        seen.entry(src.id.to_string()).or_default().push(src.n);
        match record.data().unwrap() {
            AuditEventData::RecordsLost(range) => {
                lost += range.last_n - range.first_n + 1;
                seen.entry(range.src.to_string())
                    .or_default()
                    .extend(range.first_n..=range.last_n);
            }
            AuditEventData::ProducerClosed(closed) => {
                for (lane, n) in closed.lanes {
                    finals.insert(format!("{}/{lane}", closed.instance), n);
                }
            }
            _ => {}
        }
    }
    for (src, mut numbers) in seen {
        let in_order = numbers.clone();
        numbers.sort_unstable();
        assert_eq!(numbers, in_order, "{src} is out of order");
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "{src} does not tile");
        if let Some(last) = finals.remove(&src) {
            assert_eq!(numbers.len() as u64, last, "{src} ended elsewhere");
        }
    }
    assert!(
        finals.values().all(|n| *n == 0),
        "{finals:?} never appeared"
    );
    lost
}
