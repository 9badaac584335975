//! What the server does not take on.

use std::time::Duration;

use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::{
    Chunk, GetRequest, PutLeafRequest, PutResponse, StatusRequest,
};
use cookbook_recipe_25_content_addressed_compute::{CAddr, Functions, Limits, Recipe};
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::tokio_stream;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::bench::{Bench, bytes_of, description};

async fn limited(limits: Limits) -> Bench {
    Bench::with(Functions::standard(), limits).await
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, name: &str) {
    let status = result.unwrap_err();
    assert_eq!((status.code(), status.message()), (code, description(name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_is_too_large_is_refused() {
    let bench = limited(Limits {
        leaf_bytes: 3,
        ..Limits::default()
    })
    .await;
    assert!(bench.put_leaf("abc").await.is_ok());
    refused(
        bench.put_leaf("abcd").await,
        Code::InvalidArgument,
        "leaf.too_large",
    );
    assert_eq!(bench.sealed("deriva.leaf_put").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_needs_a_function_and_inputs_that_are_there() {
    let bench = Bench::new().await;
    let leaf = bench.leaf("a").await;
    let unknown = bench.put_recipe(Recipe::new("entropy/v1", [leaf])).await;
    refused(unknown, Code::FailedPrecondition, "recipe.function_unknown");
    let missing = Recipe::new("identity/v1", [CAddr::of_leaf(b"not there")]);
    refused(
        bench.put_recipe(missing).await,
        Code::FailedPrecondition,
        "recipe.input_missing",
    );
    assert_eq!(bench.sealed("deriva.recipe_put"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_with_too_many_inputs_or_parameters_is_refused() {
    let bench = limited(Limits {
        inputs: 2,
        ..Limits::default()
    })
    .await;
    let leaf = bench.leaf("a").await;
    let wide = bench.put_recipe(Recipe::new("concat/v1", [leaf; 3])).await;
    refused(wide, Code::InvalidArgument, "recipe.too_large");
    let long = Recipe::new("concat/v1", [leaf]).with("separator", &"x".repeat(1025));
    refused(
        bench.put_recipe(long).await,
        Code::InvalidArgument,
        "recipe.too_large",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_that_is_too_deep_is_refused() {
    let bench = limited(Limits {
        depth: 2,
        ..Limits::default()
    })
    .await;
    let leaf = bench.leaf("a").await;
    let one = bench.recipe(Recipe::new("identity/v1", [leaf])).await;
    let two = bench.recipe(Recipe::new("identity/v1", [one])).await;
    let three = bench.put_recipe(Recipe::new("identity/v1", [two])).await;
    refused(three, Code::FailedPrecondition, "graph.too_deep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_with_too_many_nodes_or_bytes_is_refused_and_counted_as_an_error() {
    let limits = Limits {
        nodes: 2,
        call_bytes: 10,
        ..Limits::default()
    };
    let bench = limited(limits).await;
    let (a, b) = (bench.leaf("aaaaaa").await, bench.leaf("b").await);
    let both = bench.recipe(Recipe::new("concat/v1", [a, b])).await;
    refused(
        bench.get(both).await,
        Code::ResourceExhausted,
        "graph.too_large",
    );
    let twice = bench.recipe(Recipe::new("concat/v1", [a, a])).await;
    refused(
        bench.get(twice).await,
        Code::ResourceExhausted,
        "graph.too_large",
    );
    bench.until("deriva.materialize", "result=error", 2.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_too_large_is_not_kept() {
    let bench = limited(Limits {
        output_bytes: 3,
        ..Limits::default()
    })
    .await;
    let leaf = bench.leaf("ab").await;
    let twice = bench.recipe(Recipe::new("concat/v1", [leaf, leaf])).await;
    refused(
        bench.get(twice).await,
        Code::ResourceExhausted,
        "compute.output_too_large",
    );
    bench.until("deriva.cache.entries", "", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_refuses_or_panics_fails_its_call_alone() {
    let broken = Functions::standard().with("broken/v1", |_, _| panic!("broken"));
    let bench = Bench::with(broken, Limits::default()).await;
    let leaf = bench.leaf("a").await;
    let refuses = bench.recipe(Recipe::new("transform/v1", [leaf])).await;
    refused(
        bench.get(refuses).await,
        Code::FailedPrecondition,
        "compute.refused",
    );
    let panics = bench.recipe(Recipe::new("broken/v1", [leaf])).await;
    refused(bench.get(panics).await, Code::Internal, "compute.failed");
    assert_eq!(bench.get(leaf).await.unwrap(), b"a");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_at_once_than_there_may_be_are_refused() {
    let bench = limited(Limits {
        calls: 0,
        ..Limits::default()
    })
    .await;
    refused(
        bench.put_leaf("a").await,
        Code::ResourceExhausted,
        "server.busy",
    );
    bench
        .until("deriva.rpc", "method=put_leaf,status=error", 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_or_malformed_is_refused_and_counted() {
    let bench = limited(Limits {
        leaf_bytes: 3,
        ..Limits::default()
    })
    .await;
    let large = bench.put_leaf(vec![0; 1 << 20]).await;
    refused(large, Code::InvalidArgument, "message.invalid");
    let labels = "method=put_leaf,status=error";
    bench.until("deriva.rpc", labels, 1.0).await;

    // What is a name in a recipe is bytes here, which are no UTF-8.
    let malformed = GetRequest {
        address: vec![0xff].into(),
    };
    let path = PathAndQuery::from_static("/deriva.v1.Deriva/PutRecipe");
    let mut raw = bench.raw().await;
    let codec = ProstCodec::<_, PutResponse>::default();
    let answered = raw.unary(Request::new(malformed), path, codec).await;
    refused(answered, Code::InvalidArgument, "message.invalid");
    let labels = "method=put_recipe,status=error";
    bench.until("deriva.rpc", labels, 1.0).await;
    bench
        .until("deriva.rpc.active", "method=put_recipe", 0.0)
        .await;
}

/// A put whose message does not come.
async fn never_sent(mut raw: Grpc<Channel>) -> Result<Response<PutResponse>, Status> {
    let path = PathAndQuery::from_static("/deriva.v1.Deriva/PutLeaf");
    let never = Request::new(tokio_stream::pending::<PutLeafRequest>());
    let codec = ProstCodec::<_, PutResponse>::default();
    raw.client_streaming(never, path, codec).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_an_encoding_that_is_not_taken_is_answered_with_those_that_are() {
    let bench = Bench::new().await;
    let mut request = Request::new(GetRequest::default());
    let encoding = "gzip".parse().unwrap();
    request.metadata_mut().insert("grpc-encoding", encoding);
    let path = PathAndQuery::from_static("/deriva.v1.Deriva/PutLeaf");
    let codec = ProstCodec::<_, PutResponse>::default();
    let answered = bench.raw().await.unary(request, path, codec).await;
    let status = answered.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    let accepted = status.metadata().get("grpc-accept-encoding");
    assert_eq!(accepted.unwrap(), "identity");
    let labels = "method=put_leaf,status=error";
    bench.until("deriva.rpc", labels, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_while_it_sends_its_message_is_counted_as_cancelled_and_no_error() {
    let bench = Bench::new().await;
    tokio::select! {
        answered = never_sent(bench.raw().await) => panic!("{answered:?}"),
        () = bench.until("deriva.rpc.active", "method=put_leaf", 1.0) => {}
    }
    let cancelled = "method=put_leaf,status=cancelled";
    bench.until("deriva.rpc", cancelled, 1.0).await;
    let errors = bench.figure("deriva.rpc", "method=put_leaf,status=error");
    assert!(errors.abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_cannot_have_all_calls() {
    let bench = limited(Limits {
        calls: 40,
        ..Limits::default()
    })
    .await;
    let channel = bench.channel(65_535).await;
    // With an answer it has been told how many calls it may have at once.
    let mut client = DerivaClient::new(channel.clone());
    client.status(StatusRequest {}).await.unwrap();
    let mut greedy = JoinSet::new();
    for _ in 0..64 {
        let mut raw = Grpc::new(channel.clone());
        greedy.spawn(async move {
            raw.ready().await.unwrap();
            never_sent(raw).await
        });
    }
    let active = "method=put_leaf";
    bench.until("deriva.rpc.active", active, 32.0).await;
    assert!(bench.put_leaf("a").await.unwrap().created);
    let errors = bench.figure("deriva.rpc", "method=put_leaf,status=error");
    assert!(errors.abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_sends_its_message_loses_its_call() {
    let bench = limited(Limits {
        patience: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let answered = never_sent(bench.raw().await).await;
    refused(answered, Code::DeadlineExceeded, "client.stalled");
    let labels = "method=put_leaf,status=error";
    bench.until("deriva.rpc", labels, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_what_it_gets_loses_its_call() {
    let bench = limited(Limits {
        patience: Duration::from_secs(2),
        ..Limits::default()
    })
    .await;
    let mut unread = unread(&bench).await;
    bench
        .until("deriva.rpc", "method=get,status=error", 1.0)
        .await;
    bench.until("deriva.rpc.active", "method=get", 0.0).await;
    // It is told when it reads on, and does not take the part that it has for the whole.
    let status = read(&mut unread, Duration::ZERO).await.unwrap_err();
    assert_eq!(status.message(), description("client.stalled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_what_it_gets_too_slowly_loses_its_call() {
    let bench = limited(Limits {
        patience: Duration::from_secs(1),
        least_rate: u32::MAX,
        ..Limits::default()
    })
    .await;
    let mut slow = unread(&bench).await;
    // Never still for as long as it may be, and at this pace it would take six seconds.
    let status = read(&mut slow, Duration::from_millis(100)).await;
    assert_eq!(status.unwrap_err().message(), description("client.stalled"));
    bench
        .until("deriva.rpc", "method=get,status=error", 1.0)
        .await;
}

/// Gets a value of 4 MiB on a connection whose window is 64 KiB, and reads nothing of it.
pub(crate) async fn unread(bench: &Bench) -> Streaming<Chunk> {
    let leaf = bench.leaf(vec![b'a'; 4 << 20]).await;
    let address = bytes_of(leaf);
    let mut client = DerivaClient::new(bench.channel(65_535).await);
    let get = client.get(GetRequest { address });
    get.await.unwrap().into_inner()
}

/// Reads to the end, with a pause after each chunk.
async fn read(chunks: &mut Streaming<Chunk>, pause: Duration) -> Result<(), Status> {
    while chunks.message().await?.is_some() {
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
