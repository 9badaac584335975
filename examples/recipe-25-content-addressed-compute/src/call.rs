//! One call from its arrival to the end of its answer.

use counterfoil::tower::{ErrorCode, InFlight};
use counterfoil::{Current, Ticks, TraceContext};
use tracing::Span;
use tracing::field::Empty;

use crate::CAddr;
use crate::admission::{Admissions, Admittance};
use crate::engine::Engine;
use crate::errors::{BUSY, mark};
use crate::metrics::{CallStatus, Method};

/// A call that is under way. It is counted when this is dropped: as cancelled, unless it was [ended](Self::end) before.
#[derive(Debug)]
pub(crate) struct Call {
    engine: Engine,
    method: Method,
    started: Ticks,
    trace: Option<TraceContext>,
    status: CallStatus,
    span: Span,
    _active: InFlight,
    _admitted: Option<Admittance>,
}

impl Call {
    /// Begins a call. It has an error when as many as may be are under way.
    pub(crate) fn begin(
        engine: &Engine,
        admissions: &Admissions,
        method: Method,
    ) -> Result<Self, ErrorCode> {
        let name = method.as_str();
        let span = tracing::info_span!(
            "rpc",
            otel.name = %format_args!("rpc.{name}"),
            method = name,
            addr = Empty,
            error_code = Empty,
            otel.status_code = Empty,
        );
        span.in_scope(|| tracing::info!("request started"));
        let admitted = admissions.enter();
        let metrics = &engine.0.metrics;
        let mut call = Self {
            engine: engine.clone(),
            method,
            started: engine.0.clock.ticks(),
            trace: Current::get().and_then(|context| context.trace().copied()),
            status: CallStatus::Cancelled,
            span,
            _active: InFlight::enter(metrics.rpc_active.at(method)),
            _admitted: admitted,
        };
        if call._admitted.is_none() {
            call.end(Err(BUSY));
            return Err(BUSY);
        }
        Ok(call)
    }

    /// Its message was read: this is the address that it is about.
    pub(crate) fn about(&self, address: CAddr) {
        self.span.record("addr", tracing::field::display(address));
    }

    /// What its work and its log lines belong to.
    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// How it ended.
    pub(crate) fn end(&mut self, outcome: Result<(), ErrorCode>) {
        self.status = match outcome {
            Ok(()) => CallStatus::Ok,
            Err(code) => {
                mark(&self.span, code);
                CallStatus::Error
            }
        };
        let duration_ms = self.engine.0.since(self.started).as_secs_f64() * 1e3;
        let error_code = outcome.err().map(|code| code.as_str());
        self.span.in_scope(|| {
            tracing::info!(duration_ms, error_code, "request complete");
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let shared = &self.engine.0;
        let elapsed = shared.since(self.started);
        let duration = shared.metrics.rpc_duration.at(self.method);
        duration.record_duration_with(elapsed, self.trace.as_ref());
        let ended = (self.method, self.status);
        shared.metrics.rpc.at(ended).increment();
        if self.status == CallStatus::Cancelled {
            self.span
                .in_scope(|| tracing::info!("the caller went away"));
        }
    }
}
