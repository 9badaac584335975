//! Questions to audit logs: filters, an index that can be rebuilt, replay of leases, export for SIEMs.
//!
//! **What it is.** The reading side of the audit chain, for a log directory, a file of records, and the logs that a collector
//! keeps.
//!
//! **Who should depend on it.** Whoever builds a report or a tool on sealed records. Commands and services take it through
//! `counterfoil audit` and `counterfoil-collector`.
//!
//! **What it will never do.** Judge a log: `counterfoil_audit::verify` does. Write into one.

mod error;
pub mod filter;
pub mod index;
mod lines;
mod needles;
pub mod ocsf;
mod parameters;
pub mod replay;
mod search;
pub mod source;

pub use error::{Error, ErrorKind};
pub use filter::Filter;
pub use search::Search;
pub use source::{Next, Source};
