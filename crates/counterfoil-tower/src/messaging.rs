//! Messages that are processed, and messages that are sent.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::names::{CounterDef, HistogramDef};
use counterfoil_core::propagation::{Hop, Injector, Outgoing};
use counterfoil_core::{
    Clock, IdSource, Place, RandomIds, SystemClock, TraceContext, WorkloadIdentity, names,
};
use counterfoil_metrics::{Counter, Family, Histogram, Registry};

use crate::task::{Count, Ended, Task, Tracked};
use crate::{Coded, Message, spans};

/// Processes messages of one queue, topic or subject, each in one span of its own that is linked to its producer.
///
/// The span continues the trace of the producer and has `correlation_id`, `event.type`, `event.id` and `subject`;
/// [`Current`](counterfoil_core::Current) has the message's context while it is processed. Counts `messaging.client.consumed.messages` and
/// `messaging.process.duration`. Made once and kept; cheap to clone.
///
/// ```
/// use counterfoil_metrics::Registry;
/// use counterfoil_tower::{Consumer, ErrorCode, Message};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ErrorCode> {
/// let registry = Registry::new();
/// let orders = Consumer::new(&registry, "kafka", "orders");
///
/// let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// let message = Message::from_headers(&headers).event_type("order.created").event_id("e-1").subject("order/7");
/// orders.process(message, async { Ok::<_, ErrorCode>(()) }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Consumer {
    channel: Channel,
    nobody: WorkloadIdentity,
}

/// Sends messages to one queue, topic or subject, each in one span, and tells their consumers about it.
///
/// Counts `messaging.client.sent.messages` and `messaging.client.operation.duration`. Made once and kept; cheap to clone.
#[derive(Clone, Debug)]
pub struct Producer {
    channel: Channel,
    older_pair: bool,
}

/// What both sides have in common.
#[derive(Clone, Debug)]
struct Channel {
    system: &'static str,
    destination: &'static str,
    ids: Arc<dyn IdSource>,
    count: Arc<Messages>,
}

impl Consumer {
    /// A consumer of `destination` in `system` (OpenTelemetry's names: `kafka`, `nats`, `rabbitmq` …), both part of the
    /// program.
    #[must_use]
    pub fn new(registry: &Registry, system: &'static str, destination: &'static str) -> Self {
        Self {
            channel: Channel::new(registry, &Side::CONSUMER, system, destination),
            nobody: WorkloadIdentity::tenant_only("unknown"),
        }
    }

    /// The clock that durations are measured with; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.channel = self.channel.clock(clock);
        self
    }

    /// Where ids come from; [`RandomIds`] unless set.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.channel.ids = Arc::new(ids);
        self
    }

    /// On whose behalf messages are processed; the tenant `unknown` unless set.
    #[must_use]
    pub fn default_identity(mut self, identity: WorkloadIdentity) -> Self {
        self.nobody = identity;
        self
    }

    /// Processes a message with `work`.
    pub fn process<F, T, E>(&self, message: Message, work: F) -> Tracked<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        self.process_for(self.nobody.clone(), message, work)
    }

    /// Processes a message with `work` on behalf of `identity`.
    pub fn process_for<F, T, E>(
        &self,
        identity: WorkloadIdentity,
        message: Message,
        work: F,
    ) -> Tracked<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        let channel = &self.channel;
        let mut incoming = message.incoming.clone();
        incoming.request = message.request();
        let producer = incoming
            .trace_id
            .zip(incoming.parent)
            .map(|(trace_id, span_id)| TraceContext {
                trace_id,
                span_id,
                flags: incoming.flags,
            });
        let hop = incoming.start(&*channel.ids, |_trace| true);
        let name = format_args!("process {}", channel.destination);
        let parent = spans::parent(&hop);
        let span = spans::open!("messaging.process", "consumer", hop, parent, name, {
            messaging.system = channel.system,
            messaging.destination.name = channel.destination,
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            correlation_id = message.correlation_id.as_deref(),
            event.type = message.event_type.as_deref(),
            event.id = message.event_id.as_deref(),
            subject = message.subject.as_deref(),
            otel.link = producer.map(tracing::field::display),
        });
        let count: Arc<Messages> = Arc::clone(&channel.count);
        let task = Task::counted(span, count)
            .with_trace(hop.trace)
            .with_context(Arc::new(hop.context(identity)));
        Tracked::new(task, work)
    }
}

