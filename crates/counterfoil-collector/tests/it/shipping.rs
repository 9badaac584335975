//! From a producer's log to the collector's copy, whichever way and whatever happens on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use counterfoil::anchor::Anchor;
use counterfoil::audit::AuditLog;
use counterfoil::audit::verify::{GivenHead, Verdict, VerifyOptions, verify_path};
use counterfoil::signer::{Ed25519Verifier, Keyring, Signer as _};
use counterfoil::{ChainId, Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};
use counterfoil_collector::Collector;
use counterfoil_collector::body::BodyLimits;
use counterfoil_collector::routes::ingest;
use counterfoil_collector::tail::{TailReceiver, TailSource, TailState};
use counterfoil_exporter_collector::{Client, ShipOptions, ShipState, Shipper};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::ingest::producer::signer_of;
use crate::ingest::{builder, caller};

const PATIENCE: Duration = Duration::from_secs(60);
const BASE: &str = "audit.example.com/leases";

/// A producer's log, opened as often as wanted.
struct Producer {
    dir: tempfile::TempDir,
}

impl Producer {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn directory(&self) -> PathBuf {
        self.dir.path().join("audit")
    }

    fn open(&self) -> AuditLog {
        let anchors = self.dir.path().join("anchor.json");
        let anchors = counterfoil::anchor::FileAnchorStore::open(anchors).unwrap();
        AuditLog::builder(self.directory(), BASE)
            .anchor_store(Arc::new(anchors))
            .signer(|chain| Ok(Arc::new(signer_of(chain))))
            .open()
            .unwrap()
    }
}

fn chain() -> ChainId {
    format!("{BASE}/1").parse().unwrap()
}

fn key() -> String {
    signer_of(&chain()).verifier_key().unwrap().to_string()
}

fn append(log: &AuditLog, records: u64) {
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    for lease in 0..records {
        let event = FabricEvent::LeaseAcquired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(lease),
            node: "node-a".into(),
            bytes: 4096,
        };
        log.append_event(&event, &context)
            .wait_written(PATIENCE)
            .unwrap();
    }
}

/// A collector behind a socket, for one tenant.
struct Serving {
    collector: Collector,
    runtime: Runtime,
    listening: Option<JoinHandle<()>>,
    url: String,
}

impl Serving {
    fn start(dir: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let collector = runtime.block_on(async { builder(dir).start().unwrap() });
        let mut serving = Self {
            collector,
            runtime,
            listening: None,
            url: String::new(),
        };
        serving.listen("127.0.0.1:0");
        serving
    }

    fn listen(&mut self, address: &str) {
        let router =
            ingest(self.collector.clone(), BodyLimits::default()).layer(Extension(caller("acme")));
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind(address));
        let listener = listener.unwrap();
        self.url = format!("http://{}", listener.local_addr().unwrap());
        let served = async move { axum::serve(listener, router).await.unwrap() };
        self.listening = Some(self.runtime.spawn(served));
    }

    fn client(&self) -> Client {
        Client::builder(&self.url).build().unwrap()
    }

    /// As when the process is ended at once: connections break, and nothing is waited for but the lock on the directory.
    fn crash(self) {
        self.runtime.shutdown_background();
        assert!(self.collector.stop(PATIENCE).finished);
    }

    fn copy(&self) -> PathBuf {
        self.collector.log_dir(&caller("acme"), &chain()).unwrap()
    }
}

fn options() -> ShipOptions {
    ShipOptions::default()
        .poll_interval(Duration::from_millis(5))
        .delays(Duration::from_millis(1), Duration::from_millis(20))
}

