//! The threads that keep the lease manager busy: holders, a reaper, and one that breaks things.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use counterfoil::{
    AccountingTag, Context, FabricError, OpType, RequestId, ResourceType, SpanId, TraceContext,
    TraceId, WorkloadIdentity,
};

use super::acks::Acks;
use super::lease::{Grant, Request};
use super::manager::Manager;
use super::resources::Fault;
use super::rng::Rng;
use super::tally::Happening;

const SWEEP: Duration = Duration::from_millis(5);
const KIB: u64 = 1_024;

/// What all threads of the workload share.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) manager: Manager,
    pub(crate) acks: Acks,
    stop: AtomicBool,
}

impl Floor {
    pub(crate) const fn new(manager: Manager, acks: Acks) -> Self {
        Self {
            manager,
            acks,
            stop: AtomicBool::new(false),
        }
    }

    /// Asks every thread to come to an end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Starts `holders` holders, the reaper and the saboteur. They run until [`Floor::stop`].
pub(crate) fn start(
    floor: &Arc<Floor>,
    holders: usize,
    rng: &mut Rng,
) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
    let mut threads = Vec::with_capacity(holders + 2);
    let mut spawn = |name: String, body: fn(&Floor, Rng)| -> std::io::Result<()> {
        let (floor, rng) = (Arc::clone(floor), rng.fork());
        threads.push(
            thread::Builder::new()
                .name(name)
                .spawn(move || body(&floor, rng))?,
        );
        Ok(())
    };
    for holder in 0..holders {
        spawn(format!("holder-{holder}"), hold)?;
    }
    spawn("reaper".to_owned(), reap)?;
    spawn("saboteur".to_owned(), sabotage)?;
    Ok(threads)
}

/// Takes one lease after the other.
fn hold(floor: &Floor, mut rng: Rng) {
    while !floor.stopped() {
        let (context, request) = (draw_context(&mut rng), draw_request(&mut rng));
        match floor.manager.acquire(&context, request) {
            Ok(acquired) => {
                // A lease is used only once the record of its making, and of what it displaced, is on disk.
                if let Some((lease, receipt)) = acquired.preempted {
                    floor
                        .acks
                        .settle(lease, Happening::Preempted, receipt, floor.manager.tally());
                }
                floor.acks.settle(
                    acquired.grant.id,
                    Happening::Allocated,
                    acquired.receipt,
                    floor.manager.tally(),
                );
                work(floor, &context, &acquired.grant, &mut rng);
            }
            // Refused for now: somebody else has to finish first.
            Err(_) => thread::sleep(Duration::from_millis(rng.between(2, 20))),
        }
    }
}

/// How a holder ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Gives the lease back.
    Release,
    /// Vanishes, as a crashed process does.
    Vanish,
}

/// Works under a lease for a while, renewing it at 70 % of its TTL; a few holders leave that too late.
fn work(floor: &Floor, context: &Context, grant: &Grant, rng: &mut Rng) {
    let manager = &floor.manager;
    let ending = if rng.chance(60) {
        Ending::Vanish
    } else {
        Ending::Release
    };
    let renew_at = grant
        .request
        .ttl
        .mul_f64(if rng.chance(40) { 1.1 } else { 0.7 });
    let mut steps = rng.between(3, 40);
    while steps > 0 && !floor.stopped() {
        steps -= 1;
        let left = grant.shared.deadline().0.saturating_sub(manager.now().0);
        let due = grant.request.ttl.saturating_sub(renew_at).as_nanos();
        if u128::from(left) <= due && manager.renew(context, grant).is_err_and(is_final) {
            return;
        }
        if manager
            .operate(
                context,
                grant,
                draw_op(grant.request.kind, rng),
                draw_fault(rng),
                rng,
            )
            .is_err_and(is_final)
        {
            return;
        }
        thread::sleep(Duration::from_micros(rng.between(200, 6_000)));
    }
    if ending == Ending::Release
        && let Some(receipt) = manager.release(context, grant)
    {
        floor
            .acks
            .settle(grant.id, Happening::Released, receipt, manager.tally());
    }
}

/// Whether the lease is gone, so that going on makes no sense.
const fn is_final(error: FabricError) -> bool {
    matches!(
        error,
        FabricError::LeaseExpired | FabricError::LeaseNotFound | FabricError::Preempted
    )
}

/// Ends leases whose time is up.
fn reap(floor: &Floor, _rng: Rng) {
    while !floor.stopped() {
        for (lease, receipt) in floor.manager.sweep() {
            floor
                .acks
                .settle(lease, Happening::Expired, receipt, floor.manager.tally());
        }
        thread::sleep(SWEEP);
    }
}

/// Cuts the link to a node now and then, and restores it.
fn sabotage(floor: &Floor, mut rng: Rng) {
    let context =
        Context::new(WorkloadIdentity::tenant_only("fabric").with_workload("link-monitor"));
    while !floor.stopped() {
        pause(floor, rng.between(300, 900));
        if floor.stopped() {
            break;
        }
        let node = rng.between(0, floor.manager.nodes().len() as u64) as usize;
        floor.manager.set_link(&context, node, false);
        pause(floor, rng.between(40, 220));
        floor.manager.set_link(&context, node, true);
    }
}

/// Sleeps, in short steps so that a stop is noticed.
fn pause(floor: &Floor, millis: u64) {
    let mut left = millis;
    while left > 0 && !floor.stopped() {
        let step = left.min(10);
        thread::sleep(Duration::from_millis(step));
        left -= step;
    }
}

fn draw_context(rng: &mut Rng) -> Arc<Context> {
    let identity = WorkloadIdentity::tenant_only(rng.pick(["acme", "globex", "initech"]))
        .with_workload(rng.pick(["indexer", "trainer", "ingest", "reports"]));
    let mut context = Context::new(identity)
        .with_tag(AccountingTag::new(rng.pick([
            "search/batch",
            "search/online",
            "ml/training",
        ])))
        .with_from("lease-manager");
    if let Ok(request) = format!("req-{:016x}", rng.next()).parse::<RequestId>() {
        context = context.with_request(request);
    }
    let trace: [u8; 16] = (u128::from(rng.next()) << 64 | u128::from(rng.next())).to_be_bytes();
    if let (Some(trace_id), Some(span_id)) = (
        TraceId::from_bytes(trace),
        SpanId::from_bytes(rng.next().to_be_bytes()),
    ) {
        context = context.with_trace(TraceContext {
            trace_id,
            span_id,
            flags: 1,
        });
    }
    Arc::new(context)
}

fn draw_request(rng: &mut Rng) -> Request {
    let kind = rng.pick([
        ResourceType::Mem,
        ResourceType::Mem,
        ResourceType::Storage,
        ResourceType::Cpu,
    ]);
    let bytes = match kind {
        ResourceType::Mem => rng.between(1, 25) * 512 * KIB,
        ResourceType::Storage => rng.between(4, 160) * 16 * KIB,
        _ => 0,
    };
    Request {
        kind,
        bytes,
        ttl: Duration::from_millis(rng.between(30, 150)),
        priority: rng.between(0, 4) as u8,
    }
}

fn draw_op(kind: ResourceType, rng: &mut Rng) -> OpType {
    match kind {
        ResourceType::Cpu => OpType::Submit,
        _ => rng.pick([OpType::Read, OpType::Read, OpType::Write]),
    }
}

fn draw_fault(rng: &mut Rng) -> Option<Fault> {
    rng.chance(8)
        .then(|| rng.pick([Fault::Refused, Fault::Corruption]))
}
