//! The spans: one per request, opened with the ids that were chosen for it.
//!
//! Neither query strings nor header values nor bodies are recorded, and no path: a path may hold what nobody but the handler
//! may see. What a client made up is never in a span's name.

use counterfoil_core::SpanId;
use counterfoil_core::propagation::Hop;
use http::Version;
use tracing::Span;
use tracing::field::{DisplayValue, Empty, display};

use crate::http_method::HttpMethod;

/// Opens a span with the fields that all of ours have: the ids, the request, and what is known only at the end.
macro_rules! open {
    ($name:literal, $kind:literal, $hop:expr, $parent:expr, $span_name:expr, { $($fields:tt)* }) => {
        tracing::info_span!(
            $name,
            otel.kind = $kind,
            otel.name = %$span_name,
            trace_id = %$hop.trace.trace_id,
            span_id = %$hop.trace.span_id,
            parent_span_id = $parent,
            trace_flags = $hop.trace.flags,
            trace_state = $hop.trace_state.as_ref().map(counterfoil_core::TraceState::as_str),
            request_id = $hop.request.as_ref().map(|it| it.as_str()),
            error.type = tracing::field::Empty,
            error_code = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            $($fields)*
        )
    };
}
pub(crate) use open;

/// The span before: the caller's for whoever answers, the one around the call for whoever asks.
pub(crate) fn parent(hop: &Hop) -> Option<DisplayValue<SpanId>> {
    hop.parent.map(display)
}

pub(crate) fn http_server(
    hop: &Hop,
    method: HttpMethod,
    route: Option<&str>,
    scheme: &str,
    version: Version,
) -> Span {
    let verb = method.in_span_name();
    let name = format_args!("{verb}{}{}", space(route), route.unwrap_or(""));
    open!("http.server.request", "server", hop, parent(hop), name, {
        http.request.method = method.as_str(),
        http.route = route,
        url.scheme = scheme,
        network.protocol.version = protocol_version(version),
        http.response.status_code = Empty,
    })
}

pub(crate) fn http_client(hop: &Hop, method: HttpMethod, address: &str, port: &str) -> Span {
    open!("http.client.request", "client", hop, parent(hop), method.in_span_name(), {
        http.request.method = method.as_str(),
        server.address = address,
        server.port = (!port.is_empty()).then_some(port),
        http.response.status_code = Empty,
    })
}

pub(crate) fn rpc_server(hop: &Hop, method: &str) -> Span {
    open!("rpc.server.call", "server", hop, parent(hop), method, {
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
    })
}

pub(crate) fn rpc_client(hop: &Hop, method: &str, address: &str, port: &str) -> Span {
    open!("rpc.client.call", "client", hop, parent(hop), method, {
        rpc.system.name = "grpc",
        rpc.method = method,
        server.address = (!address.is_empty()).then_some(address),
        server.port = (!port.is_empty()).then_some(port),
        rpc.response.status_code = Empty,
    })
}

const fn space(route: Option<&str>) -> &'static str {
    if route.is_some() { " " } else { "" }
}

fn protocol_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}
