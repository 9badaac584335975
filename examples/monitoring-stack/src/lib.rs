//! The files of the monitoring stack, and what checks them without Docker.
//!
//! [`dashboards`](dashboard::all) and [rule files](rules::all) are read as Grafana and Prometheus read them. [`metric_names`] is what
//! a recipe's end-to-end test holds against a real scrape.

pub mod dashboard;
mod names;
pub mod promql;
mod read;
pub mod rules;

pub use names::{metric_names, names_in};
pub use read::{Error, root};
