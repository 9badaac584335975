//! A lifecycle call in all three layers.

use std::hint::black_box;
use std::time::{Duration, Instant};

use counterfoil::audit::{AuditChain, AuditLog, Instance, Lane, SrcId};
use counterfoil::events::EventRingBuffer;
use counterfoil::metrics::{FabricMetrics, Registry};
use counterfoil::{
    Clock as _, Context, FabricEvent, LeaseId, Name, Observer, ResourceType, SystemClock,
    WorkloadIdentity,
};
use sha2::{Digest as _, Sha256};

use crate::group::Outcome;
use crate::measure::{Batch, Effort, allocations, median, pair, round};
use crate::row::Row;
use crate::stock::Stock;

const OPS: u32 = 2_000;
const BURST: u32 = 256;
/// Between two bursts of a thread, spent awake: a core that has to be woken up measures the hypervisor.
const PAUSE: Duration = Duration::from_micros(200);

/// The context that every row uses: identity, trace and request, as a service has them.
pub(crate) fn context() -> Outcome<Context> {
    let identity = WorkloadIdentity::tenant_only("acme").with_workload("train-7");
    Ok(Context::new(identity)
        .with_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?)
        .with_request("5f0c1e0a9d3b4c7e8f6a2b1d0c9e8f7a".parse()?))
}

/// Bursts of 256 calls with a live sealer; the pause between bursts is what a service has between requests.
pub(crate) fn queued(effort: Effort, threads: usize) -> Outcome<Row> {
    let directory = tempfile::tempdir()?;
    let log =
        AuditLog::builder(directory.path().join("audit"), "bench.example.com/leases").open()?;
    let observer = Observer::builder().audit(log).build()?;
    let ctx = context()?;
    let node = Name::new("node-a");
    let call = |lease: u32| {
        let receipt = observer.lease_acquired(
            &ctx,
            ResourceType::Mem,
            LeaseId(u64::from(lease)),
            &node,
            4_096,
        );
        black_box(receipt);
    };
    let stock = Stock::new();
    let stock_call = |lease: u32| stock.lease_acquired_queued(u64::from(lease));

    let mut medians = (Vec::new(), Vec::new());
    // A sealer that shares its core with somebody may lag; what is measured is the call, not the queue's capacity.
    let settled = || observer.audit().is_none_or(|log| log.figures().queued == 0);
    for _ in 0..effort.rounds {
        medians
            .0
            .push(bursts(effort.round, threads, &call, &settled));
        medians
            .1
            .push(bursts(effort.round, threads, &stock_call, &|| {
                stock.is_settled()
            }));
    }
    black_box(stock.render());
    let allocations_per_op = Some(allocations(BURST, Box::new(|ops| (0..ops).for_each(&call))));
    let figures = observer.audit().map(AuditLog::figures);
    if observer
        .close(Duration::from_secs(30))
        .is_none_or(|report| !report.finished)
    {
        return Err("the log did not close in order".into());
    }
    let refused = figures.map_or(0, |figures| figures.rejected + figures.dropped);
    if refused > 0 {
        return Err(format!(
            "{refused} calls were refused, so the row would compare loss with no loss"
        )
        .into());
    }
    Ok(Row {
        name: "lifecycle call, queued, live sealer".into(),
        threads,
        ns_per_op: median(&mut medians.0),
        stock_ns_per_op: median(&mut medians.1),
        target_ns: Some(35.0),
        allocations_per_op,
        stock: "cached handles, parking_lot ring, crossbeam channel to a hashing thread",
        figures: Vec::new(),
    })
}

/// Median nanoseconds per call over bursts, with a pause after each that lasts until the queues are empty.
fn bursts(
    length: Duration,
    threads: usize,
    call: &(dyn Fn(u32) + Sync),
    settled: &(dyn Fn() -> bool + Sync),
) -> f64 {
    let mut samples: Vec<f64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    let mut samples = Vec::with_capacity(4_096);
                    let begin = Instant::now();
                    while begin.elapsed() < length {
                        let before = Instant::now();
                        for lease in 0..BURST {
                            call(lease);
                        }
                        samples.push(before.elapsed().as_nanos() as f64 / f64::from(BURST));
                        let pause = Instant::now();
                        while pause.elapsed() < PAUSE || !settled() {
                            std::thread::yield_now();
                        }
                    }
                    samples
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect()
    });
    median(&mut samples)
}

