//! A platform API, its worker and its web front, observed in three layers: see the README.

mod api;
mod audit;
mod domain;
mod errors;
mod keys;
mod limits;
mod metrics;
mod ops;
mod relay;
pub mod stage;
mod store;
mod telemetry;
mod web;
mod worker;

pub use api::{Api, Settings};
pub use domain::{Allocation, AllocationState, EventType, Member, Role};
pub use errors::CATALOGUE;
pub use metrics::TABLE;
pub use store::Store;
pub use telemetry::Process;
pub use web::{Web, WebSettings};
pub use worker::{Worker, WorkerSettings};
