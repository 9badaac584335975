//! What our layers measure under the names of OpenTelemetry's semantic conventions: HTTP, RPC and messaging.

/// Upper bounds in seconds that the conventions advise for requests and calls.
pub const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

crate::instruments! {
    /// What is measured of HTTP requests.
    pub HTTP: prefix "http.", labels ["error.type", "http.request.method", "http.response.status_code", "http.route", "server.address", "server.port", "url.scheme"];

    /// How long requests that came in took, until the last byte of the answer or until they were given up.
    HTTP_SERVER_REQUEST_DURATION: Histogram("http.server.request.duration", "s", ["http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
    /// Requests that came in and are not answered to the end yet.
    HTTP_SERVER_ACTIVE_REQUESTS: UpDownCounter("http.server.active_requests", "{request}", ["http.request.method", "url.scheme", "http.route"]);
    /// How long requests that were sent took, until the last byte of the answer or until nobody waited for it any more.
    HTTP_CLIENT_REQUEST_DURATION: Histogram("http.client.request.duration", "s", ["http.request.method", "server.address", "server.port", "http.response.status_code", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
    /// Requests that were sent and are not answered to the end yet.
    HTTP_CLIENT_ACTIVE_REQUESTS: UpDownCounter("http.client.active_requests", "{request}", ["http.request.method", "server.address", "server.port"]);
}

crate::instruments! {
    /// What is measured of remote procedure calls.
    pub RPC: prefix "rpc.", labels ["error.type", "rpc.method", "rpc.response.status_code", "rpc.system.name", "server.address", "server.port"];

    /// How long calls that came in took, until the trailers of the answer or until they were given up.
    RPC_SERVER_CALL_DURATION: Histogram("rpc.server.call.duration", "s", ["rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
    /// How long calls that were made took, until the trailers of the answer or until nobody waited for them any more.
    RPC_CLIENT_CALL_DURATION: Histogram("rpc.client.call.duration", "s", ["rpc.system.name", "rpc.method", "server.address", "server.port", "rpc.response.status_code", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
}

crate::instruments! {
    /// What is measured of messages.
    pub MESSAGING: prefix "messaging.", labels ["error.type", "messaging.destination.name", "messaging.operation.name", "messaging.system"];

    /// Messages that were delivered to this process.
    MESSAGING_CLIENT_CONSUMED_MESSAGES: Counter("messaging.client.consumed.messages", "{message}", ["messaging.operation.name", "messaging.system", "messaging.destination.name"]);
    /// How long processing a message took.
    MESSAGING_PROCESS_DURATION: Histogram("messaging.process.duration", "s", ["messaging.operation.name", "messaging.system", "messaging.destination.name", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
    /// Messages that this process tried to send.
    MESSAGING_CLIENT_SENT_MESSAGES: Counter("messaging.client.sent.messages", "{message}", ["messaging.operation.name", "messaging.system", "messaging.destination.name", "error.type"]);
    /// How long sending a message took.
    MESSAGING_CLIENT_OPERATION_DURATION: Histogram("messaging.client.operation.duration", "s", ["messaging.operation.name", "messaging.system", "messaging.destination.name", "error.type"], bounds: REQUEST_SECONDS, ceiling: 3600.0);
}
