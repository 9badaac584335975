//! In a tonic server and client, over a real connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::{Buf, BufMut};
use counterfoil_core::{Context, Current, InContext, WorkloadIdentity};
use counterfoil_tower::ClientLayer;
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tower::{Layer, Service, service_fn};

use crate::{Bench, TRACE, TRACEPARENT};

counterfoil_tower::error_codes! {
    /// What can go wrong.
    CATALOGUE;
    /// The warehouse does not answer.
    WAREHOUSE_DOWN: "order.warehouse_down", http 503, grpc 14;
}

/// Messages that are plain text.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        String::from_utf8(bytes.to_vec())
            .map(Some)
            .map_err(|_| Status::internal("not text"))
    }
}

#[derive(Clone)]
struct Shop;

impl NamedService for Shop {
    const NAME: &'static str = "test.Shop";
}

async fn answer(request: Request<String>) -> Result<Response<String>, Status> {
    match request.get_ref().as_str() {
        "trace" => {
            let context = Current::get().unwrap();
            Ok(Response::new(context.trace().unwrap().trace_id.to_string()))
        }
        "code" => Err(WAREHOUSE_DOWN.into()),
        "missing" => Err(Status::not_found("no such order")),
        other => Ok(Response::new(other.to_owned())),
    }
}

impl Service<http::Request<Body>> for Shop {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/test.Shop/Ask" => {
                    let service = service_fn(answer);
                    tonic::server::Grpc::new(Plain)
                        .unary(service, request)
                        .await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn serve(bench: &Bench) -> SocketAddr {
    let incoming = tonic::transport::server::TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = Server::builder()
        .layer(bench.server().grpc())
        .add_service(Shop);
    tokio::spawn(server.serve_with_incoming(incoming));
    address
}

/// Asks through a measured channel.
async fn ask(
    bench: &Bench,
    address: SocketAddr,
    method: &'static str,
    text: &str,
) -> Result<String, Status> {
    let channel = Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let layer = ClientLayer::builder(&bench.registry)
        .clock(std::sync::Arc::clone(&bench.clock))
        .grpc("shop.example:50051");
    let mut client = tonic::client::Grpc::new(layer.layer(channel));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(method);
    let response = client
        .unary(Request::new(text.to_owned()), path, Plain)
        .await?;
    Ok(response.into_inner())
}

#[tokio::test]
async fn a_call_is_one_trace_on_both_sides_and_counted_by_method_and_status() {
    let bench = Bench::new();
    let address = serve(&bench).await;
    let context = Context::new(WorkloadIdentity::tenant_only("acme"))
        .with_trace(TRACEPARENT.parse().unwrap());
    let traced = ask(&bench, address, "/test.Shop/Ask", "trace")
        .in_context(context)
        .await;
    assert_eq!(traced.unwrap(), TRACE);
    let failed = ask(&bench, address, "/test.Shop/Ask", "code")
        .await
        .unwrap_err();
    assert_eq!(
        (failed.code(), failed.message()),
        (tonic::Code::Unavailable, WAREHOUSE_DOWN.description())
    );
    ask(&bench, address, "/test.Shop/Ask", "missing")
        .await
        .unwrap_err();
    ask(&bench, address, "/test.Shop/MadeUp", "")
        .await
        .unwrap_err();
    ask(&bench, address, "/test.Nobody/MadeUp", "")
        .await
        .unwrap_err();
    assert_eq!(
        bench.series("rpc.server.call.duration"),
        "error.type=UNIMPLEMENTED rpc.method=_OTHER rpc.response.status_code=UNIMPLEMENTED rpc.system.name=grpc 2 in 0.000 s\n\
         error.type=order.warehouse_down rpc.method=test.Shop/Ask rpc.response.status_code=UNAVAILABLE rpc.system.name=grpc 1 in 0.000 s\n\
         rpc.method=test.Shop/Ask rpc.response.status_code=NOT_FOUND rpc.system.name=grpc 1 in 0.000 s\n\
         rpc.method=test.Shop/Ask rpc.response.status_code=OK rpc.system.name=grpc 1 in 0.000 s"
    );
    let client = |method: &str, status: &str, error: &str, count: u8| {
        let error = if error.is_empty() {
            String::new()
        } else {
            format!("error.type={error} ")
        };
        format!(
            "{error}rpc.method={method} rpc.response.status_code={status} rpc.system.name=grpc server.address=shop.example server.port=50051 {count} in 0.000 s"
        )
    };
    assert_eq!(
        bench.series("rpc.client.call.duration"),
        [
            client("test.Shop/Ask", "NOT_FOUND", "NOT_FOUND", 1),
            client("test.Shop/Ask", "UNAVAILABLE", "UNAVAILABLE", 1),
            client("test.Nobody/MadeUp", "UNIMPLEMENTED", "UNIMPLEMENTED", 1),
            client("test.Shop/MadeUp", "UNIMPLEMENTED", "UNIMPLEMENTED", 1),
            client("test.Shop/Ask", "OK", "", 1),
        ]
        .join("\n")
    );
    for family in ["http.server.active_requests", "http.client.active_requests"] {
        let active = bench.series(family);
        assert!(
            !active.is_empty() && active.lines().all(|it| it.ends_with(" 0")),
            "{active}"
        );
    }
    assert_eq!(CATALOGUE.len(), 1);
}
