//! Sends Counterfoil's metrics, spans, logs, events and sealed lines over OTLP.

mod config;
mod encode;
mod exporter;
#[cfg(feature = "grpc")]
mod grpc;
mod http;
mod receiver;
mod request;
mod resource;
mod rpc_status;
mod target;
mod transport;
mod vars;

pub use config::Config;
pub use exporter::{Builder, OtlpExporter};
pub use resource::Resource;
pub use target::{Protocol, Target};

const USER_AGENT: &str = concat!("counterfoil/", env!("CARGO_PKG_VERSION"));
