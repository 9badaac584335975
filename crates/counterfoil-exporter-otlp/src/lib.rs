//! Sends Counterfoil's metrics, spans, logs, events and sealed lines over OTLP.
//!
//! **What it is.** [`OtlpExporter`], an [`Exporter`](counterfoil_exporter::Exporter) for OpenTelemetry collectors and whatever
//! else speaks OTLP: `http/protobuf`, and with the feature `grpc` also gRPC. [`Config`] reads the standard `OTEL_*` variables.
//!
//! **Who should depend on it.** Applications that have such a receiver. The facade's `init` does it for them when the variables
//! ask for it.
//!
//! **What it will never do.** Contact anything that nobody asked for, follow a redirect, print the value of a header, buffer
//! batches of its own (that is what [`Limit`](counterfoil_exporter::Limit) is for), take an answer that is no OTLP for success,
//! or need an async runtime (the feature `grpc` brings one, on a thread of its own).
//!
//! Formats: OTLP 1.x as the `opentelemetry-proto` crate generates it; retryable failures, `Retry-After`, `RetryInfo` and partial
//! success by the [OTLP specification](https://opentelemetry.io/docs/specs/otlp/).
//!
//! ```
//! use std::time::{Duration, Instant};
//! use counterfoil_exporter::{Batch, Error, Exporter, Limit, Retry, RetryPolicy};
//! use counterfoil_exporter_otlp::Config;
//! # use counterfoil_core::{LogRecord, Severity, Timestamp};
//! # use counterfoil_testkit::otlp::HttpReceiver;
//!
//! # let collector = HttpReceiver::start([]);
//! # let environment = |name: &str| match name {
//! #     "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(collector.endpoint().into()),
//! #     _ => None,
//! # };
//! // In a program: Config::from_env()?
//! let config = Config::from_vars(environment)?.or_service_name("checkout");
//! for exporter in config.exporters()? {
//!     // Further attempts, and a bound on what waits for them.
//!     let exporter = Limit::new(Retry::new(exporter, RetryPolicy::new()), 10_000)?;
//!     # let log = LogRecord {
//!     #     time: Timestamp::from_unix_seconds(1_700_000_000),
//!     #     severity: Severity::Info,
//!     #     event_name: None,
//!     #     body: "paid".into(),
//!     #     attributes: Vec::new(),
//!     #     dropped_attributes: 0,
//!     #     trace: None,
//!     #     request: None,
//!     #     scope: "checkout".into(),
//!     # };
//!     let batch = Batch::from(vec![log]);
//!     if exporter.signals().contains(batch.signal()) {
//!         exporter.export(batch)?;
//!         exporter.flush(Instant::now() + Duration::from_secs(5))?;
//!         assert_eq!(exporter.counts().exported, 1);
//!     }
//! }
//! # assert_eq!(collector.received().items(), 1);
//! # Ok::<(), Error>(())
//! ```

mod config;
mod encode;
mod exporter;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod receiver;
mod request;
mod resource;
mod rpc_status;
mod target;
mod transport;
mod vars;

pub use config::Config;
pub use exporter::{Builder, OtlpExporter};
pub use resource::Resource;
pub use target::{Protocol, Target};

const USER_AGENT: &str = concat!("counterfoil/", env!("CARGO_PKG_VERSION"));
