//! Everything that the service answers with instead of a lease.

counterfoil::tower::error_codes! {
    /// The errors of the lease desk.
    pub(crate) CATALOGUE;
    /// Nobody knows this API key.
    UNKNOWN_KEY: "desk.unknown_key", http 401, grpc 16;
    /// More was asked for than one lease may have.
    TOO_LARGE: "lease.too_large", http 422, grpc 3;
    /// There is no such lease.
    UNKNOWN_LEASE: "lease.unknown", http 404, grpc 5;
    /// The lease could not be sealed, so it was not granted.
    NOT_SEALED: "lease.not_sealed", http 503, grpc 14;
}
