//! The files of the monitoring stack, and what checks them without Docker.
//!
//! [Dashboards](dashboard), [rule files](rules), the [compose file](compose) and the [collector's configuration](collector) are read
//! as their programs read them; [`check`] says what is wrong with them, with what [`promtool`] thinks. [`metric_names`] is what a
//! recipe's end-to-end test holds against a real scrape.

pub mod check;
pub mod collector;
pub mod compose;
pub mod dashboard;
pub mod lint;
mod names;
pub mod promql;
pub mod promtool;
mod read;
pub mod rules;
pub mod scrape;

pub use names::{metric_names, names_in};
pub use read::{Error, root};
