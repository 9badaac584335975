//! The exporter.

use std::sync::Arc;
use std::time::Instant;

use counterfoil_core::{Clock, SystemClock, Timestamp};
use counterfoil_exporter::{Batch, Error, ErrorKind, Exporter, Signals};

use crate::encode::{Chunk, Encoder};
use crate::receiver::SEND;
use crate::resource::Resource;
use crate::target::Target;
use crate::transport::Transport;

/// Sends batches to OTLP receivers: one call, one attempt, nothing held back.
///
/// | signal | goes as | to the target for |
/// |---|---|---|
/// | metrics | cumulative sums, gauges and histograms; an item is a data point | metrics |
/// | spans | spans | traces |
/// | logs | log records | logs |
/// | events | log records named after the event, with its keys as attributes | logs |
/// | sealed lines | log records whose body is the line, byte for byte | logs |
///
/// - **Size.** A batch becomes as many requests as it takes to keep each below a limit of bytes. An item that alone is larger
///   is left out and counted in the error. Answers are read up to 64 KiB.
/// - **Parts.** What a receiver rejects of a request (`partial_success`) is in the error, exactly, and is not sent again. When a
///   receiver fails between two requests of a batch, the error's [`rest`](Error::rest) is what has not been sent.
/// - **Errors.** Retryable by OTLP's own rules: HTTP 429, 502, 503 and 504, the gRPC codes of its table, a connection that cannot
///   be made or breaks, and an answer that does not come in time. [`Error::retry_after`] carries `Retry-After` and `RetryInfo`.
///   An answer that is no OTLP is [`ErrorKind::Protocol`] and not retryable.
/// - **Blocking.** A call takes at most the target's timeout for each request.
///
/// [`Retry`](counterfoil_exporter::Retry) around it makes further attempts, and [`Limit`](counterfoil_exporter::Limit) around
/// that bounds what waits and counts what is lost.
#[derive(Debug)]
pub struct OtlpExporter {
    encoder: Encoder,
    traces: Option<Transport>,
    metrics: Option<Transport>,
    logs: Option<Transport>,
}

/// An [`OtlpExporter`] that is yet to be built.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    resource: Resource,
    traces: Option<Target>,
    metrics: Option<Target>,
    logs: Option<Target>,
    max_request_bytes: usize,
    start: Option<Timestamp>,
    clock: Arc<dyn Clock>,
}

impl OtlpExporter {
    /// An exporter that says it is `resource`.
    pub fn builder(resource: Resource) -> Builder {
        Builder {
            resource,
            traces: None,
            metrics: None,
            logs: None,
            max_request_bytes: 3 << 20,
            start: None,
            clock: Arc::new(SystemClock::new()),
        }
    }

    fn transport(&self, signal: Signals) -> Option<&Transport> {
        let transports = [
            (Signals::SPANS, &self.traces),
            (Signals::METRICS, &self.metrics),
            (Builder::AS_LOGS, &self.logs),
        ];
        let found = transports
            .into_iter()
            .find(|(signals, _)| signals.contains(signal));
        found.and_then(|(_, transport)| transport.as_ref())
    }
}

impl Builder {
    const AS_LOGS: Signals = Signals::LOGS.and(Signals::EVENTS).and(Signals::SEALED);

    /// Where spans go.
    pub fn traces(mut self, target: Target) -> Self {
        self.traces = Some(target);
        self
    }

    /// Where metrics go.
    pub fn metrics(mut self, target: Target) -> Self {
        self.metrics = Some(target);
        self
    }

    /// Where log records, events and sealed lines go.
    pub fn logs(mut self, target: Target) -> Self {
        self.logs = Some(target);
        self
    }

    /// Most bytes of a request before it is compressed; 3 MiB unless set, because collectors refuse more than 4 MiB over gRPC.
    pub const fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// Since when counters and histograms count; the moment of [`build`](Self::build) unless set.
    pub const fn start(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// What dates in answers are compared with; the machine's clock unless set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the exporter. Nothing is contacted yet.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when there is no target or one cannot be used, [`ErrorKind::Io`] when the operating system
    /// gives no thread for gRPC.
    pub fn build(self) -> Result<OtlpExporter, Error> {
        let transport = |target: Option<Target>| {
            let made = target.map(|target| Transport::new(target, Arc::clone(&self.clock)));
            made.transpose()
        };
        if self.traces.is_none() && self.metrics.is_none() && self.logs.is_none() {
            let context = "it has no target; give it one for traces, metrics or logs";
            return Err(crate::target::invalid(context));
        }
        let start = self.start.unwrap_or_else(|| self.clock.utc());
        Ok(OtlpExporter {
            encoder: Encoder::new(&self.resource, self.max_request_bytes, start),
            traces: transport(self.traces)?,
            metrics: transport(self.metrics)?,
            logs: transport(self.logs)?,
        })
    }
}

impl Exporter for OtlpExporter {
    fn signals(&self) -> Signals {
        let taken = [Signals::SPANS, Signals::METRICS, Builder::AS_LOGS];
        let taken = taken
            .into_iter()
            .filter(|signals| self.transport(*signals).is_some());
        taken.fold(Signals::NONE, |all, these| all | these)
    }

    fn export(&self, batch: Batch) -> Result<(), Error> {
        let Some(transport) = self.transport(batch.signal()) else {
            return Err(batch.unsupported(self.signals()));
        };
        let (mut from, mut lost) = (0, Lost::default());
        while let Some(mut chunk) = self.encoder.next(&batch, from) {
            match send(transport, &mut chunk) {
                Ok(()) => {}
                Err(error) if error.is_retryable() && from == 0 => return Err(error),
                Err(error) if error.is_retryable() => {
                    return Err(error.with_part(lost.items, Some(batch.without_first(from))));
                }
                Err(error) => lost.add(error.undelivered(chunk.items), error),
            }
            if chunk.oversized > 0 {
                lost.add(chunk.oversized, oversized(&chunk));
            }
            from = chunk.end;
        }
        lost.into_result()
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}

fn send(transport: &Transport, chunk: &mut Chunk) -> Result<(), Error> {
    let Some(request) = chunk.request.take() else {
        return Ok(());
    };
    let items = request.items();
    let answer = transport.send(request)?;
    if answer.rejected == 0 {
        return Ok(());
    }
    let rejected = answer.rejected.min(chunk.items);
    let reason = transport.receiver().in_its_words(&answer.message);
    let context = format!("rejected {rejected} of {} {items}{reason}", chunk.items);
    let error = transport.receiver().error(ErrorKind::Rejected, &context);
    Err(error.with_part(rejected, None))
}

fn oversized(chunk: &Chunk) -> Error {
    let context = format!(
        "{} items are each larger than a request may be; allow more bytes, or record less in them",
        chunk.oversized
    );
    Error::new(ErrorKind::Rejected, SEND, context)
}

/// What of a batch is lost whatever comes.
#[derive(Default)]
struct Lost {
    items: u64,
    first: Option<Error>,
}

impl Lost {
    fn add(&mut self, items: u64, error: Error) {
        self.items += items;
        self.first.get_or_insert(error);
    }

    fn into_result(self) -> Result<(), Error> {
        let error = self.first.map(|first| first.with_part(self.items, None));
        error.map_or(Ok(()), Err)
    }
}
