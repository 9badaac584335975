//! Tower layers for HTTP and gRPC: trace context, request ids, metrics, error spans and health pages.
//!
//! **What it is.** [`ServerLayer`] puts every request into its trace, its request id and its identity
//! ([`Current`](counterfoil_core::Current) has them while the handler works), opens one span for it and counts it until the last
//! frame of its answer. [`ClientLayer`] sends requests on in the trace of their caller. [`ErrorCode`] is an entry in an
//! application's catalogue of errors. [`Consumer`] and [`Producer`] do for messages what the layers do for requests, [`Calls`]
//! measures one's own methods, [`Mutation`] gives the steps of a change their spans, [`InFlight`] counts what is being done now,
//! [`health_page`] answers probes. The names are those of OpenTelemetry's conventions.
//!
//! **Who should depend on it.** Services with an HTTP or gRPC server or client that speaks tower. Usually through the facade
//! `counterfoil`, which re-exports it.
//!
//! **What it will never do.** Start a thread or a runtime, record a query string, a header value, a body or a path, take a
//! tenant from a header by itself, or let a client make up a label.
//!
//! ```
//! use std::convert::Infallible;
//! use counterfoil_core::Current;
//! use counterfoil_metrics::Registry;
//! use counterfoil_tower::ServerLayer;
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let registry = Registry::new();
//! let service = ServerLayer::builder(&registry).http().layer(service_fn(async |_: Request<()>| {
//!     assert!(Current::get().is_some_and(|context| context.trace().is_some()));
//!     Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
//! }));
//! let answer = service.oneshot(Request::new(())).await.unwrap();
//! assert!(answer.headers().contains_key("x-request-id"));
//! # }
//! ```

mod body;
mod calls;
mod client;
mod error_code;
mod exchange;
mod future;
mod headers;
mod health;
mod http_method;
mod in_flight;
mod measure;
mod message;
mod messaging;
mod mutation;
mod outcome;
mod route;
mod server;
mod spans;
mod table;
mod task;

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "tonic")]
pub mod tonic;

pub use body::MeasuredBody;
pub use calls::Calls;
pub use client::{Client, ClientBuilder, ClientLayer};
#[doc(hidden)]
pub use error_code::each_code_once;
pub use error_code::{Coded, ErrorCode};
pub use future::ResponseFuture;
pub use headers::Headers;
pub use health::health_page;
pub use in_flight::InFlight;
pub use message::Message;
pub use messaging::{Consumer, Producer};
pub use mutation::Mutation;
pub use route::RouteTemplate;
pub use server::{Server, ServerBuilder, ServerLayer};
pub use task::Tracked;
