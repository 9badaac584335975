//! Real chains to send: logs that an `AuditLog` wrote.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::signer::{Ed25519Signer, Signer, VerifierKey};
use counterfoil::{ChainId, Context, FabricEvent, Head, LeaseId, ResourceType, WorkloadIdentity};

/// A log that a producer has written.
pub(crate) struct Produced {
    pub(crate) chain: ChainId,
    pub(crate) key: Option<VerifierKey>,
    /// Its lines, each with its line feed.
    pub(crate) lines: Vec<Bytes>,
    /// The last checkpoint.
    pub(crate) checkpoint: Option<String>,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) fn signer_of(chain: &ChainId) -> Ed25519Signer {
    let mut seed = [7; 32];
    seed[0] = chain.as_str().len() as u8;
    seed[1] = chain.incarnation() as u8;
    Ed25519Signer::from_seed(chain.as_str(), &seed).unwrap()
}

/// A log of its own with `records` lease records and what it says about itself, closed in order and signed.
pub(crate) fn signed(base: &str, records: u64) -> Produced {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), base, records, true);
    read(dir, base)
}

/// The same, without a signature.
pub(crate) fn unsigned(base: &str, records: u64) -> Produced {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), base, records, false);
    read(dir, base)
}

fn write(dir: &Path, base: &str, records: u64, signed: bool) {
    let anchors = FileAnchorStore::open(dir.join("anchor.json")).unwrap();
    let mut builder = AuditLog::builder(dir.join("log"), base).anchor_store(Arc::new(anchors));
    if signed {
        builder = builder.signer(|chain| Ok(Arc::new(signer_of(chain))));
    }
    let log = builder.open_or_restart().unwrap();
    append(&log, records);
    assert!(log.close(Duration::from_secs(30)).finished);
}

fn append(log: &AuditLog, records: u64) {
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    for number in 0..records {
        let event = FabricEvent::LeaseAcquired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(number),
            node: "node-a".into(),
            bytes: 4096,
        };
        log.append_event(&event, &context)
            .wait_written(Duration::from_secs(30))
            .unwrap();
    }
}

fn read(dir: tempfile::TempDir, base: &str) -> Produced {
    let log = dir.path().join("log");
    let mut segments: Vec<_> = fs::read_dir(log.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let text: Vec<u8> = segments
        .iter()
        .flat_map(|path| fs::read(path).unwrap())
        .collect();
    let lines: Vec<_> = text
        .split_inclusive(|byte| *byte == b'\n')
        .map(Bytes::copy_from_slice)
        .collect();
    let checkpoint = fs::read_to_string(log.join("checkpoint")).ok();
    let first = counterfoil::audit::AuditRecord::parse(&lines[0]).unwrap();
    let chain = first.chain().clone();
    assert_eq!(chain.base(), base);
    let key = checkpoint
        .is_some()
        .then(|| signer_of(&chain).verifier_key().unwrap().clone());
    Produced {
        chain,
        key,
        lines,
        checkpoint,
        dir,
    }
}

impl Produced {
    /// Goes on: the same log, opened again, with further records.
    pub(crate) fn grow(self, records: u64) -> Self {
        let base = self.chain.base().to_owned();
        write(self.dir.path(), &base, records, self.key.is_some());
        read(self.dir, &base)
    }

    /// Loses its log and goes on as the next incarnation.
    pub(crate) fn restart(self, records: u64) -> Self {
        fs::remove_dir_all(self.dir.path().join("log")).unwrap();
        self.grow(records)
    }

    pub(crate) fn seq(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The head that the chain had when it was so long.
    pub(crate) fn head(&self, seq: u64) -> Head {
        let line = &self.lines[usize::try_from(seq).unwrap() - 1];
        counterfoil::audit::AuditRecord::parse(line).unwrap().head()
    }

    pub(crate) fn all(&self) -> Bytes {
        self.lines.concat().into()
    }

    /// Records from the first number to before the second, counted from 1.
    pub(crate) fn some(&self, from: usize, to: usize) -> Bytes {
        self.lines[from - 1..to - 1].concat().into()
    }

    /// The last checkpoint as a line of an upload.
    pub(crate) fn checkpoint_line(&self) -> Bytes {
        let note = self.checkpoint.as_deref().unwrap();
        let line = serde_json::json!({ "checkpoint": note });
        format!("{line}\n").into()
    }
}