impl Producer {
    /// A producer for `destination` in `system` (OpenTelemetry's names: `kafka`, `nats`, `rabbitmq` …), both part of the
    /// program.
    #[must_use]
    pub fn new(registry: &Registry, system: &'static str, destination: &'static str) -> Self {
        Self {
            channel: Channel::new(registry, &Side::PRODUCER, system, destination),
            older_pair: false,
        }
    }

    /// The clock that durations are measured with; the system's unless set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.channel = self.channel.clock(clock);
        self
    }

    /// Where ids come from; [`RandomIds`] unless set.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.channel.ids = Arc::new(ids);
        self
    }

    /// Writes `X-Trace-Id` and `X-Span-Id` as well, for consumers from before W3C Trace Context.
    #[must_use]
    pub const fn older_pair(mut self) -> Self {
        self.older_pair = true;
        self
    }

    /// Writes the trace context into the headers of a message and gives them to `send`, whose future sends it.
    ///
    /// ```
    /// use counterfoil_metrics::Registry;
    /// use counterfoil_tower::{ErrorCode, Producer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ErrorCode> {
    /// let orders = Producer::new(&Registry::new(), "kafka", "orders");
    /// let headers: Vec<(&str, String)> = Vec::new();
    /// orders
    ///     .send(headers, |headers| async move {
    ///         assert_eq!(headers[0].0, "traceparent");
    ///         Ok::<_, ErrorCode>(())
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send<H, F, T, E>(&self, mut headers: H, send: impl FnOnce(H) -> F) -> Tracked<F>
    where
        H: Injector,
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        let channel = &self.channel;
        let hop = Hop::child(Place::current(), &*channel.ids, |_trace| true);
        Outgoing::of(&hop)
            .with_older_pair(self.older_pair)
            .inject(&mut headers);
        let name = format_args!("send {}", channel.destination);
        let parent = spans::parent(&hop);
        let span = spans::open!("messaging.send", "producer", hop, parent, name, {
            messaging.system = channel.system,
            messaging.destination.name = channel.destination,
            messaging.operation.name = "send",
            messaging.operation.type = "send",
        });
        let count: Arc<Messages> = Arc::clone(&channel.count);
        let task = Task::counted(span, count).with_trace(hop.trace);
        Tracked::new(task, send(headers))
    }
}

/// What is counted of a side.
struct Side {
    operation: &'static str,
    messages: CounterDef,
    duration: HistogramDef,
}

impl Side {
    const CONSUMER: Self = Self {
        operation: "process",
        messages: names::MESSAGING_CLIENT_CONSUMED_MESSAGES,
        duration: names::MESSAGING_PROCESS_DURATION,
    };
    const PRODUCER: Self = Self {
        operation: "send",
        messages: names::MESSAGING_CLIENT_SENT_MESSAGES,
        duration: names::MESSAGING_CLIENT_OPERATION_DURATION,
    };
}

impl Channel {
    fn new(
        registry: &Registry,
        side: &Side,
        system: &'static str,
        destination: &'static str,
    ) -> Self {
        let labels = [side.operation, system, destination];
        Self {
            system,
            destination,
            ids: Arc::new(RandomIds),
            count: Arc::new(Messages::new(registry, side, labels)),
        }
    }

    fn clock(mut self, clock: impl Clock) -> Self {
        let mut count = Messages::clone(&self.count);
        count.clock = Arc::new(clock);
        self.count = Arc::new(count);
        self
    }
}

/// The instruments of a side.
#[derive(Clone, Debug)]
struct Messages {
    clock: Arc<dyn Clock>,
    labels: [&'static str; 3],
    messages: Family<Counter>,
    duration: Family<Histogram>,
    /// Those of messages with which nothing went wrong, found without a lock.
    well: (Counter, Histogram),
}

impl Messages {
    fn new(registry: &Registry, side: &Side, labels: [&'static str; 3]) -> Self {
        let messages = registry.family(&side.messages);
        let duration = registry.family(&side.duration);
        Self {
            clock: Arc::new(SystemClock::new()),
            labels,
            well: (messages.with(&labels), duration.with(&labels)),
            messages,
            duration,
        }
    }
}

impl Count for Messages {
    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn ended(&self, how: Ended, elapsed: Duration, trace: Option<&TraceContext>) {
        if how == Ended::Well {
            self.well.0.increment();
            self.well.1.record_duration_with(elapsed, trace);
        } else {
            let [operation, system, destination] = self.labels;
            let labels = [operation, system, destination, how.error_type()];
            self.messages.with(&labels).increment();
            self.duration
                .with(&labels)
                .record_duration_with(elapsed, trace);
        }
    }
}
