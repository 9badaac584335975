//! The collector: many producers, one verified record.
//!
//! **What it is.** It takes sealed records from many producers, verifies each chain as it arrives against its own head, refuses
//! what does not fit, keeps what does as the log of the audit specification, and answers questions about it. The daemon is
//! `counterfoil collect`.
//!
//! **Who should depend on it.** Whoever builds a collector into a program of their own, or brings storage for heads, catalogue
//! or segments.
//!
//! **What it will never do.** Sign as a log it keeps, advance a head over what does not verify, acknowledge what is not durable,
//! or take a tenant's name from anything but its credential.

#![allow(
    clippy::result_large_err,
    reason = "refusals are rare, and each says all that its asker needs to go on"
)]

pub mod auth;
pub mod body;
mod caller;
mod catalogue;
mod collector;
pub mod config;
pub mod daemon;
mod error;
mod indexing;
pub mod limits;
pub mod openapi;
mod refusal;
pub mod routes;
pub mod server;
mod storage;
pub mod tail;
mod tenant;
mod tenant_settings;
mod toml_file;

pub use caller::{Caller, Scope, Scopes};
pub use catalogue::{Catalogue, ChainEntry, FileCatalogue};
pub use collector::{
    Ack, ChainStatus, Collector, CollectorBuilder, RecordCounts, RefusedLine, StopReport, Upload,
};
pub use error::{Error, ErrorKind};
pub use refusal::{Reason, Refusal};
pub use storage::{FileStorage, SegmentStorage, StoredChain, Taken, Unfit};
pub use tenant::TenantName;
pub use tenant_settings::TenantSettings;
