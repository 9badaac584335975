//! A log record, as an exporter sees it.

use std::borrow::Cow;

use crate::{Attribute, RequestId, Timestamp, TraceContext};

/// One log record in the terms of OpenTelemetry's logs data model. Its text is not redacted yet.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "a record, built by whoever logs and taken apart by whoever exports"
)]
pub struct LogRecord {
    /// When it was logged.
    pub time: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// The name of what happened, for records that are events of a known form.
    pub event_name: Option<Cow<'static, str>>,
    /// The message.
    pub body: String,
    /// What describes it, in the order of recording.
    pub attributes: Vec<Attribute>,
    /// Attributes that the limit left no room for.
    pub dropped_attributes: u32,
    /// Within which span it was logged.
    pub trace: Option<TraceContext>,
    /// For which request.
    pub request: Option<RequestId>,
    /// The module that logged it: the instrumentation scope.
    pub scope: Cow<'static, str>,
}

/// How much a [`LogRecord`] matters: the first severity of each of OpenTelemetry's ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums, reason = "exporters must handle each")]
pub enum Severity {
    /// For following single steps.
    Trace,
    /// For finding a fault.
    Debug,
    /// That something happened as it should.
    Info,
    /// That something should be looked at.
    Warn,
    /// That something failed.
    Error,
    /// That the process cannot go on.
    Fatal,
}

impl Severity {
    /// OpenTelemetry's `SeverityNumber`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Trace => 1,
            Self::Debug => 5,
            Self::Info => 9,
            Self::Warn => 13,
            Self::Error => 17,
            Self::Fatal => 21,
        }
    }

    /// OpenTelemetry's short name: `INFO`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}
