//! The exporters and wrappers from the outside.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod conformance;
mod json_lines;
mod parts;
mod redacting;
mod rotation;
mod scripted;
mod wrappers;
