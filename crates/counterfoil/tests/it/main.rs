//! One call reaches three layers, from every kind of thread.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure is a panic in a test and in what it calls"
)]

#[cfg(all(
    feature = "audit",
    feature = "events",
    feature = "health",
    feature = "json",
    feature = "metrics",
    feature = "prometheus-http",
    feature = "tracing"
))]
mod canary;
mod context;
#[cfg(all(feature = "health", feature = "audit", feature = "metrics"))]
mod health;
#[cfg(feature = "init")]
mod init;
mod layers;
#[cfg(all(
    feature = "audit",
    feature = "events",
    feature = "tower",
    feature = "tracing"
))]
mod requests;
mod runtimes;
mod support;
mod threads;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(all(
    feature = "ed25519",
    feature = "events",
    feature = "metrics",
    feature = "witness"
))]
mod witnesses;
