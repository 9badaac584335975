//! One call, three layers: metrics, events and a tamper-evident audit chain, under the same keys.
//!
//! **What it is.** [`Observer`]: a lifecycle event of a leased or shared resource is recorded once and reaches the metrics
//! (is this happening a lot?), the event ring (what was happening around the spike?) and the audit chain (what exactly was
//! sealed, and can I prove it?). [`Current`] and [`InContext`] carry the context of a task. The rest is re-exports, so that a
//! service depends on one crate.
//!
//! **Who should depend on it.** Services. Libraries that only count take the `metrics` facade; backends take the one contract
//! crate that they implement.
//!
//! **What it will never do.** Need an async runtime, start a thread that no layer asked for, derive one layer from another,
//! or choose a backend by feature: a feature makes a backend available, a builder is told to use it.
//!
//! ```
//! # #[cfg(all(feature = "metrics", feature = "events", feature = "audit"))] {
//! use std::time::Duration;
//! use counterfoil::audit::AuditLog;
//! use counterfoil::{Context, LeaseId, Name, Observer, ResourceType, WorkloadIdentity};
//!
//! # let directory = tempfile::tempdir().unwrap();
//! let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/leases").open()?;
//! let observer = Observer::builder().audit(log).build()?;
//!
//! let ctx = Context::new(WorkloadIdentity::tenant_only("acme"));
//! let node = Name::new("node-a");
//! let receipt = observer.lease_acquired(&ctx, ResourceType::Mem, LeaseId(7), &node, 4096);
//! receipt.wait_durable(Duration::from_secs(5))?;
//!
//! assert_eq!(observer.metrics().leases_total.get(), 1);
//! assert_eq!(observer.events().len(), 1);
//! assert!(observer.close(Duration::from_secs(5)).is_some_and(|report| report.finished));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
#[cfg(feature = "audit")]
mod domain_record;
mod error;
mod failed_operation;
#[cfg(feature = "metrics")]
mod figures;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "init")]
pub mod init;
mod local;
mod observer;
mod receipt;
#[cfg(feature = "tracing")]
pub mod trace;
#[cfg(all(feature = "events", feature = "witness"))]
mod witness_events;

pub use counterfoil_core::{
    AccountingTag, Attribute, AttributeValue, ChainId, Clock, Context, ContextSource, Current,
    Digest, Entered, Event, EventWords, Exemplar, ExponentialBuckets, ExponentialHistogramValue,
    ExtensionKind, FabricError, FabricEvent, Head, HistogramValue, IdSource, InContext, LeaseId,
    LogRecord, MetricFamily, MetricKind, MetricSnapshot, MetricValue, Name, NameCheck, OpType,
    Pseudonym, Pseudonymise, REDACTED, RandomIds, Redact, RedactionSettings, Redactor,
    RedactorBuilder, RequestId, ResourceType, Sensitive, Series, SeriesMeta, Severity, Shape,
    SpanEvent, SpanId, SpanKind, SpanRecord, SpanStatus, SystemClock, Ticks, Timeline, Timestamp,
    TraceContext, TraceId, TraceState, Unredacted, WithContext, WorkloadIdentity, instruments,
    json, names, propagation,
};

pub use builder::ObserverBuilder;
#[cfg(feature = "audit")]
pub use domain_record::DomainRecord;
pub use error::{Error, ErrorKind};
pub use failed_operation::FailedOperation;
#[cfg(feature = "init")]
pub use init::init;
pub use observer::Observer;
pub use receipt::Receipt;
#[cfg(all(feature = "events", feature = "witness"))]
pub use witness_events::witness_events;

/// The heads of chains, and where they are kept (`counterfoil-anchor`).
#[cfg(feature = "audit")]
pub mod anchor {
    pub use counterfoil_anchor::*;
}

/// The tamper-evident audit chain (`counterfoil-audit`).
#[cfg(feature = "audit")]
pub mod audit {
    pub use counterfoil_audit::*;
}

/// Shipping the audit log to a collector (`counterfoil-exporter-collector`).
#[cfg(feature = "collector")]
pub mod collector {
    pub use counterfoil_exporter_collector::*;
}

/// The ring of recent events (`counterfoil-events`).
#[cfg(feature = "events")]
pub mod events {
    pub use counterfoil_events::*;
}

/// Per-thread instruments (`counterfoil-metrics`).
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use counterfoil_metrics::*;
}

/// Prometheus text (`counterfoil-exporter-prometheus`).
#[cfg(feature = "prometheus")]
pub mod prometheus {
    pub use counterfoil_exporter_prometheus::*;
}

/// Keys that seal and check (`counterfoil-signer`).
#[cfg(feature = "audit")]
pub mod signer {
    pub use counterfoil_signer::*;
}

/// Layers for HTTP and gRPC (`counterfoil-tower`).
#[cfg(feature = "tower")]
pub mod tower {
    pub use counterfoil_tower::*;
}

/// Anchors that witnesses have cosigned, and being a witness (`counterfoil-anchor-witness`).
#[cfg(feature = "witness")]
pub mod witness {
    pub use counterfoil_anchor_witness::*;
}
