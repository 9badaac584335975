//! Which keys and heads a verification may rely on, and what an absent beginning hides.

use std::fs;
use std::sync::Arc;

use counterfoil_audit::verify::{
    Completeness, GivenHead, Reason, Report, VerifyOptions, verify_path, verify_reader,
};
use counterfoil_audit::{
    AuditChain, AuditEventData, AuditInput, AuditRecord, HashAlgorithm, Instance, Lane, LogOpened,
    ProducerClosed, Retention, SigningMode, Src, SrcId, jsonl, verify_chain,
};
use counterfoil_core::{
    ChainId, Context, FabricEvent, Head, LeaseId, ResourceType, Timestamp, WorkloadIdentity,
};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_signer::{Ed25519Signer, Ed25519Verifier, Keyring, Signer, sign_checkpoint};

const ID: &str = "audit.example.com/test/1";
const INSTANCE: Instance = Instance(0xa1);

fn time(second: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + second)
}

fn src(lane: Lane, n: u64) -> Src {
    Src {
        id: SrcId::new(INSTANCE, lane),
        n,
        time: time(n),
    }
}

fn id() -> ChainId {
    ID.parse().unwrap()
}

fn record_key() -> Arc<dyn Signer> {
    Arc::new(Ed25519Signer::from_seed(&format!("{ID}/record"), &[8; 32]).unwrap())
}

fn vkey(signer: &dyn Signer) -> String {
    signer.verifier_key().unwrap().to_string()
}

fn given(signer: &dyn Signer) -> Keyring {
    let mut keys = Keyring::new();
    keys.trust(vkey(signer).parse::<Ed25519Verifier>().unwrap())
        .unwrap();
    keys
}

fn opened(mode: SigningMode, keys: Vec<String>) -> AuditEventData {
    AuditEventData::LogOpened(LogOpened {
        anchor_interval_ms: 1_000,
        anchor_interval_records: 256,
        anchored_seq: None,
        epoch_ms: None,
        hash: HashAlgorithm::Sha256,
        keys,
        mode,
        resumed_seq: 0,
        retention: Retention {
            max_age_s: None,
            max_bytes: None,
        },
        software: "test".into(),
        unclean: None,
        unsealed_max: None,
    })
}

/// Seals records one after another.
struct Writer {
    chain: AuditChain,
    out: Vec<u8>,
    sealed: u64,
    offered: u64,
}

impl Writer {
    fn new() -> Self {
        Self {
            chain: AuditChain::new(id()),
            out: Vec::new(),
            sealed: 0,
            offered: 0,
        }
    }

    fn about_the_log(&mut self, data: AuditEventData) {
        self.sealed += 1;
        let input = AuditInput::new(data, src(Lane::sealer(), self.sealed));
        self.chain.seal(&mut self.out, &input, time(1)).unwrap();
    }

    fn leases(&mut self, count: u64) {
        for _ in 0..count {
            self.offered += 1;
            let event = FabricEvent::LeaseExpired {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(self.offered),
                node: "node-a".into(),
            };
            let context = Context::new(WorkloadIdentity::tenant_only("acme"));
            let input =
                AuditInput::from_event(&event, &context, src(Lane::thread(0), self.offered));
            self.chain.seal(&mut self.out, &input, time(1)).unwrap();
        }
    }

    fn head(&mut self) -> Head {
        self.chain.head().unwrap()
    }

    /// Goes on with another signer, or none.
    fn resume(&mut self, signer: Option<Arc<dyn Signer>>) {
        let tree = self.chain.tree().clone();
        let chain = AuditChain::resume(&self.head(), time(1), tree).unwrap();
        self.chain = match signer {
            Some(signer) => chain.with_record_signer(signer),
            None => chain,
        };
    }

    fn judge(&mut self, keys: &Keyring, hash_only: bool) -> Report {
        let mut options = VerifyOptions::new();
        options.head = Some(self.head().into());
        options.keys = keys;
        options.hash_only = hash_only;
        verify_reader(&self.out[..], "log.jsonl", &options)
    }
}

fn assert_key_at(report: &Report, position: u64) {
    let first = report.failures.first().map(|f| (f.reason, f.position));
    assert_eq!(
        (report.exit_code(), first),
        (5, Some((Reason::Key, Some(position)))),
        "{report}"
    );
}

#[test]
fn a_record_key_that_signed_some_of_a_bare_chain_is_not_satisfied() {
    let (mut log, keys) = (Writer::new(), given(&*record_key()));
    log.chain = AuditChain::new(id()).with_record_signer(record_key());
    log.leases(2);
    assert_eq!(log.judge(&keys, false).exit_code(), 0);
    assert_eq!(log.judge(&keys, true).exit_code(), 0);
    log.resume(None);
    log.leases(3);
    assert_key_at(&log.judge(&keys, false), 3);
    assert_key_at(&log.judge(&keys, true), 3);
}

#[test]
fn a_record_key_that_the_log_names_and_does_not_use_is_not_satisfied() {
    let (signer, mut log) = (record_key(), Writer::new());
    log.about_the_log(opened(SigningMode::Checkpoint, vec![vkey(&*signer)]));
    log.leases(5);
    assert_key_at(&log.judge(&given(&*signer), false), 1);
    assert_key_at(&log.judge(&given(&*signer), true), 1);
    assert_eq!(log.judge(&Keyring::new(), false).exit_code(), 0);
}

