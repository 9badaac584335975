//! Everything that the server answers with instead of a value.

use counterfoil::tower::ErrorCode;
use tracing::Span;

/// Shows a code on a span. Only what went wrong on our side makes an error of it, as the layer around the server has it.
pub(crate) fn mark(span: &Span, code: ErrorCode) {
    let is_ours = code.http_status() >= 500;
    tracing::record_all!(
        span,
        error_code = code.as_str(),
        otel.status_code = is_ours.then_some("ERROR"),
    );
}

counterfoil::tower::error_codes! {
    /// The errors of the server.
    pub CATALOGUE;
    /// An address has 32 bytes.
    ADDRESS_INVALID: "address.invalid", http 400, grpc 3;
    /// Nothing goes by this address.
    ADDRESS_UNKNOWN: "address.unknown", http 404, grpc 5;
    /// A leaf is larger than this server takes.
    LEAF_TOO_LARGE: "leaf.too_large", http 413, grpc 3;
    /// A recipe has more inputs or parameters, or longer ones, than this server takes.
    RECIPE_TOO_LARGE: "recipe.too_large", http 413, grpc 3;
    /// This server has no function of that name and version; its status lists those that it has.
    FUNCTION_UNKNOWN: "recipe.function_unknown", http 422, grpc 9;
    /// An input of the recipe is not there; put it first.
    INPUT_MISSING: "recipe.input_missing", http 422, grpc 9;
    /// The graph below the recipe is deeper than this server takes.
    TOO_DEEP: "graph.too_deep", http 422, grpc 9;
    /// The graph below the address has more nodes, or larger values, than this server works on for one call.
    GRAPH_TOO_LARGE: "graph.too_large", http 422, grpc 8;
    /// Something that the graph needs is no longer in the store.
    GRAPH_INCOMPLETE: "graph.incomplete", http 500, grpc 15;
    /// The function refused its inputs or its parameters.
    COMPUTE_REFUSED: "compute.refused", http 422, grpc 9;
    /// The function failed.
    COMPUTE_FAILED: "compute.failed", http 500, grpc 13;
    /// What the function gave is larger than this server takes.
    OUTPUT_TOO_LARGE: "compute.output_too_large", http 422, grpc 8;
    /// The function gave something else than the first time, so that the address stands for nothing.
    NOT_DETERMINISTIC: "compute.not_deterministic", http 500, grpc 15;
    /// What is stored under the address is not what was put there.
    STORE_CORRUPT: "store.corrupt", http 500, grpc 15;
    /// The store does not answer.
    STORE_UNAVAILABLE: "store.unavailable", http 503, grpc 14;
    /// The change could not be sealed, so it was not made.
    NOT_SEALED: "audit.not_sealed", http 503, grpc 14;
    /// The message cannot be read: it is larger than this server takes, or it is none of that method.
    MESSAGE_INVALID: "message.invalid", http 400, grpc 3;
    /// The message is in an encoding that this server does not take; the answer's `grpc-accept-encoding` has those that it does.
    ENCODING_UNSUPPORTED: "message.encoding_unsupported", http 415, grpc 12;
    /// The client neither sent the rest of its message nor took the answer in the time that it has for that.
    CLIENT_STALLED: "client.stalled", http 408, grpc 4;
    /// The server failed. Whether what was to be put is there is not known; put it again, it is kept once.
    INTERNAL: "server.failed", http 500, grpc 13;
    /// As many calls as this server takes at once are under way; try again.
    BUSY: "server.busy", http 429, grpc 8;
}
