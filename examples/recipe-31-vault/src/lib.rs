//! A vault of content-addressed objects, observed in three layers: see the README.

mod address;
mod alerts;
mod checks;
mod errors;
mod errors_rate;
mod keeper;
mod metrics;
mod network;
mod peer;
mod principals;
mod query;
mod replication;
mod service;
mod state;
mod store;
mod telemetry;
mod vault;

pub use address::Address;
pub use errors::CATALOGUE;
pub use metrics::TABLE;
pub use telemetry::Telemetry;
pub use vault::{PeerSettings, Settings, Vault};
