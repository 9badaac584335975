//! Trace context and request ids on their way between processes: W3C Trace Context, `X-Request-Id`, and the older pair
//! `X-Trace-Id` and `X-Span-Id`.
//!
//! Nothing here knows a transport: an [`Extractor`] gives the headers of what came in, an [`Injector`] takes those of what
//! goes out. Headers come from strangers, so whatever is malformed is treated as if it were not there.
//!
//! ```
//! use counterfoil_core::propagation::{Incoming, Outgoing};
//! use counterfoil_core::{IdSource, RandomIds};
//!
//! let request = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
//! let hop = Incoming::extract(&request).start(&RandomIds, |_new_trace| true);
//! assert_eq!(hop.trace.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
//! assert_eq!(hop.parent.map(|it| it.to_string()).as_deref(), Some("b7ad6b7169203331"));
//!
//! let mut headers: Vec<(&str, String)> = Vec::new();
//! Outgoing::of(&hop).inject(&mut headers);
//! assert_eq!(headers[0], ("traceparent", hop.trace.to_string()));
//! ```

use crate::redact::has_shape_of_secret;
use crate::trace_state::trim;
use crate::{
    Context, IdSource, Place, RequestId, SpanId, TraceContext, TraceId, TraceState,
    WorkloadIdentity, hex,
};

/// Names the trace and the caller's span.
pub const TRACEPARENT: &str = "traceparent";
/// What other tracing systems have to say about the trace.
pub const TRACESTATE: &str = "tracestate";
/// Names the request.
pub const X_REQUEST_ID: &str = "x-request-id";
/// Names the trace, for callers from before W3C Trace Context.
pub const X_TRACE_ID: &str = "x-trace-id";
/// Names the caller's span, beside [`X_TRACE_ID`].
pub const X_SPAN_ID: &str = "x-span-id";

/// The flags that are passed on: "sampled" and level 2's "random trace id".
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 1;

/// The headers of a request or message that came in.
pub trait Extractor {
    /// Calls `visit` with each value of the header `name` (lower case), in order.
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]));
}