#[test]
fn a_record_key_has_to_be_in_force_from_the_first_record_on() {
    use counterfoil_audit::ConfigChanged;
    let (signer, mut log) = (record_key(), Writer::new());
    log.about_the_log(opened(SigningMode::None, Vec::new()));
    log.leases(4);
    let own = vkey(&*signer);
    for (key, old, new) in [("mode", "none", "record"), ("keys", "", own.as_str())] {
        log.about_the_log(AuditEventData::ConfigChanged(ConfigChanged {
            key: key.into(),
            old_value: Some(old.into()),
            new_value: Some(new.into()),
        }));
    }
    log.resume(Some(signer.clone()));
    log.about_the_log(opened(SigningMode::Record, vec![own]));
    assert_eq!(log.judge(&Keyring::new(), false).exit_code(), 0);
    assert_key_at(&log.judge(&given(&*signer), false), 1);
}

#[test]
fn an_older_checkpoint_does_not_make_its_key_a_signer_of_the_head() {
    let signer = Ed25519Signer::from_seed(ID, &[7; 32]).unwrap();
    let mut log = Writer::new();
    log.about_the_log(opened(SigningMode::Checkpoint, vec![vkey(&signer)]));
    log.leases(5);
    let note = |log: &mut Writer| {
        let head = log.head();
        let checkpoint = Checkpoint::new(ID, head.seq, head.root.unwrap()).unwrap();
        sign_checkpoint(&signer, &checkpoint)
            .unwrap()
            .unwrap()
            .to_text()
    };
    let older = note(&mut log);
    log.leases(5);
    let newest = note(&mut log);

    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::create_dir(&segments).unwrap();
    fs::write(segments.join(format!("{:020}.jsonl", 1)), &log.out).unwrap();
    let head = log.head();
    let judge = |stored: &str| {
        fs::write(folder.path().join("checkpoint"), stored).unwrap();
        let keys = given(&signer);
        let mut options = VerifyOptions::new();
        options.head = Some(GivenHead::from(head.clone()));
        options.keys = &keys;
        verify_path(folder.path(), &options)
    };
    let report = judge(&older);
    assert_key_at(&report, 11);
    assert!(report.signed_by.is_empty(), "{report}");
    let report = judge(&newest);
    assert_eq!(
        (report.exit_code(), report.signed_by),
        (0, vec![vkey(&signer)])
    );
}

#[test]
fn an_absent_beginning_leaves_completeness_unknown() {
    let mut log = Writer::new();
    log.about_the_log(opened(SigningMode::None, Vec::new()));
    log.leases(8);
    log.about_the_log(AuditEventData::ProducerClosed(ProducerClosed {
        instance: INSTANCE,
        lanes: [(Lane::sealer(), 2), (Lane::thread(0), 8)].into(),
        more: false,
    }));
    let whole = log.judge(&Keyring::new(), false);
    assert_eq!(whole.completeness, Some(Completeness::Complete), "{whole}");
    let records: Vec<AuditRecord> = jsonl::read_records(&log.out[..])
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(verify_chain(&records, [0; 32]).is_ok());
    let rest: Vec<u8> = records[3..]
        .iter()
        .flat_map(|record| record.line().to_vec())
        .collect();
    let mut options = VerifyOptions::new();
    options.head = Some(log.head().into());
    let report = verify_reader(&rest[..], "log.jsonl", &options);
    assert_eq!(report.exit_code(), 3, "{report}");
    assert_eq!(report.completeness, Some(Completeness::Unknown), "{report}");
    assert!(
        report
            .lanes
            .iter()
            .all(|lane| lane.completeness == Completeness::Unknown),
        "{report}"
    );
}

/// A log directory of a few records.
fn stored() -> (tempfile::TempDir, Head) {
    let mut log = Writer::new();
    log.about_the_log(opened(SigningMode::None, Vec::new()));
    log.leases(3);
    let folder = tempfile::tempdir().unwrap();
    let segments = folder.path().join("segments");
    fs::create_dir(&segments).unwrap();
    fs::write(segments.join(format!("{:020}.jsonl", 1)), &log.out).unwrap();
    let head = log.head();
    (folder, head)
}

/// What a verification says of a log that `spoil` had its hands on.
fn spoilt(spoil: impl FnOnce(&std::path::Path)) -> Report {
    let (folder, head) = stored();
    spoil(folder.path());
    let mut options = VerifyOptions::new();
    options.head = Some(head.into());
    verify_path(folder.path(), &options)
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    use std::os::unix::fs::symlink;
    assert_eq!(spoilt(|_| ()).exit_code(), 0);
    for target in ["/dev/zero", "/dev/null", "/"] {
        for name in ["checkpoint", "segments/00000000000000000005.jsonl"] {
            let report = spoilt(|log| symlink(target, log.join(name)).unwrap());
            assert_eq!(report.exit_code(), 4, "{name} to {target}: {report}");
            assert!(report.to_string().contains("no regular file"), "{report}");
        }
    }
    for name in ["checkpoint", "segments/00000000000000000005.jsonl"] {
        let report = spoilt(|log| {
            let made = std::process::Command::new("mkfifo")
                .arg(log.join(name))
                .status();
            assert!(made.unwrap().success());
        });
        assert_eq!(report.exit_code(), 4, "{name}: {report}");
    }
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_is_there_and_cannot_be_read_is_not_absent() {
    use std::os::unix::fs::symlink;
    let report = spoilt(|log| symlink("nothing", log.join("checkpoint")).unwrap());
    assert_eq!(report.exit_code(), 4, "{report}");
    let report = spoilt(|log| symlink("checkpoint", log.join("checkpoint")).unwrap());
    assert_eq!(report.exit_code(), 4, "{report}");
    let report =
        spoilt(|log| fs::write(log.join("checkpoint"), vec![b'x'; (1 << 20) + 1]).unwrap());
    assert_eq!(report.exit_code(), 4, "{report}");
    assert!(report.to_string().contains("longer than"), "{report}");
}
