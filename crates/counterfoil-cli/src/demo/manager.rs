//! The lease manager: who holds what, where, and until when.
//!
//! One table under one lock. Each change of a lease is reported to the observer while the lock is held, so the order in
//! which the layers see the changes of one lease is the order in which they happened. Resources are made and taken away
//! outside the lock, and room is given back only after the resource is gone: what is in use never exceeds the nodes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil::{
    Clock, Context, FabricError, FailedOperation, LeaseId, Name, Observer, OpType, Receipt, Ticks,
};

use super::lease::{Grant, Lease, Request, Shared};
use super::node::{Node, Room};
use super::resources::{self, Fault};
use super::rng::Rng;
use super::tally::{Happening, Tally};

/// Grants, renews, takes back and ends leases on the resources of a few nodes.
#[derive(Debug)]
pub(crate) struct Manager {
    observer: Observer,
    clock: Arc<dyn Clock>,
    nodes: Vec<Node>,
    scratch: PathBuf,
    table: Mutex<Table>,
    tally: Tally,
    pressure: Name,
    link_down: Name,
}

#[derive(Debug)]
struct Table {
    next_id: u64,
    leases: BTreeMap<LeaseId, Lease>,
    rooms: Vec<Room>,
}

/// A new lease, and the receipts of the records that its making wrote.
#[derive(Debug)]
pub(crate) struct Acquired<'a> {
    pub(crate) grant: Grant,
    pub(crate) receipt: Receipt<'a>,
    /// The lease that had to go for it.
    pub(crate) preempted: Option<(LeaseId, Receipt<'a>)>,
}

/// Where a new lease goes.
struct Placement<'a> {
    id: LeaseId,
    node: usize,
    victim: Option<(Lease, Receipt<'a>)>,
}

impl Manager {
    /// A manager of `nodes`; lease ids count up from `first_id`, files are kept in `scratch`.
    pub(crate) fn new(
        observer: Observer,
        clock: Arc<dyn Clock>,
        nodes: Vec<Node>,
        scratch: PathBuf,
        first_id: u64,
    ) -> Self {
        let rooms = vec![Room::WHOLE; nodes.len()];
        Self {
            observer,
            clock,
            nodes,
            scratch,
            table: Mutex::new(Table {
                next_id: first_id,
                leases: BTreeMap::new(),
                rooms,
            }),
            tally: Tally::default(),
            pressure: Name::new("pressure"),
            link_down: Name::new("link down"),
        }
    }

    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How many leases are in force.
    pub(crate) fn active(&self) -> usize {
        self.table().leases.len()
    }

    pub(crate) fn now(&self) -> Ticks {
        self.clock.ticks()
    }