/// The headers of a request or message that goes out.
pub trait Injector {
    /// Sets the header `name` (lower case) to `value`, which is visible ASCII, in place of any it had.
    fn set(&mut self, name: &'static str, value: &str);

    /// Takes every header `name` (lower case) away.
    fn remove(&mut self, name: &'static str);
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for [(K, V)] {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for (key, value) in self {
            if key.as_ref().eq_ignore_ascii_case(name) {
                visit(value.as_ref());
            }
        }
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> Extractor for [(K, V); N] {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.as_slice().each(name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for Vec<(K, V)> {
    fn each<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.as_slice().each(name, visit);
    }
}

impl<K: AsRef<str> + From<&'static str>, V: From<String>> Injector for Vec<(K, V)> {
    fn set(&mut self, name: &'static str, value: &str) {
        Injector::remove(self, name);
        self.push((name.into(), value.to_owned().into()));
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|(key, _)| !key.as_ref().eq_ignore_ascii_case(name));
    }
}

/// What a caller said about itself, as far as it was well-formed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incoming {
    /// The trace to join; `None` starts a new one.
    pub trace_id: Option<TraceId>,
    /// The caller's span.
    pub parent: Option<SpanId>,
    /// The caller's flags, those that nobody knows taken out.
    pub flags: u8,
    /// What goes on unread; only ever there with a valid `traceparent`.
    pub trace_state: Option<TraceState>,
    /// The request.
    pub request: Option<RequestId>,
}

impl Incoming {
    /// Reads the headers.
    ///
    /// A `traceparent` that is malformed or there twice makes a new trace and drops `tracestate` with it, as the
    /// recommendation asks. The older pair counts only where there is no `traceparent` at all; it may be in upper case, with
    /// the dashes of a UUID, or 64 bits long. `X-Request-Id` counts if it is there once and is a [`RequestId`].
    #[must_use]
    pub fn extract<E: Extractor + ?Sized>(headers: &E) -> Self {
        let mut incoming = match Once::of(headers, TRACEPARENT) {
            Once::Absent => Self::older_pair(headers),
            Once::Found(value) => Self::w3c(headers, value).unwrap_or_default(),
            Once::Ambiguous => Self::default(),
        };
        incoming.request = Once::of(headers, X_REQUEST_ID)
            .found()
            .and_then(RequestId::from_bytes)
            // A token that somebody sent as an id must not become one: ids are logged, kept and sent on.
            .filter(|id| !has_shape_of_secret(id.as_str()));
        incoming
    }

    fn w3c<E: Extractor + ?Sized>(headers: &E, traceparent: &[u8]) -> Option<Self> {
        let trace = TraceContext::from_bytes(traceparent)?;
        let mut lists = [&[][..]; TraceState::MAX_MEMBERS];
        let mut found = 0;
        headers.each(TRACESTATE, &mut |value| {
            if let Some(list) = lists.get_mut(found) {
                *list = value;
            }
            found += 1;
        });
        Some(Self {
            trace_id: Some(trace.trace_id),
            parent: Some(trace.span_id),
            flags: trace.flags & KNOWN_FLAGS,
            trace_state: lists.get(..found).and_then(TraceState::from_headers),
            request: None,
        })
    }

    fn older_pair<E: Extractor + ?Sized>(headers: &E) -> Self {
        let trace_id = Once::of(headers, X_TRACE_ID)
            .found()
            .and_then(older_trace_id);
        let span = Once::of(headers, X_SPAN_ID).found();
        Self {
            trace_id,
            // A span without its trace is nobody's.
            parent: trace_id.and(span).and_then(older_span_id),
            flags: u8::from(trace_id.is_some()) * SAMPLED,
            trace_state: None,
            request: None,
        }
    }

    /// This process's place in the trace: a span id of its own, the trace continued or, with `sampled` to decide about it, a
    /// new one; and a request id in any case.
    #[must_use]
    pub fn start(self, ids: &dyn IdSource, sampled: impl FnOnce(TraceId) -> bool) -> Hop {
        let (trace_id, flags) = match self.trace_id {
            Some(trace_id) => (trace_id, self.flags),
            None => {
                let new = ids.trace_id();
                (new, u8::from(sampled(new)) * SAMPLED)
            }
        };
        let request = self.request.unwrap_or_else(|| ids.trace_id().into());
        Hop {
            trace: TraceContext {
                trace_id,
                span_id: ids.span_id(),
                flags,
            },
            parent: self.parent,
            trace_state: self.trace_state,
            request: Some(request),
        }
    }
}

/// A header that may be there once.
enum Once<'a> {
    Absent,
    Found(&'a [u8]),
    Ambiguous,
}

impl<'a> Once<'a> {
    fn of<E: Extractor + ?Sized>(headers: &'a E, name: &str) -> Self {
        let mut once = Self::Absent;
        headers.each(name, &mut |value| {
            once = match once {
                Self::Absent => Self::Found(trim(value)),
                _ => Self::Ambiguous,
            };
        });
        once
    }

    const fn found(self) -> Option<&'a [u8]> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }
}

fn older_trace_id(text: &[u8]) -> Option<TraceId> {
    let mut digits = [b'0'; 32];
    let mut len = 0;
    for byte in text.iter().filter(|it| **it != b'-') {
        *digits.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    if len == 16 {
        digits.rotate_right(16);
    } else if len != 32 {
        return None;
    }
    TraceId::from_bytes(hex::decode(&digits)?)
}

fn older_span_id(text: &[u8]) -> Option<SpanId> {
    let mut digits = [0; 16];
    if text.len() != digits.len() {
        return None;
    }
    digits.copy_from_slice(text);
    digits.make_ascii_lowercase();
    SpanId::from_bytes(hex::decode(&digits)?)
}

/// One stretch of the way of a request: the span that handles it here, or the one that makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// The trace, this span, and the flags.
    pub trace: TraceContext,
    /// The span before; `None` at the root of a trace.
    pub parent: Option<SpanId>,
    /// What goes on unread.
    pub trace_state: Option<TraceState>,
    /// The request.
    pub request: Option<RequestId>,
}

impl Hop {
    /// A span for a call that is made at `place`, usually [`Place::current`]; of a new trace where that is in none, about which
    /// `sampled` decides.
    #[must_use]
    pub fn child(
        place: Option<Place>,
        ids: &dyn IdSource,
        sampled: impl FnOnce(TraceId) -> bool,
    ) -> Self {
        let trace = place.as_ref().map(|it| it.trace);
        let (trace_state, request) = place.map_or((None, None), |it| (it.trace_state, it.request));
        Incoming {
            trace_id: trace.map(|it| it.trace_id),
            parent: trace.map(|it| it.span_id),
            flags: trace.map_or(0, |it| it.flags),
            trace_state,
            request,
        }
        .start(ids, sampled)
    }

    /// The context of what is done within this span on behalf of `identity`.
    #[must_use]
    pub fn context(&self, identity: WorkloadIdentity) -> Context {
        Context::in_request(
            identity,
            Some(self.trace),
            self.trace_state.clone(),
            self.request,
        )
    }
}

/// What a request or message that goes out says about its origin.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    trace: TraceContext,
    trace_state: Option<&'a TraceState>,
    request: Option<&'a RequestId>,
    older_pair: bool,
}

impl<'a> Outgoing<'a> {
    /// Names `hop` as the caller.
    #[must_use]
    pub const fn of(hop: &'a Hop) -> Self {
        Self {
            trace: hop.trace,
            trace_state: hop.trace_state.as_ref(),
            request: hop.request.as_ref(),
            older_pair: false,
        }
    }

    /// Names the span of `context` as the caller; `None` when it is in no trace.
    #[must_use]
    pub fn of_context(context: &'a Context) -> Option<Self> {
        Some(Self {
            trace: *context.trace()?,
            trace_state: context.trace_state(),
            request: context.request(),
            older_pair: false,
        })
    }

    /// Writes `X-Trace-Id` and `X-Span-Id` as well, for receivers from before W3C Trace Context.
    #[must_use]
    pub const fn with_older_pair(mut self, write: bool) -> Self {
        self.older_pair = write;
        self
    }

    /// Writes the headers. What a request that is passed on still has of another trace goes: a `tracestate` beside a
    /// `traceparent` that it does not belong to, and the older pair.
    pub fn inject(&self, headers: &mut dyn Injector) {
        let text = self.trace.to_text();
        // What `to_text` gives is ASCII.
        let text = std::str::from_utf8(&text).unwrap_or_default();
        headers.set(TRACEPARENT, text);
        match self.trace_state {
            Some(state) => headers.set(TRACESTATE, state.as_str()),
            None => headers.remove(TRACESTATE),
        }
        if let Some(request) = self.request {
            headers.set(X_REQUEST_ID, request.as_str());
        }
        if self.older_pair {
            headers.set(X_TRACE_ID, text.get(3..35).unwrap_or_default());
            headers.set(X_SPAN_ID, text.get(36..52).unwrap_or_default());
        } else {
            headers.remove(X_TRACE_ID);
            headers.remove(X_SPAN_ID);
        }
    }
}
