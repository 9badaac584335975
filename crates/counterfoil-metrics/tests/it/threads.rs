//! Threads that come and go, and calls from their last moments.

use std::cell::RefCell;
use std::sync::{Arc, Barrier};
use std::thread;

use counterfoil_metrics::{Counter, Histogram, Registry, ThreadBlock};

use crate::{DONE, HELD, WAIT};

#[test]
fn sums_are_exact_whichever_way_and_from_however_many_threads_they_were_counted() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 20_000;
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    let held = registry.instrument(&HELD);
    let wait = registry.instrument(&WAIT);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let block = registry.thread_block();
                for round in 0..ROUNDS {
                    done.add(1);
                    done.add_in(&block, 2);
                    held.add_in(&block, if round % 2 == 0 { 1 } else { -1 });
                    wait.record_in(&block, 0.5);
                    wait.record(0.005);
                }
            });
        }
        // Reading meanwhile must not disturb the writers.
        for _ in 0..200 {
            assert!(done.get() <= 3 * THREADS * ROUNDS);
        }
    });
    assert_eq!(done.get(), 3 * THREADS * ROUNDS);
    assert_eq!(held.get(), 0);
    assert_eq!(
        wait.get().counts,
        [0, THREADS * ROUNDS, 0, THREADS * ROUNDS]
    );
}

#[test]
fn a_thread_that_ends_loses_no_cell_and_the_next_one_counts_on() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    for _ in 0..100 {
        let done = done.clone();
        thread::spawn(move || done.add(3)).join().unwrap();
    }
    assert_eq!(done.get(), 300);
}

#[test]
fn two_threads_never_write_to_the_same_block() {
    // Each round, threads that end hand their blocks to threads that start while others are still counting.
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    for _ in 0..50 {
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (done, barrier) = (done.clone(), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    for _ in 0..number * 500 {
                        done.increment();
                    }
                    thread::spawn(move || {
                        for _ in 0..500 {
                            done.increment();
                        }
                    })
                    .join()
                    .unwrap();
                })
            })
            .collect();
        for it in threads {
            it.join().unwrap();
        }
    }
    assert_eq!(done.get(), 50 * (500 * (1 + 2 + 3) + 4 * 500));
}

#[test]
fn a_block_that_is_still_held_is_not_adopted_by_another_thread() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    let block = registry.thread_block();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100_000 {
                done.increment();
            }
        });
        for _ in 0..100_000 {
            done.add_in(&block, 1);
        }
    });
    assert_eq!(done.get(), 200_000);
}

/// Counts when it is dropped.
struct Late {
    done: Counter,
    wait: Histogram,
    registry: Registry,
    block: Option<ThreadBlock>,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.done.increment();
        self.wait.record(0.5);
        self.wait.record(f64::NAN);
        if let Some(block) = &self.block {
            self.done.add_in(block, 10);
        }
        // Claiming a block now must work as well, though the thread can keep none.
        self.done.add_in(&self.registry.thread_block(), 100);
    }
}

thread_local! {
    // Thread-locals are dropped in an order that depends on the first use of each and on the platform. Using the crate's
    // own between these two makes sure that on every platform one of them is dropped after it.
    static BEFORE: RefCell<Option<Late>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<Late>> = const { RefCell::new(None) };
}

#[test]
fn counting_from_the_destructor_of_a_thread_local_is_counted_and_does_not_abort() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    let wait = registry.instrument(&WAIT);
    for keep_block in [false, true] {
        let (registry, done, wait) = (registry.clone(), done.clone(), wait.clone());
        thread::spawn(move || {
            let late = || Late {
                done: done.clone(),
                wait: wait.clone(),
                registry: registry.clone(),
                block: None,
            };
            BEFORE.set(Some(late()));
            done.increment();
            AFTER.set(Some(late()));
            for slot in [&BEFORE, &AFTER] {
                slot.with_borrow_mut(|it| {
                    if let (Some(late), true) = (it, keep_block) {
                        late.block = Some(registry.thread_block());
                    }
                });
            }
        })
        .join()
        .unwrap();
    }
    // Per thread: one plain, and from each of two destructors 1 + 100, and 10 where a block was kept.
    assert_eq!(done.get(), 2 * (1 + 2 * 101) + 2 * 10);
    assert_eq!(wait.get().counts, [0, 0, 0, 4]);
    assert_eq!(wait.get().refused, 4);
}

#[test]
fn threads_that_count_late_at_the_same_time_lose_nothing() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let (registry, done) = (registry.clone(), done.clone());
                    thread::spawn(move || {
                        BEFORE.set(Some(Late {
                            done: done.clone(),
                            wait: registry.instrument(&WAIT),
                            registry,
                            block: None,
                        }));
                        done.increment();
                    })
                    .join()
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(done.get(), 8 * 50 * 102);
}

const LATE_ROUNDS: u64 = 300_000;

/// Counts when it is dropped, at the same time as others do.
struct LateTogether {
    done: Counter,
    barrier: Arc<Barrier>,
}

impl Drop for LateTogether {
    fn drop(&mut self) {
        self.barrier.wait();
        for _ in 0..LATE_ROUNDS {
            self.done.increment();
        }
    }
}

thread_local! {
    static FIRST: RefCell<Option<LateTogether>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<LateTogether>> = const { RefCell::new(None) };
}

#[test]
fn late_calls_collide_neither_with_each_other_nor_with_whoever_adopted_the_block() {
    let registry = Registry::new();
    let done = registry.instrument(&DONE);
    let barrier = Arc::new(Barrier::new(3));
    let late: Vec<_> = (0..2)
        .map(|_| {
            let (done, barrier) = (done.clone(), Arc::clone(&barrier));
            thread::spawn(move || {
                let late = || LateTogether {
                    done: done.clone(),
                    barrier: Arc::clone(&barrier),
                };
                FIRST.set(Some(late()));
                done.increment();
                SECOND.set(Some(late()));
            })
        })
        .collect();
    // Once per destructor of each thread; when the second one runs, their two blocks are handed back.
    barrier.wait();
    barrier.wait();
    let both_hold_a_block = Arc::new(Barrier::new(2));
    let adopters: Vec<_> = (0..2)
        .map(|_| {
            let (done, both_hold_a_block) = (done.clone(), Arc::clone(&both_hold_a_block));
            thread::spawn(move || {
                done.add(0);
                both_hold_a_block.wait();
                (0..LATE_ROUNDS).for_each(|_| done.increment());
            })
        })
        .collect();
    for it in adopters {
        it.join().unwrap();
    }
    for it in late {
        it.join().unwrap();
    }
    assert_eq!(done.get(), 2 + (4 + 2) * LATE_ROUNDS);
}

#[test]
fn a_registry_starts_at_zero_though_it_takes_over_the_blocks_of_one_that_ended() {
    for _ in 0..3 {
        let registry = Registry::new();
        let done = registry.instrument(&DONE);
        let wait = registry.instrument(&WAIT);
        assert_eq!((done.get(), wait.get().count()), (0, 0));
        done.add(7);
        wait.record(1.0);
        let other = done.clone();
        thread::spawn(move || other.add(8)).join().unwrap();
        assert_eq!((done.get(), wait.get().count()), (15, 1));
    }
}

#[test]
fn a_handle_outlives_its_registry() {
    let done = Registry::new().instrument(&DONE);
    done.add(2);
    let another = Registry::new().instrument(&DONE);
    another.add(40);
    done.add(1);
    assert_eq!((done.get(), another.get()), (3, 40));
}
