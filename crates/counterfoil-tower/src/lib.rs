//! Tower layers for HTTP and gRPC: trace context, request ids, metrics, error spans and health routes.
