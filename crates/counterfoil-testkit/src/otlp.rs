//! OTLP receivers that do what a test says: one for HTTP, and with the feature `otlp-grpc` one for gRPC.
//!
//! Each listens on a port of its own on loopback, answers requests by a script and accepts what comes after its end, and keeps
//! what it accepted. It refuses what is no OTLP, so that a test of an exporter fails on a malformed request.
//!
//! ```
//! use counterfoil_testkit::otlp::{HttpReceiver, HttpReply};
//!
//! let receiver = HttpReceiver::start([HttpReply::status(503).with_header("retry-after", "7")]);
//! let endpoint = receiver.endpoint(); // for OTEL_EXPORTER_OTLP_ENDPOINT
//! assert_eq!(receiver.received().items(), 0);
//! # assert!(endpoint.starts_with("http://127.0.0.1:"));
//! ```

#![allow(
    clippy::panic,
    reason = "without a port or a thread there is no test to go on with"
)]

#[cfg(feature = "otlp-grpc")]
mod grpc;
mod http;
mod http_connection;
mod received;

#[cfg(feature = "otlp-grpc")]
pub use grpc::{GrpcReceiver, GrpcReply};
pub use http::{HttpReceiver, HttpReply};
pub use received::{Received, RequestHead};
