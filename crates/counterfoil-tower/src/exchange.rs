//! One request from its arrival, or its sending, to the end of its answer.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::{Context, Current, Ticks, TraceContext};
use http::{HeaderMap, Response};
use tracing::{Span, field};

use crate::ErrorCode;
use crate::http_method::HttpMethod;
use crate::measure::{Convention, Measure, Subject};
use crate::outcome::{Failure, Outcome, grpc};

/// A request that is under way. It counts as in flight until this is dropped, and then its duration is recorded: under the
/// outcome that was settled, or as cancelled, or as a panic.
#[derive(Debug)]
pub(crate) struct Exchange {
    measure: Arc<Measure>,
    subject: Arc<Subject>,
    /// The method that a gRPC client named and that is not known yet.
    unknown: Option<Box<str>>,
    method: HttpMethod,
    trace: TraceContext,
    started: Ticks,
    /// What is current while the service works; `None` on the client's side, which works under the caller's.
    context: Option<Arc<Context>>,
    span: Span,
    status: Option<u16>,
    code: Option<ErrorCode>,
    settled: Option<Failure>,
    /// Whether the service is at work. If it still is when this is dropped, it panicked.
    working: bool,
}

impl Exchange {
    pub(crate) fn start(
        measure: Arc<Measure>,
        subject: Arc<Subject>,
        method: HttpMethod,
        trace: TraceContext,
        span: Span,
    ) -> Self {
        measure.count_active(&subject, method, 1);
        Self {
            started: measure.clock.ticks(),
            measure,
            subject,
            unknown: None,
            method,
            trace,
            context: None,
            span,
            status: None,
            code: None,
            settled: None,
            working: false,
        }
    }

    /// Has the service work under `context`.
    pub(crate) fn with_context(mut self, context: Arc<Context>) -> Self {
        self.context = Some(context);
        self
    }

    /// Remembers the method that was asked for, until the answer says whether there is such a method.
    pub(crate) fn with_unknown(mut self, method: Option<Box<str>>) -> Self {
        self.unknown = method;
        self
    }

