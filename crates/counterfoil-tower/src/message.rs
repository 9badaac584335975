//! What a consumer knows of a message.

use counterfoil_core::RequestId;
use counterfoil_core::propagation::{Extractor, Incoming};

/// A message that came in: which trace it belongs to, and what it is about.
///
/// Headers come from strangers. A value counts if its header is there once, is text of at most
/// [`MAX_LEN`](Self::MAX_LEN) bytes and holds no control character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub(crate) incoming: Incoming,
    pub(crate) event_type: Option<Box<str>>,
    pub(crate) event_id: Option<Box<str>>,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) correlation_id: Option<Box<str>>,
}

impl Message {
    /// Longest text of a field, in bytes.
    pub const MAX_LEN: usize = 256;

    /// A message of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the trace context and, where the headers are those of a CloudEvent (`ce-type` in HTTP and NATS, `ce_type` in
    /// Kafka), its type, id and subject. The correlation id is taken from `correlation-id`, `x-correlation-id` or the
    /// CloudEvent, or else from `x-request-id`.
    #[must_use]
    pub fn from_headers<E: Extractor + ?Sized>(headers: &E) -> Self {
        let incoming = Incoming::extract(headers);
        let first = |names: &[&str]| names.iter().find_map(|name| once(headers, name));
        Self {
            event_type: first(&["ce-type", "ce_type"]),
            event_id: first(&["ce-id", "ce_id"]),
            subject: first(&["ce-subject", "ce_subject"]),
            correlation_id: first(&[
                "correlation-id",
                "x-correlation-id",
                "ce-correlationid",
                "ce_correlationid",
            ])
            .or_else(|| incoming.request.map(|it| it.as_str().into())),
            incoming,
        }
    }

    /// What happened: `order.created`.
    #[must_use]
    pub fn event_type(mut self, event_type: &str) -> Self {
        self.event_type = checked(event_type);
        self
    }

    /// Which event it is.
    #[must_use]
    pub fn event_id(mut self, id: &str) -> Self {
        self.event_id = checked(id);
        self
    }

    /// What it is about.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        self.subject = checked(subject);
        self
    }

    /// What ties it to the request that caused it.
    #[must_use]
    pub fn correlation_id(mut self, id: &str) -> Self {
        self.correlation_id = checked(id);
        self
    }

    /// The request that the message belongs to: its correlation id, if that has the form of a request id.
    pub(crate) fn request(&self) -> Option<RequestId> {
        let correlated = self.correlation_id.as_deref();
        correlated
            .and_then(|it| it.parse().ok())
            .or(self.incoming.request)
    }
}

fn once<E: Extractor + ?Sized>(headers: &E, name: &str) -> Option<Box<str>> {
    let (mut found, mut times) = (None, 0_u32);
    headers.each(name, &mut |value| {
        found = std::str::from_utf8(value).ok().and_then(checked);
        times = times.saturating_add(1);
    });
    found.filter(|_| times == 1)
}

fn checked(text: &str) -> Option<Box<str>> {
    let fits = (1..=Message::MAX_LEN).contains(&text.len());
    (fits && !text.chars().any(char::is_control)).then(|| text.into())
}
