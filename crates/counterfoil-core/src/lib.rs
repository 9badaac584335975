//! The vocabulary that every Counterfoil crate shares.
//!
//! **What it is.** Ids, lifecycle events, identities, trace context, time, digests, chain heads and the table of our own
//! telemetry names, and the policy that keeps secrets out of all of it ([`Redactor`]). Data and small traits; no engine, no I/O of its own, no thread.
//!
//! **Who should depend on it.** Whoever implements one of the contracts (`AnchorStore`, `Signer`, `Exporter`, `EventSink`):
//! these types are all that a backend needs to name. Applications usually take the facade `counterfoil`, which re-exports them.
//!
//! **What it will never do.** Open a file or a socket, start a thread, pull in an async runtime, or change a value that it
//! was given: an id that does not fit is refused, never shortened.
//!
//! ```
//! use counterfoil_core::{Context, FabricEvent, LeaseId, Name, ResourceType, TraceContext, WorkloadIdentity};
//!
//! let context = Context::new(WorkloadIdentity::tenant_only("acme"))
//!     .with_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse::<TraceContext>()?);
//! let event = FabricEvent::LeaseAcquired {
//!     resource_type: ResourceType::Mem,
//!     lease_id: LeaseId(7),
//!     node: Name::new("node-a"),
//!     bytes: 4096,
//! };
//! assert_eq!(event.kind_name(), "lease_acquired");
//! assert_eq!(context.tenant(), "acme");
//! # Ok::<(), counterfoil_core::Error>(())
//! ```

mod attribute;
mod chain_id;
mod clock;
mod context;
mod current;
mod digest;
mod error;
mod event;
mod event_keys;
mod event_words;
mod exponential;
mod extension_kind;
mod fabric_error;
mod head;
mod head_sampler;
mod hex;
mod id_source;
mod identity;
mod ids;
pub mod json;
mod log_record;
mod name;
pub mod names;
mod place;
pub mod propagation;
mod redact;
mod resource;
mod sealed;
mod sensitive;
mod snapshot;
mod span_record;
mod timestamp;
mod trace;
mod trace_state;

pub use attribute::{Attribute, AttributeValue};
pub use chain_id::ChainId;
pub use clock::{Clock, SystemClock, Ticks, Timeline};
pub use context::Context;
pub use current::{ContextSource, Current, Entered, InContext, WithContext};
pub use digest::Digest;
pub use error::{Error, ErrorKind};
pub use event::{Event, FabricEvent};
pub use event_keys::EventValue;
pub use event_words::{EVENT_WORDS, EventWords};
pub use exponential::{ExponentialBuckets, ExponentialHistogramValue};
pub use extension_kind::ExtensionKind;
pub use fabric_error::FabricError;
pub use head::Head;
pub use head_sampler::HeadSampler;
pub use id_source::{IdSource, RandomIds};
pub use identity::{AccountingTag, Pseudonym, WorkloadIdentity};
pub use ids::{LeaseId, RequestId};
pub use log_record::{LogRecord, Severity};
pub use name::{Name, NameId};
pub use place::Place;
pub use redact::{
    NameCheck, Pseudonymise, Redact, RedactionSettings, Redactor, RedactorBuilder, Shape,
    Unredacted,
};
pub use resource::{OpType, ResourceType};
pub use sealed::SealedLine;
pub use sensitive::{REDACTED, Sensitive};
pub use snapshot::{
    Exemplar, HistogramValue, MetricFamily, MetricKind, MetricSnapshot, MetricValue, Series,
    SeriesMeta,
};
pub use span_record::{SpanEvent, SpanKind, SpanRecord, SpanStatus};
pub use timestamp::Timestamp;
pub use trace::{SpanId, TraceContext, TraceId};
pub use trace_state::TraceState;