    /// Has the service work within context and span. If it panics, that is what came of the request.
    pub(crate) fn work<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.working = true;
        let result = self.within(work);
        self.working = false;
        result
    }

    /// Does something within context and span.
    pub(crate) fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let _current = self.context.clone().map(Current::enter);
        let _entered = self.span.enter();
        work()
    }

    /// Takes in the head of the answer, and says whether that settles the matter.
    pub(crate) fn head<B>(&mut self, response: &Response<B>) -> bool {
        self.code = response.extensions().get::<ErrorCode>().copied();
        if self.measure.convention.is_rpc() {
            self.grpc_head(response)
        } else {
            self.status = Some(response.status().as_u16());
            // A client that stops reading has got what it wanted.
            self.measure.convention == Convention::HttpClient && {
                self.complete();
                false
            }
        }
    }

    fn grpc_head<B>(&mut self, response: &Response<B>) -> bool {
        #[cfg(feature = "tonic")]
        if self.code.is_none() {
            self.code = crate::tonic::code_of(response.extensions());
        }
        if response.headers().contains_key(GRPC_STATUS) {
            self.grpc_status(response.headers());
            return true;
        }
        let status = response.status().as_u16();
        if status != 200 {
            self.status = Some(grpc::of_http(status));
            self.complete();
        }
        false
    }

    /// Whether the last byte of the answer is its end; gRPC's end is in the trailers.
    pub(crate) fn ends_with_data(&self) -> bool {
        !self.measure.convention.is_rpc()
    }

    /// Takes in trailers.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.measure.convention.is_rpc() {
            self.grpc_status(trailers);
        } else {
            self.complete();
        }
    }

    fn grpc_status(&mut self, headers: &HeaderMap) {
        let status = headers.get(GRPC_STATUS).map(|it| it.as_bytes());
        self.status = Some(status.map_or(grpc::UNKNOWN, grpc::parse));
        self.complete();
    }

    /// The answer came to its end.
    pub(crate) fn complete(&mut self) {
        if self.measure.convention.is_rpc() && self.status.is_none() {
            // An answer without a status is none.
            self.status = Some(grpc::UNKNOWN);
        }
        let failed = self.is_failure();
        self.settled = Some(match (self.code, failed) {
            (Some(code), _) if self.is_refusal() => Failure::Code(code.as_str()),
            (_, true) => Failure::Status,
            _ => Failure::None,
        });
    }

    /// The answer did not come, or broke off.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.settled = Some(failure);
    }

    /// Whether the status is one of those that an error is answered with, whosever fault it is.
    fn is_refusal(&self) -> bool {
        match self.status {
            Some(status) if self.measure.convention.is_rpc() => status != grpc::OK,
            Some(status) => status >= 400,
            None => false,
        }
    }

    /// Whether the status means that this side failed, by OpenTelemetry's conventions.
    fn is_failure(&self) -> bool {
        match (self.status, self.measure.convention) {
            (None, _) => false,
            (Some(status), Convention::HttpServer) => status >= 500,
            (Some(status), Convention::HttpClient) => status >= 400,
            (Some(status), Convention::RpcClient) => status != grpc::OK,
            (Some(status), Convention::RpcServer) => matches!(
                status,
                grpc::UNKNOWN
                    | grpc::DEADLINE_EXCEEDED
                    | grpc::UNIMPLEMENTED
                    | grpc::INTERNAL
                    | grpc::UNAVAILABLE
                    | grpc::DATA_LOSS
            ),
        }
    }

    /// The subject that the duration counts under: of a gRPC method that was not known, its own now, unless the answer leaves
    /// it open whether there is such a method: what stands before the methods refuses in the same words.
    fn subject_at_end(&mut self) -> Arc<Subject> {
        let exists = self.status.is_some_and(grpc::comes_from_a_method);
        match self.unknown.take() {
            Some(method) if exists => self.measure.subject(&method),
            _ => Arc::clone(&self.subject),
        }
    }

    fn record_span(&self, outcome: Outcome) {
        if self.span.is_disabled() {
            return;
        }
        let status = self.measure.status_text(outcome.status);
        let error = outcome.error_type(&status);
        let broke_off = !matches!(
            outcome.failure,
            Failure::None | Failure::Status | Failure::Code(_)
        );
        let failed = (broke_off && outcome.failure != Failure::Cancelled) || self.is_failure();
        let given = |text: &'static str| failed.then_some(text);
        let error = (!error.is_empty()).then(|| field::display(error));
        let code = self.code.map(|it| it.as_str());
        if self.measure.convention.is_rpc() {
            tracing::record_all!(
                self.span,
                rpc.response.status_code = outcome.status.map(|_| field::display(&status)),
                error.type = error,
                error_code = code,
                otel.status_code = given("ERROR"),
            );
        } else {
            tracing::record_all!(
                self.span,
                http.response.status_code = outcome.status,
                error.type = error,
                error_code = code,
                otel.status_code = given("ERROR"),
            );
        }
    }
}

const GRPC_STATUS: &str = "grpc-status";

impl Drop for Exchange {
    fn drop(&mut self) {
        let failure = match self.settled {
            _ if self.working => Failure::Panic,
            Some(settled) => settled,
            None => Failure::Cancelled,
        };
        let outcome = Outcome {
            method: self.method,
            status: self.status,
            failure,
        };
        let now = self.measure.clock.ticks();
        let elapsed = Duration::from_nanos(now.0.saturating_sub(self.started.0));
        self.measure.count_active(&self.subject, self.method, -1);
        let subject = self.subject_at_end();
        self.measure.record(&subject, outcome, elapsed, &self.trace);
        self.record_span(outcome);
    }
}
