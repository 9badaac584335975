//! From addresses to values.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cookbook_recipe_25_content_addressed_compute::{Functions, Limits, Recipe};
use parking_lot::{Condvar, Mutex};

use crate::bench::{Bench, description};

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_is_computed_from_its_leaves_up() {
    let bench = Bench::new().await;
    let (hello, world) = (bench.leaf("hello").await, bench.leaf("world").await);
    let upper = Recipe::new("transform/v1", [world]).with("op", "upper");
    let upper = bench.recipe(upper).await;
    let greeting = Recipe::new("concat/v1", [hello, upper, hello]).with("separator", " ");
    let greeting = bench.recipe(greeting).await;
    assert_eq!(bench.get(greeting).await.unwrap(), b"hello WORLD hello");
    assert_eq!(bench.sealed("deriva.recipe_put").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_get_misses_the_cache_and_the_second_hits_it() {
    let bench = Bench::new().await;
    let address = bench.leaf("a").await;
    bench.get(address).await.unwrap();
    bench.until("deriva.cache", "result=miss", 1.0).await;
    bench.until("deriva.cache", "result=hit", 0.0).await;
    bench.get(address).await.unwrap();
    bench.until("deriva.cache", "result=hit", 1.0).await;
    bench.until("deriva.materialize", "result=hit", 1.0).await;
    bench.until("deriva.materialize", "result=miss", 1.0).await;
    bench.until("deriva.cache.hit_rate", "", 0.5).await;
    bench.until("deriva.cache.entries", "", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_materialization_is_recorded_with_duration_and_depth_and_a_run_by_its_function() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("a").await;
    let recipe = bench.recipe(Recipe::new("concat/v1", [leaf])).await;
    bench.get(recipe).await.unwrap();
    bench.until("deriva.materialize.duration", "", 2.0).await;
    bench.until("deriva.materialize.depth", "", 1.0).await;
    for name in ["duration", "input", "output"] {
        let name = format!("deriva.compute.{name}");
        bench.until(&name, "function=concat/v1", 1.0).await;
        bench.until(&name, "function=identity/v1", 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_needed_twice_is_computed_once_even_without_room_in_the_cache() {
    let limits = Limits {
        cache_bytes: 0,
        ..Limits::default()
    };
    let bench = Bench::with(Functions::standard(), limits).await;
    let mut top = bench.leaf("a").await;
    // 2^30 paths lead to the leaf.
    for _ in 0..30 {
        let pair = bench.recipe(Recipe::new("concat/v1", [top, top])).await;
        top = bench.recipe(Recipe::new("sha256/v1", [pair])).await;
    }
    assert_eq!(bench.get(top).await.unwrap().len(), 64);
    bench
        .until("deriva.compute.duration", "function=sha256/v1", 30.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_is_computed_once_for_a_call_however_many_paths_lead_to_it() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let fails = Functions::standard().with("fails/v1", move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err("it never does".to_owned())
    });
    let bench = Bench::with(fails, Limits::default()).await;
    let leaf = bench.leaf("a").await;
    let mut top = bench.recipe(Recipe::new("fails/v1", [leaf])).await;
    // 2^30 paths lead to what fails.
    for _ in 0..30 {
        let pair = bench.recipe(Recipe::new("concat/v1", [top, top])).await;
        top = bench.recipe(Recipe::new("sha256/v1", [pair])).await;
    }
    let failed = bench.get(top).await.unwrap_err();
    assert_eq!(failed.message(), description("compute.refused"));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// A gate that functions wait at, and how many have come to it.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    runs: AtomicUsize,
}

impl Gate {
    fn pass(&self, inputs: &[Bytes]) -> Bytes {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        self.opened.wait_while(&mut open, |open| !*open);
        inputs[0].clone()
    }

    fn open(&self) {
        *self.open.lock() = true;
        self.opened.notify_all();
    }
}

async fn gated() -> (Bench, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let slow = Functions::standard().with("slow/v1", move |inputs, _| Ok(inside.pass(inputs)));
    (Bench::with(slow, Limits::default()).await, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn active_materializations_are_up_while_a_function_runs_and_zero_afterwards() {
    let (bench, gate) = gated().await;
    let leaf = bench.leaf("a").await;
    let slow = bench.recipe(Recipe::new("slow/v1", [leaf])).await;
    let got = async { bench.get(slow).await.unwrap() };
    let watched = async {
        bench.until("deriva.materialize.active", "", 1.0).await;
        bench.until("deriva.rpc.active", "method=get", 1.0).await;
        gate.open();
    };
    assert_eq!(tokio::join!(got, watched).0, b"a");
    bench.until("deriva.materialize.active", "", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_want_the_same_address_at_the_same_time_compute_it_once() {
    let (bench, gate) = gated().await;
    let leaf = bench.leaf("a").await;
    let slow = bench.recipe(Recipe::new("slow/v1", [leaf])).await;
    let both = async { tokio::join!(bench.get(slow), bench.get(slow)) };
    let watched = async {
        bench.until("deriva.cache", "result=miss", 3.0).await;
        gate.open();
    };
    let ((one, other), ()) = tokio::join!(both, watched);
    assert_eq!(
        (one.unwrap(), other.unwrap()),
        (b"a".to_vec(), b"a".to_vec())
    );
    assert_eq!(gate.runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_what_a_function_refuses_fail_with_it_and_do_not_run_it_again() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let refuses = Functions::standard().with("refuses/v1", move |inputs, _| {
        inside.pass(inputs);
        Err("it never does".to_owned())
    });
    let bench = Bench::with(refuses, Limits::default()).await;
    let leaf = bench.leaf("a").await;
    let below = bench.recipe(Recipe::new("refuses/v1", [leaf])).await;
    let top = bench.recipe(Recipe::new("identity/v1", [below])).await;
    let all = async { tokio::join!(bench.get(top), bench.get(top), bench.get(below)) };
    let watched = async {
        // Each of the three, and the two that the first one of them needs.
        bench.until("deriva.cache", "result=miss", 5.0).await;
        gate.open();
    };
    let ((one, other, third), ()) = tokio::join!(all, watched);
    for failed in [one, other, third] {
        assert_eq!(
            failed.unwrap_err().message(),
            description("compute.refused")
        );
    }
    assert_eq!(gate.runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_is_counted_as_cancelled() {
    let (bench, gate) = gated().await;
    let leaf = bench.leaf("a").await;
    let slow = bench.recipe(Recipe::new("slow/v1", [leaf])).await;
    tokio::select! {
        _ = bench.get(slow) => panic!("nobody opened the gate"),
        () = bench.until("deriva.rpc.active", "method=get", 1.0) => {}
    }
    bench
        .until("deriva.rpc", "method=get,status=cancelled", 1.0)
        .await;
    gate.open();
    assert_eq!(bench.get(slow).await.unwrap(), b"a");
}
