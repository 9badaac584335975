//! What each call answers, counts and seals.

use cookbook_recipe_25_content_addressed_compute::proto::resolve_response::Kind;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, ResolveRequest, StatusRequest,
};
use cookbook_recipe_25_content_addressed_compute::{CAddr, Recipe, TABLE};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::bench::{Bench, bytes_of};

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there_from_the_start() {
    let bench = Bench::new().await;
    let snapshot = bench.observer.snapshot();
    for row in TABLE.instruments {
        assert!(
            snapshot.families.iter().any(|it| &*it.name == row.name),
            "{}",
            row.name
        );
    }
    let zero = bench.figure("deriva.verification", "result=fail");
    assert!(zero.abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_comes_back_as_it_was_put_and_is_sealed_once() {
    let bench = Bench::new().await;
    let first = bench.put_leaf("hello").await.unwrap();
    let again = bench.put_leaf("hello").await.unwrap();
    assert_eq!((first.created, again.created), (true, false));
    assert_eq!(first.address, again.address);
    let address = CAddr::from_slice(&first.address).unwrap();
    assert_eq!(bench.get(address).await.unwrap(), b"hello");
    assert_eq!(bench.sealed("deriva.leaf_put").len(), 1);
    bench
        .until("deriva.rpc", "method=put_leaf,status=ok", 2.0)
        .await;
    assert!((bench.figure("deriva.storage.blobs", "") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_whose_caller_goes_away_once_it_is_sealed_is_stored_all_the_same() {
    let bench = Bench::new().await;
    for round in 1..=20 {
        let sealed = async {
            while bench.sealed("deriva.leaf_put").len() < round {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = bench.put_leaf(format!("leaf {round}")) => {}
            () = sealed => {}
        }
    }
    bench.until("deriva.storage.blobs", "", 20.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_streamed_in_chunks_of_64_kib() {
    let bench = Bench::new().await;
    let data: Vec<u8> = (0..200_000_u32).map(|it| (it % 251) as u8).collect();
    let address = bench.leaf(data.clone()).await;
    let chunks = bench.chunks(address).await.unwrap();
    let sizes: Vec<_> = chunks.iter().map(bytes::Bytes::len).collect();
    assert_eq!(sizes, [65_536, 65_536, 65_536, 3_392]);
    assert_eq!(chunks.concat(), data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_succeeds_is_counted_as_ok_with_its_duration() {
    let bench = Bench::new().await;
    let address = bench.leaf("a").await;
    bench.get(address).await.unwrap();
    bench.until("deriva.rpc", "method=get,status=ok", 1.0).await;
    bench.until("deriva.rpc.duration", "method=get", 1.0).await;
    bench.until("deriva.rpc.active", "method=get", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_of_an_unknown_or_invalid_address_is_an_error_and_counted() {
    let bench = Bench::new().await;
    let unknown = bench.get(CAddr::of_leaf(b"nobody put this")).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    let short = GetRequest {
        address: "short".into(),
    };
    let invalid = bench.client.clone().get(short).await;
    assert_eq!(invalid.unwrap_err().code(), Code::InvalidArgument);
    bench
        .until("deriva.rpc", "method=get,status=error", 2.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_says_what_an_address_stands_for_without_computing_it() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("a").await;
    let recipe = Recipe::new("concat/v1", [leaf, leaf]).with("separator", "-");
    let address = bench.recipe(recipe).await;
    let request = ResolveRequest {
        address: bytes_of(address),
    };
    let resolved = bench
        .client
        .clone()
        .resolve(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((resolved.depth, resolved.cached), (1, false));
    let Some(Kind::Recipe(recipe)) = resolved.kind else {
        panic!("{:?}", resolved.kind);
    };
    assert_eq!(recipe.function, "concat/v1");
    assert_eq!(recipe.inputs, [bytes_of(leaf), bytes_of(leaf)]);
    assert_eq!(recipe.parameters["separator"], "-");
    assert!(recipe.output.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn status_counts_what_there_is() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("abc").await;
    let recipe = bench.recipe(Recipe::new("identity/v1", [leaf])).await;
    bench.get(recipe).await.unwrap();
    let status = bench.client.clone().status(StatusRequest {}).await;
    let status = status.unwrap().into_inner();
    assert_eq!(
        (status.leaves, status.recipes, status.blob_bytes),
        (1, 1, 3)
    );
    assert_eq!(status.cache_entries, 2);
    assert!(status.functions.contains(&"word-count/v1".to_owned()));
    assert!(!status.functions.contains(&"entropy/v1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_health_says_that_the_service_serves_and_lets_go_of_who_watches_when_it_stops() {
    let bench = Bench::new().await;
    let mut health = HealthClient::new(bench.channel(65_535).await);
    let request = HealthCheckRequest {
        service: "deriva.v1.Deriva".to_owned(),
    };
    let mut changes = health.watch(request).await.unwrap().into_inner();
    loop {
        let change = changes.message().await.unwrap().unwrap();
        if change.status() == ServingStatus::Serving {
            break;
        }
    }
    bench.stop().await;
    while let Some(change) = changes.message().await.unwrap() {
        assert_eq!(change.status(), ServingStatus::NotServing);
    }
}
