//! Whether an address stands for one value.

use cookbook_recipe_25_content_addressed_compute::{Functions, Limits, Recipe};
use tonic::Code;

use crate::bench::{Bench, bytes_of, description};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deterministic_passes_and_is_counted() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("a b a").await;
    let counts = bench.recipe(Recipe::new("word-count/v1", [leaf])).await;
    for address in [leaf, counts, counts] {
        let verified = bench.verify(address).await.unwrap();
        assert!(verified.passed && verified.expected == verified.actual);
    }
    bench.until("deriva.verification", "result=pass", 3.0).await;
    bench
        .until("deriva.verification.failure_rate", "", 0.0)
        .await;
    assert_eq!(bench.sealed("determinism_violation"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_gives_something_else_each_time_fails_and_is_sealed() {
    let entropy = Functions::standard().with_entropy();
    let bench = Bench::with(entropy, Limits::default()).await;
    let leaf = bench.leaf("a").await;
    let address = bench.recipe(Recipe::new("entropy/v1", [leaf])).await;
    let verified = bench.verify(address).await.unwrap();
    assert!(!verified.passed && verified.expected != verified.actual);
    bench.until("deriva.verification", "result=fail", 1.0).await;
    bench
        .until("deriva.verification.failure_rate", "", 1.0)
        .await;
    let records = bench.sealed("deriva.determinism_violation");
    assert_eq!(records.len(), 1);
    assert!(records[0].contains(&address.to_string()), "{}", records[0]);
    assert!(
        records[0].contains("\"outcome\":\"failure\""),
        "{}",
        records[0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_came_out_differently_after_it_was_evicted_is_not_served() {
    let limits = Limits {
        cache_bytes: 0,
        ..Limits::default()
    };
    let bench = Bench::with(Functions::standard().with_entropy(), limits).await;
    let leaf = bench.leaf("a").await;
    let address = bench.recipe(Recipe::new("entropy/v1", [leaf])).await;
    assert_eq!(bench.get(address).await.unwrap(), b"a 0");
    let again = bench.get(address).await.unwrap_err();
    assert_eq!(again.code(), Code::DataLoss);
    assert_eq!(bench.sealed("deriva.determinism_violation").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_was_changed_in_the_store_is_found_and_not_served() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("a").await;
    let store = rusqlite::Connection::open(bench.data.path().join("store.sqlite")).unwrap();
    store.execute("UPDATE blobs SET data = x'62'", []).unwrap();
    let verified = bench.verify(leaf).await.unwrap();
    assert!(!verified.passed);
    assert_eq!(verified.expected, bytes_of(leaf));
    bench.until("deriva.verification", "result=fail", 1.0).await;
    assert_eq!(bench.get(leaf).await.unwrap_err().code(), Code::DataLoss);
    bench.until("deriva.verification", "result=fail", 2.0).await;
    assert_eq!(bench.sealed("deriva.determinism_violation").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_that_was_changed_in_the_store_is_corrupt_whether_it_can_be_parsed_or_not() {
    for change in [
        "parameters = 'no object'",
        "inputs = x'00'",
        "depth = -1",
        "parameters = '{\"op\":\"upper\"}'",
    ] {
        let bench = Bench::new().await;
        let leaf = bench.leaf("a").await;
        let recipe = bench.recipe(Recipe::new("identity/v1", [leaf])).await;
        let store = rusqlite::Connection::open(bench.data.path().join("store.sqlite")).unwrap();
        let update = format!("UPDATE recipes SET {change}");
        store.execute(&update, []).unwrap();
        let status = bench.get(recipe).await.unwrap_err();
        assert_eq!(status.message(), description("store.corrupt"), "{change}");
    }
}