/// Sealed before the call returns, by a single-owner chain. The target is the bare hash of the same bytes and 120 ns.
pub(crate) fn sealed(effort: Effort) -> Outcome<Row> {
    let clock = SystemClock::new();
    let ctx = context()?;
    let node = Name::new("node-a");
    let registry = Registry::new();
    let metrics = FabricMetrics::new(&registry);
    let events = EventRingBuffer::new();
    let ours = || -> Batch<'_> {
        let Ok(id) = "bench.example.com/leases/1".parse() else {
            return Box::new(|_| ());
        };
        let mut chain = AuditChain::new(id);
        let (block, ring) = (registry.thread_block(), events.writer());
        let (ctx, node, metrics, clock) = (&ctx, &node, &metrics, &clock);
        let src = SrcId::new(Instance(1), Lane::thread(0));
        let mut line = Vec::with_capacity(4_096);
        let mut n = 0;
        Box::new(move |ops| {
            let timeline = counterfoil::Timeline::read(clock);
            for lease in 0..ops {
                let event = FabricEvent::LeaseAcquired {
                    resource_type: ResourceType::Mem,
                    lease_id: LeaseId(u64::from(lease)),
                    node: node.clone(),
                    bytes: 4_096,
                };
                let ticks = clock.ticks();
                let words = counterfoil::EventWords::encode(&event, ctx, ticks);
                metrics.record_in(&block, &event);
                ring.push_words(&words);
                n += 1;
                line.clear();
                let now = timeline.at(ticks);
                let sealed = chain.seal_event(&mut line, &words, &src, n, &timeline, now);
                black_box((sealed.is_ok(), line.len()));
            }
        })
    };
    let body = sample_body()?;
    let bare = || -> Batch<'_> {
        let body = &body;
        Box::new(move |ops| {
            for _ in 0..ops {
                black_box(Sha256::digest(black_box(body)));
            }
        })
    };
    let stock = Stock::new();
    let assembled = || -> Batch<'_> {
        let stock = &stock;
        Box::new(move |ops| {
            (0..ops).for_each(|lease| stock.lease_acquired_sealed(u64::from(lease)));
        })
    };
    let (ns_per_op, stock_ns_per_op) = pair(effort, 1, OPS, &ours, &assembled);
    let floor = round(effort.round, 1, OPS, &bare);
    Ok(Row {
        name: "lifecycle call, sealed before return".into(),
        threads: 1,
        ns_per_op,
        stock_ns_per_op,
        target_ns: Some(floor + 120.0),
        allocations_per_op: Some(allocations(OPS, ours())),
        stock: "cached handles, parking_lot ring, formatted text and sha2 under a mutex",
        figures: Vec::new(),
    })
}

/// The hashed bytes of one lease record, leaf prefix included.
pub(crate) fn sample_body() -> Outcome<Vec<u8>> {
    let mut line = Vec::new();
    let mut chain = AuditChain::new("bench.example.com/leases/1".parse()?);
    let clock = SystemClock::new();
    let timeline = counterfoil::Timeline::read(&clock);
    let words = sample_words(&clock)?;
    let src = SrcId::new(Instance(1), Lane::thread(0));
    chain.seal_event(&mut line, &words, &src, 1, &timeline, timeline.utc())?;
    // The body stands between `{"body":` and `,"hash":"<64 digits>"}` LF; the 0x00 takes the place of the byte before it.
    let mut body = vec![0];
    body.extend_from_slice(&line[8..line.len() - 76]);
    Ok(body)
}

/// One lease event, encoded.
pub(crate) fn sample_words(clock: &SystemClock) -> Outcome<counterfoil::EventWords> {
    let event = FabricEvent::LeaseAcquired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(7),
        node: Name::new("node-a"),
        bytes: 4_096,
    };
    Ok(counterfoil::EventWords::encode(
        &event,
        &context()?,
        clock.ticks(),
    ))
}