    /// Grants a lease, at the cost of one of lower priority where there is no room.
    pub(crate) fn acquire(
        &self,
        context: &Arc<Context>,
        request: Request,
    ) -> Result<Acquired<'_>, FabricError> {
        let begun = Instant::now();
        self.place(request)
            .and_then(|placement| self.fulfil(context, request, placement))
            .inspect_err(|&error| self.failed(context, OpType::Submit, error, None, begun))
    }

    /// Reserves room, ending a lease of lower priority if that is what it takes.
    fn place(&self, request: Request) -> Result<Placement<'_>, FabricError> {
        let mut table = self.table();
        if !self.nodes.iter().any(Node::is_reachable) {
            return Err(FabricError::Disconnected);
        }
        let id = LeaseId(table.next_id);
        if let Some(node) = self.roomiest(&table, request) {
            table.next_id += 1;
            *table.rooms[node].of_mut(request.kind) -= request.room();
            return Ok(Placement {
                id,
                node,
                victim: None,
            });
        }
        let victim = self
            .victim(&table, request)
            .ok_or(FabricError::CapacityExceeded)?;
        let lease = table.leases.remove(&victim).ok_or(FabricError::Internal)?;
        table.next_id += 1;
        let receipt = self.observer.lease_preempted(
            &*lease.context,
            lease.request.kind,
            lease.id,
            self.nodes[lease.node].name(),
            Some(id),
            &self.pressure,
        );
        self.tally.note(Happening::Preempted);
        Ok(Placement {
            id,
            node: lease.node,
            victim: Some((lease, receipt)),
        })
    }

    fn fulfil<'a>(
        &'a self,
        context: &Arc<Context>,
        request: Request,
        placement: Placement<'a>,
    ) -> Result<Acquired<'a>, FabricError> {
        let Placement { id, node, victim } = placement;
        if let Some((lease, _)) = &victim {
            // The victim's room is ours; what it had beyond our need goes back once its resource is gone.
            lease.shared.revoke(FabricError::Preempted);
            *self.table().rooms[node].of_mut(request.kind) += lease.request.room() - request.room();
        }
        let made = resources::create(request.kind, request.bytes, id.0, &self.scratch);
        let mut table = self.table();
        let Ok(resource) = made else {
            *table.rooms[node].of_mut(request.kind) += request.room();
            return Err(FabricError::Unavailable);
        };
        let shared = Arc::new(Shared::new(resource, self.after(request.ttl)));
        let grant = Grant {
            id,
            request,
            node,
            shared: Arc::clone(&shared),
        };
        table.leases.insert(
            id,
            Lease {
                id,
                request,
                node,
                context: Arc::clone(context),
                shared,
            },
        );
        let receipt = self.observer.lease_acquired(
            &**context,
            request.kind,
            id,
            self.nodes[node].name(),
            request.recorded_bytes(),
        );
        self.tally.note(Happening::Allocated);
        Ok(Acquired {
            grant,
            receipt,
            preempted: victim.map(|(lease, receipt)| (lease.id, receipt)),
        })
    }

    /// Extends a lease by its TTL from now on. A node that cannot be reached cannot confirm a renewal.
    pub(crate) fn renew(
        &self,
        context: &Context,
        grant: &Grant,
    ) -> Result<Receipt<'_>, FabricError> {
        let begun = Instant::now();
        let table = self.table();
        let refused = if !table.leases.contains_key(&grant.id) {
            Some(grant.shared.ended().unwrap_or(FabricError::LeaseNotFound))
        } else if self.nodes[grant.node].is_reachable() {
            None
        } else {
            Some(FabricError::Disconnected)
        };
        if let Some(error) = refused {
            drop(table);
            self.failed(context, OpType::Submit, error, Some(grant), begun);
            return Err(error);
        }
        grant.shared.set_deadline(self.after(grant.request.ttl));
        self.tally.note(Happening::Renewed);
        Ok(self.observer.lease_renewed(
            context,
            grant.request.kind,
            grant.id,
            self.nodes[grant.node].name(),
            grant.request.ttl,
        ))
    }

    /// Gives a lease back. `None` when it had ended before.
    pub(crate) fn release(&self, context: &Context, grant: &Grant) -> Option<Receipt<'_>> {
        let (lease, receipt) = {
            let mut table = self.table();
            let lease = table.leases.remove(&grant.id)?;
            self.tally.note(Happening::Released);
            let name = self.nodes[lease.node].name();
            (
                lease,
                self.observer
                    .lease_released(context, grant.request.kind, grant.id, name),
            )
        };
        self.reclaim(&lease, FabricError::LeaseNotFound);
        Some(receipt)
    }

    /// Ends every lease whose time is up.
    pub(crate) fn sweep(&self) -> Vec<(LeaseId, Receipt<'_>)> {
        let ended: Vec<(Lease, Receipt<'_>)> = {
            let mut table = self.table();
            let now = self.now();
            let due: Vec<LeaseId> = table
                .leases
                .values()
                .filter(|lease| lease.shared.deadline() <= now)
                .map(|lease| lease.id)
                .collect();
            due.iter()
                .filter_map(|id| table.leases.remove(id))
                .map(|lease| {
                    self.tally.note(Happening::Expired);
                    let name = self.nodes[lease.node].name();
                    let receipt = self.observer.lease_expired(
                        &*lease.context,
                        lease.request.kind,
                        lease.id,
                        name,
                    );
                    (lease, receipt)
                })
                .collect()
        };
        ended
            .into_iter()
            .map(|(lease, receipt)| {
                self.reclaim(&lease, FabricError::LeaseExpired);
                (lease.id, receipt)
            })
            .collect()
    }

    /// Gives every lease back that is still in force, at the end of the manager's life.
    pub(crate) fn release_all(&self) {
        let held: Vec<(Arc<Context>, Grant)> = self
            .table()
            .leases
            .values()
            .map(|lease| {
                (
                    Arc::clone(&lease.context),
                    Grant {
                        id: lease.id,
                        request: lease.request,
                        node: lease.node,
                        shared: Arc::clone(&lease.shared),
                    },
                )
            })
            .collect();
        for (context, grant) in held {
            self.release(&context, &grant);
        }
    }

    /// One operation of a holder on what it leased. Successes are traffic, for the metrics alone; failures reach all layers.
    pub(crate) fn operate(
        &self,
        context: &Context,
        grant: &Grant,
        op: OpType,
        fault: Option<Fault>,
        rng: &mut Rng,
    ) -> Result<u64, FabricError> {
        let begun = Instant::now();
        let done = if !self.nodes[grant.node].is_reachable() {
            Err(FabricError::Disconnected)
        } else if grant.shared.ended().is_none() && grant.shared.deadline() <= self.now() {
            Err(FabricError::LeaseExpired)
        } else {
            grant.shared.operate(op, fault, rng)
        };
        match done {
            Ok(bytes) => {
                self.tally.note_operation(bytes);
                self.observer.operation(op, begun.elapsed(), bytes);
            }
            Err(error) => self.failed(context, op, error, Some(grant), begun),
        }
        done
    }

    /// Cuts or restores the link to a node.
    pub(crate) fn set_link(&self, context: &Context, node: usize, up: bool) {
        let node = &self.nodes[node];
        if !node.set_reachable(up) {
            return;
        }
        if up {
            self.tally.note(Happening::Reconnected);
            self.observer.reconnected(context, node.name());
        } else {
            self.tally.note(Happening::Disconnected);
            self.observer
                .disconnected(context, node.name(), &self.link_down);
        }
    }

    fn failed(
        &self,
        context: &Context,
        op: OpType,
        error: FabricError,
        grant: Option<&Grant>,
        begun: Instant,
    ) {
        self.tally.note(Happening::Failed);
        let mut failed = FailedOperation::new(op, error).elapsed(begun.elapsed());
        if let Some(grant) = grant {
            failed = failed.lease(grant.id).node(self.nodes[grant.node].name());
        }
        self.observer.operation_failed(context, failed);
    }

    /// Takes the resource of an ended lease away, then gives its room back.
    fn reclaim(&self, lease: &Lease, why: FabricError) {
        lease.shared.revoke(why);
        *self.table().rooms[lease.node].of_mut(lease.request.kind) += lease.request.room();
    }

    /// The reachable node with the most room, if that is enough.
    fn roomiest(&self, table: &Table, request: Request) -> Option<usize> {
        (0..self.nodes.len())
            .filter(|&node| {
                self.nodes[node].is_reachable()
                    && table.rooms[node].of(request.kind) >= request.room()
            })
            .max_by_key(|&node| table.rooms[node].of(request.kind))
    }

    /// The lease of lowest priority, below the request's, that frees enough on a reachable node; of equals the one that would
    /// end first.
    fn victim(&self, table: &Table, request: Request) -> Option<LeaseId> {
        table
            .leases
            .values()
            .filter(|lease| {
                lease.request.kind == request.kind
                    && lease.request.priority < request.priority
                    && lease.request.room() >= request.room()
                    && self.nodes[lease.node].is_reachable()
            })
            .min_by_key(|lease| (lease.request.priority, lease.shared.deadline()))
            .map(|lease| lease.id)
    }

    fn after(&self, ttl: Duration) -> Ticks {
        Ticks(
            self.now()
                .0
                .saturating_add(u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is changed in single steps, so it is whole even after a panic of another thread.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::{ResourceType, WorkloadIdentity};
    use counterfoil_testkit::FakeClock;

    use super::*;

    const TTL: Duration = Duration::from_millis(100);
    const MIB: u64 = 1 << 20;

    struct Floor {
        manager: Manager,
        clock: Arc<FakeClock>,
        context: Arc<Context>,
        rng: Rng,
        _scratch: tempfile::TempDir,
    }

    fn floor(nodes: &[&str]) -> Floor {
        let (clock, scratch) = (Arc::new(FakeClock::new()), tempfile::tempdir().unwrap());
        let shared: Arc<dyn Clock> = clock.clone();
        let observer = Observer::builder()
            .clock(Arc::clone(&shared))
            .build()
            .unwrap();
        let nodes = nodes.iter().map(|name| Node::new(name)).collect();
        let manager = Manager::new(observer, shared, nodes, scratch.path().to_owned(), 1);
        let context = Arc::new(Context::new(WorkloadIdentity::tenant_only("acme")));
        Floor {
            manager,
            clock,
            context,
            rng: Rng::new(1),
            _scratch: scratch,
        }
    }

    impl Floor {
        fn acquire(
            &self,
            kind: ResourceType,
            bytes: u64,
            priority: u8,
        ) -> Result<Grant, FabricError> {
            self.manager
                .acquire(
                    &self.context,
                    Request {
                        kind,
                        bytes,
                        ttl: TTL,
                        priority,
                    },
                )
                .map(|acquired| acquired.grant)
        }

        fn read(&mut self, grant: &Grant) -> Result<u64, FabricError> {
            self.manager
                .operate(&self.context, grant, OpType::Read, None, &mut self.rng)
        }

        fn is_whole(&self) -> bool {
            let table = self.manager.table();
            table.leases.is_empty()
                && table.rooms.iter().all(|room| {
                    ResourceType::ALL
                        .iter()
                        .all(|kind| room.of(*kind) == Room::WHOLE.of(*kind))
                })
        }
    }

    #[test]
    fn a_renewed_lease_lives_on_and_one_that_is_not_renewed_expires_with_its_resource() {
        let mut floor = floor(&["node-a"]);
        let grant = floor.acquire(ResourceType::Mem, MIB, 0).unwrap();
        floor.clock.step(Duration::from_millis(70));
        assert!(floor.manager.renew(&floor.context, &grant).is_ok());
        floor.clock.step(Duration::from_millis(70));
        assert!(floor.manager.sweep().is_empty());
        assert!(floor.read(&grant).is_ok());

        floor.clock.step(Duration::from_millis(30));
        assert_eq!(
            floor.read(&grant),
            Err(FabricError::LeaseExpired),
            "the deadline counts before the reaper comes"
        );
        assert_eq!(floor.manager.sweep().len(), 1);
        assert_eq!(floor.read(&grant), Err(FabricError::LeaseExpired));
        assert_eq!(
            floor.manager.renew(&floor.context, &grant).err(),
            Some(FabricError::LeaseExpired)
        );
        assert!(floor.manager.release(&floor.context, &grant).is_none());
        assert!(floor.is_whole());
    }

    #[test]
    fn under_pressure_the_lowest_priority_goes_and_equals_are_safe() {
        let mut floor = floor(&["node-a"]);
        let whole = Room::WHOLE.of(ResourceType::Mem);
        let (low, high) = (
            floor.acquire(ResourceType::Mem, whole / 2, 1).unwrap(),
            floor.acquire(ResourceType::Mem, whole / 2, 2).unwrap(),
        );
        assert_eq!(
            floor.acquire(ResourceType::Mem, MIB, 1).err(),
            Some(FabricError::CapacityExceeded)
        );
        let winner = floor.acquire(ResourceType::Mem, MIB, 3).unwrap();
        assert_eq!(floor.read(&low), Err(FabricError::Preempted));
        assert!(floor.read(&high).is_ok() && floor.read(&winner).is_ok());
        // What the victim had beyond the winner's need is free again.
        let rest = floor
            .acquire(ResourceType::Mem, whole / 2 - MIB, 0)
            .unwrap();
        for grant in [high, winner, rest] {
            assert!(floor.manager.release(&floor.context, &grant).is_some());
        }
        assert!(floor.is_whole());
    }

    #[test]
    fn a_node_that_cannot_be_reached_serves_nothing_and_gets_no_new_lease() {
        let mut floor = floor(&["node-a", "node-b"]);
        let grant = floor.acquire(ResourceType::Cpu, 0, 0).unwrap();
        let other = 1 - grant.node;
        floor.manager.set_link(&floor.context, grant.node, false);
        floor.manager.set_link(&floor.context, grant.node, false);
        assert_eq!(
            floor.manager.tally().count(Happening::Disconnected),
            1,
            "a link is cut once"
        );
        assert_eq!(floor.read(&grant), Err(FabricError::Disconnected));
        assert_eq!(
            floor.manager.renew(&floor.context, &grant).err(),
            Some(FabricError::Disconnected)
        );
        assert!((0..2).all(|_| floor.acquire(ResourceType::Cpu, 0, 0).unwrap().node == other));
        floor.manager.set_link(&floor.context, grant.node, true);
        assert!(
            floor
                .manager
                .operate(&floor.context, &grant, OpType::Submit, None, &mut floor.rng)
                .is_ok()
        );
    }

    #[test]
    fn whatever_happens_room_comes_back_and_metrics_and_ring_count_what_the_tally_counts() {
        let mut floor = floor(&["node-a", "node-b"]);
        let mut rng = Rng::new(99);
        let mut held: Vec<Grant> = Vec::new();
        for _ in 0..2_000 {
            match rng.between(0, 10) {
                0..4 => {
                    let kind =
                        rng.pick([ResourceType::Mem, ResourceType::Storage, ResourceType::Cpu]);
                    let bytes = rng.between(1, 40) * 128 * 1_024;
                    held.extend(floor.acquire(kind, bytes, rng.between(0, 4) as u8));
                }
                4..6 if !held.is_empty() => {
                    let grant = held.swap_remove(rng.between(0, held.len() as u64) as usize);
                    floor.manager.release(&floor.context, &grant);
                }
                6 if !held.is_empty() => {
                    let grant = &held[rng.between(0, held.len() as u64) as usize];
                    let _refused = floor.manager.renew(&floor.context, grant);
                }
                7 => floor.clock.step(Duration::from_millis(rng.between(1, 60))),
                8 => floor.manager.set_link(
                    &floor.context,
                    rng.between(0, 2) as usize,
                    rng.chance(700),
                ),
                _ => drop(floor.manager.sweep()),
            }
        }
        floor.manager.release_all();
        assert!(floor.is_whole());

        let tally = floor.manager.tally();
        let snapshot = floor.manager.observer.snapshot();
        for happening in Happening::ALL {
            let counted = crate::demo::reading::Reading(&snapshot)
                .total(crate::demo::totals::instrument(happening));
            assert!(tally.count(happening) > 0, "{happening:?} never happened");
            assert_eq!(counted, tally.count(happening), "{happening:?}");
        }
        let done: u64 = Happening::ALL
            .iter()
            .map(|happening| tally.count(*happening))
            .sum();
        assert_eq!(floor.manager.observer.events().offered(), done);
        let _read = floor.read(&held.pop().unwrap());
    }
}
