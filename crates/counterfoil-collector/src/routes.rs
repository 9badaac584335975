//! What is served over HTTP, without the sockets: handlers that find the [`Caller`](crate::Caller) in the request's extensions
//! and nowhere else.

mod guard;
pub(crate) mod ingest;
mod operate;
mod problem;
pub mod read;
mod segments;

pub use guard::{authenticated, closed, counted, limited};
pub use ingest::ingest;
pub use operate::{operator_pages, probes};
pub use problem::{ExpectedHead, PROBLEM_JSON, Problem};
