//! The same job put together from stock crates, tuned as well as we can: cached metric handles, a `parking_lot` ring,
//! interned text behind `Arc`, ids kept binary, and a bounded channel to a thread that encodes and hashes.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Sender, TrySendError};
use metrics::{Counter, Gauge, Histogram, Key, Metadata, Recorder as _};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// The bounds that every histogram of the comparison has.
pub(crate) const BOUNDS: [f64; 14] = [
    1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0,
];

const METADATA: Metadata<'static> = Metadata::new("counterfoil_bench", metrics::Level::INFO, None);

/// A Prometheus recorder with our bounds; not installed globally, so that several can live side by side.
pub(crate) fn recorder() -> PrometheusRecorder {
    let builder = PrometheusBuilder::new();
    match builder.set_buckets(&BOUNDS) {
        Ok(builder) => builder.build_recorder(),
        Err(_) => PrometheusBuilder::new().build_recorder(),
    }
}

/// A counter handle, to be cached.
pub(crate) fn counter(recorder: &PrometheusRecorder, name: &'static str) -> Counter {
    recorder.register_counter(&Key::from_static_name(name), &METADATA)
}

/// A gauge handle, to be cached.
pub(crate) fn gauge(recorder: &PrometheusRecorder, name: &'static str) -> Gauge {
    recorder.register_gauge(&Key::from_static_name(name), &METADATA)
}

/// A histogram handle, to be cached.
pub(crate) fn histogram(recorder: &PrometheusRecorder, name: &'static str) -> Histogram {
    recorder.register_histogram(&Key::from_static_name(name), &METADATA)
}

/// What the stock ring and the stock queue carry.
#[derive(Clone, Debug)]
pub(crate) struct StockEvent {
    nanos: u64,
    lease: u64,
    bytes: u64,
    trace: [u8; 16],
    request: [u8; 16],
    node: Arc<str>,
    tenant: Arc<str>,
}

/// A ring behind one lock: the overwrite-oldest structure that most services write.
#[derive(Debug)]
pub(crate) struct StockRing {
    events: Mutex<VecDeque<StockEvent>>,
    capacity: usize,
}

impl StockRing {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            events: Mutex::new(VecDeque::with_capacity(capacity)),
            capacity,
        }
    }

    pub(crate) fn push(&self, event: StockEvent) {
        let mut events = self.events.lock();
        if events.len() == self.capacity {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(crate) fn snapshot(&self) -> Vec<StockEvent> {
        self.events.lock().iter().cloned().collect()
    }
}

/// Three layers from stock crates.
#[derive(Debug)]
pub(crate) struct Stock {
    acquired: Counter,
    active: Gauge,
    ring: StockRing,
    chain: Mutex<StockChain>,
    queue: Option<Sender<StockEvent>>,
    sealer: Option<JoinHandle<()>>,
    node: Arc<str>,
    tenant: Arc<str>,
    handle: PrometheusHandle,
}

impl Stock {
    pub(crate) fn new() -> Self {
        let recorder = recorder();
        let (queue, entries) = crossbeam_channel::bounded::<StockEvent>(16_384);
        let sealer = std::thread::spawn(move || {
            let mut chain = StockChain::default();
            for event in entries {
                chain.seal(&event);
            }
        });
        Self {
            acquired: counter(&recorder, "leases_acquired_total"),
            active: gauge(&recorder, "leases_active"),
            ring: StockRing::new(4_096),
            chain: Mutex::default(),
            queue: Some(queue),
            sealer: Some(sealer),
            node: "node-a".into(),
            tenant: "acme".into(),
            handle: recorder.handle(),
        }
    }

    /// Counter, gauge and ring, and the record handed to a sealer thread.
    pub(crate) fn lease_acquired_queued(&self, lease: u64) {
        let event = self.observe(lease);
        if let Some(queue) = &self.queue
            && let Err(TrySendError::Full(event)) = queue.try_send(event)
        {
            // A full queue costs the caller a seal; dropping instead would compare loss with no loss.
            self.chain.lock().seal(&event);
        }
    }

    /// Counter, gauge and ring, and the record sealed before the call returns.
    pub(crate) fn lease_acquired_sealed(&self, lease: u64) {
        let event = self.observe(lease);
        self.chain.lock().seal(&event);
    }

    fn observe(&self, lease: u64) -> StockEvent {
        self.acquired.increment(1);
        self.active.increment(1.0);
        let event = StockEvent {
            nanos: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64),
            lease,
            bytes: 4_096,
            trace: [7; 16],
            request: [9; 16],
            node: Arc::clone(&self.node),
            tenant: Arc::clone(&self.tenant),
        };
        self.ring.push(event.clone());
        event
    }

    /// Whether the sealer thread has taken everything.
    pub(crate) fn is_settled(&self) -> bool {
        self.queue.as_ref().is_none_or(Sender::is_empty)
    }

    /// Text of the metrics, so that nothing above is optimised away.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(sealer) = self.sealer.take() {
            // A sealer that panicked has already said so on stderr.
            drop(sealer.join());
        }
    }
}

/// An event for measuring the ring alone.
pub(crate) fn sample_event() -> StockEvent {
    StockEvent {
        nanos: 1,
        lease: 7,
        bytes: 4_096,
        trace: [7; 16],
        request: [9; 16],
        node: "node-a".into(),
        tenant: "acme".into(),
    }
}

/// A plain hash chain over formatted text of about the size of our body.
#[derive(Debug, Default)]
struct StockChain {
    previous: [u8; 32],
    seq: u64,
    text: String,
}

impl StockChain {
    fn seal(&mut self, event: &StockEvent) {
        self.seq += 1;
        self.text.clear();
        self.text.push_str("{\"bytes\":\"");
        self.number(event.bytes);
        self.text
            .push_str("\",\"kind\":\"lease_allocated\",\"lease\":\"");
        self.number(event.lease);
        self.text.push_str("\",\"node\":\"");
        self.text.push_str(&event.node);
        self.text.push_str("\",\"prev\":\"");
        let previous = self.previous;
        self.hex(&previous);
        self.text.push_str("\",\"request\":\"");
        self.hex(&event.request);
        self.text.push_str("\",\"seq\":");
        self.number(self.seq);
        self.text.push_str(",\"tenant\":\"");
        self.text.push_str(&event.tenant);
        self.text.push_str("\",\"time\":");
        self.number(event.nanos);
        self.text.push_str(",\"trace\":\"");
        self.hex(&event.trace);
        self.text.push_str("\"}");
        self.previous = Sha256::digest(self.text.as_bytes()).into();
    }

    fn number(&mut self, number: u64) {
        // Writing to a `String` cannot fail.
        let _written = write!(self.text, "{number}");
    }

    fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        for byte in bytes {
            self.text.push(DIGITS[usize::from(byte >> 4)]);
            self.text.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}
