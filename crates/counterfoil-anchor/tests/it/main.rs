//! The integration tests of `counterfoil-anchor`, as one binary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod anchor;
#[cfg(feature = "file")]
mod file_store;
#[cfg(feature = "json")]
mod json;
mod memory_store;