fn wait_until(wanted: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !wanted() {
        assert!(Instant::now() < until, "it did not come to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The lines of a log directory, one after the other.
fn lines(log: &Path) -> Vec<u8> {
    let mut segments: Vec<_> = fs::read_dir(log.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    segments.sort();
    assert!(!segments.is_empty());
    let read = segments.iter().flat_map(|path| fs::read(path).unwrap());
    read.collect()
}

/// The collector's copy is the producer's log, byte for byte, and verifies against the head that the collector keeps.
fn assert_arrived(producer: &Producer, serving: Serving) {
    let copy = serving.copy();
    serving.crash();
    assert!(
        lines(&producer.directory()) == lines(&copy),
        "the copy differs"
    );
    let anchor = fs::read(copy.join("anchor.json")).unwrap();
    let mut keys = Keyring::new();
    let key = Ed25519Verifier::new(key().parse().unwrap()).unwrap();
    keys.trust(key).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(GivenHead::from(&Anchor::from_json(&anchor).unwrap()));
    options.keys = &keys;
    let report = verify_path(&copy, &options);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
}

#[test]
fn a_shipped_log_is_kept_whole_with_its_checkpoint() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    let serving = Serving::start(data.path());
    let log = producer.open();
    let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
    append(&log, 200);
    assert!(shipper.flush(PATIENCE).finished);
    append(&log, 100);
    log.close(PATIENCE);
    let report = shipper.stop(PATIENCE);
    assert!(
        report.finished && report.status.failures.is_empty(),
        "{report:?}"
    );
    let kept = serving.collector.chain(&caller("acme"), &chain()).unwrap();
    assert_eq!(kept.entry.verifier_key.unwrap().to_string(), key());
    let published = fs::read_to_string(producer.directory().join("checkpoint")).unwrap();
    // It is shown once the answer is given.
    while fs::read_to_string(serving.copy().join("checkpoint"))
        .ok()
        .as_ref()
        != Some(&published)
    {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_arrived(&producer, serving);
}

#[test]
fn a_collector_that_restarts_again_and_again_misses_nothing() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    let log = producer.open();
    let mut serving = Serving::start(data.path());
    let address = serving.url.trim_start_matches("http://").to_owned();
    let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
    for _ in 0..4 {
        append(&log, 100);
        serving.crash();
        append(&log, 50);
        serving = Serving::start(data.path());
        serving.listen(&address);
    }
    log.close(PATIENCE);
    let report = shipper.stop(PATIENCE);
    assert!(report.finished, "{report}");
    assert_eq!(report.status.rewound, 0, "acknowledged records were gone");
    assert_arrived(&producer, serving);
}

#[test]
fn a_producer_that_restarts_again_and_again_doubles_nothing() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    let serving = Serving::start(data.path());
    for _ in 0..5 {
        let log = producer.open();
        let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
        append(&log, 50);
        drop(shipper);
        log.close(PATIENCE);
    }
    let log = producer.open();
    let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    assert_arrived(&producer, serving);
}

#[test]
fn a_log_with_another_history_is_stopped_and_leaves_the_copy_alone() {
    let (producer, other) = (Producer::new(), Producer::new());
    let data = tempfile::tempdir().unwrap();
    let serving = Serving::start(data.path());
    let log = producer.open();
    let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
    log.close(PATIENCE);
    assert!(shipper.stop(PATIENCE).finished);
    let log = other.open();
    append(&log, 20);
    let shipper = Shipper::start(&log, serving.client(), options()).unwrap();
    wait_until(|| shipper.status().state == ShipState::Forked);
    assert!(!shipper.stop(PATIENCE).finished);
    assert_arrived(&producer, serving);
}

fn follow(collector: &Collector, producer: &Producer) -> TailReceiver {
    let source = TailSource::new(producer.directory(), "acme")
        .chain(chain().as_str())
        .verifier_key(key());
    TailReceiver::start(collector, &[source]).unwrap()
}

#[test]
fn a_directory_is_followed_from_before_it_is_there_and_over_restarts() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    let mut serving = Serving::start(data.path());
    let mut tail = serving
        .runtime
        .block_on(async { follow(&serving.collector, &producer) });
    assert_eq!(tail.status()[0].state, TailState::Waiting);
    for _ in 0..3 {
        let log = producer.open();
        append(&log, 100);
        wait_until(|| tail.status()[0].acknowledged > 50);
        assert!(tail.stop(PATIENCE));
        serving.crash();
        append(&log, 100);
        log.close(PATIENCE);
        serving = Serving::start(data.path());
        tail = serving
            .runtime
            .block_on(async { follow(&serving.collector, &producer) });
    }
    let records = lines(&producer.directory())
        .split(|byte| *byte == b'\n')
        .count() as u64
        - 1;
    wait_until(|| tail.status()[0].acknowledged == records);
    let status = &tail.status()[0];
    assert_eq!((status.missed, status.failures), (0, 0), "{status:?}");
    assert_eq!(status.chain, Some(chain()));
    assert!(tail.stop(PATIENCE));
    assert_eq!(tail.status()[0].state, TailState::Stopped);
    assert_arrived(&producer, serving);
}

#[test]
fn a_directory_of_another_chain_than_configured_is_not_taken() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    producer.open().close(PATIENCE);
    let serving = Serving::start(data.path());
    let source = TailSource::new(producer.directory(), "acme").chain("audit.example.com/other/1");
    let tail = serving
        .runtime
        .block_on(async { TailReceiver::start(&serving.collector, &[source]).unwrap() });
    wait_until(|| tail.status()[0].state == TailState::Stuck);
    let said = tail.status()[0].last_error.clone().unwrap();
    assert!(
        said.contains("audit.example.com/other/1 is configured"),
        "{said}"
    );
    assert!(
        serving
            .collector
            .chains(&caller("acme"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn sources_that_are_none_are_refused_at_once() {
    let data = tempfile::tempdir().unwrap();
    let serving = Serving::start(data.path());
    let good = || TailSource::new("/nowhere", "acme");
    let bad = [
        vec![TailSource::new("/nowhere", "../acme")],
        vec![good().chain("leases")],
        vec![good().verifier_key("no key")],
        vec![good(), good()],
    ];
    for sources in bad {
        let started = serving
            .runtime
            .block_on(async { TailReceiver::start(&serving.collector, &sources) });
        assert!(started.is_err(), "{sources:?}");
    }
}

#[test]
fn a_service_that_init_started_ships_and_says_what_is_left() {
    let (producer, data) = (Producer::new(), tempfile::tempdir().unwrap());
    let serving = Serving::start(data.path());
    let service = |url: &str| {
        let observer = counterfoil::Observer::builder()
            .audit(producer.open())
            .build()
            .unwrap();
        let url = url.to_owned();
        let config = counterfoil::init::Config::new("orders", "1")
            .env_from(|name| (name == "COUNTERFOIL_COLLECTOR_URL").then(|| url.clone().into()))
            .unwrap()
            .observer(observer)
            .without_globals()
            .without_listener()
            .log_writer(counterfoil::trace::LogWriter::new(std::io::sink()));
        counterfoil::init(config).unwrap()
    };
    // Nobody listens there: the deadline is kept, and what is left is told.
    let guard = service("http://127.0.0.1:1");
    append(guard.observer().audit().unwrap(), 20);
    let report = guard.shutdown(Duration::from_millis(400));
    let shipping = report.shipping.clone().unwrap();
    assert!(!report.is_complete() && !shipping.finished, "{report}");
    assert!(shipping.status.behind >= 20, "{report}");
    assert!(
        report.to_string().contains("are left in the log"),
        "{report}"
    );

    let guard = service(&serving.url);
    append(guard.observer().audit().unwrap(), 20);
    let flushed = guard.flush(PATIENCE).shipping.unwrap();
    assert!(flushed.finished, "{flushed}");
    let snapshot = guard.observer().snapshot();
    let figure = |name: &str| snapshot.families.iter().any(|family| &*family.name == name);
    assert!(figure("counterfoil.audit.ship.lag"));
    let report = guard.shutdown(PATIENCE);
    assert!(report.is_complete(), "{report}");
    assert_arrived(&producer, serving);
}
