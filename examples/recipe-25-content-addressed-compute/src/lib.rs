//! A gRPC server that computes what a content address names, observed in three layers: see the README.

mod address;
mod admission;
mod blocking;
mod cache;
mod call;
mod chunks;
mod client;
mod connections;
mod engine;
mod errors;
mod flights;
mod functions;
mod ledger;
mod limits;
mod materialize;
mod metrics;
mod plan;
mod recipe;
mod rolling;
mod server;
mod service;
mod store;
mod telemetry;

pub use address::CAddr;
pub use client::connect;
pub use engine::Engine;
pub use errors::CATALOGUE;
pub use functions::{Function, Functions};
pub use limits::Limits;
pub use metrics::TABLE;
pub use recipe::{Parameters, Recipe};
pub use server::serve;
pub use service::Service;
pub use telemetry::{config, observer};

/// The messages, the client and the server of `proto/deriva.proto`.
#[allow(
    clippy::allow_attributes_without_reason,
    clippy::exhaustive_enums,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::use_self,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated"
)]
pub mod proto {
    tonic::include_proto!("deriva.v1");
}
