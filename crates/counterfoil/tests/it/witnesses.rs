//! What came of asking witnesses is shown as metrics, and a log without a quorum says so.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::anchor::MemoryAnchorStore;
use counterfoil::audit::AuditLog;
use counterfoil::events::EventRingBuffer;
use counterfoil::signer::{Ed25519Signer, Signer};
use counterfoil::witness::{EvidenceDir, Policy, TileDirectory, WitnessedAnchorStore};
use counterfoil::{MetricValue, Observer, Series, names, witness_events};

const CHAIN: &str = "audit.example.com/leases/1";

/// The sum of a counter's series that have this label value, or of all.
fn counted(observer: &Observer, name: &str, label: Option<&str>) -> u64 {
    let snapshot = observer.snapshot();
    let mut families = snapshot.families.iter();
    let family = families.find(|family| &*family.name == name).unwrap();
    let has = |series: &&Series| {
        let mut labels = series.meta.labels.iter();
        label.is_none_or(|label| labels.any(|(_, value)| &**value == label))
    };
    let counts = family
        .series
        .iter()
        .filter(has)
        .map(|series| match series.value {
            MetricValue::Counter(count) => count,
            ref other => panic!("{other:?}"),
        });
    counts.sum()
}

#[test]
fn a_missed_quorum_raises_the_alarm_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Arc::new(Ed25519Signer::from_seed(CHAIN, &[1; 32]).unwrap());
    let witness = Ed25519Signer::from_seed("witness.example.com", &[2; 32]).unwrap();
    // A port that nobody listens at.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let policy = format!(
        "log {}\nwitness w {} http://{free}\nquorum w\n",
        signer.verifier_key().unwrap(),
        witness.verifier_key().unwrap().as_cosigner()
    );
    let log = directory.path().join("audit");
    let ring = EventRingBuffer::builder().build().unwrap();
    let store = WitnessedAnchorStore::builder(
        MemoryAnchorStore::new(),
        Policy::parse(policy.as_bytes()).unwrap(),
        TileDirectory::new(&log),
        EvidenceDir::new(directory.path().join("evidence")),
    )
    .on_event(witness_events(ring.clone()))
    .build()
    .unwrap();
    let figures = store.figures_reader();
    let log = AuditLog::builder(log, "audit.example.com/leases")
        .signer(move |_| Ok(Arc::clone(&signer) as Arc<dyn Signer>))
        .anchor_store(Arc::new(store))
        .open()
        .unwrap();
    let refused = log.anchor_now(Duration::from_millis(500)).unwrap_err();
    assert!(refused.to_string().contains("witness w: "), "{refused}");
    // However often it was tried, the ring has been told once.
    let snapshot = ring.snapshot();
    let kinds: Vec<_> = snapshot
        .events()
        .iter()
        .map(|event| event.event.kind_name())
        .collect();
    assert_eq!(kinds, ["witness.quorum_missed"]);
    let observer = Observer::builder()
        .audit(log)
        .witnesses(figures)
        .build()
        .unwrap();
    let alarm = observer.audit().unwrap().figures().alarm.unwrap();
    assert!(alarm.contains("the quorum w is not met"), "{alarm}");
    assert!(counted(&observer, "counterfoil.witness.quorum.missed", None) >= 1);
    assert!(counted(&observer, "counterfoil.audit.anchor.failed", None) >= 1);
    assert_eq!(
        counted(&observer, "counterfoil.witness.quorum.met", None),
        0
    );
    let submissions = |outcome| counted(&observer, "counterfoil.witness.submission", Some(outcome));
    assert!(submissions("unreachable") >= 1);
    assert_eq!(submissions("cosigned"), 0);
    let families = observer.snapshot().families;
    for row in names::TABLE.instruments {
        // No witness has cosigned anything, so there is no age of it.
        assert!(
            !row.name.starts_with("counterfoil.witness.")
                || row.name == "counterfoil.witness.cosigned.age"
                || families.iter().any(|family| &*family.name == row.name),
            "{} is in the table and nobody feeds it",
            row.name
        );
    }
}
