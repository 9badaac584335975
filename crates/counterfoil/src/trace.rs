//! From `tracing` to log lines, spans, log records and events of the ring.
//!
//! **What it is.** A [`Pipeline`] is one layer of a `tracing` subscriber. It writes log lines that cannot be forged, stamped with
//! trace and request; it records spans and log records, which an exporter sends on; it puts warnings, errors and marked events
//! into the observer's ring; and it samples. [`current`] tells where in a trace the running code is.
//!
//! **What it will never do.** Hold up whoever logs for long, lose something without counting it, handle an event within the
//! handling of another, or send anything: that is for what drains it. `init` puts all of it together.
//!
//! ```
//! use counterfoil::Observer;
//! use counterfoil::trace::{LogFormat, LogLines, LogWriter, Pipeline, SamplingRules, TailSampler};
//! use tracing_subscriber::EnvFilter;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let observer = Observer::builder().build()?;
//! let pipeline = Pipeline::builder()
//!     .log_lines(LogLines::new(LogFormat::Json, LogWriter::stderr()).span_close(true))
//!     .ring(&observer)
//!     .spans(4_096)
//!     .tail_sampler(TailSampler::new(SamplingRules::errors_slow_and(5_000, 0.1)))
//!     .log_records(4_096)
//!     .build();
//! let subscriber = tracing_subscriber::registry()
//!     .with(EnvFilter::new("info"))
//!     .with(pipeline.layer());
//!
//! tracing::subscriber::with_default(subscriber, || {
//!     let span = tracing::info_span!("request", request_id = "req-7", http.route = "/users/{id}");
//!     span.in_scope(|| tracing::error!(attempts = 3, "the cache is gone"));
//! });
//!
//! let spans = pipeline.drain_spans(512); // into an `Exporter`, and so do the records
//! assert!(spans[0].is_error() && spans[0].request.is_some());
//! assert_eq!(pipeline.drain_logs(512)[0].trace, Some(spans[0].trace));
//! assert_eq!(observer.events().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Fields that mean something
//!
//! | field of a span | meaning |
//! |---|---|
//! | `trace_id`, `span_id`, `parent_span_id`, `trace_flags` | where it is, in lower-case hexadecimal, for whoever must know its id beforehand; read when it is opened |
//! | `trace_state` | what `tracestate` carried |
//! | `request_id` | the request, for it and the spans below it |
//! | `otel.name`, `otel.kind` | the name, instead of the one in the code; `server`, `client`, `producer`, `consumer` |
//! | `otel.status_code`, `otel.status_message` | `OK` or `ERROR`, and why |
//! | `otel.link` | a `traceparent` that it follows from without being its child, such as a message's; each recording is one more |
//!
//! A span without such ids is the child of the `tracing` span around it, or else of the task's [`Current`](crate::Current)
//! context, or else it begins a trace. An event of level `ERROR` makes a span one that failed, unless its status was told.
//!
//! | field of an event | meaning |
//! |---|---|
//! | `counterfoil.event` | marks it for the ring, whatever its level: the kind, such as `vault.object_put` |
//! | `counterfoil.value`, `counterfoil.lease_id`, `counterfoil.node` | what the event in the ring has beside its kind |
//!
//! Warnings and errors that are not marked have in the ring the kind `warn.<target>` or `error.<target>`, with the target in lower
//! case and `_` for what is neither letter nor digit, and as their value the line in the code.
//!
//! # Log lines
//!
//! Text: `<time> <level> trace_id=… span_id=… request_id=… <target>: <span>{<fields>}:<span>{<fields>}: <message> <fields>`. Text
//! values are quoted, and so is a message that has `=` or `"` in it: what reads as `key=value` outside of quotation marks is a field.
//!
//! JSON: one object a line, with these keys in this order; one without a value is left out.
//!
//! | key | form |
//! |---|---|
//! | `time` | RFC 3339 in UTC with nine digits |
//! | `level` | `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE` |
//! | `target` | the module that logged it |
//! | `trace_id`, `span_id` | lower-case hexadecimal |
//! | `request_id` | string |
//! | `spans` | list of objects with `name` and `fields`, the outermost first, at most 16 |
//! | `message` | string |
//! | `fields` | object; numbers, booleans and strings. What is no number for JSON is `"NaN"`, `"+Inf"` or `"-Inf"` |
//! | `dropped_fields` | how many fields there was no room for |
//! | `cut` | `true` when the line would have been longer than [`Limits::line`] |
//!
//! In both, control characters, separators of lines, marks that reorder text and characters that cannot be seen are written as
//! escapes, in messages, values, names of fields and of spans. An error is written with the errors that caused it.
//!
//! # What it costs
//!
//! A place in the code that the filter disables costs what it costs without this layer: one comparison.

mod entered;
mod event_fields;
mod filter;
mod layer;
mod limits;
mod log;
mod open;
mod pipeline;
mod queue;
mod ring;
mod sampling;
mod span_fields;
mod span_state;
mod text;

pub use counterfoil_core::HeadSampler;

pub use entered::current;
pub use filter::CallsiteFilter;
pub use layer::PipelineLayer;
pub use limits::Limits;
pub use log::{Colour, LineCounts, LogFormat, LogLines, LogWriter};
pub use pipeline::{Pipeline, PipelineBuilder, PipelineCounts};
pub use queue::QueueCounts;
pub use sampling::{SamplingRules, TailCounts, TailLimits, TailSampler};
