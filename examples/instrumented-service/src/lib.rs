//! A service that leases memory, observed in three layers: see the README.

mod errors;
mod service;
mod telemetry;
mod tenants;

pub use service::router;
pub use telemetry::{config, observer};
pub use tenants::Tenants;
