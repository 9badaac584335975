//! Tests of the witnessed anchor store and of the witness, over loopback.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod conformance;
mod network;
mod protocol;
mod quorum;
mod split_view;
mod state;
